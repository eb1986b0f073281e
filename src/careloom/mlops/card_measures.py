"""Measures of an evaluation in words, and how people of its subgroup table are spread."""

from collections.abc import Mapping
from typing import Any

from careloom.mlops.card_facts import Judged

TITLES = {
    "prevalence": "share with the outcome",
    "auroc": "AUROC",
    "auprc": "average precision",
    "brier": "Brier score",
    "ece": "expected calibration error",
    "slope": "calibration slope",
    "intercept": "calibration intercept",
    "in_the_large": "calibration in the large",
}
GAPS = {
    "auroc": "AUROC",
    "selection_rate": "rate of alerts",
    "true_positive_rate": "true positive rate",
    "false_positive_rate": "false positive rate",
    "ppv": "positive predictive value",
    "ece": "expected calibration error",
}
"""What fairness is read from: the greatest less the least over the groups of an attribute."""


def validity(judged: Judged | None) -> str | None:
    """Discrimination, error and calibration with intervals, what alerts do, and on how many people."""
    if judged is None:
        return None
    measures = "; ".join(
        f"{title} {interval(judged.measures[name])}" for name, title in titles(judged.measures).items()
    )
    told = f"{judged.data}: {counts(judged.counts)}judged {judged.at:%Y-%m-%d}. {measures}."
    return told + _alerts(judged) + _elsewhere(judged)


def _elsewhere(judged: Judged) -> str:
    """What models made anew without the last rows in time, or without a site, did on them; and which could not be."""
    told = []
    for one in judged.elsewhere:
        if one.get("reason"):
            told.append(f"{one['of']}: not judged, {one['reason']}")
            continue
        found, lost = one["measures"], one["auroc_drop"]
        told.append(
            f"{one['of']}: AUROC {interval(found['auroc'])}, {interval(lost)} lower; "
            f"expected calibration error {interval(found['ece'])}"
            + (" (its settings were searched on all training patients)" if one.get("searched") else "")
        )
    return f" Made anew and tested on what it was made without: {'; '.join(told)}." if told else ""


def titles(measures: Mapping[str, Any]) -> dict[str, str]:
    """Name -> title of the measures that there are: those of a risk first, others by their own names."""
    known = {name: title for name, title in TITLES.items() if name in measures}
    return known | {name: name.replace("_", " ") for name in measures if name not in known}


def counts(told: Mapping[str, int]) -> str:
    """Rows, patients and events, each where it is kept, with a comma at the end."""
    words = [("n", "rows"), ("patients", "patients"), ("events", "with the outcome")]
    return "".join(f"{told[name]:,} {title}, " for name, title in words if name in told)


def _alerts(judged: Judged) -> str:
    point = judged.operating
    if not point or point.get("threshold") is None:
        return ""
    told = [f"{number(point.get('alerts_per_100'))} alerts per 100 rows"]
    if point.get("ppv") is not None:
        told.append(f"{number(point['ppv'])} of them right")
    if point.get("recall") is not None:
        told.append(f"{number(point['recall'])} of the events found")
    if point.get("net_benefit") is not None:
        told.append(f"net benefit {number(point['net_benefit'])} a row")
    return f" Alerting from {number(point['threshold'])} on: {', '.join(told)}."


def fairness(judged: Judged | None) -> str | None:
    """How far groups lie apart, for each attribute, and which groups are too small to tell."""
    if judged is None or not judged.subgroups:
        return None
    told = [_gaps(attribute, rows) for attribute, rows in by_attribute(judged).items()]
    return f"{judged.data}, judged {judged.at:%Y-%m-%d}. Greatest less least over groups. " + " ".join(told)


def _gaps(attribute: str, rows: list[Mapping[str, Any]]) -> str:
    apart = gaps(rows)
    small = [str(row["group"]) for row in rows if row.get("n") is None]
    title = attribute.replace("_", " ").capitalize()
    found = (
        ", ".join(f"{GAPS[name]} {number(value)}" for name, value in apart.items()) or "fewer than two groups measured"
    )
    return f"{title} ({len(rows)} groups): {found}." + (f" Too small to tell: {', '.join(small)}." if small else "")


def gaps(rows: list[Mapping[str, Any]]) -> dict[str, float]:
    """Measure -> the greatest less the least over the groups that have it; measures of two groups at least."""
    found = {}
    for name in GAPS:
        values = [float(row[name]) for row in rows if row.get(name) is not None]
        if len(values) > 1:
            found[name] = max(values) - min(values)
    return found


def by_attribute(judged: Judged) -> dict[str, list[Mapping[str, Any]]]:
    """Attribute -> its rows of the subgroup table."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in judged.subgroups:
        found.setdefault(str(row["attribute"]), []).append(row)
    return found


def counted(judged: Judged) -> dict[str, dict[str, int | None]]:
    """Attribute -> group -> patients; null where the group is too small to be counted."""
    return {
        attribute: {str(row["group"]): row.get("patients") for row in rows}
        for attribute, rows in by_attribute(judged).items()
    }


def spread(people: Mapping[str, Mapping[str, int | None]]) -> str:
    """Shares of people by attribute; groups that are too small are named without."""
    told = []
    for attribute, groups in people.items():
        whole = sum(count for count in groups.values() if count is not None)
        shares = [
            f"{group} {100 * count / whole:.1f} %" if count is not None and whole else f"{group} (too few)"
            for group, count in groups.items()
        ]
        told.append(f"{attribute.replace('_', ' ')}: {', '.join(shares)}")
    return "; ".join(told)


def interval(measure: Mapping[str, float | None]) -> str:
    """A measure with its interval."""
    if measure.get("value") is None:
        return "not defined"
    if measure.get("low") is None or measure.get("high") is None:
        return number(measure["value"])
    return f"{number(measure['value'])} ({number(measure['low'])} to {number(measure['high'])})"


def number(value: float | None) -> str:
    """A number with three decimals, and more where it is small."""
    if value is None:
        return "not known"
    return f"{value:.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:.2g}"
