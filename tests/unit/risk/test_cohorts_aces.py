"""Task files of ACES: what they mean, what is refused with its place, and the part of YAML that they are written in."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from careloom.errors import FormatError
from careloom.risk.cohorts_aces import read_task
from careloom.risk.cohorts_aces_extract import extract_task
from careloom.risk.cohorts_events import as_meds
from careloom.risk.cohorts_yaml import read_yaml
from tests.unit.risk.events_made import events, fact, lab, person, stay

BEGIN = datetime(2024, 1, 1)  # noqa: DTZ001
MORTALITY = """
# in-hospital mortality
predicates:
  admission: {code: {regex: "^HOSPITAL_ADMISSION//"}}
  discharge:
    code: {regex: "^HOSPITAL_DISCHARGE//"}
  death: {code: MEDS_DEATH}
  discharge_or_death:
    expr: or(discharge, death)
patient_demographics:
  female: {code: GENDER//F}
trigger: admission
windows:
  input:
    start: NULL
    end: trigger + 24h
    start_inclusive: True
    end_inclusive: True
    has:
      _ANY_EVENT: (2, None)
    index_timestamp: end
  gap:
    start: input.end
    end: start + 24h
    start_inclusive: False
    end_inclusive: True
    has:
      discharge: (None, 0)
      death: (None, 0)
  target:
    start: gap.end
    end: start -> discharge_or_death
    start_inclusive: False
    end_inclusive: True
    label: death
"""


def meds(*rows: tuple[int, float | None, str]) -> pl.DataFrame:
    told = [(subject, None if day is None else BEGIN + timedelta(days=day), code) for subject, day, code in rows]
    return pl.DataFrame(told, schema={"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String},
                        orient="row").with_columns(numeric_value=pl.lit(None, pl.Float64))  # fmt: skip


def one(subject: int, sex: str, *rows: tuple[float, str]) -> list[tuple[int, float | None, str]]:
    return [(subject, None, f"GENDER//{sex}"), *((subject, day, code) for day, code in rows)]


IN, OUT, LAB, DEATH = "HOSPITAL_ADMISSION//EW", "HOSPITAL_DISCHARGE//HOME", "LAB//1//x", "MEDS_DEATH"


def test_a_task_is_what_its_windows_say() -> None:
    table = meds(
        *one(1, "F", (0, IN), (0.5, LAB), (4, OUT)),
        *one(2, "F", (0, IN), (0.5, LAB), (4, DEATH)),
        *one(3, "F", (0, IN), (0.5, LAB), (1.5, OUT)),  # leaves within the gap
        *one(4, "F", (0, IN), (9, OUT)),  # one event only until the index
        *one(5, "M", (0, IN), (0.5, LAB), (4, OUT)),
        *one(6, "F", (0, IN), (0.5, LAB), (4, LAB)),  # no end of the target
    )
    found = extract_task(read_task(MORTALITY), table)
    assert found.rows.select("subject_id", "label").rows() == [(1, False), (2, True)]
    assert found.rows["index_time"].to_list() == [BEGIN + timedelta(days=1)] * 2
    assert [(step.name.split(":")[0], step.rows) for step in found.steps] == [
        ("trigger", 6), ("patient", 5), ("input", 5), ("input", 4), ("gap", 4), ("gap", 3), ("gap", 3), ("target", 2),
    ]  # fmt: skip


EDGE = """
predicates: {{a: {{code: A}}, b: {{code: B}}}}
trigger: a
windows:
  w:
    start: {start}
    end: {end}
    start_inclusive: {left}
    end_inclusive: {right}
    label: b
"""


@pytest.mark.parametrize(
    ("start", "end", "left", "right", "count"),
    [
        ("trigger", "start + 2 days", True, True, 3),
        ("trigger", "start + 2 days", False, True, 2),
        ("trigger", "start + 2 days", True, False, 2),
        ("trigger", "start + 2 days", False, False, 1),
        ("trigger", "start + 48 hours", False, False, 1),
        ("end - 1 week", "trigger", True, False, 1),
        ("NULL", "trigger", True, True, 2),
        ("trigger", "NULL", False, True, 3),
        ("trigger", "start -> b", False, True, 1),
        ("trigger + 1d", "start -> b", False, True, 1),
        ("end <- b", "trigger", True, False, 1),
    ],
)
def test_a_window_counts_what_lies_in_it_ends_as_they_say(
    start: str, end: str, left: bool, right: bool, count: int
) -> None:
    table = meds((1, -3, "B"), (1, 0, "A"), (1, 0, "B"), (1, 1, "B"), (1, 2, "B"), (1, 9, "B"))
    text = EDGE.format(start=start, end=end, left=left, right=right)
    assert extract_task(read_task(text), table).rows["label_count"].to_list() == [count]


def test_predicates_bound_values_and_join_others() -> None:
    text = """
predicates:
  low: {code: {any: [S, T]}, value_max: 135, value_max_inclusive: False}
  high: {code: S, value_min: 135, value_min_inclusive: true}
  either: {expr: "or(low, high)"}
  both: {expr: "and(low, high)"}
trigger: either
windows:
  w: {start: NULL, end: trigger, start_inclusive: True, end_inclusive: True, label: both, has: {low: "(1, 1)"}}
"""
    table = pl.DataFrame(
        {
            "subject_id": [1, 1, 2],
            "time": [BEGIN, BEGIN, BEGIN],
            "code": ["S", "T", "S"],
            "value": [135.0, 134.0, 140.0],
        }
    )
    found = extract_task(read_task(text), table)
    assert found.rows.select("subject_id", "label").rows() == [(1, True)]


def test_a_task_runs_on_the_facts_of_a_store_as_on_a_table_of_meds() -> None:
    given = events(person(), stay(0, 5), lab("2951-2", 0.5, 130.0), person("b"), stay(0, 4, "b", detail="20"),
                   lab("2951-2", 0.5, 130.0, "b"), fact("observation", 40, "b"))  # fmt: skip
    task = read_task(MORTALITY.replace("GENDER//F", "GENDER//female"))
    rows = extract_task(task, as_meds(given)).rows
    assert rows.select("subject_id", "label").rows() == [("a", False), ("b", True)]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("trigger: admission", "trigger_event: admission", "trigger_event"),
        ("trigger: admission", "", "no trigger"),
        ("trigger: admission", "trigger: discharged", "trigger"),
        ("trigger + 24h", "trigger + 1 year", "windows.input.end"),
        ("trigger + 24h", "trigger * 2", "windows.input.end"),
        ("start + 24h", "start - 24h", "windows.gap.end"),
        ("start: input.end", "start: other.end", "windows.gap"),
        ("start: input.end", "start: target.end", "windows."),
        ("(2, None)", "(2)", "windows.input.has._ANY_EVENT"),
        ("index_timestamp: end", "index_timestamp: middle", "index_timestamp"),
        ("label: death", "label: dying", "windows.target.label"),
        ("    label: death", "    label: death\n    index_timestamp: end", "two windows"),
        ("or(discharge, death)", "xor(discharge, death)", "discharge_or_death.expr"),
        ("or(discharge, death)", "or(discharge, dying)", "discharge_or_death.expr"),
        ("code: MEDS_DEATH", "code: MEDS_DEATH, other_cols: {x: y}", "other_cols"),
        ("code: MEDS_DEATH", "codes: MEDS_DEATH", "says codes"),
        ('"^HOSPITAL_DISCHARGE//"', '"^(HOSPITAL"', "code.regex"),
        ("start_inclusive: True", "start_inclusive: 1", "windows.input.start_inclusive"),
        ("end: trigger + 24h", "end: start + 24h", "windows.input"),
        ("  gap:", "  gap: &a", "line 2"),
        ("  gap:", "\tgap:", "tab"),
        ("  gap:", "  input:", "second time"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(old: str, new: str, place: str) -> None:
    assert old in MORTALITY
    with pytest.raises(FormatError) as refused:
        read_task(MORTALITY.replace(old, new, 1))
    assert place in refused.value.where
    assert refused.value.remedy


TEXTS = [
    MORTALITY,
    "a: 1\nb:\n  c: [x, 'y z', 3.5, {d: null}]\n  e: {}\nf: \"q # r\"  # told\n",
    "a:\n- 1\n- 'x: y'\nb:\n  - {c: 1}\n  - d: 2\n    e: [3]\nf:\n  g: 'h\\d+'\n",
    "---\na: >-\n  one # two\n  three\n\n  four\nb: |\n  one\n\n  two\nc:\n  d: >\n    x\n",
    "a: ~\nb: -2\nc: 1e3\nd: (1, None)\ne: yes\nf: lab//x (%)\n",
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_part_of_yaml_that_is_read_means_what_yaml_says(text: str) -> None:
    yaml = pytest.importorskip("yaml")
    mine: Any = read_yaml(text)
    theirs = yaml.safe_load(text)
    for name in ("c", "e"):  # of YAML 1.1, which the other reads: 1e3 is a text, yes is true
        if text is TEXTS[-1]:
            mine.pop(name), theirs.pop(name)
    assert mine == theirs


@pytest.mark.parametrize("text", ["", "- a", "a: |\nb: 1", "a: >\n  b\n    c", "a:\n  - b\n    c",
                                  "a: !x b", "a: [b", "a: {b: 1", "a: 'b",
                                  "a:\n    b: 1\n  c: 2", "a: 1\n b: 2", "a: b: c", "a: {b: 1} c"])  # fmt: skip
def test_what_is_beyond_that_part_of_yaml_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        read_yaml(text)
