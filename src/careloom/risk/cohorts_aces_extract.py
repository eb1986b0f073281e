"""The cohort of an ACES task in a table of MEDS, or in facts written as one; no loop over patients.

A window is two moments; what it counts are the events of its predicates at the moments between, by differences of
running counts. A candidate whose window has no end, for its event never comes, is out.
"""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from careloom.errors import FormatError
from careloom.risk.cohorts import Step
from careloom.risk.cohorts_aces import ANY, RECORD_END, RECORD_START, Boundary, Predicate, Task, Window

_UNITS = {"observation": "LAB", "diagnosis": "DIAGNOSIS", "procedure": "PROCEDURE", "medication": "MEDICATION"}
_NAMES = {"birth": "MEDS_BIRTH", "death": "MEDS_DEATH", "sex": "GENDER", "admission": "HOSPITAL_ADMISSION",
          "discharge": "HOSPITAL_DISCHARGE"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AcesCohort:
    """The candidates of a task that are in.

    rows   [n] candidate, subject_id, trigger_time; index_time and label (and label_count) where the task names them;
           WINDOW_start and WINDOW_end
    steps  attrition: triggers, then each window's end, then each of its conditions
    """

    rows: pl.DataFrame
    steps: tuple[Step, ...]


def as_meds(events: pl.DataFrame) -> pl.DataFrame:
    """Facts as `careloom.risk.cohorts_events.EVENTS` in MEDS: subject_id, time, code, numeric_value.

    Codes are ``HOSPITAL_ADMISSION//<priority>``, ``HOSPITAL_DISCHARGE//<disposition>``, ``MEDS_BIRTH``, ``MEDS_DEATH``,
    ``GENDER//<code>`` and ``LAB``, ``DIAGNOSIS``, ``PROCEDURE``, ``MEDICATION`` or the kind in capitals with
    ``//<system>//<code>``.
    """
    kind, unknown = pl.col("kind"), pl.lit("UNK")
    head = kind.replace(_NAMES).replace(_UNITS)
    name = pl.when(kind == head).then(kind.str.to_uppercase()).otherwise(head)
    tail = (
        pl.when(kind.is_in(["birth", "death"])).then(pl.lit(""))
        .when(kind.is_in(["admission", "discharge"])).then(pl.lit("//") + pl.col("detail").fill_null(unknown))
        .when(kind == "sex").then(pl.lit("//") + pl.col("code").fill_null(unknown))
        .otherwise(pl.lit("//") + pl.col("system").fill_null(unknown) + "//" + pl.col("code").fill_null(unknown))
    )  # fmt: skip
    return events.select(
        pl.col("patient_id").alias("subject_id"), "time", (name + tail).alias("code"),
        pl.col("value").alias("numeric_value"),
    )  # fmt: skip


def extract_task(task: Task, meds: pl.DataFrame) -> AcesCohort:
    """The cohort of a task.

    meds    [n] subject_id, time (null for what is always true), code, numeric_value or value
    raises  FormatError where a column lacks
    """
    counts = _counted(task, meds)
    times = _Times(counts)
    rows = counts.filter(pl.col(task.trigger) > 0).select("subject_id", pl.col("time").alias("trigger_time"))
    rows = rows.sort("subject_id", "trigger_time").with_row_index("candidate").with_columns(
        pl.col("candidate").cast(pl.Int64)
    )  # fmt: skip
    steps = [Step(f"trigger: {task.trigger}", "", rows.height, rows["subject_id"].n_unique(), 0)]
    for window in task.windows:
        rows = _bounded(window, rows, times)
        after = rows.drop_nulls([f"{window.name}_start", f"{window.name}_end"])
        steps.append(_step(f"{window.name}: it begins and ends", rows, after))
        rows = after
        for name, (low, high) in window.has.items():
            told = times.between(rows, window, name)
            held = told.filter(
                (pl.col("n") >= (low or 0)) & (pl.col("n") <= high if high is not None else pl.lit(value=True))
            )
            after = rows.filter(pl.col("candidate").is_in(held["candidate"].implode()))
            steps.append(_step(f"{window.name}: {low if low is not None else 0} to {high} {name}", rows, after))
            rows = after
    return AcesCohort(_told(task, rows, times), tuple(steps))


def _step(name: str, before: pl.DataFrame, after: pl.DataFrame) -> Step:
    return Step(name, "", after.height, after["subject_id"].n_unique(), before.height - after.height)


def _counted(task: Task, meds: pl.DataFrame) -> pl.DataFrame:
    """[k] subject_id, time, and how many events of each predicate there are then."""
    value = next((name for name in ("numeric_value", "value") if name in meds.columns), None)
    if not {"subject_id", "time", "code"} <= set(meds.columns):
        raise FormatError("task: the table is not in MEDS", "It needs the columns subject_id, time and code.")
    number = pl.col(value).cast(pl.Float64) if value else pl.lit(None, pl.Float64)
    whole = meds.select("subject_id", "time", "code", number.alias("value"))
    for one in task.demographics:
        held = whole.filter(pl.col("time").is_null() & _plain(one))["subject_id"].unique()
        whole = whole.filter(pl.col("subject_id").is_in(held.implode()))
    plain = [one for one in task.predicates if not one.joined]
    timed = whole.drop_nulls("time").group_by("subject_id", "time").agg(
        _plain(one).cast(pl.Int64).sum().alias(one.name) for one in plain
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


def _plain(one: Predicate) -> pl.Expr:
    code = pl.col("code")
    told = code.str.contains(one.pattern) if one.pattern else code.is_in(list(one.codes))
    value = pl.col("value")
    if one.low is not None:
        told &= value >= one.low if one.low_inclusive else value > one.low
    if one.high is not None:
        told &= value <= one.high if one.high_inclusive else value < one.high
    return told.fill_null(value=False)


class _Times:
    """Running counts of the predicates by patient and time."""

    def __init__(self, counts: pl.DataFrame) -> None:
        self._counts = counts

    def next(self, rows: pl.DataFrame, moment: str, boundary: Boundary, *, is_same: bool) -> pl.Series:
        """The time of the next (or last) event from a moment on, which may be the moment itself where `is_same`."""
        marks = self._counts.filter(pl.col(boundary.event) > 0).select("subject_id", pl.col("time").alias("found"))
        strategy: Literal["backward", "forward"] = "backward" if boundary.is_back else "forward"
        joined = rows.sort(moment).join_asof(
            marks.sort("found"), left_on=moment, right_on="found", by="subject_id", strategy=strategy,
            allow_exact_matches=is_same, check_sortedness=False,
        )  # fmt: skip
        return joined.sort("candidate")["found"]

    def between(self, rows: pl.DataFrame, window: Window, name: str) -> pl.DataFrame:
        """[n] candidate and n: events of a predicate in a window."""
        until = self._until(rows, f"{window.name}_end", name, is_same=window.end_inclusive)
        before = self._until(rows, f"{window.name}_start", name, is_same=not window.start_inclusive)
        told = until.join(before, on="candidate", suffix="_before")
        return told.select("candidate", (pl.col("n") - pl.col("n_before")).clip(lower_bound=0).alias("n"))

    def _until(self, rows: pl.DataFrame, moment: str, name: str, *, is_same: bool) -> pl.DataFrame:
        running = self._counts.select("subject_id", pl.col("time").alias("found"),
                                      pl.col(name).cum_sum().over("subject_id").alias("n"))  # fmt: skip
        joined = rows.select("candidate", "subject_id", moment).sort(moment).join_asof(
            running.sort("found"), left_on=moment, right_on="found", by="subject_id", strategy="backward",
            allow_exact_matches=is_same, check_sortedness=False,
        )  # fmt: skip
        return joined.select("candidate", pl.col("n").fill_null(0)).sort("candidate")


def _bounded(window: Window, rows: pl.DataFrame, times: _Times) -> pl.DataFrame:
    """The rows with both moments of a window; null where an event never comes."""
    root, first = (window.end, "end") if window.root == "end" else (window.start, "start")
    second, other = ("start", window.start) if first == "end" else ("end", window.end)
    anchor = "trigger_time" if root.reference == "trigger" else root.reference.replace(".", "_")
    rows = _moved(rows, anchor, f"{window.name}_{first}", root, times, is_same=False)
    is_same = window.start_inclusive if first == "start" else window.end_inclusive
    return _moved(rows, f"{window.name}_{first}", f"{window.name}_{second}", other, times, is_same=is_same)


def _moved(
    rows: pl.DataFrame, anchor: str, name: str, boundary: Boundary, times: _Times, *, is_same: bool
) -> pl.DataFrame:
    rows = rows.sort("candidate")
    if boundary.event:
        return rows.with_columns(times.next(rows, anchor, boundary, is_same=is_same).alias(name))
    return rows.with_columns((pl.col(anchor) + pl.duration(microseconds=round(boundary.seconds * 1e6))).alias(name))


def _told(task: Task, rows: pl.DataFrame, times: _Times) -> pl.DataFrame:
    rows = rows.sort("candidate")
    for window in task.windows:
        if window.label:
            counted = times.between(rows, window, window.label).sort("candidate")["n"]
            rows = rows.with_columns((counted > 0).alias("label"), counted.alias("label_count"))
        if window.index_timestamp:
            rows = rows.with_columns(pl.col(f"{window.name}_{window.index_timestamp}").alias("index_time"))
    return rows
