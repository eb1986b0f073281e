"""Which resource a change is about: named, found by criteria, or new; and whether it is as the client says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson

from careloom.crypto.pseudonyms import name_of
from careloom.errors import Conflict, Erased, InputError, NotFound, NotSupported, Precondition, QueryError
from careloom.fhir.drafts import Resource
from careloom.fhir.references import patients_of
from careloom.fhir.search_grammar import parse_search
from careloom.fhir.search_own import OwnParameters
from careloom.fhir.search_query import Query
from careloom.services import own_parameters
from careloom.services.access import Principal
from careloom.services.access_decision import require
from careloom.services.changes import Change, tags_of
from careloom.services.platform import Platform
from careloom.services.search_terms import resolved
from careloom.services.sight import view_of
from careloom.store.rows import Stored
from careloom.store.search_links import Index
from careloom.store.search_sql import search as run_search
from careloom.store.sight import EVERYTHING
from careloom.store.transaction import Transaction
from careloom.store.zone_store import Zone

_SEVERAL = 2
"""So many matches are too many."""
_ONLY_CRITERIA = "Give parameters of the type that find at most one resource, and none that shape a result."


@dataclass(frozen=True, slots=True)
class Target:
    """The resource that a change is about.

    before      the newest version, a deletion perhaps; None for what was never here
    is_settled  nothing is to be written: it is there (conditional create), or it is not (delete)
    """

    type: str
    id: str
    before: Stored | None = None
    is_settled: bool = False

    @property
    def is_there(self) -> bool:
        """True when there is a current version that is no deletion."""
        return self.before is not None and not self.before.deleted


def criteria_of(resource_type: str, condition: str, own: OwnParameters) -> Query:
    """The criteria as a search. raises QueryError for one that would find anything, or shapes a result

    own  the search parameters that the zone has beside those of the standard
    """
    query = parse_search(f"{resource_type}?{condition}", own)
    parts = (query.criteria, query.ids, query.updated, query.sources, query.checks, query.chains, query.reverses)
    if not any(parts):
        raise QueryError("there are no criteria", _ONLY_CRITERIA)
    only = Query(resource_type, *parts)
    if query != only or query.count is not None:
        raise QueryError("the criteria shape a result", _ONLY_CRITERIA)
    return only


class Targets:
    """Finds targets within one transaction, in the state from which it begins."""

    def __init__(self, platform: Platform, who: Principal, zone: Zone, transaction: Transaction) -> None:
        self._platform = platform
        self._who = who
        self._zone = zone
        self._transaction = transaction
        # Criteria look at everything that consents withhold, too, or they would make twice what is there.
        self._sight = view_of(platform, who, zone, verb="search").sight if who.patient else EVERYTHING

    def of(self, change: Change, condition: str | None) -> Target:
        """The target of a change.

        condition  that of the change, with names of other entries replaced
        raises     Precondition (several matches, another version); NotFound, Erased (nothing to patch); NotSupported
                   (an update must not create); InputError; QueryError
        """
        target = self._found(change, condition)
        if change.method == "patch" and not target.is_there:
            if target.before is not None:
                raise Erased(f"{self._zone}: this {change.resource_type} was deleted", "Update it to bring it back.")
            raise NotFound(f"{self._zone}: there is no such {change.resource_type}", "Search for it first.")
        if change.if_match:
            _require_version(change, target)
        return target

    def _require_own(self, kind: str, before: Stored | None) -> None:
        """Returns when it is there, in the compartment of the principal's patient. raises NotFound"""
        if before is None or before.deleted or patients_of(orjson.loads(before.content)) != (self._who.patient,):
            raise NotFound(f"{self._zone}: there is no such {kind}", "Search for it first.")

    def matches(self, resource_type: str, condition: str) -> list[str]:
        """Ids that the criteria find: none, one, or two where they find several. raises QueryError; AccessError"""
        query = criteria_of(resource_type, condition, own_parameters.searched(self._platform, self._zone))
        for kind in sorted(query.types()):
            require(self._who, "search", self._zone, kind, self._platform.runtime.now())
        query, names = resolved(query, self._platform), self._platform.names
        source = self._platform.settings.ingest.source
        reader, connection = self._transaction.reader, self._transaction.connection

        def stored_ids(kind: str, text: str) -> tuple[str, ...]:
            return text, names.resource_id(source, kind, text)

        def read(rids: Sequence[int]) -> Iterator[tuple[int, Resource]]:
            return ((one.rid, orjson.loads(one.content)) for one in reader.many(connection, rids))

        index = Index(connection, self._platform.blind_index(self._zone), stored_ids, read, sight=self._sight)
        found: list[int] = []
        cursor = None
        while len(found) < _SEVERAL:
            page = run_search(index, query, limit=_SEVERAL, cursor=cursor)
            found += page.rids
            cursor = page.next_cursor
            if cursor is None:
                break
        return [one.id for one in reader.many(connection, found[:_SEVERAL])]

    def _found(self, change: Change, condition: str | None) -> Target:
        if condition is None:
            return self._fresh(change) if change.method == "create" else self._named(change, change.resource_id)
        ids = self.matches(change.resource_type, condition)
        if len(ids) > 1:
            raise Precondition(
                f"the criteria find several resources of type {change.resource_type}",
                "Give criteria that find at most one; nothing was written.",
            )
        if not ids:
            return self._unmatched(change)
        if change.method == "update" and change.resource is not None and change.resource.get("id", ids[0]) != ids[0]:
            raise InputError("the id of the resource is not that of the match", "Leave the id out, or give that one.")
        found = self._named(change, ids[0])
        return Target(found.type, found.id, found.before, is_settled=change.method == "create")

    def _unmatched(self, change: Change) -> Target:
        if change.method == "create":
            return self._fresh(change)
        if change.method == "update":
            own = change.resource.get("id") if change.resource else None
            if not isinstance(own, str):
                return self._fresh(change)
            found = self._named(change, own)
            if found.is_there:
                raise Conflict("the criteria do not find the resource of this id", "Update it by its address.")
            return found
        return Target(change.resource_type, "", is_settled=change.method == "delete")

    def _fresh(self, change: Change) -> Target:
        return Target(change.resource_type, name_of(self._platform.runtime.random_bytes(16)))

    def _named(self, change: Change, resource_id: str) -> Target:
        kind, tx = change.resource_type, self._transaction
        before = tx.reader.named(tx.connection, kind, [resource_id]).get(resource_id)
        if self._who.patient:
            self._require_own(kind, before)
        if change.method == "delete":
            return Target(kind, resource_id, before, is_settled=before is None or before.deleted)
        if before is None and change.method == "update":
            if kind == "Patient" and tx.erased([resource_id]):
                raise Erased(f"{self._zone}: this Patient was erased", "Nothing of it is left, and it does not return.")
            if not self._platform.settings.fhir.update_creates:
                raise NotSupported(
                    f"{self._zone}: there is no {kind} of this id, and ids are given here",
                    f"Create it by POST to {kind}; fhir.update_creates lets clients choose ids.",
                )
        return Target(kind, resource_id, before)


def _require_version(change: Change, target: Target) -> None:
    """Returns when the current version is among those that If-Match names. raises Precondition; QueryError"""
    tags = tags_of(change.if_match)
    before = target.before if target.is_there else None
    if before is None or (tags is not None and str(before.version) not in tags):
        raise Precondition(
            f"the {change.resource_type} is not of the version that If-Match names",
            "Read it again, and make the change from what it is now.",
        )
