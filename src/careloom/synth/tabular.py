"""Synthetic tables: what every engine shares. Constraints and categories, wishes, batches, keys, saving."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.errors import FormatError, InputError, QueryError
from careloom.synth import transforms, transforms_constraints
from careloom.synth.accounting import spent
from careloom.synth.accounting_mechanisms import Mechanism, as_json, from_json
from careloom.synth.engine import Ask, Engine, Json, Maker, Privacy, State, Watch
from careloom.synth.metadata import CATEGORIES, NUMBERS, Column, Metadata, Table
from careloom.synth.metadata_check import conform
from careloom.synth.metadata_toml import from_toml, to_toml
from careloom.synth.transforms import TableTransform
from careloom.synth.transforms_categories import CategoryCodec
from careloom.synth.transforms_constraints import Reduction, reduction
from careloom.synth.transforms_numeric import Mixture
from careloom.synth.transforms_space import ModelRows

VERSION = 1
BATCH = 50_000
_TRIES = 60
_ROW = "row of the batch"
Value = str | int | bool
Range = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What synthetic rows have to be like.

    values   category column -> the value that every row has
    ranges   numeric column -> (lowest, highest), both within; None: open
    balance  a category column whose values all come equally often; empty: as often as was learnt
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    ranges: Mapping[str, Range] = field(default_factory=dict)
    balance: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Synthesizer:
    """A fitted generator of one table; whoever has it may sample for ever.

    mechanisms  what was done to the data under differential privacy, counted per patient; empty: not private
    """

    reduction: Reduction
    transform: TableTransform
    maker: Maker
    engine: Engine
    ask: Ask
    mechanisms: tuple[Mechanism, ...]

    @property
    def table(self) -> Table:
        """The table that it makes rows of."""
        return self.reduction.original

    @property
    def epsilon(self) -> float | None:
        """What the fit spent of a patient's privacy at the delta asked for; None: without bound."""
        if self.ask.privacy is None:
            return None
        return spent(self.mechanisms, self.ask.privacy.delta).epsilon

    def sample(self, rows: int, draw: np.random.Generator, wish: Wish | None = None, *, first: int = 0) -> pl.DataFrame:
        """So many rows of the table that break none of its constraints, identifiers made up from their number.

        first   number of the first row among all that are made
        raises  QueryError for a wish that the table cannot meet, or that hardly any row meets
        """
        wish = wish or Wish()
        _require(self.table, wish)
        wanted = self._wanted(rows, draw, wish)
        found: list[pl.DataFrame] = []
        waiting, times = np.arange(rows), 1
        for _ in range(_TRIES):
            drawn = np.repeat(waiting, times)
            found.append(self._met(drawn, {name: each.gather(drawn) for name, each in wanted.items()}, wish, draw))
            waiting = np.setdiff1d(waiting, found[-1][_ROW].to_numpy(), assume_unique=True)
            if not len(waiting):
                return _with_keys(self.table, pl.concat(found).sort(_ROW).drop(_ROW), first)
            times = max(1, min(2 * len(drawn) // (found[-1].height + 1), BATCH // len(waiting)))
        raise QueryError(
            f"hardly any row is as wished: {rows - len(waiting):,} of {rows:,} were found",
            "Wish for less, or fit on rows that are so.",
        )

    def batches(self, rows: int, seed: int, wish: Wish | None = None, *, size: int = BATCH) -> Iterator[pl.DataFrame]:
        """The rows in frames of at most `size`, so that memory does not grow; one seed gives the same rows."""
        for at in range(0, rows, size):
            draw = np.random.default_rng([seed, at // size])
            yield self.sample(min(size, rows - at), draw, wish, first=at)

    def state(self) -> State:
        """All of it as arrays and JSON values. A state of a fit that was not private tells of the data: treat it so."""
        engine, privacy = self.engine.state(), self.ask.privacy
        told: Json = {
            "version": VERSION, "engine": self.maker.kind, "told": engine.told, "transform": self.transform.to_json(),
            "table": to_toml(Metadata((alone(self.table),))), "steps": self.reduction.to_json(),
            "seed": self.ask.seed, "target": self.ask.target, "options": dict(self.ask.options),
            "privacy": None if privacy is None else {
                "epsilon": privacy.epsilon, "delta": privacy.delta, "rows_per_patient": privacy.rows_per_patient,
            },
            "mechanisms": [as_json(one) for one in self.mechanisms],
        }  # fmt: skip
        return State(engine.tensors, told)

    def _wanted(self, rows: int, draw: np.random.Generator, wish: Wish) -> dict[str, pl.Series]:
        """Category column -> [rows] the value that each row has to have."""
        wanted = {
            name: pl.Series(name, [value], dtype=self.table.column(name).polars_type).new_from_index(0, rows)
            for name, value in wish.values.items()
        }
        if wish.balance:
            column = self.table.column(wish.balance)
            known = [each.values for each in self.transform.codecs
                     if isinstance(each, CategoryCodec) and each.name == wish.balance]  # fmt: skip
            values = pl.Series(wish.balance, list(known[0] if known else column.values), dtype=column.polars_type)
            wanted[wish.balance] = values.gather(draw.permutation(np.arange(rows) % max(1, len(values))))
        return wanted

    def _met(
        self, numbers: npt.NDArray[np.int64], wanted: Mapping[str, pl.Series], wish: Wish, draw: np.random.Generator
    ) -> pl.DataFrame:
        """Of rows drawn for these numbers those that are as wished, at most one for a number."""
        made = self._made(len(numbers), draw, wanted).with_columns(pl.Series(_ROW, numbers))
        return self.reduction.keep_valid(made.filter(_meets(wanted, wish))).unique(_ROW, keep="first")

    def _made(self, rows: int, draw: np.random.Generator, wanted: Mapping[str, pl.Series]) -> pl.DataFrame:
        """Rows of the table, the wanted codes given to the engine; what steps of the reduction hide it cannot know."""
        given: dict[int, npt.NDArray[np.int32]] = {}
        at = 0
        for codec in self.transform.codecs:
            sizes = [part.size for part in codec.parts if part.size]
            if _name(codec) in wanted:
                codes = codec.encode(wanted[_name(codec)], None)
                given |= {at + place: each.astype(np.int32) for place, each in enumerate(codes)}
            at += len(sizes)
        return self.reduction.restore(self.transform.decode(self.engine.sample(rows, draw, given), draw))


def fit(
    table: Table, frame: pl.DataFrame, maker: Maker, ask: Ask, watch: Watch, mixture: Mixture | None = None
) -> Synthesizer:
    """A generator of the table, fitted on its rows.

    frame    in any types that `conform` takes; of a private fit at most `rows_per_patient` rows of a patient count
    mixture  for engines whose plan is ``modes``
    raises   InputError for an ask that the engine cannot meet; SchemaMismatch for a frame that is not of the table
    """
    private, noise = require(maker, ask), watch.noise
    if noise is None and private is not None:
        raise InputError(f"{maker.kind}: a private fit needs a source of noise", "Give one that nobody can guess.")
    maker.options_of(ask)
    _require_columns(table)
    typed = conform(table, frame)
    if typed.is_empty():
        raise InputError(f"table {table.name}: there are no rows to learn", "Give at least one row.")
    patients = typed[table.subject].n_unique() if table.subject else typed.height
    if private is not None and noise is not None:
        typed = bounded(table, typed, private, noise)
    reduced, transform, rows = _in_model_space(table, typed, maker.plan(ask), mixture, is_private=private is not None)
    target = target_of(reduced.table, transform, ask.target)
    mechanisms = costs(transform, maker, ask, patients, target)
    engine = maker.fit(transform.parts, rows, ask, watch, target)
    return Synthesizer(reduced, transform, maker, engine, ask, mechanisms)


def _in_model_space(
    table: Table, typed: pl.DataFrame, plan: transforms.Plan, mixture: Mixture | None, *, is_private: bool
) -> tuple[Reduction, TableTransform, ModelRows]:
    """A private fit takes nothing from the rows but the rows themselves: what they are encoded by is public."""
    reduced = reduction(table, None if is_private else typed)
    rows = reduced.reduce(typed)
    if not is_private:
        transform = transforms.fit(reduced.table, rows, plan, mixture)
        return reduced, transform, transform.encode(rows)
    transform = transforms.fit_public(reduced.table, plan)
    return reduced, transform, transform.encode(within(reduced.table, rows))


def planned(table: Table, maker: Maker, ask: Ask, patients: int) -> tuple[Mechanism, ...]:
    """What a private fit would do to the data of so many patients, for the ledger: told before a row is read.

    raises  InputError for an ask that the engine cannot meet, or a table whose bounds are not all public
    """
    require(maker, ask)
    _require_columns(table)
    reduced = reduction(table, None).table
    transform = transforms.fit_public(reduced, maker.plan(ask))
    return costs(transform, maker, ask, patients, target_of(reduced, transform, ask.target))


def costs(
    transform: TableTransform, maker: Maker, ask: Ask, patients: int, target: int | None
) -> tuple[Mechanism, ...]:
    """The mechanisms of a fit, per patient; none where it is not private."""
    if ask.privacy is None or maker.costs is None:
        return ()
    return maker.costs(transform.parts, patients, ask, target)


def require(maker: Maker, ask: Ask) -> Privacy | None:
    """The privacy that was asked for. raises InputError where the engine has none, or always needs it"""
    if ask.privacy is not None and maker.costs is None:
        raise InputError(f"{maker.kind}: there is no private fit", "Choose another engine, or leave epsilon out.")
    if ask.privacy is None and maker.needs_privacy:
        raise InputError(f"{maker.kind}: every fit is private", "Give epsilon.")
    return ask.privacy


def _require_columns(table: Table) -> None:
    if not table.modelled:
        raise InputError(f"table {table.name}: there is nothing to learn but identifiers", "Give another kind to one.")


def target_of(table: Table, transform: TableTransform, column: str) -> int | None:
    """The place of a category among the discrete parts. raises InputError for a column that is none"""
    if not column:
        return None
    for at, part in enumerate(transform.discrete):
        if part.column == column and table.column(column).kind in CATEGORIES:
            return at
    raise InputError(f"the target {column} is no category of the table", "Name a categorical or boolean column.")


def bounded(table: Table, frame: pl.DataFrame, privacy: Privacy, draw: np.random.Generator) -> pl.DataFrame:
    """The rows with at most `rows_per_patient` of each patient, taken by lot, in their order.

    draw  of lots that nobody may guess: by known ones, who is in the table would decide which rows of others are taken
    """
    if not table.subject:
        return frame
    lots = pl.Series("lot", draw.permutation(frame.height))
    rank = pl.col("lot").rank("ordinal").over(table.subject)
    return frame.with_columns(lots).filter(rank <= privacy.rows_per_patient).drop("lot")


def alone(table: Table) -> Table:
    """The table without its references to others."""
    return replace(table, foreign_keys=())


def load(state: State, makers: Mapping[str, Maker]) -> Synthesizer:
    """The generator of a state. raises FormatError for one that is none"""
    told = state.told
    try:
        if told["version"] != VERSION:
            raise FormatError(f"generator: version {told['version']} is unknown", "Fit it again.")
        maker, privacy = makers[told["engine"]], told["privacy"]
        table = from_toml(told["table"]).table()
        transform = transforms.from_json(told["transform"])
        engine = maker.load(transform.parts, State(state.tensors, told["told"]))
        ask = Ask(told["seed"], None if privacy is None else Privacy(**privacy), told["target"], told["options"])
        mechanisms = tuple(from_json(one) for one in told["mechanisms"])
    except (KeyError, TypeError, ValueError, IndexError):
        raise FormatError("these files are no fitted generator", "Give those that the fit wrote.") from None
    return Synthesizer(
        transforms_constraints.from_json(table, told["steps"]), transform, maker, engine, ask, mechanisms
    )


def _name(codec: transforms.Codec) -> str:
    return codec.name if isinstance(codec, CategoryCodec) else codec.form.name


def within(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with what is not declared read as something that is: no value decides whether a private fit ends.

    Numbers and times are clipped to their bounds. A category that is not declared, or is missing where nothing may be,
    is missing where that may be, else the last of the declared values: false, of booleans.
    """
    bounded = [column for column in table.columns if column.low is not None and column.high is not None]
    rows = rows.with_columns(pl.col(column.name).clip(column.low, column.high) for column in bounded)
    return rows.with_columns(_as_declared(column) for column in table.columns if column.kind in CATEGORIES)


def _as_declared(column: Column) -> pl.Expr:
    values = list(column.values) or [True, False]
    usual = None if column.nullable else values[-1]
    one = pl.col(column.name)
    stand_in = pl.lit(usual, dtype=column.polars_type)
    return pl.when(one.is_in(values)).then(one).otherwise(stand_in).alias(column.name)


def _require(table: Table, wish: Wish) -> None:
    for names, kinds, what in (
        (wish.values, CATEGORIES, "a category"),
        (wish.ranges, NUMBERS, "a number or a time"),
        ([wish.balance] if wish.balance else [], CATEGORIES, "a category"),
    ):
        for name in names:
            if table.column(name).kind not in kinds:
                raise QueryError(f"column {name} is not {what}", f"Name one that is {what}.")
    if wish.balance in wish.values:
        raise QueryError(f"column {wish.balance} is both given and balanced", "Wish for one of them.")


def _meets(wanted: Mapping[str, pl.Series], wish: Wish) -> pl.Expr:
    tests = [pl.lit(True)]
    tests += [(pl.lit(values) == pl.col(name)).fill_null(False) for name, values in wanted.items()]
    for name, (low, high) in wish.ranges.items():
        tests += [(pl.col(name) >= low).fill_null(False)] if low is not None else []
        tests += [(pl.col(name) <= high).fill_null(False)] if high is not None else []
    return pl.all_horizontal(tests)


def _with_keys(table: Table, frame: pl.DataFrame, first: int) -> pl.DataFrame:
    """Identifiers from the number of the row: they name nobody, and are the same for the same row."""
    numbers = pl.int_range(first, first + pl.len(), dtype=pl.Int64)
    keys = [
        (numbers if column.polars_type == pl.Int64 else pl.format("synthetic-{}", numbers)).alias(column.name)
        for column in table.columns
        if column.kind == "id"
    ]
    return frame.with_columns(keys).select(table.names)
