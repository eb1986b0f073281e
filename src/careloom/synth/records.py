"""Whole records of patients as tables that hang together: who, encounters, and what happened in them.

One patient is one sample of the generator, and the unit of privacy.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

import polars as pl

from careloom.synth.constraints import Order
from careloom.synth.metadata import Column, ForeignKey, Metadata, SequenceOf, Table
from careloom.synth.metadata_check import conform

EVENTS = ("conditions", "observations", "medications", "procedures")
"""Tables of what happens in an encounter, in the order in which a stream tells them."""
BASE = ("patient_id", "birth", "death")
"""Columns of patients that are no category."""
_TIME = "Datetime[us, UTC]"
_ID, _TO_PATIENT = Column("patient_id", "id", nullable=False), ForeignKey(("patient_id",), "patients")
_CODE = (
    Column("system", "categorical", meaning="URI of the code system"),
    Column("code", "categorical", nullable=False),
    Column("display", "categorical", meaning="what the code says"),
)
_START = Column("start", "datetime", _TIME, nullable=False)
_STOP = Column("stop", "datetime", _TIME, meaning="null: has not ended, or nobody said when")
_SPAN = (Order("start", "stop"),)
_ANSWER = (
    Column("category", "categorical", meaning="laboratory, vital-signs, ..."),
    Column("value", "continuous", meaning="null where the answer is a code or is not known"),
    Column("unit", "categorical", meaning="UCUM code"),
    Column("answer_system", "categorical"),
    Column("answer_code", "categorical"),
    Column("answer", "categorical", meaning="what the answer says"),
)


def _events(name: str, *more: Column) -> Table:
    columns = (Column("event_id", "id", nullable=False), _ID, Column("encounter_id", "id"), *_CODE, _START, *more)
    keys = (_TO_PATIENT, ForeignKey(("encounter_id",), "encounters"))
    rules = _SPAN if _STOP in more else ()
    return Table(name, columns, ("event_id",), keys, SequenceOf(("patient_id",), "start"), "patient_id", rules)


def metadata(statics: tuple[str, ...] = ("sex",)) -> Metadata:
    """What the tables are.

    statics  categories of a patient that never change, in the order in which they are told; ``sex`` among them
    """
    who = (
        _ID, Column("birth", "date"), Column("death", "datetime", _TIME),
        *(Column(name, "categorical") for name in statics),
    )  # fmt: skip
    visit = (
        Column("encounter_id", "id", nullable=False), _ID,
        Column("kind", "categorical", meaning="code of v3-ActCode: AMB, EMER, IMP, VR"), *_CODE, _START, _STOP,
    )  # fmt: skip
    sequence = SequenceOf(("patient_id",), "start")
    return Metadata(
        (
            Table("patients", who, ("patient_id",), subject="patient_id"),
            Table("encounters", visit, ("encounter_id",), (_TO_PATIENT,), sequence, "patient_id", _SPAN),
            _events("conditions", _STOP),
            _events("observations", *_ANSWER),
            _events("medications", _STOP),
            _events("procedures", _STOP),
        )
    )


COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType({table.name: table.names for table in metadata(()).tables})


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """The tables, as `metadata` says; times are UTC."""

    patients: pl.DataFrame
    encounters: pl.DataFrame
    conditions: pl.DataFrame
    observations: pl.DataFrame
    medications: pl.DataFrame
    procedures: pl.DataFrame

    @property
    def statics(self) -> tuple[str, ...]:
        """The categories of a patient."""
        return tuple(name for name in self.patients.columns if name not in BASE)

    def tables(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """(name, frame) of each table."""
        for each in fields(self):
            yield each.name, getattr(self, each.name)

    def of(self, patients: pl.Series) -> "Records":
        """The records of these patients."""
        chosen = pl.DataFrame({"patient_id": patients})
        return Records(*(frame.join(chosen, "patient_id", "semi") for _, frame in self.tables()))


def records(frames: Mapping[str, pl.DataFrame]) -> Records:
    """Records from frames by table name; a table that is left out is empty, columns beyond the declared ones go.

    frames  patients may have categories of any name beside the declared columns
    raises  SchemaMismatch for a frame that does not fit
    """
    given = frames["patients"]
    statics = tuple(name for name in given.columns if name not in BASE)
    made = {}
    for table in metadata(statics).tables:
        frame = frames.get(table.name)
        if frame is None:
            frame = pl.DataFrame(schema={column.name: column.polars_type for column in table.columns})
        lacking = [pl.lit(None, column.polars_type).alias(column.name) for column in table.columns
                   if column.name not in frame.columns and column.nullable]  # fmt: skip
        made[table.name] = conform(table, frame.with_columns(lacking).select(table.names))
    return Records(**made)


def daily(given: Records) -> Records:
    """The records with one observation of a code a day of an encounter, the first: what a stream can tell."""
    day = (pl.col("start").dt.epoch("s") - pl.col("enc").dt.epoch("s")) // 86_400
    begins = given.encounters.select("encounter_id", enc=pl.col("start"))
    thinned = (
        given.observations.sort("start", "event_id")
        .join(begins, "encounter_id", "left", maintain_order="left")
        .with_columns(day=day)
        .unique(["patient_id", "encounter_id", "day", "system", "code"], keep="first", maintain_order=True)
        .drop("enc", "day")
    )
    return Records(
        given.patients, given.encounters, given.conditions, thinned, given.medications, given.procedures
    )  # fmt: skip
