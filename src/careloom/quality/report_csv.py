"""A quality report as CSV: each rule in each place, what was found in words, or how often each element is there."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import StringIO
from types import MappingProxyType
from typing import Any

from careloom.quality.rules import SEVERITIES

Json = dict[str, Any]
COLUMNS = (
    "rule", "title", "category", "subcategory", "severity", "dqd", "threshold_percent", "status", "source",
    "type", "path", "total", "failed", "percent",
)  # fmt: skip
FINDING_COLUMNS = (
    "rule", "title", "category", "subcategory", "severity", "status", "failed", "total", "percent",
    "threshold_percent", "reason", "remedy", "where", "examples", "notes",
)  # fmt: skip
FIELD_COLUMNS = ("source", "type", "field", "total", "count", "percent")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(report: Json) -> str:
    """RFC 4180. A rule that applies nowhere has one line without a place.

    Text that a spreadsheet would run as a formula begins with an apostrophe.
    """
    rows: list[Sequence[object]] = []
    for rule in report["rules"]:
        said = [rule["id"], rule["title"], rule["category"], rule["subcategory"], rule["severity"],
                " ".join(rule["dqd"]), rule["threshold_percent"], rule["status"]]  # fmt: skip
        for place in rule["places"] or [{}]:
            where = [place.get(name, "") for name in ("source", "type", "path", "total", "failed", "percent")]
            rows.append((*said, *where))
    return _written(COLUMNS, rows)


def findings_csv(report: Json) -> str:
    """RFC 4180. One line for each rule as it is shown: those that fail first, the gravest and most broken ahead.

    ``where`` names the places that break it, ``examples`` some of the resources that do.
    """
    order = {"fail": 0, "pass": 1}
    rules = sorted(
        report["rules"], key=lambda one: (order.get(one["status"], 2), -SEVERITIES[one["severity"]], -one["failed"])
    )
    rows = [
        [rule["id"], *(rule[name] for name in FINDING_COLUMNS[1:-3]),
         *("; ".join(map(str, some)) for some in (_where(rule), rule["examples"], rule["notes"]))]
        for rule in rules
    ]  # fmt: skip
    return _written(FINDING_COLUMNS, rows)


def completeness_csv(report: Json) -> str:
    """RFC 4180. How many resources of each source and type have each element, in the order of the report."""
    rows = [
        (group["source"], group["type"], one["field"], group["total"], one["count"], one["percent"])
        for group in report["completeness"]
        for one in group["fields"]
    ]
    return _written(FIELD_COLUMNS, rows)


TABLES: Mapping[str, Callable[[Json], str]] = MappingProxyType(
    {"rules": as_csv, "findings": findings_csv, "completeness": completeness_csv}
)
"""What of a report to write -> how."""


def _where(rule: Json) -> Iterable[str]:
    for one in rule["places"]:
        if one["failed"]:
            at = f"{one['type']}.{one['path']}" if one["path"] else one["type"]
            yield f"{one['source'] or 'unknown'}, {at}: {one['failed']} of {one['total']}"


def _written(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return out.getvalue()


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
