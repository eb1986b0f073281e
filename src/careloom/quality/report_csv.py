"""A quality report as CSV: one line for each rule, source, type and path."""

import csv
from io import StringIO
from typing import Any

COLUMNS = (
    "rule", "title", "category", "subcategory", "severity", "dqd", "threshold_percent", "status", "source",
    "type", "path", "total", "failed", "percent",
)  # fmt: skip
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


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
