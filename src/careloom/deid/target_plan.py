"""How the patients of a zone are told less exactly so that the targets of a policy hold, and who is left out for it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from careloom.deid.patient_traits import PATIENT, as_shown, frame_of, hierarchies_of
from careloom.deid.policy_targets import PolicyTargets
from careloom.deid.risk_hierarchies import NONE
from careloom.deid.risk_reduce import Means, reduce_risk
from careloom.deid.risk_report import RiskReport, assess
from careloom.errors import QueryError, StateError

Traits = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TargetPlan:
    """What becomes of the patients who were measured.

    people    patient id -> traits as they were measured
    levels    trait -> the level at which everybody's is told
    blanked   patients of whom no trait is told, because they look like too few
    left_out  patients of whom nothing is told: even so they would look like too few
    before    the risk without any of this
    after     the risk with it
    """

    people: Mapping[str, Traits]
    levels: Mapping[str, str]
    blanked: frozenset[str]
    left_out: frozenset[str]
    before: RiskReport
    after: RiskReport
    asked: PolicyTargets

    def levels_of(self, patient: str) -> Mapping[str, str]:
        """At which level each trait of a patient is told."""
        return dict.fromkeys(self.levels, NONE) if patient in self.blanked else self.levels

    def as_json(self) -> dict[str, Any]:
        """What was asked, given up and reached; no value of a patient."""
        return {
            "asked": self.asked.as_json(),
            "quasi_identifiers": list(self.after.quasi_identifiers),
            "patients": len(self.people),
            "levels": [{"column": name, "level": level} for name, level in self.levels.items()],
            "traits_suppressed_patients": len(self.blanked),
            "records_suppressed_patients": len(self.left_out),
            "before": _reached(self.before),
            "after": _reached(self.after),
        }


def plan(people: Mapping[str, Traits], targets: PolicyTargets, policy: str) -> TargetPlan:
    """The way that loses least; the same for the same patients.

    people   patient id -> `careloom.deid.patient_traits.traits_of`, as the policy alone would show them
    raises   StateError where no way meets the targets within the share of patients that may be suppressed
    """
    frame = frame_of(people)
    hierarchies = hierarchies_of(frame, targets.sensitive)
    known, hidden, asked = list(hierarchies), list(targets.sensitive), replace(targets.asked, columns_crossed=1)
    before = assess(frame, known, hidden, asked)
    try:
        reduced = reduce_risk(frame, hierarchies, asked, hidden, Means(targets.suppressed_at_most))
    except QueryError:
        raise StateError(
            f"policy {policy}: the targets cannot be met by the {len(people):,} patients of the zone while "
            f"{targets.suppressed_at_most:.1%} of them may be suppressed; nothing was written",
            "Take in more patients, or ask for less in the policy's [targets].",
        ) from None
    shown = _shown(reduced.in_its_form(frame), known)
    alone = ~reduced.kept
    blank = shown.with_columns(pl.when(pl.lit(alone)).then(None).otherwise(pl.col(name)).alias(name) for name in known)
    after = assess(blank, known, hidden, asked)
    names = frozenset(frame.filter(alone)[PATIENT])
    is_enough = after.holds
    if not is_enough:
        after = assess(shown.filter(reduced.kept), known, hidden, asked)
    return TargetPlan(
        people,
        dict(reduced.levels),
        names if is_enough else frozenset(),
        frozenset() if is_enough else names,
        before,
        after,
        targets,
    )


def _shown(frame: pl.DataFrame, known: list[str]) -> pl.DataFrame:
    return frame.with_columns(as_shown(frame[name]) for name in known)


def _reached(report: RiskReport) -> dict[str, Any]:
    return {
        "k": report.k,
        "l": {one.column: one.distinct_l for one in report.sensitive},
        "t": {one.column: one.t for one in report.sensitive},
        "patients_missing_a_target": report.missing,
        "holds": report.holds,
    }
