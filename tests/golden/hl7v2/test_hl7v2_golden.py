"""HL7 v2 messages of our own and the drafts made of them, compared file by file."""

from pathlib import Path

import pytest

from tests.golden.drafts import compare
from tests.unit.ingest.hl7v2_support import converted, faults

CASES = sorted(place.parent for place in Path(__file__).resolve().parent.glob("*/input.hl7"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_message_becomes_the_drafts_of_its_golden_file(case: Path) -> None:
    conversion = converted((case / "input.hl7").read_bytes())
    assert not faults(conversion.drafts)
    compare(case, conversion)
