"""The whole Bulk Data flow by clients of others: a token by private_key_jwt, kick-off, polling, download, deletion."""

import json
import time
from typing import Any

import pytest
import requests
from authlib.oauth2.rfc7523 import private_key_jwt_sign

from tests.clients.test_foreign_clients import ask_of, drive, outcome
from tests.clients.ward import Ward

TYPES = "Patient,Observation"


def check(ward: Ward, manifest: dict[str, Any], files: dict[str, list[dict[str, Any]]]) -> None:
    """What every client must have found."""
    assert manifest["requiresAccessToken"] is True
    assert manifest["error"] == []
    assert {one["type"]: one["count"] for one in manifest["output"]} == {
        kind: len(rows) for kind, rows in files.items()
    }
    assert files["Patient"] == [ward.resource]
    pulses = {one["id"] for one in files["Observation"] if one["code"]["coding"][0]["code"] == "8867-4"}
    assert pulses == ward.pulses


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_medplum_exports_polls_downloads_and_deletes(node: str, the_ward: Ward, algorithm: str) -> None:
    name, jwk = the_ward.client_with_key(algorithm)
    found = drive(node, "bulk.mjs", {**ask_of(the_ward, name, jwk=jwk), "types": TYPES})
    check(the_ward, found["manifest"], found["files"])
    asked = [(one["method"], one["status"]) for one in found["seen"]]
    assert asked[0] == ("POST", 202), "the kick-off is accepted"
    assert asked.count(("GET", 200)) == 3, "the manifest and two files"
    assert ("DELETE", 202) in asked
    assert {outcome(found[what]["outcome"]) for what in ("gone", "fileGone")} == {"not-found"}


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_a_client_that_asks_as_bulk_data_client_does_gets_it_all(the_ward: Ward, algorithm: str) -> None:
    name, jwk = the_ward.client_with_key(algorithm)
    token = the_ward.server.token_url
    assertion = private_key_jwt_sign(jwk, name, token, alg=algorithm, header={"kid": jwk["kid"]}, expires_in=60)
    form = {
        "grant_type": "client_credentials", "scope": "system/*.rs", "client_assertion": assertion,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }  # fmt: skip
    with requests.Session() as http:
        granted = http.post(token, form, timeout=30).json()
        http.headers["Authorization"] = f"Bearer {granted['access_token']}"
        kick = {"Accept": "application/fhir+json", "Prefer": "respond-async, handling=lenient"}
        asked = {"_type": TYPES, "_outputFormat": "application/fhir+ndjson"}
        begun = http.get(f"{the_ward.fhir}/$export", params=asked, headers=kick, timeout=30)
        assert begun.status_code == 202, begun.text
        status = begun.headers["Content-Location"]
        told = _polled(http, status)
        ndjson = {"Accept": "application/fhir+ndjson"}
        files = {
            one["type"]: list(map(_json, http.get(one["url"], headers=ndjson, timeout=30).iter_lines()))
            for one in told["output"]
        }
        check(the_ward, told, files)
        assert requests.get(told["output"][0]["url"], timeout=30).status_code == 401, "no file without a token"
        assert http.delete(status, timeout=30).status_code == 202
        assert http.get(status, timeout=30).status_code == 404
        assert http.get(told["output"][0]["url"], timeout=30).status_code == 404


def _polled(http: requests.Session, status: str) -> dict[str, Any]:
    until = time.monotonic() + 300
    while time.monotonic() < until:
        answer = http.get(status, headers={"Accept": "application/json"}, timeout=30)
        if answer.status_code == 200:
            assert answer.headers["Content-Type"].startswith("application/json")
            found: dict[str, Any] = answer.json()
            return found
        assert (answer.status_code, "X-Progress" in answer.headers) == (202, True)
        assert int(answer.headers["Retry-After"]) >= 1
        time.sleep(0.2)
    raise AssertionError("the export did not end")


def _json(line: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line)
    return found
