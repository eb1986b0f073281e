"""The log of this installation for who operates it: lines of all processes, newest first, found by what they say."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from careloom import logs
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.settings import Settings

LEVELS = ("debug", "info", "warning", "error", "critical")
MOST_SCANNED_BYTES = 32 * 1024 * 1024
"""Of one page: what is rare is looked for in several."""
_BLOCK_BYTES = 64 * 1024
DISORDER = timedelta(minutes=1)
"""So much later may a line stand before an earlier one: several processes write."""
_NAMED = ("time", "level", "logger", "event")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsAsk:
    """Which lines.

    since, until  half-open, UTC-aware
    level         the least
    code          of an error or an issue
    request       id of a request, as answers and the audit chain carry it
    component     name of a logger, or the beginning of it up to a dot
    place         where the page before ended: file and offset; empty for the newest
    """

    since: datetime | None = None
    until: datetime | None = None
    level: str = "debug"
    code: str = ""
    request: str = ""
    component: str = ""
    limit: int = 100
    place: tuple[str, int] | None = None


def keep_lines(settings: Settings) -> None:
    """Keeps the lines of this process from now on, as the settings say."""
    told = settings.logs
    if told.keep_level != "off":
        folder = settings.logs_directory
        logs.keep(folder, told.keep_level, days=told.keep_days, day_bytes=told.keep_day_bytes)


def lines(platform: Platform, who: Principal, ask: LogsAsk) -> tuple[list[dict[str, Any]], tuple[str, int] | None]:
    """(lines, where the next page goes on, None behind the oldest). raises AccessError"""
    admit(platform, who, "operate", "landing", operation="logs")
    found: list[dict[str, Any]] = []
    place, scanned = None, 0
    for name, start, raw in backwards(platform.settings.logs_directory, ask):
        scanned += len(raw) + 1
        line = _read(raw)
        if line is not None and ask.since is not None and _time(line) < ask.since - DISORDER:
            break
        if line is not None and _fits(line, ask):
            found.append(line)
        if len(found) == ask.limit or scanned >= MOST_SCANNED_BYTES:
            place = (name, start)
            break
    note(platform, who, "logs", "landing", detail={"listed": len(found)})
    return found, place


def backwards(folder: Path, ask: LogsAsk) -> Iterator[tuple[str, int, bytes]]:
    """(file, offset, line) of the days that `ask` names, the newest first, from its `place` on."""
    for path in sorted(folder.glob(f"*{logs.KEPT_SUFFIX}"), reverse=True):
        day, end = path.name.removesuffix(logs.KEPT_SUFFIX), path.stat().st_size
        if ask.place is not None:
            if path.name > ask.place[0]:
                continue
            end = min(end, ask.place[1]) if path.name == ask.place[0] else end
        if ask.until is not None and day > f"{ask.until:%Y-%m-%d}":
            continue
        if ask.since is not None and day < f"{ask.since - DISORDER:%Y-%m-%d}":
            return
        for start, raw in _lines_before(path, end):
            yield path.name, start, raw


def _lines_before(path: Path, end: int) -> Iterator[tuple[int, bytes]]:
    """(offset, line) of the lines that begin before `end`, the last one first."""
    with path.open("rb") as file:
        held = b""
        while end > 0 or held:
            size = min(_BLOCK_BYTES, end)
            end -= size
            file.seek(end)
            held = file.read(size) + held
            first, *whole = held.split(b"\n")
            offset = end + len(held)
            for raw in reversed(whole):
                offset -= len(raw)
                if raw:
                    yield offset, raw
                offset -= 1
            held = first
            if end == 0:
                if held:
                    yield 0, held
                return


def _read(raw: bytes) -> dict[str, Any] | None:
    """A line with what it tells apart; None for one that a full disk cut."""
    try:
        told = orjson.loads(raw)
        line = {name: str(told.pop(name)) for name in _NAMED}
        datetime.fromisoformat(line["time"])
    except (ValueError, KeyError, AttributeError):
        return None
    return {**line, "fields": told}


def _time(line: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["time"])


def _fits(line: dict[str, Any], ask: LogsAsk) -> bool:
    moment, fields = _time(line), line["fields"]
    if (ask.since is not None and moment < ask.since) or (ask.until is not None and moment >= ask.until):
        return False
    if line["level"] in LEVELS and LEVELS.index(line["level"]) < LEVELS.index(ask.level):
        return False
    if ask.code and ask.code not in (fields.get("error_code"), fields.get("issue_code")):
        return False
    if ask.component and not f"{line['logger']}.".startswith(f"{ask.component}."):
        return False
    return not ask.request or fields.get("request_id") == ask.request
