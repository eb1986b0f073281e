"""Resources of a release in the synthetic zone's FHIR store: the same views and searches run there as in other zones.

They come with a release and go with it, also out of tables that were made of the zone's resources. While it is not
open, every reader of the zone passes over its patients (`careloom.services.restrictions`).
"""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
import polars as pl

from careloom.audit import AuditEvent
from careloom.errors import IntegrityError
from careloom.fhir.references import patients_of
from careloom.services.access import Principal
from careloom.services.admission import event
from careloom.services.platform import Platform
from careloom.services.synthesize_over import LANDED, patient_ids
from careloom.services.view_table import tables_of_resources, view_tables
from careloom.store.erasure import ErasureReport
from careloom.store.lake_snapshots import numbers_kept
from careloom.store.rows import Tally, Write, canonical
from careloom.store.synthesis import Work

OPERATION = "synthesize-land"
AT_ONCE = 1_000
"""Resources of one transaction."""


def land(platform: Platform, who: Principal, one: Work, frames: Iterable[pl.DataFrame]) -> None:
    """Writes the resources of a release; who reads the zone passes over them until its state says that it is open.

    one     with its release, whose `LANDED` says of how many patients
    frames  rows of `careloom.services.synthesize_records.RESOURCES`
    raises  IntegrityError for a resource of a patient who is none of the sample's
    """
    own = set(patient_ids(one.name, int(one.body["release"][LANDED])))
    store = platform.store("synthetic")

    def told(tally: Tally) -> AuditEvent:
        detail = {"sample": one.name, "resources": dict(tally.outcomes)}
        return event(
            platform, who, OPERATION, "synthetic", action="create", subjects=tally.pseudonyms, detail=detail
        )  # fmt: skip

    for frame in frames:
        for rows in frame.iter_slices(AT_ONCE):
            writes = [_write(text, own) for text in rows["resource"]]
            with store.transaction(told) as step:
                step.write(writes)


def remove(platform: Platform, who: Principal, one: Work) -> dict[str, Any]:
    """Destroys the resources of a release for good: the keys of its patients go, and their rows in tables of views and
    of facts. What is kept of the release then.

    raises  Conflict while one of the tables is being written: to be asked for again
    """
    kept: dict[str, Any] = dict(one.body["release"])
    patients = int(kept.pop(LANDED, 0))
    if not patients or not platform.has_store("synthetic"):
        return kept

    def told(done: ErasureReport) -> AuditEvent:
        detail = {"sample": one.name, "resources": done.resources, "keys": done.keys}
        return event(
            platform, who, OPERATION, "synthetic", action="delete", subjects=done.pseudonyms, detail=detail
        )  # fmt: skip

    names = patient_ids(one.name, patients)
    platform.store("synthetic").erase(names, told, names_patient=lambda raw, source: False)
    lake = platform.lake("synthetic")
    for path in (*view_tables(lake), *tables_of_resources(lake)):
        lake.erase(path, lake.state(path).facts["subject"], names, one.name, numbers_kept(lake, path))
    return kept


def are_landed(platform: Platform, frames: Iterable[pl.DataFrame]) -> bool:
    """True when every resource lies in the store as the rows of a release have it."""
    store = platform.store("synthetic")
    for frame in frames:
        for kind, ids, texts in _by_type(frame):
            found = store.read_named(kind, ids)
            for name, text in zip(ids, texts, strict=True):
                held = found.get(name)
                if held is None or held.deleted or held.content != canonical(orjson.loads(text)):
                    return False
    return True


def _by_type(frame: pl.DataFrame) -> Iterator[tuple[str, list[str], list[str]]]:
    for (kind,), rows in frame.group_by("resource_type", maintain_order=True):
        yield str(kind), rows["resource_id"].to_list(), rows["resource"].to_list()


def _write(text: str, own: set[str]) -> Write:
    resource: dict[str, Any] = orjson.loads(text)
    patients = patients_of(resource)
    if not patients or not own.issuperset(patients):
        raise IntegrityError("a resource is of no patient of its sample", "Sample and judge anew.")
    return Write(resource["resourceType"], resource["id"], canonical(resource), patients, resource=resource)
