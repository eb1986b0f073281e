"""Batch and transaction: many interactions in one request, each by itself or all together.

source  FHIR R4 (4.0.1) http.html, "batch/transaction"
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from careloom.errors import AccessError, CareloomError, InputError, TooLarge
from careloom.fhir.drafts import Resource
from careloom.services import records
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.bundle_entries import Get, asked
from careloom.services.changes import Change, Done
from careloom.services.platform import Platform
from careloom.services.records import Found
from careloom.services.search import SearchPage, search
from careloom.services.write import admit_change, require_change, write, write_together
from careloom.store.zone_store import Zone

Kind = Literal["batch", "transaction"]
_ORDER = {"delete": 0, "create": 1, "update": 2, "patch": 2}


class Answer(NamedTuple):
    """What one entry came to: a change made, a resource, a page, or what was wrong with it."""

    asked: Change | Get | None
    found: Done | Found | SearchPage | CareloomError


def process(platform: Platform, who: Principal, zone: Zone, bundle: Resource) -> tuple[Kind, list[Answer]]:
    """What each entry came to, in the order of the entries.

    A transaction is done whole, or an error is raised that names the entry, and nothing of it is kept; what it reads is
    read once it is durable, and tells of itself alone. Of a batch each entry is done by itself, in order.

    raises  InputError for what is no batch or transaction; TooLarge; of a transaction as
            `careloom.services.write.write`. Audited
    """
    kind = bundle.get("type")
    try:
        if bundle.get("resourceType") != "Bundle" or kind not in ("batch", "transaction"):
            raise InputError("this address takes a Bundle of type batch or transaction", "Send others to their type.")
        entries = bundle.get("entry", [])
        if not isinstance(entries, list):
            raise InputError("the entries of the Bundle are no list", "Write entry as a JSON array.")
        most = platform.settings.fhir.max_bundle_entries
        if len(entries) > most:
            raise TooLarge(f"the Bundle has more than {most} entries", "Send it in several.")
    except CareloomError as error:
        note(platform, who, "batch", zone, action="execute", outcome="failed", detail={"code": error.code})
        raise
    if not entries:  # nothing below would say that it was asked
        note(platform, who, kind, zone, action="execute", detail={"entries": 0})
    if kind == "batch":
        return "batch", [_alone(platform, who, zone, number, entry) for number, entry in enumerate(entries)]
    return "transaction", _together(platform, who, zone, entries)


def _base(platform: Platform, zone: Zone) -> str:
    return f"{platform.settings.base_url}/fhir/{zone}/"


def _alone(platform: Platform, who: Principal, zone: Zone, number: int, entry: Any) -> Answer:
    """One entry of a batch. An entry that makes no sense is noted as well."""
    try:
        ask = asked(number, entry, _base(platform, zone))
    except CareloomError as error:
        note(platform, who, "batch", zone, action="execute", outcome="failed", detail={"code": error.code})
        return Answer(None, error)
    if isinstance(ask, Get):
        return _read(platform, who, zone, ask)
    try:
        return Answer(ask, write(platform, who, zone, ask))
    except CareloomError as error:
        error.entry = ask.entry
        return Answer(ask, error)


def _together(platform: Platform, who: Principal, zone: Zone, entries: Sequence[Any]) -> list[Answer]:
    try:
        asks = [asked(number, entry, _base(platform, zone)) for number, entry in enumerate(entries)]
        for ask in asks:
            _admit(platform, who, zone, ask)
        changes = sorted((ask for ask in asks if isinstance(ask, Change)), key=lambda one: _ORDER[one.method])
        for change in changes:
            require_change(platform, zone, change)
        done = write_together(platform, who, zone, changes) if changes else []
    except AccessError:
        raise  # it is noted as refused
    except CareloomError as error:
        detail = {"code": error.code} | ({"entry": error.entry} if error.entry else {})
        note(platform, who, "transaction", zone, action="execute", outcome="failed", detail=detail)
        raise
    made = {change.entry: one for change, one in zip(changes, done, strict=True)}
    return [
        Answer(ask, made[ask.entry]) if isinstance(ask, Change) else _read(platform, who, zone, ask) for ask in asks
    ]


def _admit(platform: Platform, who: Principal, zone: Zone, ask: Change | Get) -> None:
    try:
        if isinstance(ask, Change):
            admit_change(platform, who, zone, ask)
        else:
            admit(platform, who, "read" if ask.query is None else "search", zone, ask.resource_type)
    except CareloomError as error:
        error.entry = ask.entry
        raise


def _read(platform: Platform, who: Principal, zone: Zone, ask: Get) -> Answer:
    """What an entry reads; the services audit it."""
    name = (ask.resource_type, ask.resource_id)
    try:
        if ask.query is not None:
            return Answer(ask, search(platform, who, zone, f"{ask.resource_type}?{ask.query}"))
        if ask.version:
            return Answer(ask, records.read_version(platform, who, zone, *name, ask.version))
        return Answer(ask, records.read(platform, who, zone, *name))
    except CareloomError as error:
        error.entry = ask.entry
        return Answer(ask, error)
