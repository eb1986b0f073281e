"""The tables of a CSV extract: their columns, and the rows of one chart as plain values."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from careloom.simulate.charts import Chart, code_in, intake, written
from careloom.simulate.history import Code, Observation
from careloom.terminology.systems import CVX, ICD_10_CM, LOINC, RXNORM, SNOMED_CT

Value = str | float | int | bool | date | datetime | None
Row = list[Value]

_NOBODY = "FACILITY MRN"
TABLES: dict[str, tuple[str, ...]] = {
    "patients": tuple(
        f"{_NOBODY} SSN LAST FIRST MIDDLE SUFFIX SEX BIRTH_DATE DEATH_TIME RACE RACE_TEXT ETHNICITY ETHNICITY_TEXT"
        " LANGUAGE MARITAL ADDRESS CITY COUNTY STATE ZIP PHONE EMAIL".split()
    ),
    "encounters": tuple(
        f"{_NOBODY} VISIT_NO CLASS ADMITTED DISCHARGED TYPE TYPE_TEXT REASON REASON_TEXT ADMIT_SOURCE DISPOSITION"
        " NPI UNIT".split()
    ),
    "diagnoses": tuple(
        f"{_NOBODY} DX_ID VISIT_NO ICD10 SNOMED DX_TEXT ONSET RECORDED RESOLVED KIND".split()
    ),
    "labs": tuple(
        f"{_NOBODY} RESULT_ID VISIT_NO ORDER_ID TEST_SYSTEM TEST TEST_TEXT RESULT RESULT_CODE UNITS LOW HIGH FLAG"
        " TAKEN".split()
    ),
    "vitals": tuple(f"{_NOBODY} VITAL_ID VISIT_NO SIGN SIGN_TEXT READING UNITS MEASURED".split()),
    "findings": tuple(
        f"{_NOBODY} FINDING_ID VISIT_NO CATEGORY ITEM ITEM_TEXT ANSWER ANSWER_CODE ANSWER_UNITS ASKED".split()
    ),
    "reports": tuple(f"{_NOBODY} REPORT_ID VISIT_NO SECTION EXAM EXAM_TEXT PERFORMED ISSUED CONCLUSION".split()),
    "medications": tuple(
        f"{_NOBODY} RX_ID VISIT_NO RXNORM DRUG STARTED STOPPED DOSE DOSE_UNITS TIMES IN_DAYS AS_NEEDED ROUTE ROUTE_TEXT"
        " FOR_DX".split()
    ),
    "allergies": tuple(
        f"{_NOBODY} ALLERGY_ID ALLERGEN_SYSTEM ALLERGEN ALLERGEN_TEXT KIND CRITICALITY ONSET RECORDED REACTION"
        " REACTION_TEXT SEVERITY".split()
    ),
    "immunizations": tuple(f"{_NOBODY} VACCINE_ID VISIT_NO CVX VACCINE GIVEN LOT DOSE_NO".split()),
    "procedures": tuple(f"{_NOBODY} PROC_ID VISIT_NO PROC PROC_TEXT BEGUN FINISHED FOR_DX".split()),
    "appointments": tuple(
        f"{_NOBODY} APPT_ID BOOKED APPT_START APPT_END MINUTES STATUS REASON REASON_TEXT NPI".split()
    ),
}  # fmt: skip
"""Table -> its columns; another style calls them by other names, in the same order."""

_CATEGORIES = {"laboratory": "labs", "vital-signs": "vitals"}


def rows(chart: Chart) -> Iterator[tuple[str, Row]]:
    """Every row of a chart, table after table."""
    who: Row = [chart.site.site_id, chart.number]
    for table, made in (
        ("patients", [_patient(chart)]),
        ("encounters", _encounters(chart)),
        ("diagnoses", _diagnoses(chart)),
    ):
        for one in made:
            yield table, who + one
    for observation in chart.history.observations:
        for table, one in _observation(chart, observation):
            yield table, who + one
    for table, made in (
        ("reports", _reports(chart)),
        ("medications", _medications(chart)),
        ("allergies", _allergies(chart)),
        ("immunizations", _immunizations(chart)),
        ("procedures", _procedures(chart)),
        ("appointments", _appointments(chart)),
    ):
        for one in made:
            yield table, who + one


def _visit(chart: Chart, key: str) -> str:
    return chart.identifier("V", key) if key in chart.encounters else ""


def _patient(chart: Chart) -> Row:
    one = chart.person
    home = one.addresses[-1][1]
    return [
        one.ssn, one.family, one.given, one.middle, one.suffix, "F" if one.sex == "female" else "M", one.birth,
        one.death, one.race.code, one.race.display, one.ethnicity.code, one.ethnicity.display, one.language.code,
        one.marital_status.code, home.line, home.city, home.county, home.state, home.postal_code, one.phone, one.email,
    ]  # fmt: skip


def _encounters(chart: Chart) -> list[Row]:
    made: list[Row] = []
    for one in chart.encounters.values():
        reason = one.reasons[0] if one.reasons else Code("", "", "")
        made.append([
            chart.identifier("V", one.key), one.kind, one.start, one.end, one.type.code, one.type.display,
            reason.code if reason.system == SNOMED_CT else "", reason.display, one.admit_source, one.disposition,
            chart.clinician(one.clinician_id).npi, one.stays[-1].unit if one.stays else "",
        ])  # fmt: skip
    return made


def _diagnoses(chart: Chart) -> list[Row]:
    made: list[Row] = []
    for one in chart.history.conditions:
        icd, snomed = code_in(one.codes, ICD_10_CM), code_in(one.codes, SNOMED_CT)
        made.append([
            chart.identifier("C", one.key), _visit(chart, one.encounter), icd.code if icd.system == ICD_10_CM else "",
            snomed.code if snomed.system == SNOMED_CT else "", one.codes[0].display, one.onset, one.recorded,
            one.abatement, one.category,
        ])  # fmt: skip
    return made


def _observation(chart: Chart, one: Observation) -> Iterator[tuple[str, Row]]:
    """A row for the value and one for each part of a measurement."""
    table = _CATEGORIES.get(one.category, "findings")
    number = chart.identifier("M", one.key)
    if one.value is not None or not one.components:
        yield table, _result(chart, one, table, number, code_in(one.codes, LOINC), one.value, one.unit)
    for place, (code, value, unit) in enumerate(one.components, 1):
        yield table, _result(chart, one, table, f"{number}.{place}", code, value, unit)


def _result(  # noqa: PLR0913, PLR0917  one row, as wide as the tables are
    chart: Chart, one: Observation, table: str, number: str, code: Code, value: float | Code | str | None, unit: str
) -> Row:
    visit = _visit(chart, one.encounter)
    shown = value.display if isinstance(value, Code) else value
    value_code = value.code if isinstance(value, Code) else ""
    if table == "vitals":
        return [number, visit, code.code, code.display, shown, unit, one.time]
    if table == "findings":
        return [number, visit, one.category, code.code, code.display, shown, value_code, unit, one.time]
    order = chart.identifier("R", one.report) if one.report else ""
    system = "LN" if code.system == LOINC else code.system
    return [
        number, visit, order, system, code.code, code.display, shown, value_code, unit, one.low, one.high,
        one.interpretation, one.time,
    ]  # fmt: skip


def _reports(chart: Chart) -> list[Row]:
    return [
        [
            chart.identifier("R", one.key), _visit(chart, one.encounter), one.category, one.codes[0].code,
            one.codes[0].display, one.collected, one.issued, one.conclusion,
        ]
        for one in chart.history.reports
    ]  # fmt: skip


def _medications(chart: Chart) -> list[Row]:
    known = {one.key for one in chart.history.conditions}
    made: list[Row] = []
    for one in chart.history.medications:
        code = code_in(one.codes, RXNORM)
        times, days = intake(one) or (None, None)
        visit = _visit(chart, one.encounter) if written(chart, one) == one.start else ""  # taken before: by nobody here
        made.append([
            chart.identifier("P", one.key), visit, code.code, code.display, one.start, one.end,
            one.dose, one.unit, times, days, one.as_needed, one.route.code, one.route.display,
            chart.identifier("C", one.reason) if one.reason in known else "",
        ])  # fmt: skip
    return made


def _allergies(chart: Chart) -> list[Row]:
    made: list[Row] = []
    for one in chart.history.allergies:
        code = code_in(one.codes, RXNORM)
        reaction = one.reactions[0] if one.reactions else Code("", "", "")
        made.append([
            chart.identifier("L", one.key), {RXNORM: "RX", SNOMED_CT: "SCT"}.get(code.system, code.system),
            code.code, code.display, one.category, one.criticality, one.onset, one.recorded, reaction.code,
            reaction.display, one.severity,
        ])  # fmt: skip
    return made


def _immunizations(chart: Chart) -> list[Row]:
    made: list[Row] = []
    for one in chart.history.immunizations:
        code = code_in(one.codes, CVX)
        made.append([
            chart.identifier("I", one.key), _visit(chart, one.encounter), code.code, code.display, one.time, one.lot,
            one.dose_number,
        ])  # fmt: skip
    return made


def _procedures(chart: Chart) -> list[Row]:
    known = {one.key for one in chart.history.conditions}
    return [
        [
            chart.identifier("X", one.key), _visit(chart, one.encounter), one.codes[0].code, one.codes[0].display,
            one.start, one.end, chart.identifier("C", one.reason) if one.reason in known else "",
        ]
        for one in chart.history.procedures
    ]  # fmt: skip


def _appointments(chart: Chart) -> list[Row]:
    made: list[Row] = []
    for one in chart.history.appointments:
        reason = one.reason or Code("", "", "")
        made.append([
            chart.identifier("A", one.key), one.created, one.start, one.start + timedelta(minutes=one.minutes),
            one.minutes, one.status,
            reason.code if reason.system == SNOMED_CT else "", reason.display, chart.clinician(one.clinician_id).npi,
        ])  # fmt: skip
    return made
