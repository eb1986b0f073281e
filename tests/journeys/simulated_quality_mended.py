"""A CSV extract without the rows that ingestion refused by name, as its operator sends it again.

The rows of a patient that stand together are one record, which one bad row refuses: what else is wrong in it shows
when the bad rows are gone.
"""

import csv
import io
from collections.abc import Sequence

from careloom.issues import Issue
from careloom.pipeline.record import Record
from tests.journeys.simulated_quality_said import LINE


def without_refused(record: Record, issues: Sequence[Issue]) -> bytes:
    """The rows of a refused record that nothing is said of; none where it is not said which row is bad."""
    refusing = [issue for issue in issues if issue.refuses]
    said = [LINE.match(issue.place) for issue in refusing if issue.code != "delimited.encoding"]
    bad = {int(line[1]) for line in said if line}
    if None in said:
        return b""
    own = (record.context.options or {}).get("delimiter", ",")
    lines = record.raw.split(b"\n")
    kept, first = [], 1
    reader = csv.reader(io.StringIO(record.raw.decode("latin-1"), newline=""), delimiter=own)
    for _ in reader:
        row = b"\n".join(lines[first - 1 : reader.line_num])
        if first not in bad and _is_utf8(row):
            kept.append(row.removesuffix(b"\r") + b"\r\n")
        first = reader.line_num + 1
    return b"".join(kept)


def _is_utf8(row: bytes) -> bool:
    try:
        row.decode()
    except UnicodeDecodeError:
        return False
    return True
