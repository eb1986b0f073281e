"""Every packaged rule has a case that breaks it; the clean hospital keeps them all (test_dirt.py)."""

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from careloom.quality.rules import Rulebook, packaged_rulebook
from tests.unit.quality.dirt import EXPECTED
from tests.unit.quality.hospital import TODAY, Resource, broken, clean_hospital, observation

Damage = Callable[[list[Resource]], str]
"""Breaks a rule in a copy of the clean hospital; returns the id of the resource that shows it."""
ABOUT = {"subject": {"reference": "Patient/p0"}}
MAY = "2026-05-01T10:00:00Z"


def change(kind: str, **values: Any) -> Damage:
    """Sets elements of the first resource of a type; None removes one."""

    def damage(resources: list[Resource]) -> str:
        one = next(one for one in resources if one["resourceType"] == kind)
        for name, value in values.items():
            one.pop(name, None) if value is None else one.update({name: value})
        return str(one["id"])

    return damage


def add(kind: str, **values: Any) -> Damage:
    """Adds a resource."""

    def damage(resources: list[Resource]) -> str:
        resources.append({"resourceType": kind, "id": "added", **values})
        return "added"

    return damage


def stay(name: str, first: int, last: int) -> Resource:
    """An inpatient stay of days in May."""
    code = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"}
    period = {"start": f"2026-05-{first:02}T10:00:00Z", "end": f"2026-05-{last:02}T10:00:00Z"}
    return {"resourceType": "Encounter", "id": name, "status": "finished", "class": code, "period": period, **ABOUT}


def overlapping(resources: list[Resource]) -> str:
    resources += [stay("one", 1, 9), stay("added", 5, 12)]
    return "added"


def outlier(resources: list[Resource]) -> str:
    """An unknown code, so that no limit speaks first."""
    values = [10 + number % 7 for number in range(60)]
    for number, value in enumerate([*values, 5000]):
        name = "added" if value == 5000 else f"o{number}"
        about = {"subject": {"reference": f"Patient/someone-{number}"}}
        resources.append(observation(name, "13056-7", value, "%", MAY, about=about))
    return "added"


def unusual_unit(resources: list[Resource]) -> str:
    for number in range(40):
        unit = "mg/dL" if number == 39 else "%"
        resources.append(observation("added" if number == 39 else f"u{number}", "13056-7", 10, unit, MAY, about=ABOUT))
    return "added"


def many_unmapped(resources: list[Resource]) -> str:
    code = {"coding": [{"system": "urn:local", "code": "XK12"}]}
    return add("Condition", code=code, **ABOUT)(resources)


def patient_without_records(resources: list[Resource]) -> str:
    resources.append({**resources[0], "id": "added", "identifier": [], "name": [{"family": "New", "given": ["Zoe"]}]})
    return "added"


def undated_condition(resources: list[Resource]) -> str:
    person = patient_without_records(resources)
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "38341003"}]}
    resources.append(
        {"resourceType": "Condition", "id": "c", "code": code, "subject": {"reference": f"Patient/{person}"}}
    )
    return person


RX = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "860975"}
LOCAL = {"coding": [{"system": "urn:local", "code": "XK12"}]}
CASES: dict[str, Damage] = {
    "known-resource-type": add("Patiens"),
    "known-element": change("Patient", shoeSize=44),
    "right-datatype": change("Patient", birthDate="01.05.1961"),
    "valid-resource": change("Observation", status="finished"),
    "refers-to-right-type": change("Observation", encounter={"reference": "Patient/p0"}),
    "code-from-domain": change("Condition", code=LOCAL),
    "observation-code-from-domain": change("Observation", code=LOCAL),
    "codes-listed": change(
        "Condition", code={"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "E11.77"}]}
    ),
    "medication-code-from-domain": change("MedicationRequest", medicationCodeableConcept=LOCAL),
    "vaccine-code-from-domain": change("Immunization", vaccineCode=LOCAL),
    "procedure-code-from-domain": add("Procedure", status="completed", code=LOCAL, performedDateTime=MAY, **ABOUT),
    "vital-sign-category": change("Observation", category=[{"text": "vital"}]),
    "status-present": change("Observation", status=None),
    "clinical-status-present": change("Condition", clinicalStatus=None),
    "category-present": change("Observation", category=None),
    "encounter-type-present": change("Encounter", type=None),
    "document-content-present": add("DocumentReference", status="current", content=[{"attachment": {}}], **ABOUT),
    "dose-present": change("MedicationRequest", dosageInstruction=None),
    "demographics-complete": change("Patient", communication=None),
    "standard-code-present": change("Condition", code=LOCAL),
    "source-code-present": change("Condition", code={"text": "sugar"}),
    "source-values-mapped": many_unmapped,
    "patients-have-records": patient_without_records,
    "conditions-can-be-dated": undated_condition,
    "not-an-outlier": outlier,
    "quantity-positive": change("MedicationRequest", dispenseRequest={"quantity": {"value": 0}}),
    "refills-plausible": change("MedicationRequest", dispenseRequest={"numberOfRepeatsAllowed": 99}),
    "supply-plausible": change("MedicationRequest", dispenseRequest={"expectedSupplyDuration": {"value": 900}}),
    "birth-plausible": change("Patient", birthDate="1801-02-03"),
    "age-plausible": change("Patient", birthDate="1901-02-03", deceasedDateTime=None),
    "onset-before-abatement": change("Condition", abatementDateTime="2001-01-01"),
    "performed-in-order": add(
        "Procedure",
        status="completed",
        code={"text": "x"},
        performedPeriod={"start": MAY, "end": "2026-04-01"},
        **ABOUT,
    ),
    "measured-before-issued": change("Observation", issued="2001-01-01T00:00:00Z"),
    "birth-before-death": change("Patient", birthDate="1961-05-01", deceasedDateTime="1960-01-01"),
    "during-life": change("Patient", deceasedDateTime="2001-01-01"),
    "in-progress-is-recent": change("Encounter", status="in-progress", period={"start": "2020-01-01"}),
    "one-bed-at-a-time": overlapping,
    "usual-unit": unusual_unit,
    "range-in-same-unit": change(
        "Observation",
        valueQuantity={"value": 13, "code": "ng/mL"},
        referenceRange=[{"high": {"value": 34, "code": "ng/L"}}],
    ),
    "unit-fits-history": lambda resources: weighed(resources, (80, 80.5, 79, 176)),
    "value-not-too-low": lambda resources: weighed(resources, (0.01,)),
    "before-death": change("Patient", deceasedDateTime="2001-01-01"),
}
FEEDS = {"usual-volume", "no-gaps", "messages-in-order"}
"""About feeds and messages: see test_surveys.py and tests/unit/services/test_quality.py."""


def weighed(resources: list[Resource], values: tuple[float, ...]) -> str:
    """Weights of one new patient; the last one breaks the rule."""
    about = {"subject": {"reference": "Patient/someone"}}
    for number, value in enumerate(values):
        name = "added" if number == len(values) - 1 else f"w{number}"
        resources.append(observation(name, "29463-7", value, "kg", f"2026-05-0{number + 1}T10:00:00Z", about=about))
    return "added"


@pytest.fixture(scope="module")
def clean() -> list[Resource]:
    return clean_hospital(6, 11)


@pytest.mark.parametrize("rule", sorted(CASES))
def test_the_case_breaks_the_rule(clean: list[Resource], rule: str) -> None:
    resources = copy.deepcopy(clean)
    name = CASES[rule](resources)
    assert name in broken(resources, only(rule)).get(rule, set())
    assert name not in broken(clean, only(rule)).get(rule, set())


def only(rule: str) -> Rulebook:
    """A rulebook of one rule."""
    book = packaged_rulebook()
    found = book.rule(rule)
    assert found is not None
    return Rulebook((found,), book.events, book.quantities, book.codes)


def test_every_rule_has_a_case() -> None:
    tested = set(CASES) | FEEDS | set().union(*EXPECTED.values())
    assert {rule.id for rule in packaged_rulebook().rules} - tested == set()


def test_a_wrong_birth_date_is_told_once_and_not_by_each_event(clean: list[Resource]) -> None:
    resources = copy.deepcopy(clean)
    resources[0]["birthDate"] = f"{TODAY + timedelta(days=30)}"
    found = broken(resources)
    assert found["after-birth"] == {"p0"}
    assert found["not-in-the-future"] == {"p0"}


def test_what_says_why_it_is_missing_is_not_missing(clean: list[Resource]) -> None:
    resources = copy.deepcopy(clean)
    del resources[0]["birthDate"]
    url = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
    resources[0]["_birthDate"] = {"extension": [{"url": url, "valueCode": "asked-declined"}]}
    assert broken(resources).get("patient-identified") is None


def test_one_broken_resource_is_counted_once_in_its_place(clean: list[Resource]) -> None:
    resources = copy.deepcopy(clean)
    name = CASES["code-from-domain"](resources)
    assert broken(resources, only("code-from-domain")) == {"code-from-domain": {name}}
