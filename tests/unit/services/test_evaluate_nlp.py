"""Measures of the reading of notes: what is learnt from is left out, every task has its numbers, errors have a page."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from careloom.cli.main import app
from careloom.errors import QueryError, SetupError
from careloom.services.evaluate_nlp import TASKS, EvaluateNlpAsk, evaluate_nlp
from careloom.services.evaluate_nlp_page import page
from careloom.services.simulate import SimulateAsk, simulate

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
    assert report.tasks["bc5cdr"].scores["strict"].labels["Chemical"].f1 == 1
    assert values["negex_context", "negated F1"] == 1
    assert values["normalization_gold", "accuracy at 1"] == 1
    assert values["mts_dialog", "accuracy"] in (0, 1)
    assert set(report.left_out) == set(TASKS) - {
        "bc5cdr", "negex_context", "mts_dialog", "normalization_gold", "social", "tone",
    }  # fmt: skip
    shown = page(report)
    assert "&lt;65" in shown
    assert "<65" not in shown


def test_files_that_rules_and_models_were_made_with_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    kit = {"sentence": "PNEUMONIA.", "phrase": "pneumonia", "negation": "Affirmed", "temporality": "Recent"}
    _file(tmp_path / "negex_context/annotations.jsonl", kit)
    with pytest.raises(QueryError, match="nothing to measure"):
        evaluate_nlp(EvaluateNlpAsk(tmp_path, ("negex_context",)))
    assert evaluate_nlp(EvaluateNlpAsk(tmp_path, ("negex_context",), seen=True)).tasks


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the notes of a few simulated patients."""
    data = tmp_path_factory.mktemp("data")
    simulate(SimulateAsk(data / "simulated", 3, 4, feeds=("notes",), processes=1))
    return data


def test_simulated_notes_are_measured_by_every_part_of_the_reader(hospital: Path) -> None:
    tasks = ("assertion", "sections", "codes", "relations", "times", "quantities", "social")
    report = evaluate_nlp(EvaluateNlpAsk(hospital, tasks))
    assert set(report.tasks) == set(tasks)
    told = {(name, one.name): one for name, task in report.tasks.items() for one in task.measures}
    floors = {
        ("assertion", "simulated accuracy"): 0.85,
        ("sections", "sections accuracy"): 0.6,
        ("relations", "F1"): 0.97,
        ("times", "simulated strict F1"): 0.88,
        ("times", "simulated values right"): 0.88,
        ("quantities", "strict F1"): 0.93,
        ("quantities", "TEST_VALUE values right"): 0.97,
        ("social", "spans, label and status F1"): 0.8,
        ("social", "sentences F1"): 0.9,
        ("codes", "test, LOINC at 1"): 0.5,
    }
    assert {key: told[key].value for key, floor in floors.items() if (told[key].value or 0) < floor} == {}
    assert all(told[key].interval is not None for key in floors)
    shown = json.loads(json.dumps(report.as_json()))["tasks"]
    assert "interval_95" in shown["times"]["scores"]["simulated overlap"]["labels"]["TIME"]


def test_families_of_notes_are_told_apart_and_may_be_chosen(hospital: Path) -> None:
    names = [one.name for one in evaluate_nlp(EvaluateNlpAsk(hospital, ("times",))).tasks["times"].measures]
    families = [name.rpartition(" ")[2] for name in names if name.startswith("simulated strict F1, family")]
    assert len(families) > 1
    one = evaluate_nlp(EvaluateNlpAsk(hospital, ("times",), families=(families[0],))).tasks["times"]
    assert not [each.name for each in one.measures if "family" in each.name]
    with pytest.raises(QueryError, match="families"):
        evaluate_nlp(EvaluateNlpAsk(hospital, ("times",), families=("nobody",)))


def test_an_unknown_task_and_a_line_that_is_no_json_are_named(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="no task"):
        evaluate_nlp(EvaluateNlpAsk(tmp_path, ("astrology",)))
    (tmp_path / "mts_dialog").mkdir()
    row = '{"section_header": "ALLERGY", "section_text": "None."}'
    for wrong in ("no json", "{}", "[1]"):
        (tmp_path / "mts_dialog/other.jsonl").write_text(f"{row}\n{wrong}")
        with pytest.raises(QueryError, match="line 2"):
            evaluate_nlp(EvaluateNlpAsk(tmp_path, ("mts_dialog",)))
    with pytest.raises(QueryError, match="no folder"):
        evaluate_nlp(EvaluateNlpAsk(tmp_path / "nowhere", ("tone",)))


@pytest.mark.parametrize("file", ["", "missing/errors.html", "/dev/full"])
def test_an_analysis_that_cannot_be_written_is_named_with_a_remedy(tmp_path: Path, file: str) -> None:
    place = str(tmp_path / file)
    made = CliRunner().invoke(app, ["evaluate", "nlp", str(tmp_path), "--task", "tone", "--analysis", place])
    assert isinstance(made.exception, SetupError)
    assert place in made.exception.where
    assert "Name a file" in made.exception.remedy


def test_a_model_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match=r"none\.zip"):
        evaluate_nlp(EvaluateNlpAsk(tmp_path, ("tone",), model=tmp_path / "none.zip"))
