"""The tables of the research zone, first form: made from de-identified FHIR, pseudonymous keys only.

Every time is shifted by one secret number of days per patient (`careloom.deid`), so intervals within a patient are
true and calendar dates are not. Partial dates stand for their first moment.
"""

from careloom.tables.schema import Column, TableSchema

_TIME = "Datetime[us, UTC]"


def _id(name: str, meaning: str, *, nullable: bool = True) -> Column:
    return Column(name, "String", meaning, phi="quasi", nullable=nullable)


def _time(name: str, meaning: str) -> Column:
    return Column(name, _TIME, meaning, phi="quasi")


def _text(name: str, meaning: str) -> Column:
    return Column(name, "String", meaning)


def _quasi(name: str, dtype: str, meaning: str, unit: str = "") -> Column:
    return Column(name, dtype, meaning, unit=unit, phi="quasi")


_PATIENT = _id("patient_id", "Pseudonym of the patient in this project.", nullable=False)
_ENCOUNTER = _id("encounter_id", "Pseudonym of the encounter it belongs to; null when none is named.")
_CODE_SYSTEM = _text("code_system", "Canonical URI of the code system; null when no listed system codes it.")
_CODE = _text("code", "Code within code_system; null when code_system is.")

PATIENTS = TableSchema(
    name="patients",
    layer="silver",
    meaning="One row per patient.",
    key=("patient_id",),
    subject="patient_id",
    columns=(
        _PATIENT,
        _quasi("birth_year", "Int32", "Year of the shifted date of birth; null when unknown or age_over_89.", "a"),
        _quasi("age_over_89", "Boolean", "True when the year of birth was withheld because the age may exceed 89."),
        _quasi(
            "gender", "String", "Administrative gender as in FHIR: male, female, other, unknown; null when not said."
        ),
        _quasi("birth_sex", "String", "US Core birth sex: M, F, UNK, ASKU, OTH; null when not said."),
        _quasi("race", "String", "OMB or detailed CDC race codes, sorted, joined by a comma; null when not said."),
        _quasi(
            "ethnicity", "String", "OMB or detailed CDC ethnicity codes, sorted, joined by a comma; null when not said."
        ),
        _quasi("marital_status", "String", "HL7 v3 MaritalStatus or NullFlavor code; null when not said."),
        _quasi(
            "state", "String", "USPS code of the state of residence; null outside the United States or when not said."
        ),
        Column("deceased", "Boolean", "True when known to have died, False when said to live; null when not said."),
        _time("death_time", "Shifted time of death; null when alive or not said."),
    ),
)

ENCOUNTERS = TableSchema(
    name="encounters",
    layer="silver",
    meaning="One row per encounter.",
    key=("encounter_id",),
    subject="patient_id",
    columns=(
        _id("encounter_id", "Pseudonym of the encounter.", nullable=False),
        _PATIENT,
        _text("status", "Encounter.status as in FHIR R4."),
        _text("class_code", "HL7 v3 ActCode of the class (AMB, IMP, EMER, ...); null when not coded so."),
        _text("type_system", "Code system of the first coded type; null when none."),
        _text("type_code", "Code of the first coded type; null when none."),
        _time("start_time", "Shifted start; null when not said."),
        _time("end_time", "Shifted end; null when not said or still open."),
        _text("reason_system", "Code system of the first coded reason; null when none."),
        _text("reason_code", "Code of the first coded reason; null when none."),
        _text("discharge_code", "Code of the discharge disposition; null when none."),
        _id("part_of_id", "Pseudonym of the encounter this one is part of; null when none."),
    ),
)

CONDITIONS = TableSchema(
    name="conditions",
    layer="silver",
    meaning="One row per condition: a problem, diagnosis or concern.",
    key=("condition_id",),
    subject="patient_id",
    columns=(
        _id("condition_id", "Pseudonym of the condition.", nullable=False),
        _PATIENT,
        _ENCOUNTER,
        _CODE_SYSTEM,
        _CODE,
        _text("category", "Code of the first category (encounter-diagnosis, problem-list-item, ...); null when none."),
        _text("clinical_status", "active, recurrence, relapse, inactive, remission, resolved; null when not said."),
        _text("verification_status", "confirmed, provisional, refuted, entered-in-error, ...; null when not said."),
        _time("onset_time", "Shifted onset; null when not said or said as an age."),
        _quasi("onset_age_years", "Float64", "Age at onset, at most 89; null when not said as an age in years.", "a"),
        _time("abatement_time", "Shifted end; null when not said or not over."),
        _time("recorded_time", "Shifted time of first recording; null when not said."),
    ),
)

OBSERVATIONS = TableSchema(
    name="observations",
    layer="silver",
    meaning="One row per value: an observation has component 0, its components count from 1.",
    key=("observation_id", "component"),
    subject="patient_id",
    columns=(
        _id("observation_id", "Pseudonym of the observation.", nullable=False),
        Column("component", "Int32", "0 for the observation itself, else the component's position.", nullable=False),
        _PATIENT,
        _ENCOUNTER,
        _text("category", "Code of the first category (vital-signs, laboratory, survey, ...); null when none."),
        _CODE_SYSTEM,
        _CODE,
        _text("status", "Observation.status as in FHIR R4."),
        _time("effective_time", "Shifted time, or start of the period, the value is about; null when not said."),
        _time("issued_time", "Shifted time the version was made available; null when not said."),
        Column(
            "value_number",
            "Float64",
            "Numeric value in `unit`; null for other kinds of value (ranges, ratios and times are not flattened).",
        ),
        _text("comparator", "<, <=, >=, > when value_number is only a bound; null when exact."),
        _text("unit", "UCUM code of value_number; null when the source gave none that can be read."),
        _text("value_system", "Code system of a coded value; null when the value is not coded."),
        _text("value_code", "Code of a coded value; true or false for a Boolean one; null when neither."),
        _time("value_time", "Shifted date or time that is itself the value; null when the value is none."),
        _text(
            "absent_reason",
            "Why there is no value (FHIR data-absent-reason code); `masked`: taken out here; null when there is one.",
        ),
        _text("interpretation", "HL7 v3 ObservationInterpretation code (H, L, N, ...); null when none."),
    ),
)

MEDICATIONS = TableSchema(
    name="medications",
    layer="silver",
    meaning="One row per medication request, administration, statement or dispense.",
    key=("medication_id",),
    subject="patient_id",
    columns=(
        _id("medication_id", "Pseudonym of the request, administration, statement or dispense.", nullable=False),
        Column("kind", "String", "request, administration, statement or dispense.", nullable=False),
        _PATIENT,
        _ENCOUNTER,
        _CODE_SYSTEM,
        _CODE,
        _text("status", "Status of the resource as in FHIR R4."),
        _text("intent", "MedicationRequest.intent; null for the other kinds."),
        _time("start_time", "Shifted time written, given, handed over, or start of taking; null when not said."),
        _time("end_time", "Shifted end of giving or taking; null when not said."),
        Column("dose_number", "Float64", "Amount of one dose in `dose_unit`; null when not said as a number."),
        _text("dose_unit", "UCUM code of dose_number; null when the source gave none that can be read."),
        _text("route_system", "Code system of the route; null when none."),
        _text("route_code", "Code of the route; null when none."),
    ),
)

NOTES = TableSchema(
    name="notes",
    layer="silver",
    meaning="One row per clinical document: that it exists, not what it says. Text stays in the identified zone.",
    key=("note_id",),
    subject="patient_id",
    columns=(
        _id("note_id", "Pseudonym of the document.", nullable=False),
        _PATIENT,
        _ENCOUNTER,
        _text("type_system", "Code system of the document type; null when none."),
        _text("type_code", "Code of the document type; null when none."),
        _text("status", "DocumentReference.status as in FHIR R4."),
        _time("note_time", "Shifted time of the document; null when not said."),
    ),
)

RESEARCH: tuple[TableSchema, ...] = (PATIENTS, ENCOUNTERS, CONDITIONS, OBSERVATIONS, MEDICATIONS, NOTES)
"""All tables of the research zone, in the order in which they are made."""
