"""Pages, cursors and ids of a search, on SQLite and, where a server is named, on PostgreSQL."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text

from careloom.errors import QueryError
from careloom.fhir.search_grammar import parse_search
from careloom.store import search_plan
from careloom.store.blind_index import BlindIndex
from careloom.store.schema import idx_eq, idx_range, metadata, resource, token_system
from careloom.store.search_links import Index
from careloom.store.search_sql import Page, search
from tests.store_kit import fresh_database

BLIND = BlindIndex(b"k" * 32)


def observation(number: int) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"o{number:03}",
        "status": "final" if number % 3 else "amended",
        "code": {"coding": [{"system": f"system-{number % 4}", "code": "1"}]},
        "subject": {"reference": f"Patient/keyed-{number % 2}"},
        "effectiveDateTime": f"2024-01-{number % 28 + 1:02}",
        "valueQuantity": {"value": number, "system": "http://unitsofmeasure.org", "code": "mg"},
    }


def put(connection: Connection, rid: int, one: dict[str, Any]) -> None:
    row = (rid, one["resourceType"], one["id"], 1, 1_700_000_000_000_000 + (100 - rid) // 2, 1, None, False, b"", b"")
    connection.execute(resource.insert().values(row))
    rows = BLIND.index(one)
    connection.execute(idx_eq.insert(), [{"key": key, "rid": rid} for key in rows.eq])
    for key, low, high, unit in rows.ranges:
        connection.execute(idx_range.insert().values((key, low, high, unit, rid)))
    known = {tuple(row) for row in connection.execute(token_system.select())}
    for system in set(rows.systems) - known:
        connection.execute(token_system.insert().values(system))


@cache
def _search_database(cluster: str) -> str:
    return fresh_database(cluster, "search")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A hundred observations, committed."""
    is_sqlite = request.param == "sqlite"
    engine = create_engine("sqlite://" if is_sqlite else _search_database(request.getfixturevalue("postgresql")))
    with engine.connect() as opened:
        if request.param == "postgresql":
            opened.execute(text("CREATE SCHEMA careloom_search_test"))
            opened.execute(text("SET search_path TO careloom_search_test"))
            opened.execute(text("SET session_replication_role TO replica"))
        metadata.create_all(opened)
        for number in range(100):
            put(opened, number + 1, observation(number))
        opened.commit()
        yield opened
    engine.dispose()


@pytest.fixture
def connection(filled: Connection) -> Iterator[Connection]:
    """The hundred observations, which are there again after each test."""
    yield filled
    filled.rollback()


def ask(connection: Connection, request: str, *, limit: int = 1000, cursor: str | None = None) -> Page:
    return search(Index(connection, BLIND, map_id), parse_search(request), limit=limit, cursor=cursor)


def other_key(connection: Connection) -> Index:
    return Index(connection, BlindIndex(b"x" * 32), map_id)


def map_id(resource_type: str, one: str) -> tuple[str, ...]:
    return (one, f"keyed-{one}") if resource_type == "Patient" else (one,)


@pytest.mark.parametrize(
    ("request_text", "expected"),
    [
        ("Observation?patient=1&status=amended", [n for n in range(100) if n % 2 and n % 3 == 0]),
        ("Observation?patient=Patient/keyed-1&code=1&date=2024-01-02", [1, 29, 57, 85]),
        ("Observation?code=system-2|1&value-quantity=gt90", [94, 98]),
        ("Observation?code:not=system-2|1,system-1|1&value-quantity=ge96||mg", [96, 99]),
        ("Observation?date=lt2024-01-02&status=final", [28, 56]),
        ("Observation?value-quantity=le1", [0, 1]),
        ("Observation?value-quantity=5|other|mg", []),
        ("Observation?category:missing=true&value-quantity=7", [7]),
        ("Observation?_id=o007,o009,zz&patient=1", [7, 9]),
        ("Observation?_id=o007&_id=o009", []),
        ("Observation?_lastUpdated=lt2000", []),
        ("Observation?subject=Patient/2", []),
        ("Patient?", []),
    ],
)
def test_a_search_finds_its_resources(connection: Connection, request_text: str, expected: list[int]) -> None:
    assert sorted(ask(connection, request_text).rids) == [number + 1 for number in expected]


@pytest.mark.parametrize("sort", ["", "&_sort=_id", "&_sort=-_id", "&_sort=_lastUpdated", "&_sort=-_lastUpdated"])
@pytest.mark.parametrize("request_text", ["Observation?code=1", "Observation?", "Observation?date=ge2024-01-05"])
def test_pages_join_to_the_whole(connection: Connection, request_text: str, sort: str) -> None:
    whole = ask(connection, request_text + sort).rids
    pages: list[int] = []
    cursor = None
    while True:
        page = ask(connection, request_text + sort, limit=7, cursor=cursor)
        pages += page.rids
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert tuple(pages) == whole
    assert len(set(pages)) == len(pages) > 80


def test_the_count_of_a_query_bounds_the_page_and_the_limit_bounds_the_count(connection: Connection) -> None:
    assert len(ask(connection, "Observation?code=1&_count=5").rids) == 5
    assert len(ask(connection, "Observation?code=1&_count=5000", limit=10).rids) == 10


def test_a_total_is_given_when_asked_for(connection: Connection) -> None:
    assert ask(connection, "Observation?status=amended&_total=accurate", limit=3).total == 34
    assert ask(connection, "Observation?status=amended").total is None
    assert ask(connection, "Observation?status=amended&_summary=count") == Page((), None, 34)
    assert ask(connection, "Observation?status=unknown&_summary=count").total == 0
    assert ask(connection, "Observation?code=none&_total=accurate").total == 0


def test_a_page_after_a_deletion_skips_nothing(connection: Connection) -> None:
    first = ask(connection, "Observation?status=final", limit=10)
    connection.execute(idx_eq.delete().where(idx_eq.c.rid.in_(first.rids)))
    rest = ask(connection, "Observation?status=final", cursor=first.next_cursor)
    assert len(first.rids + rest.rids) == 66


@pytest.mark.parametrize(
    "spoil",
    [
        lambda cursor: cursor[:-2],
        lambda cursor: cursor[:5] + ("A" if cursor[5] != "A" else "B") + cursor[6:],
        lambda cursor: "",
        lambda cursor: "=",
        lambda cursor: "é",
        lambda cursor: "QUJD" * 20,
    ],
)
def test_a_cursor_that_was_changed_is_refused(connection: Connection, spoil: Any) -> None:
    cursor = ask(connection, "Observation?code=1", limit=5).next_cursor
    assert cursor is not None
    with pytest.raises(QueryError):
        search(
            Index(connection, BLIND, map_id), parse_search("Observation?code=1"), limit=5, cursor=spoil(cursor) or "x"
        )


def test_a_cursor_of_another_search_or_key_is_refused(connection: Connection) -> None:
    cursor = ask(connection, "Observation?code=1", limit=5).next_cursor
    for other in ("Observation?code=2", "Observation?code=1&_sort=_id", "Observation?code=1&status=final"):
        with pytest.raises(QueryError):
            ask(connection, other, cursor=cursor)
    with pytest.raises(QueryError):
        search(
            Index(connection, BlindIndex(b"x" * 32), map_id), parse_search("Observation?code=1"), limit=5, cursor=cursor
        )


def test_a_page_may_grow_between_two_requests(connection: Connection) -> None:
    cursor = ask(connection, "Observation?code=1&_count=5").next_cursor
    assert len(ask(connection, "Observation?code=1&_count=9", cursor=cursor).rids) == 9


def test_deleted_resources_are_not_listed(connection: Connection) -> None:
    connection.execute(resource.update().where(resource.c.rid == 5).values(deleted=True))
    assert 5 not in ask(connection, "Observation?").rids


def test_a_value_that_stands_for_too_many_keys_is_refused(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_plan, "MOST_KEYS", 3)
    with pytest.raises(QueryError):
        ask(connection, "Observation?code=1")


def test_an_index_under_another_key_shows_nothing(connection: Connection) -> None:
    found = search(Index(connection, BlindIndex(b"x" * 32), map_id), parse_search("Observation?code=1"), limit=5)
    assert found.rids == ()
