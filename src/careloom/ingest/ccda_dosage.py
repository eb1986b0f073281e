"""How a medication is taken: effectiveTime (IVL_TS, PIVL_TS, EIVL_TS), dose, rate, route, site and instructions.

After the guide's page on medications, "Medication Timing and Frequency".
"""

from careloom.ingest.ccda_act import Act
from careloom.ingest.ccda_build import Build, Part
from careloom.ingest.ccda_codes import codes
from careloom.ingest.ccda_narrative import text_of
from careloom.ingest.ccda_read import child, first, kids, local_type
from careloom.ingest.ccda_values import (
    bounds,
    concept,
    interval,
    number,
    period,
    quantity,
    ratio,
    simple_quantity,
    times,
)
from careloom.ingest.xml_read import Element

_SIG = "76662-6"
_INSTRUCTION = "2.16.840.1.113883.10.20.22.4.20"
_MINUTES = {"min": 1, "h": 60, "d": 1440, "wk": 10080, "s": 1 / 60}
_NO_OFFSET = frozenset(("C", "CM", "CD", "CV"))
_HOURS_OF_DAY = 24


def split_times(act: Act) -> tuple[Element | None, list[Element]]:
    """(the effectiveTime that says how long, those that say how often)."""
    length: Element | None = None
    often: list[Element] = []
    for each in act.held.get("effectiveTime", ()):
        kind = local_type(each)
        if kind in ("PIVL_TS", "EIVL_TS") or child(each, "period") is not None or child(each, "event") is not None:
            often.append(each)
        elif length is None or (times(length) == (None, None, None)):
            length = each
    return length, often


def dosage(build: Build, act: Act, related: list[tuple[str, Act]], *, bounded: bool) -> Part:
    """A Dosage; empty where nothing is said.

    bounded  the length of the treatment belongs to the timing, as in a request
    """
    out: Part = {}
    for _, inner in related:
        if inner.name == "substanceAdministration" and inner.code == _SIG:
            words = text_of(build, inner.one("text"))
            if words:
                out["text"] = words
        elif inner.name == "act" and _INSTRUCTION in inner.templates:
            _instruct(build, inner, out)
    timing = _timing(build, act, bounded=bounded)
    if timing:
        out["timing"] = timing
    _as_needed(build, act, out)
    for name, source in (("site", "approachSiteCode"), ("route", "routeCode")):
        found = concept(build, act.one(source))
        if found is not None:
            out[name] = found
    dose = _dose(build, act)
    if dose:
        out["doseAndRate"] = [dose]
    most = ratio(build, act.one("maxDoseQuantity"))
    if most is not None:
        out["maxDosePerPeriod"] = most
    return out


def _instruct(build: Build, act: Act, out: Part) -> None:
    words = text_of(build, act.one("text"))
    code = concept(build, act.one("code"))
    if not words and code is not None:
        words = code.get("text", "")
    if words and "patientInstruction" not in out:
        out["patientInstruction"] = words
    if code is not None and "coding" in code:
        out.setdefault("additionalInstruction", []).append(code)


def _as_needed(build: Build, act: Act, out: Part) -> None:
    condition = act.one("precondition")
    if condition is None:
        return
    criterion = child(condition, "criterion")
    held = kids(criterion) if criterion is not None else {}
    reason = concept(build, first(held, "value")) or concept(build, first(held, "code"))
    if reason is not None and reason.get("coding", [{}])[0].get("code") != "ASSERTION":
        out["asNeededCodeableConcept"] = reason
    else:
        out["asNeededBoolean"] = True


def _dose(build: Build, act: Act) -> Part:
    out: Part = {}
    for name, source in (("dose", "doseQuantity"), ("rate", "rateQuantity")):
        element = act.one(source)
        if element is None:
            continue
        found = quantity(build, element)
        if found is not None:
            out[f"{name}Quantity"] = found
            continue
        span = interval(build, element)
        if span is not None and span[0] == "Range":
            out[f"{name}Range"] = span[1]
        else:
            single = simple_quantity(build, element)
            if single is not None:
                out[f"{name}Quantity"] = single
    return out


def _timing(build: Build, act: Act, *, bounded: bool) -> Part:
    length, often = split_times(act)
    out: Part = {}
    repeat: Part = {}
    if bounded and length is not None:
        value, low, high = times(length)
        if value is not None and low is None and high is None:
            event = build.date_time(value)
            if event is not None:
                out["event"] = [event]
        else:
            held = period(build, length)
            if held is not None:
                repeat["boundsPeriod"] = held
    for each in often:
        if child(each, "event") is not None:
            _on_event(each, repeat)
        else:
            _periodic(build, each, repeat)
    if repeat:
        out["repeat"] = repeat
    return out


def _on_event(element: Element, repeat: Part) -> None:
    """EIVL: when, and minutes from it."""
    held = kids(element)
    event = first(held, "event")
    when = codes("event").get(event.get("code") or "", "") if event is not None else ""
    if not when or "when" in repeat:
        return
    repeat["when"] = [when]
    offset = first(held, "offset")
    if offset is None or when in _NO_OFFSET:
        return
    amount, unit = offset.get("value"), offset.get("unit")
    if amount is None:
        low = child(offset, "low")
        amount, unit = (low.get("value"), low.get("unit")) if low is not None else (None, None)
    value = number(amount)
    minutes = round(value * _MINUTES.get(unit or "", 0)) if value is not None else 0
    if minutes > 0:
        repeat["offset"] = minutes


def _periodic(build: Build, element: Element, repeat: Part) -> None:
    """PIVL: frequency, period and its unit; times a day where the hours are left to the institution."""
    found = child(element, "period")
    if found is None or "period" in repeat:
        return
    value, high = quantity(build, found), None
    if value is None:
        low, high = bounds(build, found)
        value = low or high
    if value is None or value["value"] <= 0:
        return
    unit = codes("period-unit").get(value.get("unit", ""), "")
    if not unit:
        return
    amount = value["value"]
    if element.get("institutionSpecified") == "true" and high is None and unit == "h" and _HOURS_OF_DAY % amount == 0:
        repeat.update({"frequency": int(_HOURS_OF_DAY // amount), "period": 1, "periodUnit": "d"})
        return
    repeat.update({"frequency": 1, "period": amount})
    if high is not None and high["value"] > amount and high.get("unit") == value.get("unit"):
        repeat["periodMax"] = high["value"]
    repeat["periodUnit"] = unit
