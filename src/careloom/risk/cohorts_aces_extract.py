"""The candidates of an ACES task in a table of MEDS, or in facts written as one, judged rule by rule; no loop over
patients.

A window is two moments; what it counts are the events of its predicates at the moments between, by differences of
running counts. A candidate whose window has no end, for its event never comes, is out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from careloom.errors import FormatError
from careloom.risk.cohorts import Step
from careloom.risk.cohorts_aces import ANY, RECORD_END, RECORD_START, SPECIAL, Boundary, Predicate, Task, Window

_BESIDE = ("kind", "system", "plain_code", "encounter_key", "resource_key")


@dataclass(frozen=True, slots=True)
class AcesCohort:
    """The candidates of a task that are in.

    rows   [n] candidate, subject_id, trigger_time; index_time and label (and label_count) where the task names them;
           WINDOW_start and WINDOW_end
    steps  attrition: triggers, then what is asked of the patient, then each window's end and each of its conditions
    """

    rows: pl.DataFrame
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class JudgedRule:
    """One condition: its name, which is a column too; the window, and the predicate that it counts, if it does."""

    name: str
    window: str = ""
    predicate: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """Every candidate of a task.

    rows   [n] as `AcesCohort.rows`, of all; and one Boolean a rule: null where another rule leaves nothing to judge
    rules  in order
    """

    rows: pl.DataFrame
    rules: tuple[JudgedRule, ...]


def extract_task(task: Task, meds: pl.DataFrame) -> AcesCohort:
    """The cohort of a task.

    meds    [n] subject_id, time (null for what is always true), code, numeric_value or value
    raises  FormatError where a column lacks
    """
    found = judge_task(task, meds)
    steps, rows = attrition(task, found)
    return AcesCohort(rows.drop([rule.name for rule in found.rules]), steps)


def attrition(task: Task, found: Judged, why: Mapping[str, str] | None = None) -> tuple[tuple[Step, ...], pl.DataFrame]:
    """What each rule leaves, and the rows that all leave.

    why  rule -> what is to be said of it
    """
    rows, told = found.rows, why or {}
    steps = [Step(f"trigger: {task.trigger}", "", rows.height, rows["subject_id"].n_unique(), 0)]
    for rule in found.rules:
        after = rows.filter(pl.col(rule.name).fill_null(value=False))
        patients = after["subject_id"].n_unique()
        steps.append(Step(rule.name, told.get(rule.name, ""), after.height, patients, rows.height - after.height))
        rows = after
    return tuple(steps), rows


def judge_task(task: Task, meds: pl.DataFrame) -> Judged:
    """Every candidate of a task with each rule's verdict. raises FormatError where a column lacks"""
    whole = _columns(meds)
    times = _Times(_counted(task, whole))
    triggers = times.counts.filter(pl.col(task.trigger) > 0).select("subject_id", pl.col("time").alias("trigger_time"))
    rows = triggers.sort("subject_id", "trigger_time").with_row_index("candidate").with_columns(
        pl.col("candidate").cast(pl.Int64)
    )  # fmt: skip
    rules = []
    for one in task.demographics:
        rule = JudgedRule(f"patient: {one.name}", predicate=one.name)
        held = whole.filter(pl.col("time").is_null() & plainly(one))["subject_id"].unique()
        rows = rows.with_columns(pl.col("subject_id").is_in(held.implode()).alias(rule.name))
        rules.append(rule)
    for window in task.windows:
        rows, more = _judged(window, rows, times)
        rules += more
    return Judged(_told(task, rows, times), tuple(rules))


def _judged(window: Window, rows: pl.DataFrame, times: "_Times") -> tuple[pl.DataFrame, list[JudgedRule]]:
    """With the moments of a window and the verdicts of its rules."""
    anchor = anchor_of(window)
    rows = _bounded(window, rows, times)
    begin, end = pl.col(f"{window.name}_start"), pl.col(f"{window.name}_end")
    rules = [JudgedRule(f"{window.name}: it begins and ends", window.name)]
    is_there = begin.is_not_null() & end.is_not_null()
    rows = rows.with_columns(pl.when(pl.col(anchor).is_not_null()).then(is_there).alias(rules[0].name))
    for name, (low, high) in window.has.items():
        n = pl.col("n")
        held = (n >= (low or 0)) & (n <= high if high is not None else pl.lit(value=True))
        rules.append(JudgedRule(f"{window.name}: {low or 0} to {high} {name}", window.name, name))
        told = times.between(rows, window, name).select("candidate", held.alias(rules[-1].name))
        rows = rows.join(told, on="candidate", how="left", maintain_order="left")
    return rows, rules


def _columns(meds: pl.DataFrame) -> pl.DataFrame:
    """subject_id, time, code, value, and what stands beside. raises FormatError"""
    value = next((name for name in ("numeric_value", "value") if name in meds.columns), None)
    if not {"subject_id", "time", "code"} <= set(meds.columns):
        raise FormatError("task: the table is not in MEDS", "It needs the columns subject_id, time and code.")
    number = pl.col(value).cast(pl.Float64) if value else pl.lit(None, pl.Float64)
    beside = [name for name in _BESIDE if name in meds.columns]
    return meds.select("subject_id", "time", "code", number.alias("value"), *beside)


def _counted(task: Task, whole: pl.DataFrame) -> pl.DataFrame:
    """[k] subject_id, time, and how many events of each predicate there are then."""
    plain = [one for one in task.predicates if not one.joined]
    timed = whole.drop_nulls("time").group_by("subject_id", "time").agg(
        plainly(one).cast(pl.Int64).sum().alias(one.name) for one in plain
    ).sort("subject_id", "time")  # fmt: skip
    place = pl.int_range(pl.len()).over("subject_id")
    made = timed.with_columns(
        pl.lit(1, pl.Int64).alias(ANY), (place == 0).cast(pl.Int64).alias(RECORD_START),
        (place == pl.len().over("subject_id") - 1).cast(pl.Int64).alias(RECORD_END),
    )  # fmt: skip
    for one in task.predicates:
        if one.joined:
            parts = [pl.col(part) > 0 for part in one.parts]
            told = pl.all_horizontal(parts) if one.joined == "and" else pl.any_horizontal(parts)
            made = made.with_columns(told.cast(pl.Int64).alias(one.name))
    return made


def plainly(one: Predicate) -> pl.Expr:
    """True for an event with a code of the predicate and a value within its bounds."""
    code = pl.col("code")
    told = code.str.contains(one.pattern) if one.pattern else code.is_in(list(one.codes))
    value = pl.col("value")
    if one.low is not None:
        told &= value >= one.low if one.low_inclusive else value > one.low
    if one.high is not None:
        told &= value <= one.high if one.high_inclusive else value < one.high
    return told.fill_null(value=False)


def facts_meant(task: Task, name: str, meds: pl.DataFrame) -> pl.DataFrame:
    """[m] the events of a predicate, or of its parts where it is joined, at moments at which it holds.

    meds  as `careloom.risk.cohorts_events.as_meds`
    """
    whole = _columns(meds).drop_nulls("time")
    moments = _counted(task, whole).filter(pl.col(name) > 0).select("subject_id", "time")
    by_name = {one.name: one for one in task.predicates}
    left, plain = [name], []
    while left:
        part = left.pop()
        if part not in SPECIAL and by_name[part].joined:
            left += by_name[part].parts
        else:
            plain.append(pl.lit(value=True) if part in SPECIAL else plainly(by_name[part]))
    return whole.filter(pl.any_horizontal(plain)).join(moments, on=["subject_id", "time"], how="semi")


class _Times:
    """Running counts of the predicates by patient and time."""

    def __init__(self, counts: pl.DataFrame) -> None:
        self.counts = counts

    def next(self, rows: pl.DataFrame, moment: str, boundary: Boundary, *, is_same: bool) -> pl.DataFrame:
        """candidate and found: the next (or last) event from a moment on, at it where `is_same`; none without one."""
        marks = self.counts.filter(pl.col(boundary.event) > 0).select("subject_id", pl.col("time").alias("found"))
        strategy: Literal["backward", "forward"] = "backward" if boundary.is_back else "forward"
        joined = rows.select("candidate", "subject_id", moment).drop_nulls(moment).sort(moment).join_asof(
            marks.sort("found"), left_on=moment, right_on="found", by="subject_id", strategy=strategy,
            allow_exact_matches=is_same, check_sortedness=False,
        )  # fmt: skip
        return joined.select("candidate", "found")

    def between(self, rows: pl.DataFrame, window: Window, name: str) -> pl.DataFrame:
        """[k] candidate and n: events of a predicate in a window, of candidates that have the window."""
        there = rows.drop_nulls([f"{window.name}_start", f"{window.name}_end"])
        until = self._until(there, f"{window.name}_end", name, is_same=window.end_inclusive)
        before = self._until(there, f"{window.name}_start", name, is_same=not window.start_inclusive)
        told = until.join(before, on="candidate", suffix="_before")
        return told.select("candidate", (pl.col("n") - pl.col("n_before")).clip(lower_bound=0).alias("n"))

    def _until(self, rows: pl.DataFrame, moment: str, name: str, *, is_same: bool) -> pl.DataFrame:
        running = self.counts.select("subject_id", pl.col("time").alias("found"),
                                     pl.col(name).cum_sum().over("subject_id").alias("n"))  # fmt: skip
        joined = rows.select("candidate", "subject_id", moment).sort(moment).join_asof(
            running.sort("found"), left_on=moment, right_on="found", by="subject_id", strategy="backward",
            allow_exact_matches=is_same, check_sortedness=False,
        )  # fmt: skip
        return joined.select("candidate", pl.col("n").fill_null(0)).sort("candidate")


def anchor_of(window: Window) -> str:
    """The column of the moment that a window is told by."""
    root = window.end if window.root == "end" else window.start
    return "trigger_time" if root.reference == "trigger" else root.reference.replace(".", "_")


def _bounded(window: Window, rows: pl.DataFrame, times: _Times) -> pl.DataFrame:
    """The rows with both moments of a window; null where an event never comes."""
    root, first = (window.end, "end") if window.root == "end" else (window.start, "start")
    second, other = ("start", window.start) if first == "end" else ("end", window.end)
    rows = _moved(rows, anchor_of(window), f"{window.name}_{first}", root, times, is_same=False)
    flags = {"start": window.start_inclusive, "end": window.end_inclusive}
    is_same = flags[
        second if other.event in (RECORD_START, RECORD_END) else first
    ]  # the record may end where it begins
    return _moved(rows, f"{window.name}_{first}", f"{window.name}_{second}", other, times, is_same=is_same)


def _moved(
    rows: pl.DataFrame, anchor: str, name: str, boundary: Boundary, times: _Times, *, is_same: bool
) -> pl.DataFrame:
    if boundary.event:
        found = times.next(rows, anchor, boundary, is_same=is_same).rename({"found": name})
        return rows.join(found, on="candidate", how="left", maintain_order="left")
    return rows.with_columns((pl.col(anchor) + pl.duration(microseconds=round(boundary.seconds * 1e6))).alias(name))


def _told(task: Task, rows: pl.DataFrame, times: _Times) -> pl.DataFrame:
    for window in task.windows:
        if window.label:
            counted = times.between(rows, window, window.label).rename({"n": "label_count"})
            rows = rows.join(counted, on="candidate", how="left", maintain_order="left")
            rows = rows.with_columns((pl.col("label_count") > 0).alias("label"))
        if window.index_timestamp:
            rows = rows.with_columns(pl.col(f"{window.name}_{window.index_timestamp}").alias("index_time"))
    return rows
