"""Features of a cohort: columns made of facts that were known before the index time, and of nothing else.

A fact enters where it was true and known before the index time, strictly; the index event itself tells its own value
(the days of a stay that ends now) and detail. Each column can name the facts that it rests on.
"""

from dataclasses import dataclass, field

import polars as pl

from careloom.risk.cohorts_definition import EventSet
from careloom.risk.cohorts_match import facts_of, known_before
from careloom.risk.features_definition import COUNTS, VALUED, Feature, FeatureSet
from careloom.terminology.ucum import UnitError, convert

_DAY_SECONDS = 86_400
DAYS_PER_YEAR = 365.2425
BASIS = ("candidate", "feature", "time", "available_time", "kind", "system", "code", "encounter_key", "resource_key")


@dataclass(frozen=True, slots=True)
class Features:
    """The columns of a cohort.

    frame     [n] candidate and one column a feature, with ``NAME_missing`` behind those that can be null; in the order
              of the cohort's rows
    basis     [m] the facts that each value rests on (`BASIS`, and detail); of minima, maxima and last values the one
              that gave it
    left_out  feature -> reason -> facts: unit (none, or one that cannot be brought to the feature's), range
    """

    features: FeatureSet
    frame: pl.DataFrame
    basis: pl.DataFrame
    left_out: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns but the candidate."""
        return tuple(name for name in self.frame.columns if name != "candidate")


def built(
    features: FeatureSet, rows: pl.DataFrame, events: pl.DataFrame, index_kind: str = "", *, is_bounded: bool = False
) -> Features:
    """The features of a cohort's rows.

    rows        candidate, patient_id, index_time, encounter_key, resource_key (of the index event)
    events      as `careloom.risk.cohorts_events.EVENTS`
    index_kind  kind of the index event, for its own value and detail
    is_bounded  no fact from before the row's observation_start is seen
    """
    index = rows.select("candidate", "patient_id", "index_time", "encounter_key", "resource_key")
    bounds = rows.select("candidate", "observation_start") if is_bounded else None
    frame, bases, left_out = index.select("candidate"), [], {}
    known = _Facts(index, events)
    for one in features.features:
        if one.event is None:
            column = _of_person(one, index, events, index_kind)
        else:
            facts, gone = _usable(one, known.of(one.event))
            if gone:
                left_out[one.name] = gone
            pairs = known_before(index, facts, one.window_days, is_strict=True, same_encounter=one.same_encounter)
            pairs = pairs if bounds is None else _observed(pairs, bounds)
            column, basis = _aggregated(one, pairs)
            bases.append(basis)
        frame = frame.join(column, on="candidate", how="left", maintain_order="left")
        frame = _filled(one, frame)
    empty = pl.DataFrame(schema=_BASIS_SCHEMA)
    return Features(features, frame, pl.concat([empty, *bases], how="vertical"), left_out)


def _observed(pairs: pl.DataFrame, bounds: pl.DataFrame) -> pl.DataFrame:
    """The pairs whose fact lies within the observation of its row."""
    begun = pairs.join(bounds, on="candidate", how="left", maintain_order="left")
    seen = (pl.col("time") >= pl.col("observation_start")).fill_null(pl.col("observation_start").is_null())
    return begun.filter(seen).drop("observation_start")


class _Facts:
    """Facts of the patients of an index by event set; each set is looked for once, among facts of its kind alone."""

    def __init__(self, index: pl.DataFrame, events: pl.DataFrame) -> None:
        own = events.filter(pl.col("patient_id").is_in(index["patient_id"].unique().implode()))
        self._by_kind = {str(kind): part for (kind,), part in own.partition_by("kind", as_dict=True).items()}
        self._none = events.clear()
        self._found: dict[str, pl.DataFrame] = {}

    def of(self, one: EventSet) -> pl.DataFrame:
        """The facts of a set, as `careloom.risk.cohorts_match.facts_of`."""
        if one.name not in self._found:
            self._found[one.name] = facts_of(self._by_kind.get(one.kind, self._none), one)
        return self._found[one.name]


_TIME = pl.Datetime("us", "UTC")
_BASIS_SCHEMA = {
    name: pl.Int64() if name == "candidate" else _TIME if name.endswith("time") else pl.String()
    for name in (*BASIS, "detail")
}  # fmt: skip


def _of_person(one: Feature, index: pl.DataFrame, events: pl.DataFrame, index_kind: str) -> pl.DataFrame:
    name = one.name
    if one.aggregation == "age":
        born = events.filter(pl.col("kind") == "birth").group_by("patient_id").agg(pl.col("time").min().alias("born"))
        told = index.join(born, on="patient_id", how="left")
        years = (pl.col("index_time") - pl.col("born")).dt.total_seconds() / (DAYS_PER_YEAR * _DAY_SECONDS)
        return told.select("candidate", years.alias(name))
    if one.aggregation == "sex":
        sex = events.filter(pl.col("kind") == "sex").unique("patient_id", keep="first", maintain_order=True)
        told = index.join(sex.select("patient_id", "code"), on="patient_id", how="left")
        return told.select("candidate", (pl.col("code") == one.is_).alias(name))
    own = events.filter(pl.col("kind") == index_kind).unique("resource_key", keep="first", maintain_order=True)
    column = "value" if one.aggregation == "index_value" else "detail"
    told = index.join(own.select("resource_key", column), on="resource_key", how="left")
    return told.select("candidate", pl.col(column).alias(name))


def _usable(one: Feature, facts: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Facts with their value in the unit of the feature, and how many are left out."""
    if one.aggregation not in VALUED:
        return facts, {}
    gone: dict[str, int] = {}
    told = facts.drop_nulls("value")
    if one.unit:
        lines = {unit: unit_line(unit, one.unit) for unit in told["unit"].drop_nulls().unique().to_list()}
        known = [unit for unit, line in lines.items() if line is not None]
        kept = told.filter(pl.col("unit").is_in(known).fill_null(value=False))
        if kept.height < told.height:
            gone["unit"] = told.height - kept.height
        steps = [line for line in lines.values() if line is not None]
        factor = pl.col("unit").replace_strict(known, [step for step, _ in steps], return_dtype=pl.Float64)
        shift = pl.col("unit").replace_strict(known, [begin for _, begin in steps], return_dtype=pl.Float64)
        told = kept.with_columns(value=pl.col("value") * factor + shift) if known else kept
    low = pl.lit(value=True) if one.at_least is None else pl.col("value") >= one.at_least
    high = pl.lit(value=True) if one.at_most is None else pl.col("value") <= one.at_most
    sound = told.filter(low & high)
    if sound.height < told.height:
        gone["range"] = told.height - sound.height
    return sound, gone


def unit_line(source: str, target: str) -> tuple[float, float] | None:
    """Factor and offset that bring a value to the unit; None where nothing does."""
    if source == target:
        return 1.0, 0.0
    try:
        begin = float(convert(0, source, target))
        return float(convert(1, source, target)) - begin, begin
    except UnitError:
        return None


def _aggregated(one: Feature, pairs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    ordered = pairs.sort("candidate", "time", "available_time", "resource_key", maintain_order=True)
    column = ordered.group_by("candidate", maintain_order=True).agg(_EXPRESSIONS[one.aggregation].alias(one.name))
    return column, _basis(one, ordered)


def _slope() -> pl.Expr:
    """Least squares of the value over days; null with fewer than two times."""
    days = (pl.col("time") - pl.col("time").min()).dt.total_seconds() / _DAY_SECONDS
    away = days - days.mean()
    spread = (away * away).sum()
    return pl.when(spread > 0).then((away * (pl.col("value") - pl.col("value").mean())).sum() / spread)


_EXPRESSIONS: dict[str, pl.Expr] = {
    "count": pl.col("resource_key").n_unique().cast(pl.Int64),
    "distinct": pl.col("code").n_unique().cast(pl.Int64),
    "ever": pl.lit(value=True),
    "last": pl.col("value").last(),
    "last_detail": pl.col("detail").last(),
    "min": pl.col("value").min(),
    "max": pl.col("value").max(),
    "mean": pl.col("value").mean(),
    "slope": _slope(),
    "days_since": (pl.col("index_time").last() - pl.col("time").last()).dt.total_seconds() / _DAY_SECONDS,
}


def _basis(one: Feature, ordered: pl.DataFrame) -> pl.DataFrame:
    kept = ordered
    if one.aggregation in ("last", "last_detail", "days_since"):
        kept = ordered.unique("candidate", keep="last", maintain_order=True)
    elif one.aggregation in ("min", "max"):
        by = ordered.sort("candidate", "value", descending=[False, one.aggregation == "max"], maintain_order=True)
        kept = by.unique("candidate", keep="first", maintain_order=True)
    named = kept.with_columns(feature=pl.lit(one.name))
    return named.select([pl.col(name).cast(dtype) for name, dtype in _BASIS_SCHEMA.items()])


def _filled(one: Feature, frame: pl.DataFrame) -> pl.DataFrame:
    """What no fact means, said: nothing happened, or nobody knows."""
    if one.aggregation in COUNTS:
        nothing = pl.lit(value=False) if one.aggregation == "ever" else pl.lit(0, pl.Int64)
        return frame.with_columns(pl.col(one.name).fill_null(nothing))
    if one.has_indicator:
        return frame.with_columns(pl.col(one.name).is_null().alias(f"{one.name}_missing"))
    return frame


def facts_behind(features: Features, candidate: int) -> dict[str, list[str]]:
    """Feature -> the resources that its value of one row rests on, newest first."""
    own = features.basis.filter(pl.col("candidate") == candidate).sort("time", descending=True)
    named = own.group_by("feature", maintain_order=True).agg(pl.col("resource_key").unique(maintain_order=True))
    return dict(named.iter_rows())
