"""Rules that can reach nothing in R4 are told; whatever might reach something is not."""

import json

import pytest

from careloom.deid.microsoft import read_configuration
from careloom.deid.microsoft_reach import unreachable


@pytest.mark.parametrize(
    ("path", "is_lost"),
    [
        ("Patient.name", False),
        ("Patient.birthdate", True),
        ("Patient.name.famly", True),
        ("HealthcareService.notAvaliable.description", True),  # as Microsoft's own sample spells it
        ("HealthcareService.notAvailable.description", False),
        ("TestResource", True),
        ("TestResource.id", True),
        ("Resource", False),
        ("Resource.id", False),
        ("DomainResource.text", False),
        ("Resource.onset", False),
        ("Resource.onsett", True),
        ("Observation.value", False),
        ("Observation.valueQuantity", True),
        ("Observation.value as Quantity", False),
        ("Observation.value as Address", True),
        ("(Observation.value as Quantity).value", False),
        ("Observation.value.ofType(Quantity).valeu", True),
        ("nodesByType('HumanName').use", False),
        ("nodesByType('HumanName').city", True),
        ("nodesByType('Humanname')", True),
        ("nodesByType('date')", False),
        ("nodesByName('nonesuch')", False),
        ("Patient.nodesByType('Address').where(city = 'x').state", False),
        ("Patient.birthDate.extension", False),
        ("Bundle.entry.resource.anything", False),
        ("name | birthdat", False),
    ],
)
def test_a_path_that_r4_cannot_have_is_told(path: str, is_lost: bool) -> None:
    raw = json.dumps({"fhirPathRules": [{"path": path, "method": "redact"}]}).encode()
    found = unreachable(read_configuration(raw))
    assert bool(found) is is_lost
    assert all(path in sentence for sentence in found)
