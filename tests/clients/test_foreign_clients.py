"""FHIR clients from npm and PyPI get a token, read, search and page to the end, and understand refusals.

In one file, so that one process with one server serves them all.
"""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from fhirclient import client as smart
from fhirclient.models.bundle import Bundle
from fhirclient.models.condition import Condition
from fhirclient.models.observation import Observation
from fhirclient.models.operationoutcome import OperationOutcome
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRNotFoundException, FHIRPermissionDeniedException, FHIRUnauthorizedException
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import AuthorizationError, ForbiddenError, ResourceNotFound

from tests.clients.ward import FORBIDDEN, MISSING, PAGE, PAGES, PULSE, Ward

HERE = Path(__file__).resolve().parent
SCOPE = "system/Patient.rs system/Observation.rs"


def drive(node: str, script: str, ask: dict[str, Any]) -> dict[str, Any]:
    """What the client found. The ask goes through standard input: it holds a secret."""
    done = subprocess.run(
        [node, script], cwd=HERE, input=json.dumps(ask), capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, "\n".join(line[:300] for line in done.stderr.splitlines())
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def ask_of(ward: Ward, client_id: str, secret: str = "", jwk: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "url": ward.server.url,
        "fhir": ward.fhir,
        "tokenUrl": ward.server.token_url,
        "clientId": client_id,
        "secret": secret,
        "jwk": jwk,
        "patient": ward.patient,
        "search": {"type": "Observation", "parameters": {"code": PULSE}, "count": PAGE},
        "missing": MISSING,
        "forbidden": FORBIDDEN,
    }


def check(ward: Ward, found: dict[str, Any]) -> None:
    """What every client must have found."""
    assert found["tokenUrl"] == ward.server.token_url
    assert found["capabilities"]["resourceType"] == "CapabilityStatement"
    assert found["capabilities"]["fhirVersion"] == "4.0.1"
    assert found["patient"] == ward.resource
    assert [len(page) for page in found["pages"]] == PAGES
    ids = [name for page in found["pages"] for name in page]
    assert len(ids) == len(set(ids))
    assert set(ids) == ward.pulses
    for refused, issue in (("missing", "not-found"), ("forbidden", "forbidden")):
        outcome = found[refused]["outcome"]
        assert (outcome["resourceType"], outcome["issue"][0]["code"]) == ("OperationOutcome", issue)
        assert outcome["issue"][0]["diagnostics"]


def test_fhir_kit_client_finds_the_token_endpoint_reads_and_pages(node: str, the_ward: Ward) -> None:
    found = drive(node, "fhir_kit_client.mjs", ask_of(the_ward, *the_ward.client()))
    check(the_ward, found)
    assert (found["missing"]["status"], found["forbidden"]["status"]) == (404, 403)
    assert sorted(found["posted"]) == sorted(found["pages"][0]), "a search by POST gives what it gives by GET"
    assert len(found["everything"]) == len(set(found["everything"]))
    assert set(found["everything"]) >= {the_ward.patient, *the_ward.pulses}
    assert outcome(found["verdict"]) == "structure"


def test_fhirclient_reads_and_pages_by_iterator_and_by_page_limit(node: str, the_ward: Ward) -> None:
    found = drive(node, "fhirclient.mjs", ask_of(the_ward, *the_ward.client()))
    check(the_ward, found)
    assert (found["missing"]["status"], found["forbidden"]["status"]) == (404, 403)
    assert found["release"] == 4
    assert sorted(found["flat"]) == sorted(the_ward.pulses)


@pytest.mark.parametrize("algorithm", ["", "RS384", "ES384"], ids=["secret", "RS384", "ES384"])
def test_medplum_signs_in_reads_and_pages(node: str, the_ward: Ward, algorithm: str) -> None:
    if algorithm:
        name, jwk = the_ward.client_with_key(algorithm)
        ask = ask_of(the_ward, name, jwk=jwk)
    else:
        ask = ask_of(the_ward, *the_ward.client())
    found = drive(node, "medplum.mjs", ask)
    check(the_ward, found)
    assert sorted(found["whole"]) == sorted(the_ward.pulses), "the count that it asks for by itself is no obstacle"


def test_the_lock_pins_every_package_by_version_and_content_and_names_no_host() -> None:
    declared = json.loads((HERE / "package.json").read_text("utf-8"))["dependencies"]
    lock = json.loads((HERE / "package-lock.json").read_text("utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert {name: packages[f"node_modules/{name}"]["version"] for name in declared} == declared
    assert [name for name, package in packages.items() if not package.get("integrity", "").startswith("sha512-")] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []


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


def test_fhirpy_runs_operations(the_ward: Ward) -> None:
    client = pyclient(the_ward)
    everything = client.execute(f"Patient/{the_ward.patient}/$everything", method="get", params={"_type": "Patient"})
    assert [entry["resource"]["id"] for entry in everything["entry"]] == [the_ward.patient]
    draft = {"resourceType": "Observation", "status": "final"}
    verdict = client.execute("Observation/$validate", method="post", data=draft)
    assert verdict["issue"][0]["expression"] == ["Observation.code"]
    view = {"resource": "Patient", "select": [{"column": [{"name": "born", "path": "birthDate"}]}]}
    assert client.execute("ViewDefinition/$run", method="post", data=view) == [{"born": "1951-03-17"}]


def test_fhirclient_runs_operations_and_reads_their_bundles(the_ward: Ward) -> None:
    server = with_key(the_ward, "ES384").server
    told = server.request_json(f"Patient/{the_ward.patient}/$everything?_type=Observation&_count={PAGE}")
    bundle = Bundle(told)
    assert len(bundle.entry) == PAGE
    assert all(isinstance(entry.resource, Observation) for entry in bundle.entry)
    verdict = OperationOutcome(server.request_json(f"Patient/{the_ward.patient}/$validate"))
    assert [issue.severity for issue in verdict.issue] == ["information"]


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
