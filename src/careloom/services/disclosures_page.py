"""The accounting of disclosures to hand over: CSV, and a page to print."""

import csv
import io
from collections.abc import Mapping
from html import escape
from typing import Any

COLUMNS = ("date", "recipient", "description", "purpose", "purpose_text", "count")
_STYLE = (
    "body{font:11pt/1.4 Georgia,serif;margin:2cm;color:#111}table{border-collapse:collapse;width:100%}"
    "th,td{border:1px solid #777;padding:4px 8px;text-align:left;vertical-align:top}th{background:#eee}"
    "@media print{body{margin:0}tr{page-break-inside:avoid}}"
)
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def as_csv(report: Mapping[str, Any]) -> str:
    """One row a disclosure, RFC 4180; a cell that a spreadsheet would run is quoted with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for one in report["disclosures"]:
        writer.writerow([_plain(one[name]) for name in COLUMNS])
    return out.getvalue()


def as_html(report: Mapping[str, Any]) -> str:
    """A page to print: whose, of what time, each disclosure, and what was left out by which rule."""
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(str(one[name]))}</td>" for name in ("date", "recipient", "description"))
        + f"<td>{escape(one['purpose_text'])} ({escape(one['purpose'])})</td><td>{one['count']}</td></tr>"
        for one in report["disclosures"]
    )  # fmt: skip
    left = "".join(f"<li>{escape(one['rule'])}: {one['count']}</li>" for one in report["excluded"])
    nothing = "" if rows else "<p>There were no disclosures that have to be accounted for.</p>"
    head = "".join(f"<th>{name}</th>" for name in ("Date", "Recipient", "What was disclosed", "Purpose", "Times"))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Accounting of disclosures</title>'
        f"<style>{_STYLE}</style></head><body><h1>Accounting of disclosures</h1>"
        f"<p>{escape(report['patient'])}, from {escape(report['since'][:10])} to {escape(report['until'][:10])}, "
        f"by {escape(report['rule'])}.</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{nothing}"
        f"<h2>Left out, as the rule says</h2><ul>{left}</ul></body></html>\n"
    )


def _plain(value: Any) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(_DANGEROUS) else text
