"""Drugs and what they did: MedicationStatement with dosage, AdverseEvent.

    a verb says so       MedicationStatement, status stopped, on-hold, completed or active (`careloom.nlp.drug_status`)
    present, current     status active
    historical           completed
    future               intended
    possible             unknown
    absent               standing refuted: written where that is asked, status not-taken
    hypothetical,        nothing
    conditional

Why a drug is not taken (any more) is its statusReason, what it is taken for its reasonCode. What is said of a drug
without a dose holds for all that stands before it in the note.

source  FHIR R4 4.0.1, MedicationStatement, Dosage, Timing and AdverseEvent
"""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence

from careloom.nlp.drug_status import is_halted
from careloom.nlp.to_fhir_view import (
    CERTAIN,
    HL7,
    Fact,
    Grounds,
    Json,
    View,
    concept,
    identity,
    is_historical,
    is_named,
    is_of_patient,
    joined,
    key_of,
    quantity,
    standing_of,
    words,
)
from careloom.text.note import Annotation, Span

_PARTS = ("drug-dose", "drug-form", "drug-route", "drug-frequency", "drug-duration")
_HABITS = ("ALCOHOL", "DRUG_USE", "TOBACCO")
_LONGEST_HABIT = 300
"""Characters of what is said of a habit at most."""
_HALTED = frozenset({"stopped", "on-hold"})
_NOT_NOW = frozenset({"stopped", "on-hold", "not-taken"})
_ELSEWHERE = re.compile(
    r"\b(?:follow(?:ing)?[- ]?up|f/u|refer\w*|appointment|see (?:her|his|the)|recheck)\b", re.IGNORECASE
)
"""What a drug is not taken for: what somebody is to be seen for stands behind such words."""
_FOR = re.compile(
    r"\s+(?:\d[\w.]*\s*(?:mg|mcg|g|units?)?\s+)?for\s+(?:his |her |their |the |a |an )?(?:\w+\s+)?", re.IGNORECASE
)
_WHENS = frozenset("MORN NOON AFT EVE NIGHT HS WAKE C CM CD CV AC ACM ACD ACV PC PCM PCD PCV".split())
"""FHIR R4 event timings that `careloom.nlp.frequencies` tells."""
_UNITS = frozenset("s min h d wk mo a".split())
_LENGTH = re.compile(r"P(?:(\d{1,4})([DWMY])|T(\d{1,4})([HM]))")
_LENGTHS = {"D": "d", "W": "wk", "M": "mo", "Y": "a"}
_ASKED = re.compile(r"\b(?:prn|p\.r\.n\.?|as needed|as required|if needed|when needed)(?!\w)", re.IGNORECASE)


def medications(view: View) -> list[Fact]:
    """The drugs that the patient takes, took, is to take, or does not take."""
    habits = view.labelled(*_HABITS)
    starts = [one.span.start for one in habits]
    drugs = []
    for one in view.labelled("MEDICATION"):
        near = habits[bisect_left(starts, one.span.start - _LONGEST_HABIT) : bisect_left(starts, one.span.end)]
        drugs += [one] if _is_drug(view, one, near) else []
    last = _last_statuses(view, drugs)
    found = []
    for place, one in enumerate(drugs):
        fact = _medication(view, one, last.get(place, "") or _status(one))
        found += [] if fact is None else [fact]
    return found


def _is_drug(view: View, one: Annotation, habits: Sequence[Annotation]) -> bool:
    """True for a drug of the patient that is no allergen and no habit."""
    if not is_of_patient(one) or not is_named(one) or view.is_allergen(one):
        return False
    habits = [habit for habit in habits if one.span.overlaps(habit.span)]
    return not habits or (bool(_dose_parts(view, one)) and all(habit.label == "DRUG_USE" for habit in habits))


def _last_statuses(view: View, drugs: Sequence[Annotation]) -> dict[int, str]:
    """Place among the drugs -> what the note says last of that drug, where it says more than one thing."""
    by_drug: dict[str, list[int]] = {}
    for place, one in enumerate(drugs):
        by_drug.setdefault(identity(one), []).append(place)
    found: dict[int, str] = {}
    for places in by_drug.values():
        told = [place for place in places if drugs[place].attributes.get("status")]
        for place in places if told else ():
            is_bare = not view.tails(drugs[place], *_PARTS)
            if is_bare or (told[-1] > place and _status(drugs[place]) == "active"):
                found[place] = drugs[told[-1]].attributes["status"]
    return found


def medication_key(view: View, one: Annotation) -> str:
    """The same for the same drug in the same dosage."""
    parts = view.tails(one, *_PARTS)
    return key_of("MedicationStatement", identity(one), joined(parts).lower() if parts else "")


def _status(one: Annotation) -> str:
    told = one.assertion or CERTAIN
    if one.attributes.get("status"):
        return one.attributes["status"]
    if told.presence in ("hypothetical", "conditional"):
        return ""
    if told.presence == "absent":
        return "not-taken"
    if told.temporality == "future":
        return "" if told.presence == "possible" else "intended"
    if told.presence == "possible":
        return "unknown"
    return "completed" if is_historical(one) else "active"


def _medication(view: View, one: Annotation, status: str) -> Fact | None:
    if not status:
        return None
    grounds = Grounds()
    grounds.add(one)
    resource: Json = {
        "resourceType": "MedicationStatement", "status": status, "medicationCodeableConcept": concept(one),
        "subject": view.subject,
    }  # fmt: skip
    resource |= {"context": view.encounter["encounter"]} if view.encounter else {}
    value, told = view.when(one, "drug-date")
    if value and status not in ("on-hold", "not-taken"):
        grounds.add(*told)
        resource |= {"effectivePeriod": {"end": value}} if status == "stopped" else {"effectiveDateTime": value}
    if view.written:
        resource["dateAsserted"] = view.written
    resource |= _reasons(view, one, status, grounds)
    dosage = _dosage(view, one, grounds)
    if dosage:
        resource["dosage"] = [dosage]
    standing = "refuted" if status == "not-taken" else "provisional" if status == "unknown" else "confirmed"
    return Fact(medication_key(view, one), resource, grounds.ids, standing, (), grounds.score)  # type: ignore[arg-type]


def _reasons(view: View, one: Annotation, status: str, grounds: Grounds) -> Json:
    """What the drug is taken for, or why it is not taken: a side effect or what stopped it is no indication."""
    events = [] if status == "not-taken" else view.tails(one, "drug-adverse-event")
    told = [*view.tails(one, "drug-reason"), *events] if status in _NOT_NOW else view.tails(one, "drug-reason")
    known = [each for each in told if is_of_patient(each) and is_named(each)]
    known = [each for each in known if standing_of(each) in ("confirmed", "provisional")]
    if status not in _NOT_NOW:
        harms = {each.id for each in view.tails(one, "drug-adverse-event")}
        known = [each for each in known if each.id not in harms and not _is_of_halted(view, one, each)]
    is_why = [_is_indication(view, one, each, status) for each in known]
    indications = [each for each, why in zip(known, is_why, strict=True) if why]
    against = [each for each, why in zip(known, is_why, strict=True) if not why and status in _NOT_NOW]
    grounds.add(*indications, *against)
    made = {"statusReason": against, "reasonCode": indications}
    once = {name: list({each.id: each for each in ones}.values()) for name, ones in made.items()}
    return {name: [concept(each) for each in ones] for name, ones in once.items() if ones}


def _is_indication(view: View, one: Annotation, problem: Annotation, status: str) -> bool:
    """True for what a drug is taken for: of one not taken what stands directly behind it, ``aspirin for headache``.

    What is told behind a verb that stops it is why it was stopped: ``was held for hypotension``.
    """
    between = view.note.text[one.span.end : problem.span.start]
    if one.span.end < problem.span.start and is_halted(view.note.text, Span(one.span.end, problem.span.start)):
        return False
    if _ELSEWHERE.search(between):
        return False
    if status not in _NOT_NOW:
        return True
    is_harm = any(each.id == problem.id for each in view.tails(one, "drug-adverse-event"))
    return not is_harm and _FOR.fullmatch(between) is not None


def _is_of_halted(view: View, one: Annotation, event: Annotation) -> bool:
    """True for what another drug of the sentence was stopped or held for."""
    others = view.heads(event, "drug-adverse-event", "drug-reason")
    return any(other.id != one.id and other.attributes.get("status") in _HALTED for other in others)


def _dose_parts(view: View, one: Annotation) -> list[Annotation]:
    return view.tails(one, "drug-dose", "drug-route", "drug-form")


def _dosage(view: View, one: Annotation, grounds: Grounds) -> Json:
    parts = view.tails(one, *_PARTS)
    if not parts:
        return {}
    grounds.add(*parts)
    made: Json = {"text": joined(parts)}
    if _is_changing(view, one):
        return made
    timing = timing_of(view.tails(one, "drug-frequency"), view.tails(one, "drug-duration"))
    if timing:
        made["timing"] = timing
    frequencies = view.tails(one, "drug-frequency")
    if any(each.attributes.get("as_needed") == "true" or _ASKED.search(each.text) for each in frequencies):
        made["asNeededBoolean"] = True
    routes = view.tails(one, "drug-route")
    if routes:
        made["route"] = concept(routes[0])
    for dose in view.tails(one, "drug-dose"):
        amount = dose_of(dose)
        if amount is not None:
            made["doseAndRate"] = [amount]
            break
    return made


def _is_changing(view: View, one: Annotation) -> bool:
    """True where several doses are told, a taper or a change: one of them alone would be wrong, so words tell them."""
    spans = [dose.span for dose in view.tails(one, "drug-dose") if dose_of(dose) is not None]
    outer = [span for span in spans if not any(other != span and other.covers(span) for other in spans)]
    told = {str(dose_of(dose)) for dose in view.tails(one, "drug-dose") if dose.span in outer}
    return len(told) > 1


def dose_of(dose: Annotation) -> Json | None:
    """A dose as a quantity or a range; None where it is neither."""
    told = dose.attributes  # as `careloom.nlp.quantities` tells a dose
    unit = told.get("unit", "")
    low = quantity(told.get("low", ""), unit)
    high = quantity(told.get("high", ""), unit)
    if low is not None and high is not None:
        return {"doseRange": {"low": low, "high": high}}
    amount = quantity(told.get("dose", "") or dose.text, unit)
    return None if amount is None or "comparator" in amount else {"doseQuantity": amount}


def timing_of(frequencies: list[Annotation], durations: list[Annotation]) -> Json:
    """How often and how long, as Timing; empty where neither is told."""
    repeat: Json = {}
    for one in frequencies[:1]:
        repeat |= _often(one)
    for one in durations[:1]:
        repeat |= _bounds(one.attributes)
    texts = [one.text for one in [*frequencies[:1], *durations[:1]]]
    if not texts:
        return {}
    code: Json = {"text": words(" ".join(texts))}
    known = frequencies[0].attributes.get("code", "") if frequencies else ""
    if known:
        code = {"coding": [{"system": HL7 + "v3-GTSAbbreviation", "code": known}]} | code
    return ({"repeat": repeat} if repeat else {}) | {"code": code}


def _bounds(told: Mapping[str, str]) -> Json:
    """How long, as `careloom.nlp.times` tells a duration: ``P5D``, or from ``low`` to ``high``."""
    low, high = _length(told.get("low", "")), _length(told.get("high", ""))
    if low is not None and high is not None and low != high and low["code"] == high["code"]:
        return {"boundsRange": {"low": low, "high": high}}
    exact = _length(told.get("value", ""))
    return {} if exact is None else {"boundsDuration": exact}


def _length(value: str) -> Json | None:
    found = _LENGTH.fullmatch(value)
    if found is None:
        return None
    unit = _LENGTHS[found[2]] if found[2] else {"H": "h", "M": "min"}[found[4]]
    return quantity(found[1] or found[3], unit)


def _often(one: Annotation) -> Json:
    """What `careloom.nlp.frequencies` has told of a frequency, in the words of Timing.repeat."""
    told = one.attributes
    made: Json = {}
    count, period, unit = told.get("count", ""), told.get("period", ""), told.get("period_unit", "")
    if _is_number(period) and unit in _UNITS:
        made = {"frequency": int(count)} if count.isdigit() and int(count) > 0 else {}
        made |= {"period": _number(period), "periodUnit": unit}
        if _is_number(told.get("period_most", "")) and _number(told["period_most"]) > _number(period):
            made["periodMax"] = _number(told["period_most"])
    elif count == "1":
        made = {"count": 1}
    whens = [word for word in told.get("when", "").split() if word in _WHENS]
    return made | ({"when": whens} if whens else {})


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d{1,6}(?:\.\d{1,4})?", text) is not None and float(text) > 0


def _number(text: str) -> float | int:
    return float(text) if "." in text else int(text)


def adverse_events(view: View) -> list[Fact]:
    """What drugs did to the patient. The drug's own statement is referred to where the note makes one."""
    found = []
    told = {fact.annotations[0]: fact for fact in medications(view)}
    for drug in view.labelled("MEDICATION"):
        for event in view.tails(drug, "drug-adverse-event"):
            if (
                view.is_allergen(drug)
                or not is_of_patient(event)
                or not is_named(event)
                or standing_of(event) != "confirmed"
                or _status(drug) == "not-taken"
                or (drug.attributes.get("status") not in _HALTED and _is_of_halted(view, drug, event))
            ):
                continue
            grounds = Grounds()
            grounds.add(event, drug)
            resource: Json = {"resourceType": "AdverseEvent", "actuality": "actual", "event": concept(event)}
            resource |= {"subject": view.subject, **view.encounter}
            value, dates = view.when(event, "problem-date")
            grounds.add(*dates)
            resource |= {"date": value} if value else {}
            resource |= {"recordedDate": view.written} if view.written else {}
            suspect = told.get(drug.id)
            needs: tuple[str, ...] = ()
            if suspect is not None and suspect.standing != "refuted":
                needs = (suspect.key,)
                instance = {"reference": f"#{suspect.key}", "display": words(drug.text)}
                resource["suspectEntity"] = [{"instance": instance}]
            key = key_of("AdverseEvent", identity(drug), identity(event))
            found.append(Fact(key, resource, grounds.ids, "confirmed", needs, grounds.score))
    return found
