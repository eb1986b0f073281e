"""Surveys of measured values: against all others of their code and unit, and against the patient's own.

Kept as columns: 32 bytes a value. numpy is imported when the columns are read.
"""

from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from careloom.quality.days import span_of
from careloom.quality.paths import compiled
from careloom.quality.quantities import Measure, measured, measures
from careloom.quality.scene import patient_of
from careloom.quality.surveys import Ask, Outcome, Seen

if TYPE_CHECKING:
    import numpy as np

_MAD_TO_SIGMA = 1.4826
"""A normal distribution's standard deviation over its median absolute deviation (Rousseeuw and Croux, J Am Stat Assoc
1993;88:1273-1283)."""
_MEAN_TO_SIGMA = 1.2533
"""The same over the mean absolute deviation, which stands in where more than half of the values are the median: scores
of few points (Iglewicz B, Hoaglin D, How to Detect and Handle Outliers, ASQC 1993)."""
_LEAST_SPREAD = 0.01
"""A spread below this share of the median counts as this share: rounding makes no outliers of a constant column."""

_NEIGHBOURS = 2
"""So many values before and after one say whether it stands alone."""


class _Values:
    """Numbers by group."""

    def __init__(self) -> None:
        self.names: dict[tuple[str, str, str], int] = {}
        self.groups: array[int] = array("i")
        self.values: array[float] = array("d")
        self.rows: array[int] = array("q")
        self.who: array[int] = array("q")
        self.days: array[float] = array("f")

    def add(self, name: tuple[str, str, str], value: float, row: int, who: int, day: float) -> None:
        """Notes one value. `name` is source, code and unit; `day` when it was measured, in days since 1970."""
        self.groups.append(self.names.setdefault(name, len(self.names)))
        self.values.append(value)
        self.rows.append(row)
        self.who.append(who)
        self.days.append(day)

    def columns(self) -> "tuple[np.ndarray[Any, Any], ...]":
        """groups, values, rows, who, days as numpy arrays over the same memory."""
        import numpy as np  # noqa: PLC0415 - only a survey that found numbers needs it

        return (
            np.frombuffer(self.groups, np.int32), np.frombuffer(self.values, np.float64),
            np.frombuffer(self.rows, np.int64), np.frombuffer(self.who, np.int64),
            np.frombuffer(self.days, np.float32),
        )  # fmt: skip


class Outliers:
    """Values far from the median of their source, LOINC code and unit, on a linear and on a logarithmic scale both.

    Told where the patient's values next in time are not far too: an extreme that lasts is an illness.
    """

    def __init__(self, ask: Ask) -> None:
        self._distance = float(ask.rule.parameters["distance"])
        self._least = int(ask.rule.parameters["least_patients"])
        self._time = compiled(ask.book.events["Observation"])
        self._values = _Values()

    def take(self, seen: Seen) -> None:
        """Notes the numbers of one Observation."""
        if seen.kind == "Observation":
            who, day = hash(patient_of(seen.resource)), _day_of(self._time(seen.resource))
            for code, value, unit in measured(seen.resource):
                self._values.add((seen.source, code, unit), value, seen.row, who, day)

    def outcomes(self) -> Iterator[Outcome]:
        """Per source; groups of fewer patients than `least_patients` are not judged."""
        import numpy as np  # noqa: PLC0415

        found: dict[str, tuple[int, list[int]]] = {}
        for name, values, rows, who in self._each():
            total, broken = found.get(name[0], (0, []))
            if len(np.unique(who)) >= self._least:
                far = _distance(values)
                if values.min() > 0:
                    far = _least_of(far, values)
                alone = [at for at in np.flatnonzero(far > self._distance).tolist() if self._is_alone(far, who, at)]
                total, broken = total + len(values), broken + rows[alone].tolist()
            found[name[0]] = (total, broken)
        for source, (total, broken) in found.items():
            yield Outcome(source, "Observation", "valueQuantity.value", total, sorted(set(broken)))

    def _is_alone(self, far: Any, who: Any, at: int) -> bool:
        """Whether less than half of the patient's values next in time are far too, half the distance being enough."""
        near = [*range(max(0, at - _NEIGHBOURS), at), *range(at + 1, min(len(far), at + 1 + _NEIGHBOURS))]
        own = [far[one] > self._distance / 2 for one in near if who[one] == who[at]]
        return 2 * sum(map(bool, own)) < max(1, len(own))

    def _each(self) -> Iterator[tuple[tuple[str, str, str], Any, Any, Any]]:
        """Name, values, rows and patients of each group, by patient and time."""
        if not self._values.names:
            return
        import numpy as np  # noqa: PLC0415

        groups, values, rows, who, days = self._values.columns()
        order = np.lexsort((rows, days, who, groups))
        ends = np.searchsorted(groups[order], np.arange(len(self._values.names) + 1))
        for name, number in self._values.names.items():
            part = order[ends[number] : ends[number + 1]]
            yield name, values[part], rows[part], who[part]


def _distance(values: Any) -> Any:
    """How many robust standard deviations each value lies from the median."""
    import numpy as np  # noqa: PLC0415

    middle = np.median(values)
    off = np.abs(values - middle)
    return off / max(_spread(off), abs(float(middle)) * _LEAST_SPREAD, 1e-9)


def _spread(off: Any) -> float:
    """The standard deviation that distances from a median speak of."""
    import numpy as np  # noqa: PLC0415

    return float(np.median(off)) * _MAD_TO_SIGMA or float(np.mean(off)) * _MEAN_TO_SIGMA


def _least_of(far: Any, values: Any) -> Any:
    import numpy as np  # noqa: PLC0415

    logs = np.log(values)
    off = np.abs(logs - np.median(logs))
    return np.minimum(far, off / max(_spread(off), _LEAST_SPREAD))


class UsualUnit:
    """Values in a unit that their source hardly ever uses for that code: a laboratory reports a test in one unit.

    Judged where a source has at least `least_values` values of the code; a unit is unusual when it makes up less than
    `share` of them, or stands there once only.
    """

    def __init__(self, ask: Ask) -> None:
        self._share = float(ask.rule.parameters["share"])
        self._least = int(ask.rule.parameters["least_values"])
        self._rows: dict[tuple[str, str], dict[str, array[int]]] = {}

    def take(self, seen: Seen) -> None:
        """Notes the units of one Observation."""
        if seen.kind == "Observation":
            for code, _, unit in measured(seen.resource, any_system=True):
                units = self._rows.setdefault((seen.source, code), {})
                units.setdefault(unit, array("q")).append(seen.row)

    def outcomes(self) -> Iterator[Outcome]:
        """Per source; codes with fewer values than `least_values` are not judged."""
        found: dict[str, tuple[int, list[int]]] = {}
        for (source, _), units in self._rows.items():
            total, broken = found.get(source, (0, []))
            count = sum(map(len, units.values()))
            if count >= self._least:
                rare = [rows for rows in units.values() if len(rows) < max(self._share * count, 2)]
                total, broken = total + count, broken + [row for rows in rare for row in rows]
            found[source] = (total, broken)
        for source, (total, broken) in found.items():
            yield Outcome(source, "Observation", "valueQuantity.code", total, sorted(set(broken)))


class OwnHistory:
    """Values that differ from the patient's others by just the factor between two units that senders mix up.

    A weight of 176 among others of 80 kg is one in pounds, although nobody would doubt it by itself. Judged where a
    patient has at least `least_values` values of a code that agree with each other; told where the values next in time
    are the patient's usual ones: what falls and rises over days is an illness.
    """

    def __init__(self, ask: Ask) -> None:
        self._table = measures(ask.book.quantities)
        self._least = int(ask.rule.parameters["least_values"])
        self._tolerance = float(ask.rule.parameters["tolerance"])
        self._time = compiled(ask.book.events["Observation"])
        self._values = _Values()

    def take(self, seen: Seen) -> None:
        """Notes the numbers of one Observation, in the main unit of their code."""
        if seen.kind != "Observation":
            return
        subject = seen.resource.get("subject", {}).get("reference")
        if not isinstance(subject, str):
            return
        for code, value, unit in measured(seen.resource):
            measure = self._table.get(code)
            scale = measure.units.get(unit) if measure is not None else None
            if measure is not None and scale is not None and (measure.confused or len(measure.units) > 1):
                name = (seen.source, code, "")
                day = _day_of(self._time(seen.resource))
                self._values.add(name, value * scale.factor + scale.offset, seen.row, hash(subject), day)

    def outcomes(self) -> Iterator[Outcome]:
        """Per source."""
        import numpy as np  # noqa: PLC0415

        if not self._values.names:
            return
        groups, values, rows, who, days = self._values.columns()
        order = np.lexsort((rows, days, who, groups))
        groups, values, rows, who = groups[order], values[order], rows[order], who[order]
        new = np.flatnonzero((np.diff(groups) != 0) | (np.diff(who) != 0)) + 1
        starts, ends = np.concatenate(([0], new)), np.concatenate((new, [len(groups)]))
        names = list(self._values.names)
        found: dict[str, tuple[int, list[int]]] = {name[0]: (0, []) for name in names}
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            if end - start >= self._least:
                source, code, _ = names[groups[start]]
                total, broken = found[source]
                part = values[start:end]
                off = _off_by_unit(part, self._table[code], self._tolerance)
                off = [at for at in np.flatnonzero(off).tolist() if _stands_alone(part, at, self._tolerance)]
                found[source] = (total + end - start, broken + rows[start:end][off].tolist())
        for source, (total, broken) in found.items():
            yield Outcome(source, "Observation", "valueQuantity.value", total, sorted(set(broken)))


def _day_of(found: list[Any]) -> float:
    """Days since 1970; infinite where it is not known, so that it stands behind the others."""
    span = span_of(found[0]) if found and isinstance(found[0], str) else None
    return float("inf") if span is None else span.low


def _stands_alone(values: Any, at: int, tolerance: float) -> bool:
    """Whether most of the values next in time are about the median, twice the tolerance being left."""
    import numpy as np  # noqa: PLC0415

    middle = float(np.median(values))
    near = [*values[max(0, at - _NEIGHBOURS) : at], *values[at + 1 : at + 1 + _NEIGHBOURS]]
    usual = sum(abs(one - middle) <= abs(middle) * 2 * tolerance for one in near)
    return bool(2 * usual > len(near))


def _off_by_unit(values: Any, measure: Measure, tolerance: float) -> Any:
    """True for each value that another unit would turn into about the median of the others."""
    import numpy as np  # noqa: PLC0415

    middle = float(np.median(values))
    off = np.zeros(len(values), dtype=bool)
    agree = np.abs(values - middle) <= abs(middle) * tolerance
    if middle <= 0 or agree.sum() < max(2, (len(values) + 1) // 2):
        return off
    for scale in (*measure.units.values(), *measure.confused.values()):
        if scale.factor == 1 and not scale.offset:
            continue
        for mended in (values * scale.factor + scale.offset, (values - scale.offset) / scale.factor):
            off |= (np.abs(mended - middle) <= abs(middle) * tolerance) & ~agree
    return off
