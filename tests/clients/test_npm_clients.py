"""FHIR clients from npm get a token, read, search and page to the end, and understand refusals."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.ward import FORBIDDEN, MISSING, PAGE, PAGES, PULSE, Ward

HERE = Path(__file__).resolve().parent


def drive(node: str, script: str, ask: dict[str, Any]) -> dict[str, Any]:
    """What the client found. The ask goes through standard input: it holds a secret."""
    done = subprocess.run(
        [node, script], cwd=HERE, input=json.dumps(ask), capture_output=True, text=True, timeout=30, check=False
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
