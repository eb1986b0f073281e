"""Searches the settings of an engine: each trial is a fit that the ledger counts, and the best of them is the model.

Trials learn a part of the members and are compared on the rest, never on the controls, which stay for the judge. Of a
private search the choice is published; how long each trial took, which no bound covers, is in no certificate. Settings
are drawn by lot beforehand, so that the accounts of all trials add up as of fits fixed in advance, and the choice is an
exponential mechanism that is paid for as well. What the ledger does not admit is refused before the trial looks at a
row, and ends the search.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from careloom.errors import BudgetSpent, InputError
from careloom.pipeline.registry import load
from careloom.services.access import Principal
from careloom.services.admission import admit
from careloom.services.platform import Platform
from careloom.services.privacy_ledger import UseAsk, reserve, settle
from careloom.services.synthesize import (
    FIT,
    STEPS,
    FitAsk,
    Tell,
    asked,
    begin,
    body_of,
    change,
    held,
    keep_model,
    maker_of,
    mixture_of,
    told,
    watch_of,
    zone_of_account,
)
from careloom.services.synthesize_source import SEARCH_LOT, Source, Split, read_source, split
from careloom.services.trainings import TrainingAsk, register
from careloom.synth import tabular
from careloom.synth.accounting import spent
from careloom.synth.accounting_mechanisms import Mechanism, Selection, as_json
from careloom.synth.search_score import Score, score
from careloom.synth.search_space import Value, space_of
from careloom.synth.tabular import Synthesizer

Json = dict[str, Any]
TRIALS_AT_MOST = 200
_ROWS_AT_MOST = 20_000
"""Rows that are drawn of each trial to compare it."""


@dataclass(frozen=True, slots=True)
class SearchAsk:
    """What to search.

    fit          what each trial is: epsilon is that of one trial; options stay as they are given
    trials       at most
    cpu_seconds  no trial begins that, by the longest so far, would end later
    held_share   of the members, on whom trials are compared
    selection    epsilon of the choice, of a private search
    space        TOML of `careloom.synth.search_space`; empty: what ships
    """

    fit: FitAsk
    trials: int = 10
    cpu_seconds: float = 600.0
    held_share: float = 0.2
    selection: float = 0.1
    space: str = ""


@dataclass(slots=True)
class _Trial:
    """One trial: its settings, the ledger's entry, what it cost and, unless the search is private, what it reached."""

    options: Mapping[str, Value]
    entry: str
    hash: str
    mechanisms: tuple[Mechanism, ...]
    state: str = "failed"
    cpu_seconds: float = 0.0
    distance: float | None = None

    def as_json(self) -> Json:
        """For the model's lineage."""
        return {
            "options": dict(self.options), "entry": self.entry, "state": self.state,
            "cpu_seconds": round(self.cpu_seconds, 2), "distance": self.distance,
        }  # fmt: skip


@dataclass(slots=True)
class _Search:
    """A search that goes on.

    score    of trials, by the patients who were held aside; set once the choice is reserved, for it looks at them
    best     the trial that is chosen so far, its model, and by how much it leads
    stopped  why no further trial began
    """

    ask: SearchAsk
    source: Source
    parts: Split
    run: str
    noise: np.random.Generator
    score: Score = field(init=False)
    trials: list[_Trial] = field(default_factory=list)
    best: tuple[float, int, Synthesizer] | None = None
    stopped: str = "all were tried"
    cpu_seconds: float = 0.0

    @property
    def is_private(self) -> bool:
        """True where only the choice may be known."""
        return self.ask.fit.epsilon is not None

    def offer(self, number: int, made: Synthesizer, distance: float) -> None:
        """Keeps the better of two: by the distance alone, or by the exponential mechanism as the largest of scores with
        Gumbel noise, one after the other.
        """
        value = -distance
        if self.is_private:
            value = self.ask.selection * value / (2 * self.score.sensitivity) + float(self.noise.gumbel())
        if self.best is None or value > self.best[0]:
            self.best = (value, number, made)


def search(platform: Platform, who: Principal, ask: SearchAsk, tell: Tell | None = None) -> Json:
    """Tries settings of an engine; the model as `careloom.services.synthesize.told` shows it, with ``search``: trials,
    chosen, stopped, cpu_seconds.

    tell    (done, of `careloom.services.synthesize.STEPS`)
    raises  as `careloom.services.synthesize.fit`; BudgetSpent where the ledger does not admit the choice and one trial;
            InputError for a space that means nothing; SetupError without the extra ml
    """
    fit = ask.fit
    zone = zone_of_account(fit.account)
    admit(platform, who, "read", zone, operation=FIT)
    admit(platform, who, "correct", zone, operation=FIT)
    maker, wanted = maker_of(fit.engine), asked(fit)
    _require(ask)
    space = space_of(maker, wanted, ask.space)
    first = {one.name: maker.options[one.name] for one in space}
    proposer = load("synth.search")(space, first, fit.seed, is_adaptive=fit.epsilon is None)
    source = read_source(platform, who, fit.source, zone)
    parts = split(platform, source, zone, fit.control_share)
    inner = split(platform, replace(source, frame=parts.members), zone, ask.held_share, SEARCH_LOT)
    noise = np.random.Generator(np.random.PCG64DXSM(int.from_bytes(platform.runtime.random_bytes(32), "big")))
    tabular.require(maker, wanted)
    task = _Search(ask, source, inner, fit.run or platform.run_id(), noise)
    choice = (Selection(ask.selection),) if task.is_private else ()
    learnt = {name: inner.told[name] for name in ("patients", "rows")}
    body = body_of(who, fit, source, parts.told | learnt, choice)
    with held(platform, task.run):
        return _searched(platform, who, task, body, proposer, tell)


def _require(ask: SearchAsk) -> None:
    if not 1 <= ask.trials <= TRIALS_AT_MOST:
        raise InputError("that many trials cannot be made", f"Ask for 1 to {TRIALS_AT_MOST}.")
    if not ask.cpu_seconds > 0:
        raise InputError("a search needs time of the processor", "Give a number of seconds above 0.")
    if not 0 < ask.selection <= 10:
        raise InputError("the epsilon of the choice is out of range", "Give a number above 0 and at most 10.")


def _score(source: Source, inner: Split, privacy: Any, noise: np.random.Generator) -> Score:
    if privacy is None:
        return score(source.table, inner.controls, pl.concat([inner.members, inner.controls]))
    bounded = tabular.bounded(source.table, inner.controls, privacy, noise)
    return score(source.table, bounded, None, privacy.rows_per_patient)


def _searched(
    platform: Platform, who: Principal, task: _Search, body: Json, proposer: Any, tell: Tell | None
) -> Json:  # fmt: skip
    """Reserves the choice, tries, and keeps the best; the model as `told`."""
    fit = task.ask.fit
    choice = (Selection(task.ask.selection),) if task.is_private else ()
    why = f"choice among {task.ask.trials} trials" if task.is_private else "NOT PRIVATE: no bound"
    entry = reserve(platform, who, UseAsk(fit.account, "search", choice, fit.delta, task.run, why))
    known = body | {"ledger": {"entry": entry["entry"], "hash": entry["hash"]}}
    begun = begin(platform, who, zone_of_account(fit.account), task.run, known)
    is_done = False
    try:
        task.score = _score(task.source, task.parts, asked(fit).privacy, task.noise)
        _try_all(platform, who, task, proposer, tell)
        known |= _kept(platform, who, task, choice, known["ledger"])
        is_done = True
    finally:
        known["search"] = _as_json(task)
        settle(platform, who, entry["entry"], "done" if is_done else "failed")
        made = change(platform, who, begun, "fitted" if is_done else "failed", known)
    return told(made)


def _try_all(platform: Platform, who: Principal, task: _Search, proposer: Any, tell: Tell | None) -> None:
    """raises BudgetSpent where not even one trial is admitted; InputError where none can be fitted"""
    begun, longest, failure = time.process_time(), 0.0, None
    for number in range(task.ask.trials):
        used = time.process_time() - begun
        if number and used + longest > task.ask.cpu_seconds:
            task.stopped = "the time of the processor is used up"
            break
        try:
            distance = _tried(platform, who, task, {**proposer.propose(), **task.ask.fit.options})
        except BudgetSpent as error:
            if task.best is None:
                raise
            task.stopped = f"{error.where}"
            break
        except InputError as error:  # these settings cannot be: others may
            distance, failure = None, error
        proposer.told(None if task.is_private else distance)
        longest = max(longest, time.process_time() - begun - used)
        if tell is not None:
            tell(STEPS * (number + 1) // task.ask.trials, STEPS)
    task.cpu_seconds = time.process_time() - begun
    if task.best is None and failure is not None:
        raise failure


def _tried(platform: Platform, who: Principal, task: _Search, options: Mapping[str, Value]) -> float:
    """Reserves one trial, fits it and offers it; its distance. raises BudgetSpent before it looks at a row"""
    fit, number = task.ask.fit, len(task.trials)
    maker, table = maker_of(fit.engine), task.source.table
    wanted = asked(replace(fit, options=options, seed=fit.seed + number))
    planned = tabular.planned(table, maker, wanted, task.parts.told["patients"]) if task.is_private else ()
    why = f"trial {number + 1} of {task.ask.trials}" + ("" if planned else ", NOT PRIVATE: no bound")
    entry = reserve(platform, who, UseAsk(fit.account, "search", planned, fit.delta, task.run, why))
    trial = _Trial(options, entry["entry"], entry["hash"], planned)
    task.trials.append(trial)
    begun = time.process_time()
    try:
        watch = watch_of(platform, None)
        made = tabular.fit(table, task.parts.members, maker, wanted, watch, mixture_of(maker, wanted))
        rows = min(_ROWS_AT_MOST, max(task.parts.members.height, 1_000))
        distance = task.score.distance(made.sample(rows, np.random.default_rng([fit.seed, number])))
        trial.state, trial.distance = "done", None if task.is_private else distance
        task.offer(number, made, distance)
    finally:
        trial.cpu_seconds = time.process_time() - begun
        settle(platform, who, entry["entry"], "done" if trial.state == "done" else "failed")
    return distance


def _kept(platform: Platform, who: Principal, task: _Search, choice: tuple[Mechanism, ...], head: Json) -> Json:
    """Keeps the chosen model and writes down whom it learnt from; what is known of it afterwards.

    Its bound is that of all that was tried and of the choice: whoever sees what was chosen learns of the others.
    """
    if task.best is None:
        raise InputError("no trial was made", "Ask for more trials.")
    number, made = task.best[1:]
    fit, trial, people = task.ask.fit, task.trials[number], task.source.people
    digest = keep_model(platform, task.run, made, fit.source)
    rows = pl.concat([task.parts.members, task.parts.controls])
    learnt = [people[one] for one in rows[task.source.table.subject].unique().to_list()] if people else []
    asked_for = TrainingAsk(fit.name or task.run, "synthetic", digest, learnt, zone_of_account(fit.account))
    mechanisms = choice + tuple(one for each in task.trials for one in each.mechanisms)
    others = [head, *({"entry": each.entry, "hash": each.hash} for each in task.trials if each is not trial)]
    return {
        "model_sha256": digest, "training": register(platform, who, asked_for)["training"],
        "epsilon": spent(mechanisms, fit.delta).epsilon if task.is_private else None,
        "mechanisms": [as_json(one) for one in mechanisms], "options": dict(trial.options),
        "ledger": {"entry": trial.entry, "hash": trial.hash, "search": others},
    }  # fmt: skip


def _as_json(task: _Search) -> Json:
    ask = task.ask
    return {
        "asked": ask.trials, "held_share": ask.held_share, "held_patients": task.parts.told["control_patients"],
        "selection": ask.selection if task.is_private else None, "trials": [one.as_json() for one in task.trials],
        "chosen": None if task.best is None else task.best[1], "stopped": task.stopped,
        "cpu_seconds": round(task.cpu_seconds, 2),
    }  # fmt: skip
