"""Erasure reaches the research zone: a patient leaves its store and every Delta table."""

from collections.abc import Collection
from typing import Any

from careloom.errors import NotFound, QueryError
from careloom.services.access import Principal
from careloom.services.admission import event
from careloom.services.platform import Platform
from careloom.services.vault_epochs import naming, unretired
from careloom.store.lake import Lake
from careloom.store.lake_snapshots import numbers_kept
from careloom.store.zone_store import ZoneStore

Json = dict[str, Any]


def forget_research(platform: Platform, who: Principal, patient_id: str) -> list[Json]:
    """Erases a patient of the identified zone from the research store and every Delta table.

    The names of every epoch that is not retired are looked for: none of a retired one is in the zone.

    returns  artefacts as a certificate lists them: zone, what, count, digest, detail
    """
    if not platform.has_store("research"):
        return []
    names = [naming(platform, epoch).rename("Patient", patient_id) for epoch in unretired(platform)]
    report = platform.store("research").erase(
        names,
        lambda done: event(
            platform, who, "erase", "research",
            action="delete", subjects=done.pseudonyms, detail={"resources": done.resources, "keys": done.keys},
        ),
        names_patient=lambda raw, source: False,
    )  # fmt: skip
    counts = {"data keys": report.keys, "resources": report.resources, "versions": report.versions,
              "index rows": report.index_rows}  # fmt: skip
    found: list[Json] = [
        {"zone": "research", "what": f"research {what}", "count": count, "digest": report.digests.get(what, "")}
        for what, count in counts.items() if count
    ]  # fmt: skip
    told = found + _forget_rows(platform.lake("research"), names)
    platform.explored.clear()
    return told


def patients_held(store: ZoneStore) -> frozenset[str]:
    """The ids of the patients that a zone holds now."""
    return frozenset(name.partition("/")[2] for name in store.all_names(["Patient"]))


def forget_erased(platform: Platform, who: Principal, before: Collection[str]) -> None:
    """Erases from the research zone whom the identified zone held `before` and holds no longer.

    A run that began before a patient was erased may write what it had read: it ends with this, when all is written. Who
    is erased later than that is erased from what was written.
    """
    for patient_id in sorted(set(before) - patients_held(platform.store("identified"))):
        forget_research(platform, who, patient_id)


def _forget_rows(lake: Lake, names: list[str]) -> list[Json]:
    found: list[Json] = []
    for state in lake.tables():
        subject = state.facts.get("subject", "patient_id")
        try:
            rows = lake.erase(state.path, subject, names, "erase", numbers_kept(lake, state.path))
        except NotFound:
            continue
        except QueryError:
            detail = f"{state.path}: has no column {subject}, so no row of it is about one patient"
            found.append({"zone": "research", "what": "research table rows", "count": 0, "detail": detail})
            continue
        now = lake.state(state.path)
        detail = (
            f"{state.path}: version {state.version} became {now.version}, of versions before it none can be read but "
            "snapshots without the patient"
        )
        found.append({"zone": "research", "what": "research table rows", "count": rows, "detail": detail})
    return found
