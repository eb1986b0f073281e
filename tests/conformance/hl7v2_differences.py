"""Where the HL7 v2-to-FHIR guide, or FHIR, says otherwise than the other converter: the classes of the agreement test.

Each class is a rule over expected triples, with the row of the guide (mappings/segments, mappings/datatypes,
mappings/codesystems) that it follows. Most rules name an element of the expected resources; its triples are those that
vanish with it. docs/reference/hl7v2.md lists the classes.
"""

import re
from typing import Any

from tests.conformance.hl7v2_seen import AUTHORITY, ID_KINDS, OTHER, Difference, Seen, element
from tests.triples import Triple


def _names_no_system(triple: Triple, seen: Seen) -> bool:
    kind, path, value = triple
    name = value.removeprefix(AUTHORITY)
    if path != "identifier.system" or name == value or kind not in ("Organization", "Location", "Device"):
        return False
    numbers = {one[2].casefold() for one in seen.wanted if one[:2] == (kind, "identifier.value")}
    return name in numbers or name.replace("-", " ") in numbers


def _is_own_code(path: str, node: dict[str, Any], seen: Seen) -> bool:
    """A coding of a code system of the other converter's making, whose name the message does not hold."""
    system = str(node.get("system", ""))
    name = system.rsplit("/", 1)[-1]
    return system.startswith("http://example.com/") and "Identifier/" not in system and name not in seen.text


_RELIGION = "http://terminology.hl7.org/codesystem/v3-religiousaffiliation"
_TIMED = frozenset(("resourceType", "id", "meta", "collection", "request", "subject", "identifier"))


def _is_of_type(identifier: dict[str, Any], code: str) -> bool:
    return any(one.get("code") == code for one in identifier.get("type", {}).get("coding", ()))


def _is_joined(triple: Triple, seen: Seen) -> bool:
    said = " ".join(value for kind, _, value in seen.made if kind == triple[0])
    return all(part.strip() in said for part in triple[2].split("+") if part.strip())


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "a location's description is its whole path",
        "PL[Location]: description is PL.9; the path is the chain of partOf",
        lambda triple, seen: triple[:2] == ("Location", "description") and "--" in triple[2],
    ),
    Difference(
        "a namespace is its own system",
        "HD[Organization], HD[Location], HD[Device]: HD.1 is identifier[1].value, without a system",
        _names_no_system,
    ),
    Difference(
        "the kind of a universal id is a system",
        "HD[uri]: the system is HD.1, else HD.2; HD.3 tells how HD.2 is written. HL7 table 0396: L is no system",
        lambda triple, seen: triple[1].endswith("system") and triple[2].removeprefix(AUTHORITY) in ID_KINDS,
    ),
    Difference(
        "displays of HL7 table 0301",
        "UniversalIDType: the display is that of the guide's code map",
        lambda triple, seen: (
            triple[1].endswith("identifier.type.coding.display")
            and re.search("in accordance with|CEN Healthcare Coding Scheme|Improvement Program", triple[2]) is not None
        ),
    ),
    Difference(
        "the source of a message is the network address",
        "MSH[MessageHeader]: source.name is MSH-3.1; MSH-24 is the endpoint",
        lambda triple, seen: triple == ("MessageHeader", "source.name", seen.value("MSH", 24)),
    ),
    Difference(
        "the activity of a Provenance is the bare message type",
        'MSH[Provenance-Source]: activity.coding.display = "message - "+MSG.1+"^"+MSG.2+"^"+MSG.3',
        lambda triple, seen: triple[:2] == ("Provenance", "activity.coding.display"),
    ),
    Difference(
        "a degree is a suffix of the name",
        "XCN[Practitioner]: XCN.7 is qualification.code",
        lambda triple, seen: (
            triple[:2] == ("Practitioner", "name.suffix")
            and any(
                ("Practitioner", f"qualification.code.{leaf}", triple[2]) in seen.made
                for leaf in ("text", "coding.code")
            )
        ),
    ),
    Difference(
        "a social security number is a social beneficiary number",
        "PID[Patient], NK1[RelatedPerson]: SS in the US, where the system is us-ssn; SB elsewhere",
        lambda triple, seen: (
            "identifier.type.coding" in triple[1] and triple[2] in ("SB", "Social Beneficiary Identifier")
        ),
    ),
    Difference(
        "names of races and ethnicities",
        "US Core: the display is Not Hispanic or Latino; the text is what was sent, in words",
        lambda triple, seen: (
            ("us-core-ethnicity" in triple[1] and triple[2].startswith("Non Hisp"))
            or ("us-core-race" in triple[1] and triple[1].endswith("(text).valueString"))
        ),
    ),
    Difference(
        "the text of a concept is its display again",
        "CWE[CodeableConcept]: text is CWE.9, the original text",
        lambda triple, seen: (
            triple[1].endswith(".text")
            and (triple[0], f"{triple[1].removesuffix('.text')}.coding.display", triple[2]) in seen.wanted
        ),
    ),
    Difference(
        "the mother's maiden name is joined by hyphens",
        "XPN[string]: concatenated as XPN.11 says, family name last in its absence",
        lambda triple, seen: triple[1].endswith("patient-mothersMaidenName).valueString"),
    ),
    Difference(
        "extensions of its own",
        "FHIR: an extension is defined by who uses it; the guide names others or none",
        lambda triple, seen: "(http://example.com/" in triple[1] or "/v2mappings/StructureDefinition/" in triple[1],
    ),
    Difference(
        "words for who takes part in a procedure",
        "PR1[Procedure]: SNOMED CT 88189002 and 304292004 for PR1-8 and PR1-11, no function for PR1-12",
        lambda triple, seen: triple[0] == "Procedure" and triple[1].startswith("performer.function."),
    ),
    Difference(
        "the display of a site",
        "FHIR R4 location-physical-type: the display of si is Site",
        lambda triple, seen: triple == ("Location", "physicalType.coding.display", "site"),
    ),
    element(
        "identifiers without a value",
        "CX[Identifier], XON[Organization], EI[Identifier-Extension]: the value is the identifier",
        lambda path, node, seen: path.rsplit(".", 1)[-1].lower().endswith("identifier") and not node.get("value"),
    ),
    Difference(
        "identifier systems of its own",
        "the guide names none, and the sender none: IN1-36, IN2-8, IN2-10",
        lambda triple, seen: (
            triple[1].endswith("identifier.system")
            and (triple[2].startswith(f"{OTHER}sid/") or triple[2] == f"{AUTHORITY}policy-id")
        ),
    ),
    element(
        "codes of a code system of its own",
        "the guide has no such code; what it means is said in words, by a code of HL7 or by the resource",
        _is_own_code,
    ),
    Difference(
        "the receiving facility beside the receiving organization",
        "MSH[MessageHeader]: MSH-6 counts only where MSH-23 is not valued",
        lambda triple, seen: (
            triple[0] == "Organization"
            and bool(seen.value("MSH", 23))
            and triple[2].removeprefix("urn:oid:") in (seen.value("MSH", 6), seen.value("MSH", 6, 2))
        ),
    ),
    Difference(
        "a result of which only a part is there has an unknown status",
        "ObservationResultStatusCodesInterpretation leaves S open: HL7 v2.8.2 7.4.2.11 says partial, FHIR preliminary",
        lambda triple, seen: triple == ("Observation", "status", "unknown"),
    ),
    element(
        "a file is a report",
        "OBX[Observation]: OBX-5 of ED and RP is the Observation's value; a DiagnosticReport is made of OBR",
        lambda path, node, seen: path == "DiagnosticReport" and "presentedForm" in node,
    ),
    element(
        "the text of a document is observations",
        "MDM_T02: OBX[DocumentReference], the content of the document",
        lambda path, node, seen: path in ("Observation", "DiagnosticReport") and seen.value("MSH", 9) == "MDM",
    ),
    Difference(
        "the religion AME is African",
        "Religion: the guide's map has no target for AME, Christian: African Methodist Episcopal Zion",
        lambda triple, seen: "patient-religion" in triple[1] and triple[2] in ("1002", "African Religions", _RELIGION),
    ),
    Difference(
        "no object identifier begins with 9",
        "FHIR oid: urn:oid:[0-2](.digits)+; what is no OID is kept as sent",
        lambda triple, seen: re.fullmatch(r"urn:oid:[3-9].*", triple[2]) is not None,
    ),
    element(
        "the code of a discharge location is its identifier",
        "DLD[Location-Discharge]: DLD.1 is the type",
        lambda path, node, seen: (
            path == "Location.identifier" and node.get("value") == seen.value("PV1", 37).partition("&")[0]
        ),
    ),
    Difference(
        "the unit of a length of stay",
        'NM[Quantity-LengthOfStay]: unit = "days", code = "d"',
        lambda triple, seen: triple == ("Encounter", "length.unit", "d"),
    ),
    element(
        "the kind of a universal id is the kind of an identifier",
        "EI[Identifier-Extension]: EI.1 is the value; EI.4 is no type of it",
        lambda path, node, seen: (
            path.endswith(".identifier.type")
            and path.split(".")[0] not in ("Organization", "Location")
            and any(str(one.get("system", "")).endswith("v2-0301") for one in node.get("coding", ()))
        ),
    ),
    element(
        "the universal id of an entity identifier goes before its namespace",
        "HD[uri]: HD.1, and HD.2 only where HD.1 is not valued",
        lambda path, node, seen: (
            path in ("Condition.identifier", "ResearchStudy.identifier")
            and str(node.get("system", "")).startswith("urn:oid:")
        ),
    ),
    Difference(
        "the relation of a subscriber",
        "IN1[Coverage]: IN1-17 by the map Relationship, whose targets are of v3-RoleCode",
        lambda triple, seen: triple[0] == "Coverage" and triple[1].startswith("relationship.coding."),
    ),
    Difference(
        "the system of a plan type",
        "PlanId: the guide's map has no targets; the sender names no system",
        lambda triple, seen: triple[:2] == ("Coverage", "type.coding.system") and not seen.value("IN1", 15, 3),
    ),
    Difference(
        "the time of identification is the onset of the reaction",
        "AL1[AllergyIntolerance]: AL1-6 is onsetDateTime",
        lambda triple, seen: triple[:2] == ("AllergyIntolerance", "reaction.onset"),
    ),
    Difference(
        "the severity of a reaction is the criticality too",
        "AL1[AllergyIntolerance]: reaction.severity where AL1-4 is not used as criticality: AL1-5 names a reaction",
        lambda triple, seen: triple[:2] == ("AllergyIntolerance", "criticality") and bool(seen.value("AL1", 5)),
    ),
    Difference(
        "a procedure of some minutes has no end",
        "PR1[Procedure]: performedPeriod where PR1-7 is valued and PR1-5 has minutes",
        lambda triple, seen: triple[:2] == ("Procedure", "performedDateTime") and bool(seen.value("PR1", 7)),
    ),
    element(
        "an order that the schedule does not name",
        "SIU_S12: SCH[ServiceRequest], AIS[ServiceRequest] only where SCH-26 or SCH-27 is valued",
        lambda path, node, seen: (
            path == "ServiceRequest"
            and seen.value("MSH", 9) == "SIU"
            and not seen.value("SCH", 26)
            and not seen.value("SCH", 27)
        ),
    ),
    element(
        "an order of an immunization",
        "VXU_V04: ORC[ServiceRequest] only if the system wants to know about the order; ORC[Immunization] holds it",
        lambda path, node, seen: path == "ServiceRequest" and seen.value("MSH", 9) == "VXU",
    ),
    element(
        "an information sheet is an observation",
        "VXU_V04: some OBX are elements of the Immunization (here education)",
        lambda path, node, seen: (
            path == "Observation"
            and seen.value("MSH", 9) == "VXU"
            and any(one.get("code") in ("69764-9", "29768-9", "29769-7") for one in node["code"].get("coding", ()))
        ),
    ),
    element(
        "a specimen has the number of its order",
        "OBR[Specimen]: OBR-2 is at most the accession identifier; SPM-2 identifies a specimen",
        lambda path, node, seen: (
            path == "Specimen.identifier"
            and any(one.get("code") in ("PLAC", "FILL") for one in node.get("type", {}).get("coding", ()))
        ),
    ),
    element(
        "a specimen of which only the time of the order is known",
        "OBR[Specimen]: of OBR-9, OBR-10, OBR-14 and OBR-15; OBR-7 alone is the time of observation",
        lambda path, node, seen: path == "Specimen" and set(node) <= _TIMED,
    ),
    Difference(
        "a point of care is a level",
        "PL[Location]: the guide leaves the type of PL.1 open (extension??-poc); FHIR has area",
        lambda triple, seen: triple == ("Location", "physicalType.coding.code", "lvl"),
    ),
    Difference(
        "a note to a place is its other name",
        "SIU_S12: NTE after AIL is not mapped; Location.alias is a name",
        lambda triple, seen: triple[:2] == ("Location", "alias"),
    ),
    Difference(
        "the reason of an appointment is its type",
        "SCH[Appointment]: SCH-7 of HL70276 is the reason, SCH-8 of HL70277 the type",
        lambda triple, seen: triple[0] == "Appointment" and triple[1].startswith("appointmentType."),
    ),
    Difference(
        "where a patient is",
        "PV1[Encounter]: PV1-3 is planned for class P; PV1-42 is reserved",
        lambda triple, seen: (
            triple[:2] == ("Encounter", "location.status")
            and (
                (triple[2] == "active" and seen.value("PV1", 2) == "P")
                or (triple[2] == "planned" and bool(seen.value("PV1", 42) or seen.value("PV1", 42, 4)))
            )
        ),
    ),
    element(
        "the UDI of a device is its identifier",
        "PRT[Device]: PRT-16 is udiCarrier.deviceIdentifier",
        lambda path, node, seen: path == "Device.identifier" and node.get("value") in seen.parts("PRT", 16),
    ),
    element(
        "the group number of an order is a number of the order",
        "ORC[ServiceRequest]: ORC-4 is requisition; EIP.2 is an identifier of type FGN",
        lambda path, node, seen: (
            path in ("ServiceRequest.identifier", "DiagnosticReport.identifier")
            and (_is_of_type(node, "PGN") or node.get("value") in seen.parts("ORC", 4))
        ),
    ),
    Difference(
        "several texts are one, joined by plus signs",
        "the guide asks for each text; they are a line each",
        lambda triple, seen: "+" in triple[2] and _is_joined(triple, seen),
    ),
    Difference(
        "an account or patient that another replaces is a linkage",
        "MRG[Account]; FHIR R4: Patient.link",
        lambda triple, seen: triple[0] == "Linkage",
    ),
    Difference(
        "the route of administration in the sender's words",
        "RouteOfAdministration: the guide's map gives the target and its display",
        lambda triple, seen: triple[1].endswith("route.coding.display"),
    ),
    Difference(
        "units of a system that is no system of units",
        "CWE[Quantity]: CWE.3 as sent; ISO 3986 is no code system, ISO is not UCUM",
        lambda triple, seen: triple[1].endswith("Quantity.system") and triple[2] == "urn:iso:std:iso:3986",
    ),
    Difference(
        "who entered or carried out an order is a role",
        "ORC[Provenance]: ORC-10, ORC-11 and ORC-19 are agents",
        lambda triple, seen: triple[0] == "PractitionerRole" and triple[2] in ("IP", "Initiating Provider"),
    ),
)
