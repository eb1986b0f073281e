"""Costs of the search index: extraction, blinding, and searches over a store of many observations.

    CARELOOM_SUITES=... python bench/bench_search_index.py [--observations 1000000] [--folder DIR] [--postgresql URL]

CPU time, medians. Extraction and blinding run over Synthea resources with cold caches; searches over a made store with
skewed codes (2 % to 0.01 %), 500 observations a patient, dates over ten years, each query with fresh parameters.
A folder keeps the store, so that it is made once. PostgreSQL gets a copy of it; its CPU time is that of the client and
of its server process together. Wall time is told beside it: on a machine that does other work it is mostly waiting.
"""

import argparse
import collections
import gc
import gzip
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Boolean, Connection, Engine, create_engine, inspect

from careloom.crypto.envelope import Sealer, nonces
from careloom.errors import QueryError
from careloom.fhir import search_values
from careloom.fhir.search_grammar import parse_search
from careloom.fhir.search_index import extract
from careloom.store import bulk, search_sql
from careloom.store.blind_index import BlindIndex
from careloom.store.rows import IndexRows
from careloom.store.schema import idx_eq, idx_range, metadata, resource, token_system
from careloom.store.seal import Bodies
from careloom.store.search_links import Index

KEY = bytes(range(32))
SEALER, BODIES = Sealer(KEY), Bodies()
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


def sealed(content: dict[str, Any]) -> bytes:
    return BODIES.seal(SEALER, orjson.dumps(content), b"", nonces(1)[0])


def reader(connection: Connection) -> Callable[[Any], Iterator[tuple[int, dict[str, Any]]]]:
    """Reads and unseals contents, in the order asked, as a zone does."""

    def read(rids: Any) -> Iterator[tuple[int, dict[str, Any]]]:
        rows = dict(bulk.fetch_in(connection, "SELECT rid, body FROM resource WHERE rid {in}", rids))
        open_one = BODIES.batch_open()
        return ((rid, orjson.loads(open_one(SEALER, bytes(rows[rid]), b""))) for rid in rids)

    return read


def observation(number: int, chance: random.Random, patient_number: int) -> dict[str, Any]:
    code = int(200 * chance.random() ** 3)
    day = f"20{chance.randrange(15, 25)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}T10:00:00Z"
    return {
        "resourceType": "Observation",
        "status": "final" if chance.random() < 0.98 else "amended",
        "category": [{"coding": [{"system": "c", "code": chance.choice(["laboratory", "vital-signs"])}]}],
        "code": {"coding": [{"system": LOINC, "code": f"{code}-1"}]},
        "subject": {"reference": f"Patient/p{patient_number}"},
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


def fill(connection: Connection, blind: BlindIndex, count: int, *, is_scattered: bool) -> None:
    """is_scattered  what is about one patient did not arrive together"""
    chance, patients = random.Random(7), count // 500
    eq, ranges, resources, systems = [], [], [], set()
    for number in range(count // 500 + 1):
        rid = count + 1 + number
        content = patient(number)
        rows = blind.index(content)
        eq += [(key, rid) for key in rows.eq]
        systems.update(rows.systems)
        resources.append((rid, "Patient", f"p{number}", 1, 1_700_000_000_000_000, 1, None, False, b"", sealed(content)))
    for rid in range(1, count + 1):
        content = observation(rid, chance, rid * 7919 % patients if is_scattered else rid // 500)
        rows = blind.index(content)
        eq += [(key, rid) for key in rows.eq]
        ranges += [(*row, rid) for row in rows.ranges]
        systems.update(rows.systems)
        updated = 1_700_000_000_000_000 + rid * 1000
        resources.append((rid, "Observation", f"{rid:026}", 1, updated, 1, None, False, b"", sealed(content)))
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


def cpu_of(connection: Connection) -> Callable[[], float]:
    """Reads the seconds of CPU that this process, and on PostgreSQL the one that serves the connection, have used."""
    if connection.dialect.name == "sqlite":
        return time.process_time
    server = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    ran = Path(f"/proc/{server}/schedstat")
    return lambda: time.process_time() + int(ran.read_text().split()[0]) / 1e9


def measure_searches(connection: Connection, blind: BlindIndex, count: int, arguments: argparse.Namespace) -> None:
    print(f"{'search (page of 50)':28} {'p50 ms':>8} {'p99 ms':>8} {'wall p50':>8} {'wall p99':>8} {'found':>6}")
    chance, cpu, read = random.Random(11), cpu_of(connection), reader(connection)
    every: list[list[float]] = [[], []]
    samples = arguments.samples
    for name, make in requests(count):
        if arguments.kinds not in name:
            continue
        times, walls, found, refused = [], [], 0, 0
        for _ in range(samples):
            query = parse_search(make(chance))
            start, begun = cpu(), time.perf_counter()
            try:
                index = Index(connection, blind, lambda kind, one: (one,), read)
                page = search_sql.search(index, query, limit=50)
                found += len(page.rids)
            except QueryError:  # more than a link may have at one end
                refused += 1
            walls.append((time.perf_counter() - begun) * 1000)
            times.append((cpu() - start) * 1000)
        say(name, times, walls, f"{found / samples:6.1f}" + (f"  {refused} refused" if refused else ""))
        if not refused:
            every[0] += times
            every[1] += walls
    say("all that are answered", *every, "")


def say(name: str, times: list[float], walls: list[float], more: str) -> None:
    edges = [each[len(each) * part // 100] for each in (sorted(times), sorted(walls)) for part in (50, 99)]
    print(f"{name:28} {' '.join(f'{one:8.2f}' for one in edges)} {more}", flush=True)


def made_sqlite(place: Path, blind: BlindIndex, count: int, *, is_scattered: bool) -> Engine:
    """The store at a place, made if it is not there."""
    engine = create_engine(f"sqlite:///{place}")
    if not place.is_file():
        metadata.create_all(engine)
        with engine.connect() as connection:
            fill(connection, blind, count, is_scattered=is_scattered)
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    return engine


def made_postgresql(url: str, source: Path) -> Engine:
    """A copy of the SQLite store in an empty database of PostgreSQL, or the one that was made there before."""
    engine = create_engine(url)
    with engine.connect() as connection, sqlite3.connect(source) as made:
        if inspect(connection).has_table("idx_eq"):
            return engine
        connection.exec_driver_sql("SET session_replication_role TO replica")
        metadata.create_all(connection)
        for table in (idx_eq, idx_range, resource, token_system):
            names = [column.name for column in table.columns]
            flags = [isinstance(column.type, Boolean) for column in table.columns]
            cursor = connection.connection.driver_connection.cursor()
            with cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as lines:
                for row in made.execute(f"SELECT {', '.join(names)} FROM {table.name}"):
                    lines.write_row([bool(value) if flag else value for value, flag in zip(row, flags, strict=True)])
        connection.commit()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    return engine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--observations", type=int, default=200_000)
    parser.add_argument("--samples", type=int, default=200, help="Searches of each kind.")
    parser.add_argument("--folder", type=Path, help="Keep the store here, and use it again.")
    parser.add_argument("--postgresql", default="", help="URL of an empty database, or of one that this filled.")
    parser.add_argument("--scattered", action="store_true", help="What is about one patient did not arrive together.")
    parser.add_argument("--kinds", default="", help="Only searches whose name holds this.")
    parser.add_argument("--searches", action="store_true", help="Leave extraction out.")
    arguments = parser.parse_args()
    gc.disable()
    if not arguments.searches:
        measure_extraction(synthea(Path(os.environ["CARELOOM_SUITES"])))
    with tempfile.TemporaryDirectory() as temporary:
        folder, count, blind = arguments.folder or Path(temporary), arguments.observations, BlindIndex(KEY)
        folder.mkdir(exist_ok=True)
        source = folder / f"store-{count}{'-scattered' * arguments.scattered}.db"
        engines = [made_sqlite(source, blind, count, is_scattered=arguments.scattered)]
        print(f"{count} observations, {source.stat().st_size / 1e6:.0f} MB with sealed bodies")
        if arguments.postgresql:
            engines.append(made_postgresql(arguments.postgresql, source))
        for engine in engines:
            print(f"{engine.dialect.name}, load {' '.join(f'{one:.1f}' for one in os.getloadavg())}")
            with engine.connect() as connection:
                if engine.dialect.name == "postgresql":
                    connection.exec_driver_sql("SET max_parallel_workers_per_gather = 0")
                measure_searches(connection, blind, count, arguments)
            engine.dispose()


if __name__ == "__main__":
    main()
