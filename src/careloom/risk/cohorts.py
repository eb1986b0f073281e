"""A cohort out of facts: whose moments are indexes, why others are not, and what came of each; no loop over patients.

Every rule is judged by what was known at the index time. The outcome alone looks ahead, in (index, end of the horizon].
Where follow-up ends before the horizon does the label is unknown, whatever was seen until then.

Where each patient's dates were moved by secret days, nobody's data end at the newest date of all. With a greatest shift
of s days an index is admitted whose horizon ends 2 s before that date or sooner: the newest date is s after the real
end of the data at most, and s before that end is the earliest at which a patient's moved data can end. No real date and
no patient's shift is needed for it.
"""

from dataclasses import dataclass
from typing import Any

import polars as pl

from careloom.errors import QueryError
from careloom.risk.cohorts_definition import Choose, Definition, EventSet, Rule
from careloom.risk.cohorts_events import OUTSIDE, last_known
from careloom.risk.cohorts_match import facts_of, known_before
from careloom.risk.cohorts_outcome import follow_up_ahead, horizon_end, outcomes
from careloom.risk.cohorts_windows import WindowCohort

_DAY_SECONDS = 86_400
_CHOICES = {
    "first": "first that fits of its patient",
    "last": "last that fits of its patient",
    "yearly": "first that fits of its patient's year",
}
_YEAR_DAYS = 365.25
DEATH_STEP = "no death before the outcome"
COVERED_STEP = "a horizon that everybody's data cover"


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule left: rows and patients that are still in, and rows that it took out."""

    name: str
    why: str
    rows: int
    patients: int
    removed: int


@dataclass(frozen=True, slots=True)
class Cohort:
    """A cohort with its attrition.

    rows       [n] sorted by patient and index time: candidate, patient_id, index_time, event_time, encounter_key,
               resource_key (of the index event), observation_start (null: the whole record), horizon_end, label
               (null: unknown), state (event, none, death, censored), outcome_time, outcome_key
    steps      attrition in order, the index events first
    verdicts   [m] every candidate: candidate, patient_id, index_time, resource_key, one Boolean a rule,
               is_covered, is_in
    states     state -> rows, of those that are in
    index_kind kind of the index events, whose own value a feature may be; empty for a date, and where they tell nothing
    outcome    the facts that the outcome is
    """

    definition: Definition | WindowCohort
    rows: pl.DataFrame
    steps: tuple[Step, ...]
    verdicts: pl.DataFrame
    states: dict[str, int]
    index_kind: str = ""
    outcome: tuple[EventSet, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Counts only: name, digest, steps, states, patients."""
        steps = [{name: getattr(one, name) for name in Step.__slots__} for one in self.steps]
        return {
            "name": self.definition.name, "digest": self.definition.digest, "steps": steps, "states": self.states,
            "rows": self.rows.height, "patients": self.rows["patient_id"].n_unique(),
        }  # fmt: skip


def extract(definition: Definition, events: pl.DataFrame, *, shift_days: float = 0.0) -> Cohort:
    """The cohort of a definition in facts as `careloom.risk.cohorts_events.EVENTS`.

    shift_days  the most by which a patient's dates were moved; 0 where all dates are real
    """
    candidates = _candidates(definition, events)
    judged = candidates.with_columns(
        *(_judged(rule, definition, candidates, events).alias(rule.name) for rule in definition.rules),
        _covered(definition, events, shift_days).alias("is_covered"),
    )
    steps, left = _attrition(definition, judged, shift_days)
    told = outcomes(definition, left, events)
    if definition.death == "drop":
        alive = told.filter(pl.col("state") != "death")
        steps.append(_step(DEATH_STEP, "policy of death: drop", told, alive))
        told = alive
    verdicts = judged.with_columns(is_in=pl.col("candidate").is_in(told["candidate"].implode()))
    counted = told["state"].value_counts().iter_rows()
    states = dict.fromkeys(("event", "none", "death", "censored"), 0) | dict(counted)
    names = [rule.name for rule in definition.rules]
    kept = ("candidate", "patient_id", "index_time", "resource_key", *names, "is_covered", "is_in")
    return Cohort(
        definition, told.sort("patient_id", "index_time"), tuple(steps), verdicts.select(kept), states,
        definition.events[definition.index.event].kind if definition.index.event else "",
        (definition.events[definition.outcome.event],),
    )  # fmt: skip


def indexes(definition: Definition, events: pl.DataFrame) -> pl.DataFrame:
    """Every moment that a prediction could be made at, whatever is chosen: patient_id, index_time, event_time,
    encounter_key, resource_key (of the index event), and fits: whether every rule holds."""
    found = _candidates(definition, events)
    held = [_judged(rule, definition, found, events) for rule in definition.rules]
    fits = pl.select(pl.all_horizontal(held)).to_series() if held else pl.repeat(True, found.height, eager=True)
    return found.with_columns(fits.alias("fits")).drop("candidate")


def _candidates(definition: Definition, events: pl.DataFrame) -> pl.DataFrame:
    index = definition.index
    if index.date is not None:
        people = events.select("patient_id").unique().sort("patient_id")
        found = people.with_columns(
            event_time=pl.lit(index.date, pl.Datetime("us", "UTC")), encounter_key=pl.lit(None, pl.String),
            resource_key=pl.lit("", pl.String),
        )  # fmt: skip
    else:
        facts = facts_of(events, definition.events[index.event]).rename({"time": "event_time"})
        found = facts.select("patient_id", "event_time", "encounter_key", "resource_key").unique()
    moment = pl.col("event_time") + pl.duration(seconds=round(index.offset_hours * 3600))
    ordered = found.with_columns(index_time=moment).sort("patient_id", "index_time", "resource_key")
    return ordered.with_row_index("candidate").with_columns(pl.col("candidate").cast(pl.Int64))


def _covered(definition: Definition, events: pl.DataFrame, shift_days: float) -> pl.Expr:
    """Whether the data of each patient, wherever they were moved to, reach as far as the horizon.

    A follow-up that is the patient's own moves with the patient.
    """
    newest = last_known(events, follow_up_ahead(definition))
    if not shift_days or definition.follow_up == "patient" or newest is None:
        return pl.lit(value=True)
    until = pl.lit(newest, pl.Datetime("us", "UTC")) - pl.duration(seconds=round(2 * shift_days * _DAY_SECONDS))
    return horizon_end(definition) <= until


def _judged(rule: Rule, definition: Definition, candidates: pl.DataFrame, events: pl.DataFrame) -> pl.Series:
    """One Boolean a candidate, in their order; what is not known does not hold."""
    if rule.kind == "event":
        return _has_events(rule, definition.events[rule.event], candidates, events)
    if rule.kind == "age":
        age = ages(candidates, events)
        low = pl.lit(value=True) if rule.min_years is None else age >= rule.min_years
        high = pl.lit(value=True) if rule.below_years is None else age < rule.below_years
        return pl.select((low & high).fill_null(value=False)).to_series()
    if rule.kind == "sex":
        told = events.filter((pl.col("kind") == "sex") & (pl.col("code") == rule.is_))
        return candidates["patient_id"].is_in(told["patient_id"].implode())
    if rule.kind == "alive":
        died = candidates.join(deaths(events), on="patient_id", how="left", maintain_order="left")
        return died.select((pl.col("death_time") > pl.col("index_time")).fill_null(value=True)).to_series()
    begun = events.filter(~pl.col("kind").is_in(OUTSIDE)).drop_nulls("time")
    first = begun.group_by("patient_id").agg(pl.col("time").min().alias("first"))
    since = candidates.join(first, on="patient_id", how="left", maintain_order="left")
    reach = pl.col("first") <= pl.col("index_time") - pl.duration(seconds=round(rule.days * _DAY_SECONDS))
    return since.select(reach.fill_null(value=False)).to_series()


def _has_events(rule: Rule, one: EventSet, candidates: pl.DataFrame, events: pl.DataFrame) -> pl.Series:
    pairs = known_before(
        candidates, facts_of(events, one), rule.days, is_strict=False, same_encounter=rule.same_encounter
    )
    counted = pairs.group_by("candidate").agg(pl.col("resource_key").n_unique().alias("times"))
    times = candidates.join(counted, on="candidate", how="left", maintain_order="left")["times"].fill_null(0)
    has = times >= rule.at_least
    return has if rule.must == "have" else ~has


def ages(candidates: pl.DataFrame, events: pl.DataFrame) -> pl.Series:
    """Completed years at the index time; null where no birth is known."""
    births = events.filter(pl.col("kind") == "birth").group_by("patient_id").agg(pl.col("time").min().alias("born"))
    told = candidates.join(births, on="patient_id", how="left", maintain_order="left")
    now, born = pl.col("index_time").dt, pl.col("born").dt
    is_before = (now.month() * 100 + now.day()) < (born.month() * 100 + born.day())
    return told.select((now.year() - born.year() - is_before.cast(pl.Int32)).alias("age")).to_series()


def deaths(events: pl.DataFrame) -> pl.DataFrame:
    """[p] patient_id, death_time: the first that is told."""
    died = events.filter(pl.col("kind") == "death").drop_nulls("time")
    return died.group_by("patient_id").agg(pl.col("time").min().alias("death_time"))


def _step(name: str, why: str, before: pl.DataFrame, after: pl.DataFrame) -> Step:
    return Step(name, why, after.height, after["patient_id"].n_unique(), before.height - after.height)


def _attrition(definition: Definition, judged: pl.DataFrame, shift_days: float) -> tuple[list[Step], pl.DataFrame]:
    index = definition.index
    begin = f"index events: {index.event}" if index.event else "patients on the day of the index"
    steps, left = [_step(begin, definition.title, judged, judged)], judged
    for rule in definition.rules:
        after = left.filter(pl.col(rule.name))
        steps.append(_step(rule.name, rule.why, left, after))
        left = after
    if shift_days:
        after, why = left.filter("is_covered"), f"each patient's dates are moved by up to {shift_days:g} days"
        steps.append(_step(COVERED_STEP, why, left, after))
        left = after
    if index.choose != "all":
        after = _chosen(left, index.choose)
        steps.append(_step(_CHOICES[index.choose], f"index.choose is {index.choose}", left, after))
        left = after
    return steps, left


def _chosen(left: pl.DataFrame, choose: Choose) -> pl.DataFrame:
    """One row a patient, or one a year of the patient counted from the first that fits."""
    if choose != "yearly":
        return left.unique("patient_id", keep="last" if choose == "last" else "first", maintain_order=True)
    since = pl.col("index_time") - pl.col("index_time").min().over("patient_id")
    year = (since.dt.total_seconds() / (_YEAR_DAYS * _DAY_SECONDS)).floor().cast(pl.Int64)
    kept = left.with_columns(year.alias("__year")).unique(["patient_id", "__year"], keep="first", maintain_order=True)
    return kept.drop("__year")


def why(
    definition: Definition, events: pl.DataFrame, patient_id: str, *, shift_days: float = 0.0
) -> list[dict[str, Any]]:
    """Why a patient's moments are in the cohort or not: one item a candidate.

    returns  index_time, resource_key, is_in, state, label; `failed`: names of the rules that do not hold; `near_miss`:
             exactly one; `left_out`: what else kept it out (follow-up, choice, death); `facts`: rule -> resources that
             it saw
    raises   QueryError for a patient of whom there is no fact
    """
    own = events.filter(pl.col("patient_id") == patient_id)
    if own.is_empty():
        raise QueryError("nothing is known of this patient here", "Name a patient of the zone.")
    if definition.follow_up == "data":  # the end of follow-up is that of everybody
        until = pl.Series([last_known(events, follow_up_ahead(definition))], dtype=pl.Datetime("us", "UTC"))
        last = pl.DataFrame({"patient_id": "", "available_time": until})
        own = pl.concat([own, last], how="diagonal")
    cohort = extract(definition, own, shift_days=shift_days)
    chosen = {row["candidate"]: row for row in cohort.rows.to_dicts()}
    verdicts = cohort.verdicts.filter(pl.col("patient_id") == patient_id)
    return [_told(definition, own, row, chosen.get(row["candidate"])) for row in verdicts.to_dicts()]


def _told(
    definition: Definition, own: pl.DataFrame, row: dict[str, Any], kept: dict[str, Any] | None
) -> dict[str, Any]:
    failed = [rule.name for rule in definition.rules if not row[rule.name]]
    left_out = ""
    if kept is None and not failed:
        is_death = definition.death == "drop" and definition.index.choose == "all"
        left_out = DEATH_STEP if is_death else _CHOICES.get(definition.index.choose, DEATH_STEP)
        left_out = left_out if row["is_covered"] else COVERED_STEP
    return {
        "index_time": row["index_time"], "resource_key": row["resource_key"], "is_in": kept is not None,
        "state": None if kept is None else kept["state"], "label": None if kept is None else kept["label"],
        "failed": failed, "near_miss": len(failed) == 1, "left_out": left_out,
        "facts": {rule.name: _seen(rule, definition, own, row) for rule in definition.rules if rule.kind == "event"},
    }  # fmt: skip


def _seen(rule: Rule, definition: Definition, own: pl.DataFrame, row: dict[str, Any]) -> list[str]:
    """The resources that an event rule counted, newest first."""
    candidate = pl.DataFrame([row]).select("candidate", "patient_id", "index_time")
    encounter = own.filter(pl.col("resource_key") == row["resource_key"])["encounter_key"].drop_nulls().head(1)
    index = candidate.with_columns(encounter_key=pl.lit(encounter.item() if encounter.len() else None, pl.String))
    pairs = known_before(
        index, facts_of(own, definition.events[rule.event]), rule.days, is_strict=False,
        same_encounter=rule.same_encounter,
    )  # fmt: skip
    return pairs.sort("time", descending=True)["resource_key"].unique(maintain_order=True).to_list()
