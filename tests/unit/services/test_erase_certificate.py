"""An erasure leaves a signed certificate that adds up, and no byte of the patient; holds keep what they hold."""

from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from careloom.errors import AccessError, Conflict, Erased, FormatError, Held, IntegrityError
from careloom.services import backups, erase_certificate, erase_pending
from careloom.services import erase as service
from careloom.services.erase import check, check_certificate, erase
from careloom.services.exports import forget as forget_exports
from careloom.services.subject_rules import RuleAsk, end_rule, rules, set_rule
from careloom.services.trainings import TrainingAsk, register, retrained, trainings
from tests.killed import killed
from tests.rights_kit import ENGINEER, OFFICER, answers, erase_apart, hospital
from tests.vault_kit import Hospital


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Hospital]:
    with hospital(tmp_path) as installation:
        yield installation


def test_a_certificate_says_what_went_and_is_checked_by_the_public_key_alone(made: Hospital) -> None:
    before = answers(made, made.stored_id("Patient", "p1"))
    report = erase(made.platform, OFFICER, "Patient/p1")
    content = Path(report["place"]).read_bytes()
    found = erase_certificate.check_by(content, made.platform.keys.public_key())

    assert (found["signed"], found["sums"], found["hits"]) == (True, True, 0)
    assert report["removed"]["resources"] == 2
    assert report["removed"]["research resources"] == 2
    told = orjson.loads(content)["report"]
    assert {one["what"] for one in told["artefacts"]} >= {
        "data keys",
        "resources",
        "source records",
        "research data keys",
    }
    assert all(
        one["digest"] for one in told["artefacts"] if one["what"] in ("data keys", "resources", "source records")
    )
    assert {one["rule"] for one in told["remains"]} >= {"audit", "relinking-keys", "landing"}
    assert answers(made) == before
    assert "<h1>Certificate of erasure</h1>" in Path(report["place"]).with_suffix(".html").read_text()


def test_a_certificate_that_somebody_changed_does_not_hold(made: Hospital) -> None:
    content = Path(erase(made.platform, OFFICER, "Patient/p1")["place"]).read_bytes()
    key = made.platform.keys.public_key()
    told = orjson.loads(content)
    told["report"]["totals"]["resources"] += 1

    assert erase_certificate.check_by(orjson.dumps(told), key)["signed"] is False
    assert erase_certificate.check_by(content, bytes(32))["signed"] is False
    with pytest.raises(FormatError):
        erase_certificate.check_by(b'{"report": {}}', key)
    with pytest.raises(IntegrityError):
        check_certificate(made.platform, OFFICER, orjson.dumps(told))


def test_the_search_by_marks_finds_what_somebody_left_behind_and_nothing_else(made: Hospital) -> None:
    certificate = Path(erase(made.platform, OFFICER, "Patient/p1")["place"]).read_bytes()
    assert check_certificate(made.platform, OFFICER, certificate)["hits"] == 0

    left = made.folder / "data" / "notes.txt"
    left.write_text("p2: MRN-730015, p1: the number MRN-730014 was hers\n")
    report = check_certificate(made.platform, OFFICER, certificate)
    assert [one["place"] for one in report["found"]] == ["notes.txt"]


def test_the_search_before_an_erasure_finds_the_patient_in_plain_files_alone(made: Hospital) -> None:
    assert check(made.platform, OFFICER, "Patient/p1")["hits"] > 0  # the stored ids are keys of rows
    labels = {one["label"] for one in check(made.platform, OFFICER, "Patient/p1")["found"]}
    assert labels <= {"RECORD_ID", "RESEARCH_ID"}
    (made.folder / "data" / "leak.txt").write_text("mrn-730014")
    found = check(made.platform, OFFICER, "Patient/p1")["found"]
    assert [one["place"] for one in found if one["label"] not in labels] == ["leak.txt"]
    erase(made.platform, OFFICER, "Patient/p1", search=False)
    with pytest.raises(Erased):
        check(made.platform, OFFICER, "Patient/p1")


def test_nobody_without_the_right_erases_or_holds(made: Hospital) -> None:
    with pytest.raises(AccessError):
        erase(made.platform, ENGINEER, "Patient/p1")
    with pytest.raises(AccessError):
        set_rule(made.platform, ENGINEER, RuleAsk("hold", "Patient/p1", reason="a court asks"))


@pytest.mark.parametrize("ask", [
    RuleAsk("hold", "Patient/p1", reason="Court of Lowell, 12/2026"),
    RuleAsk("hold", zone="identified", reason="all of it is evidence"),
    RuleAsk("hold", zone="landing", reason="all of it is evidence"),
    RuleAsk("hold", zone="research", reason="a study is disputed"),
])  # fmt: skip
def test_under_a_legal_hold_nothing_is_erased_until_it_is_released(made: Hospital, ask: RuleAsk) -> None:
    before = answers(made)
    rule = set_rule(made.platform, OFFICER, ask)
    with pytest.raises(Held):
        erase(made.platform, OFFICER, "Patient/p1")
    assert made.last_event()["outcome"] == "failed"
    assert answers(made) == before
    assert list(erase_pending.under_way(made.platform)) == []

    end_rule(made.platform, OFFICER, rule["rule"])
    assert erase(made.platform, OFFICER, "Patient/p1")["removed"]["resources"] == 2
    assert made.stored_id("Patient", "p1") not in str(rules(made.platform, OFFICER, ended=True))


def test_a_hold_on_another_patient_holds_nobody_else(made: Hospital) -> None:
    set_rule(made.platform, OFFICER, RuleAsk("hold", "Patient/p2", reason="a court asks"))
    with pytest.raises(Conflict):
        set_rule(made.platform, OFFICER, RuleAsk("hold", "Patient/p2", reason="again"))
    assert erase(made.platform, OFFICER, "Patient/p1")["removed"]["resources"] == 2


def test_an_erasure_taints_what_learnt_from_the_patient_until_it_is_done_anew(made: Hospital) -> None:
    store = made.platform.store("identified")
    people = {name: store.pseudonym(made.stored_id("Patient", name)) for name in ("p1", "p2")}
    old = register(made.platform, made.operator, TrainingAsk("tagger", "model", "00", people.values()))
    other = register(made.platform, made.operator, TrainingAsk("other", "model", "01", [people["p2"]]))
    report = erase(made.platform, OFFICER, "Patient/p1")

    assert report["removed"]["trainings tainted"] == 1
    (waiting,) = trainings(made.platform, OFFICER, waiting=True)
    assert (waiting["training"], waiting["taints"][0]["cause"]) == (old["training"], "erasure")
    told = orjson.loads(Path(report["place"]).read_bytes())["report"]
    assert [one["name"] for one in told["retraining"]] == ["tagger"]
    with pytest.raises(Conflict):
        register(made.platform, made.operator, TrainingAsk("tagger 2", "model", "02", people.values()))
    retrained(made.platform, made.operator, old["training"], other["training"])
    assert trainings(made.platform, OFFICER, waiting=True) == []


@pytest.mark.parametrize("done", [
    service._identified, service.forget_research, forget_exports, backups.forget, erase_certificate.keep,
])  # fmt: skip
def test_an_erasure_killed_when_a_step_is_done_ends_with_the_same_certificate(
    made: Hospital, done: Callable[..., object]
) -> None:
    killed(erase_apart, made.platform.settings, made.clock, "Patient/p1", at=done, moment="return")  # nobody noted it
    assert len(list(erase_pending.under_way(made.platform))) == 1
    report = erase(made.platform, OFFICER, "Patient/p1")
    assert (report["removed"]["resources"], report["removed"]["source records"], report["hits"]) == (2, 2, 0)
    assert list(erase_pending.under_way(made.platform)) == []
    assert erase(made.platform, OFFICER, "Patient/p1")["certificate"] == report["certificate"]
    assert forget_exports(made.platform) == 0
