"""Measures of the reading of notes: what is learnt from is left out, every task has its numbers, errors have a page."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from careloom.errors import QueryError
from careloom.services.evaluate_nlp import EvaluateNlpAsk, evaluate_nlp
from careloom.services.evaluate_nlp_page import page

TEXT = "Warfarin may cause severe bleeding in patients <65 years."
GOLD = [{"start": 0, "end": 8, "label": "Chemical"}, {"start": 19, "end": 34, "label": "Disease"}]


def _file(path: Path, *rows: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(row) for row in rows))


def test_every_task_is_measured_on_what_nothing_was_made_with(tmp_path: Path) -> None:
    _file(tmp_path / "bc5cdr/test.jsonl", {"pmid": 1, "text": TEXT, "entities": GOLD})
    kit = {
        "sentence": "No evidence of PNEUMONIA.",
        "phrase": "pneumonia",
        "negation": "Negated",
        "temporality": "Recent",
    }
    _file(tmp_path / "negex_context/holdout/rows.jsonl", kit)
    _file(
        tmp_path / "mts_dialog/test2.jsonl", {"section_header": "ALLERGY", "section_text": "No known drug allergies."}
    )
    row = {"mention": "hypertension", "context": "", "doid": ["DOID:10763"], "mondo": [], "count": 2}
    _file(tmp_path / "normalization_gold/holdout/mentions.jsonl", row)
    report = evaluate_nlp(EvaluateNlpAsk(tmp_path))
    values = {(name, one.name): one.value for name, task in report.tasks.items() for one in task.measures}
    assert values["negex_context", "negated F1"] == 1
    assert values["normalization_gold", "accuracy at 1"] == 1
    assert values["mts_dialog", "accuracy"] in (0, 1)
    assert values["bc5cdr", "strict F1 Chemical"] == 1
    assert set(report.left_out) == {"ncbi_disease", "maccrobat2020", "simulated"}
    shown = page(report)
    assert "&lt;65" in shown
    assert "<65" not in shown


def test_files_that_rules_and_models_were_made_with_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    kit = {"sentence": "PNEUMONIA.", "phrase": "pneumonia", "negation": "Affirmed", "temporality": "Recent"}
    _file(tmp_path / "negex_context/annotations.jsonl", kit)
    with pytest.raises(QueryError, match="nothing to measure"):
        evaluate_nlp(EvaluateNlpAsk(tmp_path, ("negex_context",)))
    assert evaluate_nlp(EvaluateNlpAsk(tmp_path, ("negex_context",), seen=True)).tasks


def test_an_unknown_task_and_a_line_that_is_no_json_are_named(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="no task"):
        evaluate_nlp(EvaluateNlpAsk(tmp_path, ("astrology",)))
    (tmp_path / "mts_dialog").mkdir()
    (tmp_path / "mts_dialog/other.jsonl").write_text("{}\nno json")
    with pytest.raises(QueryError, match="line 2"):
        evaluate_nlp(EvaluateNlpAsk(tmp_path, ("mts_dialog",)))
