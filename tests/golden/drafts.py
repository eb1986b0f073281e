"""Golden files of conversions: what was made of an input, as a document that a person reviews."""

import json
import os
from pathlib import Path

from careloom.ingest.conversion import Conversion


def told(conversion: Conversion) -> str:
    """A conversion as a document: issues without their texts, then the drafts."""
    document = {
        "issues": [f"{issue.severity} {issue.code} {issue.place}" for issue in conversion.issues],
        "drafts": [
            {"action": draft.action, "source_id": draft.source_id, "resource": draft.resource}
            for draft in conversion.drafts
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def compare(case: Path, conversion: Conversion) -> None:
    """Holds a conversion against the golden file of its case; `make golden` rewrites that."""
    made, expected = told(conversion), case / "expected.json"
    if os.environ.get("CARELOOM_REWRITE_GOLDEN"):
        expected.write_text(made, encoding="utf-8")
    assert made == expected.read_text(encoding="utf-8")
