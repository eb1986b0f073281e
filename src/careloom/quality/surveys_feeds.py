"""Surveys of feeds: days on which a source sent far more or less than it does, and days on which it sent nothing."""

from collections import Counter
from collections.abc import Iterator
from statistics import median

from careloom.quality.days import day_text, span_of
from careloom.quality.paths import compiled
from careloom.quality.surveys import Ask, Outcome, Seen

WEEK = 7


class _Days:
    """How many resources of a type happened on each day, by source."""

    def __init__(self, ask: Ask) -> None:
        self._on = ask.rule.on
        self._events = {kind: compiled(path) for kind, path in ask.book.events.items()}
        self._now = int(ask.scene.now)
        self.counts: dict[tuple[str, str], Counter[int]] = {}

    def take(self, seen: Seen) -> None:
        """Counts one resource on the day on which it happened."""
        find = self._events.get(seen.kind)
        if seen.kind not in self._on or find is None:
            return
        found = find(seen.resource)
        span = span_of(found[0]) if found and isinstance(found[0], str) else None
        if span is not None and span.high - span.low <= 1 and span.low <= self._now:
            self.counts.setdefault((seen.source, seen.kind), Counter())[int(span.low // 1)] += 1

    def series(self, least_a_day: float, days: int) -> Iterator[tuple[str, str, dict[int, int]]]:
        """Feeds that are dense enough to be judged, each with every day of its last `days`."""
        for (source, kind), counted in self.counts.items():
            last = max(counted)
            first = max(min(counted), last - days + 1)
            every = {day: counted.get(day, 0) for day in range(first, last + 1)}
            if len(every) >= 4 * WEEK and median(every.values()) >= least_a_day:
                yield source, kind, every


def _usual(every: dict[int, int], day: int, weeks: int) -> tuple[float, float]:
    """Median and spread of the same weekday in the weeks around, without the day itself."""
    around = [every[day + WEEK * step] for step in range(-weeks, weeks + 1) if step and day + WEEK * step in every]
    if len(around) < 3:
        around = [count for other, count in every.items() if other != day and abs(other - day) <= weeks * WEEK]
    middle = median(around)
    spread = 1.4826 * median(abs(count - middle) for count in around)
    return middle, max(spread, middle**0.5, 1.0)


class Volume(_Days):
    """Days with far more or far fewer resources than that weekday has in the weeks around."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self._parameters = ask.rule.parameters

    def outcomes(self) -> Iterator[Outcome]:
        """Per source and type; counted in days."""
        wanted = self._parameters
        for source, kind, every in self.series(wanted["least_a_day"], wanted["days"]):
            notes = []
            for day, count in every.items():
                middle, spread = _usual(every, day, 4)
                if abs(count - middle) > wanted["distance"] * spread and count:
                    notes.append(f"{day_text(day)}: {count:,} instead of about {middle:,.0f}")
            yield Outcome(source, kind, "", len(every), [], tuple(notes))


class Gaps(_Days):
    """Days without a single resource of a feed that sends every day of the week."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self._parameters = ask.rule.parameters

    def outcomes(self) -> Iterator[Outcome]:
        """Per source and type; counted in days."""
        wanted = self._parameters
        for source, kind, every in self.series(wanted["least_a_day"], wanted["days"]):
            notes = [
                f"{day_text(day)}: none instead of about {_usual(every, day, 4)[0]:,.0f}"
                for day, count in every.items()
                if not count and _usual(every, day, 4)[0] >= wanted["least_a_day"]
            ]
            yield Outcome(source, kind, "", len(every), [], tuple(notes))
