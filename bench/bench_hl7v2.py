"""HL7 v2: messages parsed, converted, and made into keyed valid FHIR per second of one core, on others' messages."""

import os
from pathlib import Path

from careloom.crypto.pseudonyms import KeyedNames
from careloom.fhir import validate
from careloom.fhir.drafts import Draft
from careloom.fhir.validate_tables import resource_types
from careloom.hl7v2.batch import split
from careloom.hl7v2.parse import read
from careloom.ingest.hl7v2_to_fhir import convert
from careloom.ingest.identity import Identity, find_references
from careloom.pipeline.record import FileContext, Record
from measure import cpu_seconds, report

SETS = ("hl7v2_ms_fhir_converter", "hl7v2_linuxforhealth", "hl7v2_hapi")
CONTEXT = FileContext("hl7v2")
KEY = b"bench" * 8


def parse_all(messages: list[bytes]) -> None:
    """What a router reads: type, trigger, the patient's numbers, every result."""
    for raw in messages:
        message, _ = read(raw)
        if message is None:
            continue
        _ = message.code, message.trigger
        pid = message.first("PID")
        if pid is not None:
            pid.repetitions(3)
        for obx in message.all("OBX"):
            obx.value(5)


def convert_all(records: list[Record]) -> int:
    """Drafts made of the records."""
    return sum(len(convert(record).drafts) for record in records)


def key_and_check(draft: Draft, identity: Identity) -> int:
    """Gives a draft its keyed id and references, as a run does, and counts what the validator holds against it."""
    identity.name(draft)
    references: list[dict[str, object]] = []
    find_references(draft.resource, references)
    identity.rewrite(references)
    return sum(issue.refuses for issue in validate.check(draft.resource))


def to_valid_fhir(records: list[Record]) -> int:
    """How many resources of the records are invalid; everything a run does to a message before it is stored."""
    identity = Identity(KeyedNames(KEY).resource_id, "bench", resource_types())
    return sum(key_and_check(draft, identity) for record in records for draft in convert(record).drafts)


def main() -> None:
    """Runs on the HL7 v2 sets under CARELOOM_SUITES."""
    suites = os.environ.get("CARELOOM_SUITES")
    if not suites:
        raise SystemExit("Set CARELOOM_SUITES: the messages are those of other people's suites.")
    messages = [
        raw
        for name in SETS
        for place in sorted((Path(suites) / name).glob("*.hl7"))
        for raw in split(place.read_bytes())
    ]
    records = [Record(0, raw, "", CONTEXT) for raw in messages]
    mapped = [record for record in records if not convert(record).refused]
    parsed = len(messages) / cpu_seconds(lambda: parse_all(messages), repeat=9)
    converted = cpu_seconds(lambda: convert_all(mapped), repeat=9)
    valid = cpu_seconds(lambda: to_valid_fhir(mapped), repeat=9)
    everything = cpu_seconds(lambda: to_valid_fhir(records), repeat=9)
    report("hl7v2 parse: type, PID-3, all OBX-5", parsed, "msg/s", must=8_000, aim=15_000)
    report("hl7v2 mean message", sum(map(len, messages)) / len(messages), "bytes")
    report("hl7v2 to FHIR drafts, converted messages", len(mapped) / converted, "msg/s")
    report("hl7v2 to keyed valid FHIR, all messages", len(records) / everything, "msg/s", must=600, aim=2_000)
    report("hl7v2 to keyed valid FHIR, converted messages", len(mapped) / valid, "msg/s", must=600, aim=2_000)
    report("hl7v2 to keyed valid FHIR, resources", convert_all(mapped) / valid, "1/s")
    if to_valid_fhir(mapped):
        raise SystemExit("invalid resources were made")


if __name__ == "__main__":
    main()
