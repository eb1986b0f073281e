"""Invariants of clinical and administrative resources, compiled by hand from the StructureDefinitions."""

from typing import Any

from careloom.fhir.invariants_datatypes import UCUM
from careloom.fhir.moments import order
from careloom.fhir.rules import Node, Rule, along, at_most, coded, count, distinct, has, has_choice, nodes

_THO = "http://terminology.hl7.org/CodeSystem/"
_ALLERGY_VERIFICATION = _THO + "allergyintolerance-verification"
_CONDITION_VERIFICATION = _THO + "condition-ver-status"
_CONDITION_CLINICAL = _THO + "condition-clinical"


def _one_of(path: str, key: str, *names: str) -> Rule:
    """At least one of the named elements."""
    return Rule(path, key, lambda n: count(n, *names) > 0)


def _not_both(path: str, key: str, name: str, other: str) -> Rule:
    return Rule(path, key, lambda n: not (has(n, name) and has(n, other)))


def _allergy_entered_in_error(node: Node) -> bool:
    return coded(node, "verificationStatus", _ALLERGY_VERIFICATION, "entered-in-error")


def _appointment_status(node: Node) -> bool:
    return (has(node, "start") and has(node, "end")) or node.get("status") in ("proposed", "cancelled", "waitlist")


def _condition_abatement(node: Node) -> bool:
    return not has_choice(node, "abatement") or coded(
        node, "clinicalStatus", _CONDITION_CLINICAL, "resolved", "remission", "inactive"
    )


def _condition_error(node: Node) -> bool:
    return not coded(node, "verificationStatus", _CONDITION_VERIFICATION, "entered-in-error")


def _observation_component(node: Node) -> bool:
    codes = {(c.get("system"), c.get("code")) for c in along(node, "code", "coding") if isinstance(c, dict)}
    parts = along(node, "component", "code", "coding")
    return not has_choice(node, "value") or not any(
        isinstance(c, dict) and c.get("code") is not None and (c.get("system"), c.get("code")) in codes for c in parts
    )


def _percent(node: Node) -> bool:
    bounds = node.get("probabilityRange")
    if not isinstance(bounds, dict):
        return True
    return all(
        b.get("code") == "%" and b.get("system") == UCUM for b in (*nodes(bounds, "low"), *nodes(bounds, "high"))
    )


def _probability(node: Node) -> bool:
    value: Any = node.get("probabilityDecimal")
    return not isinstance(value, (int, float)) or value <= 100


def _parameter(node: Node) -> bool:
    value, resource, part = has_choice(node, "value"), has(node, "resource"), has(node, "part")
    return (part and not value and not resource) or (not part and value != resource)


def _not_home(path: str, key: str, name: str) -> Rule:
    return Rule(path, key, lambda n: all(item.get("use") != "home" for item in nodes(n, name)), (name,))


def _task_dates(node: Node) -> bool:
    return order(node.get("authoredOn"), node.get("lastModified")) <= 0


def _stratum(node: Node) -> bool:
    return all(
        isinstance(s, dict) and has(s, "value") != has(s, "component")
        for s in along(node, "group", "stratifier", "stratum")
    )


def _dispense_times(node: Node) -> bool:
    return order(node.get("whenPrepared"), node.get("whenHandedOver")) <= 0


RULES: tuple[Rule, ...] = (
    Rule(
        "AllergyIntolerance",
        "ait-1",
        lambda n: has(n, "clinicalStatus") or _allergy_entered_in_error(n),
        ("resourceType",),
    ),
    Rule("AllergyIntolerance", "ait-2", lambda n: not _allergy_entered_in_error(n), ("clinicalStatus",)),
    _one_of("Appointment.participant", "app-1", "type", "actor"),
    Rule("Appointment", "app-2", lambda n: has(n, "start") == has(n, "end")),
    Rule("Appointment", "app-3", _appointment_status, ("status",)),
    Rule("Appointment", "app-4", lambda n: n.get("status") in ("no-show", "cancelled"), ("cancelationReason",)),
    _one_of("AppointmentResponse", "apr-1", "participantType", "actor"),
    _not_both("AuditEvent.entity", "sev-1", "name", "query"),
    _not_both("CarePlan.activity", "cpl-3", "detail", "reference"),
    Rule(
        "CoverageEligibilityResponse.insurance.item", "ces-1", lambda n: count(n, "category", "productOrService") == 1
    ),
    _one_of("Composition.section", "cmp-1", "text", "entry", "section"),
    _not_both("Composition.section", "cmp-2", "emptyReason", "entry"),
    _one_of("Condition.stage", "con-1", "summary", "assessment"),
    _one_of("Condition.evidence", "con-2", "code", "detail"),
    Rule("Condition", "con-4", _condition_abatement, ("abatement[x]",)),
    Rule("Condition", "con-5", _condition_error, ("clinicalStatus",)),
    _one_of("Consent", "ppc-1", "policy", "policyRule"),
    Rule("FamilyMemberHistory", "fhs-1", lambda n: not (has_choice(n, "age") and has_choice(n, "born"))),
    Rule("FamilyMemberHistory", "fhs-2", lambda n: has_choice(n, "age") or not has(n, "estimatedAge")),
    Rule("Goal.target", "gol-1", lambda n: not has_choice(n, "detail") or has(n, "measure")),
    Rule("Group", "grp-1", lambda n: n.get("actual") is True, ("member",)),
    _one_of("Immunization.education", "imm-1", "documentType", "reference"),
    _one_of("ImmunizationRecommendation.recommendation", "imr-1", "vaccineCode", "targetDisease"),
    _one_of("InsurancePlan", "ipn-1", "identifier", "name"),
    Rule("Linkage", "lnk-1", lambda n: not at_most(1, along(n, "item")), ("item",)),
    _not_both("List", "lst-1", "emptyReason", "entry"),
    Rule(
        "List",
        "lst-2",
        lambda n: n.get("mode") == "changes" or not any(has(e, "deleted") for e in nodes(n, "entry")),
        ("entry",),
    ),
    Rule(
        "List",
        "lst-3",
        lambda n: n.get("mode") == "working" or not any(has(e, "date") for e in nodes(n, "entry")),
        ("entry",),
    ),
    Rule("MeasureReport", "mrp-1", lambda n: n.get("type") != "data-collection", ("group",)),
    Rule("MeasureReport", "mrp-2", _stratum, ("group",)),
    Rule("MedicationAdministration.dosage", "mad-1", lambda n: has(n, "dose") or has_choice(n, "rate")),
    Rule("MedicationDispense", "mdd-1", _dispense_times, ("whenHandedOver",)),
    Rule("MolecularSequence", "msq-3", lambda n: n["coordinateSystem"] in (0, 1), ("coordinateSystem",)),
    Rule("MolecularSequence.referenceSeq", "msq-5", lambda n: has(n, "chromosome") == has(n, "genomeBuild")),
    Rule(
        "MolecularSequence.referenceSeq",
        "msq-6",
        lambda n: count(n, "genomeBuild", "referenceSeqId", "referenceSeqPointer", "referenceSeqString") == 1,
    ),
    Rule("Observation.referenceRange", "obs-3", lambda n: count(n, "low", "high", "text") > 0),
    Rule("Observation", "obs-6", lambda n: not has(n, "dataAbsentReason") or not has_choice(n, "value")),
    Rule("Observation", "obs-7", _observation_component, ("component",)),
    _one_of("Organization", "org-1", "identifier", "name"),
    _not_home("Organization", "org-2", "address"),
    _not_home("Organization", "org-3", "telecom"),
    Rule("Parameters.parameter", "inv-1", _parameter),
    _one_of("Patient.contact", "pat-1", "name", "telecom", "address", "organization"),
    _not_both("QuestionnaireResponse.item", "qrs-1", "answer", "item"),
    Rule("RequestGroup.action", "rqg-1", lambda n: has(n, "resource") != has(n, "action")),
    Rule("RiskAssessment.prediction", "ras-1", _percent, ("probabilityRange",)),
    Rule("RiskAssessment.prediction", "ras-2", _probability, ("probabilityDecimal",)),
    Rule("ServiceRequest", "prr-1", lambda n: not has(n, "orderDetail") or has(n, "code")),
    Rule("Task", "inv-1", _task_dates, ("lastModified",)),
    Rule(
        "NamingSystem",
        "nsd-1",
        lambda n: n.get("kind") != "root" or all(u.get("type") != "uuid" for u in nodes(n, "uniqueId")),
        ("kind",),
    ),
    Rule(
        "NamingSystem",
        "nsd-2",
        lambda n: distinct(u.get("type") for u in nodes(n, "uniqueId") if u.get("preferred") is True),
        ("uniqueId",),
    ),
)
