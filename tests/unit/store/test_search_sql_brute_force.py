"""Searches over a few thousand resources find exactly what reading every resource would find."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from careloom.fhir.search_grammar import parse_search
from careloom.fhir.search_interpret import interpret
from careloom.fhir.search_parameters import Use
from careloom.fhir.search_query import (
    Criterion,
    MissingValue,
    NumberValue,
    QuantityValue,
    Query,
    ReferenceValue,
    TextValue,
    TimeValue,
    TokenValue,
    UriValue,
    Value,
)
from careloom.fhir.search_values import normal_text, time_span
from careloom.store import search_rows, search_sql
from careloom.store.blind_index import BlindIndex
from careloom.store.schema import idx_eq, idx_range, metadata, resource, token_system
from careloom.store.search_links import Index
from tests.unit.store.search_samples import BIRTHS, CODES, DAYS, RESOURCES, UCUM

START = 1_700_000_000_000_000
BLIND = BlindIndex(bytes(range(32)))
ENTRIES = [interpret(one) for one in RESOURCES]
UPDATED = [START + (rid * 37 % 50) * 60_000_000 for rid in range(len(RESOURCES))]
DELETED = {rid for rid in range(1, len(RESOURCES) + 1) if rid % 97 == 0}


def fill(connection: Connection) -> None:
    systems = set()
    for rid, one in enumerate(RESOURCES, 1):
        row = (rid, one["resourceType"], one["id"], 1, UPDATED[rid - 1], 1, None, rid in DELETED, b"", b"")
        connection.execute(resource.insert().values(row))
        if rid not in DELETED:
            rows = BLIND.index(one)
            connection.execute(idx_eq.insert(), [{"key": key, "rid": rid} for key in rows.eq])
            names = ("key", "low", "high", "unit", "rid")
            if rows.ranges:
                connection.execute(idx_range.insert(), [dict(zip(names, (*r, rid), strict=True)) for r in rows.ranges])
            systems.update(rows.systems)
    names = ("type", "param", "system")
    connection.execute(token_system.insert(), [dict(zip(names, row, strict=True)) for row in sorted(systems)])
    connection.commit()


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.connect() as opened:
        fill(opened)
        yield opened
    engine.dispose()


def map_id(resource_type: str, one: str) -> tuple[str, ...]:
    return (one, f"keyed-{one}")


def compare(prefix: str, stored: tuple[float, float], asked: tuple[float, float]) -> bool:
    """Half-open ranges as FHIR R4 says it."""
    is_inside = asked[0] <= stored[0] and stored[1] <= asked[1]
    width = asked[1] - asked[0]
    return {
        "eq": is_inside,
        "ne": not is_inside,
        "gt": stored[1] > asked[1],
        "lt": stored[0] < asked[0],
        "ge": stored[1] > asked[1] or is_inside,
        "le": stored[0] < asked[0] or is_inside,
        "sa": stored[0] >= asked[1],
        "eb": stored[1] <= asked[0],
        "ap": stored[0] < asked[1] + width and stored[1] > asked[0] - width,
    }[prefix]


def compare_numbers(value: NumberValue, low: float, high: float) -> bool:
    is_inside = value.low <= low and high < value.high
    tenth = abs(value.value) / 10
    return {
        "eq": is_inside,
        "ne": not is_inside,
        "gt": high > value.value,
        "lt": low < value.value,
        "ge": high >= value.value,
        "le": low <= value.value,
        "sa": low > value.value,
        "eb": high < value.value,
        "ap": low <= value.value + tenth and high >= value.value - tenth,
    }[value.prefix]


def meets(entry: tuple[Any, ...], use: Use, value: Value, criterion: Criterion) -> bool:
    kind, _, *what = entry
    if isinstance(value, TokenValue):
        if kind == "i":
            return what[1] == value.code and (not use.only or what[0] == use.only) and value.system in (None, what[0])
        return what[1] == value.code and (
            value.system in (None, what[0]) or value.system in criterion.parameter.systems
        )
    if isinstance(value, ReferenceValue):
        types = [one for one in value.types if use.only in ("", one)]
        return what[0] == value.url or what[0] in [f"{one}/{value.id}" for one in types]
    if isinstance(value, TextValue):
        if criterion.modifier == "exact":
            return bool(what[0] == value.text)
        stored, asked = normal_text(what[0]), normal_text(value.text)
        return stored == asked if kind == "w" else stored.startswith(asked)
    if isinstance(value, UriValue):
        return bool(what[0] == value.uri)
    if isinstance(value, TimeValue):
        stored_span = time_span(what[0]) if kind == "b" else (what[0], what[1])
        assert stored_span is not None
        if kind == "b" and value.prefix == "ap":
            return stored_span[0] < value.high and stored_span[1] > value.low
        return compare(value.prefix, stored_span, (value.low, value.high))
    if isinstance(value, QuantityValue):
        if value.code is None or (value.code == what[3] and value.system in (None, what[2])):
            return compare_numbers(value.number, what[0], what[1])
        if (value.system, what[2], value.code) != (UCUM, UCUM, "g") or what[3] != "mg":
            return False
        grams = value.number
        milligrams = NumberValue(
            grams.prefix, *(round(part * 1000, 9) for part in (grams.value, grams.low, grams.high))
        )
        return compare_numbers(milligrams, what[0], what[1])
    assert isinstance(value, NumberValue)
    return compare_numbers(value, what[0], what[1])


def holds(criterion: Criterion, entries: list[tuple[Any, ...]]) -> bool:
    suffix = ":identifier" if criterion.modifier == "identifier" else ""
    for value in criterion.values:
        if isinstance(value, MissingValue):
            present = entries[-1][2].split(",")
            if value.missing is not any(use.slot in present for use in criterion.parameter.uses):
                return True
            continue
        for use in criterion.parameter.uses:
            if any(entry[1] == use.slot + suffix and meets(entry, use, value, criterion) for entry in entries[:-1]):
                return criterion.modifier != "not"
    return criterion.modifier == "not"


def brute_force(query: Query) -> set[int]:
    return {
        rid
        for rid, (one, entries, updated) in enumerate(zip(RESOURCES, ENTRIES, UPDATED, strict=True), 1)
        if one["resourceType"] == query.resource_type
        and rid not in DELETED
        and all(one["id"] in ids for ids in query.ids)
        and all(
            any(compare(v.prefix, (updated / 1000, updated / 1000 + 0.001), (v.low, v.high)) for v in values)
            for values in query.updated
        )
        and all(holds(criterion, entries) for criterion in query.criteria)
    }


def all_pages(connection: Connection, query: Query, limit: int) -> list[int]:
    found: list[int] = []
    cursor = None
    while True:
        page = search_sql.search(Index(connection, BLIND, map_id), query, limit=limit, cursor=cursor)
        found += page.rids
        assert len(page.rids) <= limit
        cursor = page.next_cursor
        if cursor is None:
            return found
        assert len(page.rids) == limit


def escape(text: str) -> str:
    return "".join("\\" + char if char in "\\,|$" else char for char in text).replace("+", "%2B")


PREFIXES = st.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
TOKENS = st.tuples(
    st.sampled_from(["", "|", "http://loinc.org|", "http://snomed.info/sct|", "no|"]), st.sampled_from([*CODES, "zz"])
).map(lambda pair: pair[0] + escape(pair[1]))
TIMES = st.tuples(PREFIXES, st.sampled_from([*DAYS, "2020-02-29T12:00Z", "1990", "2100-01-01"])).map("".join)
BIRTH_TIMES = st.tuples(PREFIXES, st.sampled_from([*BIRTHS, "1815-12-10T10:00:00Z", "181".ljust(4, "0")])).map("".join)
PLAIN_NUMBERS = st.tuples(
    PREFIXES, st.sampled_from(["0", "5", "5.4", "5.40", "5.39", "1e2", "100", "-3", "-3.0", "7", "0.0054", "0.005"])
).map("".join)
QUANTITIES = st.tuples(PLAIN_NUMBERS, st.sampled_from(["", "||mg", f"|{UCUM}|mg", "||g", f"|{UCUM}|g"])).map("".join)
NAMES = st.sampled_from(["a", "ad", "ADA", "ada l", "äda", "zoe", "x" * 32, "nobody"])
PARTS = {
    "Observation": {
        "code": TOKENS,
        "combo-code": TOKENS,
        "component-code": TOKENS,
        "category": TOKENS,
        "code:not": TOKENS,
        "combo-code:not": TOKENS,
        "status": st.sampled_from(
            ["final", "amended", "http://hl7.org/fhir/observation-status|final", "x|final", "|final"]
        ),
        "_tag": TOKENS,
        "_profile": st.sampled_from(["http://p", "http://p|1", "http://q"]),
        "subject": st.sampled_from(["Patient/1", "Group/1", "1", "Patient/9"]),
        "patient": st.sampled_from(["Patient/1", "2", "Group/1"]),
        "subject:Group": st.sampled_from(["1", "Group/2"]),
        "subject:identifier": st.sampled_from(["mrn|1", "1", "|2", "x|1"]),
        "date": TIMES,
        "value-quantity": QUANTITIES,
        "combo-value-quantity": QUANTITIES,
        "value-string": st.sampled_from(["ada", "ada lovelace", "x" * 40, "zo"]),
        "value-string:exact": st.sampled_from(["Ada", "ada", "ADA  Lovelace"]),
        "date:missing": st.sampled_from(["true", "false"]),
        "code:missing": st.sampled_from(["true", "false"]),
        "combo-code:missing": st.sampled_from(["true", "false"]),
        "value-quantity:missing": st.sampled_from(["true", "false"]),
    },
    "Patient": {
        "name": NAMES,
        "family": NAMES,
        "given:exact": st.sampled_from(["Ada", "ada", "Zoë"]),
        "identifier": TOKENS,
        "phone": TOKENS,
        "telecom": TOKENS,
        "gender": st.sampled_from(["male", "http://hl7.org/fhir/administrative-gender|female", "other"]),
        "birthdate": BIRTH_TIMES,
        "birthdate:missing": st.sampled_from(["true", "false"]),
        "deceased": st.sampled_from(["true", "false"]),
    },
    "RiskAssessment": {"probability": PLAIN_NUMBERS, "probability:missing": st.sampled_from(["true", "false"])},
}
EVERY = {
    "_id": st.sampled_from([one["id"] for one in RESOURCES[:40]]),
    "_lastUpdated": st.tuples(
        PREFIXES, st.sampled_from(["2023-11-14", "2023-11-14T22:30Z", "2023-11-14T22:40:20Z", "2023"])
    ).map("".join),
}
SORTS = st.sampled_from(["", "&_sort=_id", "&_sort=-_id", "&_sort=_lastUpdated", "&_sort=-_lastUpdated"])


@st.composite
def requests(draw: st.DrawFn) -> str:
    resource_type = draw(st.sampled_from(["Observation", "Observation", "Patient", "RiskAssessment"]))
    parts = {**PARTS[resource_type], **EVERY}
    asked = []
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from([*PARTS[resource_type]] * 3 + [*EVERY]))
        values = draw(st.lists(parts[name], min_size=1, max_size=1 if name.endswith(":missing") else 3))
        asked.append(f"{name}={','.join(values)}")
    return f"{resource_type}?{'&'.join(asked)}{draw(SORTS)}"


def check(connection: Connection, text: str, limit: int, *, few: int) -> None:
    query = parse_search(text)
    expected = brute_force(query)
    kept, search_rows.FEW = search_rows.FEW, few
    try:
        found = all_pages(connection, query, limit if len(expected) < 100 else max(limit, 40))
        count = search_sql.search(
            Index(connection, BLIND, map_id), parse_search(text + "&_summary=count"), limit=1
        ).total
    finally:
        search_rows.FEW = kept
    assert len(found) == len(set(found)), "no row twice"
    assert set(found) == expected
    assert count == len(expected)
    if query.sort:
        key = {"_id": lambda rid: RESOURCES[rid - 1]["id"], "_lastUpdated": lambda rid: UPDATED[rid - 1]}[query.sort]
        places = [(key(rid), rid) for rid in found]
        assert places == sorted(places, reverse=query.is_descending)


LIMITS = st.sampled_from([3, 40, 1000])
FEWS = st.sampled_from([0, 50, 2000])


ORDERED = ["", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
SINGLE = [
    *(f"Observation?date={prefix}{day}" for prefix in ORDERED for day in DAYS[1:7]),
    *(f"Patient?birthdate={prefix}{day}" for prefix in ORDERED for day in ("1815-12-10", "1980-05", "1815")),
    *(f"RiskAssessment?probability={prefix}{number}" for prefix in ORDERED for number in ("5.4", "100", "-3")),
    *(f"Observation?value-quantity={prefix}5.4||mg" for prefix in ORDERED),
    *(f"Observation?_lastUpdated={prefix}2023-11-14T22:30Z" for prefix in ORDERED),
]


def test_every_comparison_finds_what_reading_everything_finds(connection: Connection) -> None:
    for text in SINGLE:
        for few in (0, 10_000):
            check(connection, text, 1000, few=few)


@settings(max_examples=60)
@given(text=requests(), limit=LIMITS, few=FEWS)
def test_a_search_finds_what_reading_everything_finds(connection: Connection, text: str, limit: int, few: int) -> None:
    check(connection, text, limit, few=few)


@pytest.mark.long
@settings(max_examples=3000)
@given(text=requests(), limit=LIMITS, few=FEWS)
def test_thousands_of_searches_find_what_reading_everything_finds(
    connection: Connection, text: str, limit: int, few: int
) -> None:
    check(connection, text, limit, few=few)


def test_the_made_resources_tell_right_from_wrong(connection: Connection) -> None:
    sizes = [
        len(brute_force(parse_search(text))) for text in ("Observation?code=a", "Patient?birthdate=1815", "Patient?")
    ]
    assert all(20 < size < 1500 for size in sizes)
