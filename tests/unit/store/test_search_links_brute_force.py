"""Searches through references, and conditions on content, find exactly what reading every resource would find."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy import text as sql

from careloom.fhir.search_grammar import parse_search
from careloom.fhir.search_interpret import interpret
from careloom.fhir.search_parameters import Composite, Parameter
from careloom.fhir.search_query import Check, CompositeValue, Query, TextValue, TokenValue, UriValue
from careloom.fhir.search_values import normal_text
from careloom.store import search_links, search_open, search_rows, search_sql, search_walk
from careloom.store.blind_index import BlindIndex
from careloom.store.schema import idx_eq, idx_range, metadata, resource, token_system
from careloom.store.search_links import Index, linked_plan
from tests.store_kit import fresh_database
from tests.unit.store.search_hospital import make_hospital, request
from tests.unit.store.test_search_sql_brute_force import holds, meets

BLIND = BlindIndex(bytes(range(32)))
HOSPITAL = make_hospital()
ENTRIES = [interpret(one) for one in HOSPITAL]
UPDATED = [1_700_000_000_000_000 + (rid * 37 % 50) * 60_000_000 for rid in range(len(HOSPITAL))]
NAMES = {f"{one['resourceType']}/{one['id']}": rid for rid, one in enumerate(HOSPITAL)}


def fill(connection: Connection) -> None:
    """Puts the hospital into the tables of a zone."""
    systems: set[tuple[str, str, str]] = set()
    for rid, one in enumerate(HOSPITAL):
        row = (rid, one["resourceType"], one["id"], 1, UPDATED[rid], 1, None, False, b"", b"")
        connection.execute(resource.insert().values(row))
        rows = BLIND.index(one)
        connection.execute(idx_eq.insert(), [{"key": key, "rid": rid} for key in rows.eq])
        names = ("key", "low", "high", "unit", "rid")
        if rows.ranges:
            connection.execute(idx_range.insert(), [dict(zip(names, (*r, rid), strict=True)) for r in rows.ranges])
        systems.update(rows.systems)
    listed = [{"type": kind, "param": slot, "system": system} for kind, slot, system in sorted(systems)]
    connection.execute(token_system.insert(), listed)
    connection.commit()


def read(rids: Sequence[int]) -> Iterable[tuple[int, dict[str, Any]]]:
    return [(rid, HOSPITAL[rid]) for rid in rids]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def index(request: pytest.FixtureRequest) -> Iterator[Index]:
    is_sqlite = request.param == "sqlite"
    url = "sqlite://" if is_sqlite else fresh_database(request.getfixturevalue("postgresql"), "links")
    engine = create_engine(url)
    with engine.connect() as opened:
        if not is_sqlite:
            opened.execute(sql("SET session_replication_role TO replica"))
        metadata.create_all(opened)
        fill(opened)
        yield Index(opened, BLIND, lambda kind, one: (one,), read)
        opened.rollback()
    engine.dispose()


def pointed_at(rid: int, parameter: Parameter) -> set[int]:
    found = set()
    for entry in ENTRIES[rid]:
        for use in parameter.uses:
            if entry[0] == "r" and entry[1] == use.slot and entry[2].startswith(f"{use.only}/" if use.only else ""):
                found.add(NAMES.get(entry[2], -1))
    return found


def texts_of(value: object) -> Iterator[str]:
    """Every text that a value holds, by walking all of it."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str):
            yield normal_text(one)
        elif isinstance(one, dict):
            yield from (
                part for name, below in one.items() if name not in ("system", "code") for part in texts_of(below)
            )


ELEMENTS = {"name": "name", "family": "name", "type": "type", "code": "code"}


def checked(one: dict[str, Any], check: Check) -> bool:
    """What a check means, said anew."""
    if isinstance(check.parameter, Composite):
        code = check.parameter.code
        parts = [] if code.startswith("component") else [one]
        parts += [] if code.startswith("code") else one["component"]
        return any(
            all(has_part(part, *pair) for pair in zip(("code", code.rpartition("-")[2]), value.parts, strict=True))
            for part in parts
            for value in check.values
            if isinstance(value, CompositeValue)
        )
    if check.modifier in ("contains", "text"):
        words = [normal_text(value.text) for value in check.values if isinstance(value, TextValue)]
        texts = list(texts_of(one.get(ELEMENTS[check.parameter.code])))
        is_text = check.modifier == "text"
        return any(each.startswith(word) if is_text else word in each for each in texts for word in words)
    if check.modifier == "below":
        urls = [
            (url, value.uri) for url in one["meta"]["profile"] for value in check.values if isinstance(value, UriValue)
        ]
        return any(url == asked or (asked.startswith("http") and url.startswith(asked + "/")) for url, asked in urls)
    held = one.get("identifier", []) or one.get("code", {}).get("coding", [])
    return any(
        each.get("system") == value.system and value.code in ("", each.get("code", each.get("value")))
        for each in held
        for value in check.values
        if isinstance(value, TokenValue)
    )


def has_part(part: dict[str, Any], kind: str, value: Any) -> bool:
    name = {"code": "code", "quantity": "value-quantity", "concept": "value-concept"}[kind]
    made = {key: below for key, below in part.items() if key in ("code", "valueQuantity", "valueCodeableConcept")}
    entries = interpret({"resourceType": "Observation", **made})
    query = parse_search(f"Observation?{name}=1")
    criterion = query.criteria[0]
    return any(
        entry[1] == use.slot and meets(entry, use, value, criterion)
        for use in criterion.parameter.uses
        for entry in entries[:-1]
    )


def brute_force(query: Query) -> set[int]:
    found = set()
    for rid, one in enumerate(HOSPITAL):
        if one["resourceType"] != query.resource_type or not all(one["id"] in ids for ids in query.ids):
            continue
        if all(holds(each, ENTRIES[rid]) for each in query.criteria) and all(
            checked(one, each) for each in query.checks
        ):
            found.add(rid)
    for chain in query.chains:
        ends = set().union(*(brute_force(each) for each in chain.queries))
        found = {rid for rid in found if pointed_at(rid, chain.parameter) & ends}
    for reverse in query.reverses:
        ends = set().union(*(pointed_at(rid, reverse.parameter) for rid in brute_force(reverse.query)))
        found &= ends
    return found


def all_pages(index: Index, query: Query, limit: int) -> list[int]:
    found: list[int] = []
    cursor = None
    while True:
        page = search_sql.search(index, query, limit=limit, cursor=cursor)
        found += page.rids
        cursor = page.next_cursor
        if cursor is None:
            return found


def check_one(index: Index, number: int) -> int:
    """How many resources the search of a number finds, after both ways to find them agreed."""
    asked = request(number)
    query = parse_search(asked)
    expected = brute_force(query)
    found = all_pages(index, query, (3, 40, 1000)[number % 3])
    assert len(found) == len(set(found)), asked
    assert set(found) == expected, asked
    assert search_sql.search(index, parse_search(f"{asked}&_summary=count"), limit=1).total == len(expected), asked
    if query.sort_by is not None:
        places = [next((entry[2] for entry in ENTRIES[rid] if entry[:2] == ("d", "date")), 1e308) for rid in found]
        assert places == sorted(places, reverse=query.is_descending), asked
    return len(expected)


def test_a_hundred_searches_through_references_find_what_reading_everything_finds(index: Index) -> None:
    sizes = [check_one(index, number) for number in range(100)]
    assert sum(size > 0 for size in sizes) > 30


@pytest.mark.parametrize("between", [0, 3])
def test_links_that_are_followed_from_each_row_find_the_same(
    index: Index, monkeypatch: pytest.MonkeyPatch, between: int
) -> None:
    follow_each_row(monkeypatch, between)
    sizes = [check_one(index, number) for number in range(between * 100, between * 100 + 60)]
    assert sum(size > 0 for size in sizes) > 20


@pytest.mark.long
@pytest.mark.parametrize("between", [0, 3])
def test_four_thousand_searches_that_follow_links_from_each_row_find_the_same(
    index: Index, monkeypatch: pytest.MonkeyPatch, between: int
) -> None:
    follow_each_row(monkeypatch, between)
    for number in range(10_000 * (between + 1), 10_000 * (between + 1) + 2_000):
        check_one(index, number)


def follow_each_row(monkeypatch: pytest.MonkeyPatch, between: int) -> None:
    """Every link is one to many, and a page looks at few rows before it goes on."""
    monkeypatch.setattr(search_links, "FEW_POINTING", 1)
    monkeypatch.setattr(search_links, "FEW_LINKED", 1)
    monkeypatch.setattr(search_open, "FEW_BETWEEN", between)
    monkeypatch.setattr(search_sql, "MOST_FOLLOWED", 50)
    monkeypatch.setattr(search_sql, "MOST_LOOKED_AT", 30)


def test_the_links_to_many_of_these_tests_are_left_to_each_row(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    follow_each_row(monkeypatch, 3)
    found = linked_plan(index, parse_search("Observation?status=final&subject:Patient.gender=male"))
    assert found.chained
    found = linked_plan(index, parse_search("Patient?_has:Observation:patient:status=final"))
    assert found.pointed


@pytest.mark.long
def test_five_thousand_searches_through_references_find_what_reading_everything_finds(index: Index) -> None:
    for number in range(100, 5_100):
        check_one(index, number)


def test_a_page_reads_only_so_much_and_goes_on(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_sql, "MOST_LOOKED_AT", 7)
    query = parse_search("Observation?code:text=zoe")
    first = search_sql.search(index, query, limit=5)
    assert len(first.rids) < 5
    assert first.next_cursor is not None
    assert set(all_pages(index, query, 5)) == brute_force(query)


@pytest.mark.parametrize("sort", ["date", "-date", "value-quantity", "-value-quantity"])
@pytest.mark.parametrize("windows", [(1, 46), pytest.param((7, 1007), marks=pytest.mark.long)])
def test_a_sorted_search_that_walks_its_order_gives_the_pages_that_sorting_gives(
    index: Index, monkeypatch: pytest.MonkeyPatch, sort: str, windows: tuple[int, ...]
) -> None:
    asked = ["", "status=final&", "status=final&date=ge2021&", "_lastUpdated=gt2020&subject:missing=false&"]
    queries = [parse_search(f"Observation?{conditions}_sort={sort}") for conditions in asked]
    sorted_out = [all_pages(index, query, 9) for query in queries]
    monkeypatch.setattr(search_walk, "PACE", {"sqlite": 0, "postgresql": 0})
    monkeypatch.setattr(search_walk, "WINDOW", windows[0])
    monkeypatch.setattr(search_walk, "MOST_WALKED", windows[1])
    assert [all_pages(index, query, 9) for query in queries] == sorted_out
    assert search_walk.walked(index, queries[1], linked_plan(index, queries[1]), None, 3) is not None or windows[0] == 1


@pytest.mark.parametrize("windows", [(1, 3), pytest.param((8,), marks=pytest.mark.long), (5, 100_000)])
def test_a_link_to_many_is_looked_for_near_by_and_gives_the_same_pages(
    index: Index, monkeypatch: pytest.MonkeyPatch, windows: tuple[int, ...]
) -> None:
    asked = ["", "&status=final", "&status=final,amended&_lastUpdated=gt2020", "&encounter.status=finished"]
    queries = [parse_search(f"Observation?subject:Patient.gender=male{more}") for more in asked]
    expected = [all_pages(index, query, 4) for query in queries]
    assert all(expected)
    monkeypatch.setattr(search_rows, "MOST_PROBED", 1)
    monkeypatch.setattr(search_walk, "NEAR", windows)
    assert [all_pages(index, query, 4) for query in queries] == expected
    found = linked_plan(index, queries[1])
    assert (search_walk.near(index, queries[1], found, -1, 3) is None) == (windows == (1, 3))
