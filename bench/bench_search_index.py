"""Costs of the search index: extraction, blinding, and searches over a store of many observations.

    CARELOOM_SUITES=... python bench/bench_search_index.py [--observations 1000000]

CPU time, medians. Extraction and blinding run over Synthea resources with cold caches; searches over a made store with
skewed codes (2 % to 0.01 %), 500 observations a patient, dates over ten years, each query with fresh parameters.
"""

import argparse
import collections
import gc
import gzip
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, create_engine

from careloom.fhir import search_values
from careloom.fhir.search_grammar import parse_search
from careloom.fhir.search_index import extract
from careloom.store import search_sql
from careloom.store.blind_index import BlindIndex
from careloom.store.rows import IndexRows
from careloom.store.schema import idx_eq, idx_range, metadata, resource, token_system
from careloom.store.search_links import Index

KEY = bytes(range(32))
LOINC = "http://loinc.org"


def synthea(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Resources of thirty patients by type, references as they are after ids were keyed."""
    found = collections.defaultdict(list)
    for path in sorted((folder / "synthea_bundles/fhir-data-pipes").glob("*.json.gz"))[:30]:
        for entry in orjson.loads(gzip.decompress(path.read_bytes()))["entry"]:
            text = orjson.dumps(entry["resource"]).replace(b"urn:uuid:", b"Patient/")
            found[entry["resource"]["resourceType"]].append(orjson.loads(text))
            found["all types"].append(found[entry["resource"]["resourceType"]][-1])
    return found


def microseconds(work: Callable[[], Any], count: int) -> float:
    start = time.process_time()
    work()
    return (time.process_time() - start) / count * 1e6


def measure_type(items: list[dict[str, Any]]) -> tuple[float, float, list[IndexRows]]:
    """(microseconds to extract, microseconds to blind, rows) over resources of one kind, all caches cold."""
    search_values.TIMES.clear()
    search_values.REFERENCES.clear()
    blind = BlindIndex(KEY)
    entries: list[Any] = []
    rows: list[IndexRows] = []
    extraction = microseconds(lambda: entries.extend(map(extract, items)), len(items))
    pairs = [(item["resourceType"], found) for item, found in zip(items, entries, strict=True)]
    blinding = microseconds(lambda: rows.extend(blind.rows(*pair) for pair in pairs), len(items))
    return extraction, blinding, rows


def measure_extraction(resources: dict[str, list[dict[str, Any]]]) -> None:
    print(f"{'type':24} {'n':>6} {'extract us':>10} {'blind us':>9} {'keys':>6} {'ranges':>6}")
    for name, items in sorted(resources.items(), key=lambda item: -len(item[1]))[:9]:
        rounds = [measure_type(items) for _ in range(5)]
        extraction, blinding = (statistics.median(one[part] for one in rounds) for part in (0, 1))
        rows = rounds[0][2]
        keys, ranges = (sum(len(row[part]) for row in rows) / len(rows) for part in (0, 1))
        print(f"{name:24} {len(items):6} {extraction:10.2f} {blinding:9.2f} {keys:6.1f} {ranges:6.1f}")


def observation(number: int, chance: random.Random) -> dict[str, Any]:
    code = int(200 * chance.random() ** 3)
    day = f"20{chance.randrange(15, 25)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}T10:00:00Z"
    return {
        "resourceType": "Observation",
        "status": "final" if chance.random() < 0.98 else "amended",
        "category": [{"coding": [{"system": "c", "code": chance.choice(["laboratory", "vital-signs"])}]}],
        "code": {"coding": [{"system": LOINC, "code": f"{code}-1"}]},
        "subject": {"reference": f"Patient/p{number // 500}"},
        "encounter": {"reference": f"Encounter/e{number // 20}"},
        "effectiveDateTime": day,
        "valueQuantity": {
            "value": round(chance.gauss(100, 20), 1),
            "system": "http://unitsofmeasure.org",
            "code": "mg",
        },
    }


def patient(number: int) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"family": f"Fam{number}"}], "gender": ("male", "female")[number % 2]}


def fill(connection: Connection, blind: BlindIndex, count: int) -> None:
    chance = random.Random(7)
    eq, ranges, resources, systems = [], [], [], set()
    for number in range(count // 500 + 1):
        rid = count + 1 + number
        rows = blind.index(patient(number))
        eq += [(key, rid) for key in rows.eq]
        systems.update(rows.systems)
        resources.append((rid, "Patient", f"p{number}", 1, 1_700_000_000_000_000, 1, None, False, b"", b"x" * 300))
    for rid in range(1, count + 1):
        rows = blind.index(observation(rid, chance))
        eq += [(key, rid) for key in rows.eq]
        ranges += [(*row, rid) for row in rows.ranges]
        systems.update(rows.systems)
        updated = 1_700_000_000_000_000 + rid * 1000
        resources.append((rid, "Observation", f"{rid:026}", 1, updated, 1, None, False, b"", b"x" * 300))
    eq.sort()
    ranges.sort()
    for table, rows in ((idx_eq, eq), (idx_range, ranges), (resource, resources), (token_system, sorted(systems))):
        columns = ", ".join("?" * len(table.columns))
        statement = f"INSERT INTO {table.name} VALUES ({columns})"
        connection.exec_driver_sql(statement, rows)
        rows.clear()
    connection.commit()


def requests(count: int) -> Iterator[tuple[str, Callable[[random.Random], str]]]:
    """Names and makers of queries."""

    def of_patient(chance: random.Random) -> str:
        return f"Observation?patient=Patient/p{chance.randrange(count // 500)}"

    def code(chance: random.Random) -> str:
        return f"code={LOINC}|{int(200 * chance.random() ** 3)}-1"

    yield "patient + code", lambda r: f"{of_patient(r)}&{code(r)}"
    yield "patient + date", lambda r: f"{of_patient(r)}&date=ge20{r.randrange(15, 25)}-05"
    yield "patient + category + date", lambda r: f"{of_patient(r)}&category=laboratory&date=ge20{r.randrange(15, 25)}"
    yield "patient, newest first", lambda r: f"{of_patient(r)}&_sort=-_lastUpdated"
    yield "code", lambda r: f"Observation?{code(r)}"
    yield "code, newest first", lambda r: f"Observation?{code(r)}&_sort=-_lastUpdated"
    yield "code + value > 150", lambda r: f"Observation?{code(r)}&value-quantity=gt150||mg"
    yield "code + rare status + date", lambda r: f"Observation?{code(r)}&status=amended&date=20{r.randrange(15, 25)}"
    yield "one day", lambda r: f"Observation?date=20{r.randrange(15, 25)}-05-{r.randrange(1, 29):02}"
    yield "date from, all later", lambda r: f"Observation?date=ge20{r.randrange(15, 25)}-05"
    yield "code:not", lambda r: f"{of_patient(r)}&{code(r).replace('code=', 'code:not=')}"
    yield "component-code:missing", lambda r: "Observation?component-code:missing=true"
    yield "nothing found", lambda r: f"Observation?status=registered&{code(r)}"
    yield "patient, latest first", lambda r: f"{of_patient(r)}&_sort=-date"
    yield "code, latest first", lambda r: f"Observation?{code(r)}&_sort=-date"
    yield "code + value in grams", lambda r: f"Observation?{code(r)}&value-quantity=gt0.15|http://unitsofmeasure.org|g"
    yield "chain: patient's name", lambda r: f"Observation?patient.name=fam{r.randrange(count // 500)}&{code(r)}"
    yield "chain: half of all patients", lambda r: f"Observation?patient.gender=male&{code(r)}"
    yield "_has: code of a patient", lambda r: f"Patient?family=fam{r.randrange(99)}&_has:Observation:patient:{code(r)}"
    yield "_has: code, every patient", lambda r: f"Patient?_has:Observation:patient:{code(r)}"
    yield "count of patient", lambda r: f"{of_patient(r)}&_summary=count"
    yield "count of code", lambda r: f"Observation?{code(r)}&_summary=count"


def measure_searches(connection: Connection, blind: BlindIndex, count: int) -> None:
    print(f"{'search (page of 50)':28} {'p50 ms':>8} {'p99 ms':>8} {'found':>6}")
    chance = random.Random(11)
    for name, make in requests(count):
        times, found = [], 0
        for _ in range(30 if "count of code" in name else 100):
            query = parse_search(make(chance))
            start = time.process_time()
            page = search_sql.search(Index(connection, blind, lambda kind, one: (one,)), query, limit=50)
            times.append((time.process_time() - start) * 1000)
            found += len(page.rids)
        times.sort()
        print(
            f"{name:28} {statistics.median(times):8.2f} {times[int(len(times) * 0.99)]:8.2f} {found / len(times):6.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--observations", type=int, default=200_000)
    arguments = parser.parse_args()
    gc.disable()
    measure_extraction(synthea(Path(os.environ["CARELOOM_SUITES"])))
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/store.db")
        metadata.create_all(engine)
        blind = BlindIndex(KEY)
        with engine.connect() as connection:
            fill(connection, blind, arguments.observations)
            size = Path(folder, "store.db").stat().st_size
            print(f"{arguments.observations} observations, {size / 1e6:.0f} MB with 300-byte bodies")
            measure_searches(connection, blind, arguments.observations)
        engine.dispose()


if __name__ == "__main__":
    main()
