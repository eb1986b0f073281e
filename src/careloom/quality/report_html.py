"""A quality report as one HTML file: nothing is loaded from anywhere, it reads well aloud, on paper, light and dark."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from careloom.quality.rules import SEVERITIES

Json = dict[str, Any]
_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--wash:#f6f8fa;--good:#116329;--bad:#a40e26;
--warn:#7d4e00;--paper:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b3;--line:#3d444d;--wash:#151b23;--good:#56d364;
--bad:#ff8182;--warn:#e3b341;--paper:#0d1117}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:2rem 1.25rem;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,sans-serif}h1{margin:0;font-size:1.6rem}h2{margin:2.2rem 0 .6rem;font-size:1.15rem}
p{margin:.3rem 0}.soft{color:var(--soft)}
.scores{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));
margin:1.2rem 0;padding:0;list-style:none}.scores li{border:1px solid var(--line);border-radius:10px;padding:.8rem 1rem}
.scores b{display:block;font-size:1.7rem;line-height:1.2}.wrap{overflow-x:auto}
table{border-collapse:collapse;width:100%;
font-size:.9rem}caption{text-align:left;color:var(--soft);padding:.2rem 0}th,td{text-align:left;vertical-align:top;
padding:.35rem .6rem;border-bottom:1px solid var(--line)}thead th{color:var(--soft);font-weight:600;white-space:nowrap}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.fail{color:var(--bad);font-weight:650}
.pass{color:var(--good);font-weight:650}.na{color:var(--soft)}
code{font:.92em ui-monospace,monospace;overflow-wrap:anywhere}
details{margin:.2rem 0}summary{cursor:pointer}td.heat{text-align:right;font-variant-numeric:tabular-nums}
@media print{details>*{display:block}}
"""
_STATUS = {"fail": ("fail", "Fails"), "pass": ("pass", "Passes"), "not applicable": ("na", "Not applicable")}


def as_html(report: Json) -> str:
    """The report as `careloom.services.quality.quality` gives it."""
    title = f"Data quality of the {report['zone']} zone"
    parts = [
        f"<h1>{_text(title)}</h1>",
        f"<p class=soft>Looked at {_text(report['started'][:16].replace('T', ' '))} UTC by {_text(report['actor'])}: "
        f"{report['resources']:,} resources{_narrowed(report)}. Run <code>{_text(report['run_id'])}</code>.</p>",
        _scores(report),
        _sources(report),
        _rules("Rules that fail", [rule for rule in report["rules"] if rule["status"] == "fail"]),
        _rules("Rules that pass", [rule for rule in report["rules"] if rule["status"] == "pass"]),
        _unused([rule for rule in report["rules"] if rule["status"] == "not applicable"]),
        _completeness(report["completeness"]),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_text(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _text(value: object) -> str:
    return escape(str(value))


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else "&lt; 0.01 %" if 0 < value < 0.01 else f"{value:.2f} %"


def _narrowed(report: Json) -> str:
    said = f" of source {_text(report['source'])}" if report["source"] else ""
    return said + (f", stored since {_text(report['since'])}" if report["since"] else "")


def _scores(report: Json) -> str:
    whole = f"<li>All rules<b>{_score(report['score'])}</b><span class=soft>of 100</span></li>"
    each = "".join(
        f"<li>{_text(one['category'].capitalize())}<b>{_score(one['score'])}</b><span class=soft>{one['failed']} fail, "
        f"{one['passed']} pass, {one['not_applicable']} do not apply</span></li>"
        for one in report["categories"]
    )
    return f"<h2>Scores</h2><ul class=scores>{whole}{each}</ul>"


def _table(caption: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> str:
    """`columns` are (title, class); cells are HTML."""
    head = "".join(f'<th scope="col" class="{kind}">{_text(title)}</th>' for title, kind in columns)
    kinds = [kind for _, kind in columns]
    body = "".join(
        "<tr>"
        + f'<th scope="row" class="{kinds[0]}">{row[0]}</th>'
        + "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in zip(kinds[1:], row[1:], strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class=wrap role="region" tabindex="0" aria-label="{_text(caption)}"><table><caption>{_text(caption)}'
        f"</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _sources(report: Json) -> str:
    names = [one["category"] for one in report["categories"]]
    columns = [("Source", ""), ("Resources", "n"), ("Rules that fail", "n"), ("Score", "n")]
    columns += [(name.capitalize(), "n") for name in names]
    rows = [
        [_text(one["source"] or "unknown"), f"{one['resources']:,}", f"{one['rules_failed']:,}", _score(one["score"]),
         *(_score(one["categories"][name]) for name in names)]
        for one in report["sources"]
    ]  # fmt: skip
    return "<h2>Sources</h2>" + _table("Scores by source", columns, rows)


def _rules(title: str, rules: list[Json]) -> str:
    """The gravest first, then those that most break."""
    rules = sorted(rules, key=lambda rule: (-SEVERITIES[rule["severity"]], -rule["failed"]))
    if not rules:
        return f"<h2>{_text(title)}</h2><p class=soft>None.</p>"
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
        [f"{_text(rule['title'])}<br><code>{_text(rule['id'])}</code>", _status(rule["status"]),
         _text(rule["severity"]),
         f"{rule['failed']:,}", f"{rule['total']:,}", _percent(rule["percent"]), f"{rule['threshold_percent']:g} %",
         _why(rule)]
        for rule in rules
    ]  # fmt: skip
    return f"<h2>{_text(title)}</h2>" + _table(f"{title}: {len(rules)}", columns, rows)


def _status(status: str) -> str:
    kind, said = _STATUS[status]
    return f'<span class="{kind}">{said}</span>'


def _why(rule: Json) -> str:
    said = _text(rule["reason"])
    if rule["remedy"]:
        said += f"<br><span class=soft>{_text(rule['remedy'])}</span>"
    listed = [f"<code>{_text(one)}</code>" for one in rule["examples"]] + [_text(one) for one in rule["notes"]]
    places = [
        f"{_text(one['source'] or 'unknown')}, {_text(one['type'])}{_text('.' + one['path']) if one['path'] else ''}: "
        f"{one['failed']:,} of {one['total']:,}"
        for one in rule["places"]
        if one["failed"]
    ]
    if places or listed:
        items = "".join(f"<li>{one}</li>" for one in [*places, *listed])
        said += f"<details><summary>Where</summary><ul>{items}</ul></details>"
    source = _text(rule["source"])
    if rule["dqd"]:
        source += f"<br>OHDSI Data Quality Dashboard: {_text(', '.join(rule['dqd']))}"
    return said + f"<details><summary>Source of the rule</summary><p class=soft>{source}</p></details>"


def _unused(rules: list[Json]) -> str:
    columns = [("Rule", ""), ("Reason", "")]
    rows = [[f"{_text(rule['title'])}<br><code>{_text(rule['id'])}</code>", _text(rule["reason"])] for rule in rules]
    inside = _table("Rules that do not apply here", columns, rows) if rows else "<p class=soft>None.</p>"
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
            [f"<code>{_text(name)}</code>", *(_percent(share.get(name, 0.0)) for share in shares)] for name in fields
        ]
        total = sum(group["total"] for group in mine)
        parts.append(f"<details><summary>{_text(kind)} ({total:,})</summary>{_table(kind, columns, rows)}</details>")
    return "".join(parts)
