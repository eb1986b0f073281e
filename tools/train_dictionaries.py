"""Trains the zstd dictionaries of the store on simulated records only, and measures them on records of others.

Usage: python tools/train_dictionaries.py [--suites FOLDER] [--people 2000]

Writes src/careloom/store/dictionaries/{fhir,hl7v2,csv}.zdict. No byte of --suites enters a dictionary: it is only read
to print how well records that others wrote compress. Same seed and same zstandard release, same bytes.
A dictionary that has shipped keeps its bytes for ever: bodies in stores depend on it. A better one gets a new number.
"""

import argparse
import csv
import gzip
import io
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import make_sample_hospital_csv as delimited
import make_sample_hospital_fhir as sample
import make_sample_hospital_hl7v2 as hl7v2
import zstandard
from make_sample_hospital_people import Person, make_clinicians, make_person
from train_dictionaries_documents import billing_shapes, document_shapes
from train_dictionaries_parties import person_shapes
from train_dictionaries_shapes import (
    Style,
    context_of,
    encounter_shape,
    nameless,
    observation_shapes,
    order_shapes,
)

from careloom.store.rows import canonical

TARGET = Path(__file__).resolve().parent.parent / "src" / "careloom" / "store" / "dictionaries"
SEED = 20_260_115
LEVEL = 3
SIZES = {"fhir": 112_640, "hl7v2": 32_768, "csv": 32_768}
NUMBERS = {"fhir": 0x43_4C_01, "hl7v2": 0x43_4C_02, "csv": 0x43_4C_03}


def people(count: int) -> Iterator[tuple[Person, Random]]:
    """People with visits and without names."""
    chance = Random(SEED)
    clinicians = make_clinicians(chance)
    number = 0
    while number < count:
        own = Random(chance.getrandbits(64))
        person = make_person(own, number, clinicians)
        if person.visits:
            number += 1
            nameless(person, clinicians, own)
            yield person, own


def fhir_records(count: int) -> list[bytes]:
    """Resources as they are stored and as they arrive."""
    found = []
    for person, chance in people(count):
        style = Style(chance)
        context = context_of(person, person.visits[-1], style)
        shapes = [encounter_shape(context), *observation_shapes(context), *order_shapes(context)]
        shapes += [*document_shapes(context), *billing_shapes(context), *person_shapes(person, style)]
        shapes += chance.sample(sample.record(person, sample.Links(bulk=chance.random() < 0.5)), 4)
        for shape in shapes:
            found += [_compact(shape), canonical(shape)]
    return found


def hl7v2_records(count: int) -> list[bytes]:
    """Messages."""
    found: list[bytes] = []
    feed = hl7v2.Feed()
    for person, chance in people(count):
        visit = chance.choice(person.visits)
        found.append(feed.admission(person, visit, chance.choice(("A01", "A03", "A04", "A08"))))
        found += feed.results(person, visit)
        found.append(feed.document(person, visit))
    return found


def csv_records(count: int) -> list[bytes]:
    """Runs of rows of one patient, and headers."""
    found: list[bytes] = []
    for person, _ in people(count):
        for data in delimited.files([person], [person.visits[0].clinician]).values():
            header, *rows = data.rstrip(b"\n").split(b"\n")
            found += [header] if len(found) < 200 else []
            found += [b"\n".join(rows[start : start + 40]) for start in range(0, len(rows), 40)]
    return found


RECORDS: dict[str, Callable[[int], list[bytes]]] = {"fhir": fhir_records, "hl7v2": hl7v2_records, "csv": csv_records}


def train(name: str, count: int) -> bytes:
    """The dictionary of one format; parameters are fixed so that training is repeatable."""
    records = RECORDS[name](count)
    made = zstandard.train_dictionary(
        SIZES[name], records, k=1024, d=6, f=20, accel=1, level=LEVEL, dict_id=NUMBERS[name]
    )
    return made.as_bytes()


def ratio(dictionary: bytes | None, records: list[bytes]) -> tuple[float, float]:
    """(plain bytes per packed byte, records per second of processor time) when each record is packed alone."""
    shared = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
    if shared:
        shared.precompute_compress(level=LEVEL)
    compressor = zstandard.ZstdCompressor(level=LEVEL, dict_data=shared, write_dict_id=False, write_checksum=False)
    times = []
    for _ in range(3):
        start = time.process_time()
        packed = sum(len(compressor.compress(record)) for record in records)
        times.append(time.process_time() - start)
    return sum(map(len, records)) / packed, len(records) / statistics.median(times)


def others(suites: Path) -> dict[str, list[bytes]]:
    """Records that other people's software wrote, by what they are."""
    found: dict[str, list[bytes]] = {
        "fhir: Synthea bundles": bundles(suites),
        "fhir: Synthea bulk": [],
        "fhir: US Core examples": [],
    }
    for path in sorted((suites / "synthea_bulk_ndjson" / "10-patients").glob("*.gz")):
        found["fhir: Synthea bulk"] += gzip.decompress(path.read_bytes()).splitlines()
    for path in sorted((suites / "us_core_examples").rglob("*.json")):
        found["fhir: US Core examples"].append(_compact(json.loads(path.read_bytes())))
    found["hl7v2: messages of another converter"] = [
        path.read_bytes() for path in sorted((suites / "hl7v2_ms_fhir_converter").glob("*.hl7"))
    ]
    found["csv: Synthea, one patient at a time"] = list(_runs(suites / "synthea_csv"))
    return found


def bundles(suites: Path, every: int = 1) -> list[bytes]:
    """The resources in each so many-th of Synthea's bundles."""
    found = []
    for path in sorted((suites / "synthea_bundles").glob("*/*.gz"))[::every]:
        entries = json.loads(gzip.decompress(path.read_bytes()))["entry"]
        found += [_compact(entry["resource"]) for entry in entries]
    return found


def _compact(resource: object) -> bytes:
    return json.dumps(resource, separators=(",", ":"), ensure_ascii=False).encode()


def _runs(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.glob("*.csv")):
        header, *rows = path.read_text().splitlines()
        cells = next(csv.reader(io.StringIO(header)))
        if "PATIENT" not in cells:
            continue
        runs: dict[str, list[str]] = {}
        for row in rows:
            runs.setdefault(row.split(",")[cells.index("PATIENT")], []).append(row)
        for run in runs.values():
            yield from ("\n".join(run[start : start + 256]).encode() for start in range(0, len(run), 256))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", type=Path)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--only", choices=sorted(RECORDS))
    options = parser.parse_args()
    TARGET.mkdir(exist_ok=True)
    for name in [options.only] if options.only else RECORDS:
        (TARGET / f"{name}.zdict").write_bytes(train(name, options.people))
        print(f"{name}.zdict: {(TARGET / f'{name}.zdict').stat().st_size} bytes")
    if options.suites:
        for what, records in others(options.suites).items():
            dictionary = (TARGET / f"{what.partition(':')[0]}.zdict").read_bytes()
            alone, with_it = ratio(None, records), ratio(dictionary, records)
            rate = f"{with_it[1]:,.0f} records/s"
            print(f"{what}: {len(records)} records, ratio {alone[0]:.2f} without, {with_it[0]:.2f} with, {rate}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
