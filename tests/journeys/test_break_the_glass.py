"""At the command line: a consent withholds, the glass is broken with a reason, an officer looks, a patient asks."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.hospital import CommandLine

PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Quillfeather"}]}
SHUT: dict[str, Any] = {
    "resourceType": "Consent", "id": "c", "status": "active", "scope": {"coding": [{"code": "patient-privacy"}]},
    "category": [{"coding": [{"code": "x"}]}], "patient": {"reference": "Patient/p1"},
    "policy": [{"uri": "urn:policy"}], "provision": {"type": "deny"},
}  # fmt: skip


@pytest.fixture
def careloom(tmp_path: Path) -> CommandLine:
    made = CommandLine(tmp_path)
    feed = tmp_path / "feed.ndjson"
    feed.write_text("".join(json.dumps(one) + "\n" for one in (PATIENT, SHUT)))
    made.run("ingest", str(feed))
    return made


def test_the_glass_is_broken_acknowledged_and_accounted_for(careloom: CommandLine, tmp_path: Path) -> None:
    assert careloom.json("search", "Patient").get("entry", []) == []
    opened = careloom.json("access", "open", "Patient/p1", "--reason", "unconscious, allergies unknown")
    found = careloom.json("--break-glass", opened["id"], "search", "Patient")
    assert [one["resource"]["resourceType"] for one in found["entry"]] == ["Patient"]
    assert [one["id"] for one in careloom.json("access", "emergencies", "--waiting")] == [opened["id"]]
    careloom.run("access", "acknowledge", opened["id"])
    assert careloom.json("access", "emergencies", "--waiting") == []
    seen = careloom.json("audit", "patient", "Patient/p1")
    assert any(one["purpose"] == "BTG" and one["emergency"] == opened["id"] for one in seen["views"])
    other = careloom.json("--purpose", "PUBHLTH", "--break-glass", opened["id"], "search", "Patient")
    assert other.get("entry", []) == []
    page = tmp_path / "accounting.html"
    careloom.run("audit", "disclosures", "Patient/p1", "--out", str(page))
    assert "45 CFR 164.528" in page.read_text("utf-8")
    assert "Quillfeather" not in page.read_text("utf-8")


def test_a_purpose_that_is_none_is_refused(careloom: CommandLine) -> None:
    careloom.run("--purpose", "FUN", "search", "Patient", expect=2)
