"""What runs here, as operators are told; and the bundle of evidence: whole, signed, without a value."""

import zipfile
from io import BytesIO
from pathlib import Path

import httpx
import orjson
import pytest

import careloom
from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.services.audit_proofs import check_by
from careloom.services.deployment import check_evidence
from careloom.services.erase import erase
from tests.api.kit import BASE_URL, PATIENT, Installation

SECRET_PLACE = "https://hospital-of-lowell.example.org"  # pragma: allowlist secret


@pytest.fixture
def api(installation: Installation) -> Careloom:
    return Careloom(BASE_URL, Bearer(installation.token()), transport=httpx.WSGITransport(app=installation.app))


def test_versions_are_those_that_run(installation: Installation, api: Careloom) -> None:
    installation.ingest([PATIENT])
    told = api.deployment()
    assert told.package == careloom.__version__
    assert told.libraries.count > 50
    assert {"identified", "access", "terminologies"} <= {one.name for one in told.stores}
    assert told.terminologies
    assert told == api.deployment()
    assert told.blueprint is None


def test_a_setting_changes_the_fingerprint_and_its_value_is_never_told(tmp_path: Path) -> None:
    with Installation(tmp_path, api={"public_url": SECRET_PLACE}) as made:
        answer = made.client.get("/api/v1/deployment", headers=made.bearer())
        assert "api.public_url" in answer.json["settings"]["changed"]
        assert "lowell" not in answer.text
        assert str(tmp_path) not in answer.text
        bundle = made.client.get("/api/v1/deployment/evidence", headers=made.bearer()).data
    for name in zipfile.ZipFile(BytesIO(bundle)).namelist():
        assert b"lowell" not in zipfile.ZipFile(BytesIO(bundle)).read(name)


def test_evidence_is_signed_and_any_change_is_seen(installation: Installation, api: Careloom) -> None:
    installation.ingest([PATIENT, {**PATIENT, "id": "p2"}])
    erase(installation.platform, installation.operator, "Patient/p2", search=False)
    bundle, key = api.evidence(), installation.platform.keys.public_key()
    assert check_evidence(bundle, key) == {"signed": True, "changed": []}
    assert not check_evidence(bundle, bytes(32))["signed"]
    files = {name: zipfile.ZipFile(BytesIO(bundle)).read(name) for name in zipfile.ZipFile(BytesIO(bundle)).namelist()}
    assert check_by(files["audit-identified.json"], key)["signed"]
    assert [one["is_signed"] for one in orjson.loads(files["erasures.json"])] == [True]
    assert orjson.loads(files["libraries.cdx.json"])["bomFormat"] == "CycloneDX"
    stored = installation.stored_id("Patient", "p1")
    assert all(word not in raw for raw in files.values() for word in (b"Quillfeather", stored.encode()))
    for name in files:
        stream = BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for one, raw in files.items():
                archive.writestr(one, raw + b" " if one == name and one != "manifest.json" else raw)
            archive.writestr("more.txt", b"planted")
        told = check_evidence(stream.getvalue(), key)
        assert "more.txt" in told["changed"]
        assert name == "manifest.json" or name in told["changed"]


def test_only_who_may_is_told_and_it_is_audited(installation: Installation) -> None:
    for where, role, scope in (
        ("/api/v1/deployment", "clinician", "careloom/operate"),
        ("/api/v1/deployment/evidence", "data-engineer", "careloom/monitor"),
    ):
        assert installation.client.get(where).status_code == 401
        assert installation.client.get(where, headers=installation.bearer([role])).status_code == 403
        assert installation.client.get(where, headers=installation.bearer(scopes=scope)).status_code == 403
        assert installation.client.get(where, headers=installation.bearer()).status_code == 200
    outcomes = [one["outcome"] for one in installation.events() if one["operation"] == "evidence"]
    assert outcomes[-1] == "success"
    assert "refused" in outcomes
