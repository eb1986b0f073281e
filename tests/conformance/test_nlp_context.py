"""Sections and assertions on texts of others: floors that docs/datasheets/nlp-context.md tells of."""

from pathlib import Path

import orjson

from careloom.nlp.sections import sections
from careloom.services.evaluate_nlp import EvaluateNlpAsk, evaluate_nlp

# Measured 29 November 2026 and lowered by about one point.
FLOORS = {
    ("negex_context", "negated F1"): 0.985,
    ("negex_context", "historical F1"): 0.86,
    ("mts_dialog", "accuracy"): 0.9,
    ("assertion", "presence, MACCROBAT accuracy"): 0.92,
}
"""The packaged model of headers was trained on these rows."""


def test_context_is_read_as_told(suites: Path) -> None:
    tasks = tuple({task: None for task, _ in FLOORS})
    made = evaluate_nlp(EvaluateNlpAsk(suites, tasks, seen=True)).tasks
    values = {(task, one.name): one.value or 0 for task, report in made.items() for one in report.measures}
    assert {key: values[key] for key, floor in FLOORS.items() if values[key] < floor} == {}


def test_every_visit_note_has_titled_sections_and_few_without_a_title(suites: Path) -> None:
    lines = (suites / "aci_bench" / "valid.jsonl").read_bytes().splitlines()
    found = [sections(orjson.loads(line)["note"]) for line in lines]
    assert all(len(one) >= 3 for one in found)
    told = [section.score is None for one in found for section in one]
    assert sum(told) / len(told) >= 0.95
