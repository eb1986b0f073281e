"""What is measured of whole synthetic records before the gate: as records, and as one row a patient, as tables are.

The measures look at real patients. They stay in the store, for those who may read the data that was learnt.
"""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from careloom.errors import Conflict, InputError
from careloom.pipeline.registry import load
from careloom.services.access import Principal
from careloom.services.platform import Platform
from careloom.services.synthesize import open_state, zone_of_account
from careloom.services.synthesize_fhir_check import invalid_resources
from careloom.services.synthesize_judge import FhirJudgeAsk, facts_of_fit, keep_report, measured, to_judge
from careloom.services.synthesize_records import staged_records, staged_resources
from careloom.services.synthesize_records_source import divide, read_folder, read_store
from careloom.services.synthesize_source import Split
from careloom.store.synthesis import Work
from careloom.synth.fidelity import judge_fidelity
from careloom.synth.records import Records, daily
from careloom.synth.records_fidelity import judge_records
from careloom.synth.records_integrity import broken, learnt_only
from careloom.synth.records_view import courses_excess, small_codes, view
from careloom.synth.release_measures import People, digest_of, disclosure
from careloom.synth.release_policy import DEFAULT, Measure, for_records, shipped

Json = dict[str, Any]
KINDS = ("records", "fidelity", "detection", "utility", "privacy")
_VIEW_FIDELITY = ("shape", "trend", "strong_trend", "triples", "missing", "alpha_precision", "beta_recall")


def judge_whole(platform: Platform, who: Principal, ask: FhirJudgeAsk) -> Json:
    """Measures whole records against patients who were learnt from and patients who were not; the sample as `told`.

    Measures that need a library which is not installed, or more patients, are missing, and told so.

    raises  AccessError; NotFound; QueryError for a sample of a table; StateError for a model that is tainted; Conflict
            for a sample that was let out, and where what was learnt is not there any more
    """
    one, model, _ = to_judge(platform, who, ask, KINDS, "records judge")
    drawn = [tables for _, tables in staged_records(platform, one)]
    shown = Records(*(pl.concat([getattr(each, name) for each in drawn]) for name, _ in drawn[0].tables()))
    found = measured_records(platform, who, model, shown, (ask.small_cell, ask.kinds, ask.seed))
    measures = found.measures | facts_of_fit(model)
    measures["invalid_resources"] = invalid_resources(staged_resources(platform, one))
    report = {
        "missing": found.missing, "rows_sha256": digest_of(staged_resources(platform, one)),
        "control_patients": found.control_patients, "target": "codes of the next encounter",
        "small_cell": found.small_cell,
    }  # fmt: skip
    return keep_report(platform, who, one, measures, report)


@dataclass(frozen=True, slots=True)
class Measured:
    """Measures by name, why some are missing, and against how many patients who were set aside."""

    measures: dict[str, Measure]
    missing: dict[str, str]
    control_patients: int
    small_cell: int


def measured_records(
    platform: Platform, who: Principal, model: Work, shown: Records, how: tuple[int | None, tuple[str, ...], int]
) -> Measured:
    """What is measured of records that a model drew.

    how     small_cell, kinds and seed, as `FhirJudgeAsk` has them
    raises  StateError for a model that is tainted; Conflict where what was learnt is not there any more
    """
    task = _task(platform, who, model, shown, FhirJudgeAsk("", *how))
    return Measured(*_measured(task), task.controls.patients.height, task.small_cell)


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """What is measured: all three sides, as records; and as one row a patient."""

    members: Records
    controls: Records
    shown: Records
    rows: Split
    drawn: pl.DataFrame
    table: Any
    ask: FhirJudgeAsk
    are_codes_public: bool

    @property
    def small_cell(self) -> int:
        """Fewer patients are rare."""
        return for_records(shipped(DEFAULT)).small_cell if self.ask.small_cell is None else self.ask.small_cell


def _task(platform: Platform, who: Principal, model: Work, shown: Records, ask: FhirJudgeAsk) -> _Task:
    zone = zone_of_account(model.body["account"])
    _, where = open_state(platform, model)
    source = read_folder(platform, Path(where["folder"]), zone) if where["folder"] else read_store(platform, who)
    if source.source.told["digest"] != model.body["source"]["digest"]:
        raise Conflict("the records are not those that were learnt", "Fit the records as they are now.")
    parts = divide(platform, source, zone, model.body["split"]["share"])
    members, controls = daily(parts.members), daily(parts.controls)
    seen = view(members)
    rows = Split(seen.of(members), seen.of(controls), parts.told)
    is_public = model.body["privacy"] is not None
    return _Task(members, controls, shown, rows, seen.of(shown), seen.table, ask, is_public)


def _measured(task: _Task) -> tuple[dict[str, Measure], dict[str, str]]:
    """The measures by name, and why some are missing."""
    people = People(task.rows.members, task.rows.controls)
    found = disclosure(task.table, people, task.drawn, small_cell=task.small_cell)
    odd = sum(broken(task.shown, learnt_only(task.members)).values())
    rare = 0 if task.are_codes_public else small_codes(task.members, task.shown, task.small_cell)
    found["broken_rules"] = Measure(found["broken_rules"].value + odd)
    found["small_cells"] = Measure(found["small_cells"].value + rare)
    acts = (_records, _fidelity, _detection, _utility, _privacy)
    more, missing = measured({name: partial(act, task) for name, act in zip(KINDS, acts, strict=True)}, task.ask.kinds)
    return found | more, missing


def _records(task: _Task) -> dict[str, Measure]:
    like = judge_records(task.controls, task.shown)
    found = {
        "codes_of_encounters": like.codes.visits, "codes_together": like.codes.together,
        "codes_following": like.codes.following, "codes_of_patients": like.codes.patients,
        "gaps": like.gaps, "ages": like.ages, "counts": max(like.counts.values()), "values": like.values,
        **{f"clinical_codes_{name}": value for name, value in asdict(like.clinical).items()},
    }  # fmt: skip
    measures = {name: Measure(float(value)) for name, value in found.items()}
    return measures | {"courses_excess": courses_excess(task.members, task.controls, task.shown)}


def _fidelity(task: _Task) -> dict[str, Measure]:
    report = judge_fidelity(task.table, task.rows.members, task.drawn, task.rows.controls, seed=task.ask.seed)
    found = {name: Measure(float(getattr(report.synthetic, name))) for name in _VIEW_FIDELITY}
    if report.control is not None:
        found |= {f"{name}_of_controls": Measure(float(getattr(report.control, name))) for name in _VIEW_FIDELITY}
    return found


def _detection(task: _Task) -> dict[str, Measure]:
    detector, seed = load("synth.detect.boosting"), task.ask.seed
    return {
        "detection": Measure(detector(task.table, task.rows.members, task.drawn, seed)),
        "detection_of_controls": Measure(detector(task.table, task.rows.members, task.rows.controls, seed)),
    }


def _utility(task: _Task) -> dict[str, Measure]:
    """The next encounter of controls, foretold by models of the records, by what models of real ones reach: AUC."""
    sides = {"real": task.members, "synthetic": task.shown}
    if min(each.encounters.height - each.patients.height for each in (*sides.values(), task.controls)) < 1:
        raise InputError("too few patients have a second encounter", "Draw more patients, or learn from more.")
    made = load("synth.records.next_visit")(sides, task.controls, task.ask.seed)
    return {
        "utility": Measure(made["synthetic"].auc / made["real"].auc), "utility_score": Measure(made["synthetic"].auc),
        "utility_score_of_real": Measure(made["real"].auc),
    }  # fmt: skip


def _privacy(task: _Task) -> dict[str, Measure]:
    rows = task.rows
    return dict(load("synth.privacy")(task.table, rows.members, rows.controls, task.drawn, seed=task.ask.seed))
