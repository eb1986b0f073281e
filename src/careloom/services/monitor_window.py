"""Predictions of the log as columns, for what judges them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl

from careloom.mlops.drift import PredictionWindow
from careloom.mlops.drift_profile import Profile
from careloom.store.predictions import Logged


def window_of(logged: Sequence[Logged], profile: Profile) -> PredictionWindow:
    """The predictions as columns, a case once; those whose bins were made by another profile are left out."""
    fits = [one for one in logged if one.said.profile == profile.digest and len(one.said.bins) == len(profile.columns)]
    mine = once(fits)
    bins = np.frombuffer(b"".join(one.said.bins for one in mine), dtype=np.uint8)
    kinds = sorted({kind for one in mine for kind in one.said.groups})
    return PredictionWindow(
        bins.reshape(len(mine), len(profile.columns)),
        np.array([one.said.score for one in mine], dtype=np.float64),
        np.array([one.said.alert for one in mine], dtype=bool),
        np.array([-1 if one.outcome is None else int(one.outcome) for one in mine], dtype=np.int8),
        {kind: np.array([one.said.groups.get(kind, "") for one in mine], dtype=str) for kind in kinds},
        np.array([one.answer for one in mine], dtype=str),
        np.array([one.reason for one in mine], dtype=str),
        np.array([one.said.patient for one in mine], dtype=str),
    )


def once(logged: Sequence[Logged]) -> list[Logged]:
    """One prediction a case (`Prediction.case`) of one version: the first, with the newest answer that any of them got.

    logged  in the order in which they were made, or in which their horizons ended
    """
    found: dict[tuple[str, date], Logged] = {}
    for one in sorted(logged, key=lambda each: each.time):
        first = found.setdefault(one.said.case, one)
        known = one.outcome if first.outcome is None else first.outcome
        answer, reason = (one.answer, one.reason) if one.answer else (first.answer, first.reason)
        found[one.said.case] = replace(first, outcome=known, answer=answer, reason=reason)
    return list(found.values())


def labelled(logged: Sequence[Logged]) -> pl.DataFrame:
    """[n] patient_id, happened, risk and a column a kind of group, of cases whose outcome is known."""
    known = [one for one in once(logged) if one.outcome is not None]
    kinds = sorted({kind for one in known for kind in one.said.groups})
    return pl.DataFrame(
        {
            "patient_id": [one.said.patient for one in known],
            "happened": [bool(one.outcome) for one in known],
            "risk": [one.said.score for one in known],
            **{kind: [one.said.groups.get(kind) for one in known] for kind in kinds},
        },
        schema={"patient_id": pl.String, "happened": pl.Boolean, "risk": pl.Float64, **dict.fromkeys(kinds, pl.String)},
    )
