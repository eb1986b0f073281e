"""HL7 v2: messages parsed and messages converted per second of one core, on the messages of other people's suites."""

import os
from pathlib import Path

from careloom.hl7v2.batch import split
from careloom.hl7v2.parse import read
from careloom.ingest.hl7v2_to_fhir import convert
from careloom.pipeline.record import FileContext, Record
from measure import cpu_seconds, report

SETS = ("hl7v2_ms_fhir_converter", "hl7v2_linuxforhealth", "hl7v2_hapi")
CONTEXT = FileContext("hl7v2")


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
    mapped = [record for raw in messages if not convert(record := Record(0, raw, "", CONTEXT)).refused]
    parsed = len(messages) / cpu_seconds(lambda: parse_all(messages), repeat=9)
    seconds = cpu_seconds(lambda: convert_all(mapped), repeat=9)
    report("hl7v2 parse: type, PID-3, all OBX-5", parsed, "msg/s", must=8_000, aim=15_000)
    report("hl7v2 mean message", sum(map(len, messages)) / len(messages), "bytes")
    report("hl7v2 to FHIR, messages of mapped types", len(mapped) / seconds, "msg/s", must=600, aim=2_000)
    report("hl7v2 to FHIR, resources", convert_all(mapped) / seconds, "1/s")


if __name__ == "__main__":
    main()
