"""Tables of the lake, as values."""

from dataclasses import dataclass
from datetime import datetime

from careloom.client.reports import QueuedWork


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is now: its path, newest version, and the view it is made by; empty for research tables."""

    path: str
    version: int
    rows: int
    files: int
    size_bytes: int
    is_sealed: bool
    view: str


@dataclass(frozen=True, slots=True)
class TableList:
    """The tables of a zone, by path."""

    items: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column.

    type  as Delta names it: string, long, double, boolean, date, timestamp, array<string>
    phi   ``direct``: names a person; ``quasi``: helps to single one out; ``none``: says nothing about who it is
    unit  UCUM; empty where values have none
    """

    name: str
    type: str
    phi: str
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class TableVersion:
    """A commit of a table; it is not readable once its files were erased or vacuumed."""

    number: int
    time: datetime
    operation: str
    run: str
    is_readable: bool


@dataclass(frozen=True, slots=True)
class TableDetail(Table):
    """A table with its columns, its versions, oldest first, and the names of its snapshots."""

    columns: tuple[TableColumn, ...]
    versions: tuple[TableVersion, ...]
    snapshots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableRefresh(QueuedWork):
    """A refresh as a job.

    done           ``built``, ``refreshed`` or ``unchanged``; None, as the two beside it, until it is done
    version, rows  of the table then
    """

    table: str
    done: str | None
    version: int | None
    rows: int | None
