"""Models in words: measures with their intervals, kinds and strengths of drift, features, parts that a version has."""

import re
from collections.abc import Mapping
from typing import Any

from careloom.client.models_reports import ModelVersionBrief
from careloom.dashboard import words
from careloom.dashboard.address import href

TITLE = "Models"
MEASURES = {
    "auroc": ("Ranking (AUROC)", "0.5 is chance, 1 is perfect"),
    "auprc": ("Average precision (AUPRC)", "the share of events is chance, 1 is perfect"),
    "brier": ("Brier score", "mean squared error; 0 is perfect"),
    "ece": ("Calibration error (ECE)", "0 is right"),
    "ece_excess": ("Calibration error beyond chance", "0 is right"),
    "slope": ("Calibration slope", "1 is right; below, risks are too extreme"),
    "intercept": ("Calibration intercept", "0 is right"),
    "in_the_large": ("Calibration in the large", "0 is right; above, risks are too low"),
    "prevalence": ("Share of rows with the event", ""),
    "subgroup_gap_auroc": ("Worst group below all (AUROC)", "0 is none"),
    "leaks": ("Leaks", ""),
    "tainted": ("People who left", ""),
    "events": ("Events, or rows without one where fewer", ""),
    "f1": ("F1", "1 is perfect"),
    "epsilon": ("Privacy bound (epsilon)", "smaller is stricter"),
    "days_off": ("Days off in the median", ""),
    "days_interval_coverage": ("Days within their interval", "0.9 is right"),
}
"""Name of a measure -> what it is called, and how it is read."""
FIRST_MEASURES = ("auroc", "f1", "f1_note", "epsilon")
KINDS = {
    "values": "Values", "missing": "Missing values", "scores": "Scores", "mix": "Mix of patients",
    "outside": "Out of range", "unknown": "Unknown values", "blank": "More missing than before",
    "calibration": "Calibration", "slope": "Calibration slope", "group": "Calibration of a group",
    "ppv": "Alerts that were right", "overrides": "Overridden alerts", "stale": "Silence", "unjudged": "Not judged",
    "sequential": "Outcomes, one by one", "own-scores": "Own scores",
}  # fmt: skip
"""Kind of a finding or alarm -> what it is called."""
STRENGTHS = {"none": ("None", "good"), "small": ("Small", ""), "medium": ("Medium", "warn"), "large": ("Large", "bad")}
"""Level of a finding -> word, tone."""
STATES = {
    "registered": ("Waits for approval", "run"), "approved": ("Approved", "good"), "retired": ("Retired", ""),
}  # fmt: skip
PARTS = {"champion": ("Champion", "good"), "challenger": ("Challenger", "run"), "shadow": ("Shadow", "plain")}
"""Part that a version has -> word, tone."""
MEANINGS = {
    "champion": "answers", "challenger": "answers for a share of patients", "shadow": "listens, shown to nobody",
}  # fmt: skip


def measure(name: str) -> str:
    """What a measure is called."""
    return MEASURES[name][0] if name in MEASURES else words.spaced(name.replace("_", " "))


def place(name: str) -> int:
    """Where a measure stands in a list: those that people know first."""
    return list(MEASURES).index(name) if name in MEASURES else len(MEASURES)


def gate(rule: str) -> str:
    """The rule of a gate with its measure in words: ``Ranking (AUROC) at least 0.66``."""
    name, mark, rest = rule.partition(",") if rule.partition(" ")[0].endswith(",") else rule.partition(" ")
    return f"{measure(name)}{mark}{rest}"


def plain(value: Any, digits: int = 3) -> str:
    """``0.682``; a dash where it is not defined."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return words.NONE
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 10 else f"{value:.{digits}f}"


def bounds(one: Mapping[str, Any]) -> str:
    """``0.671 to 0.693``; empty without an interval."""
    low, high = one.get("low"), one.get("high")
    return "" if low is None or high is None else f"{plain(low)} to {plain(high)}"


def interval(one: Mapping[str, Any] | None) -> str:
    """``0.682 (0.671 to 0.693)``; a dash where it is not defined."""
    if not one or one.get("value") is None:
        return words.NONE
    around = bounds(one)
    return f"{plain(one['value'])} ({around})" if around else plain(one["value"])


def first_measure(measures: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """(name, value with bounds) of the measure that says most; None where nothing was measured."""
    name = next((name for name in FIRST_MEASURES if name in measures), next(iter(measures), ""))
    return (name, measures[name]) if name else None


def feature(name: str) -> str:
    """``Admissions, 365 days`` of ``admissions_365d``, ``Sex: female`` of ``sex=female``."""
    kind, _, group = name.partition("=")
    told = re.sub(r"_(\d+)d$", r", \1 days", kind.removesuffix("_missing"))
    said = told.replace("_", " ").strip()
    said = said[:1].upper() + said[1:]
    if kind.endswith("_missing"):
        said += ", whether missing"
    return f"{said}: {group}" if group else said


def alarm_words(kind: str, place: str) -> str:
    """``Values of Sodium last``; what an alarm is of."""
    if kind == "sequential":
        return f"Outcomes {'more' if place == 'up' else 'less'} frequent than said"
    said = KINDS.get(kind, words.spaced(kind))
    return f"{said}: {feature(place)}" if place else said


def version_href(version: str, *below: str, **query: str) -> str:
    """A link to the page of ``readmission-30d@3``."""
    name, _, number = version.partition("@")
    return href("models", name, number, *below, **query)


def watch_href(version: str, **query: str) -> str:
    """A link to what was seen of ``readmission-30d@3`` since it predicts."""
    name, _, number = version.partition("@")
    return href("models", name, "watch", **{"version": number, **query})


def outcome_of(report: Mapping[str, Any] | None) -> str:
    """What a model foretells, as its report says; empty where there is none."""
    told = (report or {}).get("model", {})
    text = str(told.get("outcome", "")) if isinstance(told, Mapping) else ""
    return text[:1].upper() + text[1:]


def is_waiting(one: ModelVersionBrief, champion: int | None) -> bool:
    """True for a version that nobody approved yet, and that is newer than who answers."""
    return one.state == "registered" and one.retired is None and one.number > (champion or 0)


def champion_of(versions: tuple[ModelVersionBrief, ...] | list[Any]) -> Any:
    """Of these the version that answers; None where nobody does."""
    return next((one for one in versions if "champion" in one.aliases), None)
