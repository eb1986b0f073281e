"""Vaccines, prescriptions and doses given of a chart as HL7 v2: VXU V04, RDE O11, RAS O17."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

from careloom.simulate.charts import Chart, number_text, written
from careloom.simulate.feed_hl7v2_segments import (
    Hl7v2Message,
    clinician,
    coded,
    coded_pair,
    patient,
    row,
    stamp,
    text,
    visit,
)
from careloom.simulate.history import Immunization, Medication
from careloom.terminology.systems import CVX, RXNORM

_PATTERNS = {1.0: "QD", 2.0: "BID", 3.0: "TID", 4.0: "QID"}
"""HL7 table 0335."""


def drugs(chart: Chart) -> Iterator[Hl7v2Message]:
    """All of them, in no order."""
    yield from _vaccines(chart)
    for one in chart.history.medications:
        yield _prescription(chart, one, "NW", written(chart, one))
        if one.end is not None:
            yield _prescription(chart, one, "DC", one.end)
        yield from _given(chart, one)


def _vaccines(chart: Chart) -> Iterator[Hl7v2Message]:
    ordered = sorted(chart.history.immunizations, key=lambda one: (one.time, one.encounter))
    for (time, encounter), found in groupby(ordered, lambda one: (one.time, one.encounter)):
        segments = [patient(chart, time), *_visit(chart, encounter, time)]
        for one in found:
            segments += _vaccine(chart, one)
        yield Hl7v2Message(time + timedelta(minutes=1), "VXU^V04", segments)


def _visit(chart: Chart, encounter: str, at: datetime) -> list[str]:
    found = chart.encounters.get(encounter)
    return [visit(chart, found, at)] if found is not None else []


def _vaccine(chart: Chart, one: Immunization) -> list[str]:
    number = f"{chart.identifier('I', one.key)}^VACCINES"
    who = clinician(chart.attending(one.encounter))
    given = {
        1: "0",
        2: "1",
        3: stamp(one.time),
        4: stamp(one.time),
        5: coded_pair(one.codes, CVX),
        6: "999",
        9: "00^New immunization record^NIP001",
        10: who,
        15: text(one.lot),
        20: "CP",
        21: "A",
    }
    dose = f"OBX|1|NM|30973-2^Dose number in series^LN|1|{one.dose_number}||||||F|||{stamp(one.time)}"
    return [row("ORC", {1: "RE", 3: number, 12: who}), row("RXA", given), "RXR|IM^Intramuscular^HL70162", dose]


def _timing(one: Medication) -> str:
    pattern = "PRN" if one.as_needed else _PATTERNS.get(one.per_day, "")
    if not pattern and one.per_day > 0:
        pattern = f"Q{round(24 / one.per_day)}H" if one.per_day >= 1 else f"Q{round(1 / one.per_day)}D"
    amount = f"{number_text(one.dose)}^{text(one.unit)}"
    return row(
        "TQ1",
        {1: "1", 2: amount, 3: pattern, 7: stamp(one.start), 8: stamp(one.end) if one.end is not None else "", 9: "R"},
    )


def _prescription(chart: Chart, one: Medication, control: str, at: datetime) -> Hl7v2Message:
    number = f"{chart.identifier('P', one.key)}^PHARMACY"
    who = clinician(chart.attending(one.encounter))
    common = {1: control, 2: number, 3: number, 5: "DC" if control == "DC" else "IP", 9: stamp(at), 12: who}
    ask = {
        2: coded_pair(one.codes, RXNORM),
        3: number_text(one.dose),
        5: f"{text(one.unit)}^{text(one.unit)}^UCUM",
        15: chart.identifier("P", one.key),
    }
    reason = next((found.codes[0] for found in chart.history.conditions if found.key == one.reason), None)
    if reason is not None:
        ask[27] = coded(reason)
    segments = [patient(chart, at), *_visit(chart, one.encounter, at)]
    orders = [row("ORC", common), row("RXE", ask), _timing(one), f"RXR|{coded(one.route)}"]
    return Hl7v2Message(at, "RDE^O11", segments + orders)


def _given(chart: Chart, one: Medication) -> Iterator[Hl7v2Message]:
    """One message for each day on which an inpatient got it, with every dose of that day."""
    number = f"{chart.identifier('P', one.key)}^PHARMACY"
    who = clinician(chart.attending(one.encounter))
    count = 0
    for _, times in groupby(sorted(one.administered), lambda time: time.date()):
        doses = []
        for time in times:
            count += 1
            given = {
                1: "0",
                2: str(count),
                3: stamp(time),
                4: stamp(time),
                5: coded_pair(one.codes, RXNORM),
                6: number_text(one.dose),
                7: f"{text(one.unit)}^{text(one.unit)}^UCUM",
                10: who,
                20: "CP",
                21: "A",
            }
            doses.append(row("RXA", given))
            last = time
        at = last + timedelta(minutes=3)
        order = row("ORC", {1: "RE", 2: number, 3: number, 9: stamp(at), 12: who})
        segments = [patient(chart, at), *_visit(chart, one.encounter, at), order, *doses, f"RXR|{coded(one.route)}"]
        yield Hl7v2Message(at, "RAS^O17", segments)
