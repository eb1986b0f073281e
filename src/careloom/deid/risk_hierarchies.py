"""Ways to say a quasi-identifier less exactly, each level made of whole groups of the level before."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import polars as pl

from careloom.errors import QueryError

ANY = "*"  # what the last level says of everybody, also of those who have no value
AS_IT_IS = "as it is"
NONE = "none"
TOP_AGE_YEARS = 90  # 45 CFR 164.514(b)(2)(i)(C): all ages over 89 are one category, 90 or older
AGE_WIDTHS_YEARS = ((1, 5, 10, 20), (1, 2, 10, 20))  # 2 does not divide 5, so that they stand in two hierarchies
# HL7 v3 code system Race: American Indian or Alaska Native, Asian, Black, Pacific Islander, White, Other
RACES = ("1002-5", "2028-9", "2054-5", "2076-8", "2106-3", "2131-1")
OTHER_PACIFIC = ("2500-7", "2076-8")  # the one that stands outside of its category's run of numbers
Step = Callable[[pl.Series], pl.Series]


@dataclass(frozen=True, slots=True, eq=False)
class Hierarchy:
    """The levels of one column, finest first. Null stays null, a value of its own, until the level that says nothing.

    levels  their names, as a report shows them
    steps   what makes a level from the values as they are
    """

    levels: tuple[str, ...]
    steps: tuple[Step, ...]

    def at(self, values: pl.Series, level: int) -> pl.Series:
        """The values, said as exactly as a level allows."""
        return self.steps[level](values).alias(values.name)


def untouched() -> Hierarchy:
    """One level: the column stays as it is."""
    return Hierarchy((AS_IT_IS,), (_same,))


def whole_or_none() -> Hierarchy:
    """Two levels: as it is, and nothing."""
    return Hierarchy((AS_IT_IS, NONE), (_same, _nothing))


def bands(widths: Sequence[int], top: int | None = None, unit: str = "year") -> Hierarchy:
    """Bands of whole numbers, e.g. ``30-34``, then nothing; a width of 1 keeps the number.

    widths  each divides the next, or a band would lie in two larger ones
    top     numbers from here on are one band at every level, e.g. ``90+``
    unit    in the singular, for the names of the levels
    raises  QueryError
    """
    if not widths or widths[0] < 1 or any(wide % narrow for narrow, wide in pairwise(widths)):
        raise QueryError(
            "bands: a width does not divide the next", "give them as two hierarchies and let both be tried"
        )
    return Hierarchy(
        (*(f"{width} {unit}{'' if width == 1 else 's'}" for width in widths), NONE),
        (*(partial(_band, width=width, top=top) for width in widths), _nothing),
    )


def ages() -> tuple[Hierarchy, ...]:
    """Years of age, two hierarchies to be tried: bands of 1, 5, 10, 20 and of 1, 2, 10, 20 years, ``90+`` on top."""
    return tuple(bands(widths, TOP_AGE_YEARS) for widths in AGE_WIDTHS_YEARS)


def dates() -> Hierarchy:
    """A date or time: its day, month, year, nothing."""
    return Hierarchy(
        ("day", "month", "year", NONE),
        (partial(_date, form="%Y-%m-%d"), partial(_date, form="%Y-%m"), partial(_date, form="%Y"), _nothing),
    )


def zip_codes(states: Mapping[str, str] | None = None) -> Hierarchy:
    """Five digits of a ZIP code, three, the state, nothing.

    states  three digits to state, e.g. from `states_of`; None leaves the state out. Others have no state: null.
    """
    levels = [("5 digits", partial(_start, length=5)), ("3 digits", partial(_start, length=3))]
    if states is not None:
        levels.append(("state", partial(_state, states=dict(states))))
    return Hierarchy((*(name for name, _ in levels), NONE), (*(step for _, step in levels), _nothing))


def states_of(zips: pl.Series, states: pl.Series) -> dict[str, str]:
    """The commonest state of each three digits in a table, the first in the alphabet of two that are as common."""
    pairs = pl.DataFrame({"zip": zips.cast(pl.String).str.slice(0, 3), "state": states.cast(pl.String)}).drop_nulls()
    ranked = pairs.group_by("zip", "state").len().sort("len", "state", descending=[True, False])
    return dict(ranked.unique("zip", keep="first", maintain_order=True).select("zip", "state").iter_rows())


def grouped(levels: Mapping[str, Mapping[str, str]]) -> Hierarchy:
    """Named groups, e.g. of detailed races: as it is, each level in the order given, nothing.

    levels  name of the level -> value as it is -> its group. A value without a group is null there.
    """
    steps = [partial(_group, groups=dict(groups)) for groups in levels.values()]
    return Hierarchy((AS_IT_IS, *levels, NONE), (_same, *steps, _nothing))


def races() -> Hierarchy:
    """CDC race codes, several joined by a comma: as they are, the OMB category of each, nothing.

    What is no such code (``UNK``) stays as it is until the last level.
    source  HL7 v3 code system Race, 2018-08-12: but for 2500-7, a category is the first code of its own
    """
    return Hierarchy((AS_IT_IS, "category", NONE), (_same, _races, _nothing))


def _same(values: pl.Series) -> pl.Series:
    return values


def _nothing(values: pl.Series) -> pl.Series:
    return pl.Series(values.name, [ANY], dtype=pl.String).new_from_index(0, values.len())


def _races(values: pl.Series) -> pl.Series:
    if values.dtype != pl.String:
        raise QueryError(f"races: column '{values.name}' is {values.dtype}", "give codes, joined by a comma")
    shown = [
        None if codes is None else ",".join(sorted({race_category(code) for code in codes.split(",")}))
        for codes in values
    ]
    return pl.Series(values.name, shown, dtype=pl.String)


def race_category(code: str) -> str:
    """The OMB category of a CDC race code; a code of another kind itself."""
    if code == OTHER_PACIFIC[0]:
        return OTHER_PACIFIC[1]
    printed = len(code) == 6 and code[:4].isdecimal() and code[4] == "-" and RACES[0] <= code <= RACES[-1]
    return RACES[bisect_right(RACES, code) - 1] if printed else code


def _band(values: pl.Series, width: int, top: int | None) -> pl.Series:
    if not values.dtype.is_integer():
        raise QueryError(f"bands: column '{values.name}' is {values.dtype}", "give whole numbers")
    value = pl.col("value")
    low = value // width * width
    high = low + width - 1 if top is None else pl.min_horizontal(low + width - 1, pl.lit(top - 1))
    text = pl.format("{}", low) if width == 1 else pl.format("{}-{}", low, high)
    if top is not None:
        text = pl.when(value >= top).then(pl.lit(f"{top}+")).otherwise(text)
    return values.cast(pl.Int64).alias("value").to_frame().select(text.alias(values.name))[values.name]


def _date(values: pl.Series, form: str) -> pl.Series:
    if values.dtype not in (pl.Date, pl.Datetime):
        raise QueryError(f"dates: column '{values.name}' is {values.dtype}", "give dates or times")
    return values.dt.strftime(form)


def _start(values: pl.Series, length: int) -> pl.Series:
    if values.dtype != pl.String:
        raise QueryError(f"ZIP codes: column '{values.name}' is {values.dtype}", "give text, with its leading zeros")
    return values.str.slice(0, length)


def _state(values: pl.Series, states: dict[str, str]) -> pl.Series:
    return _start(values, 3).replace_strict(states, default=None, return_dtype=pl.String)


def _group(values: pl.Series, groups: dict[str, str]) -> pl.Series:
    return values.cast(pl.String).replace_strict(groups, default=None, return_dtype=pl.String)
