"""What the stages of ingestion make of a record is freed with it: a batch holds no message that is done with."""

import gc
from collections.abc import Callable
from functools import cache
from io import BytesIO

import pytest

from careloom.ingest.containers import open_members
from careloom.pipeline.batch import Batch
from careloom.pipeline.record import FileContext, Record
from careloom.runtime import packaged
from careloom.services.arrivals import Wanted, records_of
from careloom.services.ingest_pipeline import CONVERTERS, RECORD, IngestConfig, build
from careloom.settings import Settings
from tests.unit.ingest.ccda_support import golden_documents

AT_MOST = 60


@cache
def records() -> dict[str, list[Record]]:
    """Format -> records of it in the sample hospital, which sends no C-CDA: the golden documents do."""
    documents = FileContext("ccda")
    found = {"ccda": [Record(number, raw, "document", documents) for number, raw in enumerate(golden_documents())]}
    for member in open_members(BytesIO(packaged("sample", "hospital.zip")), "hospital.zip"):
        for record in records_of(member, Settings().ingest, Wanted())[1]:
            kept = found.setdefault(record.context.format, [])
            if len(kept) < AT_MOST:
                kept.append(record)
    return found


def unreachable(act: Callable[[], object]) -> int:
    """How many objects hold each other after an act; a second time, when what is loaded once is there."""
    act()
    gc.collect()
    gc.disable()
    try:
        act()
        return gc.collect()
    finally:
        gc.enable()


@pytest.mark.parametrize("of", sorted(set(CONVERTERS) - {"fhir-xml"}))
def test_nothing_of_a_record_waits_for_the_collector(of: str) -> None:
    pipeline = build(IngestConfig(b"k" * 32, "ward"))
    found = records()[of]
    assert len(found) >= 3
    assert unreachable(lambda: pipeline.run(Batch.of(RECORD, found))) == 0
