"""PRB, GOL and PTH: problems as Condition, goals as Goal, pathways as CarePlan.

The guide has no table for them: fields by their meaning, HL7 v2.8.2 12.4.1 to 12.4.3, codes after FHIR R4. Identity:
PRB-4, GOL-4, PTH-3 within the patient, else the code and when it was established.
"""

from careloom.fhir.drafts import Resource
from careloom.hl7v2 import fields
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_parties as parties
from careloom.ingest.hl7v2_to_fhir_build import Build, unknown_concept
from careloom.ingest.hl7v2_to_fhir_codes import code_maps
from careloom.ingest.hl7v2_to_fhir_context import Context
from careloom.ingest.hl7v2_to_fhir_plans import fill, plan
from careloom.ingest.hl7v2_to_fhir_values import Element

_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFIED = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_ASSERTED = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
# HL7 v2.8.2, table 0287: problem/goal action code.
_DELETED = "DE"
_CATEGORY = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/condition-category",
            "code": "problem-list-item",
            "display": "Problem List Item",
        }
    ]
}


def _key(build: Build, segment: Segment, number: int, code: int, when: int) -> str:
    given = fields.entity(build.read, segment.one(number))
    if given.value:
        return f"{build.patient_id}|{segment.name}|{given.authority.key}|{given.value}"
    what = segment.value(code) or segment.value(code, 2).casefold()
    return build.once(f"{build.patient_id}|{segment.name}|{what}|{segment.value(when)}")


def take_prb(context: Context, prb: Segment) -> bool:
    """A problem of the patient's problem list."""
    build = context.build
    out: Resource = {"resourceType": "Condition"}
    fill(plan("PRB[Condition]"), prb, build, out)
    if "code" not in out:
        build.issue("hl7v2.segment-empty", "PRB", "a problem without a code was left out")
        return True
    if prb.value(1).upper() == _DELETED:
        out["verificationStatus"] = _coded(_VERIFIED, "entered-in-error", "Entered in Error")
    else:
        _verification(prb, out)
        _clinical(build, prb, out)
    out["category"] = [_CATEGORY]
    out["subject"] = build.patient
    if build.visit is not None:
        out["encounter"] = build.visit
    onset = build.date_time(prb.value(16), "PRB-16")
    if onset is not None:
        out["onsetDateTime"] = onset
    elif prb.plain(17):
        out["onsetString"] = prb.plain(17)
    abated = build.date_time(prb.value(9), "PRB-9")
    if abated is not None and out.get("clinicalStatus") is not None:
        _end(out, abated)
    stated = build.date_time(prb.value(7), "PRB-7")
    if stated is not None:
        out.setdefault("extension", []).append({"url": _ASSERTED, "valueDateTime": stated})
    context.problem = out
    context.request = build.put(_key(build, prb, 4, 3, 2), out)
    context.speak_of(out)
    return True


def _coded(system: str, code: str, display: str) -> Element:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _verification(prb: Segment, out: Resource) -> None:
    found = code_maps()["ProblemConfirmation"].word(prb.value(13) or prb.value(13, 2)) if prb.one(13) else None
    if found is not None:
        out["verificationStatus"] = _coded(_VERIFIED, found.code, found.display)


def _clinical(build: Build, prb: Segment, out: Resource) -> None:
    word = prb.value(14) or prb.value(14, 2)
    found = code_maps()["ProblemLifecycle"].word(word) if word else None
    if found is None and word:
        build.issue("hl7v2.code-unknown", "PRB-14", "the life cycle status is not known; the end date decides")
    ended = build.moment(prb.value(9), "PRB-9") is not None
    if found is None:
        found = code_maps()["ProblemLifecycle"].targets["resolved" if ended else "active"]
    out["clinicalStatus"] = _coded(_CLINICAL, found.code, found.display)


def _end(out: Resource, abated: str) -> None:
    """FHIR invariant con-4: what has ended is inactive, resolved or in remission."""
    code = out["clinicalStatus"]["coding"][0]["code"]
    if code in ("active", "recurrence", "relapse"):
        return
    out["abatementDateTime"] = abated


def take_gol(context: Context, gol: Segment) -> bool:
    """A goal; it addresses the problem that stands before it."""
    build = context.build
    out: Resource = {"resourceType": "Goal"}
    maps = code_maps()
    state = maps["GoalLifecycle"].word(gol.value(18) or gol.value(18, 2)) if gol.one(18) else None
    out["lifecycleStatus"] = state.code if state is not None else "active"
    if gol.value(1).upper() == _DELETED:
        out["lifecycleStatus"] = "entered-in-error"
    fill(plan("GOL[Goal]"), gol, build, out)
    out.setdefault("description", unknown_concept())
    out["subject"] = build.patient
    due = build.date(gol.value(8), "GOL-8")
    if due is not None:
        out["target"] = [{"dueDate": due}]
    if context.problem is not None and context.request is not None:
        out["addresses"] = [context.request]
    build.put(_key(build, gol, 4, 3, 2), out)
    context.speak_of(out)
    return True


def take_pth(context: Context, pth: Segment) -> bool:
    """A pathway: the care plan for the problem or goal that stands before it."""
    build = context.build
    out: Resource = {"resourceType": "CarePlan"}
    state = code_maps()["PathwayLifecycle"].word(pth.value(5) or pth.value(5, 2)) if pth.one(5) else None
    out["status"] = state.code if state is not None else "active"
    if pth.value(1).upper() == _DELETED:
        out["status"] = "entered-in-error"
    out["intent"] = "plan"
    fill(plan("PTH[CarePlan]"), pth, build, out)
    out["subject"] = build.patient
    if build.visit is not None:
        out["encounter"] = build.visit
    if context.problem is not None and context.request is not None:
        out["addresses"] = [context.request]
    context.plan = out
    build.put(_key(build, pth, 3, 2, 4), out)
    context.speak_of(out)
    return True


def take_var(context: Context, var: Segment) -> bool:
    """A variance: a note of what stands before it, with who says so and when."""
    target = context.holder
    words = "\n".join(
        text for raw in var.repetitions(6) if (text := " ".join(context.build.read.values(raw, 2)).strip())
    )
    if target is None or not words or target["resourceType"] not in ("Condition", "Goal", "CarePlan"):
        return False
    build = context.build
    note: Element = {}
    who = parties.practitioner(build, var.one(4), "VAR-4") if var.one(4) else None
    if who is not None:
        note["authorReference"] = who
    when = build.date_time(var.value(2), "VAR-2")
    if when is not None:
        note["time"] = when
    target.setdefault("note", []).append({**note, "text": words})
    return True
