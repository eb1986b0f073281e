"""Recall and precision of quality on the simulator's dirt, level ``much``, against its answer key."""

from pathlib import Path

import pytest

from careloom.simulate.pieces import Feed
from tests.journeys.measure_simulated_quality import measured, table


@pytest.mark.long
@pytest.mark.parametrize(
    ("feed", "patients", "seed"),
    [("bulk", 12, 3), ("bulk", 12, 4), ("fhir", 12, 3), ("hl7v2", 12, 3), ("csv", 12, 3), ("ccda", 30, 3)],
)
def test_planted_dirt_is_found_or_refused_and_nothing_else(
    tmp_path: Path, feed: Feed, patients: int, seed: int
) -> None:
    told, listed, _, _ = measured(tmp_path, feed, patients, seed)
    print("\n" + table(f"{feed}, {patients} patients, seed {seed}", told, listed))
    assert told.recall()[0] >= 0.98, told.missed
    assert min(told.recall_of(kind) for kind in told.by_kind()) >= 0.9, told.missed
    assert listed.strict >= 0.98, sorted(listed.wrong | listed.already)[:20]
