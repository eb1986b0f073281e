"""Resources of one patient, drawn: what a record holds and what no feed should send, with many ties."""

from typing import Any

import polars as pl
from hypothesis import strategies as st

from careloom.fhir.views import View, compile_view
from careloom.risk.cohorts_fhir import definitions, fhir_events
from careloom.terminology.systems import ICD_10_CM, LOINC, SNOMED_CT
from tests.unit.risk.events_made import ACT

VIEWS: dict[str, View] = {name: compile_view(one) for name, one in definitions().items()}
Resource = dict[str, Any]
TIMES = st.sampled_from(
    [
        "2023", "2023-06", "2023-06-01",
        "2024-01-01", "2024-01-02", "2024-01-05T08:00:00Z", "2024-01-05T09:00:00+01:00",
        "2024-01-05T08:00:00.123456-05:00", "2024-01-05T08:00:00.123456789Z", "2024-02-30", "2024-01-06T08:00",
        "2024-03-01T23:59:59Z", "2024-12-31T00:00:00+14:00", "2025-01-10",
    ]
)  # fmt: skip
STATUS = st.sampled_from(
    ["final", "finished", "entered-in-error", "planned", "booked", "noshow", "fulfilled", "cancelled"]
)
CODES = st.sampled_from(
    [
        (ICD_10_CM, "I50.9"), (ICD_10_CM, "I509"), (ICD_10_CM, "E11.9"), (SNOMED_CT, "44054006"), (LOINC, "2951-2"),
        (LOINC, "8480-6"), (LOINC, "4548-4"), (LOINC, "72166-2"), (None, "2951-2"), (LOINC, None), (ICD_10_CM, "C50"),
    ]
)  # fmt: skip
CONCEPT = st.lists(CODES, max_size=3).map(
    lambda found: {"coding": [{k: v for k, v in (("system", s), ("code", c)) if v} for s, c in found]}
)
QUANTITY = st.builds(
    lambda value, code: {"value": value, **({"code": code} if code else {})},
    st.one_of(st.integers(1, 300), st.floats(1, 300, allow_nan=False)),
    st.sampled_from(["mmol/L", "mg/dL", "mm[Hg]", "%", "", "kg", "furlong"]),
)
WHOM = st.sampled_from(["Patient/p", "Patient/p", "Patient/p", "Patient/q", "https://a.example/Patient/p"])
STAYS = st.sampled_from(["Encounter/e0", "Encounter/e1", "Encounter/x"])


def _resource(kind: str, must: dict[str, Any], may: dict[str, Any]) -> st.SearchStrategy[Resource]:
    fixed = {name: one if isinstance(one, st.SearchStrategy) else st.just(one) for name, one in must.items()}
    return st.fixed_dictionaries({"resourceType": st.just(kind), **fixed}, optional=may)


def _reference(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    return strategy.map(lambda one: {"reference": one})


def _period(begin: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries({}, optional={"start": begin, "end": TIMES}).filter(bool)


SUBJECT = {"subject": _reference(WHOM), "status": STATUS}
RESOURCES = st.one_of(
    _resource("Encounter", {**SUBJECT, "period": _period(TIMES), "class": st.sampled_from(["IMP", "AMB", "EMER"]).map(
        lambda code: {"system": ACT, "code": code})},
        {"hospitalization": st.sampled_from(["home", "exp", "aadvice"]).map(
            lambda code: {"dischargeDisposition": {"coding": [{"code": code}]}})}),
    _resource("Condition", {"subject": _reference(WHOM), "code": CONCEPT},
        {"encounter": _reference(STAYS), "onsetDateTime": TIMES, "onsetPeriod": _period(TIMES), "recordedDate": TIMES,
         "verificationStatus": st.sampled_from(["confirmed", "refuted"]).map(lambda c: {"coding": [{"code": c}]})}),
    _resource("Observation", {**SUBJECT, "code": CONCEPT},
        {"encounter": _reference(STAYS), "effectiveDateTime": TIMES, "effectivePeriod": _period(TIMES), "issued": TIMES,
         "valueQuantity": QUANTITY, "valueCodeableConcept": CONCEPT,
         "component": st.lists(st.fixed_dictionaries({"code": CONCEPT}, optional={"valueQuantity": QUANTITY}),
                               max_size=2)}),
    _resource("Procedure", {**SUBJECT, "code": CONCEPT},
        {"performedDateTime": TIMES, "performedPeriod": _period(TIMES), "encounter": _reference(STAYS)}),
    _resource("MedicationRequest", {**SUBJECT, "medicationCodeableConcept": CONCEPT}, {"authoredOn": TIMES}),
    _resource("Appointment", {"status": STATUS, "start": TIMES,
        "participant": WHOM.map(lambda one: [{"actor": {"reference": one}}])}, {"end": TIMES, "created": TIMES}),
)  # fmt: skip
PATIENT = _resource(
    "Patient",
    {"id": "p"},
    {"birthDate": st.sampled_from(["1950-03-01", "2010-05", "1931"]), "gender": st.sampled_from(["female", "male"]),
     "deceasedDateTime": TIMES},
)  # fmt: skip


@st.composite
def records(draw: st.DrawFn) -> list[Resource]:
    """A patient and up to twenty resources with ids of their own; encounters are called e0, e1, ..."""
    found = [draw(PATIENT)]
    counts: dict[str, int] = {}
    for one in draw(st.lists(RESOURCES, max_size=20)):
        kind = one["resourceType"]
        number = counts[kind] = counts.get(kind, -1) + 1
        found.append({**one, "id": f"{kind[0].lower()}{number}"})
    return found


def rows_of(resources: list[Resource]) -> dict[str, list[tuple[Any, ...]]]:
    return {
        name: [row for one in resources if one["resourceType"] == view.resource for row in view.rows(one)]
        for name, view in VIEWS.items()
    }


def events_of(resources: list[Resource], patient_id: str = "p") -> pl.DataFrame:
    """What the frames say of the patient: the oracle."""
    rows = rows_of(resources)
    whole = fhir_events({name: VIEWS[name].frame(found) for name, found in rows.items()})
    return whole.filter(pl.col("patient_id") == patient_id)
