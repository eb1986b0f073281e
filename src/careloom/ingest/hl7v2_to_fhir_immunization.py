"""RXA of VXU as an Immunization, with what its OBX say of it.

Guide: ORC[Immunization], RXA[Immunization], RXR[Immunization]; of the OBX that follow, the guide leaves open which are
elements of the Immunization: those are named by their LOINC code after the CDC implementation guide for immunization
messaging (HL7 v2.5.1, release 1.5, table of OBX-3), which the senders of VXU follow.
"""

from careloom.fhir.drafts import Resource
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_parties as parties
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import absent, unknown_concept
from careloom.ingest.hl7v2_to_fhir_codes import code_maps
from careloom.ingest.hl7v2_to_fhir_context import Context
from careloom.ingest.hl7v2_to_fhir_dose import amount
from careloom.ingest.hl7v2_to_fhir_order import order_key, order_numbers
from careloom.ingest.hl7v2_to_fhir_people import address
from careloom.ingest.hl7v2_to_fhir_places import location, named_location
from careloom.ingest.hl7v2_to_fhir_plans import fill, plan
from careloom.ingest.hl7v2_to_fhir_values import Element

# CDC implementation guide 1.5, NIP001: 00 is a new record; 01 to 08 come from somebody else's record.
_NEW = "00"
_NOT_GIVEN = "998"  # CVX: no vaccine administered; the OBX that follow tell why
_UNKNOWN_AMOUNT = 999  # CDC implementation guide 1.5, RXA-6: the amount is not known
_FUNDING, _ELIGIBILITY = "30963-3", "64994-7"
_DOCUMENT, _PUBLISHED, _PRESENTED, _VACCINE = "69764-9", "29768-9", "29769-7", "30956-7"
_DOSE_NUMBER, _SERIES = "30973-2", "59782-3"


def take_immunization(context: Context, rxa: Segment) -> bool:
    """RXA, with the ORC before it."""
    build, orc = context.build, context.orc
    context.end_results()
    code = f"RXA|{rxa.value(5)}|{rxa.value(3)[:8]}"
    key = order_key(build, orc, rxa, code)
    out: Resource = {"resourceType": "Immunization"}
    numbers = order_numbers(build, orc, None)
    if numbers:
        out["identifier"] = numbers
    _status(rxa, out)
    fill(plan("RXA[Immunization]"), rxa, build, out)
    out.setdefault("vaccineCode", unknown_concept())
    out["patient"] = build.patient
    if build.visit is not None:
        out["encounter"] = build.visit
    if "occurrenceDateTime" not in out:
        out["occurrenceString"] = "unknown"
    dose = amount(build, rxa, 6, 7) if rxa.value(6) != str(_UNKNOWN_AMOUNT) else None
    if dose is not None:
        out["doseQuantity"] = dose
    _source(context, rxa, out)
    _people(context, orc, rxa, out)
    if orc is not None and rxa.value(21) == "A":
        entered = build.date_time(rxa.value(22), "RXA-22")
        if entered is not None:
            out["recorded"] = entered
    if orc is not None and "recorded" not in out:
        ordered = build.date_time(orc.value(9), "ORC-9")
        if ordered is not None:
            out["recorded"] = ordered
    context.begin_order(out, build.put(key, out))
    return True


def _status(rxa: Segment, out: Resource) -> None:
    completion = code_maps()["CompletionStatus"].targets.get(rxa.value(20).upper())
    if rxa.value(21) == "D":
        out["status"] = "entered-in-error"
    elif rxa.value(5) == _NOT_GIVEN or rxa.value(20).upper() == "RE":
        out["status"] = "not-done"
    else:
        out["status"] = completion.code if completion is not None else "completed"


def _source(context: Context, rxa: Segment, out: Resource) -> None:
    """RXA-9: whether the record is the giver's own, and else where it comes from."""
    for raw in rxa.repetitions(9):
        code = context.build.read.values(raw, 3)
        if code[2].upper() != "NIP001" and code[0] != _NEW:
            if any(code):
                out.setdefault("note", []).append({"text": code[1] or code[0]})
            continue
        out["primarySource"] = code[0] == _NEW
        origin = values.concept(context.build, raw)
        if origin is not None:
            out["reportOrigin"] = origin


def _people(context: Context, orc: Segment | None, rxa: Segment, out: Resource) -> None:
    build = context.build
    for segment, number, code, display in (
        (orc, 12, "OP", "Ordering Provider"),
        (rxa, 10, "AP", "Administering Provider"),
    ):
        for raw in segment.repetitions(number) if segment is not None else ():
            who = parties.practitioner(build, raw, f"{segment.name}-{number}" if segment is not None else "")
            if who is not None:
                function = parties.provider_role(code, display)
                out.setdefault("performer", []).append({"function": function, "actor": who})
    where = location(build, rxa.one(27), "RXA-27") if rxa.one(27) else None
    if where is not None and rxa.one(28):
        held = build.known("Location", where["reference"].partition("/")[2])
        at = address(build, rxa.one(28), "RXA-28")
        if held is not None and at is not None:
            held.setdefault("address", at)
    if where is None:
        name = build.read.leaves(build.read.parts(rxa.one(11))[3])[0] if len(build.read.parts(rxa.one(11))) > 3 else ""
        where = named_location(build, name, rxa.one(28), "RXA-28")
    if where is not None:
        out["location"] = where


def take_observation(context: Context, obx: Segment) -> bool:
    """An OBX under an RXA that is an element of the Immunization; False where it is an Observation."""
    order = context.order
    if order is None or order["resourceType"] != "Immunization":
        return False
    build = context.build
    code = obx.value(3)
    if code in (_FUNDING, _ELIGIBILITY):
        found = values.concept(build, obx.one(5)) if obx.one(5) else None
        if found is None:
            return False
        if code == _FUNDING:
            order["fundingSource"] = found
        else:
            order.setdefault("programEligibility", []).append(found)
        return True
    if code in (_DOCUMENT, _PUBLISHED, _PRESENTED, _VACCINE):
        return _education(context, code, obx, order)
    if code in (_DOSE_NUMBER, _SERIES):
        number = values.positive(obx.value(5))
        if number is None:
            return False
        protocol = order.setdefault("protocolApplied", [{}])[0]
        protocol["doseNumberPositiveInt" if code == _DOSE_NUMBER else "seriesDosesPositiveInt"] = number
        protocol.setdefault("doseNumberString", "unknown") if "doseNumberPositiveInt" not in protocol else None
        if "doseNumberPositiveInt" in protocol:
            protocol.pop("doseNumberString", None)
        return True
    return False


def _education(context: Context, code: str, obx: Segment, order: Resource) -> bool:
    """The information sheet: its type, and when it was published and presented; lines of one OBX-4 are one sheet."""
    build = context.build
    sheets: list[Element] = order.setdefault("education", [])
    mark = f"VIS {obx.value(4)}"
    sheet = context.sheets.get(mark)
    if sheet is None:
        sheet = context.sheets[mark] = {}
        sheets.append(sheet)
    if code in (_DOCUMENT, _VACCINE):
        text = " ".join(part for part in (obx.value(5, 2), obx.value(5)) if part)
        if text:
            sheet.setdefault("documentType", text)
    else:
        name = "publicationDate" if code == _PUBLISHED else "presentationDate"
        when = build.date_time(obx.value(5), "OBX-5")
        if when is not None:
            sheet[name] = when
    if not sheet:
        sheets.remove(sheet)
        del context.sheets[mark]
    elif "documentType" not in sheet:
        sheet.setdefault("_documentType", {"extension": [absent()]})
    if "documentType" in sheet:
        sheet.pop("_documentType", None)
    if not sheets:
        del order["education"]
    return bool(sheet)
