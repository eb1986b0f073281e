"""Rows drawn of a generator, and what is measured of them; they lie sealed where no route leads until they are let out.

The measures look at real patients. They stay in the store, for those who may read the data that was learnt.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from careloom.audit import AuditEvent
from careloom.errors import InputError
from careloom.pipeline.registry import load
from careloom.services.access import Principal
from careloom.services.admission import event
from careloom.services.platform import Platform
from careloom.services.synthesize import (
    Tell,
    change,
    files_of,
    held,
    open_model,
    told,
)
from careloom.services.synthesize_admitted import admitted
from careloom.services.synthesize_judge import facts_of_fit, keep_report, measured, to_judge
from careloom.services.synthesize_overlays import overlays
from careloom.services.synthesize_source import SourceAsk, Split, learnt_split, same_source
from careloom.store.synthesis import Work
from careloom.synth.fidelity import Detector, judge_fidelity
from careloom.synth.metadata import Table
from careloom.synth.release_measures import People, digest_of, disclosure
from careloom.synth.release_policy import DEFAULT, Measure, shipped
from careloom.synth.tabular import BATCH, Synthesizer, Wish

Json = dict[str, Any]
SAMPLE = "synthesize-sample"
ROWS_AT_MOST = 10_000_000
KINDS = ("fidelity", "detection", "utility", "privacy")
JUDGED_AT_MOST = 20_000
"""Rows of each side that fidelity and utility look at, by lot; copies, cells and rules are counted over all."""


@dataclass(frozen=True, slots=True)
class SampleAsk:
    """How many rows of which model, and what they have to be like; run: its name, empty for a new one."""

    model: str
    rows: int
    wish: Wish = field(default_factory=Wish)
    run: str = ""


@dataclass(frozen=True, slots=True)
class JudgeAsk:
    """What is to be measured.

    target      the column to predict; empty: that of the fit
    known       columns that an acquaintance may know of a patient, beside the first categories
    groups      columns by whose values the score of the target is told apart
    small_cell  fewer patients are rare; None: what the strict policy says
    kinds       of `KINDS`: what is left out is missing, and fails where a policy asks for it
    """

    sample: str
    target: str = ""
    known: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    small_cell: int | None = None
    kinds: tuple[str, ...] = KINDS
    seed: int = 1


def sample(platform: Platform, who: Principal, ask: SampleAsk, tell: Tell | None = None) -> Json:
    """Draws rows and lays them by, sealed; the sample as `told` shows it.

    raises  AccessError; NotFound; InputError; QueryError for a wish that cannot be met; StateError for a model that
            failed or is tainted
    """
    model, zone = admitted(platform, who, "read", ask.model, "model", operation=SAMPLE)
    if not 0 < ask.rows <= ROWS_AT_MOST:
        raise InputError("that many rows cannot be drawn", f"Ask for 1 to {ROWS_AT_MOST:,}.")
    made, _ = open_model(platform, model)
    run, seed = ask.run or platform.run_id(), int.from_bytes(platform.runtime.random_bytes(7), "big")
    wish = {"values": dict(ask.wish.values), "ranges": {name: list(each) for name, each in ask.wish.ranges.items()},
            "balance": ask.wish.balance}  # fmt: skip
    body: Json = {"account": model.body["account"], "actor": who.name, "rows": ask.rows, "seed": seed, "wish": wish,
                  "report": None, "release": None}  # fmt: skip
    detail = {"model": model.name, "sample": run, "rows": ask.rows}
    begins = event(platform, who, SAMPLE, zone, action="create", detail=detail)
    return drawn_as(platform, who, begins, Drawn(run, model.name, body), _parts(made, ask, seed, tell))


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample that is about to be drawn: its name, its model, and what is known of it, which may grow meanwhile."""

    name: str
    model: str
    body: Json


def drawn_as(
    platform: Platform, who: Principal, begins: AuditEvent, one: Drawn, parts: Iterator[bytes]
) -> Json:  # fmt: skip
    """Lays a sample's parts by, sealed, as they are drawn; the sample as `told`, which has failed where they raise."""
    with held(platform, one.name):
        with platform.store("identified").transaction(begins) as step:
            begun = step.synthesis.add(one.name, "sample", one.model, "drawing", one.body)
        is_done = False
        try:
            files_of(platform).write(f"staging/{one.name}", parts)
            is_done = True
        finally:
            done = change(platform, who, begun, "staged" if is_done else "failed", one.body)
    return told(done)


def staged(platform: Platform, one: Work) -> Iterator[pl.DataFrame]:
    """The rows of a sample that were laid by, in their order. raises NotFound where they are gone"""
    for part in files_of(platform).parts(f"staging/{one.name}"):
        yield pl.read_parquet(BytesIO(part))


def judge(platform: Platform, who: Principal, ask: JudgeAsk) -> Json:
    """Measures a sample against the patients who were learnt from, and those who were not; the sample as `told`.

    Measures that need a library which is not installed are missing, and told so under ``missing``.

    raises  AccessError; NotFound; StateError for a model that is tainted; Conflict for a sample that was let out, and
            where what was learnt is not there any more
    """
    one, model, zone = to_judge(platform, who, ask, KINDS, "judge")
    made, where = open_model(platform, model)
    source_ask = SourceAsk(where["table"], None if not where["file"] else Path(where["file"]))
    source = same_source(platform, who, source_ask, model.body["source"], made.table, zone)
    parts = learnt_split(platform, source, zone, model.body)
    rows = pl.concat(staged(platform, one))
    task = _Task(made.table, parts, rows, ask, ask.target or model.body["target"])
    measures, missing = _measured(task)
    report = {
        "missing": missing, "rows_sha256": digest_of([rows]), "control_patients": parts.told["control_patients"],
        "target": task.target, "small_cell": task.small_cell, "known": list(ask.known),
    }  # fmt: skip
    if not ask.kinds or "fidelity" in ask.kinds:
        report["overlays"] = overlays(made.table, *task.some()[:2])
    return keep_report(platform, who, one, measures | facts_of_fit(model), report)


def measures_of(one: Work) -> dict[str, Measure]:
    """What was measured of a sample; nothing where it was not judged."""
    return {name: Measure(float("nan") if each["value"] is None else each["value"], each["low"], each["high"])
            for name, each in (one.body.get("report") or {}).get("measures", {}).items()}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """What is measured: the rows of all three sides."""

    table: Table
    parts: Split
    rows: pl.DataFrame
    ask: JudgeAsk
    target: str

    @property
    def small_cell(self) -> int:
        """Fewer patients are rare."""
        return shipped(DEFAULT).small_cell if self.ask.small_cell is None else self.ask.small_cell

    def some(self) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        """Members, synthetic rows and controls, at most `JUDGED_AT_MOST` of each."""
        draw = np.random.default_rng([self.ask.seed, 11])
        members, rows, controls = (_some(each, draw) for each in (self.parts.members, self.rows, self.parts.controls))
        return members, rows, controls


def _measured(task: _Task) -> tuple[dict[str, Measure], dict[str, str]]:
    """The measures by name, and why some are missing."""
    people = People(task.parts.members, task.parts.controls)
    found = disclosure(task.table, people, task.rows, small_cell=task.small_cell, known=task.ask.known)
    acts = (_fidelity, _detection, _utility, _privacy)
    more, missing = measured({name: partial(act, task) for name, act in zip(KINDS, acts, strict=True)}, task.ask.kinds)
    return found | more, missing


def _fidelity(task: _Task) -> dict[str, Measure]:
    members, rows, controls = task.some()
    report = judge_fidelity(task.table, members, rows, controls, seed=task.ask.seed)
    names = ("shape", "trend", "strong_trend", "triples", "missing", "alpha_precision", "beta_recall")
    found = {name: Measure(float(getattr(report.synthetic, name))) for name in names}
    if report.control is not None:
        found |= {f"{name}_of_controls": Measure(float(getattr(report.control, name))) for name in names}
    return found


def _detection(task: _Task) -> dict[str, Measure]:
    members, rows, controls = task.some()
    detector: Detector = load("synth.detect.boosting")
    seed = task.ask.seed
    return {
        "detection": Measure(detector(task.table, members, rows, seed)),
        "detection_of_controls": Measure(detector(task.table, members, controls, seed)),
    }


def _utility(task: _Task) -> dict[str, Measure]:
    if not task.target:
        raise InputError("no target was named", "Name the column that the rows are to predict: --target.")
    members, rows, controls = task.some()
    made = load("synth.utility")(
        task.table, (members, rows, None), controls, task.target, seed=task.ask.seed, groups=task.ask.groups
    )
    gaps = [gap for gap in made.group_gaps.values() if np.isfinite(gap)]
    return {
        "utility": Measure(made.relative()), "utility_score": Measure(made.synthetic.scores["boosting"]),
        "utility_score_of_real": Measure(made.real.scores["boosting"]),
        **({"group_gap": Measure(max(gaps))} if gaps else {}),
    }  # fmt: skip


def _privacy(task: _Task) -> dict[str, Measure]:
    made: Mapping[str, Measure] = load("synth.privacy")(
        task.table, task.parts.members, task.parts.controls, task.rows, seed=task.ask.seed
    )
    return dict(made)


def _parts(made: Synthesizer, ask: SampleAsk, seed: int, tell: Tell | None) -> Iterator[bytes]:
    done = 0
    for frame in made.batches(ask.rows, seed, ask.wish, size=BATCH):
        out = BytesIO()
        frame.write_parquet(out)
        done += frame.height
        if tell is not None:
            tell(done, ask.rows)
        yield out.getvalue()


def _some(frame: pl.DataFrame, draw: np.random.Generator) -> pl.DataFrame:
    if frame.height <= JUDGED_AT_MOST:
        return frame
    return frame[np.sort(draw.choice(frame.height, JUDGED_AT_MOST, replace=False))]
