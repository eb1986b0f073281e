"""What happened to one simulated patient: the truth that every feed, note and answer is written from.

Times are UTC-aware. A `key` names an event within its patient (``E3``, ``C12``): links are keys, never indexes. Codes
are told in order of preference; the first is the one a feed that takes one code sends.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, NamedTuple

Sex = Literal["female", "male"]
EncounterKind = Literal["inpatient", "emergency", "ambulatory", "virtual"]
AppointmentStatus = Literal["booked", "fulfilled", "noshow", "cancelled"]


class Code(NamedTuple):
    """One concept: canonical URI of the system, code, name. `terminology.systems` has the URIs."""

    system: str
    code: str
    display: str


class Address(NamedTuple):
    """Where somebody lives; `county` and `state` as census geography, `postal_code` of five digits."""

    line: str
    city: str
    county: str
    state: str
    postal_code: str


@dataclass(frozen=True, slots=True)
class Site:
    """One place of the hospital that sends feeds of its own, with its own record numbers."""

    site_id: str
    name: str
    kind: Literal["hospital", "clinic"]
    oid: str
    npi: str
    address: Address
    phone: str


@dataclass(frozen=True, slots=True)
class Clinician:
    """Somebody who treats; `role` is a NUCC provider taxonomy code."""

    clinician_id: str
    npi: str
    given: str
    family: str
    role: Code
    site_id: str


@dataclass(frozen=True, slots=True)
class RecordNumber:
    """The medical record number of a patient at one site."""

    site_id: str
    value: str


@dataclass(slots=True)
class Person:
    """Who the patient is.

    patient_id    the simulator's own name for this person, ``sim-0000123``; the answers use it
    race          CDC race and ethnicity code system (urn:oid:2.16.840.1.113883.6.238); `ethnicity` likewise
    language      BCP 47
    death         None while alive; `cause` then None too
    addresses     (from when, where), oldest first; the last is where the person lives
    """

    patient_id: str
    sex: Sex
    given: str
    middle: str
    family: str
    suffix: str
    birth: date
    race: Code
    ethnicity: Code
    language: Code
    marital_status: Code
    ssn: str
    phone: str
    email: str
    addresses: list[tuple[date, Address]]
    record_numbers: list[RecordNumber]
    contact: tuple[str, str, str] = ("", "", "")
    """Next of kin: given name, family name, relationship as HL7 table 0063."""
    death: datetime | None = None
    cause_of_death: Code | None = None


@dataclass(slots=True)
class Stay:
    """A bed during an encounter; `end` is None for the last one of an encounter under way."""

    unit: str
    room: str
    bed: str
    start: datetime
    end: datetime | None


@dataclass(slots=True)
class Encounter:
    """One contact. `type` is SNOMED CT; `admit_source` and `disposition` are HL7 tables 0023 and 0112.

    readmission_of  key of the inpatient encounter that this one follows within 30 days; empty for none
    """

    key: str
    kind: EncounterKind
    start: datetime
    end: datetime | None
    type: Code
    site_id: str
    clinician_id: str
    reasons: list[Code] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    admit_source: str = ""
    disposition: str = ""
    readmission_of: str = ""
    readmission_cause: Code | None = None


@dataclass(slots=True)
class Condition:
    """A diagnosis. `module` names the disease module it comes from."""

    key: str
    codes: tuple[Code, ...]
    onset: datetime
    recorded: datetime
    abatement: datetime | None
    encounter: str
    module: str
    category: Literal["problem-list-item", "encounter-diagnosis"] = "problem-list-item"
    severity: Code | None = None
    stage: str = ""


@dataclass(slots=True)
class Observation:
    """A measurement or finding: a number with a UCUM unit, a code, or words.

    panel           code that groups it into a report (CBC, BMP, vital signs); None where it stands alone
    report          key of its `Report`; empty for none
    low, high       reference range; None where there is none
    interpretation  HL7 table 0078 (``N``, ``L``, ``H``, ``LL``, ``HH``, ``A``); empty for none
    """

    key: str
    codes: tuple[Code, ...]
    time: datetime
    category: Literal["vital-signs", "laboratory", "social-history", "survey", "exam"]
    value: float | Code | str | None
    unit: str
    encounter: str
    low: float | None = None
    high: float | None = None
    interpretation: str = ""
    panel: Code | None = None
    report: str = ""
    components: tuple[tuple[Code, float, str], ...] = ()
    """Parts of one measurement, such as systolic and diastolic pressure: code, value, UCUM unit."""


@dataclass(slots=True)
class Report:
    """A laboratory panel, or an examination by imaging or pathology with its conclusion in words.

    findings  coded findings that its note tells, each with True where it was found and False where it was excluded
    """

    key: str
    codes: tuple[Code, ...]
    category: Literal["laboratory", "radiology", "pathology"]
    ordered: datetime
    collected: datetime
    issued: datetime
    encounter: str
    reason: Code | None = None
    conclusion: str = ""
    findings: tuple[tuple[Code, bool], ...] = ()


@dataclass(slots=True)
class Medication:
    """One course at one dose. A change of dose ends it and begins another that `replaces` it.

    dose, unit      of one intake, UCUM or an annotation such as ``{tbl}``
    per_day         intakes a day; 0 with `as_needed`
    administered    when it was given to an inpatient; empty for what is taken at home
    """

    key: str
    codes: tuple[Code, ...]
    start: datetime
    end: datetime | None
    dose: float
    unit: str
    per_day: float
    route: Code
    encounter: str
    reason: str = ""
    as_needed: bool = False
    replaces: str = ""
    stopped_for: str = ""
    administered: list[datetime] = field(default_factory=list)


@dataclass(slots=True)
class Allergy:
    """An allergy or intolerance with its reactions."""

    key: str
    codes: tuple[Code, ...]
    category: Literal["medication", "food", "environment"]
    criticality: Literal["low", "high", "unable-to-assess"]
    onset: datetime
    recorded: datetime
    encounter: str
    reactions: tuple[Code, ...] = ()
    severity: Literal["mild", "moderate", "severe"] = "mild"


@dataclass(slots=True)
class Immunization:
    """A vaccine given, by CVX."""

    key: str
    codes: tuple[Code, ...]
    time: datetime
    encounter: str
    lot: str
    dose_number: int


@dataclass(slots=True)
class Procedure:
    """Something that was done."""

    key: str
    codes: tuple[Code, ...]
    start: datetime
    end: datetime
    encounter: str
    reason: str = ""


@dataclass(slots=True)
class Appointment:
    """A planned visit and what became of it; `encounter` is empty unless it was fulfilled."""

    key: str
    created: datetime
    start: datetime
    minutes: int
    status: AppointmentStatus
    site_id: str
    clinician_id: str
    reason: Code | None
    encounter: str = ""


@dataclass(slots=True)
class Coverage:
    """Insurance over a time; `kind` is an HL7 v3 ActCode (``PUBLICPOL``, ``EHCPOL``, ``pay``)."""

    key: str
    payer: str
    payer_id: str
    kind: Code
    member_id: str
    start: date
    end: date | None


@dataclass(frozen=True, slots=True)
class Relative:
    """A disease in the family: relationship (HL7 v3 RoleCode), what, and at what age it began (None: unknown)."""

    relationship: Code
    code: Code
    age_years: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What could be foretold at an index time, with the probability that the simulator drew from.

    name          readmission_30_days, mortality_1_year, deterioration_24_hours, diabetes_3_years,
                  heart_failure_3_years, length_of_stay_days, no_show
    index_time    what a model may know stands before it; `about` is the key of the encounter or appointment
    probability   that of the draw, 0..1; for length_of_stay_days the expected days
    happened      the draw; for length_of_stay_days the days
    """

    name: str
    index_time: datetime
    about: str
    probability: float
    happened: float


@dataclass(slots=True)
class History:
    """One patient's whole life as far as the hospital saw it; every list in order of time."""

    person: Person
    encounters: list[Encounter] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    medications: list[Medication] = field(default_factory=list)
    allergies: list[Allergy] = field(default_factory=list)
    immunizations: list[Immunization] = field(default_factory=list)
    procedures: list[Procedure] = field(default_factory=list)
    appointments: list[Appointment] = field(default_factory=list)
    coverages: list[Coverage] = field(default_factory=list)
    relatives: list[Relative] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
