"""Orders, results and documents of a chart as HL7 v2: ORM O01, ORU R01, MDM T02."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from careloom.simulate.answers import NoteAnswer
from careloom.simulate.charts import Chart, number_text
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
from careloom.simulate.history import Code, Observation, Report
from careloom.simulate.notes import TYPES
from careloom.terminology.systems import LOINC

_SECTIONS = {"laboratory": "LAB", "radiology": "RAD", "pathology": "SP"}
"""OBR-24, HL7 table 0074."""
_VITAL_SIGNS = Code(
    LOINC, "85353-1", "Vital signs, weight, height, head circumference, oxygen saturation and BMI panel"
)
_GROUPS = {
    "vital-signs": _VITAL_SIGNS,
    "social-history": Code(LOINC, "29762-2", "Social history Narrative"),
}
_CODE_SYSTEM_OF_SUFFIX = {"radiology": "RIS", "pathology": "PATH"}
_DOCUMENTS = {
    "discharge": "DS",
    "progress": "PN",
    "admission": "HP",
    "radiology": "DI",
    "pathology": "SP",
    "nursing": "NN",
    "telephone": "TE",
    "emergency": "ED",
    "consultation": "CN",
}
"""Kind of a note -> TXA-2, HL7 table 0270; NN and TE are our own, as hospitals have."""
_NOTE = Code(LOINC, "34109-9", "Note")


def results(chart: Chart) -> Iterator[Hl7v2Message]:
    """An order and a result for each report, a result for each group of observations that stands alone."""
    by_report: dict[str, list[Observation]] = {}
    alone: list[Observation] = []
    for one in chart.history.observations:
        (by_report.setdefault(one.report, []) if one.report else alone).append(one)
    for report in chart.history.reports:
        yield _order(chart, report)
        yield _report(chart, report, by_report.get(report.key, []))
    for (time, encounter, _, panel), found in groupby(sorted(alone, key=_group), _group):
        del panel
        yield _measured(chart, time, encounter, list(found))


def _group(one: Observation) -> tuple[datetime, str, str, str]:
    return one.time, one.encounter, one.category, one.panel.code if one.panel is not None else ""


def _visit(chart: Chart, encounter: str, at: datetime) -> list[str]:
    found = chart.encounters.get(encounter)
    return [visit(chart, found, at)] if found is not None else []


def _entity(chart: Chart, letter: str, key: str, application: str) -> str:
    return f"{chart.identifier(letter, key)}^{application}"


def _order(chart: Chart, report: Report) -> Hl7v2Message:
    placer = _entity(chart, "O", report.key, "ORDERS")
    who = clinician(chart.attending(report.encounter))
    common = {1: "NW", 2: placer, 5: "SC", 9: stamp(report.ordered), 12: who}
    asked = {1: "1", 2: placer, 4: coded(report.codes[0]), 5: "R", 6: stamp(report.ordered), 16: who}
    if report.reason is not None:
        asked[31] = coded(report.reason)
    segments = [patient(chart, report.ordered), *_visit(chart, report.encounter, report.ordered)]
    return Hl7v2Message(report.ordered, "ORM^O01", [*segments, row("ORC", common), row("OBR", asked)])


def _report(chart: Chart, report: Report, found: Sequence[Observation]) -> Hl7v2Message:
    filler = "LAB" if report.category == "laboratory" else _CODE_SYSTEM_OF_SUFFIX[report.category]
    numbers = {2: _entity(chart, "O", report.key, "ORDERS"), 3: _entity(chart, "R", report.key, filler)}
    who = clinician(chart.attending(report.encounter))
    about = {
        1: "1",
        **numbers,
        4: coded(report.codes[0]),
        6: stamp(report.ordered),
        7: stamp(report.collected),
        16: who,
        22: stamp(report.issued),
        24: _SECTIONS[report.category],
        25: "F",
    }
    if report.reason is not None:
        about[31] = coded(report.reason)
    common = {1: "RE", **numbers, 5: "CM", 9: stamp(report.issued), 12: who}
    lines = _lines(found, report.issued)
    if report.conclusion:
        told = {
            1: str(len(lines) + 1),
            2: "FT" if "\n" in report.conclusion else "TX",
            3: _CONCLUSIONS[report.category],
        }
        told |= {5: text(report.conclusion), 11: "F", 14: stamp(report.issued)}
        lines.append(row("OBX", told))
    segments = [patient(chart, report.issued), *_visit(chart, report.encounter, report.issued)]
    return Hl7v2Message(report.issued, "ORU^R01", [*segments, row("ORC", common), row("OBR", about), *lines])


_CONCLUSIONS = {
    "laboratory": "8251-1^Service comment^LN",
    "radiology": "19005-8^Radiology Imaging study [Impression] (narrative)^LN",
    "pathology": "22637-3^Pathology report final diagnosis Narrative^LN",
}


def _measured(chart: Chart, time: datetime, encounter: str, found: Sequence[Observation]) -> Hl7v2Message:
    """What was measured or asked at one time, under the panel that it belongs to or the code of its kind."""
    first = found[0]
    panel = first.panel or (_GROUPS.get(first.category) if len(found) > 1 else None) or first.codes[0]
    told = time + timedelta(minutes=2)
    about = {
        1: "1",
        3: _entity(chart, "M", first.key, "CHARTING"),
        4: coded(panel),
        7: stamp(time),
        22: stamp(told),
        24: "LAB" if first.category == "laboratory" else "NRS",
        25: "F",
    }
    segments = [patient(chart, told), *_visit(chart, encounter, told), row("OBR", about)]
    return Hl7v2Message(told, "ORU^R01", segments + _lines(found, time))


def _lines(found: Iterable[Observation], default: datetime) -> list[str]:
    """OBX of observations; the parts of one measurement share OBX-4."""
    out: list[str] = []
    for group, one in enumerate(found, 1):
        when = stamp(one.time or default)
        for code, value, unit in one.components:
            out.append(f"OBX|{len(out) + 1}|NM|{coded(code)}|{group}|{number_text(value)}|{_unit(unit)}|||||F|||{when}")
        if one.value is not None or not one.components:
            out.append(_line(len(out) + 1, one, when))
    return out


def _line(number: int, one: Observation, when: str) -> str:
    kind, value = _value(one.value)
    unit = _unit(one.unit) if kind == "NM" else ""
    bounds = _range(one)
    return (
        f"OBX|{number}|{kind}|{coded_pair(one.codes, LOINC)}||{value}|{unit}|{bounds}|{one.interpretation}|||F|||{when}"
    )


def _value(value: float | Code | str | None) -> tuple[str, str]:
    if isinstance(value, Code):
        return "CWE", coded(value)
    if isinstance(value, str):
        return ("FT" if "\n" in value else "ST"), text(value)
    return "NM", "" if value is None else number_text(value)


def _unit(unit: str) -> str:
    return f"{text(unit)}^{text(unit)}^UCUM" if unit else ""


def _range(one: Observation) -> str:
    if one.low is not None and one.high is not None:
        return f"{number_text(one.low)}-{number_text(one.high)}"
    if one.high is not None:
        return f"<{number_text(one.high)}"
    return f">{number_text(one.low)}" if one.low is not None else ""


def documents(chart: Chart) -> Iterator[Hl7v2Message]:
    """An MDM T02 for each note, its text in one OBX of type FT."""
    for note in chart.notes:
        at = datetime.fromisoformat(note.time)
        yield Hl7v2Message(at, "MDM^T02", _document(chart, note, at))


def _document(chart: Chart, note: NoteAnswer, at: datetime) -> list[str]:
    who = clinician(chart.attending(note.encounter))
    code, name = _DOCUMENTS.get(note.kind, "CN"), coded(TYPES.get(note.kind, _NOTE))
    about = {
        1: "1",
        2: code,
        3: "TX",
        4: stamp(at),
        5: who,
        6: stamp(at),
        9: who,
        12: f"{text(note.note_id)}^{authority(chart.site).replace('&', '^')}",
        17: "AU",
        18: "U",
        19: "AV",
    }
    content = row("OBX", {1: "1", 2: "FT", 3: name, 5: text(note.text), 11: "F", 14: stamp(at)})
    event = row("EVN", {1: "T02", 2: stamp(at)})
    return [event, patient(chart, at), *_visit(chart, note.encounter, at), row("TXA", about), content]
