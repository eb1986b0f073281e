"""Terminology as a use case: who may, what is audited, and that loaded releases answer before those that ship."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from careloom.errors import AccessError, FormatError, NotFound, QueryError
from careloom.runtime import Runtime
from careloom.services import terminology
from careloom.services.access import Principal, Scope, local_operator
from careloom.services.platform import Platform
from careloom.settings import Data, Settings
from careloom.terminology.systems import ICD_10_CM, SNOMED_CT
from tests.store_kit import START
from tests.unit.store.test_terminology import written
from tests.unit.terminology.releases import RF2

OPERATOR = local_operator("op")
SCIENTIST = Principal("ada", frozenset({"data-scientist"}), frozenset({"research"}))
WARDS = {
    "resourceType": "CodeSystem",
    "url": "http://example.org/wards",
    "version": "1",
    "content": "complete",
    "concept": [{"code": "W", "display": "Ward", "concept": [{"code": "W1", "display": "Ward one"}]}],
}
SET = {
    "resourceType": "ValueSet",
    "url": "http://example.org/set",
    "compose": {"include": [{"system": WARDS["url"], "filter": [{"property": "concept", "op": "is-a", "value": "W"}]}]},
}


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform(Settings(data=Data(directory=tmp_path / "data")), Runtime(clock=lambda: START)) as opened:
        yield opened


def events(platform: Platform) -> list[dict[str, Any]]:
    with platform.store("identified").connect() as connection:
        rows = connection.exec_driver_sql("SELECT body FROM audit ORDER BY seq").fetchall()
    return [orjson.loads(body) for (body,) in rows]


def test_a_loaded_release_answers_before_the_one_that_ships(platform: Platform, tmp_path: Path) -> None:
    before = terminology.lookup(platform, SCIENTIST, "SNOMED", "44054006")
    assert before.concept.name == "type 2 diabetes mellitus"
    (loaded,) = terminology.load(platform, OPERATOR, written(tmp_path / "rf2", RF2), expires=date(2020, 1, 1))
    assert (loaded.release.concepts, loaded.issues) == (5, ())
    after = terminology.lookup(platform, SCIENTIST, "SNOMED", "44054006")
    assert (after.concept.name, after.is_expired) == ("Type 2 diabetes mellitus", True)
    assert terminology.compare(platform, SCIENTIST, "sct", "73211009", "44054006") == "subsumes"
    found = terminology.translations(platform, SCIENTIST, SNOMED_CT, "44054006", "ICD-10-CM")
    assert {each.code: each.equivalence for each, _ in found} == {
        "E11": "equivalent",
        "E11.9": "wider",
        "E11.65": "inexact",
    }
    assert all(concept is not None for _, concept in found)
    known = {(release.system, release.version) for release, _ in terminology.releases(platform, SCIENTIST)}
    assert {(SNOMED_CT, "20260301"), (SNOMED_CT, "starter-2026-11"), (ICD_10_CM, "2026-04")} <= known
    terminology.remove(platform, OPERATOR, "SNOMED", "20260301")
    assert terminology.lookup(platform, SCIENTIST, "SNOMED", "44054006").concept.name == before.concept.name


def test_an_undated_release_answers_before_the_part_that_ships(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "RXNCONSO.RRF").write_text("161|ENG||||||R1|R1|161||RXNORM|IN|161|Our name||N|4096|\n")
    shipped = terminology.lookup(platform, SCIENTIST, "RxNorm", "161").concept
    terminology.load(platform, OPERATOR, tmp_path)
    assert terminology.lookup(platform, SCIENTIST, "RxNorm", "161").concept.name == "Our name" != shipped.name


def test_value_sets_are_loaded_and_expanded(platform: Platform, tmp_path: Path) -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"resource": WARDS}, {"resource": SET}]}
    file = tmp_path / "own.json"
    file.write_bytes(orjson.dumps(bundle))
    assert len(terminology.load(platform, OPERATOR, file)) == 2
    members = terminology.expand(platform, SCIENTIST, "http://example.org/set")
    assert [member.code for member in members] == ["W", "W1"]
    assert [member.code for member in terminology.expand(platform, SCIENTIST, "http://example.org/set", "ONE")] == [
        "W1"
    ]
    first, *_ = terminology.search(platform, SCIENTIST, "ward one", "http://example.org/wards")
    assert first.concept.code == "W1"
    validation = terminology.validate(platform, SCIENTIST, "http://example.org/wards", "W2")
    assert validation.outcome == "invalid"


def test_a_map_that_was_loaded_is_listed_and_can_be_forgotten(platform: Platform, tmp_path: Path) -> None:
    shipped = terminology.releases(platform, SCIENTIST)
    file = tmp_path / "map.json"
    element = {"code": "W", "target": [{"code": "44054006", "equivalence": "equivalent"}]}
    group = {"source": "http://example.org/wards", "target": SNOMED_CT, "element": [element]}
    made = {"resourceType": "ConceptMap", "url": "http://example.org/map", "version": "1", "group": [group]}
    file.write_bytes(orjson.dumps(made))
    terminology.load(platform, OPERATOR, file)
    *before, (last, _) = terminology.releases(platform, SCIENTIST)
    assert before == shipped
    assert (last.system, last.version, last.concepts) == ("http://example.org/map", "1", 0)
    terminology.remove(platform, OPERATOR, last.system, last.version)
    assert terminology.releases(platform, SCIENTIST) == shipped


def test_every_question_is_audited_and_names_no_code(platform: Platform) -> None:
    terminology.lookup(platform, SCIENTIST, "ICD-10-CM", "E11.9")
    terminology.search(platform, SCIENTIST, "diabetes", "ICD-10-CM")
    last = events(platform)[-2:]
    assert [(event["operation"], event["outcome"]) for event in last] == [
        ("terminology-lookup", "success"),
        ("terminology-search", "success"),
    ]
    assert "E11" not in orjson.dumps(last).decode()


def test_who_may_not_operate_loads_nothing(platform: Platform, tmp_path: Path) -> None:
    for act in (
        lambda: terminology.load(platform, SCIENTIST, written(tmp_path / "rf2", RF2)),
        lambda: terminology.remove(platform, SCIENTIST, "SNOMED", "20260301"),
    ):
        with pytest.raises(AccessError):
            act()
        assert events(platform)[-1]["outcome"] == "refused"
    assert not platform.terminologies.store.exists()


def test_a_token_for_other_resources_asks_in_vain(platform: Platform) -> None:
    narrow = Principal("ada", SCIENTIST.roles, SCIENTIST.zones, frozenset({Scope("read", "Patient")}))
    with pytest.raises(AccessError):
        terminology.lookup(platform, narrow, "ICD-10-CM", "E11.9")
    wide = Principal("ada", SCIENTIST.roles, SCIENTIST.zones, frozenset({Scope("read", "CodeSystem")}))
    assert terminology.lookup(platform, wide, "ICD-10-CM", "E11.9").concept.code == "E11.9"


@pytest.mark.parametrize(("text", "limit"), [("", 10), (" ", 10), ("x" * 201, 10), ("x", 0), ("x", 101)])
def test_a_search_has_bounds(platform: Platform, text: str, limit: int) -> None:
    with pytest.raises(QueryError):
        terminology.search(platform, SCIENTIST, text, limit=limit)


def test_names_of_systems_that_nobody_knows_are_refused(platform: Platform) -> None:
    with pytest.raises(NotFound):
        terminology.lookup(platform, SCIENTIST, "no such system", "1")
    with pytest.raises(NotFound):
        terminology.lookup(platform, SCIENTIST, "http://example.org/none", "1")


def test_files_without_a_terminology_are_refused_and_that_is_audited(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"resourceType": "Patient"}')
    with pytest.raises(NotFound):
        terminology.load(platform, OPERATOR, tmp_path / "a.json")
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(FormatError):
        terminology.load(platform, OPERATOR, tmp_path / "a.txt")
    assert [event["outcome"] for event in events(platform)] == ["failed", "failed"]


def test_copies_are_for_operators_and_audited(platform: Platform, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with pytest.raises(NotFound):
        terminology.back_up(platform, OPERATOR, copy)
    terminology.load(platform, OPERATOR, written(tmp_path / "rf2", RF2))
    terminology.back_up(platform, OPERATOR, copy)
    terminology.remove(platform, OPERATOR, "SNOMED", "20260301")
    terminology.restore(platform, OPERATOR, copy)
    assert terminology.check(platform, OPERATOR).releases == terminology.check(platform, OPERATOR, copy).releases
    assert terminology.lookup(platform, SCIENTIST, "SNOMED", "44054006").concept.version == "20260301"
    for forbidden in (terminology.back_up, terminology.restore, terminology.check):
        with pytest.raises(AccessError):
            forbidden(platform, SCIENTIST, copy)
    told = [(event["operation"], event["outcome"]) for event in events(platform)]
    for operation in ("terminology-backup", "terminology-restore", "terminology-check"):
        assert {(operation, "success"), (operation, "refused")} <= set(told)
