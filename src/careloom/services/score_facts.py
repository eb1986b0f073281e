"""What a zone holds of one patient, as timed facts: read from the sealed store in one go, fast enough to wait for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from careloom.errors import NotFound
from careloom.fhir.drafts import Resource
from careloom.fhir.views import View, compile_view
from careloom.fhir.views_definition import ViewError
from careloom.risk.care_gaps_facts import KEPT
from careloom.risk.cohorts_fhir import definitions
from careloom.risk.facts_one import Fact, facts_of_one, in_order
from careloom.services.access import Principal
from careloom.services.platform import Platform
from careloom.services.restrictions import require_seen
from careloom.services.risk_facts import notes_of_one
from careloom.services.sight import view_of
from careloom.store.zone_store import Zone


@dataclass(frozen=True, slots=True)
class Record:
    """One patient's record as far as risks are concerned.

    subject     keyed pseudonym, for the audit chain
    facts       as `careloom.risk.facts_one.facts_of_one`
    resources   parsed, where care gaps were asked for; else none
    versions    ``Observation/17`` -> the version that was read
    withheld    resources that a consent withholds from who asked
    refused     resources that no view of facts fits
    with_notes  what annotated notes say is among the facts
    """

    patient_id: str
    subject: str
    facts: tuple[Fact, ...]
    resources: tuple[Resource, ...]
    versions: Mapping[str, int]
    withheld: int
    refused: int
    with_notes: bool = False


@cache
def views() -> Mapping[str, View]:
    """The views of facts, compiled, by name."""
    return {name: compile_view(one) for name, one in definitions().items()}


@cache
def types() -> tuple[str, ...]:
    """Resource types that facts are made of."""
    return tuple(dict.fromkeys(view.resource for view in views().values()))


@cache
def types_of_gaps() -> tuple[str, ...]:
    """Resource types that rules of care gaps look at."""
    return tuple(dict.fromkeys(("Patient", "Medication", *KEPT)))


def record_of(
    platform: Platform, who: Principal, zone: Zone, patient: str, *, gaps: bool, notes: bool = False
) -> Record:
    """The record of a patient as far as `who` may know of it; ask for access first.

    patient  id, or ``Patient/<id>``
    gaps     what rules of care gaps look at is read, too
    notes    what annotated notes say, too
    raises   AccessError where its processing is restricted, or for who may not search the notes that are asked for;
             NotFound where there is no such Patient, or a consent withholds it
    """
    store, patient_id = platform.store(zone), patient.rpartition("/")[2]
    subject = store.pseudonym(patient_id)
    require_seen(platform, who, zone, (subject,))
    wanted = dict.fromkeys((*types(), *(types_of_gaps() if gaps else ())))
    view, reader, found, versions = view_of(platform, who, zone), RowReader(), [], {}
    for stored in store.read_of(subject, wanted):
        resource = orjson.loads(stored.content)
        if not view.sight.is_whole and not view.shows(resource):
            continue
        versions[f"{stored.type}/{stored.id}"] = stored.version
        reader.read(resource)
        if gaps:  # else each is dropped before the next is parsed, which costs half of one that stays
            found.append(resource)
    if f"Patient/{patient_id}" not in versions:
        raise NotFound(f"{zone}: there is no such Patient", "Ids are stored ids: search for it first.")
    facts = facts_of_one(reader.rows, patient_id)
    if notes:
        said, read = notes_of_one(platform, who, zone, patient_id)
        versions |= read
        own = [Fact(**{name: one[name] for name in Fact._fields if name in one}) for one in said]
        facts = in_order([*facts, *own])
    return Record(patient_id, subject, tuple(facts), tuple(found), versions, view.left_out, reader.refused, notes)


class RowReader:
    """Rows of the views of facts, by name, of resources that are read one after the other; `refused` fit no view."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in views()}
        self.refused = 0

    def read(self, resource: Resource) -> None:
        """Adds the rows of a resource."""
        for name, view in _by_type().get(resource["resourceType"], ()):
            try:
                self.rows[name] += view.rows(resource)
            except ViewError:
                self.refused += 1


@cache
def _by_type() -> Mapping[str, tuple[tuple[str, View], ...]]:
    kinds = types()
    return {kind: tuple(pair for pair in views().items() if pair[1].resource == kind) for kind in kinds}
