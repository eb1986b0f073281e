"""Makes the bundled simulated hospital: 100 people who do not exist, in every format that is read, and broken files.

Usage: python tools/make_sample_hospital.py [--seed 7] [--suites FOLDER] [--check]

Writes src/careloom/sample/hospital.zip. With --suites every code is looked up in the terminologies there; with --check
nothing is written and the run fails when the file in the repository differs. Same seed, same content.
"""

import argparse
import gzip
import io
import sys
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import make_sample_hospital_broken as broken
import make_sample_hospital_bundles as bundles
import make_sample_hospital_codes as codes
import make_sample_hospital_csv as delimited
import make_sample_hospital_fhir as fhir
import make_sample_hospital_hl7v2 as hl7v2
from make_sample_hospital_notes import note_file
from make_sample_hospital_people import TODAY, Clinician, Person, make_clinicians, make_person

SEED = 7
PEOPLE = 100
TARGET = Path(__file__).resolve().parent.parent / "src" / "careloom" / "sample" / "hospital.zip"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_SENT = datetime(TODAY.year, TODAY.month, TODAY.day, 6, tzinfo=UTC)


@dataclass(frozen=True)
class Hospital:
    """Who is treated and by whom, and through which feed each person is sent; some come through two."""

    people: list[Person]
    clinicians: list[Clinician]

    @property
    def by_bundle(self) -> list[Person]:
        return self.people[:34]

    @property
    def by_bulk(self) -> list[Person]:
        return self.people[34:56]

    @property
    def by_message(self) -> list[Person]:
        return self.people[30:34] + self.people[56:80]

    @property
    def by_extract(self) -> list[Person]:
        return self.people[52:56] + self.people[80:]


def simulate(seed: int, count: int) -> Hospital:
    """People with at least one visit each."""
    chance = Random(seed)
    clinicians = make_clinicians(chance)
    people: list[Person] = []
    number = 0
    while len(people) < count:
        number += 1
        person = make_person(Random(chance.getrandbits(64)), number, clinicians)
        if person.visits:
            people.append(person)
    return Hospital(people, clinicians)


def sample_files(seed: int = SEED) -> dict[str, bytes]:
    """Path inside the zip -> bytes."""
    hospital = simulate(seed, PEOPLE)
    found: dict[str, bytes] = {}
    found["fhir/hospital.json"] = bundles.transaction(bundles.staff(hospital.clinicians), indent=2)
    for number, person in enumerate(hospital.by_bundle):
        bundle = bundles.transaction(fhir.record(person, fhir.Links(bulk=False)), indent=2 if number % 7 == 0 else None)
        found[f"fhir/bundles/{person.mrn}.json"] = bundle
    found |= {f"fhir/bulk/{kind}.ndjson.gz": gzip.compress(data, mtime=0) for kind, data in _bulk(hospital).items()}
    found |= {f"hl7v2/{name}": data for name, data in _messages(hospital).items()}
    extract = delimited.files(hospital.by_extract, hospital.clinicians)
    found |= {f"csv/{name}": data for name, data in extract.items()}
    for person in hospital.by_extract:
        for visit in person.visits[-2:]:
            found[f"notes/{visit.number}.txt"] = _with_ids(note_file(person, visit), person, visit.number, visit.id)
    found |= {f"broken/{name}": data for name, data in broken.files(hospital.people[0]).items()}
    return found


def _with_ids(note: bytes, person: Person, number: str, visit_id: str) -> bytes:
    """The note under the ids that the extract uses, so that both are about the same person and visit."""
    head, _, text = note.partition(b"\n\n")
    head = head.replace(person.mrn.encode(), person.id.encode(), 1).replace(number.encode(), visit_id.encode(), 1)
    return head + b"\n\n" + text


def _bulk(hospital: Hospital) -> dict[str, bytes]:
    by_kind: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    links = fhir.Links(bulk=True)
    for resource in bundles.staff(hospital.clinicians):
        by_kind[resource["resourceType"]].append(resource)
    for person in hospital.by_bulk:
        for resource in fhir.record(person, links):
            by_kind[resource["resourceType"]].append(resource)
    return {kind: bundles.lines(resources) for kind, resources in sorted(by_kind.items())}


def _messages(hospital: Hospital) -> dict[str, bytes]:
    feed = hl7v2.Feed()
    alone: dict[str, bytes] = {}
    results: list[bytes] = []
    documents: list[bytes] = []
    for place, person in enumerate(hospital.by_message):
        for number, visit in enumerate(person.visits):
            events = ("A01", "A03") if visit.kind == "inpatient" else ("A04", "A08")
            for event in events if number == len(person.visits) - 1 or visit.kind == "inpatient" else events[:1]:
                alone[f"adt/{visit.number}-{event}.hl7"] = feed.admission(person, visit, event)
            results += feed.results(person, visit)
            documents.append(feed.document(person, visit))
        if place % 9 == 0:
            alone[f"adt/{person.mrn}-A40.hl7"] = feed.merge(person, f"9{person.mrn[1:]}", person.visits[-1].stop)
    return alone | {
        "results.batch.hl7": hl7v2.batch(results, _SENT),
        "documents.mllp": hl7v2.framed(documents),
    }


def packed(files: dict[str, bytes]) -> bytes:
    """The zip: names in order, no dates."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED, 9)
    return held.getvalue()


def unpacked(data: bytes) -> dict[str, bytes]:
    """Path -> bytes of a packed hospital."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def comparable(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files without what depends on the compressor's version: gzip unpacked, broken archives by name only."""
    found = {}
    for name, data in files.items():
        is_archive = name.endswith((".gz", ".zip"))
        if is_archive and name.startswith("broken/"):
            found[name] = b""
        else:
            found[name] = gzip.decompress(data) if is_archive else data
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--suites", type=Path)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.suites and (missing := codes.unknown(options.suites)):
        print("codes that no terminology holds:", *missing, sep="\n  ")
        return 1
    files = sample_files(options.seed)
    if options.check:
        if comparable(unpacked(TARGET.read_bytes())) == comparable(files):
            return 0
        print(f"{TARGET} differs: run python tools/make_sample_hospital.py")
        return 1
    data = packed(files)
    TARGET.write_bytes(data)
    print(f"{TARGET}: {len(files)} files, {sum(map(len, files.values()))} bytes, packed {len(data)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
