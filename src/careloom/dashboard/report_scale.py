"""Axes of figures on paper: where a value lies, and which ticks say so. Numbers, logarithms, times and names.

As plotly has it, unless the figure says otherwise: the kind follows from the values, the range from their extremes.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from numbers import Real
from typing import Any

TICKS = 6
DAY = 86400.0
STEPS = (
    60.0, 300.0, 900.0, 1800.0, 3600.0, 3 * 3600.0, 6 * 3600.0, 12 * 3600.0, DAY, 2 * DAY, 7 * DAY, 14 * DAY,
)  # fmt: skip
"""Seconds between ticks of a time axis; longer ones go by months."""
MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240)
MONTH = 30.44 * DAY


@dataclass(frozen=True, slots=True)
class Scale:
    """One axis. Positions are numbers: as they are, log10, seconds since 1970, or places of names.

    kind   linear, log, date or category
    ticks  (position, label), those inside the range
    """

    kind: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    names: Mapping[str, int]

    def position(self, value: Any) -> float | None:
        """The position of a value; None where it has none, as zero on a logarithmic axis."""
        return position(value, self.kind, self.names)

    def share(self, place: float) -> float:
        """How far along the axis a position lies: 0 at its begin, 1 at its end."""
        return (place - self.low) / (self.high - self.low)


def position(value: Any, kind: str, names: Mapping[str, int]) -> float | None:
    """A value as a number of its axis; None where it has none."""
    if value is None:
        return None
    if kind == "category":
        place = names.get(str(value))
        return float(place) if place is not None else _number(value)
    if kind == "date":
        return _seconds(value)
    number = _number(value)
    if number is None or kind != "log":
        return number
    return math.log10(number) if number > 0 else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _seconds(value: Any) -> float | None:
    if isinstance(value, Real):
        return float(value) / 1000  # as plotly has it: milliseconds
    if hasattr(value, "item"):
        value = str(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()


def kind_of(axis: Any, values: Sequence[Any]) -> str:
    """The kind of an axis: what it says, or what its values are."""
    said = axis.type
    if said in {"linear", "log", "date", "category"}:
        return str(said)
    seen = [value for value in values if value is not None][:200]
    if not seen or all(_number(value) is not None for value in seen):
        return "linear"
    return "date" if all(_seconds(value) is not None for value in seen) else "category"


def names_of(axis: Any, values: Iterable[Any]) -> dict[str, int]:
    """The places of names on an axis, in the order that the figure asks for, else in which they come."""
    given = list(axis.categoryarray) if axis.categoryarray is not None else []
    order = dict.fromkeys(str(value) for value in [*given, *values] if value is not None)
    listed = list(order)
    if axis.categoryorder in {"category ascending", "category descending"}:
        listed.sort(reverse=axis.categoryorder == "category descending")
    return {name: place for place, name in enumerate(listed)}


def scale(
    axis: Any, kind: str, names: Mapping[str, int], places: Sequence[float], *, has_bars: bool, is_tight: bool
) -> Scale:
    """The scale of an axis over the positions of its values.

    has_bars  its values are lengths: zero belongs to them
    is_tight  nothing is drawn around a value: no room beyond the extremes
    """
    low, high = _range(axis, kind, names, places, has_bars=has_bars, is_tight=is_tight)
    return Scale(kind, low, high, ticks(axis, kind, names, low, high), names)


def _range(
    axis: Any, kind: str, names: Mapping[str, int], places: Sequence[float], *, has_bars: bool, is_tight: bool
) -> tuple[float, float]:
    given = [None, None] if axis.range is None else list(axis.range)
    ends = [_seconds(each) if kind == "date" else _number(each) for each in given]
    if kind == "category":
        low, high = -0.5, max(len(names), 1) - 0.5
    else:
        low, high = (min(places), max(places)) if places else (0.0, 1.0)
        if kind == "linear" and (has_bars or axis.rangemode in {"tozero", "nonnegative"}):
            low, high = min(low, 0.0), max(high, 0.0)
        room = 0.0 if is_tight else (high - low) * 0.05
        low, high = (low if has_bars and low == 0 else low - room), (high if has_bars and high == 0 else high + room)
    low, high = (low if ends[0] is None else ends[0]), (high if ends[1] is None else ends[1])
    if low == high:
        low, high = (low - DAY, high + DAY) if kind == "date" else (low - 0.5, high + 0.5)
    is_turned = axis.range is None and str(axis.autorange or "").endswith("reversed")
    return (high, low) if is_turned else (low, high)


def ticks(axis: Any, kind: str, names: Mapping[str, int], low: float, high: float) -> tuple[tuple[float, str], ...]:
    """The ticks between two positions: those of the figure, or round ones."""
    least, most = min(low, high), max(low, high)
    if axis.showticklabels is False or axis.visible is False:
        return ()
    if axis.tickvals is not None:
        texts = list(axis.ticktext) if axis.ticktext is not None else [said(axis, each) for each in axis.tickvals]
        found = [(position(each, kind, names), str(text)) for each, text in zip(axis.tickvals, texts, strict=False)]
    elif kind == "category":
        found = [(float(place), name) for name, place in names.items()]
    elif kind == "date":
        found = [(each.timestamp(), label) for each, label in _times(least, most)]
    elif kind == "log":
        found = [(each, said(axis, 10**each)) for each in _powers(least, most)]
    else:
        found = [(each, said(axis, each)) for each in rounds(least, most)]
    room = (most - least) * 1e-6
    return tuple((place, text) for place, text in found if place is not None and least - room <= place <= most + room)


def said(axis: Any, value: Any) -> str:
    """A number as its axis writes it."""
    number = _number(value)
    if number is None:
        return str(value)
    text = written(number)
    if axis.tickformat:
        try:
            text = format(number, str(axis.tickformat).replace("~", ""))
        except ValueError:
            text = written(number)
    return f"{axis.tickprefix or ''}{text}{axis.ticksuffix or ''}"


def written(number: float) -> str:
    """``12,000``, ``0.25``, ``1.5e-07``: a number as short as it is exact to six digits."""
    if number == 0:
        return "0"
    if abs(number) >= 1e12 or abs(number) < 1e-4:
        return f"{number:.3g}"
    text = f"{number:,.6f}" if abs(number) < 1000 else f"{number:,.2f}"
    text = text.rstrip("0").rstrip(".")
    return text.replace("-", "−")


def rounds(low: float, high: float, wanted: int = TICKS) -> list[float]:
    """Round numbers between two, some `wanted` of them."""
    if not high > low:
        return [low]
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 2.5, 5, 10) if each * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def _powers(low: float, high: float) -> list[float]:
    """Positions of powers of ten, with 2 and 5 where there are few of those."""
    whole = [float(each) for each in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)]
    if len(whole) > TICKS + 2:
        return whole[:: -(-len(whole) // TICKS)]
    if len(whole) >= 3:
        return whole
    between = [each + math.log10(part) for each in range(math.floor(low), math.ceil(high) + 1) for part in (1, 2, 5)]
    return [each for each in between if low - 1e-9 <= each <= high + 1e-9]


def _times(low: float, high: float) -> list[tuple[datetime, str]]:
    """Round times and how they are written."""
    rough = (high - low) / TICKS
    if rough > STEPS[-1] * 1.2:
        return _months(low, high, next((each for each in MONTHS if each * MONTH >= rough), MONTHS[-1]))
    step = next((each for each in STEPS if each >= rough), STEPS[-1])
    first = math.ceil(low / step) * step
    if step >= DAY:
        first = math.ceil(low / DAY) * DAY
    moments = []
    while first <= high:
        moments.append(datetime.fromtimestamp(first, UTC))
        first += step
    if step >= DAY:
        return [(each, f"{each:%-d %b %Y}" if place == 0 else f"{each:%-d %b}") for place, each in enumerate(moments)]
    return [(each, f"{each:%-d %b %H:%M}" if place == 0 or each.hour + each.minute == 0 else f"{each:%H:%M}")
            for place, each in enumerate(moments)]  # fmt: skip


def _months(low: float, high: float, step: int) -> list[tuple[datetime, str]]:
    begin = datetime.fromtimestamp(0, UTC) + timedelta(seconds=low)
    count = begin.year * 12 + begin.month - 1
    count = -(-count // step) * step
    moments = []
    while True:
        if not 12 <= count < 9999 * 12:
            break
        moment = datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)
        if moment.timestamp() > high:
            break
        if moment.timestamp() >= low:
            moments.append(moment)
        count += step
    return [(each, f"{each:%Y}" if step >= 12 else f"{each:%b %Y}") for each in moments]
