"""Clinical documents of our own and the drafts made of them, compared file by file."""

from pathlib import Path

import pytest

from tests.golden.drafts import compare
from tests.unit.ingest.ccda_support import converted, faults

CASES = sorted(place.parent for place in Path(__file__).resolve().parent.glob("*/input.xml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_document_becomes_the_drafts_of_its_golden_file(case: Path) -> None:
    conversion = converted((case / "input.xml").read_bytes())
    assert not faults(conversion.drafts)
    compare(case, conversion)
