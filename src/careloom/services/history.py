"""History: the versions of one resource, of a type, or of a whole zone, newest first, page by page."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import orjson

from careloom.errors import CareloomError, Erased, NotFound, QueryError
from careloom.fhir.references import patients_of
from careloom.services.access import Principal, Verb
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.services.records import Found, outgoing, told_of
from careloom.services.restrictions import hidden, require_seen
from careloom.services.sight import View, view_of
from careloom.store.audit_log import microseconds
from careloom.store.reads import HistoryAsk
from careloom.store.rows import Stored
from careloom.store.zone_store import Zone, ZoneStore


@dataclass(frozen=True, slots=True)
class Version:
    """One version; `found` is None for a deletion. `number` counts from 1."""

    resource_type: str
    id: str
    number: int
    last_updated: datetime
    found: Found | None


@dataclass(frozen=True, slots=True)
class VersionPage:
    """One page of a history.

    total        versions of the one resource, whatever the page; None for a type or a zone, where nobody counts
    next_cursor  asks for the page after this one; empty on the last one
    """

    versions: tuple[Version, ...]
    total: int | None
    next_cursor: str = ""


@dataclass(frozen=True, slots=True)
class HistoryOf:
    """Whose history: a resource's, a type's (no id), a zone's (no type).

    since   UTC-aware: versions made from then on
    count   versions on a page; None for the default of searches, whose most holds here too
    cursor  of the page before, empty for the first
    """

    resource_type: str = ""
    resource_id: str = ""
    since: datetime | None = None
    count: int | None = None
    cursor: str = ""


def history(platform: Platform, who: Principal, zone: Zone, ask: HistoryOf) -> VersionPage:
    """The page of a history that follows the cursor.

    It takes leave to read the type for one resource, to search it for a type, and to search everything for a zone.

    raises  AccessError; NotFound for a resource that never was, Erased for an erased patient; QueryError; all audited
    """
    verb: Verb = "read" if ask.resource_id else "search"
    admit(platform, who, verb, zone, ask.resource_type, operation="history")
    store, view = platform.store(zone), view_of(platform, who, zone, verb=verb)
    detail: dict[str, object] = {"type": ask.resource_type or "all"}
    try:
        page = _page(platform, store, view, ask)
        page = _seen(platform, who, zone, page, ask)
    except CareloomError as error:
        told = detail | {"code": error.code} | told_of(who, view)
        note(platform, who, "history", zone, outcome="failed", detail=told)
        raise
    detail |= told_of(who, view)
    subjects = {
        store.pseudonym(patient) for one in page.versions if one.found for patient in patients_of(one.found.resource())
    }
    note(platform, who, "history", zone, subjects=subjects, detail=detail | {"count": len(page.versions)})
    return page


def _page(platform: Platform, store: ZoneStore, view: View, ask: HistoryOf) -> VersionPage:
    is_bound = view.sight.only is not None
    if ask.resource_type == "Patient" and ask.resource_id and not is_bound and store.is_erased(ask.resource_id):
        raise Erased(f"{store.zone}: this Patient was erased", "Nothing of it is left.")
    settings = platform.settings.search
    limit = min(settings.default_count if ask.count is None else ask.count, settings.max_count)
    since = 0 if ask.since is None else microseconds(ask.since)
    wanted = HistoryAsk(ask.resource_type, ask.resource_id, since, limit, _place(ask.cursor), view.sight)
    missing = NotFound(
        f"{store.zone}: there is no such {ask.resource_type}", "Ids are stored ids: search for it first."
    )
    try:
        found = store.history_page(wanted)
    except NotFound:
        raise missing from None
    is_counted = ask.resource_id and not since and view.sight.is_whole
    total = store.versions(ask.resource_type, ask.resource_id) if is_counted else None
    following = "" if found.following is None else ".".join(map(str, found.following))
    versions = tuple(_versions(store, view, found.versions))
    if ask.resource_id and found.versions and all(one.found is None for one in versions) and not view.sight.is_whole:
        raise missing
    return VersionPage(versions, total, following)


def _seen(platform: Platform, who: Principal, zone: Zone, page: VersionPage, ask: HistoryOf) -> VersionPage:
    """The page without patients whom the caller does not see. raises AccessError for the history of such a resource"""
    left_out = hidden(platform, who, zone)
    if not left_out.pseudonyms:
        return page
    store = platform.store(zone)

    def covers(one: Version) -> bool:
        return one.found is not None and left_out.covers(set(map(store.pseudonym, patients_of(one.found.resource()))))

    if ask.resource_id and any(covers(one) for one in page.versions):
        require_seen(platform, who, zone, left_out.pseudonyms)
    return replace(page, versions=tuple(one for one in page.versions if not covers(one)))


def _versions(store: ZoneStore, view: View, found: Iterable[Stored]) -> Iterable[Version]:
    for one in found:
        if not one.deleted and not view.sight.is_whole and not view.shows(orjson.loads(one.content)):
            continue
        shown = None if one.deleted else outgoing(store, one).found
        yield Version(one.type, one.id, one.version, one.last_updated, shown)


def _place(cursor: str) -> tuple[int, int, int] | None:
    """What a cursor says. raises QueryError"""
    if not cursor:
        return None
    parts = cursor.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        raise QueryError("that is no place in a history", "Follow the link to the next page unchanged.")
    time, row, version = map(int, parts)
    return time, row, version
