"""The rows of a release as a table of the lake, with a certificate beside it: what is done once the gate let them pass.

A process may be killed amid it. What is left to do then is done by the next, from what the catalogue holds.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

import polars as pl

from careloom.errors import Conflict, IntegrityError, StateError
from careloom.services import synthesize_certificate as certificates
from careloom.services.access import Principal
from careloom.services.admission import note
from careloom.services.platform import Platform
from careloom.services.privacy_ledger import settle
from careloom.services.synthesize import FHIR, change, files_of, open_model, require_clean, work, zone_of_account
from careloom.services.synthesize_card import card
from careloom.services.synthesize_over import FACT, models_of
from careloom.services.synthesize_records import RESOURCES, staged_resources
from careloom.services.synthesize_rows import staged
from careloom.services.synthesize_zone import land, remove
from careloom.store.synthesis import Work
from careloom.synth.metadata import Column, Table
from careloom.synth.release_measures import digest_of
from careloom.tables.schema import Column as LakeColumn
from careloom.tables.schema import TableSchema

RELEASE = "synthesize-release"
KEY = "synthetic_row"
"""The column that names a row of a release."""


def finished(platform: Platform, who: Principal, one: Work) -> Work:
    """Lets out a sample that the gate let pass, from wherever a process was killed: nothing is done twice.

    raises  StateError where somebody left meanwhile, or a table of something else has its name; NotFound,
            IntegrityError where its rows are gone or changed; SetupError where the disk does not take it; Conflict
    """
    model, kept = work(platform, one.parent, "model"), dict(one.body["release"])
    certificate = kept.pop("waiting")
    table = table_of(platform, one, model)
    schema = schema_of(table, kept["path"].partition("/")[2])
    _fill(platform, one, model, schema)
    if model.body["engine"] in FHIR:
        is_here = files_of(platform).has(f"staging/{one.name}")  # else of the table, which was filled of them
        frames = staged_of(platform, one, model) if is_here else [platform.lake("synthetic").read(schema.path)]
        land(platform, who, one, frames)
    kept["place"] = certificates.keep(platform, certificate)
    kept["card"] = card(table, certificate["report"])
    with suppress(Conflict):  # settled before the process was killed
        settle(platform, who, kept["ledger"], "done")
    detail = {"sample": one.name, "table": schema.path, "certificate": kept["digest"],
              "zone": zone_of_account(model.body["account"])}  # fmt: skip
    note(platform, who, RELEASE, "synthetic", action="create", detail=detail)
    done = change(platform, who, one, "released", {**one.body, "release": kept})
    files_of(platform).remove(f"staging/{one.name}")
    return done


def _fill(platform: Platform, one: Work, model: Work, schema: TableSchema) -> None:
    """The rows as a table of the lake; nothing where they lie there already."""
    lake, facts = platform.lake("synthetic"), {FACT: one.name, "certificate": one.body["release"]["certificate"]}
    if schema.path in lake.paths():
        state = lake.state(schema.path)
        if state.facts.get(FACT) != one.name:
            raise StateError(f"there is a table {schema.path} of something else", "Give the release another name.")
        if state.rows == one.body["rows"] and state.facts.get("certificate") == facts["certificate"]:
            _require_judged(one, [lake.read(schema.path)])
            if files_of(platform).has(f"staging/{one.name}"):  # of these its resources are made
                _require_judged(one, frames_of(platform, one, model, schema))
            return
    _require_judged(one, frames_of(platform, one, model, schema))
    lake.replace(schema, frames_of(platform, one, model, schema), one.name, facts=facts)


def _require_judged(one: Work, frames: Iterable[pl.DataFrame]) -> None:
    if digest_of(frames) != one.body["release"]["rows_sha256"]:
        raise IntegrityError("the rows are not those that were judged", "Sample and judge anew.")


def taken_back(platform: Platform, who: Principal, one: Work, why: str) -> Work:
    """Keeps a sample in whose release was cut off and cannot be finished: its table goes."""
    drop(platform, one)
    with suppress(Conflict):
        settle(platform, who, one.body["release"]["ledger"], "failed")
    kept = {name: value for name, value in remove(platform, who, one).items() if name != "waiting"}
    return change(platform, who, one, "refused", {**one.body, "release": {**kept, "failed": [why]}})


def drop(platform: Platform, one: Work) -> None:
    """Removes the table of a release, where there is one of it."""
    lake, path = platform.lake("synthetic"), one.body["release"]["path"]
    if path in lake.paths() and lake.state(path).facts.get(FACT) == one.name:
        lake.drop(path)


def schema_of(table: Table, name: str) -> TableSchema:
    """The table of a release in the lake: its columns, and `KEY` before them."""
    key = LakeColumn(KEY, "String", "Number of the synthetic row: it names nobody.", nullable=False)
    own = [LakeColumn(name, _dtype(one), one.meaning or "As in the table that was learnt.", one.unit)
           for name, one in zip(_names(table), table.columns, strict=True)]  # fmt: skip
    return TableSchema(name, "gold", "Synthetic rows: none is of a patient.", (KEY,), KEY, (key, *own))


def table_of(platform: Platform, one: Work, model: Work) -> Table:
    """What rows of a sample are. raises StateError for a model that failed, or that somebody left"""
    if model.body["engine"] not in FHIR:
        return open_model(platform, model)[0].table
    for each in models_of(platform, one):
        require_clean(platform, each)
    return RESOURCES


def staged_of(platform: Platform, one: Work, model: Work) -> Iterator[pl.DataFrame]:
    """The rows of a sample as they lie sealed."""
    return (staged_resources if model.body["engine"] in FHIR else staged)(platform, one)


def frames_of(platform: Platform, one: Work, model: Work, schema: TableSchema) -> Iterator[pl.DataFrame]:
    """The rows as the lake holds them."""
    first = 0
    for frame in staged_of(platform, one, model):
        key = pl.format("row-{}", pl.int_range(first, first + pl.len())).alias(KEY)
        own = {old: new.name for old, new in zip(frame.columns, schema.columns[1:], strict=True)}
        made = frame.rename(own).with_columns(
            pl.col(name).dt.replace_time_zone("UTC") for name, kind in frame.rename(own).schema.items()
            if isinstance(kind, pl.Datetime) and kind.time_zone is None
        )  # fmt: skip
        first += frame.height
        yield made.with_columns(key).select(list(schema.dtypes))


def _dtype(column: Column) -> str:
    kind = str(column.dtype or "")
    if not kind:
        return {"continuous": "Float64", "integer": "Int64", "boolean": "Boolean", "date": "Date",
                "datetime": "Datetime[us, UTC]"}.get(column.kind, "String")  # fmt: skip
    return "Datetime[us, UTC]" if kind.startswith("Datetime") else kind


def _names(table: Table) -> list[str]:
    """Names of the columns as every format takes them, all different where the case of letters does not count."""
    taken, found = {KEY}, []
    for column in table.columns:
        bare = name = re.sub(r"[^A-Za-z0-9_]", "_", column.name)
        times = 1
        while name.lower() in taken:
            times += 1
            name = f"{bare}_{times}"
        taken.add(name.lower())
        found.append(name)
    return found
