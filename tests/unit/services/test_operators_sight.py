"""What operators look at while they mend data heeds restrictions and consents: pairs of patients, refused records."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from careloom.errors import AccessError
from careloom.services.access import Principal
from careloom.services.linkage import run
from careloom.services.linkage_review import decide, list_pairs, show_pair
from careloom.services.quarantine import list_refused, show_refused
from careloom.services.subject_rules import RuleAsk, end_rule, set_rule
from tests.api.kit import Installation
from tests.vault_kit import OFFICER

HERE = frozenset({"identified", "landing"})
STEWARD = Principal("sam.steward", frozenset({"data-steward"}), HERE)
ENGINEER = Principal("erin", frozenset({"data-engineer"}), HERE)
SSN = {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "517-23-4410"}


def patient(name: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": name, "name": [{"family": "Quillfeather", "given": ["Mina"]}],
            "gender": "female", "birthDate": "1961-04-05", "identifier": [SSN]}  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path) as one:
        wrong = {"resourceType": "Observation", "id": "o1", "status": "no-status", "code": {"text": "x"},
                 "subject": {"reference": "Patient/a1"}}  # fmt: skip
        one.ingest([patient("a1"), patient("a2"), wrong])
        run(one.platform, one.operator)
        yield one


def consent(provision: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Consent", "id": "c1", "status": "active", "patient": {"reference": "Patient/a1"},
            "scope": {"coding": [{"code": "patient-privacy"}]}, "category": [{"coding": [{"code": "x"}]}],
            "policy": [{"uri": "urn:policy"}], "provision": provision}  # fmt: skip


def restrict(made: Installation) -> Any:
    patient_id = f"Patient/{made.stored_id('Patient', 'a1')}"
    return set_rule(made.platform, OFFICER, RuleAsk("restrict", patient_id, reason="contests the birth date"))


def test_a_pair_with_a_restricted_patient_is_shown_to_nobody_who_only_mends(made: Installation) -> None:
    (pair,) = list_pairs(made.platform, STEWARD)["items"]
    assert show_pair(made.platform, STEWARD, pair["pair"])["sides"]
    rule = restrict(made)
    assert list_pairs(made.platform, STEWARD)["items"] == []
    with pytest.raises(AccessError):
        show_pair(made.platform, STEWARD, pair["pair"])
    with pytest.raises(AccessError):
        decide(made.platform, STEWARD, pair["pair"], "reject")
    assert show_pair(made.platform, made.operator, pair["pair"])["sides"]
    end_rule(made.platform, OFFICER, rule["rule"])
    assert show_pair(made.platform, STEWARD, pair["pair"])["sides"]


def test_a_pair_of_whom_a_consent_withholds_is_not_shown(made: Installation) -> None:
    (pair,) = list_pairs(made.platform, STEWARD)["items"]
    made.ingest([consent({"type": "deny"})])
    assert list_pairs(made.platform, STEWARD)["items"] == []
    with pytest.raises(AccessError):
        show_pair(made.platform, STEWARD, pair["pair"])


@pytest.mark.parametrize("by", ["restriction", "consent"])
def test_the_bytes_of_a_refused_record_are_kept_from_who_may_not_see_its_patient(made: Installation, by: str) -> None:
    (refused,) = list_refused(made.platform, ENGINEER)
    assert "no-status" in show_refused(made.platform, ENGINEER, refused["record"], raw=True)["raw"]
    if by == "restriction":
        restrict(made)
    else:
        made.ingest([consent({"type": "deny"})])
    assert show_refused(made.platform, ENGINEER, refused["record"])["issues"]
    with pytest.raises(AccessError):
        show_refused(made.platform, ENGINEER, refused["record"], raw=True)
