"""Problems, results, vital signs and social history of a chart as sections of Consolidated CDA R2.1."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from careloom.simulate.charts import Chart, number_text
from careloom.simulate.feed_ccda_parts import (
    COMPLETED,
    OBSERVATION,
    REFERENCE,
    Entry,
    Section,
    author,
    coded,
    coded_all,
    concern,
    identifier,
    interval,
    moment,
    quantity,
    template,
    text,
)
from careloom.simulate.history import Code, Condition, Observation, Relative, Report
from careloom.terminology.systems import LOINC, SNOMED_CT

_SMOKING = "72166-2"
_VITAL_SIGNS = Code(SNOMED_CT, "46680005", "Vital signs")
_VITAL_PANEL = Code(LOINC, "74728-7", "Vital signs, weight, height, head circumference, oximetry, BMI, and BSA panel")
_INTERPRETATION = "urn:oid:2.16.840.1.113883.5.83"


def problems(chart: Chart, found: Iterable[Condition]) -> Section:
    """The problem list: a concern with its problem for each condition."""
    section = Section(
        template("2.5.1", "2015-08-01"), Code(LOINC, "11450-4", "Problem list"), "Problems",
        ("Problem", "Since", "Until", "Status"),
    )  # fmt: skip
    for one in found:
        over = one.abatement is not None
        until = one.abatement.date().isoformat() if one.abatement is not None else ""
        cells = (one.codes[0].display, one.onset.date().isoformat(), until, "resolved" if over else "active")
        number, problem = chart.identifier("C", one.key), problem_observation(chart, one)
        xml = concern(chart, one, problem, number=number, branch=2, kind="4.3")
        section.entries.append(Entry(number, cells, xml))
    return section


def problem_observation(chart: Chart, one: Condition) -> str:
    """A problem observation; the SNOMED CT code is the value, the others translate it."""
    problem = Code(SNOMED_CT, "55607006", "Problem")
    kind = coded("code", problem, "", coded("translation", Code(LOINC, "75326-9", "Problem")))
    return (
        f"{OBSERVATION}{template('4.4', '2015-08-01')}"
        f"{identifier(chart.site, chart.identifier('C', one.key), 2)}{kind}{REFERENCE}"
        f"{COMPLETED}<effectiveTime>{interval(one.onset, one.abatement)}</effectiveTime>"
        f"{coded_all('value', one.codes, SNOMED_CT, 'CD')}{author(chart, one.encounter, one.recorded)}</observation>"
    )


def results(chart: Chart, reports: Iterable[Report], found: Sequence[Observation]) -> Section:
    """An organizer for each report, one for each group of laboratory values that stands alone."""
    section = Section(
        template("2.3.1", "2015-08-01"), Code(LOINC, "30954-2", "Relevant diagnostic tests and/or laboratory data"),
        "Results", ("Test", "Result", "Reference range", "Flag", "Time"),
    )  # fmt: skip
    by_report: dict[str, list[Observation]] = {}
    for one in found:
        if one.category in ("laboratory", "exam"):
            by_report.setdefault(one.report or f"alone {one.key}", []).append(one)
    for report in reports:
        parts = by_report.pop(report.key, [])
        inner = "".join(_component(_result(chart, one)) for one in parts)
        if report.conclusion:
            inner += _component(_conclusion(chart, report))
        if not inner:
            continue
        number = chart.identifier("R", report.key)
        cells = _cells(report.codes[0].display, parts, report.issued.isoformat())
        shown = (cells[0], "; ".join(filter(None, (cells[1], report.conclusion))), *cells[2:])
        section.entries.append(Entry(number, shown, _organizer(chart, number, report.codes[0], parts, inner)))
    for parts in by_report.values():
        one = parts[0]
        number = chart.identifier("M", one.key) + "G"
        panel = one.panel or one.codes[0]
        inner = "".join(_component(_result(chart, part)) for part in parts)
        cells = _cells(panel.display, parts, one.time.isoformat())
        section.entries.append(Entry(number, cells, _organizer(chart, number, panel, parts, inner)))
    return section


def _component(inner: str) -> str:
    return f"<component>{inner}</component>"


def _cells(name: str, parts: Sequence[Observation], time: str) -> tuple[str, ...]:
    values = "; ".join(f"{one.codes[0].display}: {shown(one)}" for one in parts)
    ranges = "; ".join(_range_text(one) for one in parts if one.low is not None or one.high is not None)
    return name, values, ranges, " ".join(one.interpretation for one in parts if one.interpretation), time


def shown(one: Observation) -> str:
    """A value as the narrative says it."""
    parts = [f"{code.display} {number_text(value)} {unit}" for code, value, unit in one.components]
    if isinstance(one.value, Code):
        parts.append(one.value.display)
    elif isinstance(one.value, str):
        parts.append(one.value)
    elif one.value is not None:
        parts.append(f"{number_text(one.value)} {one.unit}")
    return ", ".join(parts)


def _range_text(one: Observation) -> str:
    low = number_text(one.low) if one.low is not None else ""
    high = number_text(one.high) if one.high is not None else ""
    return f"{low}-{high}"


def _organizer(chart: Chart, number: str, code: Code, parts: Sequence[Observation], inner: str) -> str:
    times = [one.time for one in parts]
    span = f"<effectiveTime>{interval(min(times), max(times))}</effectiveTime>" if times else ""
    return (
        f'<organizer classCode="BATTERY" moodCode="EVN">{template("4.1", "2015-08-01")}'
        f"{identifier(chart.site, number, 4)}{coded('code', code)}{COMPLETED}{span}{inner}</organizer>"
    )


def _value(one: Observation) -> str:
    if isinstance(one.value, Code):
        return coded("value", one.value, "CD")
    if isinstance(one.value, str):
        return f'<value xsi:type="ST">{text(one.value)}</value>'
    if one.value is None:
        return '<value xsi:type="PQ" nullFlavor="UNK"/>'
    return quantity(one.value, one.unit)


def _range(one: Observation) -> str:
    if one.low is None and one.high is None:
        return ""
    low = f'<low value="{number_text(one.low)}" unit="{one.unit}"/>' if one.low is not None else ""
    high = f'<high value="{number_text(one.high)}" unit="{one.unit}"/>' if one.high is not None else ""
    value = f'<value xsi:type="IVL_PQ">{low}{high}</value>'
    return f"<referenceRange><observationRange>{value}</observationRange></referenceRange>"


def _result(chart: Chart, one: Observation) -> str:
    return _observation(chart, one, "4.2", "2015-08-01", one.codes[0], _value(one), chart.identifier("M", one.key))


def _observation(  # noqa: PLR0913, PLR0917  one observation, as many parts as it has
    chart: Chart, one: Observation, number: str, edition: str, code: Code, value: str, name: str
) -> str:
    flag = coded("interpretationCode", Code(_INTERPRETATION, one.interpretation, "")) if one.interpretation else ""
    return (
        f"{OBSERVATION}{template(number, edition)}{identifier(chart.site, name, 3)}"
        f'{coded("code", code)}{REFERENCE}{COMPLETED}<effectiveTime value="{moment(one.time)}"/>'
        f"{value}{flag}{_range(one)}</observation>"
    )


def _conclusion(chart: Chart, report: Report) -> str:
    code = {
        "radiology": Code(LOINC, "19005-8", "Radiology Imaging study [Impression] (narrative)"),
        "pathology": Code(LOINC, "22637-3", "Pathology report final diagnosis Narrative"),
    }.get(report.category, report.codes[0])
    return (
        f"{OBSERVATION}{template('4.2', '2015-08-01')}"
        f"{identifier(chart.site, chart.identifier('R', report.key) + 'T', 3)}{coded('code', code)}{REFERENCE}"
        f'{COMPLETED}<effectiveTime value="{moment(report.issued)}"/>'
        f'<value xsi:type="ST">{text(report.conclusion)}</value></observation>'
    )


def vital_signs(chart: Chart, found: Iterable[Observation]) -> Section:
    """An organizer for each time at which vital signs were taken; parts of one measurement stand on their own."""
    section = Section(
        template("2.4.1", "2015-08-01"), Code(LOINC, "8716-3", "Vital signs"), "Vital Signs", ("Time", "Values")
    )
    wanted = sorted((one for one in found if one.category == "vital-signs"), key=lambda one: one.time)
    for time, group in groupby(wanted, lambda one: one.time):
        parts = list(group)
        number = chart.identifier("M", parts[0].key) + "G"
        inner = "".join(_component(xml) for one in parts for xml in _vital(chart, one))
        code = coded("code", _VITAL_SIGNS, "", coded("translation", _VITAL_PANEL))
        xml = (
            f'<organizer classCode="CLUSTER" moodCode="EVN">{template("4.26", "2015-08-01")}'
            f"{identifier(chart.site, number, 4)}{code}{COMPLETED}"
            f'<effectiveTime value="{moment(time)}"/>{inner}</organizer>'
        )
        section.entries.append(Entry(number, (time.isoformat(), "; ".join(shown(one) for one in parts)), xml))
    return section


def _vital(chart: Chart, one: Observation) -> list[str]:
    number = chart.identifier("M", one.key)
    made = [
        _observation(chart, one, "4.27", "2014-06-09", code, quantity(value, unit), f"{number}.{place}")
        for place, (code, value, unit) in enumerate(one.components, 1)
    ]
    if one.value is not None or not one.components:
        made.append(_observation(chart, one, "4.27", "2014-06-09", one.codes[0], _value(one), number))
    return made


def social_history(chart: Chart, found: Iterable[Observation]) -> Section:
    """Smoking status and what else was asked."""
    section = Section(
        template("2.17", "2015-08-01"), Code(LOINC, "29762-2", "Social history"), "Social History",
        ("Item", "Answer", "Time"),
    )  # fmt: skip
    for one in found:
        if one.category not in ("social-history", "survey"):
            continue
        number, edition = ("4.78", "2014-06-09") if one.codes[0].code == _SMOKING else ("4.38", "2015-08-01")
        name = chart.identifier("M", one.key)
        xml = _observation(chart, one, number, edition, one.codes[0], _value(one), name)
        section.entries.append(Entry(name, (one.codes[0].display, shown(one), one.time.isoformat()), xml))
    return section


def family_history(chart: Chart, relatives: Iterable[Relative]) -> Section:
    """An organizer for each relative and disease."""
    section = Section(
        template("2.15", "2015-08-01"), Code(LOINC, "10157-6", "Family history"), "Family History",
        ("Relative", "Disease", "Age at onset"),
    )  # fmt: skip
    disease = coded("code", Code(SNOMED_CT, "64572001", "Disease"), "", coded("translation", _FAMILY_CONDITION))
    for place, one in enumerate(relatives, 1):
        name = chart.identifier("F", f"F{place}")
        age = ""
        if one.age_years is not None:
            age = (
                f'<entryRelationship typeCode="SUBJ" inversionInd="true">{OBSERVATION}'
                f"{template('4.31', '')}{coded('code', Code(SNOMED_CT, '445518008', 'Age at onset'))}"
                f'{COMPLETED}<value xsi:type="PQ" value="{one.age_years}" unit="a"/>'
                "</observation></entryRelationship>"
            )
        xml = (
            f'<organizer classCode="CLUSTER" moodCode="EVN">{template("4.45", "2015-08-01")}'
            f"{identifier(chart.site, name + 'G', 9)}{COMPLETED}<subject>"
            f'<relatedSubject classCode="PRS">{coded("code", one.relationship)}</relatedSubject></subject>'
            f"<component>{OBSERVATION}{template('4.46', '2015-08-01')}"
            f"{identifier(chart.site, name, 9)}{disease}{REFERENCE}{COMPLETED}"
            f'<effectiveTime nullFlavor="UNK"/>{coded("value", one.code, "CD")}{age}</observation>'
            "</component></organizer>"
        )
        years = str(one.age_years) if one.age_years is not None else ""
        section.entries.append(Entry(name, (one.relationship.display, one.code.display, years), xml))
    return section


_FAMILY_CONDITION = Code(LOINC, "75315-2", "Condition Family member")
