"""A model as files: ``model.json``, and what JSON cannot hold beside it. No pickle: reading a package runs nothing.

files = pack(model)                    {"model.json": b"...", "model.txt": b"..."}
unpack(files).score(frame)             the same numbers
"""

from collections.abc import Mapping
from typing import Any

import orjson

from careloom.errors import FormatError, InputError
from careloom.pipeline.registry import load
from careloom.risk.calibration import calibration_map
from careloom.risk.models import Learnt, Model, Threshold
from careloom.risk.models_days import days_model
from careloom.risk.models_features import ModelFeature, feature
from careloom.risk.models_interval import risk_interval
from careloom.risk.models_logistic import logistic
from careloom.risk.models_score import points_model

FORMAT = 1
FILE = "model.json"
KINDS = ("logistic", "lightgbm", "sequence", "score")
_KEYS = (
    "format", "name", "kind", "outcome", "horizon_days", "features", "learnt", "calibration", "conformal", "threshold",
    "training",
)  # fmt: skip
Json = dict[str, Any]


def pack(model: Model) -> dict[str, bytes]:
    """File name -> bytes; the same model gives the same bytes."""
    learnt, beside = model.learnt.files()
    days, more = (None, {}) if model.days is None else model.days.files()
    told = {
        "format": FORMAT,
        "name": model.name,
        "kind": model.kind,
        "outcome": model.outcome,
        "horizon_days": float(model.horizon_days),
        "features": [one.as_json() for one in model.features],
        "learnt": learnt,
        "calibration": model.calibration.as_json(),
        "conformal": None if model.conformal is None else model.conformal.as_json(),
        "threshold": None if model.threshold is None else model.threshold.as_json(),
        "training": dict(model.training),
    }
    told |= {} if days is None else {"days": days}
    return {FILE: orjson.dumps(told, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2), **beside, **more}


def unpack(files: Mapping[str, bytes]) -> Model:
    """The model that `pack` wrote.

    raises  FormatError for files that lack something, of another format, or that do not fit each other; SetupError
            where what reads its kind is not installed
    """
    told = _header(files)
    features = tuple(feature(one) for one in told["features"])
    try:
        return Model(
            name=str(told["name"]),
            outcome=str(told["outcome"]),
            horizon_days=float(told["horizon_days"]),
            features=features,
            learnt=_learnt(told["kind"], features, told["learnt"], files),
            calibration=calibration_map(told["calibration"]),
            conformal=None if told["conformal"] is None else risk_interval(told["conformal"]),
            threshold=None if told["threshold"] is None else Threshold(**told["threshold"]),
            training=told["training"],
            days=days_model(features, told["days"], files) if "days" in told else None,
        )
    except FormatError:
        raise
    except (TypeError, ValueError, InputError) as error:
        raise FormatError(f"{FILE}: calibration, threshold or a number", "Take the file as it was written.") from error


def _header(files: Mapping[str, bytes]) -> Json:
    if FILE not in files:
        raise FormatError(f"the package has no {FILE}", "Hand in all files of a model.")
    try:
        told = orjson.loads(files[FILE])
    except orjson.JSONDecodeError as error:
        raise FormatError(f"{FILE}: it is no JSON", "Take the file as it was written.") from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise FormatError(f"{FILE}: another format than {FORMAT}", "Read it with the version that wrote it.")
    lacking = [name for name in _KEYS if name not in told]
    if lacking or told["kind"] not in KINDS or not isinstance(told["features"], list):
        where = lacking[0] if lacking else "kind or features"
        raise FormatError(f"{FILE}: {where}", f"It has {', '.join(_KEYS)}; kind is one of {', '.join(KINDS)}.")
    return told


def _learnt(kind: str, features: tuple[ModelFeature, ...], told: Json, files: Mapping[str, bytes]) -> Learnt:
    if kind == "logistic":
        return logistic(features, told)
    if kind == "score":
        return points_model(features, told)
    beside = told.get("file", "")
    if beside not in files:
        raise FormatError(f"the package has no {beside or 'file of its kind'}", "Hand in all files of a model.")
    found: Learnt = load(f"risk.model.{kind}")(features, told, files[beside])
    return found
