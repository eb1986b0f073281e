"""De-identifications over HTTP and by the SDK: queued, watched, listed, cancelled; signed reports; policies."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from careloom.client.careloom import Careloom
from careloom.deid.policy import SHIPPED
from careloom.errors import AccessError, Conflict, IntegrityError, NotFound, StateError
from careloom.services.deidentify import deidentify
from careloom.services.deidentify_report import check_signature, folder, keep_report
from careloom.services.jobs import restart_job, work
from careloom.store.lake import Lake
from tests.api.kit import OBSERVATION, PATIENT, Installation
from tests.api.test_sdk import client_of

Json = dict[str, Any]
ROUTE = "/api/v1/deidentifications"
HOME = {"line": ["1 Elm St"], "city": "Cambridge", "state": "MA", "postalCode": "02139"}
SAID = f"{PATIENT['name'][0]['family']} was seen. Lungs clear, no pain. " + "Blood pressure as at the last visit. " * 2
TEXT = {
    "resourceType": "DocumentReference", "id": "n1", "status": "current", "subject": {"reference": "Patient/p1"},
    "content": [{"attachment": {"contentType": "text/plain", "data": b64encode(SAID.encode()).decode()}}],
}  # fmt: skip
NOTE = {"resourceType": "Communication", "id": "c1", "status": "completed", "subject": {"reference": "Patient/p1"}}
FEED = [PATIENT | {"address": [HOME], "telecom": [{"system": "phone", "value": "617-555-0100"}]}, OBSERVATION, NOTE]
WORDS = ("Quillfeather", "Elm St", "Cambridge", "617-555-0100", "1961-04-05")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path) as made:
        made.ingest(FEED)
        yield made


@pytest.fixture
def api(made: Installation) -> Iterator[Careloom]:
    with client_of(made) as api:
        yield api


def done(made: Installation, api: Careloom, policy: str = "") -> str:
    """The id of a run that a worker has done."""
    queued = api.deidentifications.start(policy)
    assert work(made.platform, once=True) == 1
    return queued.id


def file_of(made: Installation, run_id: str) -> Path:
    return folder(made.platform) / f"{run_id}.json"


def test_a_run_is_queued_watched_and_told_when_it_is_done(made: Installation, api: Careloom) -> None:
    queued = api.deidentifications.start("safe-harbor")
    assert (queued.state, queued.policy, queued.read, queued.signed) == ("waiting", "safe-harbor", 0, None)
    assert api.deidentifications.get(queued.id).report is None
    with pytest.raises(StateError):
        api.deidentifications.wait(queued.id, timeout=0.0)
    with pytest.raises(NotFound):
        api.deidentifications.report(queued.id)
    assert work(made.platform, once=True) == 1
    told = api.deidentifications.wait(queued.id)
    assert (told.policy, told.read, told.kept, told.held_back, told.gone) == ("safe-harbor", 3, 2, 1, 0)
    assert (told.signed, told.progress.done, told.progress.total) == (True, 3, 3)
    assert told.report is not None
    assert (told.report.project, told.report.epoch) == ("research", 1)
    taken = {one.letter: one.count for one in told.report.identifiers}
    assert (taken["A"], taken["D"], taken["G"]) == (1, 1, 0)
    assert [*taken] == [*"ABCDEFGHIJKLMNOPQR", "text"]
    assert {one.type: one.held_back for one in told.report.types} == {
        "Communication": 1,
        "Observation": 0,
        "Patient": 0,
    }
    assert {one.code for one in told.report.findings} == {"deid.free-text-not-yet"}
    assert all(one.message and one.remedy for one in told.report.findings)
    assert told.report.risk is not None
    assert told.report.risk.patients == 1
    assert told.report.recall is None
    assert made.platform.store("research").count() == {"Observation": 1, "Patient": 1}
    mine = [event for event in made.events("research") if event["operation"] == "deidentify"]
    assert {event["actor"] for event in mine} == {queued.actor}


def test_where_texts_pass_the_report_tells_the_measured_recall(made: Installation, api: Careloom) -> None:
    made.ingest([TEXT])
    run_id = done(made, api, "safe-harbor")
    told = api.deidentifications.get(run_id).report
    assert told is not None
    assert told.recall is not None
    assert (told.recall.notes, told.recall.confidence) == (1, 0.95)
    assert told.recall.planted == sum(one.planted for one in told.recall.by_label) > 3
    assert told.recall.found == sum(one.found for one in told.recall.by_label)
    for one in (told.recall, *told.recall.by_label):
        assert one.recall == one.found / one.planted
        assert 0 <= one.low <= one.recall <= one.high <= 1
    assert json.loads(api.deidentifications.report(run_id))["report"]["recall"]["found"] == told.recall.found


def test_a_report_of_before_recall_was_measured_is_still_told(made: Installation, api: Careloom) -> None:
    run_id = done(made, api)
    report = json.loads(file_of(made, run_id).read_bytes())["report"]
    del report["recall"]
    keep_report(made.platform, report)
    told = api.deidentifications.get(run_id)
    assert told.signed
    assert told.report is not None
    assert told.report.recall is None


def test_without_a_name_the_policy_of_the_settings_holds(tmp_path: Path) -> None:
    with Installation(tmp_path, deidentify={"policy": "limited-data-set"}) as made, client_of(made) as api:
        made.ingest(FEED)
        assert api.deidentifications.wait(done(made, api)).policy == "limited-data-set"
        assert {one.name: one.default for one in api.deidentifications.policies()}["limited-data-set"]


def test_the_signed_report_is_handed_over_as_it_was_signed(made: Installation, api: Careloom) -> None:
    run_id = done(made, api)
    raw = api.deidentifications.report(run_id)
    assert check_signature(made.platform, made.operator, raw)["signed"]
    answer = made.client.get(f"{ROUTE}/{run_id}/report?format=html", headers=made.bearer())
    assert answer.content_type == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert f'filename="deidentification-{run_id}.html"' in answer.headers["Content-Disposition"]
    for page in (answer.data, api.deidentifications.report(run_id, "html")):
        assert b"Identifiers taken out" in page
        assert b"Pseudonyms of the project research, epoch 1." in page
        assert b"http" not in page
    assert made.client.get(f"{ROUTE}/{run_id}/report?format=pdf", headers=made.bearer()).status_code == 400


@pytest.mark.parametrize("change", [b"[1]", b'{"report": [], "signature": {}}', b"", None], ids=str)
def test_a_report_that_somebody_changed_is_not_believed(
    made: Installation, api: Careloom, change: bytes | None
) -> None:
    run_id = done(made, api)
    honest = file_of(made, run_id).read_bytes()
    changed = honest.replace(b'"kept": 1', b'"kept": 9') if change is None else change
    file_of(made, run_id).write_bytes(changed)
    told = api.deidentifications.get(run_id)
    assert (told.state, told.signed, told.report) == ("done", False, None)
    assert [one.signed for one in api.deidentifications.all()] == [False]
    assert api.deidentifications.report(run_id) == changed
    with pytest.raises(IntegrityError):
        api.deidentifications.report(run_id, "html")


def test_the_report_of_one_run_is_not_taken_for_another(made: Installation, api: Careloom) -> None:
    first, second = done(made, api), done(made, api, "safe-harbor")
    file_of(made, second).write_bytes(file_of(made, first).read_bytes())
    assert api.deidentifications.get(second).signed is False
    assert api.deidentifications.get(first).signed is True


def test_runs_of_every_face_are_listed_newest_first_by_page(made: Installation, api: Careloom) -> None:
    deidentify(made.platform, made.operator, "safe-harbor")
    done(made, api)
    api.deidentifications.start("limited-data-set")
    every = list(api.deidentifications.all())
    assert sorted((one.id for one in every), reverse=True) == [one.id for one in every]
    found = {(one.policy, one.state, one.actor == "tester") for one in every}
    assert found == {("safe-harbor", "done", True), ("first", "done", False), ("limited-data-set", "waiting", False)}
    page = api.deidentifications.list(limit=2)
    assert page.next
    assert [*page.items, *api.deidentifications.list(cursor=page.next).items] == every


def test_a_report_of_the_command_line_that_was_changed_tells_nothing_but_that(
    made: Installation, api: Careloom
) -> None:
    run_id = deidentify(made.platform, made.operator).run_id
    file_of(made, run_id).write_bytes(b"{}")
    told = api.deidentifications.get(run_id)
    assert (told.id, told.actor, told.started, told.read, told.signed) == (run_id, "", None, 0, False)


def test_one_that_waits_is_cancelled_and_one_that_has_ended_is_not(made: Installation, api: Careloom) -> None:
    queued = api.deidentifications.start()
    assert api.deidentifications.cancel(queued.id).state == "cancelled"
    work(made.platform, once=True)
    with pytest.raises(StateError):
        api.deidentifications.wait(queued.id)
    run_id = deidentify(made.platform, made.operator).run_id
    for name in (queued.id, run_id):
        with pytest.raises(Conflict):
            api.deidentifications.cancel(name)
    for call in (api.deidentifications.get, api.deidentifications.cancel, api.deidentifications.report):
        with pytest.raises(NotFound):
            call("20261122T010203Z-abc234")


def test_only_its_asker_and_an_operator_cancel_it(made: Installation, api: Careloom) -> None:
    queued = api.deidentifications.start()
    headers = made.bearer(["data-engineer"], ["identified", "research"], "careloom/deidentify")
    assert made.client.post(f"{ROUTE}/{queued.id}/cancel", headers=headers).status_code == 403
    assert api.deidentifications.get(queued.id).state == "waiting"


READERS = ("data-engineer", "privacy-officer", "data-scientist", "administrator")


@pytest.mark.parametrize("role", READERS)
def test_whoever_monitors_the_research_zone_reads_reports_and_policies(made: Installation, role: str) -> None:
    run_id = deidentify(made.platform, made.operator).run_id
    with client_of(made, roles=[role], zones=["research"]) as reader:
        assert reader.deidentifications.get(run_id).signed is True
        assert reader.deidentifications.report(run_id)
        assert len(reader.deidentifications.policies()) == len(SHIPPED)
        with pytest.raises(AccessError):
            reader.deidentifications.start()


@pytest.mark.parametrize(("role", "zones"), [("clinician", ["identified"]), ("data-engineer", ["identified"])])
def test_who_was_not_granted_the_research_zone_sees_and_starts_none(
    made: Installation, role: str, zones: list[str]
) -> None:
    with client_of(made, roles=[role], zones=zones) as stranger:
        for call in (
            stranger.deidentifications.list,
            stranger.deidentifications.start,
            stranger.deidentifications.policies,
        ):
            with pytest.raises(AccessError):
                call()


class KilledError(BaseException):
    """As if the process ended here."""


RUN = "20261122T010203Z-abc234"


def ended(made: Installation) -> Json:
    """What the research zone and the report hold; names and days are of this installation's own keys."""
    lake = Lake(made.folder / "data" / "research" / "lake")
    store = made.platform.store("research")
    report = json.loads(file_of(made, RUN).read_bytes())["report"]
    return {
        "rows": {state.path: state.rows for state in lake.tables()},
        "stored": sorted((one.type, one.version) for one in store.scan()),
        **{name: report[name] for name in ("types", "tables", "removed", "issues", "gone")},
    }


@pytest.mark.parametrize("stop", range(3))
def test_wherever_it_is_killed_it_ends_as_if_nothing_had_happened(tmp_path: Path, stop: int) -> None:
    """A transaction holds two resources here; the process ends when the run tells for the `stop`-th time."""
    told: list[int] = []

    def listen(read: int, _total: int, _so_far: Json) -> None:
        told.append(read)
        if len(told) > stop:
            raise KilledError

    def run(made: Installation, **more: Any) -> None:
        deidentify(made.platform, made.operator, "first", run_id=RUN, **more)

    small: Json = {"ingest": {"batch_records": 2}}
    with Installation(tmp_path / "calm", **small) as calm, Installation(tmp_path / "killed", **small) as killed:
        for each in (calm, killed):
            each.ingest(FEED)
        run(calm)
        with pytest.raises(KilledError):
            run(killed, watch=listen)
        assert told == [0, 2, 3][: stop + 1]
        run(killed)
        assert ended(killed) == ended(calm)


def test_a_run_that_was_cancelled_is_restarted_from_what_it_was_asked(made: Installation, api: Careloom) -> None:
    queued = api.deidentifications.start("safe-harbor")
    api.deidentifications.cancel(queued.id)
    restart_job(made.platform, made.operator, queued.id)
    work(made.platform, once=True)
    assert api.deidentifications.wait(queued.id).policy == "safe-harbor"


def test_nothing_that_is_told_or_kept_names_anybody(made: Installation, api: Careloom) -> None:
    run_id = done(made, api, "safe-harbor")
    headers = made.bearer()
    told = [made.client.get(ROUTE + path, headers=headers).data for path in ("", f"/{run_id}", f"/{run_id}/report")]
    told.append(made.client.get(f"{ROUTE}/{run_id}/report?format=html", headers=headers).data)
    told += [file.read_bytes() for file in folder(made.platform).iterdir()]
    ids = (made.stored_id("Patient", "p1"), *(one.id for one in made.platform.store("research").scan()))
    for word in (*WORDS, *ids):
        assert not any(word.encode() in one for one in told)


def test_each_policy_is_told_with_every_entry_and_its_reason(made: Installation, api: Careloom) -> None:
    found = {one.name: one for one in api.deidentifications.policies()}
    assert {name: (one.dates, one.texts) for name, one in found.items()} == {
        "first": ("shift", False), "safe-harbor": ("year", True), "limited-data-set": ("keep", False),
        "expert": ("shift", True), "gdpr-pseudonymisation": ("shift", True),
    }  # fmt: skip
    assert found["safe-harbor"].addresses == ("postalCode as zip3", "state as us-state")
    assert [one.name for one in found.values() if one.default] == ["first"]
    for name in SHIPPED:
        told = api.deidentifications.policy(name)
        assert told.digest == found[name].digest
        assert all(one.because for one in told.entries)
    address = [one for one in api.deidentifications.policy("safe-harbor").entries if one.structure == "Address"]
    assert {one.origin for one in address} == {"safe-harbor"}
    with pytest.raises(NotFound):
        api.deidentifications.policy("none")


BAD: list[Any] = [{"policy": "none"}, {"policy": None}, {"policies": "first"}, {"policy": "first\n"}, [], "first"]


@pytest.mark.parametrize("body", BAD, ids=str)
def test_a_body_that_breaks_the_schema_is_refused(made: Installation, body: Any) -> None:
    answer = made.client.post(ROUTE, headers=made.bearer(), json=body)
    assert (answer.status_code, answer.json["code"].startswith("input")) == (400, True)


def test_what_holds_for_the_asker_holds_for_the_worker(made: Installation) -> None:
    """The run's events are those of who asked, with the request that asked."""
    headers = made.bearer(["data-engineer"], ["identified", "research"], name="dana")
    answer = made.client.post(ROUTE, headers=headers, json={"policy": "first"})
    assert answer.headers["Location"].endswith(f"{ROUTE}/{answer.json['id']}")
    work(made.platform, once=True)
    (event, *_) = [one for one in made.events("research") if one["operation"] == "deidentify"]
    assert (event["actor"], event["detail"]["request"]) == ("dana", answer.headers["X-Request-Id"])
