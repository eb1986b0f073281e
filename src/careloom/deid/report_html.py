"""The report of a de-identification as one HTML file: what was taken out, what is left, how well people can hide."""

from typing import Any

from careloom.deid.identifiers import TEXT, letters
from careloom.html_page import page, table, text

Json = dict[str, Any]
_NAMES = {
    "smallest_class": "Patients in the smallest group that looks alike (k)",
    "alone_in_class": "Patients who look like nobody else",
    "patients_missing_a_target": "Patients who miss a target",
    "prosecutor_maximum": "Highest risk, if it is known that a person is in the data (prosecutor)",
    "prosecutor_average": "Average risk, prosecutor",
    "prosecutor_above_threshold": "Patients above the threshold, prosecutor",
    "journalist_maximum": "Highest risk, if it is not known (journalist)",
    "journalist_average": "Average risk, journalist",
    "journalist_above_threshold": "Patients above the threshold, journalist",
    "marketer_average": "Patients an attacker can name who links everybody (marketer)",
    "tables_with_small_cells": "Cross-tables with small cells",
    "tables": "Cross-tables",
    "classes": "Groups that look alike",
    "patients": "Patients",
    "distinct_l": "Fewest different values in a group (l)",
    "entropy_l": "Fewest values by entropy in a group",
    "t": "Largest distance of a group from all (t)",
}


def measure_title(name: str) -> str:
    """What a measure of `careloom.deid.risk_report` is, in words."""
    return _NAMES.get(name, name)


def as_html(signed: Json) -> str:
    """The signed report as `careloom.services.deidentify` keeps it: ``report`` and ``signature``."""
    report, signature = signed["report"], signed["signature"]
    title = f"De-identification under the policy {report['policy']['name']}"
    return page(
        title,
        [
            f"<h1>{text(title)}</h1>",
            f"<p class=soft>Made {text(report['started'][:16].replace('T', ' '))} UTC by {text(report['actor'])}. "
            f"Run <code>{text(report['run_id'])}</code>. Version {text(report['policy']['version'])} of the policy, "
            f"digest <code>{text(report['policy']['digest'])}</code>.{_project(report)}</p>",
            _types(report),
            _removed(report),
            _detectors(report.get("detectors", [])),
            _targets(report.get("targets")),
            _recall(report.get("recall")),
            _risk(report["risk"]),
            _issues(report),
            f"<h2>Signature</h2><p class=soft>{text(signature['algorithm'])} by the key "
            f"<code>{text(signature['public_key'])}</code> over the JSON form of this report: "
            f"<code>{text(signature['value'])}</code>. Check it: <code>careloom audit signature FILE.json</code>.</p>",
        ],
    )


def _project(report: Json) -> str:
    """Whose pseudonyms the zone bears; a report of an earlier version says nothing of it."""
    if not report.get("project"):
        return ""
    return f" Pseudonyms of the project {text(report['project'])}, epoch {report['epoch']}."


def _types(report: Json) -> str:
    read = sum(one["read"] for one in report["types"])
    kept = sum(one["kept"] for one in report["types"])
    lead = f"<p>{kept:,} of {read:,} resources passed; {read - kept:,} were held back.</p>"
    rows = [
        [f"{text(one['type'])}", f"{one['read']:,}", f"{one['kept']:,}", f"{one['held_back']:,}"]
        for one in report["types"]
    ]
    columns = [("Type", ""), ("Read", "n"), ("Passed", "n"), ("Held back", "n")]
    return "<h2>Resources</h2>" + lead + table("Resources by type", columns, rows)


def _removed(report: Json) -> str:
    found = report["removed"]
    rows = [
        [f"({letter})", text(name.capitalize()), f"{found.get(letter, 0):,}" if found.get(letter) else "none was there"]
        for letter, name in letters().items()
    ]
    rows.append(["text", "Free text, which may hold any of them", f"{found.get(TEXT, 0):,}"])
    columns = [("Letter", ""), ("Identifier of 45 CFR 164.514(b)(2)(i)", ""), ("Taken out or changed", "n")]
    return "<h2>Identifiers taken out</h2>" + table("Identifiers by letter", columns, rows)


def _detectors(detectors: list[dict[str, str]]) -> str:
    if not detectors:
        return ""
    rows = [[text(one["name"]), text(one["version"]), text(one["sends_to"] or "nobody")] for one in detectors]
    columns = [("Detector", ""), ("Version", ""), ("Texts were sent to", "")]
    return "<h2>What looked for identity in texts</h2>" + table("Detectors of texts", columns, rows)


def _recall(recall: Json | None) -> str:
    if not recall:
        return ""
    lead = (
        f"<p>{recall['planted']:,} identifiers of nobody were planted in copies of {recall['notes']:,} of these notes, "
        f"in memory only; {recall['found']:,} were found. The record knew none of them. Intervals are Wilson's, at "
        f"{recall['confidence']:.0%}.{_left_out(recall)}</p>"
    )
    rows = [
        [text(one["label"]) if one["label"] else "All", f"{one['planted']:,}", f"{one['found']:,}",
         f"{one['recall']:.1%}", f"{one['low']:.1%} to {one['high']:.1%}"]
        for one in [recall | {"label": ""}, *recall["by_label"]]
    ]  # fmt: skip
    columns = [("Identifier", ""), ("Planted", "n"), ("Found", "n"), ("Recall", "n"), ("Interval", "n")]
    return "<h2>Recall in texts, measured</h2>" + lead + table("Recall by identifier", columns, rows)


def _left_out(recall: Json) -> str:
    names = text(", ".join(recall.get("left_out", [])))
    return f" Without {names}: these copies were sent to nobody." if names else ""


def _risk(risk: Json | None) -> str:
    title = "<h2>What an attacker could still tell</h2>"
    if risk is None:
        return title + "<p class=soft>No patient passed: there is nobody to tell.</p>"
    known = ", ".join(risk["quasi_identifiers"])
    lead = f"<p>If somebody knew of a person: {text(known)}. A value that is missing counts as a value of its own.</p>"
    rows = [
        [text(measure_title(one["name"])) + (f": {text(one['column'])}" if one["column"] else ""),
         _number(one["value"], one["unit"]), _target(one)]
        for one in risk["measures"]
    ]  # fmt: skip
    return title + lead + table("Residual risk", [("Measure", ""), ("Value", "n"), ("Target", "")], rows)


def _targets(told: Json | None) -> str:
    """What the policy asks of the patients of the zone, what was given up for it, and what was reached."""
    if told is None:
        return ""
    lead = (
        f"<p>Of {told['patients']:,} patients {told['traits_suppressed_patients']:,} lost every trait, "
        f"{told['records_suppressed_patients']:,} their whole record; "
        f"{100 * told['asked']['suppressed_at_most']:.1f} % may. The others' traits are told as below.</p>"
    )
    asked, before, after = told["asked"], told["before"], told["after"]
    rows = [[measure_title("smallest_class"), f"{asked['k']:,}", _plain(before["k"]), _plain(after["k"])]]
    for name, title in (("l", "distinct_l"), ("t", "t")):
        if asked[name] is not None:
            rows += [
                [
                    f"{measure_title(title)}: {text(one)}",
                    _plain(asked[name]),
                    _plain(before[name][one]),
                    _plain(reached),
                ]
                for one, reached in after[name].items()
            ]
    columns = [("Measure", ""), ("Asked", "n"), ("Under the policy alone", "n"), ("Written", "n")]
    levels = [[text(one["column"]), text(one["level"])] for one in told["levels"]]
    return (
        "<h2>Targets</h2>" + lead + table("Targets of the policy", columns, rows)
        + table("How each trait is told", [("Trait", ""), ("Level", "")], levels)
    )  # fmt: skip


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:,.3g}"


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    if unit in ("share", "probability"):
        return f"{100 * value:.1f} %"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def _target(measure: Json) -> str:
    if measure["target"] is None:
        return '<span class="na">none</span>'
    kind, said = ("pass", "met") if measure["holds"] else ("fail", "missed")
    return f'{_number(measure["target"], measure["unit"])} <span class="{kind}">{said}</span>'


def _issues(report: Json) -> str:
    rows = [[f"<code>{text(code)}</code>", f"{count:,}"] for code, count in report["issues"].items()]
    if not rows:
        return "<h2>What was found on the way</h2><p class=soft>Nothing.</p>"
    columns = [("Code", ""), ("Times", "n")]
    return "<h2>What was found on the way</h2>" + table("Findings by code", columns, rows)
