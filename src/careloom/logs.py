"""JSON log lines from an allow-list of fields, so that nothing of a patient can reach a log.

A field that is not allowed is replaced by ``dropped_fields``; free text from data is never logged: log an issue's code.
"""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

KEPT_SUFFIX = ".ndjson"
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
    handler.setLevel(level.upper())
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False


class KeptLines(logging.Handler):
    """Appends each line to the file of its day, which all processes share; stops for the day where that is full.

    folder     made with mode 0700; files of days before the last `days` are removed when a new one begins
    day_bytes  of one day
    """

    def __init__(self, folder: Path, *, days: int, day_bytes: int) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self._folder, self._days, self._day_bytes = folder, days, day_bytes
        self._opened = (0, "", -1)

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the line at once: one write of an appended file is whole, whoever else writes."""
        try:
            line = self.format(record).encode() + b"\n"
            file = self._file_of(f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%d}")
            if os.fstat(file).st_size + len(line) <= self._day_bytes:
                os.write(file, line)
        except OSError:
            self.handleError(record)

    def _file_of(self, day: str) -> int:
        owner, opened, file = self._opened
        if (owner, opened) != (os.getpid(), day):
            if owner == os.getpid() and file >= 0:
                os.close(file)
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            file = os.open(self._folder / f"{day}{KEPT_SUFFIX}", flags, 0o600)
            self._opened = (os.getpid(), day, file)
            for old in sorted(self._folder.glob(f"*{KEPT_SUFFIX}"))[: -self._days]:
                old.unlink(missing_ok=True)
        return file


def keep(folder: Path, level: str, *, days: int, day_bytes: int) -> None:
    """Keeps lines of `level` and above in a folder, beside what `configure` set up; call it after that."""
    handler, logger = KeptLines(folder, days=days, day_bytes=day_bytes), logging.getLogger("careloom")
    handler.setLevel(level.upper())
    logger.handlers[:] = [one for one in logger.handlers if not isinstance(one, KeptLines)] + [handler]
    logger.setLevel(min(logger.level or logging.WARNING, handler.level))


def log(name: str, event: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Writes one line: `event` is a fixed sentence, `fields` are names from `ALLOWED_FIELDS`."""
    logging.getLogger(name).log(level, event, extra={"fields": fields})
