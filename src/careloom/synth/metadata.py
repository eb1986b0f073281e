"""What a generator has to know of its data: one class for a single table, for tables with keys, and for sequences.

The grammar of its TOML stands in `careloom.synth.metadata_toml`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from types import MappingProxyType

import polars as pl

from careloom.errors import InputError, NotFound
from careloom.synth.constraints import Constraint, Fixed, Implies, Value
from careloom.synth.hierarchies import NAMES, is_known
from careloom.terminology import ucum

Bound = float | int | date | datetime
KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "continuous": ("Float64",),
        "integer": ("Int64",),
        "categorical": ("String", "Int64"),
        "boolean": ("Boolean",),
        "date": ("Date",),
        "datetime": ("Datetime[us]", "Datetime[us, UTC]"),
        "id": ("String", "Int64"),
    }
)
"""Kind of a column -> the data types it may have, the usual one first."""
DTYPES: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "String": pl.String(),
        "Int64": pl.Int64(),
        "Float64": pl.Float64(),
        "Boolean": pl.Boolean(),
        "Date": pl.Date(),
        "Datetime[us]": pl.Datetime("us"),
        "Datetime[us, UTC]": pl.Datetime("us", "UTC"),
    }
)
NUMBERS = ("continuous", "integer", "date", "datetime")
"""The kinds that have an order and a distance."""
CATEGORIES = ("categorical", "boolean")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what its values are, and what is known of them without looking at the data.

    kind       a key of `KINDS`
    dtype      one of those of the kind; empty: the usual one
    meaning    a sentence, for the data card
    unit       UCUM code of every value
    decimals   digits after the point that are written; None: as many as there are
    low, high  bounds, both within
    values     the categories, in their order if they have one
    atoms      single values with a weight of their own among numbers: the zero of a cost
    cuts       where bins begin and end, rising, for engines that count in bins: decades of an age, limits of a
               laboratory test. The first bin begins at `low`, the last ends at `high`; none: bins of equal width where
               nothing of the data is known
    hierarchy  of codes: a name of `careloom.synth.hierarchies`
    nullable   False: there is no missing value. Where there is one, that it is missing is modelled as information
    missing    written value that stands for a missing one -> why it is missing: ``{"?": "not asked"}``
    public     True: `low`, `high`, `decimals`, `values`, `atoms`, `cuts`, `hierarchy` and `nullable` are known to
               everybody (a codebook, a form), and were not read from this data: a fit under differential privacy may
               use it without paying
    """

    name: str
    kind: str
    dtype: str = ""
    meaning: str = ""
    unit: str = ""
    decimals: int | None = None
    low: Bound | None = None
    high: Bound | None = None
    values: tuple[Value, ...] = ()
    atoms: tuple[float, ...] = ()
    cuts: tuple[float, ...] = ()
    hierarchy: str = ""
    nullable: bool = True
    missing: Mapping[str, str] = field(default_factory=dict)
    public: bool = False

    @property
    def polars_type(self) -> pl.DataType:
        """The data type of the column in a frame."""
        return DTYPES[self.dtype or KINDS[self.kind][0]]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns whose values are those of a key of another table.

    to  the columns there; empty: its primary key
    """

    columns: tuple[str, ...]
    references: str
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SequenceOf:
    """Rows of one key that follow each other: the encounters of a patient.

    key    the columns whose value is one sequence
    order  the column that tells what came first
    """

    key: tuple[str, ...]
    order: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns in order, its keys and what holds in it.

    subject  the column that names the patient: the unit of privacy. Empty: each row is a person of its own
    """

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    sequence: SequenceOf | None = None
    subject: str = ""
    constraints: tuple[Constraint, ...] = ()

    def __post_init__(self) -> None:
        names = Counter(column.name for column in self.columns)
        if twice := [name for name, count in names.items() if count > 1]:
            raise InputError(f"table {self.name}: column {twice[0]} stands there twice", "Name each column once.")
        for column in self.columns:
            _check_column(self.name, column)
        for role, columns in self._roles():
            for each in columns:
                if each not in names:
                    raise InputError(
                        f"table {self.name}: {role} names the column {each}, which the table lacks",
                        "Declare the column, or name one that is declared.",
                    )
        if self.subject and self.column(self.subject).kind != "id":
            raise InputError(
                f"table {self.name}: the subject {self.subject} would be learnt, and rows would name patients",
                'Declare the column of kind "id".',
            )
        for constraint in self.constraints:
            _check_constraint(self, constraint)

    def column(self, name: str) -> Column:
        """One column. raises NotFound"""
        for each in self.columns:
            if each.name == name:
                return each
        raise NotFound(f"table {self.name}: there is no column {name}", "Name one of its columns.")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def modelled(self) -> tuple[Column, ...]:
        """The columns that say something: all but identifiers."""
        return tuple(column for column in self.columns if column.kind != "id")

    def _roles(self) -> list[tuple[str, Sequence[str]]]:
        roles: list[tuple[str, Sequence[str]]] = [("primary_key", self.primary_key)]
        roles += [("foreign_key", key.columns) for key in self.foreign_keys]
        if self.sequence is not None:
            roles += [("sequence", (*self.sequence.key, self.sequence.order))]
        if self.subject:
            roles += [("subject", (self.subject,))]
        return roles + [(f"constraint {each.kind}", each.columns) for each in self.constraints]


@dataclass(frozen=True, slots=True)
class Metadata:
    """All tables of a data set. One table without keys is the plain case."""

    tables: tuple[Table, ...]

    def __post_init__(self) -> None:
        names = Counter(table.name for table in self.tables)
        if twice := [name for name, count in names.items() if count > 1]:
            raise InputError(f"table {twice[0]} stands there twice", "Name each table once.")
        for table in self.tables:
            for key in table.foreign_keys:
                self._check_foreign(table, key)
        self.in_order()

    def table(self, name: str = "") -> Table:
        """One table; without a name the only one. raises NotFound"""
        if not name and len(self.tables) == 1:
            return self.tables[0]
        for each in self.tables:
            if each.name == name:
                return each
        raise NotFound(f"there is no table {name}" if name else "there are several tables", "Name one of its tables.")

    def target_of(self, key: ForeignKey) -> tuple[str, ...]:
        """The columns that a foreign key points to."""
        return key.to or self.table(key.references).primary_key

    def in_order(self) -> tuple[Table, ...]:
        """The tables, each after all that it refers to.

        raises  InputError where tables refer to each other in a circle; a table may refer to itself
        """
        done: list[Table] = []
        waiting = list(self.tables)
        while waiting:
            known = {table.name for table in done}
            ready = [
                table
                for table in waiting
                if {key.references for key in table.foreign_keys} <= known | {table.name}
            ]  # fmt: skip
            if not ready:
                names = ", ".join(table.name for table in waiting)
                raise InputError(f"tables {names} refer to each other in a circle", "Leave out one foreign key.")
            done += ready
            waiting = [table for table in waiting if table not in ready]
        return tuple(done)

    def _check_foreign(self, table: Table, key: ForeignKey) -> None:
        place = f"table {table.name}: foreign_key of {'+'.join(key.columns)}"
        if key.references not in {each.name for each in self.tables}:
            raise InputError(f"{place} refers to {key.references}, which is not there", "Declare that table.")
        target, there = self.target_of(key), self.table(key.references)
        if len(target) != len(key.columns) or not set(target) <= set(there.names):
            raise InputError(
                f"{place} does not fit the columns {'+'.join(target) or '(none)'} of {key.references}",
                "Give `to`, with as many columns of that table, or declare its primary_key.",
            )


def _check_column(table: str, column: Column) -> None:
    place = f"table {table}, column {column.name}"
    has_bounds = any((column.low is not None, column.high is not None, column.atoms, column.cuts))
    for wrong, what, remedy in (
        (column.kind not in KINDS, "the kind is unknown", f"Use one of {', '.join(KINDS)}."),
        (
            column.dtype not in ("", *KINDS.get(column.kind, ())),
            "the dtype does not fit the kind",
            f"Leave it out, or use one of {', '.join(KINDS.get(column.kind, ()))}.",
        ),
        (bool(column.unit) and not ucum.is_valid(column.unit), "the unit is not UCUM", "Write it as UCUM does: mg/dL."),
        (
            bool(column.hierarchy) and not is_known(column.hierarchy),
            "the hierarchy is unknown",
            f"Use one of {', '.join(NAMES)}.",
        ),
        (
            bool(column.hierarchy) and column.polars_type != pl.String if column.kind in KINDS else False,
            "a hierarchy needs codes as text",
            "Use kind categorical and dtype String.",
        ),
        (column.decimals is not None and not 0 <= column.decimals <= 12, "decimals are out of reach", "Give 0 to 12."),
        (
            has_bounds and column.kind not in NUMBERS,
            "low, high, atoms and cuts are for numbers and times",
            "Leave them out, or change the kind.",
        ),
        (bool(column.values) and column.kind not in CATEGORIES, "values are for categories", "Use kind categorical."),
        (
            any(one >= other for one, other in pairwise(column.cuts))
            or (bool(column.cuts) and column.kind == "datetime"),
            "cuts do not rise",
            "List each cut once, in rising order; of dates in days, of times in minutes since 1970.",
        ),
        (len(set(column.values)) != len(column.values), "a value stands there twice", "List each value once."),
        (_is_empty_range(column), "low is above high, or of another type", "Give both as numbers, or both as dates."),
    ):
        if wrong:
            raise InputError(f"{place}: {what}", remedy)


def _is_empty_range(column: Column) -> bool:
    low, high = column.low, column.high
    if column.kind in ("date", "datetime") and any(isinstance(each, int | float) for each in (low, high)):
        return True
    if low is None or high is None:
        return False
    try:
        return low > high  # type: ignore[operator]
    except TypeError:
        return True


def _check_constraint(table: Table, constraint: Constraint) -> None:
    place = f"table {table.name}, constraint {constraint.kind} of {'+'.join(constraint.columns)}"
    kinds = {table.column(name).kind for name in constraint.columns}
    if constraint.kind == "order" and len(kinds) > 1 and not kinds <= {"continuous", "integer"}:
        raise InputError(f"{place}: the columns cannot be compared", "Name two columns of one kind.")
    if constraint.kind == "sum" and not kinds <= {"continuous", "integer"}:
        raise InputError(f"{place}: only numbers can be added", "Name columns of kind continuous or integer.")
    if isinstance(constraint, Fixed) and any(len(row) != len(constraint.columns) for row in constraint.combinations):
        raise InputError(f"{place}: a combination has another length", "Give one value for each column.")
    if isinstance(constraint, Implies) and not (constraint.when and constraint.then):
        raise InputError(f"{place}: when or then is empty", "Name at least one column in each.")
