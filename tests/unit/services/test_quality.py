"""A look at the data: the report, its runs, what broke a rule, and who may see it."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from careloom.errors import AccessError, InputError, NotFound, QueryError
from careloom.runtime import Runtime
from careloom.services import terminology
from careloom.services.access import Principal
from careloom.services.deidentify import deidentify
from careloom.services.erase import erase
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.quality import QualityAsk, RowsAsk, broken_rows, list_looks, list_rules, quality, show_look
from tests.api.kit import OBSERVATION, PATIENT, Clock, Installation

FUTURE = [{**OBSERVATION, "id": f"f{number}", "effectiveDateTime": f"2031-01-{number + 1:02}"} for number in range(7)]
ERASED = {**OBSERVATION, "id": "f9", "effectiveDateTime": "2031-02-01", "subject": {"reference": "Patient/p2"}}


CLOCK = Clock()


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    CLOCK.now = Clock().now
    with Installation(tmp_path, Runtime(clock=CLOCK), quality={"keep_runs": 2}) as made:
        made.ingest([PATIENT, {**PATIENT, "id": "p2", "birthDate": "1970-01-01"}, OBSERVATION, *FUTURE, ERASED])
        yield made


def rule(report: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in report["rules"] if one["id"] == name)
    return found


def test_a_report_names_resources_and_is_kept_without_them(installation: Installation) -> None:
    report = quality(installation.platform, installation.operator, QualityAsk())
    found = rule(report, "not-in-the-future")
    assert (found["status"], found["failed"], len(found["examples"])) == ("fail", 8, 5)
    assert set(found["examples"]) <= {
        f"Observation/{installation.stored_id('Observation', f'f{n}')}" for n in range(10)
    }
    assert report["resources"] == 11
    assert report["sources"][0]["source"] == "default"
    kept = b"".join(file.read_bytes() for file in (installation.platform.settings.data.directory / "quality").iterdir())
    for name in ("Quillfeather", "1961-04-05", installation.stored_id("Observation", "f1")):
        assert name.encode() not in kept
    event = installation.events()[-1]
    assert (event["operation"], event["outcome"], event["detail"]["resources"]) == ("quality", "success", 11)


def test_codes_are_held_against_the_code_systems_that_were_loaded(installation: Installation, tmp_path: Path) -> None:
    def look() -> tuple[int, int]:
        found = rule(quality(installation.platform, installation.operator, QualityAsk()), "codes-listed")
        return found["total"], found["failed"]

    def load(version: str, *codes: str) -> None:
        system = {"resourceType": "CodeSystem", "url": "urn:our:tests", "version": version, "date": version}
        concepts = [{"code": code, "display": "Test"} for code in codes]
        file = tmp_path / f"{version}.json"
        file.write_bytes(orjson.dumps({**system, "content": "complete", "concept": concepts}))
        terminology.load(installation.platform, installation.operator, file)

    codes = ("A", "A", "B")
    ours = [{"coding": [{"system": "urn:our:tests", "code": code}]} for code in codes]
    installation.ingest([{**OBSERVATION, "id": f"o{number}", "code": code} for number, code in enumerate(ours)])
    before = look()
    load("2025-01-01", "A")
    assert look() == (before[0] + 3, before[1] + 1)
    load("2026-01-01", "B")
    assert look() == (before[0] + 3, before[1] + 2)


def test_what_broke_a_rule_is_told_in_pages_with_its_records(installation: Installation) -> None:
    quality(installation.platform, installation.operator, QualityAsk())
    items, cursor = [], ""
    while True:
        ask = RowsAsk("not-in-the-future", limit=3, cursor=cursor)
        page = broken_rows(installation.platform, installation.operator, ask)
        items += page["items"]
        if page["next"] is None:
            break
        cursor = page["next"]
    assert len(items) == len({one["resource"] for one in items}) == 8
    assert {one["path"] for one in items} == {"effectiveDateTime"}
    store = installation.platform.store("identified")
    assert all(b"2031" in store.raw_record(one["record"]).raw for one in items)
    none = broken_rows(installation.platform, installation.operator, RowsAsk("not-in-the-future", source="other"))
    assert none["items"] == []


def test_what_was_erased_since_is_told_no_more(installation: Installation) -> None:
    quality(installation.platform, installation.operator, QualityAsk())
    erase(installation.platform, installation.operator, f"Patient/{installation.stored_id('Patient', 'p2')}")
    page = broken_rows(installation.platform, installation.operator, RowsAsk("not-in-the-future", limit=100))
    assert len(page["items"]) == 7
    assert page["rule"]["failed"] == 8
    shown = show_look(installation.platform, installation.operator)
    assert len(rule(shown, "not-in-the-future")["examples"]) >= 4


def test_looks_are_listed_newest_first_and_the_oldest_go(installation: Installation) -> None:
    for number in range(3):
        CLOCK.move(seconds=1 + number)
        quality(installation.platform, installation.operator, QualityAsk())
    looks = list_looks(installation.platform, installation.operator)
    assert len(looks) == 2
    assert looks[0]["run_id"] > looks[1]["run_id"]
    assert "not-in-the-future" in looks[0]["failed_rules"]
    assert show_look(installation.platform, installation.operator)["run_id"] == looks[0]["run_id"]
    folder = installation.platform.settings.data.directory / "quality"
    assert len(list(folder.iterdir())) == 6


def test_the_same_data_gives_the_same_report(installation: Installation) -> None:
    first, second = (quality(installation.platform, installation.operator, QualityAsk()) for _ in range(2))
    for report in (first, second):
        del report["run_id"]
    assert orjson.dumps(first) == orjson.dumps(second)


def test_only_one_source_or_what_came_lately_is_looked_at(installation: Installation, tmp_path: Path) -> None:
    CLOCK.move(days=3)
    feed = tmp_path / "second.json"
    feed.write_bytes(orjson.dumps({**PATIENT, "id": "q1"}))
    ingest(installation.platform, installation.operator, IngestAsk((feed,), source="second"))
    report = quality(installation.platform, installation.operator, QualityAsk(source="second"))
    assert (report["resources"], [one["source"] for one in report["sources"]]) == (1, ["second"])
    since = quality(installation.platform, installation.operator, QualityAsk(since="2026-11-24"))
    assert since["resources"] == 1
    for ask in (QualityAsk(source="third"), QualityAsk(zone="nowhere"), QualityAsk(since="yesterday")):
        with pytest.raises(QueryError):
            quality(installation.platform, installation.operator, ask)


def test_the_research_zone_is_looked_at_too(installation: Installation) -> None:
    with pytest.raises(NotFound):
        quality(installation.platform, installation.operator, QualityAsk(zone="research"))
    deidentify(installation.platform, installation.operator)
    report = quality(installation.platform, installation.operator, QualityAsk(zone="research"))
    assert report["resources"] == 11
    assert [one["zone"] for one in list_looks(installation.platform, installation.operator)] == ["research"]


def test_own_rules_and_thresholds_hold(installation: Installation, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('off = ["text-intact"]\n[thresholds]\nnot-in-the-future = 90\n')
    report = quality(installation.platform, installation.operator, QualityAsk(rules=own))
    assert rule(report, "not-in-the-future")["status"] == "pass"
    assert report["own_rules"]
    assert "text-intact" not in {one["id"] for one in report["rules"]}
    own.write_text("off = 3")
    with pytest.raises(InputError):
        quality(installation.platform, installation.operator, QualityAsk(rules=own))
    assert len(list_rules(installation.platform, installation.operator)) >= 60


def test_who_may_not_is_refused_and_the_refusal_is_audited(installation: Installation) -> None:
    quality(installation.platform, installation.operator, QualityAsk())
    clinician = Principal("eve", frozenset({"clinician"}), frozenset({"identified"}))
    scientist = Principal("sam", frozenset({"data-scientist"}), frozenset({"research"}))
    run_id = list_looks(installation.platform, installation.operator)[0]["run_id"]
    for who in (clinician, scientist):
        for act in (
            lambda who: quality(installation.platform, who, QualityAsk()),
            lambda who: show_look(installation.platform, who, run_id),
            lambda who: broken_rows(installation.platform, who, RowsAsk("text-intact")),
        ):
            with pytest.raises(AccessError):
                act(who)
            event = installation.events()[-1]
            assert (event["actor"], event["outcome"]) == (who.name, "refused")
    assert list_looks(installation.platform, scientist) == []
    with pytest.raises(AccessError):
        list_looks(installation.platform, clinician)


def test_what_is_not_there_is_not_found(installation: Installation) -> None:
    who = installation.operator
    with pytest.raises(NotFound):
        show_look(installation.platform, who)
    report = quality(installation.platform, who, QualityAsk())
    for run_id in ("20261122T100000Z-zzzzzz", "../../etc/passwd", "x"):
        with pytest.raises(NotFound):
            show_look(installation.platform, who, run_id)
    with pytest.raises(NotFound):
        broken_rows(installation.platform, who, RowsAsk("nothing", run_id=report["run_id"]))
    with pytest.raises(QueryError):
        broken_rows(installation.platform, who, RowsAsk("text-intact", cursor="-1"))


def test_progress_is_told(installation: Installation) -> None:
    told: list[tuple[int, int]] = []
    quality(installation.platform, installation.operator, QualityAsk(), lambda done, total: told.append((done, total)))
    assert told == [(11, 11)]


def test_an_input_is_not_changed(installation: Installation) -> None:
    before = copy.deepcopy([stored.content for stored in installation.platform.store("identified").scan()])
    quality(installation.platform, installation.operator, QualityAsk())
    assert [stored.content for stored in installation.platform.store("identified").scan()] == before


def adt(control: str, made: str, patient: str) -> bytes:
    segments = (
        f"MSH|^~\\&|ADT|HOSP|||{made}||ADT^A08^ADT_A01|{control}|P|2.5.1",
        f"EVN|A08|{made}",
        f"PID|1||{patient}^^^HOSP^MR||Quillfeather^Oda||19610405|F",
        f"PV1|1|I|W1^1^1|||||||||||||||||V{control}^^^HOSP^VN|||||||||||||||||||||||||{made}",
    )
    return "\r".join(segments).encode() + b"\r"


def test_old_news_behind_new_of_the_same_patient_is_told(installation: Installation) -> None:
    feed = [adt("1", "20260102100000", "m1"), adt("2", "20260101100000", "m1"), adt("3", "20260101090000", "m2")]
    installation.ingest(b"".join(feed))
    installation.ingest(adt("4", "20251231100000", "m1"))  # a file of its own: nothing is said across files
    quality(installation.platform, installation.operator, QualityAsk())
    rows = broken_rows(installation.platform, installation.operator, RowsAsk("messages-in-order", limit=100))
    store = installation.platform.store("identified")
    records = {store.raw_record(one["record"]).raw for one in rows["items"]}
    assert records == {feed[1]} or records == {feed[1].removesuffix(b"\r")}
