"""The leakage guard: every check, in the order in which a report names them."""

from collections.abc import Mapping
from types import MappingProxyType

from careloom.errors import StateError
from careloom.risk import leaks_columns, leaks_fits, leaks_folds, leaks_times
from careloom.risk.leaks import Check, LeakFinding, Scene, inspected

CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "after_index": leaks_times.after_index,
        "recorded_late": leaks_times.recorded_late,
        "outcome_codes": leaks_times.outcome_codes,
        "future_fields": leaks_times.future_fields,
        "temporal_overlap": leaks_times.temporal_overlap,
        "copies": leaks_columns.copies,
        "near_perfect": leaks_columns.near_perfect,
        "encodings": leaks_columns.encodings,
        "identifiers": leaks_columns.identifiers,
        "row_order": leaks_columns.row_order,
        "gaps": leaks_columns.gaps,
        "patient_overlap": leaks_folds.patient_overlap,
        "repeated": leaks_folds.repeated,
        "synthetic_rows": leaks_folds.synthetic_rows,
        "shifted_prevalence": leaks_folds.shifted_prevalence,
        "fitted_on_all": leaks_fits.fitted_on_all,
    }
)


def guard(scene: Scene) -> list[LeakFinding]:
    """All leaks that are found in a training set."""
    return inspected(scene, CHECKS)


def require_clean(scene: Scene) -> None:
    """Refuses a training set with a leak. raises StateError, which names kinds and places"""
    found = guard(scene)
    if found:
        told = "; ".join(f"{one.kind} at {one.place}" for one in found)
        raise StateError(f"the training set leaks: {told}", "Mend what the report of the guard names, then train.")
