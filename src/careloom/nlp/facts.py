"""What notes say of one patient, as one set of facts beside the record: agree, new, conflict.

Facts of several notes with one key are one fact. The newest note says what it is; a note that says the contrary of a
newer one is outvoted, and what only an older one knows (an onset, a site) is kept.

Against the record, which holds what systems sent:

    agree     the record says so already, in one of the same codes or words: nothing is written
    new       the record says nothing of it
    conflict  the record says otherwise: reported, and neither written nor overwritten

    type                 the record says so                      the record says otherwise
    Condition            same code, or one a part of the other   refuted, or resolved before the note; or active, and
                                                                 the note, which is newer, says that it is not so
    AllergyIntolerance   same code or words                      refuted; or active, and the note says that it is not so
    MedicationStatement  same code or drug                       the note says it is not taken, the record that it is;
                                                                 or the record's had ended before the note
    Observation          same code, day and value                same code and day, no such value
    Procedure            same code, no other day                 never
    FamilyMemberHistory, AdverseEvent: same relative or event; never in conflict
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from careloom.fhir.drafts import Resource
from careloom.nlp.to_fhir import together
from careloom.nlp.to_fhir_view import Fact
from careloom.terminology.systems import ICD_10_CM, SNOMED_CT
from careloom.terminology.ucum import UnitError, convert

Json = dict[str, Any]
Outcome = Literal["new", "agree", "conflict", "refuted"]
_TAKEN = frozenset({"active", "intended", "on-hold"})
_ENDED = frozenset({"completed", "stopped", "cancelled"})
_NEAR = 0.005
"""Share by which two values of one test may differ and be the same: rounding."""
_SMOKES = {
    "266919005": ("never", "none"),
    "8517006": ("past", "none"),
    "77176002": ("current",),
    "449868002": ("current",),
    "428041000124106": ("current",),
    "428071000124103": ("current",),
    "428061000124105": ("current",),
}
"""SNOMED CT codes of smoking status in records -> statuses of notes that say so (`careloom.nlp.social`). Source: the
value set Smoking Status (2.16.840.1.113883.11.20.9.38) of US Core; what it calls unknown says nothing."""
_DRUGS = ("MedicationStatement", "MedicationRequest")
_SAME_TYPE = {"MedicationStatement": _DRUGS}
RECORD_TYPES = (
    "Condition",
    "AllergyIntolerance",
    "FamilyMemberHistory",
    "MedicationStatement",
    "MedicationRequest",
    "AdverseEvent",
    "Observation",
    "Procedure",
)
"""Types of the record that facts are held against."""


@dataclass(frozen=True, slots=True)
class Sourced:
    """A fact and the note that says so.

    note  reference of the note
    time  when it was written, ISO 8601; empty where nobody said
    """

    fact: Fact
    note: str
    time: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of one fact of a patient.

    fact     as the notes together say it
    sources  the notes that say so, the newest first
    outcome  ``refuted``: notes say that it is not so, and the record does not say that it is
    against  reference of the record's resource that agrees or says otherwise; empty for what is new
    reason   why it is a conflict: ``verification``, ``status``, ``value``; empty for others
    """

    fact: Fact
    sources: tuple[Sourced, ...]
    outcome: Outcome
    against: str = ""
    reason: str = ""


def decided(notes: Iterable[Sourced], record: Sequence[Resource]) -> list[Decided]:
    """Each fact of a patient once, in order of its key, and what it is to the record.

    record  what is known of the patient from elsewhere, of `RECORD_TYPES`; facts from notes are none of it
    """
    groups: dict[str, list[Sourced]] = {}
    for one in notes:
        groups.setdefault(one.fact.key, []).append(one)
    found = [_one(groups[key]) for key in sorted(groups)]
    held = _by_type(record)
    return [_against_record(fact, sources, held) for fact, sources in found]


def _one(sources: list[Sourced]) -> tuple[Fact, tuple[Sourced, ...]]:
    """One fact of what several notes say, and those that say the same, the newest first."""
    ordered = sorted(sources, key=lambda one: (one.time, one.note), reverse=True)
    newest = ordered[0]
    same = [one for one in ordered if (one.fact.standing == "refuted") == (newest.fact.standing == "refuted")]
    fact = newest.fact
    for one in same[1:]:
        joined = together(replace(fact, standing="confirmed"), replace(one.fact, standing="confirmed"))
        fact = replace(joined, standing=fact.standing, annotations=fact.annotations)
    return fact, tuple(same)


def _by_type(record: Sequence[Resource]) -> dict[str, list[Resource]]:
    held: dict[str, list[Resource]] = {}
    for one in record:
        held.setdefault(one["resourceType"], []).append(one)
    return held


def _against_record(fact: Fact, sources: tuple[Sourced, ...], held: dict[str, list[Resource]]) -> Decided:
    kind = fact.resource["resourceType"]
    same = [one for name in _SAME_TYPE.get(kind, (kind,)) for one in held.get(name, ()) if _is_same(fact.resource, one)]
    verdicts = [(_verdict(fact, one, sources[0].time), one) for one in same]
    for wanted in ("agree", "conflict"):
        for (outcome, reason), one in verdicts:
            if outcome == wanted:
                return Decided(fact, sources, outcome, f"{one['resourceType']}/{one['id']}", reason)
    return Decided(fact, sources, "refuted" if fact.standing == "refuted" else "new")


def _verdict(fact: Fact, known: Resource, time: str) -> tuple[Outcome, str]:
    """What one resource of the record says of the same thing; ``new`` where it says nothing of that time."""
    kind = fact.resource["resourceType"]
    if kind in ("Condition", "AllergyIntolerance"):
        return _of_status(fact, known, time)
    if kind == "MedicationStatement":
        return _of_drug(fact, known, time)
    if kind == "Observation":
        return _of_value(fact.resource, known)
    if kind == "Procedure":
        days = [one.get("performedDateTime", "")[:10] for one in (fact.resource, known)]
        return ("agree", "") if not all(days) or days[0] == days[1] else ("new", "")
    return "agree", ""


def _of_status(fact: Fact, known: Resource, time: str) -> tuple[Outcome, str]:
    verification = _code(known, "verificationStatus")
    status = _code(known, "clinicalStatus")
    is_denied = verification in ("refuted", "entered-in-error")
    if fact.standing == "refuted":
        if is_denied:
            return "agree", ""
        is_older = _day(known, "recordedDate", "onsetDateTime") <= time[:10]
        return ("conflict", "verification") if status == "active" and is_older else ("refuted", "")
    if is_denied:
        return "conflict", "verification"
    ended = _day(known, "abatementDateTime")
    if _code(fact.resource, "clinicalStatus") == "active" and status in ("resolved", "inactive", "remission"):
        return ("conflict", "status") if ended and time and ended < time[:10] else ("agree", "")
    return "agree", ""


def _of_drug(fact: Fact, known: Resource, time: str) -> tuple[Outcome, str]:
    status = known.get("status", "")
    if status in ("entered-in-error", "draft", "unknown"):
        return "new", ""
    if fact.standing == "refuted":
        return ("conflict", "status") if status in _TAKEN else ("agree", "")
    period = known.get("effectivePeriod") or known.get("dispenseRequest", {}).get("validityPeriod") or {}
    ended = str(period.get("end", ""))[:10]
    if fact.resource["status"] == "active" and status in _ENDED and ended and time and ended < time[:10]:
        return "conflict", "status"
    return "agree", ""


def _of_value(fact: Resource, known: Resource) -> tuple[Outcome, str]:
    day = _day(fact, "effectiveDateTime")
    if not day or day != _day(known, "effectiveDateTime", "effectiveInstant"):
        return "new", ""
    mine, theirs = list(_values(fact)), list(_values(known))
    if not mine or not theirs:
        return "new", ""
    is_same = all(any(_is_value(one, other) for other in theirs) for one in mine)
    return ("agree", "") if is_same else ("conflict", "value")


def _values(resource: Resource) -> Iterator[Any]:
    """Values of it and of its coded components; those in words alone (adverse, amount) are a note's remarks."""
    for part in (resource, *(one for one in resource.get("component", ()) if _codes(one.get("code")))):
        for name in ("valueQuantity", "valueString", "valueCodeableConcept"):
            if name in part:
                yield part[name]


def _is_value(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict) and "value" in one and "value" in other:
        try:
            units = [str(each.get("code") or each.get("unit") or "1") for each in (one, other)]
            value = float(convert(one["value"], units[0], units[1]))
        except (UnitError, ValueError):
            value = float(one["value"])
        return abs(value - float(other["value"])) <= _NEAR * abs(float(other["value"]))
    if _codes(one) & _codes(other) or _names(one) & _names(other):
        return True
    smokes = [status for system, code in _codes(other) if system == SNOMED_CT for status in _SMOKES.get(code, ())]
    return any(name.split()[0] in smokes for name in _names(one))


def _is_same(fact: Resource, known: Resource) -> bool:
    """True where both name one thing: by a code, by an ICD-10-CM code that is a part of the other, or by words."""
    if fact["resourceType"] == "AdverseEvent":
        return _meets(fact.get("event"), known.get("event"))
    if fact["resourceType"] == "FamilyMemberHistory":
        return _meets(fact.get("relationship"), known.get("relationship")) and _share_condition(fact, known)
    return _meets(_subject_of(fact), _subject_of(known))


def _share_condition(fact: Resource, known: Resource) -> bool:
    theirs = [one.get("code") for one in known.get("condition", ())]
    return all(any(_meets(one.get("code"), other) for other in theirs) for one in fact.get("condition", ()))


def _subject_of(resource: Resource) -> Any:
    return resource.get("medicationCodeableConcept") or resource.get("code")


def _meets(one: Any, other: Any) -> bool:
    mine, theirs = _codes(one), _codes(other)
    if mine & theirs:
        return True
    icd = [[code.replace(".", "") for system, code in codes if system == ICD_10_CM] for codes in (mine, theirs)]
    if any(a.startswith(b) or b.startswith(a) for a in icd[0] for b in icd[1]):
        return True
    names = _names(other)
    return any(
        name in names or any(re.search(rf"\b{re.escape(name)}\b", each) for each in names) for name in _names(one)
    )


def _codes(value: Any) -> set[tuple[str, str]]:
    codings = value.get("coding", ()) if isinstance(value, dict) else ()
    return {(one.get("system", ""), one["code"]) for one in codings if "code" in one}


def _names(value: Any) -> set[str]:
    """The words of a concept or a text, without case; short ones are left out, for they mean too much."""
    if isinstance(value, str):
        return {value.lower()}
    if not isinstance(value, dict):
        return set()
    told = [value.get("text", ""), *(one.get("display", "") for one in value.get("coding", ()))]
    return {text.lower() for text in told if len(text) > 3}


def _code(resource: Resource, name: str) -> str:
    return next((str(one.get("code", "")) for one in resource.get(name, {}).get("coding", ())), "")


def _day(resource: Resource, *names: str) -> str:
    return next((str(resource[name])[:10] for name in names if name in resource), "")
