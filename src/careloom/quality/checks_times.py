"""Checks of dates: against the calendar, and within the resource."""

from typing import Any

from careloom.fhir.drafts import Resource
from careloom.quality.checking import Check, Setting
from careloom.quality.days import Span, span_of
from careloom.quality.paths import compiled


def _spans(values: list[Any]) -> list[Span]:
    spans = [span_of(value) for value in values if isinstance(value, str)]
    return [span for span in spans if span is not None]


def date(setting: Setting) -> Check:
    """Every date at the path surely lies between low and high: dates, or days before and after now."""
    find, wanted, now = compiled(setting.path), setting.rule.parameters, setting.scene.now
    bounds = _spans([wanted.get("low", "0001"), wanted.get("high", "9998")])
    low, high = bounds[0].low, bounds[1].high
    if "low_days_ago" in wanted:
        low = now - wanted["low_days_ago"]
    if "high_days_ahead" in wanted:
        high = now + wanted["high_days_ahead"]

    def check(resource: Resource) -> bool | None:
        spans = _spans(find(resource))
        return all(span.high > low and span.low < high for span in spans) if spans else None

    return check


def in_order(setting: Setting) -> Check:
    """What stands at the path is surely not later than what stands at the path `after`."""
    find, other = compiled(setting.path), compiled(setting.rule.parameters["after"])

    def check(resource: Resource) -> bool | None:
        first, then = _spans(find(resource)), _spans(other(resource))
        if not first or not then:
            return None
        return all(one.low < two.high for one, two in zip(first, then, strict=False))

    return check
