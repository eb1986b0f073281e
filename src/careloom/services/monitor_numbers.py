"""The numbers of watched models, each labelled with its version: for Prometheus, and for OpenTelemetry."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

Json = dict[str, Any]


class Number(NamedTuple):
    """One gauge: its name, its labels (``model`` is name@version), its value."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


HELP: dict[str, str] = {
    "careloom_model_predictions": "Predictions in the newest window.",
    "careloom_model_drift_psi": "Population stability index of a feature, of the scores, or of a kind of group.",
    "careloom_model_missing_share": "Share of the newest window in which a feature is missing.",
    "careloom_model_input_share": "Share of a feature that is outside of what training saw, or of an unknown level.",
    "careloom_model_calibration_shift": "Shift of the log odds against the profile, on outcomes that are known.",
    "careloom_model_calibration_slope": "Calibration slope, on outcomes that are known.",
    "careloom_model_calibration_error": "Expected calibration error, on outcomes that are known.",
    "careloom_model_group_shift": "Shift of the log odds of a group against the profile.",
    "careloom_model_live_ppv": "Share of the alerts that an event followed.",
    "careloom_model_override_share": "Share of the answered alerts that were overridden.",
    "careloom_model_auroc": "Area under the ROC curve, on outcomes that are known.",
    "careloom_model_cusum": "Sequential control of outcomes, against odds that rose or fell.",
    "careloom_model_alarms": "Alarms of the newest look.",
    "careloom_model_retraining_refused": "1 where the newest look asked for a retraining that may not begin.",
    "careloom_model_looked_at": "When the newest look was made, in seconds since 1970.",
}
"""Name of a number -> what it is."""


def numbers_of(report: Mapping[str, Any]) -> Iterator[Number]:
    """The numbers of one look, as `careloom.services.monitor.look` reports it."""
    model = ("model", report["version"])
    yield Number("careloom_model_predictions", (model,), float(report["predictions"]))
    yield Number("careloom_model_looked_at", (model,), datetime.fromisoformat(report["ended"]).timestamp())
    yield Number("careloom_model_alarms", (model,), float(len(report["alarms"])))
    if "refused" in report:
        yield Number("careloom_model_retraining_refused", (model,), float(bool(report["refused"])))
    for one in report["findings"]:
        yield from _of(model, one)
    told = report["performance"] or {}
    if told.get("auroc", {}).get("value") is not None:
        yield Number("careloom_model_auroc", (model,), told["auroc"]["value"])
    if report["sequential"] is not None:
        for direction in ("up", "down"):
            yield Number("careloom_model_cusum", (model, ("direction", direction)), report["sequential"][direction])


def _of(model: tuple[str, str], one: Mapping[str, Any]) -> Iterator[Number]:
    kind, detail, place = one["kind"], one["detail"], ("feature", one["place"])
    if kind in ("values", "scores", "mix"):
        yield Number("careloom_model_drift_psi", (model, ("kind", kind), place), one["effect"])
    elif kind == "missing":
        yield Number("careloom_model_missing_share", (model, place), detail["share"])
    elif kind in ("outside", "unknown"):
        yield Number("careloom_model_input_share", (model, ("kind", kind), place), detail["share"])
    elif kind == "calibration":
        yield Number("careloom_model_calibration_shift", (model,), detail["off"])
        yield Number("careloom_model_calibration_error", (model,), detail["calibration_error"])
    elif kind == "slope":
        yield Number("careloom_model_calibration_slope", (model,), detail["slope"])
    elif kind == "group":
        yield Number("careloom_model_group_shift", (model, ("group", one["place"])), detail["off"])
    elif kind == "ppv":
        yield Number("careloom_model_live_ppv", (model,), detail["live"])
    elif kind == "overrides":
        yield Number("careloom_model_override_share", (model,), one["effect"])
