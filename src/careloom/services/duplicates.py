"""Duplicates: resources of the identified zone that are there twice, across all records of a person."""

from collections import Counter
from typing import Any

from careloom.quality.duplicates import Finder, policy
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.linkage_states import groups_of
from careloom.services.platform import Platform
from careloom.store.zone_store import Zone

ZONE: Zone = "identified"


def duplicates(platform: Platform, who: Principal, *, limit: int = 1000) -> dict[str, Any]:
    """``counts``: for each type and kind how many groups, and how many resources are more than one of each; ``groups``:
    at most `limit` of them, by type; ``resources``: how many were looked at.

    raises  AccessError
    """
    admit(platform, who, "link", ZONE, operation="duplicates")
    store = platform.store(ZONE)
    with store.linkage() as reader:
        persons = {each: group[0] for each, group in groups_of(reader.all()).items()}
    finder, looked_at = Finder(lambda patient: persons.get(patient, patient)), 0
    for stored in store.scan(sorted(policy().events)):
        finder.take(stored.resource())
        looked_at += 1
    groups = finder.groups()
    counts: Counter[tuple[str, str]] = Counter((group.type, group.kind) for group in groups)
    surplus: Counter[tuple[str, str]] = Counter()
    for group in groups:
        surplus[group.type, group.kind] += len(group.members) - 1
    note(platform, who, "duplicates", ZONE, detail={"looked_at": looked_at, "groups": len(groups)})
    return {
        "resources": looked_at,
        "counts": [
            {"type": name, "kind": kind, "groups": count, "surplus": surplus[name, kind]}
            for (name, kind), count in sorted(counts.items())
        ],
        "groups": [
            {"kind": group.kind, "type": group.type, "members": list(group.members)} for group in groups[:limit]
        ],
    }
