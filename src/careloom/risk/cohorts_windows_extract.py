"""A cohort by windows out of facts: attrition, states and labels, and why a patient is in or out.

Facts stand where they could be known (`careloom.risk.cohorts_events.as_meds`). What a window after the index time asks
for is done as it says, and its step says that it looks ahead: whoever is predicted for today has no such windows yet.
"""

from typing import Any

import polars as pl

from careloom.errors import FormatError, QueryError
from careloom.risk.cohorts import COVERED_STEP, Cohort, Step
from careloom.risk.cohorts_aces import Window
from careloom.risk.cohorts_aces_extract import Judged, JudgedRule, attrition, facts_meant, judge_task
from careloom.risk.cohorts_definition import EventSet
from careloom.risk.cohorts_events import AHEAD, as_meds, last_known
from careloom.risk.cohorts_match import not_cancelled
from careloom.risk.cohorts_windows import WindowCohort

_DAY_SECONDS = 86_400
_MOMENT = pl.Datetime("us", "UTC")
LOOKS_AHEAD = "looks past the index time"


def extract_windows(
    definition: WindowCohort, events: pl.DataFrame, *, shift_days: float = 0.0, until: object = None
) -> Cohort:
    """The cohort of windows in facts as `careloom.risk.cohorts_events.EVENTS`.

    shift_days  as `careloom.risk.cohorts.extract`; only a horizon of a span of time needs it
    until       where follow-up of everybody ends; None: with the facts that are given
    raises      FormatError where the window that is foretold begins before the index time of somebody
    """
    meds = as_meds(events)
    found = judge_task(definition.task, meds)
    outcome = _outcome(definition, meds)
    newest = until or last_known(events, _ahead(outcome))
    judged = indexed(definition, found, meds).with_columns(_covered(definition, newest, shift_days).alias("is_covered"))
    steps, left = attrition(
        definition.task, Judged(judged, found.rules), {rule.name: _said(rule, judged) for rule in found.rules}
    )
    if shift_days:
        after = left.filter("is_covered")
        why = f"each patient's dates are moved by up to {shift_days:g} days"
        patients = after["patient_id"].n_unique()
        steps = (*steps, Step(COVERED_STEP, why, after.height, patients, left.height - after.height))
        left = after
    _require_ahead(definition, left)
    told = _stated(definition, left, events, meds, _follow_up(definition, events, newest, outcome))
    verdicts = judged.with_columns(is_in=pl.col("candidate").is_in(told["candidate"].implode()))
    names = [rule.name for rule in found.rules]
    kept = ("candidate", "patient_id", "index_time", "resource_key", *names, "is_covered", "is_in")
    states = dict.fromkeys(("event", "none", "death", "censored"), 0) | dict(told["state"].value_counts().iter_rows())
    kind = _index_kind(definition, judged, meds)
    return Cohort(definition, told, steps, verdicts.select(kept), states, kind, outcome)


def indexed(definition: WindowCohort, found: Judged, meds: pl.DataFrame) -> pl.DataFrame:
    """Every candidate with its index event, index time, horizon and observation, and the verdicts."""
    index, label = definition.index_window, definition.label_window
    triggers = facts_meant(definition.task, definition.task.trigger, meds).sort("resource_key").unique(
        ["subject_id", "time"], keep="first", maintain_order=True
    ).select("subject_id", pl.col("time").alias("trigger_time"), "encounter_key", "resource_key")  # fmt: skip
    whole = index.index_timestamp == "start" or index.start.event == "_RECORD_START"
    observed = pl.lit(None, _MOMENT) if whole else pl.col(f"{index.name}_start")
    ends = [pl.col(f"{one.name}_end") for one in definition.task.windows]
    return found.rows.join(triggers, on=["subject_id", "trigger_time"], how="left", maintain_order="left").with_columns(
        pl.col("subject_id").alias("patient_id"),
        pl.col("trigger_time").alias("event_time"),
        observed.alias("observation_start"),
        pl.col(f"{label.name}_end").alias("horizon_end"),
        pl.max_horizontal(ends).alias("last_end"),
    )


def _said(rule: JudgedRule, judged: pl.DataFrame) -> str:
    """What is to be said of a rule: whether its window ends after the index time of anybody."""
    if not rule.window:
        return "asked of the patient"
    is_ahead = judged.select((pl.col(f"{rule.window}_end") > pl.col("index_time")).any()).item()
    return LOOKS_AHEAD if is_ahead else ""


def _require_ahead(definition: WindowCohort, left: pl.DataFrame) -> None:
    """Returns where nobody's label begins before the index time. raises FormatError"""
    label = definition.label_window
    early = left.filter(pl.col(f"{label.name}_start") < pl.col("index_time")).height
    if early:
        raise FormatError(
            f"cohort: windows.{label.name}.start lies before the index time of {early} rows",
            f"Begin what is foretold at {definition.index_window.name}.{definition.index_window.index_timestamp}.",
        )


def _covered(definition: WindowCohort, newest: object, shift_days: float) -> pl.Expr:
    if not shift_days or definition.follow_up != "data" or not definition.has_horizon or newest is None:
        return pl.lit(value=True)
    reach = pl.lit(newest, _MOMENT) - pl.duration(seconds=round(2 * shift_days * _DAY_SECONDS))
    return (pl.col("last_end") <= reach).fill_null(value=True)


def _follow_up(
    definition: WindowCohort, events: pl.DataFrame, newest: object, outcome: tuple[EventSet, ...]
) -> pl.DataFrame:
    """[p] patient_id, until: how far anybody would have told."""
    if definition.follow_up == "patient":
        told = events.filter(~pl.col("kind").is_in(_ahead(outcome)) & not_cancelled())
        return told.group_by("patient_id").agg(pl.col("available_time").max().alias("until"))
    return events.select("patient_id").unique().with_columns(until=pl.lit(newest, _MOMENT))


def _ahead(outcome: tuple[EventSet, ...]) -> list[str]:
    """Kinds that do not say how far follow-up reaches; those of the outcome itself do."""
    return [kind for kind in AHEAD if kind not in {one.kind for one in outcome}]


def _stated(
    definition: WindowCohort, left: pl.DataFrame, events: pl.DataFrame, meds: pl.DataFrame, until: pl.DataFrame
) -> pl.DataFrame:
    """The rows that are in, with state, label and what came first of the outcome."""
    told = left.join(until, on="patient_id", how="left", maintain_order="left")
    if definition.follow_up == "patient":  # of the dead there is nothing more to tell
        died = events.filter(pl.col("kind") == "death").drop_nulls("time").group_by("patient_id").agg(
            death=pl.col("time").min()
        )  # fmt: skip
        told = told.join(died, on="patient_id", how="left", maintain_order="left")
        over = (pl.col("death") <= pl.col("last_end")).fill_null(value=False)
    else:
        over = pl.lit(definition.follow_up == "none")
    is_told = over | (pl.col("until") >= pl.col("last_end")).fill_null(value=False)
    first = _first(definition, told, meds)
    happened = pl.when(pl.col("label")).then(pl.lit("event")).otherwise(pl.lit("none"))
    stated = told.with_columns(pl.when(is_told).then(happened).otherwise(pl.lit("censored")).alias("state"))
    came = pl.col("state") == "event"
    return stated.join(first, on="candidate", how="left", maintain_order="left").select(
        "candidate", "patient_id", "index_time", "event_time", "encounter_key", "resource_key", "observation_start",
        "horizon_end", pl.when(pl.col("state") != "censored").then(pl.col("label")).alias("label"), "state",
        pl.when(came).then("found_time").alias("outcome_time"), pl.when(came).then("found_key").alias("outcome_key"),
    ).sort("patient_id", "index_time", "candidate")  # fmt: skip


def _first(definition: WindowCohort, told: pl.DataFrame, meds: pl.DataFrame) -> pl.DataFrame:
    """[k] candidate, found_time, found_key: the first event of the outcome in the window that is foretold."""
    window = definition.label_window
    facts = facts_meant(definition.task, window.label, meds).select(
        pl.col("subject_id").alias("patient_id"), pl.col("time").alias("found_time"),
        pl.col("resource_key").alias("found_key"),
    )  # fmt: skip
    begin, end = f"{window.name}_start", f"{window.name}_end"
    pairs = told.select("candidate", "patient_id", begin, end).join(facts, on="patient_id", how="inner")
    found = pairs.filter(_within(window, pl.col("found_time"), pl.col(begin), pl.col(end)))
    ordered = found.sort("candidate", "found_time", "found_key")
    return ordered.unique("candidate", keep="first", maintain_order=True).select("candidate", "found_time", "found_key")


def _within(window: Window, time: pl.Expr, begin: pl.Expr, end: pl.Expr) -> pl.Expr:
    after = time >= begin if window.start_inclusive else time > begin
    return after & (time <= end if window.end_inclusive else time < end)


def _index_kind(definition: WindowCohort, judged: pl.DataFrame, meds: pl.DataFrame) -> str:
    """The kind of the index events; empty where they are of several, or one comes after its index time and may tell
    nothing then."""
    if judged.select((pl.col("event_time") > pl.col("index_time")).any()).item():
        return ""
    kinds = facts_meant(definition.task, definition.task.trigger, meds)["kind"].unique()
    return str(kinds.item()) if kinds.len() == 1 else ""


def _outcome(definition: WindowCohort, meds: pl.DataFrame) -> tuple[EventSet, ...]:
    """The facts that the outcome is, one set a kind, with the codes that its predicate means in these facts."""
    facts = facts_meant(definition.task, definition.label_window.label, meds)
    coded = (
        facts.select("kind", "system", "plain_code").unique().drop_nulls("kind").sort("kind", "system", "plain_code")
    )
    made: dict[str, dict[str, list[str]]] = {}
    for kind, system, code in coded.iter_rows():
        own = made.setdefault(kind, {})
        if system is not None and code is not None:
            own.setdefault(system, []).append(code)
    return tuple(
        EventSet(kind, kind, {system: tuple(codes) for system, codes in own.items()})
        for kind, own in made.items()
        if own or kind in ("birth", "death")  # a set without codes would mean every fact of its kind
    )


def why_windows(
    definition: WindowCohort, events: pl.DataFrame, patient_id: str, *, shift_days: float = 0.0
) -> list[dict[str, Any]]:
    """Why a patient's moments are in the cohort or not; as `careloom.risk.cohorts.why`.

    A rule that another one leaves nothing to judge by (a condition of a window that never ends) is none that fails.
    """
    own = events.filter(pl.col("patient_id") == patient_id)
    if own.is_empty():
        raise QueryError("nothing is known of this patient here", "Name a patient of the zone.")
    meds = as_meds(own)
    everybody = _outcome(definition, as_meds(events)) if definition.follow_up == "data" else ()
    until = last_known(events, _ahead(everybody)) if definition.follow_up == "data" else None
    cohort = extract_windows(definition, own, shift_days=shift_days, until=until)
    found = judge_task(definition.task, meds)
    moments = {row["candidate"]: row for row in found.rows.to_dicts()}
    chosen = {row["candidate"]: row for row in cohort.rows.to_dicts()}
    return [
        _told(definition, found, meds, row | moments[row["candidate"]], chosen.get(row["candidate"]))
        for row in cohort.verdicts.to_dicts()
    ]


def _told(
    definition: WindowCohort, found: Judged, meds: pl.DataFrame, row: dict[str, Any], kept: dict[str, Any] | None
) -> dict[str, Any]:
    failed = [rule.name for rule in found.rules if row[rule.name] is False]
    is_whole = all(row[rule.name] is not None for rule in found.rules)
    counted = [rule for rule in found.rules if rule.window and rule.predicate]
    return {
        "index_time": row["index_time"], "resource_key": row["resource_key"] or "", "is_in": kept is not None,
        "state": None if kept is None else kept["state"], "label": None if kept is None else kept["label"],
        "failed": failed, "near_miss": len(failed) == 1 and is_whole,
        "left_out": "" if kept is not None or failed else COVERED_STEP,
        "facts": {rule.name: _seen(definition, rule, meds, row) for rule in counted},
    }  # fmt: skip


def _seen(definition: WindowCohort, rule: JudgedRule, meds: pl.DataFrame, row: dict[str, Any]) -> list[str]:
    """The resources that a rule counted, newest first."""
    window = next(one for one in definition.task.windows if one.name == rule.window)
    begin, end = row[f"{window.name}_start"], row[f"{window.name}_end"]
    if begin is None or end is None:
        return []
    facts = facts_meant(definition.task, rule.predicate, meds)
    within = _within(window, pl.col("time"), pl.lit(begin, _MOMENT), pl.lit(end, _MOMENT))
    ordered = facts.filter(within).sort("time", descending=True)
    return ordered["resource_key"].unique(maintain_order=True).to_list()
