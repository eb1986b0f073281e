"""A model of risk beside the champion that it would follow, on the same held-out patients."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from careloom.errors import CareloomError, QueryError
from careloom.risk.cohorts_windows_now import WindowJudge
from careloom.risk.definition_texts import observed_days, texts_of
from careloom.risk.evaluate import Interval, Resampling
from careloom.risk.evaluate_measures import Floats
from careloom.risk.models import Model
from careloom.risk.models_package import unpack
from careloom.risk.models_report import paired
from careloom.risk.models_sequence_told import told_to
from careloom.risk.models_training import Rows
from careloom.services.models import open_version
from careloom.services.models_kept import traffic_of, version_name
from careloom.services.monitor_profiles import manifest_in
from careloom.services.platform import Platform
from careloom.services.score_models import Served, scorer

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


def against(platform: Platform, name: str, model: Model, test: Rows, how: Resampling, events: pl.DataFrame) -> Json:
    """The difference from the champion on the same patients; empty where nobody answers, or it cannot be asked.

    test    rows as the model reads them, with what the champion reads: a timeline for a sequence, columns for others
    events  the facts that they are made of, for a champion that sees another window of observation
    """
    found = champion_of(platform, name)
    if found is None:
        return {}
    try:
        other = found[1].score(inputs_of(open_version(platform, found[0])[1], model, test, events))
    except CareloomError:
        return {}
    return {"champion": found[0], "measures": compared(test, model.score(test.frame), other, how)}


def sees_alike(one: Model, other: Model) -> bool:
    """Whether the window that bounds what one is told is that of the other, too."""
    return observed_days(one.training) == observed_days(other.training)


def inputs_of(files: Mapping[str, bytes], model: Model, test: Rows, events: pl.DataFrame) -> pl.DataFrame:
    """[n] what a version is told of the held-out rows of another model: within its own window, as it is asked.

    test    as `against`
    events  the facts that they are made of; looked at where the windows differ
    raises  FormatError for files that are no model; StateError, QueryError for a version that cannot be asked so
    """
    best = unpack(files)
    if sees_alike(best, model):
        return told_to(best, test.frame, test.timeline)
    manifest = manifest_in(files)
    asked = scorer(Served(best.name, "", "", best, texts=texts_of(manifest), manifest=manifest))
    if isinstance(asked.judge, WindowJudge):
        raise QueryError("rows do not say what its windows let be seen", "Judge it on a training set of its own.")
    keys = events.select("resource_key", "encounter_key").drop_nulls().unique("resource_key", maintain_order=True)
    index = test.frame.select("candidate", "patient_id", "index_time", "resource_key")
    return asked.frame(index.join(keys, on="resource_key", how="left", maintain_order="left"), events)


def compared(test: Rows, risk: Floats, other: Floats, how: Resampling) -> Json:
    """Differences of two risks with their intervals, as gates read them."""
    return {name: _bounds(one) for name, one in paired(test, np.asarray(risk), np.asarray(other), how).items()}


def _bounds(one: Interval) -> Json:
    return {"value": one.value, "low": one.low, "high": one.high}
