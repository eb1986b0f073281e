"""What a Consent withholds from research: it is not in the research zone after the next run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from careloom.services.trainings import permitted
from tests.vault_kit import Hospital, hospital

Json = dict[str, Any]
PURPOSES = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
TYPES = "http://hl7.org/fhir/resource-types"


def consent(provision: Json) -> Json:
    return {
        "resourceType": "Consent", "id": "c1", "status": "active", "patient": {"reference": "Patient/p1"},
        "scope": {"coding": [{"code": "patient-privacy"}]}, "category": [{"coding": [{"code": "x"}]}],
        "policy": [{"uri": "urn:policy"}], "provision": provision,
    }  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Hospital]:
    with hospital(tmp_path) as one:
        yield one


CASES = [
    ("nothing of a patient who withholds everything", {"type": "deny"}, set()),
    (
        "nothing of one who withholds from studies",
        {"type": "permit", "provision": [{"type": "deny", "purpose": [{"system": PURPOSES, "code": "HRESCH"}]}]},
        set(),
    ),
    (
        "no observation of one who withholds those",
        {"type": "permit", "provision": [{"type": "deny", "class": [{"system": TYPES, "code": "Observation"}]}]},
        {"Patient"},
    ),
    (
        "nothing of one who withholds the Patient",
        {"type": "permit", "provision": [{"type": "deny", "class": [{"system": TYPES, "code": "Patient"}]}]},
        set(),
    ),
    (
        "all of one who withholds from treatment alone",
        {"type": "permit", "provision": [{"type": "deny", "purpose": [{"system": PURPOSES, "code": "TREAT"}]}]},
        {"Patient", "Observation"},
    ),
]


@pytest.mark.parametrize(("provision", "stays"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_after_the_next_run_research_has(made: Hospital, provision: Json, stays: set[str]) -> None:
    own = {"Patient": made.name("Patient", "p1"), "Observation": made.name("Observation", "o1")}
    assert set(own.values()) <= made.research_ids()
    made.ingest([consent(provision)])
    report = made.deidentify()
    held = made.research_ids()
    assert {kind for kind, name in own.items() if name in held} == stays
    assert (report["left_out"] > 0) == (stays != set(own))
    assert made.name("Patient", "p2") in held


@pytest.mark.parametrize("provision", [case[1] for case in CASES[:4]], ids=[case[0] for case in CASES[:4]])
def test_no_model_learns_from_who_withholds_anything_from_research(made: Hospital, provision: Json) -> None:
    store = made.platform.store("identified")
    everybody = [store.pseudonym(made.stored_id("Patient", name)) for name in ("p1", "p2")]
    made.ingest([consent(provision)])
    assert permitted(made.platform, everybody) == everybody[1:]


def test_who_takes_the_consent_back_is_in_research_again(made: Hospital) -> None:
    made.ingest([consent({"type": "deny"})])
    made.deidentify()
    assert made.name("Patient", "p1") not in made.research_ids()
    made.ingest([{**consent({"type": "deny"}), "status": "inactive"}])
    made.deidentify()
    assert made.name("Patient", "p1") in made.research_ids()
