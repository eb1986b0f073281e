"""Scoring everybody of a zone whom a model predicts for, in one go, and whom to call first under a capacity.

Facts are read once, as frames; nothing of the identified zone is written but where it is asked for. That one patient
and many are told the same is a test.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from careloom.crypto.pseudonyms import name_of
from careloom.errors import QueryError
from careloom.risk.cohorts import indexes
from careloom.risk.cohorts_any import AnyCohort
from careloom.risk.cohorts_definition import Definition
from careloom.risk.cohorts_match import facts_of
from careloom.risk.cohorts_windows import WindowCohort
from careloom.risk.cohorts_windows_now import standings_of_windows
from careloom.risk.groups import groups, watched
from careloom.risk.stratify import Stratified, UnitCosts, stratify
from careloom.services.access import Principal
from careloom.services.admission import admit, event, note
from careloom.services.models_kept import resolve
from careloom.services.models_watch import settle_soon
from careloom.services.platform import Platform
from careloom.services.risk_facts import newest_facts, read_facts, zone_facts
from careloom.services.score import ScoreAsk, moment_of, require_writer, score
from careloom.services.score_counts import Heard, heard_failing, require_probable
from careloom.services.score_facts import types
from careloom.services.score_models import OPERATION, Scorer, Served, Use, approved, scorer, tried
from careloom.services.search import zone_of
from careloom.services.view import Watch
from careloom.store.predictions import Prediction
from careloom.store.zone_store import Zone

ROWS_SHOWN = 1_000
_STEP = 1_000
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CohortScoreAsk:
    """Which model over which zone, and how many calls can be made.

    cohort    the model's own cohort, where it is named; empty: it is not checked
    facts     a version of the zone's table of facts, ``newest``, or empty: the zone as it is, in memory
    capacity  calls that can be made; None: everybody is listed, as far as `ROWS_SHOWN` goes
    costs     what events and calls cost, for who is worth a call
    write     assessments of those who are called are written, one by one
    trial     in the identified zone, too, a version that nobody approved may answer, to who may train
    run       id of the job that does it: what it logged before, it does not log again; empty for none
    """

    model: str
    zone: str = "identified"
    cohort: str = ""
    facts: str = ""
    as_of: datetime | None = None
    capacity: int | None = None
    costs: UnitCosts | None = None
    write: bool = False
    trial: bool = False
    run: str = ""


@dataclass(frozen=True, slots=True)
class CohortScoreReport:
    """What came of it.

    states    how many patients stand how: open (scored), over, not-eligible
    listed    who is called, the first first: patient, index, index_time, risk, alert, rank, and days with days_low and
              days_high of a model that foretells them; at most `ROWS_SHOWN`
    written   how many assessments
    trial     nobody approved the version: nothing was logged or written
    """

    model: str
    as_of: datetime
    states: dict[str, int]
    alerts: int
    stratified: Stratified
    listed: list[Json]
    written: int = 0
    trial: bool = False

    def as_json(self) -> Json:
        """The report as plain JSON."""
        told = {name: getattr(self.stratified, name) for name in Stratified.__slots__ if name != "rows"}
        return {
            "model": self.model, "as_of": self.as_of.isoformat(), "states": self.states, "alerts": self.alerts,
            "called": self.stratified.rows.height, **told, "listed": self.listed, "written": self.written,
            "trial": self.trial,
        }  # fmt: skip


def score_cohort(
    platform: Platform, who: Principal, ask: CohortScoreAsk, watch: Watch | None = None
) -> CohortScoreReport:
    """The risks of a zone's patients, and whom to call first.

    raises  AccessError; NotFound; QueryError for a zone, a cohort that is not the model's, or writing elsewhere than in
            the identified zone; InputError for a moment, capacity or cost; Conflict for a version that nobody approved;
            StateError, IntegrityError for the model; SchemaMismatch where the model needs a value that nobody knows of
            somebody
    """
    zone = zone_of(ask.zone)
    for kind in types():
        admit(platform, who, "search", zone, kind, operation=OPERATION)
    if ask.write:
        require_writer(platform, who, zone)
    heard = Heard()
    try:
        on_trial = tried(platform, ask.model, Use(who, zone, ask.trial, ask.write))
        heard.model = "" if on_trial or zone != "identified" else ask.model.partition("@")[0]
        asked = opened_for(platform, ask.model, on_trial, heard)
        own = asked.judge.definition.name
        if ask.cohort not in ("", own):
            raise QueryError(f"{asked.served.label} is of the cohort {own}", "Name that one, or another model.")
        at = moment_of(platform, ask.as_of)
        events = _facts(platform, who, zone, ask, watch, notes=asked.reads_notes and zone != "synthetic")
        whole, states = scored(asked, events, at, heard)
        ties = pl.Series("tie", [platform.store(zone).pseudonym(one) for one in whole["patient_id"]], dtype=pl.String)
        capacity = whole.height if ask.capacity is None else ask.capacity
        found = stratify(whole.drop("bins", "groups", "horizon_end").with_columns(ties), capacity, ask.costs)
    except Exception as error:
        heard_failing(platform, who, zone, heard, ask.model, error)
        raise
    if on_trial is None:
        _told(logged(platform, who, ask, asked, whole, heard), watch if ask.run else None, whole.height)
    else:
        note_trial(platform, who, zone, asked, whole)
    made = _written(platform, who, ask, asked, found)
    written = _told(made, watch if ask.run else None, found.rows.height) if ask.write else 0
    shown = found.rows.head(ROWS_SHOWN).drop("tie").rename({"patient_id": "patient", "resource_key": "index"})
    listed = [{**row, "index_time": row["index_time"].isoformat()} for row in shown.to_dicts()]
    alerts = int(whole["alert"].sum())
    return CohortScoreReport(asked.served.label, at, states, alerts, found, listed, written, trial=on_trial is not None)


def opened_for(platform: Platform, model: str, on_trial: Served | None, heard: Heard) -> Scorer:
    """The version that answers, opened: that on trial, else the approved one. raises as `approved`, `scorer`"""
    if on_trial is not None:
        return scorer(on_trial)
    with heard.opening(resolve(platform, model).body["number"]):
        return scorer(approved(platform, model))


def _facts(
    platform: Platform, who: Principal, zone: Zone, ask: CohortScoreAsk, watch: Watch | None, *, notes: bool
) -> pl.DataFrame:
    if not ask.facts:
        return zone_facts(platform, who, zone, watch, notes=notes)
    return read_facts(platform, who, zone, newest_facts(platform, zone) if ask.facts == "newest" else ask.facts)


def scored(
    asked: Scorer, events: pl.DataFrame, as_of: datetime, heard: Heard | None = None
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The risk of each patient whose newest index is within its horizon.

    heard    what the version does is counted there
    events   as `careloom.risk.cohorts_events.EVENTS`
    returns  [n] patient_id, index_time, horizon_end, resource_key, risk (0..1), alert, bins (of the model's
             profile; empty where it has none), groups, and of a model that foretells days: days, days_low, days_high;
             and how many patients stand how
    raises   SchemaMismatch where the model needs a value that nobody knows of somebody
    """
    definition = asked.judge.definition
    past = events.filter(pl.col("time").is_null() | (pl.col("time") <= as_of))
    index, states = standings(definition, past, as_of, asked.served.model.horizon_days)
    return answers(asked, index, past, heard), states


def answers(asked: Scorer, index: pl.DataFrame, past: pl.DataFrame, heard: Heard | None = None) -> pl.DataFrame:
    """What the version says of each row of an index; as `scored`.

    index   candidate, patient_id, index_time, horizon_end, encounter_key, resource_key; of a cohort by windows
            observation_start, too
    past    facts that are known
    """
    model = asked.served.model
    with (heard or Heard()).asking(int(asked.served.number), is_batch=True):
        told = asked.frame(index, past)
        risk = model.score(told)
        require_probable(risk)
        days = None if model.days is None else model.foretold(told)
    alert_from = 2.0 if model.threshold is None else model.threshold.alert_from
    made = index.select("patient_id", "index_time", "horizon_end", "resource_key").with_columns(
        pl.Series("risk", risk, dtype=pl.Float64)
    )
    if days is not None:
        high = pl.col("high").replace([float("inf")], [None])
        made = made.hstack(days.select("days", pl.col("low").alias("days_low"), high.alias("days_high")))
    profile = asked.served.profile
    bins = [b""] * index.height if profile is None else [row.tobytes() for row in profile.bins(told)]
    belongs = groups(index, past).drop("candidate").to_struct("groups")
    return made.with_columns(
        (pl.col("risk") >= alert_from).alias("alert"), pl.Series("bins", bins, dtype=pl.Binary), belongs
    )


def _as_of(definition: Definition, as_of: datetime) -> Definition:
    """The same, with `as_of` in the place of a date that is everybody's index."""
    if definition.index.date is None:
        return definition
    return replace(definition, index=replace(definition.index, date=as_of))


def standings(
    definition: AnyCohort, past: pl.DataFrame, as_of: datetime, horizon_days: float = 0.0
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The newest index of each patient that is within its horizon and fails no rule, and how all stand.

    horizon_days  of the model, for a cohort by windows whose window an event ends
    """
    judged = (
        standings_of_windows(definition, past, as_of, horizon_days).with_columns(pl.col("resource_key").fill_null(""))
        if isinstance(definition, WindowCohort)
        else _by_rules(_as_of(definition, as_of), past, as_of)
    )
    states = dict.fromkeys(("open", "over", "not-eligible"), 0) | dict(judged["state"].value_counts().iter_rows())
    kept = ("candidate", "patient_id", "index_time", "horizon_end", "encounter_key", "resource_key")
    more = [name for name in ("observation_start",) if name in judged.columns]
    return judged.filter(pl.col("state") == "open").select(*kept, *more), states


def _by_rules(definition: Definition, past: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """The newest index of each patient with state."""
    found = indexes(definition, past).filter(pl.col("index_time") <= as_of)
    newest = found.sort("patient_id", "index_time", "resource_key").unique(
        "patient_id", keep="last", maintain_order=True
    )
    before = definition.outcome.before
    ended = facts_of(past, definition.events[before])["encounter_key"].drop_nulls().to_list() if before else []
    is_ended = pl.col("encounter_key").is_in(ended).fill_null(value=False)
    end = pl.col("index_time") + horizon_of(definition)
    state = (
        pl.when(~pl.col("fits")).then(pl.lit("not-eligible"))
        .when(~is_ended & (pl.lit(as_of) < end)).then(pl.lit("open"))
        .otherwise(pl.lit("over"))
    )  # fmt: skip
    return newest.with_row_index("candidate").with_columns(
        pl.col("candidate").cast(pl.Int64), state.alias("state"), end.alias("horizon_end")
    )


def horizon_of(definition: Definition) -> timedelta:
    """How long after an index its outcome is looked for."""
    late = definition.index.offset_hours if definition.outcome.anchor == "event" else 0.0
    return timedelta(days=definition.outcome.horizon_days) - timedelta(seconds=round(late * 3600))


def logged(
    platform: Platform, who: Principal, ask: CohortScoreAsk, asked: Scorer, whole: pl.DataFrame, heard: Heard
) -> Iterator[int]:
    """Every score into the log of predictions, and into the counts, a thousand a step, each with its audit record.

    After each step, how many more are logged.
    """
    zone, served_by = zone_of(ask.zone), asked.served
    store, is_new = platform.store(zone), _unlogged(platform, zone, ask.run, whole)
    for part in whole.filter(is_new).iter_slices(_STEP):
        made = _predictions(asked, part)
        names = names_of(platform, zone, ask.run, part["patient_id"]) if ask.run else []
        detail = {"model": served_by.label, "state": "scored", "count": part.height, "alerts": int(part["alert"].sum())}
        told = event(platform, who, OPERATION, zone, subjects=map(store.pseudonym, part["patient_id"]), detail=detail)
        with store.transaction(told) as step:
            step.predictions.record(made, names)
            heard.part(int(served_by.number), part.height, whole.height)
            heard.keep(platform, step)
        yield part.height
    if heard.model:
        settle_soon(platform, heard.model)
    if whole.is_empty():
        note(platform, who, OPERATION, zone, detail={"model": served_by.label, "state": "scored", "count": 0})


def _predictions(asked: Scorer, part: pl.DataFrame) -> list[Prediction]:
    served_by = asked.served
    return [
        Prediction(
            patient=row["patient_id"], model=served_by.name, version=served_by.number, score=row["risk"],
            alert=row["alert"], index_time=row["index_time"],
            horizon_days=(row["horizon_end"] - row["index_time"]) / timedelta(days=1),
            role="batch", bins=row["bins"], profile="" if served_by.profile is None else served_by.profile.digest,
            groups=watched(row["groups"]), index=row["resource_key"],
        )
        for row in part.to_dicts()
    ]  # fmt: skip


def names_of(platform: Platform, zone: Zone, run: str, patients: Iterable[str]) -> list[str]:
    """What the log of predictions calls what a job says of patients, in order: the same whenever it is asked."""
    key = platform.keys.derive("batch", zone)[:64]
    return [
        name_of(hashlib.blake2b(f"{run}|{patient}".encode(), key=key, digest_size=16).digest()) for patient in patients
    ]


def _unlogged(platform: Platform, zone: Zone, run: str, whole: pl.DataFrame) -> pl.Series:
    """Whether the job has not logged the row before its worker was stopped; true for all that no job asks for."""
    if not run:
        return pl.repeat(True, whole.height, dtype=pl.Boolean, eager=True)
    names = names_of(platform, zone, run, whole["patient_id"])
    with platform.store(zone).predictions() as log:
        there = {one.name for one in log.named(names)}
    return pl.Series([name not in there for name in names], dtype=pl.Boolean)


def note_trial(platform: Platform, who: Principal, zone: Zone, asked: Scorer, whole: pl.DataFrame) -> None:
    """What an unapproved version says is no prediction that anybody watches: who was looked at is audited alone."""
    store, detail = platform.store(zone), {"model": asked.served.label, "state": "scored", "trial": True}
    for part in whole.iter_slices(_STEP) if whole.height else (whole,):
        subjects = map(store.pseudonym, part["patient_id"])
        note(platform, who, OPERATION, zone, subjects=subjects, detail=detail | {"count": part.height})


def _written(
    platform: Platform, who: Principal, ask: CohortScoreAsk, asked: Scorer, found: Stratified
) -> Iterator[int]:
    """Writes who is called, one by one; after each, how many more are written."""
    for patient in found.rows["patient_id"]:
        made = score(platform, who, ScoreAsk(asked.served.label, patient, ask.zone, ask.as_of, write=True))
        yield int(bool(made.written))


def _told(steps: Iterable[int], watch: Watch | None, total: int) -> int:
    """Takes all steps and says after each how far they are; how many they made in all."""
    done = 0
    for more in steps:
        done += more
        if watch is not None:
            watch(done, total)
    return done
