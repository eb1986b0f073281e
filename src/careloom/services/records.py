"""Records: one resource, or one version of it, as it goes out; every read is audited with its patients."""

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import orjson

from careloom.errors import CareloomError, Erased, NotFound
from careloom.fhir.drafts import Resource
from careloom.fhir.references import patients_of
from careloom.fhir.search_parameters import resource_types
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.services.restrictions import require_not_hidden
from careloom.services.sight import View, view_of
from careloom.store.export_scan import line_of
from careloom.store.rows import Stored, instant
from careloom.store.zone_store import Zone, ZoneStore

_GREATEST_VERSION_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Found:
    """A resource as it goes out.

    version  what ``meta.versionId`` says; of a Provenance that was made when asked for, a keyed hash of its content
    content  JSON with ``meta.versionId``, ``meta.lastUpdated`` and ``meta.source`` as the store knows them
    """

    resource_type: str
    id: str
    version: str
    last_updated: datetime
    content: bytes

    def resource(self) -> Resource:
        """The content as plain JSON."""
        resource: Resource = orjson.loads(self.content)
        return resource


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What goes out, and the keyed pseudonyms of the patients whom that concerns."""

    found: Found
    subjects: frozenset[str]


def read(platform: Platform, who: Principal, zone: Zone, resource_type: str, resource_id: str) -> Found:
    """The current version of a resource.

    resource_id  a stored id; of a Provenance also the id of a source record
    raises       AccessError, NotFound, Erased (deleted, or of an erased patient), all of them audited
    """

    def current(store: ZoneStore, view: View) -> Disclosed:
        try:
            stored = store.read(resource_type, resource_id)
        except NotFound:
            return _made(store, view, resource_type, resource_id)
        return _shown(zone, store, view, stored)

    return _reading(platform, who, zone, (resource_type, resource_id, ""), current)


def read_version(
    platform: Platform, who: Principal, zone: Zone, resource_type: str, resource_id: str, version: str
) -> Found:
    """One version of a resource, current or earlier; otherwise as `read`."""

    def one_version(store: ZoneStore, view: View) -> Disclosed:
        try:
            stored = store.read_version(resource_type, resource_id, _number(version))
        except NotFound:
            return _made(store, view, resource_type, resource_id, version)
        return _shown(zone, store, view, stored)

    return _reading(platform, who, zone, (resource_type, resource_id, version), one_version)


def outgoing(store: ZoneStore, stored: Stored) -> Disclosed:
    """A stored version, not a deletion, as it goes out."""
    patients = patients_of(orjson.loads(stored.content))
    return Disclosed(outgoing_content(stored), frozenset(map(store.pseudonym, patients)))


def outgoing_content(stored: Stored) -> Found:
    """A stored version, not a deletion; its bytes are those of `Stored.resource`, and seldom made anew."""
    updated = instant(stored.last_updated).encode()
    line = line_of(stored.content, stored.version, updated, stored.record_id)
    content = orjson.dumps(stored.resource()) if line is None else line[:-1]
    return Found(stored.type, stored.id, str(stored.version), stored.last_updated, content)


def _shown(zone: Zone, store: ZoneStore, view: View, stored: Stored) -> Disclosed:
    """A stored version as it goes out. raises Erased for a deletion; NotFound for what the view does not show

    Of a deletion nobody can tell whose it was, so that to who sees one patient alone nothing was ever there.
    """
    if stored.deleted:
        if view.sight.only is not None:
            raise _missing(zone, stored.type)
        raise _gone(zone, stored.type)
    found = outgoing(store, stored)
    if not view.sight.is_whole and not view.shows(orjson.loads(stored.content)):
        raise _missing(zone, stored.type)
    return found


def outgoing_provenance(store: ZoneStore, resource: Resource) -> Disclosed:
    """The Provenance of a source record, made when asked for, as it goes out: the store keeps no version of it."""
    content = orjson.dumps(resource)
    record_id = resource["id"]
    recorded = datetime.fromisoformat(resource["recorded"])
    found = Found("Provenance", record_id, store.keys.content_hash(content).hex(), recorded, content)
    named = map(store.pseudonym, patients_of(resource))
    return Disclosed(found, frozenset(named).union(store.subjects_of_record(record_id)))


def _reading(
    platform: Platform,
    who: Principal,
    zone: Zone,
    fact: tuple[str, str, str],
    find: Callable[[ZoneStore, View], Disclosed],
) -> Found:
    """What `find` finds, after it was decided and noted. The id stands in the audit chain as a keyed hash only."""
    resource_type, resource_id, version = fact
    if resource_type not in resource_types():
        raise NotFound("FHIR R4 has no resource type of this name", "The types stand in the CapabilityStatement.")
    admit(platform, who, "read", zone, resource_type)
    store = platform.store(zone)
    detail: dict[str, object] = {"type": resource_type, "fact": store.pseudonym(f"{resource_type}/{resource_id}")}
    view = View()
    try:
        with store.one_look():
            view = view_of(platform, who, zone)
            disclosed = find(store, view)
            require_not_hidden(view.hidden, zone, disclosed.subjects)
    except CareloomError as error:
        subjects: Iterable[str] = ()
        if resource_type == "Patient" and isinstance(error, Erased):
            subjects = (store.pseudonym(resource_id),)
        detail["code"] = error.code
        if view.left_out:
            detail["withheld"] = view.left_out
        note(platform, who, "read", zone, outcome="failed", subjects=subjects, detail=detail)
        raise
    if version:
        detail["version"] = disclosed.found.version
    detail |= told_of(who, view)
    note(platform, who, "read", zone, subjects=disclosed.subjects, detail=detail)
    return disclosed.found


def told_of(who: Principal, view: View) -> dict[str, object]:
    """What an event tells of what was left out, and of the emergency under which something was shown."""
    told: dict[str, object] = {"withheld": view.left_out} if view.left_out else {}
    if view.lifted and who.emergency is not None:
        told["emergency"] = who.emergency.id
    return told


def may_show(view: View, subjects: Collection[str]) -> bool:
    """True when what is about these patients (keyed pseudonyms) may be known of without a look at what it is."""
    if view.sight.only is not None:
        return set(subjects) == {view.own}
    return view.withheld is None or view.withheld.names.isdisjoint(subjects)


def _made(store: ZoneStore, view: View, resource_type: str, resource_id: str, version: str = "") -> Disclosed:
    """What the store does not keep but can tell of: the Provenance of a source record. raises NotFound, Erased."""
    if resource_type == "Patient" and view.sight.only is None and store.is_erased(resource_id):
        raise Erased(f"{store.zone}: this Patient was erased", "Nothing of it is left.")
    if resource_type == "Provenance":
        with suppress(NotFound, ValueError):
            made = outgoing_provenance(store, store.provenance(resource_id))
            if version in ("", made.found.version) and may_show(view, made.subjects):
                return made
    raise _missing(store.zone, resource_type)


def _missing(zone: str, resource_type: str) -> NotFound:
    return NotFound(f"{zone}: there is no such {resource_type}", "Ids are stored ids: search for it first.")


def _gone(zone: Zone, resource_type: str) -> Erased:
    return Erased(f"{zone}: this {resource_type} was deleted", "Earlier versions can be read by their number.")


def _number(version: str) -> int:
    """The number that a version's name means, 0 if it means none: no stored version has it."""
    is_number = version.isascii() and version.isdigit() and len(version) <= _GREATEST_VERSION_DIGITS
    return int(version) if is_number and version[0] != "0" else 0
