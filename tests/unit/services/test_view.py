"""Tables of resources: what comes out, who may, what the audit chain tells, and that no half file stays."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from careloom.errors import AccessError, Conflict, IntegrityError, NotFound, QueryError
from careloom.fhir.views import compile_view
from careloom.fhir.views_definition import ViewError
from careloom.services import view_scan
from careloom.services.access import Principal
from careloom.services.view import ViewAsk, definition_of, ready_views, view_files, view_zone
from tests.api.kit import OBSERVATION, PATIENT, Installation
from tests.store_kit import event, put

MANY = [{"resourceType": "Patient", "id": f"p{number}", "gender": "female"} for number in range(12_000)]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("views")) as made:
        made.ingest([PATIENT, {**PATIENT, "id": "p2"}, OBSERVATION])
        yield made


def ndjson(place: Path, resources: list[Any]) -> Path:
    place.write_bytes(b"\n".join(orjson.dumps(one) for one in resources))
    return place


def test_every_view_that_ships_is_a_view_and_is_written_to_a_function() -> None:
    assert ready_views() == ["condition", "encounter", "labs_wide", "medication", "note", "observation", "patient"]
    for name in ready_views():
        compiled = compile_view(definition_of(name))
        assert compiled.definition.name == name
        assert compiled.fast is not None


def test_the_identified_zone_is_shown_and_told_but_written_nowhere(installation: Installation, tmp_path: Path) -> None:
    report = view_zone(installation.platform, installation.operator, "identified", ViewAsk("patient"))
    assert (report.resource, report.resources, report.rows, report.refused) == ("Patient", 2, 2, 0)
    assert {row["key"].partition("/")[0] for row in report.shown} == {"Patient"}
    store = installation.platform.store("identified")
    told = [event for event in store.audit_events() if "view" in orjson.dumps(event).decode()]
    assert told
    with pytest.raises(QueryError):
        view_zone(
            installation.platform, installation.operator, "identified", ViewAsk("patient", tmp_path / "patients.csv")
        )
    assert list(tmp_path.iterdir()) == []


def test_who_may_not_search_a_zone_may_not_view_it(installation: Installation) -> None:
    scientist = Principal("s", frozenset({"data-scientist"}), frozenset({"research"}))
    with pytest.raises(AccessError):
        view_zone(installation.platform, scientist, "identified", ViewAsk("patient"))


def test_any_number_of_processes_makes_the_same_file(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_scan, "ALONE_BELOW", 0)
    monkeypatch.setattr(view_scan, "BATCH", 3)
    store, platform = installation.platform.store("synthetic"), installation.platform
    made = [put("Observation", f"o{number}", (f"p{number % 5}",), status=f"s{number}") for number in range(40)]
    with store.transaction(event(zone="synthetic")) as transaction:
        transaction.write(made)
    for processes in (1, 2, 3):
        ask = ViewAsk("observation", tmp_path / f"{processes}.parquet", processes=processes)
        report = view_zone(platform, installation.operator, "synthetic", ask)
        assert (report.resources, report.rows) == (40, 40)
    tables = [pl.read_parquet(tmp_path / f"{processes}.parquet") for processes in (1, 2, 3)]
    assert tables[0]["status"].to_list() == [f"s{number}" for number in range(40)]
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])
    told = [one for one in store.audit_events() if "view" in orjson.dumps(one).decode()]
    assert len(told) == 3 * 14  # each part of 3 resources, before its rows


def test_a_seal_that_was_changed_is_told_as_such_by_any_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_scan, "ALONE_BELOW", 0)
    with Installation(tmp_path / "made") as made:
        with made.platform.store("synthetic").transaction(event(zone="synthetic")) as transaction:
            transaction.write([put("Observation", "o1", ("p1",), status="final")])
        with made.platform.store("synthetic").connect() as connection:
            connection.exec_driver_sql("UPDATE resource SET body = zeroblob(60)")
            connection.commit()
        for processes in (1, 2):
            ask = ViewAsk("observation", tmp_path / "out.parquet", processes=processes)
            with pytest.raises(IntegrityError, match="does not open"):
                view_zone(made.platform, made.operator, "synthetic", ask)
        assert not (tmp_path / "out.parquet").exists()


def test_files_become_the_same_table_in_every_format(tmp_path: Path) -> None:
    source = ndjson(tmp_path / "patients.ndjson", MANY)
    for suffix in (".parquet", ".csv", ".ndjson"):
        report = view_files([source], ViewAsk("patient", tmp_path / f"out{suffix}"))
        assert (report.resources, report.rows, report.shown) == (12_000, 12_000, [])
    parquet = pl.read_parquet(tmp_path / "out.parquet")
    assert parquet.schema == compile_view(definition_of("patient")).schema()
    text = pl.read_csv(tmp_path / "out.csv", schema=parquet.schema)
    lines = pl.read_ndjson(tmp_path / "out.ndjson", schema=parquet.schema)
    assert parquet.equals(text)
    assert parquet.equals(lines)


def test_who_waits_is_told_how_far_it_is(tmp_path: Path) -> None:
    source = ndjson(tmp_path / "patients.ndjson", MANY)
    told: list[tuple[int, int]] = []
    view_files([source], ViewAsk("patient", tmp_path / "out.csv"), lambda done, total: told.append((done, total)))
    assert len(told) == 3
    assert told == sorted(told)
    assert told[-1] == (source.stat().st_size, source.stat().st_size)


def test_what_does_not_fit_is_counted_by_place_and_the_rest_is_written(tmp_path: Path) -> None:
    source = ndjson(tmp_path / "in.ndjson", [MANY[0], {**MANY[1], "gender": 7}, OBSERVATION])
    source.write_bytes(source.read_bytes() + b"\n[1]\nno json\n\n")
    report = view_files([source], ViewAsk("patient", tmp_path / "out.parquet"))
    assert (report.resources, report.rows, report.refused, report.unread) == (2, 1, 1, 2)
    assert list(report.reasons) == ["select[0].column[2].path"]


def test_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    source = ndjson(tmp_path / "in.ndjson", [OBSERVATION])
    view_files([source], ViewAsk("patient", tmp_path / "out.parquet"))
    assert pl.read_parquet(tmp_path / "out.parquet").schema == compile_view(definition_of("patient")).schema()


@pytest.mark.parametrize(
    ("view", "out", "error"),
    [
        ("nothing", "a.parquet", NotFound),
        ("patient", "a.xlsx", QueryError),
        ("patient", "in.ndjson", Conflict),
        ("patient", "nowhere/a.parquet", Exception),
        ("{}", "a.parquet", ViewError),
        ("no json", "a.parquet", QueryError),
        ('{"resource": "Patient", "select": [{"column": [{"name": "g", "path": "name.given", "collection": true}]}]}',
         "a.csv", QueryError),
    ],
)  # fmt: skip
def test_what_cannot_be_done_leaves_no_file(tmp_path: Path, view: str, out: str, error: type[Exception]) -> None:
    source = ndjson(tmp_path / "in.ndjson", MANY[:2])
    name = view
    if not view.isalpha():
        (tmp_path / "view.json").write_text(view)
        name = str(tmp_path / "view.json")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(error):
        view_files([source], ViewAsk(name, tmp_path / out))
    assert sorted(tmp_path.iterdir()) == before
