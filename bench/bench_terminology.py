"""Costs of terminology: units, packaged tables, and loading a release of SNOMED CT's size.

    python bench/bench_terminology.py [--descriptions 500000]

CPU time, medians where a call is short. The release is made here: concepts in a tree of ten children each, two names a
concept (one fully specified, one preferred), one is-a and a language row each; it is written as RF2 into a zip archive.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from careloom.store.terminology import TerminologyStore
from careloom.store.terminology_files import files_of
from careloom.terminology import ucum
from careloom.terminology.operations import subsumes
from careloom.terminology.packaged import PACKAGED, TABLES, _table, lookup
from careloom.terminology.reading import readings
from careloom.terminology.systems import ICD_10_CM, SNOMED_CT
from careloom.terminology.ucum_spellings import read
from measure import cpu_seconds, report

WORDS = (
    "acute chronic primary secondary disorder disease injury fracture infection neoplasm of the left right upper lower "
    "heart lung kidney liver brain bone skin vessel nerve muscle due to with without complication procedure on"
).split()
LOADED_AND_MEASURED = """
import json, resource, sys, time
start = time.process_time()
from careloom.terminology.packaged import _table
import_seconds = time.process_time() - start
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
before, start = resident(), time.process_time()
table = _table(sys.argv[1])
print(json.dumps({"seconds": time.process_time() - start, "bytes": resident() - before, "import": import_seconds}))
"""


def units() -> None:
    """Units parsed afresh, and values converted by cached units."""
    pairs = [("mmol/L", "umol/L"), ("[degF]", "Cel"), ("mm[Hg]", "kPa"), ("10*3/uL", "10*9/L"), ("mg/kg/d", "ug/kg/h")]

    def parse() -> None:
        ucum.parse.cache_clear()
        for source, target in pairs:
            ucum.parse(source)
            ucum.parse(target)

    def convert() -> None:
        for _ in range(2000):
            for source, target in pairs:
                ucum.convert(5.5, source, target)

    def spell() -> None:
        for _ in range(2000):
            for text in ("mmHg", "K/uL", "mg/dL", "x10E3/uL", "bpm"):
                read(text, "OBX-6")

    report("units parsed, not cached", 2 * len(pairs) / cpu_seconds(parse), "units/s")
    report("values converted", 2000 * len(pairs) / cpu_seconds(convert), "values/s")
    report("spellings read, cached", 10_000 / cpu_seconds(spell), "texts/s")


def tables() -> None:
    """Packaged tables: load, memory, lookup, search."""
    for system, name in TABLES.items():
        done = subprocess.run([sys.executable, "-c", LOADED_AND_MEASURED, system], capture_output=True, check=True)
        told = json.loads(done.stdout)
        report(f"load packaged {name}", told["seconds"], "s", lower_is_better=True)
        report(f"memory of packaged {name}", told["bytes"] / 1e6, "MB", lower_is_better=True)
    table = _table(ICD_10_CM)
    codes = list(table.codes())
    random.Random(1).shuffle(codes)
    seconds = cpu_seconds(lambda: [table.find(code) for code in codes], repeat=3)
    report("ICD-10-CM lookups, every code once", len(codes) / seconds, "lookups/s")
    frequent = codes[:5000]
    seconds = cpu_seconds(lambda: [lookup(ICD_10_CM, code) for code in frequent])
    report("ICD-10-CM lookups, 5,000 codes again and again", 5000 / seconds, "lookups/s")
    texts = ("heart failure", "type 2 diabetes mellitus", "fracture of neck of right femur", "chronic kidney disease")
    seconds = cpu_seconds(lambda: [PACKAGED.search(text, ICD_10_CM) for text in texts])
    report("search of ICD-10-CM", seconds / len(texts) * 1000, "ms", lower_is_better=True)
    report("subsumption in ICD-10-CM", 1 / cpu_seconds(lambda: subsumes(PACKAGED, ICD_10_CM, "19", "S72.001A")), "1/s")


def release(file: Path, descriptions: int) -> None:
    """A made release as RF2 in an archive."""
    chance = random.Random(7)
    count = descriptions // 2
    codes = [f"{1_000_000 + number}00{number % 10}" for number in range(count)]
    core, folder = "900000000000207008", "SnomedCT_Made/Snapshot"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open(f"{folder}/Terminology/sct2_Concept_Snapshot_INT_20260301.txt", "w") as stream:
            stream.write(b"id\n")
            stream.writelines(f"{code}\t20260301\t1\t{core}\t900000000000074008\n".encode() for code in codes)
        with archive.open(f"{folder}/Terminology/sct2_Description_Snapshot-en_INT_20260301.txt", "w") as stream:
            stream.write(b"id\n")
            for number, code in enumerate(codes):
                name = " ".join(chance.choices(WORDS, k=5))
                for place, (kind, text) in enumerate(
                    (("900000000000003001", f"{name} (disorder)"), ("900000000000013009", name))
                ):
                    line = f"{2 * number + place + 10_000_000}\t20260301\t1\t{core}\t{code}\ten\t{kind}\t{text}\tx\n"
                    stream.write(line.encode())
        with archive.open(f"{folder}/Terminology/sct2_Relationship_Snapshot_INT_20260301.txt", "w") as stream:
            stream.write(b"id\n")
            for number, code in enumerate(codes[1:], 1):
                row = [
                    str(number),
                    "20260301",
                    "1",
                    core,
                    code,
                    codes[number // 10],
                    "0",
                    "116680003",
                    "900000000000011006",
                    "x",
                ]
                stream.write(("\t".join(row) + "\n").encode())
        with archive.open(f"{folder}/Refset/der2_cRefset_LanguageSnapshot-en_INT_20260301.txt", "w") as stream:
            stream.write(b"id\n")
            for number in range(count):
                row = [
                    f"r{number}",
                    "20260301",
                    "1",
                    core,
                    "900000000000509007",
                    str(2 * number + 10_000_001),
                    "900000000000548007",
                ]
                stream.write(("\t".join(row) + "\n").encode())


def loading(descriptions: int) -> None:
    """A release of SNOMED CT's size: load, look up, search, compare."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "made.zip"
        release(file, descriptions)
        store = TerminologyStore(Path(folder) / "terminology")
        started, cpu = time.perf_counter(), time.process_time()
        for reading in readings(files_of(file)):
            loaded = store.load(reading, datetime.now(UTC))
        label = f"load RF2 with {descriptions:,} descriptions"
        report(label, time.process_time() - cpu, "s CPU", lower_is_better=True)
        report(f"{label}, by the clock", time.perf_counter() - started, "s", lower_is_better=True)
        report("size of the file", store.file.stat().st_size / 1e6, "MB", lower_is_better=True)
        codes = list(store.codes(SNOMED_CT))
        assert loaded.release.concepts == len(codes)
        asked = random.Random(3).sample(codes, 5000)
        seconds = cpu_seconds(lambda: [store.find(SNOMED_CT, code) for code in asked], repeat=3)
        report("loaded SNOMED CT lookups", 5000 / seconds, "lookups/s")
        texts = ("chronic kidney disorder", "fracture of left bone", "acute infction of lung", "heart")
        seconds = cpu_seconds(lambda: [store.search(text) for text in texts], repeat=3)
        report("search of loaded SNOMED CT", seconds / len(texts) * 1000, "ms", lower_is_better=True)
        deep = codes[-1]
        report(
            "subsumption in loaded SNOMED CT",
            1 / cpu_seconds(lambda: subsumes(store, SNOMED_CT, codes[0], deep)),
            "1/s",
        )
        store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--descriptions", type=int, default=500_000)
    arguments = parser.parse_args()
    units()
    tables()
    loading(arguments.descriptions)


if __name__ == "__main__":
    main()
