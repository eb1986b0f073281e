"""How the API is used, by the lines that the server keeps of requests; and what jobs took of the machine, measured."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

import orjson

from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.operator_logs import DISORDER, LogsAsk, backwards
from careloom.services.platform import Platform

Json = dict[str, Any]
LOGGER = "careloom.access"
DEFAULT_WINDOW = timedelta(hours=24)
LONGEST_WINDOW = timedelta(days=31)
MOST_READ_BYTES = 32 * 1024 * 1024
"""Of lines that one report is made of: about 120,000 requests; what is older is left out, and that is told."""
STEPS = 24
MOST_ROWS = 200
_MARK = f'"{LOGGER}"'.encode()


@dataclass(slots=True)
class _Tally:
    """What is told of some requests."""

    refused: int = 0
    failed: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, status: int, seconds: float) -> None:
        """Counts one more."""
        self.refused += 400 <= status < 500
        self.failed += status >= 500
        self.seconds.append(seconds)

    def told(self) -> Json:
        """Counts, and the exact quantiles of the seconds, None where there is no request."""
        ordered = sorted(self.seconds)
        named = {"p50_seconds": 0.5, "p95_seconds": 0.95, "p99_seconds": 0.99}
        quantiles = {name: _quantile(ordered, share) for name, share in named.items()}
        return {"requests": len(ordered), "refused": self.refused, "failed": self.failed, **quantiles}


@dataclass(slots=True)
class _Read:
    """What was read of the log, from the newest line backwards.

    oldest    when the earliest request that was read ended; None where none was
    is_whole  all lines of the time were read that are kept
    """

    requests: list[tuple[datetime, Json]] = field(default_factory=list)
    is_whole: bool = True

    @property
    def oldest(self) -> datetime | None:
        """Of all that were read."""
        return min((moment for moment, _ in self.requests), default=None)


def usage(platform: Platform, who: Principal, since: datetime | None, until: datetime | None) -> Json:
    """Requests of a time, half-open: all, by route, by caller, and in `STEPS` steps of time.

    since    None for `DEFAULT_WINDOW` before `until`; never more than `LONGEST_WINDOW` before it
    until    None for now
    raises   AccessError
    returns  ``is_kept`` false where the settings keep no line of requests; ``is_whole`` false where more lines lie in
             the time than one report reads, and all counts begin at ``oldest``
    """
    admit(platform, who, "operate", "landing", operation="usage")
    since, until = window(platform, since, until)
    read = _requests(platform, since, until)
    note(platform, who, "usage", "landing", detail={"requests": len(read.requests)})
    routes, actors = defaultdict[tuple[str, str], _Tally](_Tally), defaultdict[str, _Tally](_Tally)
    steps, whole, step = [_Tally() for _ in range(STEPS)], _Tally(), (until - since) / STEPS
    begin, length = since.timestamp(), step.total_seconds()
    for moment, told in read.requests:
        place = min(STEPS - 1, int((moment.timestamp() - begin) / length))
        name = (str(told.get("method", "")), str(told.get("route", "")))
        for tally in (whole, routes[name], actors[str(told.get("actor", ""))], steps[place]):
            tally.add(int(told["status"]), float(told["duration_seconds"]))
    begins = since if read.is_whole or read.oldest is None else read.oldest
    return {
        "since": since.isoformat(), "until": until.isoformat(), "is_whole": read.is_whole,
        "is_kept": platform.settings.logs.keep_level in ("debug", "info"), "oldest": begins.isoformat(),
        "all": whole.told(),
        "routes": _most({"method": method, "route": route, **one.told()} for (method, route), one in routes.items()),
        "actors": _most({"actor": actor, **one.told()} for actor, one in actors.items()),
        "steps": [{"time": (since + number * step).isoformat(), **one.told()} for number, one in enumerate(steps)],
    }  # fmt: skip


def costs(platform: Platform, who: Principal, since: datetime | None, until: datetime | None) -> Json:
    """What jobs took that were queued in a time, half-open, by kind and asker; the most CPU first.

    since, until  as `usage` takes them
    raises        AccessError
    """
    admit(platform, who, "operate", "landing", operation="costs")
    since, until = window(platform, since, until)
    rows = []
    if platform.has_jobs():
        with platform.jobs() as jobs:
            rows = jobs.spent(since=since, until=until)
    note(platform, who, "costs", "landing", detail={"rows": len(rows)})
    return {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "items": [asdict(row) for row in rows[:MOST_ROWS]],
        "more": max(0, len(rows) - MOST_ROWS),
    }


def window(platform: Platform, since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    """The time that is meant, in UTC; at least a second."""
    end = (platform.runtime.now() if until is None else until).astimezone(UTC)
    start = end - DEFAULT_WINDOW if since is None else since.astimezone(UTC)
    return min(max(start, end - LONGEST_WINDOW), end - timedelta(seconds=1)), end


def _requests(platform: Platform, since: datetime, until: datetime) -> _Read:
    read, size = _Read(), 0
    for _, _, raw in backwards(platform.settings.logs_directory, LogsAsk(since=since, until=until)):
        size += len(raw) + 1
        if size > MOST_READ_BYTES:
            read.is_whole = False
            break
        found = _line(raw) if _MARK in raw else None
        if found is None:
            continue
        moment, line = found
        if moment < since - DISORDER:
            break
        if since <= moment < until:
            read.requests.append((moment, line))
    return read


def _line(raw: bytes) -> tuple[datetime, Json] | None:
    """(when, the line) of a request; None for another one, and for one that a full disk cut."""
    try:
        line: Json = orjson.loads(raw)
        moment = datetime.fromisoformat(line["time"])
        is_request = line["logger"] == LOGGER and isinstance(line["status"], int)
        float(line["duration_seconds"])
    except (ValueError, KeyError, TypeError):
        return None
    return (moment, line) if is_request else None


def _quantile(ordered: list[float], share: float) -> float | None:
    """The least value that this share of all does not exceed."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None


def _most(rows: Iterable[Json]) -> list[Json]:
    """Those with most requests first, `MOST_ROWS` of them."""
    return sorted(rows, key=lambda row: -int(row["requests"]))[:MOST_ROWS]
