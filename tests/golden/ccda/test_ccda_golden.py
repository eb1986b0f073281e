"""Clinical documents of our own and the drafts made of them, compared file by file."""

import json
import os
from pathlib import Path

import pytest

from tests.unit.ingest.ccda_support import converted, faults

CASES = sorted(place.parent for place in Path(__file__).resolve().parent.glob("*/input.xml"))


def told(case: Path) -> str:
    """The conversion as a document: issues without their texts, then the drafts."""
    conversion = converted((case / "input.xml").read_bytes())
    document = {
        "issues": [f"{issue.severity} {issue.code} {issue.place}" for issue in conversion.issues],
        "drafts": [
            {"action": draft.action, "source_id": draft.source_id, "resource": draft.resource}
            for draft in conversion.drafts
        ],
    }
    assert not faults(conversion.drafts)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_document_becomes_the_drafts_of_its_golden_file(case: Path) -> None:
    made = told(case)
    expected = case / "expected.json"
    if os.environ.get("CARELOOM_REWRITE_GOLDEN"):
        expected.write_text(made, encoding="utf-8")
    assert made == expected.read_text(encoding="utf-8")
