"""Every message file of other people's suites, and thousands of mutations of them: records in = converted + refused."""

import random
from pathlib import Path

import pytest

from careloom.hl7v2.batch import split
from tests.hl7v2_mutants import accounted, mutated, taken
from tests.unit.ingest.hl7v2_support import converted, golden_messages

SETS = ("hl7v2_ms_fhir_converter", "hl7v2_linuxforhealth", "hl7v2_hapi", "hl7v2_to_fhir_ig/samples")
MUTATIONS = 10_000
SEED = 20_261_128


def files(suites: Path) -> list[bytes]:
    """Every HL7 v2 file of the suites."""
    return [
        place.read_bytes()
        for name in SETS
        for pattern in ("*.hl7", "Message.hl7_*.txt")
        for place in sorted((suites / name).glob(pattern))
    ]


def test_every_record_of_every_file_is_converted_or_refused_with_a_reason(suites: Path) -> None:
    totals = [taken(raw) for raw in files(suites)]
    assert all(records == done + refused for records, done, refused in totals)
    assert sum(records for records, _, _ in totals) >= 390
    assert sum(done for _, done, _ in totals) >= 290


def test_some_hundred_mutations_are_converted_or_refused_with_a_reason() -> None:
    rng = random.Random(SEED)
    seeds = golden_messages()
    for _ in range(300):
        accounted(converted(mutated(rng.choice(seeds), rng)))


@pytest.mark.long
def test_ten_thousand_mutations_are_converted_or_refused_with_a_reason(suites: Path) -> None:
    rng = random.Random(SEED)
    seeds = [message for raw in files(suites) for message in split(raw)]
    records = done = refused = 0
    for number in range(MUTATIONS):
        raw = mutated(rng.choice(seeds), rng)
        if number % 4 == 0:
            raw += b"\r" + mutated(rng.choice(seeds), rng)
        found = taken(raw)
        records, done, refused = records + found[0], done + found[1], refused + found[2]
    assert records == done + refused
    assert records >= MUTATIONS
    assert done >= MUTATIONS // 4
    assert refused >= MUTATIONS // 20
