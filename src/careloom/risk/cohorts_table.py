"""A cohort in a table with one row an index already: which rows are in, what the label is, which columns may be seen.

The grammar stands at the head of ``tables/diabetes130.toml``. A column is a feature only where somebody said when it is
known; one that is known after the index is refused, whatever it is called.
"""

import tomllib
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

import orjson
import polars as pl

from careloom.errors import FormatError, NotFound
from careloom.risk.cohorts import Step
from careloom.risk.cohorts_definition import one_of, only, table, word
from careloom.runtime import packaged, packaged_names

Moment = Literal["admission", "discharge"]
_MOMENTS = ("admission", "discharge")
_KINDS = {"number": pl.Float64(), "code": pl.String()}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TableRule:
    """Keeps rows whose column has one of some values, or none of them."""

    name: str
    why: str
    column: str
    values: tuple[Any, ...]
    keeps: bool


@dataclass(frozen=True, slots=True)
class TableFeature:
    """A column that a model may see; see `careloom.risk.features_definition.Feature` for concept and modifiable."""

    column: str
    kind: Literal["number", "code"]
    concept: str
    known_at: Moment
    modifiable: bool = False


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """A cohort in a table."""

    name: str
    title: str
    source: str
    patient: str
    key: str
    index: Moment
    label: str
    positive: tuple[Any, ...]
    rules: tuple[TableRule, ...]
    features: tuple[TableFeature, ...]
    missing: tuple[str, ...] = field(default=())

    @property
    def digest(self) -> str:
        """32 hexadecimal digits of all that decides the rows, the label and the columns."""
        return sha256(orjson.dumps(self, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a model may see."""
        return tuple(one.column for one in self.features)


@dataclass(frozen=True, slots=True)
class TableCohort:
    """The rows that are in.

    rows   [n] candidate (number in the table), patient_id, row_key, label, and one column a feature: Float64 or String
    steps  attrition in order
    """

    definition: TableDefinition
    rows: pl.DataFrame
    steps: tuple[Step, ...]


def ready_tables() -> list[str]:
    """Names of the definitions that ship."""
    return sorted(
        name.rpartition("/")[2].removesuffix(".toml") for name in packaged_names("risk", "tables", ".toml")
    )  # fmt: skip


def shipped_table(name: str) -> TableDefinition:
    """A definition that ships. raises NotFound"""
    if name not in ready_tables():
        raise NotFound("there is no such table", f"Name one of {', '.join(ready_tables())}.")
    return table_from_toml(packaged("risk", f"tables/{name}.toml").decode())


def table_from_toml(text: str) -> TableDefinition:
    """The definition that a text says. raises FormatError, which names the place"""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FormatError(f"cohort: it is no TOML ({error})", "Mend the line that is named.") from None
    only(
        told,
        ("name", "title", "source", "patient", "key", "index", "missing", "label", "rules", "features"),
        "the file",
    )
    index: Moment = one_of(told, "index", _MOMENTS, "the file")
    label = table(told, "label", "the file")
    only(label, ("column", "positive"), "label")
    return TableDefinition(
        name=word(told, "name", "the file"),
        title=word(told, "title", "the file"),
        source=word(told, "source", "the file"),
        patient=word(told, "patient", "the file"),
        key=word(told, "key", "the file"),
        index=index,
        label=word(label, "column", "label"),
        positive=_values(label, "positive", "label"),
        rules=tuple(_rule(one, f"rules[{place}]") for place, one in enumerate(told.get("rules", ()))),
        features=tuple(
            _feature(one, f"features[{place}]", index) for place, one in enumerate(told.get("features", ()))
        ),
        missing=tuple(told.get("missing", ())),
    )


def _values(told: Json, name: str, place: str) -> tuple[Any, ...]:
    found = told.get(name)
    if not isinstance(found, list) or not found:
        raise FormatError(f"cohort: {place}.{name}", "Write a list of values.")
    return tuple(found)


def _rule(told: Json, place: str) -> TableRule:
    only(told, ("name", "why", "column", "in", "not_in"), place)
    if ("in" in told) == ("not_in" in told):
        raise FormatError(f"cohort: {place}", "Say either in or not_in.")
    keeps = "in" in told
    values = _values(told, "in" if keeps else "not_in", place)
    return TableRule(word(told, "name", place), told.get("why", ""), word(told, "column", place), values, keeps)


def _feature(told: Json, place: str, index: Moment) -> TableFeature:
    only(told, ("column", "kind", "concept", "known_at", "modifiable"), place)
    known_at: Moment = one_of(told, "known_at", _MOMENTS, place)
    if _MOMENTS.index(known_at) > _MOMENTS.index(index):
        raise FormatError(
            f"cohort: {place} is known at {known_at}, after the index", "Leave it out, or move the index."
        )
    return TableFeature(
        word(told, "column", place), one_of(told, "kind", tuple(_KINDS), place), word(told, "concept", place), known_at,
        bool(told.get("modifiable", False)),
    )  # fmt: skip


def at_admission(definition: TableDefinition) -> TableDefinition:
    """The same cohort foretold at the admission: without the features that are known at the discharge only."""
    kept = tuple(one for one in definition.features if one.known_at == "admission")
    fields = {name: getattr(definition, name) for name in definition.__slots__}
    return TableDefinition(**fields | {"index": "admission", "features": kept})


def extract_table(definition: TableDefinition, frame: pl.DataFrame) -> TableCohort:
    """The cohort of a table. raises FormatError where a column lacks"""
    needed = {definition.patient, definition.key, definition.label, *definition.columns}
    needed |= {one.column for one in definition.rules}
    lacking = sorted(needed - set(frame.columns))
    if lacking:
        raise FormatError(f"cohort: the table has no column {lacking[0]}", f"It needs: {', '.join(sorted(needed))}.")
    left = frame.with_row_index("candidate")
    steps = [_step("rows of the table", definition.title, definition, left, left)]
    for rule in definition.rules:
        held = pl.col(rule.column).is_in(list(rule.values)).fill_null(value=rule.keeps)
        after = left.filter(held if rule.keeps else ~held)
        steps.append(_step(rule.name, rule.why, definition, left, after))
        left = after
    return TableCohort(definition, _told(definition, left), tuple(steps))


def _step(name: str, why: str, definition: TableDefinition, before: pl.DataFrame, after: pl.DataFrame) -> Step:
    return Step(name, why, after.height, after[definition.patient].n_unique(), before.height - after.height)


def _told(definition: TableDefinition, left: pl.DataFrame) -> pl.DataFrame:
    label = pl.col(definition.label)
    unknown = label.cast(pl.String).is_in(list(definition.missing))
    return left.select(
        pl.col("candidate").cast(pl.Int64),
        pl.col(definition.patient).cast(pl.String).alias("patient_id"),
        pl.col(definition.key).cast(pl.String).alias("row_key"),
        pl.when(~unknown).then(label.is_in(list(definition.positive))).alias("label"),
        *(_column(one, definition.missing) for one in definition.features),
    )


def _column(one: TableFeature, missing: tuple[str, ...]) -> pl.Expr:
    text = pl.col(one.column).cast(pl.String)
    known = pl.when(~text.is_in(list(missing))).then(text)
    return known.cast(_KINDS[one.kind], strict=False).alias(one.column)
