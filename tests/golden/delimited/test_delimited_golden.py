"""Small delimited files and the exact drafts and issues they become; `make golden` rewrites the expectations."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from careloom.fhir import validate
from careloom.fhir.drafts import Draft
from careloom.ingest.delimited import MAPPING_OPTION, convert, patient_column, recognise
from careloom.ingest.detect_text import split_header
from careloom.ingest.identity import Identity, find_references
from careloom.pipeline.record import FileContext, Record

TARGETS = frozenset({"Patient", "Encounter", "Organization", "Practitioner", "Claim", "Device"})
CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/input.csv"))


def _read(case: Path) -> dict[str, Any]:
    own = (case / "mapping.toml").read_text("utf-8") if (case / "mapping.toml").exists() else ""
    head, _, rows = (case / "input.csv").read_bytes().partition(b"\n")
    delimiter = ";" if b";" in head else ","
    header = split_header(head.decode("cp1252"), delimiter)
    mapping = recognise(header, own)
    assert mapping is not None, "no mapping recognises the header"
    options = {"delimiter": delimiter} | ({MAPPING_OPTION: own} if own else {})
    conversion = convert(Record(1, rows, "lines 2-", FileContext("csv", mapping, header, options=options)))
    drafts = [
        {"action": draft.action, "source_id": draft.source_id, "resource": draft.resource}
        for draft in conversion.drafts
    ]
    issues = [[issue.code, issue.severity, issue.place] for issue in conversion.issues]
    return {"mapping": mapping, "patient": patient_column(mapping, header, own), "drafts": drafts, "issues": issues}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_delimited_file_becomes_what_was_reviewed(case: Path) -> None:
    made = _read(case)
    expected = case / "expected.json"
    if os.environ.get("CARELOOM_REWRITE_GOLDEN") == "1":
        expected.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", "utf-8")
    assert made == json.loads(expected.read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_golden_draft_is_valid_r4(case: Path) -> None:
    identity = Identity(lambda _, kind, name: f"{kind}-{abs(hash(name)):x}", "test", TARGETS)
    for made in _read(case)["drafts"]:
        identity.name(Draft(made["resource"], source_id=made["source_id"]))
        references: list[dict[str, Any]] = []
        find_references(made["resource"], references)
        identity.rewrite(references)
        assert [issue for issue in validate.check(made["resource"]) if issue.refuses] == []
