"""The Provenance of source records: made from the landing tables when asked for, never stored (docs/adr/0006)."""

from collections.abc import Callable, Iterable

from careloom.errors import NotFound
from careloom.fhir.drafts import Resource
from careloom.fhir.search_query import Criterion, Query, ReferenceValue
from careloom.store.zone_store import ZoneStore

StoredIds = Callable[[str, str], Iterable[str]]
"""(type, id of a query) -> the stored ids that it may mean."""


def source_provenances(store: ZoneStore, query: Query, stored_ids: StoredIds) -> list[Resource]:
    """The Provenances of source records that a search for Provenance finds, ordered by id.

    Searched by ``_id`` (a record's id) and by ``target``; a search by anything else finds stored Provenances only.
    """
    if query.resource_type != "Provenance" or not (query.ids or query.criteria):
        return []
    if query.updated or query.sources or query.checks or query.chains or query.reverses:
        return []
    sets = [set(ids) for ids in query.ids]
    for criterion in query.criteria:
        if criterion.parameter.code != "target" or criterion.modifier:
            return []
        sets.append(_records_behind(store, criterion, stored_ids))
    found = []
    for record_id in sorted(set.intersection(*sets)):
        try:
            found.append(store.provenance(record_id))
        except (NotFound, ValueError):
            continue
    return found


def _records_behind(store: ZoneStore, criterion: Criterion, stored_ids: StoredIds) -> set[str]:
    targets = [
        (kind, one)
        for value in criterion.values
        if isinstance(value, ReferenceValue)
        for kind in value.types
        for one in stored_ids(kind, value.id)
    ]
    return {record_id for kind, one in targets for record_id in store.records_of(kind, one)}
