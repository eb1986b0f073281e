"""FHIR resources that the simulator writes: valid by our validator and by fhir.resources."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
from fhir.resources.R4B import get_fhir_model_class

from careloom.fhir.drafts import Resource
from careloom.fhir.validate import check
from careloom.simulate.charts import Chart, Place, charts
from careloom.simulate.feed_fhir import bulk_manifest, bulk_opening, bundle, resources
from careloom.simulate.hospital import build_hospital
from careloom.simulate.patients import simulate_patient
from careloom.terminology.systems import RXNORM
from tests.unit.simulate.history_support import PLACE, notes, rich, short


def _charts() -> list[Chart]:
    return [chart for history in (rich(), short()) for chart in charts(history, PLACE, notes(history))]


def _all() -> list[Resource]:
    return [one for chart in _charts() for one in resources(chart)]


def test_every_resource_is_valid_by_our_validator_and_by_fhir_resources() -> None:
    for one in _all():
        assert check(one) == []
        get_fhir_model_class(one["resourceType"]).model_validate_json(orjson.dumps(one))


def test_every_fact_of_a_history_is_a_resource() -> None:
    found = Counter(one["resourceType"] for one in _all())
    histories = (rich(), short())
    assert found["Encounter"] == sum(len(one.encounters) for one in histories)
    assert found["Condition"] == sum(len(one.conditions) for one in histories)
    assert found["Observation"] == sum(len(one.observations) for one in histories)
    assert found["DiagnosticReport"] == found["ServiceRequest"] == 2
    assert found["MedicationRequest"] == 2
    assert found["MedicationAdministration"] == 4
    assert found["Appointment"] == 4
    assert found["DocumentReference"] == 4
    assert found["Patient"] == 3


def test_a_bundle_holds_all_that_its_resources_refer_to() -> None:
    for chart in _charts():
        whole = bundle(chart, list(resources(chart)))
        assert check(whole) == []
        held = {f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in whole["entry"]}
        assert len(held) == len(whole["entry"])
        references: list[Resource] = []
        for one in whole["entry"]:
            check(one["resource"], references)
        assert {one["reference"] for one in references if "reference" in one} <= held


def test_the_manifest_of_a_bulk_export_lists_its_files() -> None:
    site = PLACE.sites["north"]
    manifest = orjson.loads(bulk_manifest(site, {"Patient": 2, "Encounter": 3}, "2024-06-01T00:00:00Z").data)
    assert [(one["type"], one["count"]) for one in manifest["output"]] == [("Encounter", 3), ("Patient", 2)]
    for piece in bulk_opening(site, PLACE):
        assert all(check(orjson.loads(line)) == [] for line in piece.data.splitlines())


def codings(value: Any) -> Iterator[dict[str, str]]:
    """Every coding in a resource."""
    if isinstance(value, dict):
        yield from value.get("coding", [])
        for part in value.values():
            yield from codings(part)
    elif isinstance(value, list):
        for part in value:
            yield from codings(part)


def test_the_codings_of_simulated_people_are_whole() -> None:
    """A text taken for a pair of code and name gives a code and a name of one letter."""
    hospital = build_hospital(5)
    place = Place({one.site_id: one for one in hospital.sites}, {one.clinician_id: one for one in hospital.clinicians})
    drugs, letters = 0, set()
    for number in range(12):
        for chart in charts(simulate_patient(number, 5, hospital=hospital), place):
            for one in resources(chart):
                coded = one.get("medicationCodeableConcept", {}).get("coding", [])
                drugs += len(coded)
                assert {each["system"] for each in coded} <= {RXNORM}
                letters |= {
                    (each["system"], each["code"])
                    for each in codings(one)
                    if len(each["code"]) == len(each.get("display", "none")) == 1
                }
    assert drugs > 20
    assert letters == set()
