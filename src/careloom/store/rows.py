"""What goes into the store and what comes out of it, as values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import orjson

from careloom.fhir.drafts import Resource
from careloom.pipeline.record import RecordFact

Outcome = Literal["created", "updated", "unchanged", "mentioned", "deleted", "refused"]
"""What became of a write. ``refused``: it is about an erased patient (issue ``store.erased-subject``)."""

_STORE_META = ("versionId", "lastUpdated", "source")


class IndexRows(NamedTuple):
    """The search entries of one resource.

    eq       keyed 64-bit hashes for ``idx_eq``
    ranges   (keyed hash, low, high, unit hash or 0) for ``idx_range``
    systems  (type, parameter, system) seen, for ``token_system``
    """

    eq: Sequence[int]
    ranges: Sequence[tuple[int, float, float, int]] = ()
    systems: Sequence[tuple[str, str, str]] = ()


Indexer = Callable[[Resource], IndexRows]
"""Search entries of a resource under the zone's index key; pure: the same content gives the same rows."""


Counter = Callable[[str, int], int]
"""`counter(name, n)`: reserves n numbers of that name in the running transaction and returns the first."""


def no_index(resource: Resource) -> IndexRows:
    """No search entries: for zones and tests that do not search."""
    return IndexRows(())


def canonical(resource: Resource) -> bytes:
    """What the store keeps and hashes: sorted JSON without ``meta.versionId``, ``.lastUpdated`` and ``.source``."""
    meta = resource.get("meta")
    if meta is not None and not meta.keys().isdisjoint(_STORE_META):
        kept = {name: value for name, value in meta.items() if name not in _STORE_META}
        resource = {**resource, "meta": kept} if kept else {k: v for k, v in resource.items() if k != "meta"}
    return orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)


@dataclass(slots=True)
class Write:
    """One resource to be written.

    id        the keyed id
    content   `canonical(resource)`; ignored for ``delete``
    patients  keyed ids of the Patients whose compartment it is in, () if nobody's; a Patient is in its own
    rec       the landed record it was made from (`Landed.rec`), None if there is none
    action    as `careloom.fhir.drafts.Draft.action`
    resource  the parsed content, if the caller has it at hand: spares the indexer a parse
    rows      its search entries, if the caller has made them: spares the indexer all of it
    """

    type: str
    id: str
    content: bytes
    patients: tuple[str, ...] = ()
    rec: int | None = None
    action: Literal["put", "mention", "delete"] = "put"
    resource: Resource | None = None
    rows: IndexRows | None = None


@dataclass(frozen=True, slots=True)
class Landing:
    """One arriving record to be landed.

    raw       the exact source bytes
    patients  keyed ids of the Patients it is about; () about nobody (an organization); None when it cannot be told:
              it is then sealed under a key of its own
    fact      what it says of itself, None where its format says nothing
    """

    format: str
    raw: bytes
    patients: tuple[str, ...] | None = None
    fact: RecordFact | None = None


class Sender(NamedTuple):
    """Where a file came from: the source system, and the listener that took it (empty for a file that was read)."""

    source: str = ""
    feed: str = ""


NOBODY = Sender()


class Landed(NamedTuple):
    """A landed record. `rec` is 0 when the record is about an erased patient and was not kept."""

    rec: int
    record_id: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """An arrived file. A run that finds `records` already landed goes on after them.

    state  ``open``, ``done`` or ``failed``
    """

    manifest: int
    manifest_id: str
    state: str
    records: int
    counts: dict[str, Any]


@dataclass(slots=True)
class Tally:
    """What one transaction did, for its audit event.

    outcomes    how many writes ended in each `Outcome`
    landed      new records kept; `known` records that were there before; `refused` records of erased patients
    pseudonyms  keyed pseudonyms of the patients written about, sorted
    """

    outcomes: dict[str, int] = field(default_factory=dict)
    landed: int = 0
    known: int = 0
    refused: int = 0
    quarantined: int = 0
    pseudonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored version of a resource.

    record_id  of the source record, empty if there is none
    content    canonical JSON without the store's meta; empty for a deletion
    """

    rid: int
    type: str
    id: str
    version: int
    last_updated: datetime
    deleted: bool
    record_id: str
    content: bytes

    def resource(self) -> Resource:
        """The resource with ``meta.versionId``, ``meta.lastUpdated`` and ``meta.source`` as the store knows them."""
        resource: Resource = orjson.loads(self.content) if self.content else {"resourceType": self.type, "id": self.id}
        meta = resource.setdefault("meta", {})
        meta["versionId"] = str(self.version)
        meta["lastUpdated"] = instant(self.last_updated)
        if self.record_id:
            meta["source"] = f"urn:careloom:record:{self.record_id}"
        return resource


def instant(time: datetime) -> str:
    """A FHIR instant in UTC with milliseconds: ``2026-11-22T10:15:00.000Z``."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
