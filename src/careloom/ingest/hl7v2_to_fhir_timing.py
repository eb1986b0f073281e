"""When and how often: TQ1 and the older TQ (ORC-7, OBR-27, RXE-1) as FHIR Timing, quantity and priority.

Guide: TQ1[ServiceRequest], TQ1[MedicationRequest], TQ[ServiceRequest], TQ[MedicationRequest], RPT[Timing], RI[Timing].
FHIR wants durations in UCUM units of time: what cannot be said in them is left out with an issue, never guessed.
"""

import re
from collections.abc import Callable

from careloom.fhir.drafts import Resource
from careloom.hl7v2 import fields
from careloom.hl7v2.moments import time_of_day
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build
from careloom.ingest.hl7v2_to_fhir_codes import code_maps
from careloom.ingest.hl7v2_to_fhir_values import Element

UCUM = "http://unitsofmeasure.org"
# HL7 v2.8.2 2A.2.87 (TQ.3: S, M, H, D, W, L months), table 0255 and the words that senders write -> UCUM.
_UNITS = {
    **dict.fromkeys(("S", "SEC", "SECOND", "SECONDS"), "s"),
    **dict.fromkeys(("M", "MIN", "MINUTE", "MINUTES"), "min"),
    **dict.fromkeys(("H", "HR", "HRS", "HOUR", "HOURS"), "h"),
    **dict.fromkeys(("D", "DAY", "DAYS"), "d"),
    **dict.fromkeys(("W", "WK", "WEEK", "WEEKS"), "wk"),
    **dict.fromkeys(("L", "MO", "MONTH", "MONTHS"), "mo"),
    **dict.fromkeys(("A", "ANN", "Y", "YR", "YEAR", "YEARS"), "a"),
}
_MINUTES = {"s": 1 / 60, "min": 1, "h": 60, "d": 1440, "wk": 10080}
_DURATION = re.compile(r"([SMHDWL])(\d{1,6})", re.ASCII)
# FHIR R4 invariant tim-9: no offset with these; tim-10: no `when` beside a time of day.
_WITHOUT_OFFSET = frozenset(("C", "CM", "CD", "CV"))
_WHEN = frozenset("HS WAKE C CM CD CV AC ACM ACD ACV PC PCM PCD PCV".split())
_LATER_INDEX = 11


def unit_of_time(text: str) -> str:
    """The UCUM code of a unit of time; empty for other words."""
    return _UNITS.get(text.upper(), "")


def quantity_of(build: Build, raw: str) -> Element | None:
    """CQ to Quantity: number and unit."""
    parts = build.read.parts(raw)
    value = values.number(build.read.text(parts[0]))
    if value is None:
        return None
    leaves = build.read.leaves(parts[1]) if len(parts) > 1 else [""]
    unit = next((leaf for leaf in (*leaves[1:2], *leaves[:1]) if leaf), "")
    return values.quantity(value, {"unit": unit} if unit else {})


def duration_of(build: Build, raw: str) -> tuple[float, str, str] | None:
    """CQ with a unit of time: value, UCUM unit, unit as sent; None where it is none."""
    parts = build.read.parts(raw)
    value = values.number(build.read.text(parts[0]))
    leaves = build.read.leaves(parts[1]) if len(parts) > 1 else []
    for leaf in leaves:
        unit = unit_of_time(leaf)
        if value is not None and value >= 0 and unit:
            return value, unit, next((text for text in (*leaves[1:2], *leaves[:1]) if text), unit)
    return None


def repeat_pattern(build: Build, raw: str, timing: Element) -> None:
    """RPT into a Timing: its code, period and the event it is tied to."""
    parts = build.read.parts(raw)
    code = values.concept_of(fields.coded_part(build.read, parts[0]), code_maps()["RepeatPattern"])
    if code is not None:
        timing["code"] = code
    sent = build.read.values(raw, 10)
    repeat: Element = {}
    period, unit = values.number(sent[4]), unit_of_time(sent[5])
    if period is not None and period >= 0 and unit:
        repeat["period"], repeat["periodUnit"] = period, unit
    when = code_maps()["EventRelatedPeriod"].targets.get(sent[7])
    if when is not None and when.code in _WHEN:
        repeat["when"] = [when.code]
    offset, scale = values.number(sent[8]), _MINUTES.get(unit_of_time(sent[9]))
    if offset is not None and scale is not None and "when" in repeat and when is not None:
        minutes = round(offset * scale)
        if minutes >= 0 and when.code not in _WITHOUT_OFFSET:
            repeat["offset"] = minutes
    if repeat:
        timing.setdefault("repeat", {}).update(repeat)


def timing_of(build: Build, tq1: Segment) -> Element:
    """The Timing of a TQ1; empty where it says nothing of time."""
    timing: Element = {}
    if tq1.one(3):
        repeat_pattern(build, tq1.repetitions(3)[0], timing)
    repeat: Element = timing.get("repeat", {})
    bounds = values.period_of(build, tq1.value(7), tq1.value(8), "TQ1-7")
    lasting = duration_of(build, tq1.one(6)) if tq1.one(6) else None
    if bounds is not None:
        repeat["boundsPeriod"] = bounds
    elif lasting is not None:
        repeat["boundsDuration"] = _duration(*lasting)
    times = [found for raw in tq1.repetitions(4) if (found := time_of_day(build.read.text(raw)))]
    if times and "when" not in repeat:
        repeat["timeOfDay"] = times
    once = duration_of(build, tq1.one(13)) if tq1.one(13) else None
    if once is not None:
        repeat["duration"], repeat["durationUnit"] = once[0], once[1]
    count = values.positive(tq1.value(14))
    if count is not None:
        repeat["count"] = count
    if repeat:
        timing["repeat"] = repeat
    return timing


def _duration(value: float, unit: str, shown: str) -> Element:
    return {"value": value, "unit": shown, "system": UCUM, "code": unit}


def take_timing(build: Build, tq1: Segment, order: Resource) -> bool:
    """TQ1 into the order that it belongs to; False where that has no timing."""
    take = _TAKERS.get(order["resourceType"])
    if take is None:
        return False
    priority = code_maps()["ExtendedPriorityCodes"].word(tq1.value(9)) if tq1.value(9) else None
    if priority is not None and order["resourceType"] in ("ServiceRequest", "MedicationRequest"):
        order.setdefault("priority", priority.code)
    take(build, tq1, order)
    return True


def _service(build: Build, tq1: Segment, order: Resource) -> None:
    quantity = quantity_of(build, tq1.one(2)) if tq1.one(2) else None
    if quantity is not None:
        order.setdefault("quantityQuantity", quantity)
    timing = timing_of(build, tq1)
    if timing:
        for other in ("occurrenceDateTime", "occurrencePeriod"):
            order.pop(other, None)
        order.setdefault("occurrenceTiming", timing)
    if tq1.plain(10):
        order.setdefault("asNeededCodeableConcept", {"text": tq1.plain(10)})
    if tq1.plain(11):
        order.setdefault("note", []).append({"text": tq1.plain(11)})


def _medication(build: Build, tq1: Segment, order: Resource) -> None:
    dosages = order.setdefault("dosageInstruction", [{}])
    if "timing" in dosages[-1]:
        dosages.append({})
    dosage: Element = dosages[-1]
    dosage["sequence"] = values.positive(tq1.value(1)) or len(dosages)
    timing = timing_of(build, tq1)
    if timing:
        dosage["timing"] = timing
    quantity = quantity_of(build, tq1.one(2)) if tq1.one(2) else None
    if quantity is not None and not any("doseQuantity" in one or "doseRange" in one for one in _doses(dosage)):
        dosage.setdefault("doseAndRate", [{}])[0]["doseQuantity"] = quantity
    words = [text for text in (dosage.get("text", ""), tq1.plain(11)) if text]
    if words:
        dosage["text"] = "\n".join(words)
    if tq1.plain(10):
        dosage.setdefault("asNeededCodeableConcept", {"text": tq1.plain(10)})


def _doses(dosage: Element) -> list[Element]:
    found: list[Element] = dosage.get("doseAndRate", [])
    return found


def _ignored(build: Build, tq1: Segment, order: Resource) -> None:
    del build, tq1, order


_TAKERS: dict[str, Callable[[Build, Segment, Resource], None]] = {
    "ServiceRequest": _service,
    "MedicationRequest": _medication,
    "MedicationDispense": _medication,
}


def take_older_timing(build: Build, raw: str, order: Resource, place: str) -> None:
    """TQ (up to v2.6) into an order, unless a TQ1 has said it."""
    sent = build.read.values(raw, 12)
    timing: Element = {}
    interval = build.read.leaves(build.read.parts(raw)[1]) if len(build.read.parts(raw)) > 1 else [""]
    pattern = code_maps()["RepeatPattern"].targets.get(interval[0])
    if pattern is not None:
        timing["code"] = {"coding": [pattern.coding()]}
    elif interval[0]:
        timing["code"] = {"text": interval[0]}
    bounds = values.period_of(build, sent[3], sent[4], place)
    lasting = _DURATION.fullmatch(sent[2].upper())
    repeat: Element = {"boundsPeriod": bounds} if bounds is not None else {}
    if not repeat and lasting is not None:
        unit = _UNITS[lasting[1]]
        repeat["boundsDuration"] = _duration(int(lasting[2]), unit, unit)
    count = values.positive(sent[_LATER_INDEX])
    if count is not None:
        repeat["count"] = count
    if repeat:
        timing["repeat"] = repeat
    _put_older(build, raw, order, timing, sent)


def _put_older(build: Build, raw: str, order: Resource, timing: Element, sent: list[str]) -> None:
    priority = code_maps()["ExtendedPriorityCodes"].word(sent[5]) if sent[5] else None
    if priority is not None:
        order.setdefault("priority", priority.code)
    quantity = quantity_of(build, build.read.parts(raw)[0].replace(build.message.delimiters.subcomponent or "&", "^"))
    if order["resourceType"] == "ServiceRequest":
        if timing and not any(name.startswith("occurrence") for name in order):
            order["occurrenceTiming"] = timing
        if quantity is not None:
            order.setdefault("quantityQuantity", quantity)
        return
    dosage: Element = order.setdefault("dosageInstruction", [{}])[0]
    if timing:
        dosage.setdefault("timing", timing)
    if quantity is not None and not _doses(dosage):
        dosage["doseAndRate"] = [{"doseQuantity": quantity}]
    if not dosage:
        del order["dosageInstruction"]
