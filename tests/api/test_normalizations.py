"""Normalizations over HTTP and by the SDK: rehearsed, applied, listed, cancelled, taken up after a kill."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from careloom.client.careloom import Careloom
from careloom.client.normalization_reports import NormalizationDetail
from careloom.errors import AccessError, Conflict, NotFound, StateError
from careloom.services.erase import erase
from careloom.services.jobs import restart_job, work
from careloom.services.normalize import NormalizeAsk, kept_runs, normalize
from careloom.services.operate import check
from tests.api.kit import OBSERVATION, PATIENT, Installation
from tests.api.test_sdk import client_of

Json = dict[str, Any]
ROUTE = "/api/v1/normalizations"
HOME = PATIENT | {"address": [{"line": ["1 Elm St"], "state": "Massachusetts", "postalCode": "02139"}]}


def glucose(name: str, unit: str, patient: str = "p1") -> Json:
    return OBSERVATION | {
        "id": name,
        "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "valueQuantity": {"value": 99, "unit": unit},
    }


FEED = [HOME, glucose("g1", "mg/dl"), glucose("g2", "mg/dl"), glucose("g3", "furlongs")]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path) as made:
        made.ingest(FEED)
        yield made


@pytest.fixture
def api(made: Installation) -> Iterator[Careloom]:
    with client_of(made) as api:
        yield api


def counted(run: NormalizationDetail) -> dict[str, int]:
    return {one.code.removeprefix("normalize."): one.count for one in (*run.changes, *run.warnings)}


def content(made: Installation) -> str:
    found: str = check(made.platform, made.operator, "identified")["content_hash"]
    return found


def test_a_rehearsal_is_queued_tells_what_would_change_and_changes_nothing(made: Installation, api: Careloom) -> None:
    before = content(made)
    queued = api.normalizations.rehearse()
    assert (queued.state, queued.rehearsal, queued.read) == ("waiting", True, 0)
    with pytest.raises(StateError):
        api.normalizations.wait(queued.id, timeout=0.0)
    assert work(made.platform, once=True) == 1
    told = api.normalizations.wait(queued.id)
    assert (told.rehearsal, told.read, told.changed, told.refused, told.left) == (True, 4, 3, 0, 1)
    assert (told.progress.done, told.progress.total) == (4, 4)
    assert counted(told) == {"unit-coded": 2, "state-code": 1, "unit-unknown": 1}
    (coded,) = [one for one in told.changes if one.code == "normalize.unit-coded"]
    assert coded.message == "the unit got its UCUM code"
    assert {one.place for one in coded.examples} == {"Observation.valueQuantity"}
    assert {one.patient for one in coded.examples} == {f"Patient/{made.stored_id('Patient', 'p1')}"}
    assert told.warnings[0].remedy
    assert content(made) == before


def test_what_is_applied_is_told_and_a_second_time_nothing_is_left_to_do(made: Installation, api: Careloom) -> None:
    first = api.normalizations.apply()
    second = api.normalizations.apply()
    assert work(made.platform, once=True) == 2
    told = api.normalizations.wait(first.id)
    assert (told.rehearsal, told.changed, told.left) == (False, 3, 1)
    assert api.normalizations.wait(second.id).changed == 0
    stored = api.fhir("identified").read("Patient", made.stored_id("Patient", "p1"))
    assert stored["address"][0]["state"] == "MA"
    mine = [event for event in made.events() if event["operation"] == "normalize" and event["actor"] == first.actor]
    assert {event["outcome"] for event in mine} == {"success"}
    assert {event["detail"]["request"] for event in mine} != {""}


def test_runs_of_every_face_are_listed_newest_first_by_page(made: Installation, api: Careloom) -> None:
    normalize(made.platform, made.operator, NormalizeAsk(is_rehearsal=True))
    api.normalizations.apply()
    api.normalizations.rehearse()
    work(made.platform, once=True)
    every = list(api.normalizations.all())
    assert sorted((one.id for one in every), reverse=True) == [one.id for one in every]
    assert {(one.rehearsal, one.actor == "tester") for one in every} == {(True, True), (False, False), (True, False)}
    page = api.normalizations.list(limit=2)
    assert page.next
    assert [*page.items, *api.normalizations.list(cursor=page.next).items] == every


def test_one_that_waits_is_cancelled_and_one_that_has_ended_is_not(made: Installation, api: Careloom) -> None:
    queued = api.normalizations.apply()
    assert api.normalizations.cancel(queued.id).state == "cancelled"
    work(made.platform, once=True)
    with pytest.raises(StateError):
        api.normalizations.wait(queued.id)
    assert api.normalizations.get(queued.id).read == 0
    run = normalize(made.platform, made.operator, NormalizeAsk(is_rehearsal=True))["run_id"]
    for name in (queued.id, run):
        with pytest.raises(Conflict):
            api.normalizations.cancel(name)
    for call in (api.normalizations.get, api.normalizations.cancel):
        with pytest.raises(NotFound):
            call("20261122T010203Z-abc234")


def test_only_its_asker_and_an_operator_cancel_it(made: Installation, api: Careloom) -> None:
    queued = api.normalizations.apply()
    headers = made.bearer(["data-engineer"], ["identified"], "careloom/ingest")
    assert made.client.post(f"{ROUTE}/{queued.id}/cancel", headers=headers).status_code == 403
    assert api.normalizations.get(queued.id).state == "waiting"


class KilledError(BaseException):
    """As if the process ended here."""


MANY = [*FEED, *(glucose(f"h{number}", "mg/dl" if number % 3 else "cubits") for number in range(6))]
RUN = "20261122T010203Z-abc234"


def ended(made: Installation, told: Json) -> tuple[Json, list[tuple[str, int]]]:
    """What a run told in the end, and the versions that are there."""
    stored = made.platform.store("identified").scan(["Observation", "Patient"])
    counts = {name: told[name] for name in ("changed", "changes", "warnings")}
    return counts, sorted((one.type, one.version) for one in stored)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Installation(tmp_path_factory.mktemp("calm"), ingest={"batch_records": 2}) as made:
        made.ingest(MANY)
        return ended(made, normalize(made.platform, made.operator, NormalizeAsk(run_id=RUN)))


@pytest.mark.parametrize("is_committed", [False, True], ids=["amid a word", "after a word"])
@pytest.mark.parametrize("stop", range(9))
def test_wherever_it_is_killed_it_ends_as_if_nothing_had_happened(
    tmp_path: Path, calm: Any, stop: int, *, is_committed: bool
) -> None:
    """`stop` words of the run are kept, and it ends before or after the next one is."""
    kept: list[Json] = []

    def listen(_done: int, _total: int, stands: Json) -> None:
        if len(kept) == stop and not is_committed:
            raise KilledError
        kept.append(copy.deepcopy(stands))
        if len(kept) > stop:
            raise KilledError

    with Installation(tmp_path, ingest={"batch_records": 2}) as made:
        made.ingest(MANY)
        with pytest.raises(KilledError):
            normalize(made.platform, made.operator, NormalizeAsk(run_id=RUN), listen)
        again = NormalizeAsk(run_id=RUN, stands=kept[-1] if kept else None)
        assert ended(made, normalize(made.platform, made.operator, again)) == calm


def test_a_run_that_failed_is_restarted_from_what_it_was_asked(tmp_path: Path) -> None:
    policy = tmp_path / "ours.toml"
    policy.write_text("[units]\nto_ucum = true\n")
    with Installation(tmp_path, normalize={"policy": policy}) as made, client_of(made) as api:
        made.ingest(FEED)
        queued = api.normalizations.apply()
        policy.unlink()
        work(made.platform, once=True)
        failed = api.normalizations.get(queued.id)
        assert (failed.state, failed.error, failed.read) == ("failed", "input.not-found", 0)
        policy.write_text("[units]\nto_ucum = true\n")
        restart_job(made.platform, made.operator, queued.id)
        work(made.platform, once=True)
        told = api.normalizations.wait(queued.id)
        assert (told.rehearsal, told.changed, counted(told)) == (False, 2, {"unit-coded": 2, "unit-unknown": 1})


def test_nothing_that_is_told_or_kept_names_anybody(made: Installation, api: Careloom) -> None:
    run = api.normalizations.apply()
    work(made.platform, once=True)
    told = made.client.get(f"{ROUTE}/{run.id}", headers=made.bearer()).text
    kept = b"".join(file.read_bytes() for file in (made.folder / "data" / "normalizations").iterdir())
    for word in ("Quillfeather", "Elm St", "02139", "furlongs", "Massachusetts"):
        assert word not in told
        assert word.encode() not in kept
    assert made.stored_id("Patient", "p1").encode() not in kept


def test_what_is_erased_since_stands_in_no_example(made: Installation, api: Careloom) -> None:
    run = api.normalizations.rehearse()
    work(made.platform, once=True)
    erase(made.platform, made.operator, f"Patient/{made.stored_id('Patient', 'p1')}")
    told = api.normalizations.get(run.id)
    assert told.changed == 3
    assert [one.examples for one in (*told.changes, *told.warnings)] == [(), (), ()]


def test_the_policy_of_the_settings_decides_and_one_that_is_not_usable_is_told(tmp_path: Path) -> None:
    policy = tmp_path / "ours.toml"
    policy.write_text("[units]\nto_ucum = true\n")
    with Installation(tmp_path, normalize={"policy": policy}) as made, client_of(made) as api:
        made.ingest(FEED)
        run = api.normalizations.rehearse()
        work(made.platform, once=True)
        assert counted(api.normalizations.wait(run.id)) == {"unit-coded": 2, "unit-unknown": 1}
        policy.write_text("[unit]\n")
        answer = made.client.post(ROUTE, headers=made.bearer(), json={"rehearsal": True})
        assert (answer.status_code, answer.json["code"]) == (503, "setup")
        assert kept_runs(made.platform).ids() == [run.id]


def test_who_may_not_ingest_sees_and_starts_none(made: Installation) -> None:
    with client_of(made, roles=["data-steward"], zones=["identified"]) as steward:
        for call in (steward.normalizations.list, steward.normalizations.apply):
            with pytest.raises(AccessError):
                call()


BAD: list[Any] = [{"rehearsal": "yes"}, {"rehearsal": None}, {"rehearse": True}, [], "true"]


@pytest.mark.parametrize("body", BAD, ids=str)
def test_a_body_that_breaks_the_schema_is_refused(made: Installation, body: Any) -> None:
    answer = made.client.post(ROUTE, headers=made.bearer(), json=body)
    assert (answer.status_code, answer.json["code"].startswith("input")) == (400, True)
