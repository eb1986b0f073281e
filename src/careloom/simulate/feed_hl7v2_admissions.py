"""Admission messages of a chart: who the patient is, and each visit from its announcement to its end (ADT)."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from random import Random

from careloom.simulate.charts import Chart, code_in
from careloom.simulate.feed_hl7v2_segments import (
    Hl7v2Message,
    clinician,
    coded,
    coded_pair,
    day,
    next_of_kin,
    no_visit,
    patient,
    row,
    stamp,
    text,
    visit,
)
from careloom.simulate.history import Allergy, Condition, Encounter, Procedure
from careloom.terminology.systems import ICD_10_CM, RXNORM

_ALLERGENS = {"medication": "DA^Drug allergy^HL70127", "food": "FA^Food allergy^HL70127"}
_SEVERITIES = {"mild": "MI", "moderate": "MO", "severe": "SV"}
_SHARE_CANCELLED = 0.03
"""Share of admissions, and of discharges, that are cancelled and told again."""


def admissions(chart: Chart, random: Random) -> Iterator[Hl7v2Message]:
    """All ADT messages of a chart, in no order."""
    first = min([one.start for one in chart.encounters.values()] + [one.created for one in chart.history.appointments])
    yield _about_person(chart, "A28", first - timedelta(minutes=20))
    for since, _ in chart.person.addresses:
        moved = datetime.combine(since, time(9, 30), first.tzinfo)
        if moved > first:
            yield _about_person(chart, "A31", moved)
    last = max([first, *(one.end or one.start for one in chart.encounters.values())])
    if chart.person.death is not None and chart.person.death > last:
        yield _about_person(chart, "A31", chart.person.death + timedelta(days=1))
    for encounter in chart.encounters.values():
        yield from _visit(chart, encounter, random)


def _about_person(chart: Chart, trigger: str, at: datetime) -> Hl7v2Message:
    segments = [_event(trigger, at), patient(chart, at), *next_of_kin(chart), no_visit()]
    return Hl7v2Message(at, f"ADT^{trigger}", segments + _insurance(chart, at.date()))


def _event(trigger: str, at: datetime, occurred: datetime | None = None) -> str:
    return row("EVN", {1: trigger, 2: stamp(at), 6: stamp(occurred) if occurred is not None else ""})


def _visit(chart: Chart, encounter: Encounter, random: Random) -> Iterator[Hl7v2Message]:
    """A visit: pre-admission, admission or arrival, transfers, an update with what was found, the end."""
    start, end = encounter.start, encounter.end
    inpatient = encounter.kind == "inpatient"
    if inpatient and encounter.admit_source in ("", "1", "2"):
        yield _of_visit(chart, encounter, "A05", start - timedelta(hours=18))
    trigger = "A01" if inpatient else "A04"
    yield _of_visit(chart, encounter, trigger, start, allergies=True)
    if inpatient and random.random() < _SHARE_CANCELLED:
        yield _of_visit(chart, encounter, "A11", start + timedelta(minutes=4))
        yield _of_visit(chart, encounter, trigger, start + timedelta(minutes=9), allergies=True)
    for before, stay in zip(encounter.stays, encounter.stays[1:], strict=False):
        moved = _segments(chart, encounter, "A02", stay.start)
        moved[2] = visit(chart, encounter, stay.start, prior=before)
        yield Hl7v2Message(stay.start, "ADT^A02", moved)
    coded_at = (end or start) - timedelta(seconds=1) if end is not None else start + timedelta(minutes=30)
    yield _of_visit(chart, encounter, "A08", max(coded_at, start + timedelta(seconds=1)), allergies=True, coding=True)
    if end is not None:
        yield _of_visit(chart, encounter, "A03", end, coding=True)
        if inpatient and random.random() < _SHARE_CANCELLED:
            yield _of_visit(chart, encounter, "A13", end + timedelta(minutes=6), coding=True)
            yield _of_visit(chart, encounter, "A03", end + timedelta(minutes=40), coding=True)


def _of_visit(
    chart: Chart, encounter: Encounter, trigger: str, at: datetime, *, allergies: bool = False, coding: bool = False
) -> Hl7v2Message:
    segments = _segments(chart, encounter, trigger, at)
    if allergies:
        until = max(at, encounter.end or at) if coding else at
        known = [one for one in chart.history.allergies if one.recorded <= until]
        segments += [_allergy(number, one) for number, one in enumerate(known, 1)]
    if coding:
        found = [one for one in chart.history.conditions if one.encounter == encounter.key]
        segments += [_diagnosis(chart, number, one) for number, one in enumerate(found, 1)]
        if trigger != "A13":
            done = [one for one in chart.history.procedures if one.encounter == encounter.key]
            segments += [procedure(chart, number, one) for number, one in enumerate(done, 1)]
    if trigger in ("A01", "A04", "A05"):
        segments += _insurance(chart, at.date())
    return Hl7v2Message(at, f"ADT^{trigger}", segments)


def _segments(chart: Chart, encounter: Encounter, trigger: str, at: datetime) -> list[str]:
    """EVN, PID, PV1 and PV2: in that order."""
    ended = trigger == "A03"
    occurred = encounter.end if ended else (encounter.start if trigger in ("A01", "A04") else None)
    out = [_event(trigger, at, occurred), patient(chart, at), visit(chart, encounter, at, ended=ended)]
    second = {}
    if encounter.reasons:
        second[3] = coded(encounter.reasons[0])
    if trigger == "A05":
        second[8] = stamp(encounter.start)
    if second:
        out.append(row("PV2", second))
    return out


def _diagnosis(chart: Chart, number: int, one: Condition) -> str:
    code = code_in(one.codes, ICD_10_CM)
    final = one.category == "problem-list-item" or chart.encounters[one.encounter].end is not None
    return row(
        "DG1",
        {
            1: str(number),
            3: coded_pair(one.codes, ICD_10_CM),
            4: text(code.display),
            5: stamp(one.onset),
            6: "F" if final else "W",
            15: str(number),
            16: clinician(chart.attending(one.encounter)),
            19: stamp(one.recorded),
            20: f"{chart.identifier('C', one.key)}^{text(chart.site.site_id.upper())}^{chart.site.oid}^ISO",
        },
    )


def procedure(chart: Chart, number: int, one: Procedure) -> str:
    """PR1."""
    minutes = round((one.end - one.start).total_seconds() / 60)
    return row(
        "PR1",
        {
            1: str(number),
            3: coded_pair(one.codes),
            4: text(one.codes[0].display),
            5: stamp(one.start),
            7: str(minutes),
            12: clinician(chart.attending(one.encounter)),
            15: _reason(chart, one.reason),
            19: f"{chart.identifier('X', one.key)}^{text(chart.site.site_id.upper())}^{chart.site.oid}^ISO",
        },
    )


def _reason(chart: Chart, key: str) -> str:
    for one in chart.history.conditions if key else ():
        if one.key == key:
            return coded(code_in(one.codes, ICD_10_CM))
    return ""


def _allergy(number: int, one: Allergy) -> str:
    return row(
        "AL1",
        {
            1: str(number),
            2: _ALLERGENS.get(one.category, "EA^Environmental allergy^HL70127"),
            3: coded_pair(one.codes, RXNORM),
            4: _SEVERITIES[one.severity],
            5: "~".join(text(reaction.display) for reaction in one.reactions),
            6: day(one.onset.date()),
        },
    )


def _insurance(chart: Chart, at: date) -> list[str]:
    """IN1 for each insurance in force, the self-payer's left out."""
    out: list[str] = []
    for one in chart.history.coverages:
        if one.kind.code == "pay" or not one.start <= at or (one.end is not None and one.end < at):
            continue
        person = chart.person
        values = {
            1: str(len(out) + 1),
            2: f"{text(one.payer_id)}^{text(one.kind.display)}",
            3: f"{text(one.payer_id)}^^^{text(one.payer)}",
            4: text(one.payer),
            12: day(one.start),
            13: day(one.end) if one.end is not None else "",
            15: one.kind.code,
            16: f"{text(person.family)}^{text(person.given)}",
            17: "SEL^Self^HL70063",
            18: day(person.birth),
            36: text(one.member_id),
        }
        out.append(row("IN1", values))
    return out
