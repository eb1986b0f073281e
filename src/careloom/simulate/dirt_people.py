"""One patient under two numbers of one site, and twins: charts that are hard to tell apart, or must be."""

from dataclasses import replace
from datetime import date, timedelta
from random import Random

from careloom.simulate.charts import Chart, part, serial_of
from careloom.simulate.dirt import Dirt, nickname
from careloom.simulate.history import Address, Encounter, History, Person

_SECOND = "8"
_TWIN = "7"
"""First digits of a second number and of a twin's, before nine digits of their own."""
_SHARE_MERGED = 0.25
"""Share of the second numbers that are found out, and merged by an A40."""
_TWIN_NAMES = {
    "female": ("Alma", "Clara", "Edith", "Ida", "Nora", "Vera"),
    "male": ("Abel", "Emil", "Felix", "Hugo", "Oscar", "Simon"),
}


def with_doubles(found: list[Chart], dirt: Dirt) -> tuple[list[Chart], dict[str, str]]:
    """The charts with some split in two and perhaps a twin, and the numbers that are merged: new number -> old one."""
    out: list[Chart] = []
    merged: dict[str, str] = {}
    for chart in found:
        if len(chart.encounters) > 1 and dirt.strikes("duplicate-patient"):
            first, second = _split(chart, dirt)
            if dirt.random.random() < _SHARE_MERGED:
                merged[first.number] = second.number
            out += [first, second]
        else:
            out.append(chart)
    if out and dirt.strikes("twin"):
        twin = _twin(out[0], dirt.random)
        if twin is not None:
            out.append(twin)
    return out, merged


def _split(chart: Chart, dirt: Dirt) -> tuple[Chart, Chart]:
    """A chart with some of its encounters under a second number, registered anew with other particulars."""
    keys = list(chart.encounters)
    away = {key for key in keys[1:] if dirt.random.random() < 0.5} or {keys[-1]}
    stay = set(keys) - away
    person, what = _registered_anew(chart.person, dirt.random)
    appointments = [one for one in chart.history.appointments if one.encounter in away]
    others = [one for one in chart.history.appointments if one.encounter not in away]
    first = replace(chart, history=part(chart.history, stay, others, with_rest=True), made={})
    second = replace(
        chart,
        number=_SECOND + serial_of(chart.patient_id, chart.style, second=True),
        serial=serial_of(chart.patient_id, chart.style, second=True),
        person=person,
        history=part(chart.history, away, appointments, with_rest=False),
        made={},
    )
    for one in (first, second):
        one.encounters = {encounter.key: encounter for encounter in one.history.encounters}
        one.notes = [note for note in chart.notes if note.encounter in one.encounters]
    dirt.tell(
        "duplicate-patient", file=f"feeds/{chart.site.site_id}", record=second.number, place="Patient", detail=what
    )
    return first, second


def _registered_anew(person: Person, random: Random) -> tuple[Person, str]:
    """The person with one to three particulars written down otherwise, and which."""
    changes: list[tuple[str, dict[str, object]]] = [
        ("a typing error in the family name", {"family": _typing_error(person.family, random)}),
        ("a typing error in the given name", {"given": _typing_error(person.given, random)}),
        ("no social security number", {"ssn": ""}),
        ("moved", {"addresses": [*person.addresses[:-1], (person.addresses[-1][0], _elsewhere(person, random))]}),
        ("no middle name", {"middle": ""}),
        ("another telephone number", {"phone": _other_phone(person.phone, random)}),
    ]
    short = nickname(person.given)
    if short is not None:
        changes.append(("a nickname", {"given": short}))
    if person.birth.day <= 12 and person.birth.day != person.birth.month:
        swapped = date(person.birth.year, person.birth.day, person.birth.month)
        changes.append(("day and month of birth swapped", {"birth": swapped}))
    chosen = random.sample(changes, random.choice((1, 1, 2, 2, 3)))
    made = person
    for _, change in chosen:
        made = replace(made, **change)  # type: ignore[arg-type]
    return made, "registered again with " + ", ".join(what for what, _ in chosen)


def _typing_error(word: str, random: Random) -> str:
    """The word with two letters swapped, one left out, or one written twice."""
    if len(word) < 4:
        return word + word[-1:]
    place = random.randrange(1, len(word) - 2)
    kind = random.randrange(3)
    if kind == 0 and word[place] != word[place + 1]:
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    if kind == 1:
        return word[:place] + word[place + 1 :]
    return word[: place + 1] + word[place] + word[place + 1 :]


def _elsewhere(person: Person, random: Random) -> Address:
    home = person.addresses[-1][1]
    number = random.randint(1, 999)
    street = home.line.split(" ", 1)[-1]
    return home._replace(line=f"{number} {street}, Unit {random.randint(1, 40)}")


def _other_phone(number: str, random: Random) -> str:
    digits = random.randint(100, 199)
    return f"{number[:-4]}{digits:04}" if len(number) > 4 else f"508-555-{digits:04}"


def _twin(chart: Chart, random: Random) -> Chart | None:
    """A twin who came along to one visit; None where there was no visit outside a bed."""
    visit = next((one for one in chart.encounters.values() if one.kind == "ambulatory" and one.end is not None), None)
    if visit is None:
        return None
    names = [name for name in _TWIN_NAMES[chart.person.sex] if name[0] != chart.person.given[:1]]
    serial = serial_of(f"{_TWIN}{chart.patient_id}", chart.style)
    email = "" if not chart.person.email else f"{names[0].lower()}.{chart.person.email}"
    person = replace(
        chart.person,
        patient_id=f"{chart.patient_id}-twin",
        given=random.choice(names),
        middle="",
        ssn="",
        email=email,
        death=None,
        cause_of_death=None,
    )
    later = timedelta(minutes=20)
    own = Encounter(
        visit.key, "ambulatory", visit.start + later, (visit.end or visit.start) + later, visit.type,
        visit.site_id, visit.clinician_id,
    )  # fmt: skip
    seen = [
        replace(one, time=one.time + later)
        for one in chart.history.observations
        if one.encounter == visit.key and one.category == "vital-signs"
    ]
    history = History(person, [own], observations=seen, coverages=chart.history.coverages)
    return replace(
        chart, patient_id=person.patient_id, number=_TWIN + serial, serial=serial, person=person, history=history,
        notes=[], encounters={own.key: own}, made={},
    )  # fmt: skip
