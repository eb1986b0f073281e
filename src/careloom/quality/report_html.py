"""A quality report as one HTML file."""

from typing import Any

from careloom.html_page import page, table, text
from careloom.quality.rules import SEVERITIES

Json = dict[str, Any]
_STATUS = {"fail": ("fail", "Fails"), "pass": ("pass", "Passes"), "not applicable": ("na", "Not applicable")}


def as_html(report: Json) -> str:
    """The report as `careloom.services.quality.quality` gives it."""
    title = f"Data quality of the {report['zone']} zone"
    parts = [
        f"<h1>{text(title)}</h1>",
        f"<p class=soft>Looked at {text(report['started'][:16].replace('T', ' '))} UTC by {text(report['actor'])}: "
        f"{report['resources']:,} resources{_narrowed(report)}. Run <code>{text(report['run_id'])}</code>.</p>",
        _scores(report),
        _sources(report),
        _rules("Rules that fail", [rule for rule in report["rules"] if rule["status"] == "fail"]),
        _rules("Rules that pass", [rule for rule in report["rules"] if rule["status"] == "pass"]),
        _unused([rule for rule in report["rules"] if rule["status"] == "not applicable"]),
        _completeness(report["completeness"]),
    ]
    return page(title, parts)


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else "&lt; 0.01 %" if 0 < value < 0.01 else f"{value:.2f} %"


def _narrowed(report: Json) -> str:
    said = f" of source {text(report['source'])}" if report["source"] else ""
    return said + (f", stored since {text(report['since'])}" if report["since"] else "")


def _scores(report: Json) -> str:
    whole = f"<li>All rules<b>{_score(report['score'])}</b><span class=soft>of 100</span></li>"
    each = "".join(
        f"<li>{text(one['category'].capitalize())}<b>{_score(one['score'])}</b><span class=soft>{one['failed']} fail, "
        f"{one['passed']} pass, {one['not_applicable']} do not apply</span></li>"
        for one in report["categories"]
    )
    return f"<h2>Scores</h2><ul class=scores>{whole}{each}</ul>"


def _sources(report: Json) -> str:
    names = [one["category"] for one in report["categories"]]
    columns = [("Source", ""), ("Resources", "n"), ("Rules that fail", "n"), ("Score", "n")]
    columns += [(name.capitalize(), "n") for name in names]
    rows = [
        [text(one["source"] or "unknown"), f"{one['resources']:,}", f"{one['rules_failed']:,}", _score(one["score"]),
         *(_score(one["categories"][name]) for name in names)]
        for one in report["sources"]
    ]  # fmt: skip
    return "<h2>Sources</h2>" + table("Scores by source", columns, rows)


def _rules(title: str, rules: list[Json]) -> str:
    """The gravest first, then those that most break."""
    rules = sorted(rules, key=lambda rule: (-SEVERITIES[rule["severity"]], -rule["failed"]))
    if not rules:
        return f"<h2>{text(title)}</h2><p class=soft>None.</p>"
    columns = [
        ("Rule", ""),
        ("Status", ""),
        ("Severity", ""),
        ("Broken", "n"),
        ("Of", "n"),
        ("Share", "n"),
        ("Allowed", "n"),
        ("Why", ""),
    ]
    rows = [
        [f"{text(rule['title'])}<br><code>{text(rule['id'])}</code>", _status(rule["status"]),
         text(rule["severity"]),
         f"{rule['failed']:,}", f"{rule['total']:,}", _percent(rule["percent"]), f"{rule['threshold_percent']:g} %",
         _why(rule)]
        for rule in rules
    ]  # fmt: skip
    return f"<h2>{text(title)}</h2>" + table(f"{title}: {len(rules)}", columns, rows)


def _status(status: str) -> str:
    kind, said = _STATUS[status]
    return f'<span class="{kind}">{said}</span>'


def _why(rule: Json) -> str:
    said = text(rule["reason"])
    if rule["remedy"]:
        said += f"<br><span class=soft>{text(rule['remedy'])}</span>"
    listed = [f"<code>{text(one)}</code>" for one in rule["examples"]] + [text(one) for one in rule["notes"]]
    places = [
        f"{text(one['source'] or 'unknown')}, {text(one['type'])}{text('.' + one['path']) if one['path'] else ''}: "
        f"{one['failed']:,} of {one['total']:,}"
        for one in rule["places"]
        if one["failed"]
    ]
    if places or listed:
        items = "".join(f"<li>{one}</li>" for one in [*places, *listed])
        said += f"<details><summary>Where</summary><ul>{items}</ul></details>"
    source = text(rule["source"])
    if rule["dqd"]:
        source += f"<br>OHDSI Data Quality Dashboard: {text(', '.join(rule['dqd']))}"
    return said + f"<details><summary>Source of the rule</summary><p class=soft>{source}</p></details>"


def _unused(rules: list[Json]) -> str:
    columns = [("Rule", ""), ("Reason", "")]
    rows = [[f"{text(rule['title'])}<br><code>{text(rule['id'])}</code>", text(rule["reason"])] for rule in rules]
    inside = table("Rules that do not apply here", columns, rows) if rows else "<p class=soft>None.</p>"
    return f"<h2>Rules that do not apply</h2><details><summary>{len(rules)} rules</summary>{inside}</details>"


def _completeness(groups: list[Json]) -> str:
    """Field by source, one table a type."""
    by_type: dict[str, list[Json]] = {}
    for group in groups:
        by_type.setdefault(group["type"], []).append(group)
    parts = ["<h2>What is there, by source, type and field</h2>"]
    for kind, mine in sorted(by_type.items()):
        shares = [{one["field"]: one["percent"] for one in group["fields"]} for group in mine]
        fields = sorted({name for share in shares for name in share})
        columns = [("Field", ""), *((f"{group['source'] or 'unknown'} ({group['total']:,})", "n") for group in mine)]
        rows = [
            [f"<code>{text(name)}</code>", *(_percent(share.get(name, 0.0)) for share in shares)] for name in fields
        ]
        total = sum(group["total"] for group in mine)
        parts.append(f"<details><summary>{text(kind)} ({total:,})</summary>{table(kind, columns, rows)}</details>")
    return "".join(parts)
