"""Where a generator learns: a table of the research zone's lake or a file, and the patients whom none may ever see.

The control set is drawn by patient before anything else, by a keyed hash: for one share the same patients are set aside
from every fit of an installation, whatever version of a table it learns, so that no search of settings touches them.
"""

from dataclasses import dataclass, replace
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from careloom.errors import Conflict, FormatError, InputError, NotFound, QueryError
from careloom.services.access import Principal
from careloom.services.lake_sight import rows_seen
from careloom.services.platform import Platform
from careloom.services.trainings import people_behind
from careloom.store.lake_versions import reference
from careloom.store.zone_store import Zone
from careloom.synth.metadata import Column, Metadata, Table
from careloom.synth.metadata_check import conform
from careloom.synth.metadata_infer import infer
from careloom.synth.metadata_toml import from_toml

Json = dict[str, Any]
_LAKE_ZONE: Zone = "research"
SEARCH_LOT = "synthesis search"
"""What for those are set aside by whom the trials of a search are compared."""


@dataclass(frozen=True, slots=True)
class SourceAsk:
    """What to learn: one of table and file.

    table     of the research zone's lake: ``silver/patients``, ``silver/patients@3``
    file      CSV or Parquet
    metadata  TOML of `careloom.synth.metadata_toml`; without it what the data let guess, which no private fit takes
    part      which table of the metadata, where it tells of several
    """

    table: str = ""
    file: Path | None = None
    metadata: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What was read.

    told        table, version and keyed digest, or the keyed digest of the file; never its name
    people      patient as the rows name them -> keyed pseudonym in the identified zone; empty for a file
    left_out    rows that consents, objections or erasures keep from learning, or that are about several patients
    """

    table: Table
    frame: pl.DataFrame
    told: Json
    people: dict[str, str]
    left_out: int


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The rows to learn, and those of patients whom no generator sees; `told` counts both."""

    members: pl.DataFrame
    controls: pl.DataFrame
    told: Json


def read_source(platform: Platform, who: Principal, ask: SourceAsk, zone: str) -> Source:
    """What is to be learnt, in the types that its metadata declare; the caller has asked for admission.

    raises  QueryError; NotFound; FormatError; InputError for metadata that do not fit; SchemaMismatch
    """
    if bool(ask.table) == (ask.file is not None):
        raise QueryError("a generator learns one table or one file", "Name one of them.")
    metadata = from_toml(ask.metadata) if ask.metadata else None
    if ask.file is not None:
        return _of_file(platform, ask.file, metadata, ask.part, zone)
    if zone != _LAKE_ZONE:
        raise QueryError("tables to learn lie in the research zone", "Name the account research, or a cohort of it.")
    return _of_lake(platform, who, ask.table, metadata, ask.part)


def split(platform: Platform, source: Source, zone: str, share: float, lot: str = "synthesis control") -> Split:
    """The rows by whether their patient is set aside. raises InputError where one side would have no row

    lot  what for: each draws lots of its own
    """
    if not 0.05 <= share <= 0.5:
        raise InputError("the share of controls is out of range", "Give 0.05 to 0.5.")
    table, frame = source.table, source.frame
    if table.subject and frame[table.subject].null_count():
        raise InputError("some rows name no patient", f"Give {table.subject} for every row.")
    key = platform.keys.derive(lot, zone)
    names = frame[table.subject].cast(pl.String) if table.subject else pl.Series(map(str, range(frame.height)))
    unique = names.unique()
    lots = {name: _lot(key, name) for name in unique.to_list()}
    apart = names.replace_strict(lots, return_dtype=pl.Float64) < share
    members, controls = frame.filter(~apart), frame.filter(apart)
    if not members.height or not controls.height:
        raise InputError("there are too few patients to set some aside", "Learn a table of more patients.")
    told = {
        "share": share, "by": table.subject or "row", "rows": members.height, "control_rows": controls.height,
        "patients": _patients(table, members), "control_patients": _patients(table, controls),
        "left_out": source.left_out,
    }  # fmt: skip
    return Split(members, controls, told)


def learnt_split(platform: Platform, source: Source, zone: str, body: Json) -> Split:
    """The split of a fit by what is known of it; of a search without those by whom its trials were compared."""
    parts = split(platform, source, zone, body["split"]["share"])
    if not body.get("search"):
        return parts
    inner = split(platform, replace(source, frame=parts.members), zone, body["search"]["held_share"], SEARCH_LOT)
    return replace(parts, members=inner.members)


def same_source(platform: Platform, who: Principal, ask: SourceAsk, told: Json, table: Table, zone: str) -> Source:
    """What a fit has learnt, read again, less whoever left since. raises Conflict where it is not the same any more"""
    if ask.file is not None:
        content = _content(ask.file)
        if _digest(platform, zone, content) != told["digest"]:
            raise Conflict("the file is not the one that was learnt", "Put it back, or fit again.")
        return Source(table, conform(table, _frame(ask.file, content)), told, {}, 0)
    try:
        return _of_lake(platform, who, f"{told['table']}@{told['version']}", Metadata((table,)), "")
    except NotFound:
        raise Conflict("the version that was learnt is gone: erased or vacuumed", "Fit the newest version.") from None


def _of_lake(platform: Platform, who: Principal, name: str, metadata: Metadata | None, part: str) -> Source:
    lake = platform.lake(_LAKE_ZONE)
    path = reference(name)[0]
    state = lake.state(name)
    frame = lake.read(f"{path}@{state.version}")
    seen = rows_seen(platform, who, _LAKE_ZONE, state)(frame)
    subject = state.facts.get("subject", "")
    table = _declared(metadata, part) if metadata is not None else _guessed(path.partition("/")[2], seen, subject)
    if subject and table.subject != subject:
        raise InputError(
            f"table {path} is about patients by {subject}, and the metadata do not say so",
            f'Declare the column {subject} of kind id, and subject = "{subject}".',
        )
    people: dict[str, str] = {}
    if subject:
        people = people_behind(platform, _LAKE_ZONE, seen[subject].drop_nulls().unique().to_list())
        seen = seen.filter(pl.col(subject).is_in(list(people)))
    told = {"table": path, "version": state.version, "digest": lake.digest(f"{path}@{state.version}")}
    return Source(table, conform(table, seen), told, people, frame.height - seen.height)


def _of_file(platform: Platform, file: Path, metadata: Metadata | None, part: str, zone: str) -> Source:
    content = _content(file)
    frame = _frame(file, content)
    table = _declared(metadata, part) if metadata is not None else infer({"table": frame}).metadata.table()
    return Source(table, conform(table, frame), {"digest": _digest(platform, zone, content)}, {}, 0)


def _declared(metadata: Metadata, part: str) -> Table:
    table = metadata.table(part)
    return replace(table, foreign_keys=())


def _guessed(name: str, frame: pl.DataFrame, subject: str) -> Table:
    table = infer({name: frame}).metadata.table()
    columns = tuple(Column(one.name, "id") if one.name == subject else one for one in table.columns)
    return replace(table, columns=columns, subject=subject, sequence=None, foreign_keys=())


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotFound(f"the file cannot be read ({type(error).__name__})", "Check its path.") from None


def _frame(file: Path, content: bytes) -> pl.DataFrame:
    try:
        if file.suffix.lower() in (".parquet", ".pq"):
            return pl.read_parquet(BytesIO(content))
        if file.suffix.lower() in (".csv", ".tsv"):
            between = "\t" if file.suffix.lower() == ".tsv" else ","
            return pl.read_csv(BytesIO(content), separator=between, infer_schema=False)
    except pl.exceptions.PolarsError:
        raise FormatError("the file does not read as its ending says", "Give CSV with a header, or Parquet.") from None
    raise FormatError("the ending of the file is unknown", "Give .csv, .tsv or .parquet.")


def _digest(platform: Platform, zone: str, content: bytes) -> str:
    return blake2b(content, key=platform.keys.derive("synthesis source", zone), digest_size=16).hexdigest()


def _lot(key: bytes, name: str) -> float:
    return int.from_bytes(blake2b(name.encode(), key=key, digest_size=8).digest(), "big") / 2**64


def _patients(table: Table, frame: pl.DataFrame) -> int:
    return frame[table.subject].n_unique() if table.subject else frame.height
