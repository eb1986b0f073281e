"""What a search and a history may know of, on both databases: SQL against a look at each resource."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson
import pytest

from careloom.errors import NotFound
from careloom.fhir.drafts import Resource
from careloom.fhir.references import patients_of
from careloom.fhir.search_grammar import parse_search
from careloom.store import search_links
from careloom.store.blind_index import BlindIndex
from careloom.store.export_scan import numbers_of
from careloom.store.reads import HistoryAsk
from careloom.store.search_links import Index
from careloom.store.search_sql import Page, search
from careloom.store.sight import EVERYTHING, Sight, number_of, select_rows
from careloom.store.zone_store import ZoneStore
from tests.store_kit import event, put

BLIND = BlindIndex(b"k" * 32)
CODES = ("8867-4", "8310-5")


def observation(name: str, *patients: str, code: str = CODES[0]) -> Any:
    told: dict[str, Any] = {"code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "status": "final"}
    if patients:
        told["subject"] = {"reference": f"Patient/{patients[0]}"}
        told["performer"] = [{"reference": f"Patient/{one}"} for one in patients[1:]]
    return put("Observation", name, patients, **told)


@pytest.fixture
def zone(open_again: Callable[..., ZoneStore]) -> ZoneStore:
    store = open_again(indexer=BLIND.index)
    with store.transaction(event()) as step:
        step.write([put("Patient", name, (name,), gender="female") for name in ("a", "b", "c")])
        step.write([put("Practitioner", "d", (), active=True)])
        step.write([observation(f"{name}{n}", name, code=CODES[n % 2]) for name in ("a", "b", "c") for n in range(4)])
        step.write([observation("ab", "a", "b"), observation("none")])
    with store.transaction(event()) as step:
        step.write([observation("a0", "b"), observation("b0", "a")])  # each was the other's before
    return store


def looks(zone: ZoneStore, sight: Sight) -> Callable[[Resource], bool]:
    """The same sight, by content: the oracle."""

    def shows(resource: Resource) -> bool:
        with zone.connect() as connection:
            numbers = {number_of(connection, zone.pseudonym(one)) for one in patients_of(resource)}
        if sight.only is not None:
            is_common = not numbers and resource["resourceType"] in sight.common
            return (len(numbers) == 1 and numbers == {sight.only}) or is_common
        hidden = set(sight.hidden) & numbers
        part = set(sight.partly) & numbers and b"8310-5" in orjson.dumps(resource)
        return not hidden and not part

    return shows


def index(zone: ZoneStore, connection: Any, sight: Sight) -> Index:
    def read(rids: Sequence[int]) -> Iterable[tuple[int, Resource]]:
        return [(one.rid, orjson.loads(one.content)) for one in zone.read_many(rids)]

    return Index(connection, BLIND, lambda _, name: (name,), read, sight=sight)


def of(zone: ZoneStore, *names: str) -> tuple[int, ...]:
    with zone.connect() as connection:
        return numbers_of(connection, [zone.pseudonym(one) for one in names])


def sights(zone: ZoneStore) -> dict[str, Sight]:
    with zone.connect() as connection:
        only = number_of(connection, zone.pseudonym("a"))
        nobody = number_of(connection, zone.pseudonym("never-was"))
    made = {
        "everything": EVERYTHING,
        "one patient": Sight(only),
        "one patient and common types": Sight(only, frozenset({"Practitioner"})),
        "a patient who is not here": Sight(nobody),
        "without b": Sight(hidden=of(zone, "b")),
        "a in part": Sight(partly=of(zone, "a")),
        "without b, a in part": Sight(hidden=of(zone, "b"), partly=of(zone, "a")),
    }
    return {name: Sight(s.only, s.common, s.hidden, s.partly, looks(zone, s)) for name, s in made.items()}


QUERIES = [
    "Observation?", "Patient?", "Practitioner?", "Observation?status=final", "Observation?code=8310-5",
    "Observation?code=8867-4&_sort=-_lastUpdated", "Observation?_sort=_id", "Observation?patient=a",
    "Observation?patient=b",
    "Observation?subject:Patient.gender=female", "Patient?_has:Observation:patient:code=8310-5", "Patient?_id=a,b",
    "Observation?status:not=amended", "Observation?code:text=x",
]  # fmt: skip
NAMES = [
    "everything", "one patient", "one patient and common types", "a patient who is not here", "without b", "a in part",
    "without b, a in part",
]  # fmt: skip


def test_each_sight_finds_counts_and_pages_what_a_look_at_content_shows(zone: ZoneStore) -> None:
    assert list(sights(zone)) == NAMES
    stored = {one.rid: one for one in zone.scan()}
    for sight in sights(zone).values():
        for text in QUERIES:
            query = parse_search(text + ("&" if text[-1] != "?" else "") + "_total=accurate&_count=3")
            with zone.connect() as connection:
                whole = search(index(zone, connection, EVERYTHING), parse_search(text), limit=1000)
                page = search(index(zone, connection, sight), query, limit=1000)
                found = list(page.rids)
                while page.next_cursor:
                    page = search(index(zone, connection, sight), query, limit=1000, cursor=page.next_cursor)
                    found += page.rids
            expected = [rid for rid in whole.rids if sight.shows(orjson.loads(stored[rid].content))]
            if "_has" in text or "subject:" in text:
                assert set(found) <= set(expected), text
            else:
                assert sorted(found) == sorted(expected), text
            assert page.total == len(found), text


LINKS = [
    "Patient?_has:Observation:patient:code=8310-5", "Patient?_has:Observation:patient:code=8867-4&gender=female",
    "Patient?_has:Observation:patient:status:not=amended", "Observation?status=final&subject:Patient.gender=female",
    "Observation?code=8310-5&subject:Patient.gender=female",
]  # fmt: skip


def test_links_that_are_followed_from_each_row_show_no_more_than_sets_of_them(
    zone: ZoneStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = sights(zone).values()

    def pages() -> list[Page]:
        with zone.connect() as connection:
            every = [(sight, parse_search(f"{text}&_total=accurate")) for sight in given for text in LINKS]
            return [search(index(zone, connection, sight), query, limit=1000) for sight, query in every]

    expected = pages()
    assert any(page.rids for page in expected)
    monkeypatch.setattr(search_links, "FEW_POINTING", 1)
    monkeypatch.setattr(search_links, "FEW_LINKED", 1)
    assert pages() == expected


def test_rows_are_told_apart_as_sure_unsure_and_withheld(zone: ZoneStore) -> None:
    sight = sights(zone)["without b, a in part"]
    stored = {one.rid: one for one in zone.scan()}
    with zone.connect() as connection:
        sure, unsure, gone = (
            {row[0] for row in select_rows(connection, limits)}
            for limits in (sight.sure(), sight.unsure(), sight.withheld())
        )
    assert sure | unsure | gone == set(stored)
    assert len(sure) + len(unsure) + len(gone) == len(stored)
    assert {stored[rid].id for rid in gone} == {"b", "a0", "b1", "b2", "b3", "ab"}


def test_a_history_knows_of_the_versions_of_one_patient_alone(zone: ZoneStore) -> None:
    sight = sights(zone)["one patient"]
    versions = zone.history_page(HistoryAsk(sight=sight)).versions
    assert all(patients_of(one.resource()) == ("a",) for one in versions)
    assert {(one.id, one.version) for one in versions if one.id in ("a0", "b0")} == {("a0", 1), ("b0", 2)}
    (one,) = zone.history_page(HistoryAsk("Observation", "a0", sight=sight)).versions
    assert one.version == 1
    with pytest.raises(NotFound):
        zone.history_page(HistoryAsk("Observation", "c1", sight=sight))
    late = 1 << 60
    assert zone.history_page(HistoryAsk("Observation", "a1", since=late, sight=sight)).versions == []
