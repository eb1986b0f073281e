"""A quality report as CSV: one line for each rule, source, type and path; or for each element that is there."""

import csv
from io import StringIO
from typing import Any

COLUMNS = (
    "rule", "title", "category", "subcategory", "severity", "dqd", "threshold_percent", "status", "source",
    "type", "path", "total", "failed", "percent",
)  # fmt: skip
FIELD_COLUMNS = ("source", "type", "field", "total", "count", "percent")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(report: dict[str, Any]) -> str:
    """RFC 4180. A rule that applies nowhere has one line without a place.

    Text that a spreadsheet would run as a formula begins with an apostrophe.
    """
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for rule in report["rules"]:
        said = [rule["id"], rule["title"], rule["category"], rule["subcategory"], rule["severity"],
                " ".join(rule["dqd"]), rule["threshold_percent"], rule["status"]]  # fmt: skip
        for place in rule["places"] or [{}]:
            where = [place.get(name, "") for name in ("source", "type", "path", "total", "failed", "percent")]
            writer.writerow([_harmless(cell) for cell in (*said, *where)])
    return out.getvalue()


def completeness_csv(report: dict[str, Any]) -> str:
    """RFC 4180. How many resources of each source and type have each element, in the order of the report."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(FIELD_COLUMNS)
    for group in report["completeness"]:
        for one in group["fields"]:
            said = (group["source"], group["type"], one["field"], group["total"], one["count"], one["percent"])
            writer.writerow([_harmless(cell) for cell in said])
    return out.getvalue()


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
