"""Notes with answers that are made up for tests: a test with its value, a drug and a problem, who wrote them named."""

from pathlib import Path
from typing import Any

import orjson

DRUGS, PROBLEMS = ("aspirin", "metformin", "lisinopril"), ("asthma", "gout")
TINY = {"width": 16, "layers": 1, "heads": 2, "length": 96, "epochs": 2, "enough": 2}
"""Options of a fit that takes a second."""


def folder_of(place: Path, patients: int, *, notes: int = 2, first: int = 0) -> Path:
    """A simulated hospital's folder, as far as notes are read of it."""
    answers = place / "answers"
    answers.mkdir(parents=True)
    rows = [line(patient, number) for patient in range(first, first + patients) for number in range(notes)]
    (answers / "notes.ndjson").write_bytes(
        b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in rows)
    )
    return place


def line(patient: int, number: int) -> dict[str, Any]:
    """One note as ``careloom simulate`` writes it."""
    at = patient + number
    said = [
        ("RESULTS\n", "", ""), ("glucose", "entity", "test"), (" was ", "", ""),
        (f"{90 + at % 40}", "entity", "result"), (" ", "", ""), ("mg/dL", "entity", "unit"),
        (" today.\n\nMEDICATIONS\n", "", ""), (DRUGS[at % 3], "entity", "drug"),
        (" is taken daily.\n\nASSESSMENT\nThe patient has ", "", ""), (PROBLEMS[at % 2], "entity", "problem"),
        (" and feels well. Seen by ", "", ""), (f"Dr. Ovalle{patient}", "phi", "NAME"), (".", "", ""),
    ]  # fmt: skip
    text, spans = "", []
    for words, kind, label in said:
        if kind:
            assertion = "present" if label in ("test", "drug", "problem") else ""
            spans.append(
                {"id": f"T{len(spans)}", "kind": kind, "label": label, "start": len(text),
                 "end": len(text) + len(words), "text": words, "assertion": assertion, "codes": [], "attributes": {}}
            )  # fmt: skip
        text += words
    starts = [text.index(title) for title in ("RESULTS", "MEDICATIONS", "ASSESSMENT")]
    for title, start, end in zip(
        ("results", "medications", "assessment"), starts, [*starts[1:], len(text)], strict=True
    ):
        spans.append({"id": f"S{start}", "kind": "section", "label": title, "start": start, "end": end,
                      "text": text[start:end], "assertion": "", "codes": [], "attributes": {}})  # fmt: skip
    relations = [
        {"label": "test-result", "head": "T0", "tail": "T1"},
        {"label": "test-unit", "head": "T0", "tail": "T2"},
    ]
    return {
        "note_id": f"n{patient}-{number}", "patient_id": f"p{patient}", "kind": "progress", "family": "chart",
        "time": "2024-02-09T09:00:00Z", "text": text, "spans": spans, "relations": relations,
    }  # fmt: skip
