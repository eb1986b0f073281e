"""Outcomes of predictions, looked up until they are final, and why nobody will know the others.

An outcome is that of the index event which the task defines, as in training: a readmission that was asked for before
the discharge is looked for from that discharge on. It is final once its horizon and the grace of the thresholds have
passed, for a feed may bring late what happened in time; until then it is looked up again and not kept. Of a patient of
whom the looker may not process, or may not see, everything, no outcome is kept: what is not seen did not stay away.

What people tell of an outcome before it can be final is provisional (`careloom.services.monitor_labels`), and nothing
is judged by it. When the time comes the record is looked at again: an event that it holds came, whatever was told; of
what it does not hold, who told after the end of the horizon is believed, and who told before is not, for who tells
early tells of events alone. A death that ends the horizon of its own task is the exception: it is not undone.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import polars as pl

from careloom.errors import CareloomError
from careloom.mlops.drift_thresholds import Thresholds
from careloom.risk.cohorts import indexes
from careloom.risk.cohorts_definition import Definition
from careloom.risk.cohorts_events import EVENTS
from careloom.risk.cohorts_outcome import outcomes
from careloom.risk.definition_texts import reads_notes
from careloom.services.access import Principal
from careloom.services.admission import event
from careloom.services.models_outcomes import Came
from careloom.services.monitor_profiles import cohort_of
from careloom.services.platform import Platform
from careloom.services.restrictions import excluded
from careloom.services.risk_facts import zone_facts
from careloom.services.sight import view_of
from careloom.store.predictions import Logged
from careloom.store.rights import Kind

ZONE: Literal["identified"] = "identified"
LABEL = "monitor-label"
Reason = Literal["death", "restricted", "withheld", "no-coverage", "not-eligible", "index-never-came"]
REASONS: dict[str, str] = {
    "death": "the patient died before the outcome could come",
    "restricted": "the processing of the patient's data is restricted",
    "withheld": "a consent withholds a part of the patient's record",
    "no-coverage": "the record does not reach to the end of the horizon",
    "not-eligible": "the index event is none of the cohort",
    "index-never-came": "the event that the horizon begins with did not come",
    "erased": "the patient was erased",
    "old": "the prediction was removed by the rule of retention",
}
"""Why the outcome of a prediction is not known, in words."""
_RESTRICT: tuple[Kind, ...] = ("restrict",)
_INDEX = pl.Datetime("us", "UTC")
_CORRECTED = timedelta(days=1)
"""How much earlier than the prediction its stay may have ended by now: ends of stays are corrected. Our own choice."""


@dataclass(frozen=True, slots=True)
class When:
    """As of when outcomes are looked up, by which thresholds, and of whom none is kept.

    restricted  patients whose data may not be processed
    withheld    those of whom consents withhold something from whoever looks
    """

    now: datetime
    limits: Thresholds
    restricted: frozenset[str] = frozenset()
    withheld: frozenset[str] = frozenset()

    def has_passed(self, moment: datetime, *days: float) -> bool:
        """Whether so many days after a moment have passed."""
        return self.now >= moment + timedelta(days=sum(days))

    def kept_from(self, patient: str) -> Reason | None:
        """Why no outcome of a patient is kept, whatever the facts say; None where it is."""
        return "restricted" if patient in self.restricted else "withheld" if patient in self.withheld else None


@dataclass(slots=True)
class Found:
    """What was found of predictions, by name.

    came     whether the event of the cohort came
    ended    when the horizon ended, of these
    retired  why nobody will know
    waiting  those that are to be looked up again
    """

    came: dict[str, bool] = field(default_factory=dict)
    ended: dict[str, datetime] = field(default_factory=dict)
    retired: dict[str, Reason] = field(default_factory=dict)
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Labelled:
    """How many outcomes are new, how many predictions are newly retired and why, and how many wait."""

    new: int = 0
    retired: dict[str, int] = field(default_factory=dict)
    waiting: int = 0


def label_due(platform: Platform, who: Principal, model: str, version: str, limits: Thresholds) -> Labelled:
    """Looks up what came of predictions.

    It needs the cohort that the version was trained on, which its files carry or name; where they do neither, outcomes
    have to be fed back: what was told becomes final when the grace has passed, and nothing is retired.
    raises  AccessError
    """
    store, now = platform.store(ZONE), platform.runtime.now()
    definition = definition_of(platform, model, version)
    ahead = definition is not None and bool(definition.outcome.before)  # a stay may end long before its last day
    new, waiting, retired = 0, 0, Counter[str]()
    with store.predictions() as log:
        pages = list(log.due(model, version, None if ahead else now, is_told=definition is None))
    if not pages:
        return Labelled()
    facts = pl.DataFrame(schema=EVENTS.dtypes)
    if definition is not None:
        facts = known_by(zone_facts(platform, who, ZONE, notes=reads_notes(definition)), now)
    when = when_of(platform, who, limits)
    for due in pages:
        came = Came(platform)
        found = looked_up(definition, due, facts, when)
        reasons = Counter(found.retired.values())
        detail = {"model": f"{model}@{version}", "outcomes": len(found.came), "retired": dict(reasons)}
        with store.transaction(event(platform, who, LABEL, ZONE, action="update", detail=detail)) as step:
            new += came.known(step, due, found.came, found.ended)
            step.predictions.retired(found.retired)
            came.keep(step)
        came.settle()
        retired.update(reasons)
        waiting += found.waiting
    return Labelled(new, dict(sorted(retired.items())), waiting)


def known_by(events: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The facts that were known by a moment."""
    return events.filter((pl.col("available_time") <= now).fill_null(value=True))


def when_of(platform: Platform, who: Principal, limits: Thresholds) -> When:
    """As of now, for whoever looks."""
    return When(platform.runtime.now(), limits, excluded(platform, _RESTRICT), _withheld(platform, who))


def looked_up(definition: Definition | None, due: Sequence[Logged], events: pl.DataFrame, when: When) -> Found:
    """What is final of predictions.

    definition  None where nobody knows the cohort: what was told is all there is
    events      facts, as `careloom.risk.cohorts_events.EVENTS`, of everybody: their end says how far follow-up reaches
    """
    rows, running = ({}, frozenset[int]()) if definition is None else _rows(definition, due, events)
    found = Found()
    for number, one in enumerate(due):
        row = rows.get(number)
        end = _end(definition, one, row, is_running=number in running)
        came = _came(definition, one, row, end) if end is not None and _is_final(end, when) else None
        if came is not None and end is not None and when.kept_from(one.said.patient) is None:
            found.came[one.name], found.ended[one.name] = came, end
        elif definition is not None and (said := _retired_as(one, row, when)):
            found.retired[one.name] = said
        else:
            found.waiting += 1
    return found


def _rows(
    definition: Definition, due: Sequence[Logged], events: pl.DataFrame
) -> tuple[dict[int, dict[str, Any]], frozenset[int]]:
    """What the record says of predictions, by number, and those whose stay runs and whose index has not come yet."""
    asked = pl.DataFrame(
        {
            "candidate": range(len(due)),
            "patient_id": [one.said.patient for one in due],
            "asked": [one.said.index_time for one in due],
        },
        schema={"candidate": pl.Int64, "patient_id": pl.String, "asked": _INDEX},
    )
    index = index_events(definition, asked, events)
    told = outcomes(definition, index, events).select("candidate", "label", "state", "horizon_end")
    rows = {row["candidate"]: row for row in index.join(told, on="candidate").to_dicts()}
    left = asked.filter(~pl.col("candidate").is_in(list(rows)))
    stays = _stays(left, events.filter(pl.col("patient_id").is_in(left["patient_id"].implode())))
    return rows, frozenset(stays.filter(pl.col("end").is_null())["candidate"])


def _end(
    definition: Definition | None, one: Logged, row: dict[str, Any] | None, *, is_running: bool
) -> datetime | None:
    """When the horizon of a prediction ends; None while nobody can say, for its stay runs.

    Where the record holds nothing that it begins with it is that which the prediction was made with.
    """
    if row is None:
        return None if is_running else one.matures
    end: datetime = row["horizon_end"]
    return min(end, one.told_at) if _is_told_death(definition, one) and one.told_at is not None else end


def _is_told_death(definition: Definition | None, one: Logged) -> bool:
    """Whether somebody told of a death that ends the horizon itself, as one in hospital does."""
    return definition is not None and definition.outcome.death and bool(definition.outcome.before) and bool(one.told)


def _came(definition: Definition | None, one: Logged, row: dict[str, Any] | None, end: datetime) -> bool | None:
    """Whether the event came, by the record and by who told; None where neither says."""
    recorded: bool | None = row["label"] if row is not None and row["fits"] else None
    is_believed = one.told_at is not None and (one.told_at >= end or _is_told_death(definition, one))
    if one.told is None or not is_believed:
        return recorded
    return one.told or bool(recorded)


def index_events(definition: Definition, asked: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """[k] of the predictions the index event that each is of: those that it has not come of are left out.

    It is the one at the very moment of the prediction; of a prediction made within a stay, that of the stay.

    asked    [n] candidate, patient_id, asked
    returns  candidate, patient_id, index_time, event_time, encounter_key, resource_key, fits (whether every rule of the
             cohort holds)
    """
    if not definition.index.event:  # everybody's index is the day of the prediction
        none = pl.lit(None, pl.String)
        moment = pl.col("asked")
        return asked.select(
            "candidate", "patient_id", moment.alias("index_time"), moment.alias("event_time"),
            none.alias("encounter_key"), none.alias("resource_key"), pl.lit(value=True).alias("fits"),
        )  # fmt: skip
    own = events.filter(pl.col("patient_id").is_in(asked["patient_id"].implode()))
    found = indexes(definition, own)
    same = asked.join(found, left_on=["patient_id", "asked"], right_on=["patient_id", "index_time"], how="inner")
    exact = _one_each(same.with_columns(index_time="asked"))
    left = asked.join(exact, on="candidate", how="anti")
    stay = _stays(left, own)
    within = _one_each(stay.join(found, left_on=["patient_id", "stay"], right_on=["patient_id", "resource_key"])
                       .with_columns(resource_key="stay"))  # fmt: skip
    return pl.concat([exact, within])


def _one_each(found: pl.DataFrame) -> pl.DataFrame:
    ordered = found.sort("candidate", pl.col("fits").not_(), "index_time", "resource_key")
    one = ordered.unique("candidate", keep="first", maintain_order=True)
    return one.select("candidate", "patient_id", "index_time", "event_time", "encounter_key", "resource_key", "fits")


def _stays(asked: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """[k] candidate, patient_id, stay: the newest stay that ran at the moment of the prediction."""
    timed = events.drop_nulls("time").select("patient_id", "kind", "time", pl.col("resource_key").alias("stay"))
    begun = timed.filter(pl.col("kind") == "admission").group_by("patient_id", "stay").agg(begin=pl.col("time").min())
    ended = timed.filter(pl.col("kind") == "discharge").group_by("stay").agg(end=pl.col("time").max())
    pairs = asked.join(begun.join(ended, on="stay", how="left"), on="patient_id", how="inner")
    ran = (pl.col("begin") <= pl.col("asked")) & (pl.col("end") >= pl.col("asked") - _CORRECTED).fill_null(value=True)
    newest = pairs.filter(ran).sort("candidate", "begin", "stay").unique("candidate", keep="last", maintain_order=True)
    return newest.select("candidate", "patient_id", "stay", "end")


def _is_final(horizon_end: datetime, when: When) -> bool:
    return when.has_passed(horizon_end, when.limits.grace_days)


def _retired_as(one: Logged, row: dict[str, Any] | None, when: When) -> Reason | None:
    """Why nobody will know what came of a prediction; None where somebody may."""
    limits = when.limits
    if kept_from := when.kept_from(one.said.patient):
        return kept_from if _is_final(one.matures, when) else None
    if row is None:
        return "index-never-came" if when.has_passed(one.said.index_time, limits.index_days) else None
    if not row["fits"]:
        return "not-eligible" if when.has_passed(row["index_time"], limits.grace_days) else None
    if not _is_final(row["horizon_end"], when) or row["label"] is not None:
        return None
    if row["state"] == "death":
        return "death"
    is_given_up = when.has_passed(row["horizon_end"], limits.grace_days, limits.unknown_days)
    return "no-coverage" if is_given_up else None


def _withheld(platform: Platform, who: Principal) -> frozenset[str]:
    """Patients of whom consents keep something from `who`: the facts do not say what is missing."""
    found = view_of(platform, who, ZONE).withheld
    return frozenset() if found is None else found.wholly | found.in_part


def definition_of(platform: Platform, model: str, version: str) -> Definition | None:
    """The cohort that a version was trained on; None where nobody can say."""
    try:
        return cohort_of(platform, model, version)
    except CareloomError:
        return None
