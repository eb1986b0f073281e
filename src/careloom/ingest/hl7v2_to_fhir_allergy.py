"""AL1, IAM and IAR as AllergyIntolerance: severity belongs to a named reaction, else it is the criticality.

Guide: AL1[AllergyIntolerance], IAM[AllergyIntolerance]. Identity: IAM-7, else patient and allergen, so that AL1 and IAM
of one allergen are one.
"""

from careloom.fhir.drafts import Resource
from careloom.hl7v2 import fields
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_parties as parties
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build
from careloom.ingest.hl7v2_to_fhir_codes import code_maps
from careloom.ingest.hl7v2_to_fhir_context import Context
from careloom.ingest.hl7v2_to_fhir_people import human_names
from careloom.ingest.hl7v2_to_fhir_plans import fill, plan
from careloom.ingest.hl7v2_to_fhir_values import Element

_CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
_ALTERNATE = "http://hl7.org/fhir/StructureDefinition/alternate-codes"
_ACTIVE = {"coding": [{"system": _CLINICAL, "code": "active", "display": "Active"}]}
_INACTIVE = "I"
# HL7 table 0438: what IAM-17 says of certainty; FHIR R4 allergyintolerance-verification.
_CERTAIN = {
    "C": "confirmed",
    "D": "unconfirmed",
    "E": "entered-in-error",
    "P": "unconfirmed",
    "S": "unconfirmed",
    "U": "unconfirmed",
}


def take_allergy(context: Context, segment: Segment) -> bool:
    """AL1 or IAM."""
    build = context.build
    out: Resource = {"resourceType": "AllergyIntolerance", "clinicalStatus": _ACTIVE}
    fill(plan(f"{segment.name}[AllergyIntolerance]"), segment, build, out)
    if "code" not in out:
        build.issue("hl7v2.segment-empty", segment.name, "an allergy without an allergen was left out")
        return True
    out["patient"] = build.patient
    kind = values.concept(build, segment.one(2)) if segment.one(2) else None
    if kind is not None and "category" in out:
        out["_category"] = [{"extension": [{"url": _ALTERNATE, "valueCodeableConcept": kind}]}]
    _severity(build, segment, out)
    if segment.name == "IAM":
        _statement(context, segment, out)
    code = fields.coded(build.read, segment.one(3))
    given = fields.entity(build.read, segment.one(7)) if segment.name == "IAM" else fields.Entity("")
    key = f"{build.patient_id}|AL1|{code.system}|{code.code or code.text.casefold()}"
    if given.value:
        key = f"{build.patient_id}|IAM|{given.authority.key}|{given.value}"
    build.put(build.once(key), out)
    context.allergy = out
    context.speak_of(out)
    return True


def _severity(build: Build, segment: Segment, out: Resource) -> None:
    maps = code_maps()
    severity = segment.value(4)
    reactions = [text for raw in segment.repetitions(5) if (text := " ".join(build.read.values(raw, 2)).strip())]
    if reactions:
        reaction: Element = {"manifestation": [{"text": text} for text in reactions]}
        grade = maps["AllergySeverity[AllergyIntolerance.reaction.severity]"].word(severity) if severity else None
        if grade is not None:
            reaction["severity"] = grade.code
        out["reaction"] = [reaction]
    elif severity:
        grade = maps["AllergySeverity[AllergyIntolerance.criticality]"].word(severity)
        if grade is not None:
            out["criticality"] = grade.code


def _statement(context: Context, iam: Segment, out: Resource) -> None:
    """IAM-6, 12, 14, 15, 17, 23 and 27: what is done with it, since when, and who says so."""
    build = context.build
    if "onsetDateTime" not in out and iam.plain(12):
        out["onsetString"] = iam.plain(12)
    certain = _CERTAIN.get(iam.value(17).upper(), "")
    if iam.value(6).upper() == "D":
        certain = "entered-in-error"
    out["clinicalStatus"] = _ACTIVE
    if iam.value(17).upper() == _INACTIVE:
        out["clinicalStatus"] = {"coding": [{"system": _CLINICAL, "code": "inactive", "display": "Inactive"}]}
    if certain == "entered-in-error":
        del out["clinicalStatus"]  # FHIR invariant ait-2
    if certain:
        out["verificationStatus"] = {"coding": [{"system": _VERIFICATION, "code": certain}]}
    more = values.concept(build, iam.one(27)) if iam.one(27) else None
    for coding in (more or {}).get("coding", ()):
        if coding not in out["code"].get("coding", ()):
            out["code"].setdefault("coding", []).append(coding)
    names = human_names(build, iam.one(14), "IAM-14") if iam.one(14) else None
    relation = iam.value(15).upper()
    if relation == "SEL":
        out["recorder"] = build.patient
    elif names and relation:
        said = values.concept(build, iam.one(15), code_maps()["Relationship"])
        person: Resource = {"resourceType": "RelatedPerson", "patient": build.patient, "name": names}
        if said is not None:
            person["relationship"] = [said]
        key = "|".join((build.patient_id, "IAM", names[0].get("family", ""), *names[0].get("given", ())))
        out["asserter"] = build.mention(key.casefold(), person)
    who = parties.practitioner(build, iam.one(23), "IAM-23") if iam.one(23) else None
    if who is not None:
        out.setdefault("recorder", who)


def take_iar(context: Context, iar: Segment) -> bool:
    """A reaction (IAR) of the allergy before it."""
    allergy, build = context.allergy, context.build
    if allergy is None:
        return False
    shown = values.concept(build, iar.one(1)) if iar.one(1) else None
    if shown is None:
        return False
    reaction: Element = {"manifestation": [shown]}
    grade = (
        code_maps()["AllergySeverity[AllergyIntolerance.reaction.severity]"].word(iar.value(2))
        if iar.value(2)
        else None
    )
    if grade is not None:
        reaction["severity"] = grade.code
    if iar.plain(4):
        reaction["note"] = [{"text": iar.plain(4)}]
    allergy.setdefault("reaction", []).append(reaction)
    return True
