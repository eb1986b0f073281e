"""Whether, and at which moment, patients are predicted for by a cohort by windows: as far as can be known by then.

Only facts that were known by the moment of asking are looked at. A condition of a window that is over by then stands
as training judged it; one of a window that is not over is not known, and nothing is predicted before it is: the model
learnt from people of whom it held. So a gap without a discharge is waited for, and what is foretold begins after it.
Features stay those of the index time. What may not come in the window that is foretold (a death) is as a death that a
cohort by rules drops: once it came nothing is foretold. A cohort that asks for more than that ahead is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from careloom.errors import InputError
from careloom.risk.cohorts_aces import RECORD_END, Window
from careloom.risk.cohorts_aces_extract import Judged, JudgedRule, anchor_of, judge_task
from careloom.risk.cohorts_events import as_meds
from careloom.risk.cohorts_one import IndexMoment, Standing
from careloom.risk.cohorts_windows import WindowCohort
from careloom.risk.cohorts_windows_extract import indexed
from careloom.risk.facts_one import Fact, as_frame
from careloom.risk.features_one import Moment

NOT_YET = "not known yet"
_ONE = "one"
_DAY_SECONDS = 86_400


def why_not_asked(definition: WindowCohort, horizon_days: float) -> str:
    """The place of what nobody can know of a patient of today, and why; empty where the cohort can be asked.

    horizon_days  how far ahead the model foretells where an event ends the window; 0 where it does not say
    """
    task, label = definition.task, definition.label_window
    if not definition.has_horizon and not horizon_days:
        return f"windows.{label.name}.end is an event, and the task says no horizon_days for until when to look"
    if any(low for low, _ in label.has.values()):
        return f"windows.{label.name}.has asks for what has to come while the outcome is open"
    for one in task.windows:
        if one.name != label.name and f"{label.name}.end" in (one.start.reference, one.end.reference):
            return f"windows.{one.name} begins or ends when the outcome is over"
    named = {task.trigger, *(part for one in task.predicates for part in one.parts)}
    for one in task.windows:
        named |= {one.start.event, one.end.event, *one.has, one.label}
    return "it asks for the end of the record, which a patient of today has not reached" if RECORD_END in named else ""


def standings_of_windows(
    definition: WindowCohort, events: pl.DataFrame, as_of: datetime, horizon_days: float = 0.0
) -> pl.DataFrame:
    """Where patients stand as of a moment: the newest index of each.

    events   as `careloom.risk.cohorts_events.EVENTS`; what was known later is not looked at
    horizon_days  as `why_not_asked`: until when is looked as long as the event has not come
    returns  [n] candidate, patient_id, index_time, event_time, encounter_key, resource_key, observation_start,
             horizon_end, failed (names of rules; those of windows that are not over say `NOT_YET`), state as
             `careloom.risk.cohorts_one.Standing` but for no-index
    """
    known = events.filter(pl.col("available_time").is_null() | (pl.col("available_time") <= as_of))
    meds = as_meds(known)
    found = judge_task(definition.task, meds)
    newest = (
        indexed(definition, found, meds)
        .filter(pl.col("index_time") <= as_of)
        .sort("patient_id", "index_time", "candidate")
        .unique("patient_id", keep="last", maintain_order=True)
    )
    failed = pl.concat_list(_names(definition, found, as_of))
    told = newest.with_columns(failed.list.drop_nulls().alias("failed"))
    longest = pl.col("index_time") + pl.duration(seconds=round(horizon_days * _DAY_SECONDS))
    told = told.with_columns(pl.col("horizon_end").fill_null(longest))
    is_over = pl.col("horizon_end") <= as_of
    state = (
        pl.when(pl.col("failed").list.len() > 0).then(pl.lit("not-eligible"))
        .when(is_over).then(pl.lit("over")).otherwise(pl.lit("open"))
    )  # fmt: skip
    return told.select(
        "candidate", "patient_id", "index_time", "event_time", "encounter_key", "resource_key", "observation_start",
        "horizon_end", "failed", state.alias("state"),
    )  # fmt: skip


def _names(definition: WindowCohort, found: Judged, as_of: datetime) -> list[pl.Expr]:
    """Of each rule its name where it does not hold, with `NOT_YET` where nobody can know; null where it holds, or
    another one leaves nothing to judge by.
    """
    windows, label = {one.name: one for one in definition.task.windows}, definition.label_window
    return [
        _name_ahead(rule, label) if rule.window == label.name else _name(rule, windows.get(rule.window), as_of)
        for rule in found.rules
    ]


def _name_ahead(rule: JudgedRule, label: Window) -> pl.Expr:
    """Of the window that is foretold: it has to begin, and what may not come in it has not come."""
    if rule.predicate:
        return pl.when(pl.col(rule.name).fill_null(value=True)).then(None).otherwise(pl.lit(rule.name))
    is_begun = pl.col(f"{label.name}_start").is_not_null() | pl.col(rule.name).is_null()
    return pl.when(is_begun).then(None).otherwise(pl.lit(f"{rule.name} ({NOT_YET})"))


def _name(rule: JudgedRule, window: Window | None, as_of: datetime) -> pl.Expr:
    holds, name = pl.col(rule.name), pl.lit(rule.name)
    waits = pl.lit(f"{rule.name} ({NOT_YET})")
    if window is None:
        return pl.when(holds.fill_null(value=False)).then(None).otherwise(name)
    is_known = (pl.col(f"{window.name}_end") <= as_of) if rule.predicate else _never_comes(window, as_of)
    said = pl.when(is_known.fill_null(value=False)).then(name).otherwise(waits)
    if rule.predicate:
        return pl.when(holds.is_null() | (holds & is_known)).then(None).otherwise(said)
    return pl.when(holds.fill_null(value=True)).then(None).otherwise(said)


def _never_comes(window: Window, as_of: datetime) -> pl.Expr:
    """Whether a window lacks the last event before a moment that was: no later fact can give it one."""
    sides = {"start": window.start, "end": window.end}
    told = []
    for side, boundary in sides.items():
        other = f"{window.name}_{'end' if side == 'start' else 'start'}"
        from_where = pl.col(anchor_of(window) if side == window.root else other)
        if boundary.is_back:
            told.append(pl.col(f"{window.name}_{side}").is_null() & (from_where <= as_of))
    return pl.any_horizontal(told) if told else pl.lit(value=False)


@dataclass(frozen=True, slots=True)
class WindowJudge:
    """Judges patients by one cohort by windows, as `careloom.risk.cohorts_one.Judge` does by rules.

    index_kind    kind of the index events, whose value and detail are told; empty where they tell nothing
    horizon_days  as `why_not_asked`
    """

    definition: WindowCohort
    index_kind: str = ""
    horizon_days: float = 0.0

    def standing(self, facts: Sequence[Fact], as_of: datetime) -> Standing:
        """Where a patient stands, by what was known until `as_of`."""
        found = standings_of_windows(self.definition, as_frame(facts, _ONE), as_of, self.horizon_days)
        if found.is_empty():
            return Standing("no-index")
        row = found.row(0, named=True)
        key = row["resource_key"] or ""
        own = next((one for one in facts if one.kind == self.index_kind and one.resource_key == key), None)
        moment = Moment(
            row["index_time"], row["encounter_key"], key, None if own is None else own.value,
            None if own is None else own.detail, row["event_time"], row["observation_start"], row["horizon_end"],
        )  # fmt: skip
        return Standing(row["state"], IndexMoment(moment, tuple(row["failed"])))

    def now(self, facts: Sequence[Fact], as_of: datetime, encounter_key: str = "") -> IndexMoment | None:
        """Nothing: raises InputError, for windows say themselves when they predict."""
        raise InputError(
            f"score: now: the cohort {self.definition.name} is one by windows, which say when it predicts",
            "Leave now and the encounter away.",
        )

    def horizon_end(self, moment: Moment) -> datetime:
        """Until when the outcome is looked for after an index."""
        if moment.horizon_end is None:
            raise AssertionError("asked of a moment that the cohort did not give")
        return moment.horizon_end

    def begun(self, moment: Moment) -> datetime:
        """When the index event was."""
        return moment.event_time or moment.time
