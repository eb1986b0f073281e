"""JSON log lines from an allow-list of fields, so that nothing of a patient can reach a log.

A field that is not allowed is replaced by ``dropped_fields``; free text from data is never logged: log an issue's code.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import IO

ALLOWED_FIELDS = frozenset(
    {
        "run_id", "job_id", "manifest_id", "shard", "stage", "stage_version", "zone", "operation", "actor", "format",
        "records", "resources", "stored", "quarantined", "merged", "unchanged", "duration_seconds", "bytes", "position",
        "issue_code", "error_code", "resource_type", "status", "attempt", "table", "version", "port", "count",
        "request_id", "method", "route", "places",
    }
)  # fmt: skip


class JsonLines(logging.Formatter):
    """One JSON object a record: time, level, logger, event and the allowed fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON. The message is the template itself: its arguments are never interpolated."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.msg if isinstance(record.msg, str) else type(record.msg).__name__,
        }
        fields = getattr(record, "fields", {})
        line |= {name: value for name, value in fields.items() if name in ALLOWED_FIELDS}
        dropped = sorted(set(fields) - ALLOWED_FIELDS)
        if dropped:
            line["dropped_fields"] = dropped
        if record.exc_info and record.exc_info[0] is not None:
            line["error_type"] = record.exc_info[0].__name__
        return json.dumps(line, sort_keys=False, default=lambda value: type(value).__name__)


def configure(level: str = "warning", stream: IO[str] | None = None) -> None:
    """Sends all of Careloom's log lines to `stream` (standard error by default) at `level` and above."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("careloom")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False


def log(name: str, event: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Writes one line: `event` is a fixed sentence, `fields` are names from `ALLOWED_FIELDS`."""
    logging.getLogger(name).log(level, event, extra={"fields": fields})
