"""Groups of duplicates as CSV: one line for each resource. It holds ids, no text that a spreadsheet would run."""

import csv
from collections.abc import Iterable
from io import StringIO

COLUMNS = ("group", "same", "type", "resource", "record")


def as_csv(rows: Iterable[tuple[int, str, str, str, str]]) -> str:
    """RFC 4180: the number of the group, what is the same, the type, ``Type/id``, the id of the source record."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return out.getvalue()
