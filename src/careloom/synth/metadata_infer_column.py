"""What a column seems to be, guessed from its values and its name, with the reason for each guess."""

import re
from dataclasses import dataclass, replace
from typing import cast

import polars as pl

from careloom.synth.metadata import KINDS, NUMBERS, Bound, Column

MISSING_WORDS = ("?", "", "NA", "N/A", "NULL", "null", "None", "NaN", "nan")
"""Written values that commonly stand for a missing one."""
FEW_VALUES = 20
CODES_AT_MOST = 50
MANY_VALUES = 1_000
DECIMALS_AT_MOST = 6
ATOM_SHARE = 0.05
_ID_NAME = re.compile(r"(^|[_ ])(id|nbr|number|key|mrn|uuid|guid)$|^(patient|person|subject|encounter)$", re.IGNORECASE)
_CODE_NAME = re.compile(r"(id|code|type|class|category|status|grade|stage|site|flag)$", re.IGNORECASE)
_PURE_CODE_NAME = re.compile(r"(code|zip)$", re.IGNORECASE)
_NUMBER = r"^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$"
_DATE = r"^\d{4}-\d{2}-\d{2}$"
_TIME = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$"
_ICD10CM = r"^[A-TV-Z]\d[0-9A-Z](\.?[0-9A-Z]{1,4})?$"
_ICD9CM = r"^(\d{1,3}(\.\d{1,2})?|V\d{2}(\.\d{1,2})?|E\d{3}(\.\d)?)$"


@dataclass(frozen=True, slots=True)
class Guess:
    """One thing that was inferred.

    column  empty for what concerns the table
    what    what was written to the metadata
    why     what it was read from, in counts and names, never a value
    """

    table: str
    column: str
    what: str
    why: str


def column_of(table: str, series: pl.Series) -> tuple[Column, list[Guess]]:
    """A column with its kind, type, decimals, bounds, categories, atoms and missing values; nothing of it is public."""
    guesses: list[Guess] = []
    missing: dict[str, str] = {}
    if series.dtype in (pl.String, pl.Categorical, pl.Enum):
        series = series.cast(pl.String)
        found = series.filter(series.is_in(MISSING_WORDS)).unique().sort().to_list()
        missing = dict.fromkeys(found, "not recorded")
        series = series.set(series.is_in(MISSING_WORDS).fill_null(False), None)
    kind, dtype, why, typed = _kind(series)
    column = Column(series.name, kind, dtype=dtype, nullable=bool(typed.null_count()), missing=missing)
    guesses.append(Guess(table, column.name, f"kind = {kind}", why))
    if missing:
        what = f"{len(missing)} written values are missing ones"
        guesses.append(Guess(table, column.name, what, "words that commonly stand for a missing value"))
    if kind in NUMBERS:
        column = _measured(column, typed)
        if column.atoms:
            what = f"{len(column.atoms)} atoms"
            guesses.append(Guess(table, column.name, what, f"single values with {ATOM_SHARE:.0%} of the rows or more"))
    elif kind == "categorical":
        column, told = _categories(column, typed)
        guesses += [Guess(table, column.name, what, reason) for what, reason in told]
    return column, guesses


def _kind(series: pl.Series) -> tuple[str, str, str, pl.Series]:
    """(kind, dtype where it is not the usual one, why, the values in that type)."""
    if series.dtype == pl.String:
        return _kind_of_text(series)
    if series.dtype == pl.Boolean:
        return "boolean", "", "its type", series
    if series.dtype == pl.Date:
        return "date", "", "its type", series
    if isinstance(series.dtype, pl.Datetime):
        utc = series.dtype.time_zone is not None
        typed = series.dt.convert_time_zone("UTC") if utc else series
        return "datetime", "Datetime[us, UTC]" if utc else "", "its type", typed.dt.cast_time_unit("us")
    if series.dtype.is_integer():
        return _kind_of_integers(series.cast(pl.Int64))
    return _kind_of_floats(series.cast(pl.Float64))


def _kind_of_text(series: pl.Series) -> tuple[str, str, str, pl.Series]:
    present = series.drop_nulls()
    distinct = present.n_unique()
    if not present.len():
        return "categorical", "", "it has no values", series
    if _all(present, _DATE):
        return "date", "", "all values are written as dates", series.str.to_date(strict=False)
    if _all(present, _TIME):
        return _kind(_times(series))
    if _all(present, _NUMBER) and not _more_than(0, present, r"^0\d"):
        typed = series.str.strip_chars().cast(pl.Float64)
        kind, dtype, _, typed = _kind_of_floats(typed)
        if kind in ("categorical", "id"):
            return kind, "String", "written as numbers, and few of them, or named as codes", series
        return kind, dtype, "all values are written as numbers", typed
    if present.str.to_lowercase().is_in(["true", "false"]).all():
        return "boolean", "", "its values are true and false", series.str.to_lowercase() == "true"
    unique, named = distinct == present.len() > 1, bool(_ID_NAME.search(series.name))
    if unique and (named or distinct > FEW_VALUES):
        return "id", "", "no value repeats", series
    if named and distinct > FEW_VALUES and not _more_than(0.1, present, _ICD10CM):
        return "id", "", "its name, and it has many values", series
    if distinct > MANY_VALUES and distinct > 0.5 * present.len():
        return "id", "", "free text: more than half of the values do not repeat; it is not modelled", series
    words = present.len() - int(present.str.contains(_NUMBER).sum())
    almost = f"; only {words} rows are no numbers" if words < 0.05 * present.len() else ""
    return "categorical", "", f"text with {distinct} values{almost}", series


def _times(series: pl.Series) -> pl.Series:
    zone = bool(series.drop_nulls().str.contains(r"(Z|[+-]\d{2}:?\d{2})$").any())
    return series.str.to_datetime(strict=False, time_unit="us", time_zone="UTC" if zone else None)


def _kind_of_integers(series: pl.Series) -> tuple[str, str, str, pl.Series]:
    present = series.drop_nulls()
    distinct = present.n_unique()
    if _ID_NAME.search(series.name) and (distinct == present.len() or distinct > MANY_VALUES):
        return "id", "Int64", "its name, and its many values", series
    if distinct <= 2:
        return "categorical", "Int64", "integers with two values at most", series
    if _CODE_NAME.search(series.name) and (distinct <= CODES_AT_MOST or _PURE_CODE_NAME.search(series.name)):
        return "categorical", "Int64", f"its name, and {distinct} values", series
    return "integer", "", "integers", series


def _kind_of_floats(series: pl.Series) -> tuple[str, str, str, pl.Series]:
    series = series.fill_nan(None)
    if bool((series.drop_nulls() == series.drop_nulls().round(0)).all()) and series.drop_nulls().len():
        return _kind_of_integers(series.cast(pl.Int64))
    return "continuous", "", "numbers with fractions", series


def _measured(column: Column, series: pl.Series) -> Column:
    present = series.drop_nulls()
    if column.kind == "continuous":
        column = replace(column, decimals=_decimals(present))
    atoms: tuple[float, ...] = ()
    if column.kind in ("continuous", "integer") and present.n_unique() > FEW_VALUES:
        counts = present.value_counts(sort=True)
        often = counts.filter(pl.col("count") >= ATOM_SHARE * present.len()).head(5)
        atoms = tuple(sorted(often.to_series(0).cast(pl.Float64).to_list()))
    low, high = cast("Bound | None", present.min()), cast("Bound | None", present.max())
    return replace(column, low=low, high=high, atoms=atoms)


def _decimals(present: pl.Series) -> int | None:
    for digits in range(DECIMALS_AT_MOST + 1):
        if bool(((present - present.round(digits)).abs() < 10.0 ** (-digits - 6)).all()):
            return digits
    return None


def _categories(column: Column, series: pl.Series) -> tuple[Column, list[tuple[str, str]]]:
    present = series.drop_nulls()
    dtype = column.dtype or KINDS["categorical"][0]
    if present.dtype == pl.String and present.n_unique() > FEW_VALUES and _more_than(0, present, r"^[A-Z]\d\d"):
        for name, pattern in (("icd-10-cm", _ICD10CM), ("icd-9-cm", _ICD9CM)):
            if _more_than(0.99, present, pattern):
                return replace(column, hierarchy=name), [(f"hierarchy = {name}", "99 % of the values look like it")]
    values = present.unique().sort()
    if values.len() <= MANY_VALUES:
        listed = tuple(values.cast(pl.String).to_list()) if dtype == "String" else tuple(values.to_list())
        return replace(column, values=listed), []
    return column, []


def _all(present: pl.Series, pattern: str) -> bool:
    return bool(present.str.contains(pattern).all())


def _more_than(share: float, present: pl.Series, pattern: str) -> bool:
    """True where more than a share of the values match."""
    return int(present.str.contains(pattern).sum()) > share * present.len()
