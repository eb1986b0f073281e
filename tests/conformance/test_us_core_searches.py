"""Every search that US Core says a server SHALL answer finds on others' records what reading all of them finds."""

import gzip
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from sqlalchemy import create_engine

from careloom.fhir.search_grammar import parse_search
from careloom.fhir.search_parameters import resource_types
from careloom.store import bulk
from careloom.store.blind_index import BlindIndex
from careloom.store.schema import idx_eq, idx_range, metadata, resource, token_system
from careloom.store.search_links import Index
from careloom.store.search_sql import search
from tests.conformance.us_core_scan import SEARCHES, meets, values

FILES = (
    "synthea_bundles/pathling/[AB]*.json.gz", "synthea_bundles/ms-anonymizer/[Chp]*.json.gz",
    "synthea_bundles/fhir-data-pipes/Levi*.json.gz", "us_core_examples/*.json*",
)  # fmt: skip
TRIED = 6
"""Searches of one row."""


def resources_of(folder: Path) -> list[dict[str, Any]]:
    """Every resource of the files, each under an id of its own, with references between those of one file."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for pattern in FILES:
        for path in sorted(folder.glob(pattern)):
            raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            content = orjson.loads(raw)
            entries = content.get("entry", [{"resource": content}]) if isinstance(content, dict) else []
            links = {
                entry["fullUrl"]: f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
                for entry in entries
                if str(entry.get("fullUrl", "")).startswith("urn:uuid:")
            }
            for entry in entries:
                one = linked(entry["resource"], links)
                if one.get("resourceType") in resource_types() and "id" in one:
                    found[one["resourceType"], one["id"]] = one
    return list(found.values())


def linked(value: Any, links: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            name: links.get(below, below) if name == "reference" and isinstance(below, str) else linked(below, links)
            for name, below in value.items()
        }
    return [linked(one, links) for one in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def records(suites: Path) -> list[dict[str, Any]]:
    return resources_of(suites)


@pytest.fixture(scope="module")
def index(records: list[dict[str, Any]]) -> Iterator[Index]:
    engine, blind = create_engine("sqlite://"), BlindIndex(bytes(range(32)))
    metadata.create_all(engine)
    with engine.connect() as connection:
        systems = set()
        for rid, one in enumerate(records):
            rows = blind.index(one)
            bulk.insert(connection, resource, [(rid, one["resourceType"], one["id"], 1, rid, 1, None, False, b"", b"")])
            bulk.insert(connection, idx_eq, [(key, rid) for key in rows.eq])
            bulk.insert(connection, idx_range, [(*row, rid) for row in rows.ranges])
            systems.update(rows.systems)
        bulk.insert(connection, token_system, sorted(systems))
        yield Index(connection, blind, lambda kind, one: (one,))
    engine.dispose()


def tried(records: list[dict[str, Any]], kind: str, names: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Values for a row: those of resources that have one for each parameter, evenly over the records, each once."""
    given = []
    for one in records:
        each = {name: values(one, name) for name in names} if one["resourceType"] == kind else {}
        if each and all(each.values()):
            number = len(given)
            given.append({name: found[number % len(found)] for name, found in each.items()})
    distinct = list({tuple(row.items()): row for row in given}.values())
    yield from distinct[:: max(1, len(distinct) // TRIED)][:TRIED]


def test_every_shall_search_finds_what_reading_everything_finds(records: list[dict[str, Any]], index: Index) -> None:
    by_type = defaultdict(list)
    for rid, one in enumerate(records):
        by_type[one["resourceType"]].append((rid, one))
    untried = []
    for kind, names in SEARCHES:
        count = 0
        for row in tried(records, kind, names):
            text = f"{kind}?{'&'.join(f'{name}={quote(escaped(value))}' for name, value in row.items())}"
            expected = {rid for rid, one in by_type[kind] if all(meets(one, *pair) for pair in row.items())}
            found = search(index, parse_search(text), limit=10_000).rids
            assert (text, set(found)) == (text, expected)
            count += len(expected)
        untried += [] if count else [(kind, names)]
    assert untried == []


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("$", "\\$")
