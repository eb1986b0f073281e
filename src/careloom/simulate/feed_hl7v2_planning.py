"""Appointments and charges of a chart as HL7 v2: SIU S12, S13, S14, S15, S26 and DFT P03."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from careloom.simulate.charts import Chart, code_in
from careloom.simulate.feed_hl7v2_admissions import procedure
from careloom.simulate.feed_hl7v2_segments import (
    Hl7v2Message,
    authority,
    clinician,
    coded,
    coded_pair,
    patient,
    row,
    stamp,
    text,
    visit,
)
from careloom.simulate.history import Appointment, Encounter
from careloom.terminology.systems import ICD_10_CM

_SHARE_MOVED = 0.08
"""Share of appointments that were first made for another time."""
_REASONS = {
    "S12": "ROUTINE^Routine appointment^HL70276",
    "S13": "ROUTINE^Rescheduled^HL70276",
    "S14": "CHECKUP^Visit took place^HL70276",
    "S15": "ROUTINE^Cancelled^HL70276",
    "S26": "ROUTINE^Did not come^HL70276",
}
_STATUSES = {"S12": "Booked", "S13": "Booked", "S14": "Complete", "S15": "Cancelled", "S26": "Noshow"}
"""SCH-25, HL7 table 0278."""


def appointments(chart: Chart, random: Random) -> Iterator[Hl7v2Message]:
    """Each appointment from its booking to what became of it."""
    for one in chart.history.appointments:
        began = one.start
        if random.random() < _SHARE_MOVED and one.start - one.created > timedelta(days=2):
            began = one.start - timedelta(days=1)
        yield _appointment(chart, one, "S12", one.created, began)
        if began != one.start:
            yield _appointment(chart, one, "S13", one.created + (began - one.created) / 2, one.start)
        match one.status:
            case "fulfilled":
                yield _appointment(chart, one, "S14", one.start + timedelta(minutes=one.minutes), one.start)
            case "cancelled":
                at = one.created + (one.start - one.created) * 0.7
                yield _appointment(chart, one, "S15", at.replace(microsecond=0), one.start)
            case "noshow":
                yield _appointment(chart, one, "S26", one.start + timedelta(minutes=one.minutes), one.start)


def _appointment(chart: Chart, one: Appointment, trigger: str, at: datetime, start: datetime) -> Hl7v2Message:
    at = at.replace(microsecond=0)
    number = chart.identifier("A", one.key)
    end = start + timedelta(minutes=one.minutes)
    who = clinician(chart.clinician(one.clinician_id))
    about = {
        1: f"{number}^SCHEDULING",
        2: f"{number}^SCHEDULING",
        6: _REASONS[trigger],
        7: coded(one.reason) if one.reason is not None else "",
        8: "Normal^Routine schedule request type^HL70277",
        9: str(one.minutes),
        10: "min^minute^UCUM",
        11: f"^^M{one.minutes}^{stamp(start)}^{stamp(end)}",
        16: who,
        20: who,
        25: f"{_STATUSES[trigger]}^{_STATUSES[trigger]}^HL70278",
    }
    timing = row("TQ1", {1: "1", 6: f"{one.minutes}^min", 7: stamp(start), 8: stamp(end)})
    action = {"S12": "A", "S15": "D"}.get(trigger, "U")
    room = f"CLINIC^^^{text(chart.site.site_id.upper())}"
    segments = [
        row("SCH", about),
        timing,
        patient(chart, at),
        f"RGS|1|{action}",
        row("AIL", {1: "1", 2: action, 3: room, 6: stamp(start), 9: str(one.minutes), 10: "min^minute^UCUM"}),
        row("AIP", {1: "1", 2: action, 3: who, 6: stamp(start), 9: str(one.minutes), 10: "min^minute^UCUM"}),
    ]
    return Hl7v2Message(at, f"SIU^{trigger}", segments)


def charges(chart: Chart) -> Iterator[Hl7v2Message]:
    """A DFT P03 for each visit that is over: a line for the visit and one for each procedure."""
    for encounter in chart.encounters.values():
        if encounter.end is not None:
            yield _charge(chart, encounter, encounter.end + timedelta(hours=6))


def _charge(chart: Chart, encounter: Encounter, at: datetime) -> Hl7v2Message:
    who = clinician(chart.clinician(encounter.clinician_id))
    found = [code_in(one.codes, ICD_10_CM) for one in chart.history.conditions if one.encounter == encounter.key]
    reasons = "~".join(coded(code) for code in found)
    number = chart.identifier("V", encounter.key)
    line = {
        1: "1",
        2: f"{number}01",
        4: stamp(encounter.start),
        5: stamp(at),
        6: "CG",
        7: coded(encounter.type),
        10: "1",
        19: reasons,
        20: who,
    }
    segments = [
        row("EVN", {1: "P03", 2: stamp(at)}),
        patient(chart, at),
        visit(chart, encounter, at, ended=True),
        row("FT1", line),
    ]
    for count, one in enumerate((p for p in chart.history.procedures if p.encounter == encounter.key), 2):
        done = {
            1: str(count),
            2: f"{number}{count:02}",
            4: stamp(one.start),
            5: stamp(at),
            6: "CG",
            7: coded_pair(one.codes),
            10: "1",
            19: reasons,
            20: who,
        }
        segments += [row("FT1", done), procedure(chart, 1, one)]
    return Hl7v2Message(at, "DFT^P03", segments)


def merge(chart: Chart, prior_number: str, at: datetime) -> Hl7v2Message:
    """An A40: the record of `prior_number` is merged into this chart's."""
    gone = f"MRG|{text(prior_number)}^^^{authority(chart.site)}^MR"
    segments = [row("EVN", {1: "A40", 2: stamp(at)}), patient(chart, at), gone]
    return Hl7v2Message(at, "ADT^A40", segments)
