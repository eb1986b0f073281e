"""FHIR clients from PyPI get a token, read, search and page to the end, and understand refusals."""

import base64
import json
from typing import Any

import pytest
import requests
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from fhirclient import client as smart
from fhirclient.models.condition import Condition
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRNotFoundException, FHIRPermissionDeniedException, FHIRUnauthorizedException
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import AuthorizationError, ForbiddenError, ResourceNotFound

from tests.clients.ward import FORBIDDEN, MISSING, PAGE, PAGES, PULSE, Ward

SCOPE = "system/Patient.rs system/Observation.rs"


def signed_in(ward: Ward, **credentials: str) -> smart.FHIRClient:
    """fhirclient after it has found the token endpoint in the CapabilityStatement and got a token there."""
    client = smart.FHIRClient({"api_base": ward.fhir, "scope": SCOPE, **credentials})
    client.wants_patient = False  # else it asks for the scope launch/patient, as an app that an EHR starts
    client.prepare()
    client.authorize()
    assert client.ready
    return client


def with_key(ward: Ward, algorithm: str) -> smart.FHIRClient:
    name, jwk = ward.client_with_key(algorithm)
    header = {"kid": jwk["kid"]}
    assertion = private_key_jwt_sign(jwk, name, ward.server.token_url, alg=algorithm, header=header, expires_in=60)
    return signed_in(ward, app_id=name, jwt_token=assertion)


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_fhirclient_signs_in_by_its_key_reads_and_pages(the_ward: Ward, algorithm: str) -> None:
    client = with_key(the_ward, algorithm)
    assert client.server.capabilityStatement.fhirVersion == "4.0.1"
    patient = Patient.read(the_ward.patient, client.server)
    assert (patient.id, patient.birthDate.isostring) == (the_ward.patient, the_ward.resource["birthDate"])
    search = Observation.where({"code": PULSE, "_count": str(PAGE)})
    pages = [[entry.resource.id for entry in bundle.entry] for bundle in search.perform_iter(client.server)]
    assert [len(page) for page in pages] == PAGES
    assert sorted(name for page in pages for name in page) == sorted(the_ward.pulses)


def test_fhirclient_understands_refusals(the_ward: Ward) -> None:
    server = with_key(the_ward, "ES384").server
    with pytest.raises(FHIRNotFoundException) as missing:
        Patient.read(MISSING, server)
    with pytest.raises(FHIRPermissionDeniedException) as forbidden:
        next(Condition.where({}).perform_iter(server))
    assert outcome(missing.value.response.json()) == "not-found"
    assert outcome(forbidden.value.response.json()) == "forbidden"
    server.auth.access_token = "forged"
    with pytest.raises(FHIRUnauthorizedException):
        Patient.read(the_ward.patient, server)


def pyclient(ward: Ward) -> SyncFHIRClient:
    """fhirpy with a token; it leaves getting one to the caller."""
    granted = requests.post(
        ward.server.token_url, {"grant_type": "client_credentials"}, auth=ward.client(), timeout=30
    ).json()
    return SyncFHIRClient(ward.fhir, authorization=f"Bearer {granted['access_token']}")


def test_fhirpy_reads_and_pages(the_ward: Ward) -> None:
    client = pyclient(the_ward)
    assert client.execute("metadata", method="get")["fhirVersion"] == "4.0.1"
    patient = client.reference("Patient", the_ward.patient).to_resource()
    assert patient.serialize() == the_ward.resource
    pulses = client.resources("Observation").search(code=PULSE).limit(PAGE)
    ids = [found.id for found in pulses.fetch_all()]
    assert len(ids) == len(the_ward.pulses)
    assert set(ids) == the_ward.pulses
    assert pulses.count() == len(the_ward.pulses)
    assert client.resources("Patient").search(birthdate="1951-03-17").get().id == the_ward.patient


def test_fhirpy_understands_refusals(the_ward: Ward) -> None:
    client = pyclient(the_ward)
    with pytest.raises(ResourceNotFound) as missing:
        client.get("Patient", MISSING)
    with pytest.raises(ForbiddenError) as forbidden:
        client.resources(FORBIDDEN).fetch()
    assert outcome(json.loads(str(missing.value))) == "not-found"
    assert outcome(json.loads(str(forbidden.value))) == "forbidden"
    nobody = SyncFHIRClient(the_ward.fhir, authorization=f"Basic {base64.b64encode(b'a:b').decode()}")
    with pytest.raises(AuthorizationError):
        nobody.get("Patient", the_ward.patient)


def outcome(body: dict[str, Any]) -> str:
    """The code of an OperationOutcome's issue."""
    assert body["resourceType"] == "OperationOutcome"
    code: str = body["issue"][0]["code"]
    return code
