"""Views by columns: the rows, refusals and unread lines of the function, whatever the lines are."""

from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careloom.fhir.views import View, compile_view
from careloom.fhir.views_expressions import expressions
from careloom.services.view import ViewAsk, definition_of, ready_views, view_files
from careloom.services.view_ndjson import LARGE_BYTES
from tests.unit.fhir.test_views import PATIENT, RESOURCES, column
from tests.view_kit import by_columns, by_function, same

PATHS = """
id active gender birthDate deceased.ofType(boolean) multipleBirth.ofType(integer) name.first().family name.given.first()
name[1].given[0] name[1].family name.use.first() name.family.first() name.where(use='a').family birthDate.first()
name.where(use='a'or'b'=family).given.first() name.exists() name.exists(use='a') contact.name.exists() contact.empty()
contact.where(gender='a').name.family.first() contact.where(name.exists()).gender.first() getResourceKey() photo.size
managingOrganization.getReferenceKey(Organization) managingOrganization.getReferenceKey() maritalStatus.text
generalPractitioner.first().getReferenceKey(Practitioner) extension('u').first().url extension('u').url name.given[2]
contact.first().name.given.first() maritalStatus.where(text='m').text maritalStatus[1].text 'x' true %rowIndex
maritalStatus.coding.where(userSelected=true).code.first() managingOrganization.exists()
""".split()
WHERE = [{"path": "active = true or name.exists(use = 'a') or gender = 'a' or contact.empty()"}]
EVERYTHING = {
    "resource": "Patient",
    "where": WHERE,
    "select": [
        {"column": [column(f"c{at}", path) for at, path in enumerate(PATHS)]},
        {"select": [{"column": [column("given", "name.given", collection=True)]}]},
        {"column": [column("use", "name.use", collection=True), column("who", "name.exists()", collection=True)]},
        {"column": [column("text", "maritalStatus.text", collection=True)]},
    ],
}
ALL = compile_view(EVERYTHING)


def written(place: Path, lines: list[Any]) -> Path:
    """A file of resources, and of bytes as they are."""
    place.write_bytes(b"\n".join(line if isinstance(line, bytes) else orjson.dumps(line) for line in lines))
    return place


def asked(*paths: str, **more: Any) -> View:
    columns = [column(f"c{at}", path) for at, path in enumerate(paths)]
    return compile_view({"resource": "Patient", "select": [{"column": columns}], **more})


@given(st.lists(RESOURCES, min_size=1, max_size=12), st.lists(st.sampled_from(PATHS), min_size=1, max_size=4))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_resources_make_the_rows_of_the_function(tmp_path: Path, resources: list[Any], paths: list[str]) -> None:
    file = written(tmp_path / "in.ndjson", [{"resourceType": "Patient"}, *resources])
    view = asked(*paths, where=WHERE if len(paths) == 1 else [])
    assert same(by_columns(view, file)[0], by_function(view, file)), paths


@given(st.lists(RESOURCES, min_size=1, max_size=12))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_many_columns_at_once_make_the_rows_of_the_function(tmp_path: Path, resources: list[Any]) -> None:
    file = written(tmp_path / "in.ndjson", resources)
    assert same(by_columns(ALL, file)[0], by_function(ALL, file))


def test_well_formed_resources_are_answered_by_expressions_alone(tmp_path: Path) -> None:
    file = written(tmp_path / "in.ndjson", [PATIENT | {"id": f"p{at}", "name": [{"family": "A"}]} for at in range(50)])
    told, count = by_columns(ALL, file)
    assert count == told.resources == told.table.height == 50
    assert same(told, by_function(ALL, file))


@pytest.mark.parametrize(
    ("line", "by_expressions"),
    [
        (PATIENT, 2),
        ({"resourceType": "Group", "id": "g", "active": True}, 2),
        ({"resourceType": "Patient", "id": 7}, 2),
        ({"resourceType": "Patient", "active": "true"}, 2),
        ({"resourceType": "Patient", "multipleBirthInteger": 2**63}, 2),
        ({"resourceType": "Patient", "multipleBirthInteger": 2.0}, 2),
        ({"resourceType": "Patient", "multipleBirthInteger": None}, 3),
        ({"resourceType": "Patient", "gender": "a\n\"b\" \\ \x00"}, 2),
        ({"resourceType": "Patient", "gender": "é \u2028 😀 '"}, 3),
        ({"resourceType": "Patient", "gender": ""}, 3),
        ({"resourceType": "Patient", "gender": {"a": 1}}, 2),
        ({"resourceType": "Patient", "name": [{"family": "A"}, {"family": "B"}]}, 2),
        ({"resourceType": "Patient", "name": [None, {"family": "B"}]}, 0),
        ({"resourceType": "Patient", "name": [{"given": ["A"], "_given": [{"id": "x"}]}]}, 0),
        ({"resourceType": "Patient", "name": {"family": "A"}}, 0),
        ({"resourceType": "Patient", "name": []}, 3),
        ({"resourceType": "Patient", "maritalStatus": "m"}, 0),
        ({"resourceType": "Patient", "managingOrganization": {"reference": "http://h/Organization/o/_history/1"}}, 3),
        ({"resourceType": "Patient", "managingOrganization": {"reference": "Organization/" + "o" * 65}}, 3),
        ({"resourceType": "Patient", "managingOrganization": {"reference": ["Organization/o"]}}, 2),
        (b'{"resourceType":"Patient","id":"a","id":"b"}', 0),
        (b'{"resourceType":"Patient","id":"a\\u0062\\/c"}', 3),
        (b'{"id":"a"}', 2),
        (b'{"resourceType":null}', 2),
        (b'{"resourceType":"Patient","multipleBirthInteger":NaN}', 2),
        (b'{"resourceType":"Patient"} {}', 0),
        (b'{"resourceType":"Patient","id":"\xff"}', 0),
        (b"null", 2),
        (b"[1]", 0),
        (b"no json", 0),
        (b" \t\r", 2),
        (b'\xef\xbb\xbf{"resourceType":"Patient"}', 0),
        (b'  {"resourceType" : "Patient" , "id" : "p"}  \r', 3),
    ],
)  # fmt: skip
def test_a_line_between_others_is_told_as_by_the_function(tmp_path: Path, line: Any, by_expressions: int) -> None:
    view = asked(
        "id", "active", "gender", "multipleBirth.ofType(integer)", "maritalStatus.text", "name.family",
        "name.given.first()", "managingOrganization.getReferenceKey(Organization)",
    )  # fmt: skip
    others = [{"resourceType": "Patient", "id": name, "gender": "male"} for name in ("before", "behind")]
    file = written(tmp_path / "in.ndjson", [others[0], line, others[1]])
    told, count = by_columns(view, file)
    assert same(told, by_function(view, file))
    assert count == by_expressions


def test_lines_that_the_function_has_seen_are_not_seen_again(tmp_path: Path) -> None:
    file = written(tmp_path / "in.ndjson", [b"", *({"resourceType": "Patient", "id": f"p{at}"} for at in range(30))])
    for behind in (0, 1, 29, 30):
        told, count = by_columns(asked("id"), file, behind)
        assert (count, told.table["c0"].to_list()) == (30 - behind, [f"p{at}" for at in range(30)])


def test_a_feed_that_is_mostly_unusual_is_left_to_the_function(tmp_path: Path) -> None:
    many = [{"resourceType": "Patient", "id": f"p{at}", "gender": "a\n"} for at in range(25_000)]
    told, count = by_columns(asked("id", "gender"), file := written(tmp_path / "in.ndjson", many))
    assert count == 0
    assert same(told, by_function(asked("id", "gender"), file))


@pytest.mark.parametrize(
    "path",
    [
        "name.given.count()", "name.family.join()", "birthDate.lowBoundary()", "contact.name.given.join()",
        "name.where(given = 'a').family", "name.where(period.start = @2020).family", "name.where(use != 'a').family",
        "birthDate.extension('u').exists()", "generalPractitioner.getReferenceKey()", "name.where(use = 'é').family",
    ],
)  # fmt: skip
def test_what_is_more_than_a_plain_path_is_left_to_the_function(path: str) -> None:
    assert expressions(asked("id", path).definition) is None


def test_a_view_that_goes_through_lists_is_left_to_the_function() -> None:
    through = {"resource": "Patient", "select": [{"forEach": "name", "column": [column("a", "family")]}]}
    assert expressions(compile_view(through).definition) is None


def test_every_view_that_ships_is_written_as_expressions() -> None:
    for name in ready_views():
        assert expressions(compile_view(definition_of(name)).definition) is not None, name


def test_views_that_ship_find_the_same_in_every_example_of_the_specification(suites: Path, tmp_path: Path) -> None:
    kinds: dict[str, list[bytes]] = {}
    for path in sorted((suites / "fhir_r4_examples").glob("*.json")):
        resource = orjson.loads(path.read_bytes())
        kinds.setdefault(str(resource.get("resourceType")), []).append(orjson.dumps(resource))
    for name in ready_views():
        view = compile_view(definition_of(name))
        told, count = by_columns(view, file := written(tmp_path / f"{name}.ndjson", kinds[view.resource]))
        assert same(told, by_function(view, file)), name
        assert told.table.height > 0
        assert count > 0 or name in ("patient", "medication"), (name, count)


def test_a_large_file_is_viewed_by_columns_and_the_report_says_so(tmp_path: Path) -> None:
    text = {"status": "empty", "div": "x" * 1500}
    people = (orjson.dumps({"resourceType": "Patient", "id": f"p{at}", "text": text}) for at in range(25_000))
    (source := tmp_path / "large.ndjson").write_bytes(b"\n".join(people))
    assert source.stat().st_size > LARGE_BYTES
    (small := tmp_path / "small.ndjson").write_bytes(b'{"resourceType":"Patient","id":"q"}\n\nno json')
    told: list[tuple[int, int]] = []
    ask = ViewAsk("patient", tmp_path / "out.parquet")
    report = view_files([small, source, small], ask, lambda done, total: told.append((done, total)))
    keys = ["q", *(f"p{at}" for at in range(25_000)), "q"]
    assert pl.read_parquet(tmp_path / "out.parquet")["key"].to_list() == [f"Patient/{key}" for key in keys]
    assert (report.resources, report.rows, report.unread, report.by_expressions) == (25_002, 25_002, 2, 20_000)
    assert told == sorted(told)
    assert told[-1] == (sum(one.stat().st_size for one in (small, source, small)),) * 2
    assert view_files([source], ViewAsk("patient")).by_expressions == 0
