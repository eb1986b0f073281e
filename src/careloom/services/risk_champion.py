"""A model of risk beside the champion that it would follow, on the same held-out patients."""

from typing import Any

import numpy as np

from careloom.errors import CareloomError
from careloom.risk.evaluate import Interval, Resampling
from careloom.risk.evaluate_measures import Floats
from careloom.risk.models import Model
from careloom.risk.models_package import unpack
from careloom.risk.models_report import paired
from careloom.risk.models_sequence_told import told_to
from careloom.risk.models_training import Rows
from careloom.services.models import open_version
from careloom.services.models_kept import traffic_of, version_name
from careloom.services.platform import Platform

Json = dict[str, Any]


def champion_of(platform: Platform, name: str) -> tuple[str, Model] | None:
    """The version that answers for a model now, and the model in it; None where nobody does, or it cannot be opened."""
    number = traffic_of(platform, name)["champion"]
    if number is None:
        return None
    version = version_name(name, number)
    try:
        return version, unpack(open_version(platform, version)[1])
    except CareloomError:
        return None


def against(platform: Platform, name: str, model: Model, test: Rows, how: Resampling) -> Json:
    """The difference from the champion on the same patients; empty where nobody answers, or it cannot be asked.

    test  rows as the model reads them, with what the champion reads: a timeline for a sequence, columns for others
    """
    found = champion_of(platform, name)
    if found is None:
        return {}
    try:
        other = found[1].score(told_to(found[1], test.frame, test.timeline))
    except CareloomError:
        return {}
    return {"champion": found[0], "measures": compared(test, model.score(test.frame), other, how)}


def compared(test: Rows, risk: Floats, other: Floats, how: Resampling) -> Json:
    """Differences of two risks with their intervals, as gates read them."""
    return {name: _bounds(one) for name, one in paired(test, np.asarray(risk), np.asarray(other), how).items()}


def _bounds(one: Interval) -> Json:
    return {"value": one.value, "low": one.low, "high": one.high}
