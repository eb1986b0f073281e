"""A history as the sites know it: for each site, and for each record number there, what its feeds will tell.

Every feed of a site is written from the same `Chart`, so that one fact has one number, whatever format carries it.
Numbers give nothing away: the same person has other ones at another site.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple, TypeVar

from careloom.simulate.answers import NoteAnswer
from careloom.simulate.history import (
    Allergy,
    Appointment,
    Clinician,
    Code,
    Condition,
    Encounter,
    History,
    Immunization,
    Medication,
    Observation,
    Person,
    Procedure,
    Report,
    Site,
)

_STRIDE = 736_338_717
"""Prime to ten: multiples of it modulo 10^9 visit every number once, in no order that anybody sees."""
_SPACE = 1_000_000_000
_BEHIND_DOUBLE = 500_000_000


class Place(NamedTuple):
    """The sites and clinicians by their ids; the order of the sites decides their style."""

    sites: Mapping[str, Site]
    clinicians: Mapping[str, Clinician]

    def style(self, site_id: str) -> int:
        """The number of a site in its hospital: what is done in several ways is chosen by it."""
        return list(self.sites).index(site_id)


@dataclass(slots=True)
class Chart:
    """What one site knows under one record number.

    patient_id  whose it is in truth
    number      the medical record number
    person      as registered at this site: not always right
    serial      nine digits that begin every number of this chart
    notes       the notes of its encounters, gold and all
    made        segments that many messages repeat, by what they depend on
    """

    site: Site
    style: int
    patient_id: str
    number: str
    serial: str
    person: Person
    clinicians: Mapping[str, Clinician]
    history: History
    notes: list[NoteAnswer] = field(default_factory=list)
    encounters: dict[str, Encounter] = field(default_factory=dict)
    made: dict[tuple[object, ...], str] = field(default_factory=dict)

    def identifier(self, letter: str, key: str) -> str:
        """The number of something by its key: ``V`` visit, ``O`` order, ``R`` result, ``P`` prescription..."""
        return f"{letter}{self.serial}{key[1:] if key[1:].isdigit() else key:0>4}"

    def clinician(self, clinician_id: str) -> Clinician:
        """Who that is; the first of the hospital where the id is not known."""
        found = self.clinicians.get(clinician_id)
        return found if found is not None else next(iter(self.clinicians.values()))

    def attending(self, encounter_key: str) -> Clinician:
        """Who treats in an encounter of this chart; the first clinician where it is none of it."""
        found = self.encounters.get(encounter_key)
        return self.clinician(found.clinician_id if found is not None else "")


def system_of(site: Site) -> str:
    """The identifier system of a site's record numbers."""
    return f"urn:oid:{site.oid}"


def serial_of(patient_id: str, style: int, *, second: bool = False) -> str:
    """Nine digits for one person at one site; `second` for another record of the same person."""
    number = int("".join(filter(str.isdigit, patient_id)) or "0") + (_BEHIND_DOUBLE if second else 0)
    return f"{(number * _STRIDE + style * 104_729) % _SPACE:09}"


def charts(history: History, place: Place, notes: Sequence[NoteAnswer] = ()) -> list[Chart]:
    """A chart for each site that the person has a number at and was seen or expected at, in order of sites.

    What belongs to no encounter stands in the chart of the first encounter's site.
    """
    home = history.encounters[0].site_id if history.encounters else ""
    out = []
    for number in sorted(history.person.record_numbers, key=lambda one: place.style(one.site_id)):
        found = _part(history, number.site_id, is_home=number.site_id == home)
        if not found.encounters and not found.appointments:
            continue
        style = place.style(number.site_id)
        chart = Chart(
            place.sites[number.site_id], style, history.person.patient_id, number.value,
            serial_of(history.person.patient_id, style), history.person, place.clinicians, found,
        )  # fmt: skip
        chart.encounters = {one.key: one for one in found.encounters}
        chart.notes = [note for note in notes if note.encounter in chart.encounters]
        out.append(chart)
    return out


def _part(history: History, site_id: str, *, is_home: bool) -> History:
    keys = {one.key for one in history.encounters if one.site_id == site_id}
    appointments = [one for one in history.appointments if one.site_id == site_id]
    return part(history, keys, appointments, with_rest=is_home)


def part(history: History, keys: set[str], appointments: Sequence[Appointment], *, with_rest: bool) -> History:
    """What of a history belongs to some encounters; `with_rest`: and what belongs to none."""
    wanted = keys | {""} if with_rest else keys
    return replace(
        history,
        encounters=[one for one in history.encounters if one.key in keys],
        conditions=_of(history.conditions, wanted),
        observations=_of(history.observations, wanted),
        reports=_of(history.reports, wanted),
        medications=_of(history.medications, wanted),
        allergies=_of(history.allergies, wanted),
        immunizations=_of(history.immunizations, wanted),
        procedures=_of(history.procedures, wanted),
        appointments=list(appointments),
        outcomes=[],
    )


_Event = TypeVar("_Event", Condition, Observation, Report, Medication, Allergy, Immunization, Procedure)


def _of(events: Iterable[_Event], keys: set[str]) -> list[_Event]:
    return [one for one in events if one.encounter in keys]


def code_in(codes: tuple[Code, ...], *systems: str) -> Code:
    """The first code of the first of the systems that is there, else the first code of all."""
    for system in systems:
        for code in codes:
            if code.system == system:
                return code
    return codes[0]


def intake(one: Medication) -> tuple[int, int] | None:
    """(times, days): how often a medication is taken; None for what is taken as needed, or only now and then."""
    if one.as_needed or one.per_day <= 0:
        return None
    return (round(one.per_day), 1) if one.per_day >= 1 else (1, round(1 / one.per_day))


def written(chart: Chart, one: Medication) -> datetime:
    """When a prescription was written here: what was taken before is told at the encounter that names it."""
    encounter = chart.encounters.get(one.encounter)
    return one.start if encounter is None else max(one.start, encounter.start)


def number_text(value: float) -> str:
    """A number as people write it: no exponent, no trailing zeros."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return text if text not in ("", "-0") else "0"


def is_over(encounter: Encounter, at: datetime) -> bool:
    """True where an encounter had ended by that time."""
    return encounter.end is not None and encounter.end <= at
