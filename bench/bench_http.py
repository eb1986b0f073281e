"""The server over HTTP: an upload of 100 MB, then reads, searches and transactions, authenticated and audited.

Everything runs on one machine: the server (two processes of eight threads, and the job worker), wrk, and this script.
"""

import os
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.services.access import local_operator
from careloom.services.clients import ClientAsk, register_client
from careloom.services.platform import Platform
from careloom.settings import Data, Settings
from make_ndjson import source_resources, write_fresh
from measure import report
from server import Server, careloom, constant, free_port, has_wrk, load

SIZE_BYTES = 100_000_000
SECONDS = int(os.environ.get("BENCH_SECONDS", "10"))
PATHS = 10_000
BUNDLES, ENTRIES = 500, 20
CLIENT = "bench"


def register(data: Path) -> str:
    """The secret of a client that may upload, read and search."""
    ask = ClientAsk(CLIENT, roles=frozenset({"data-engineer"}), zones=frozenset({"landing", "identified"}))
    with Platform(Settings(data=Data(directory=data))) as platform:
        return register_client(platform, local_operator("bench"), ask).secret


def upload(api: Careloom, server: Server, feed: Path, lines: int) -> None:
    """Measures an upload from the first byte sent to the last resource durable."""
    with server.watched() as seen:
        started = time.perf_counter()
        sent = api.ingestions.upload(feed)
        arrived = time.perf_counter() - started
        ended = api.ingestions.wait(sent.id, poll=0.2)
        seconds = time.perf_counter() - started
    totals = ended.totals
    if totals.records != lines or totals.quarantined:
        raise SystemExit(f"of {lines} records {totals.records} were read and {totals.quarantined} refused")
    report("HTTP upload of 100 MB NDJSON, resources per wall second until all are durable", lines / seconds, "1/s",
           must=3_000, aim=6_000)  # fmt: skip
    report("HTTP upload of 100 MB NDJSON, bytes received", SIZE_BYTES / arrived / 1e6, "MB/s")
    report("HTTP upload of 100 MB NDJSON, peak memory of all server processes", max(seen), "MB", must=400,
           lower_is_better=True)  # fmt: skip


def write_paths(data: Path, reads: Path, searches: Path) -> None:
    """Addresses of stored resources of all types, and searches of six kinds for what is there."""
    chance = random.Random(20261122)
    with Platform(Settings(data=Data(directory=data))) as platform:
        store = platform.store("identified")
        with store.connect() as connection:
            rows = connection.exec_driver_sql("SELECT type, id FROM resource WHERE NOT deleted ORDER BY type, id")
            names = [(str(row[0]), str(row[1])) for row in rows]
        observed = [one for kind, one in names if kind == "Observation"]
        found = store.read_named("Observation", chance.sample(observed, min(len(observed), 2_000)))
        observations = [stored.resource() for stored in found.values()]
    patients = [one for kind, one in names if kind == "Patient"]
    reads.write_text("".join(f"/fhir/identified/{kind}/{one}\n" for kind, one in chance.choices(names, k=PATHS)))
    lines = [_search(number % 6, chance, observations, patients) for number in range(PATHS)]
    searches.write_text("".join(f"/fhir/identified/{line}&_count=20\n" for line in lines))


def _search(kind: int, chance: random.Random, observations: list[dict[str, Any]], patients: list[str]) -> str:
    one = chance.choice(observations)
    patient = one.get("subject", {}).get("reference", "Patient/none").rpartition("/")[2]
    day = str(one.get("effectiveDateTime", "2015"))[:10]
    code = f"http://loinc.org%7C{one['code']['coding'][0]['code']}"
    return (
        f"Observation?patient={patient}&code={code}",
        f"Observation?code={code}&date=ge{day}",
        f"Observation?patient={patient}&date=ge{day}",
        f"Observation?date={day}",
        f"Condition?patient={chance.choice(patients)}",
        f"Patient?_id={chance.choice(patients)}",
    )[kind]


def measure_loads(server: Server, token: str, ceiling: float, reads: Path, searches: Path) -> None:
    """Measures reads and searches."""
    for what, paths, must, aim in (("read", reads, 700, 1_500), ("search", searches, 250, 600)):
        seen = load(server, paths, seconds=SECONDS, token=token)
        report(f"HTTP {what}, authenticated and audited, two processes", seen.rate, "1/s", must=must, aim=aim)
        report(f"HTTP {what}, share of the rate of a constant answer", seen.rate / ceiling, "")
        report(f"HTTP {what}, CPU time of the server for one", seen.cpu_ms, "ms")
        report(f"HTTP {what}, half of the answers within", seen.p50_ms, "ms")
        report(f"HTTP {what}, 99 of 100 answers within", seen.p99_ms, "ms")
        report(f"HTTP {what}, answers refused or missing", seen.refused + seen.broken, "", must=0, lower_is_better=True)
    report("HTTP server, memory of all processes after reads and searches", server.megabytes(), "MB", must=400,
           lower_is_better=True)  # fmt: skip


def write_bundles(data: Path, bundles: Path, resources: list[dict[str, Any]]) -> None:
    """Transactions of 20 observations as Synthea writes them, each about a stored patient."""
    chance = random.Random(20261201)
    with (
        Platform(Settings(data=Data(directory=data))) as platform,
        platform.store("identified").connect() as connection,
    ):
        rows = connection.exec_driver_sql("SELECT id FROM resource WHERE type = 'Patient' AND NOT deleted ORDER BY id")
        patients = [f"Patient/{row[0]}" for row in rows]
    observed = [
        {name: value for name, value in one.items() if name not in ("id", "encounter", "meta", "performer")}
        for one in resources
        if one["resourceType"] == "Observation"
    ]
    with bundles.open("wb") as out:
        for _ in range(BUNDLES):
            subject = {"reference": chance.choice(patients)}
            entry = [
                {"resource": one | {"subject": subject}, "request": {"method": "POST", "url": "Observation"}}
                for one in chance.sample(observed, ENTRIES)
            ]
            out.write(orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entry}) + b"\n")


def measure_transactions(server: Server, token: str, bundles: Path) -> None:
    """Measures transactions, by the resources that they make durable."""
    seen = load(server, bundles, seconds=SECONDS, token=token, script="wrk_bundles.lua")
    what = f"HTTP transaction of {ENTRIES} resources, authenticated and audited, two processes"
    report(f"{what}, resources", seen.rate * ENTRIES, "1/s", must=2_000, aim=6_000)
    report(f"{what}, CPU time of the server for one resource", seen.cpu_ms / ENTRIES, "ms")
    report(f"{what}, half of the answers within", seen.p50_ms, "ms")
    report(f"{what}, 99 of 100 answers within", seen.p99_ms, "ms")
    report(f"{what}, answers refused or missing", seen.refused + seen.broken, "", must=0, lower_is_better=True)


def syncs_per_second(folder: Path) -> float:
    """How often this disk makes one written block durable, one after the other: what every audit event waits for."""
    descriptor = os.open(folder / "synced", os.O_RDWR | os.O_CREAT, 0o600)
    block, count = bytes(4096), 0
    os.pwrite(descriptor, block, 0)
    until = time.perf_counter() + 1
    while time.perf_counter() < until:
        os.pwrite(descriptor, block, 0)
        os.fdatasync(descriptor)
        count += 1
    os.close(descriptor)
    return float(count)


def check_chain(data: Path) -> None:
    """Every answer has its event, and the chain is whole."""
    with Platform(Settings(data=Data(directory=data))) as platform:
        store = platform.store("identified")
        chain = store.verify_audit()
        with store.connect() as connection:
            rows = connection.exec_driver_sql("SELECT json_extract(body, '$.operation') FROM audit")
            operations = Counter(row[0] for row in rows)
    if not chain.is_whole or chain.anchored != chain.rows:
        raise SystemExit("the audit chain is not whole")
    report(
        "HTTP, audit events of reads and searches in the verified chain", operations["read"] + operations["search"], ""
    )


def main() -> None:
    """Runs on Synthea's resources under CARELOOM_SUITES."""
    suites = os.environ.get("CARELOOM_SUITES")
    if not suites:
        raise SystemExit("Set CARELOOM_SUITES: the feed is made of Synthea's resources.")
    if not has_wrk():
        print("SKIPPED: wrk is not installed (Debian: apt install wrk)")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, feed, reads, searches, bundles = (
            folder / part for part in ("data", "feed.ndjson", "reads", "searches", "bundles")
        )
        resources = source_resources(Path(suites))
        lines = write_fresh(feed, resources, size_bytes=SIZE_BYTES)
        secret = register(data)
        with careloom(free_port(), data) as server:
            with Careloom(server.url, ClientSecret(CLIENT, secret)) as api:
                upload(api, server, feed, lines)
            write_paths(data, reads, searches)
            write_bundles(data, bundles, resources)
        with constant(free_port()) as server:
            ceiling = load(server, reads, seconds=SECONDS).rate
        report("HTTP, a constant answer by the same server program, in the same run", ceiling, "1/s")
        report("the disk, blocks made durable one by one, in the same run", syncs_per_second(folder), "1/s")
        with careloom(free_port(), data) as server, Careloom(server.url, ClientSecret(CLIENT, secret)) as api:
            server.settle()
            measure_loads(server, api.sign_in().text, ceiling, reads, searches)
            measure_transactions(server, api.sign_in().text, bundles)
        check_chain(data)


if __name__ == "__main__":
    main()
