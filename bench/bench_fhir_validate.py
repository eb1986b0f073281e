"""Bytes to verdict over the Synthea resources, CPU time on one core.

    CARELOOM_SUITES=... python bench/bench_fhir_validate.py

Every timed pass starts with the memories of accepted values empty (times, references and codes are new to it), the
generated code is there from a first pass, as in a process that has run for a second.
"""

import gzip
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from careloom.fhir.references import patients_of
from careloom.fhir.shape_values import forget
from careloom.fhir.validate import check, check_bytes
from careloom.fhir.validate_explain import explain
from measure import cpu_seconds, report


def synthea(suites: Path) -> list[bytes]:
    """Each resource of the bundles and each line of the bulk files."""
    found = []
    for path in sorted((suites / "synthea_bundles").rglob("*.json*")):
        raw = path.read_bytes()
        entries = orjson.loads(gzip.decompress(raw) if path.name.endswith(".gz") else raw).get("entry", [])
        found += [orjson.dumps(entry["resource"]) for entry in entries if "resource" in entry]
    for path in sorted((suites / "synthea_bulk_ndjson").rglob("*.ndjson*")):
        raw = path.read_bytes()
        lines = (gzip.decompress(raw) if path.name.endswith(".gz") else raw).split(b"\n")
        found += [line for line in lines if line.strip()]
    return found


def each(work: Callable[[Any], Any], items: list[Any]) -> Callable[[], None]:
    """A pass over the items that starts with empty memories."""

    def run() -> None:
        forget()
        for item in items:
            work(item)

    return run


def main() -> None:
    """Measures parse, verdict and compartment."""
    if "CARELOOM_SUITES" not in os.environ:
        sys.exit("CARELOOM_SUITES names no folder: nothing to validate")
    lines = synthea(Path(os.environ["CARELOOM_SUITES"]))
    print(f"{len(lines):,} resources, {sum(map(len, lines)) / len(lines):,.0f} bytes each")
    start = time.process_time()
    each(check_bytes, lines)()
    report("fhir: first pass, code generated on the way", time.process_time() - start, "s", lower_is_better=True)
    count = len(lines)
    report("fhir: orjson.loads alone", count / cpu_seconds(each(orjson.loads, lines)), "resources/s")
    rate = count / cpu_seconds(each(check_bytes, lines))
    report("fhir: bytes to verdict", rate, "resources/s", must=30_000, aim=80_000)
    resources = [orjson.loads(line) for line in lines]
    report("fhir: dict to verdict", count / cpu_seconds(each(check, resources)), "resources/s")
    report("fhir: patients_of", count / cpu_seconds(each(patients_of, resources)), "resources/s")
    sample = resources[::10]
    slow = cpu_seconds(each(lambda resource: explain(resource, []), sample), repeat=3)
    report("fhir: explaining pass alone", len(sample) / slow, "resources/s")


if __name__ == "__main__":
    main()
