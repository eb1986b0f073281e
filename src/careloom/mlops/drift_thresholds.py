"""Thresholds of monitoring as data: ``mlops/monitors/default.toml``, and files of one's own that change some of it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Literal

from careloom.errors import FormatError
from careloom.runtime import packaged

Json = dict[str, Any]
_FILE = "monitors/default.toml"
_KEYS = {
    ("window", "days"): "days", ("window", "least_rows"): "least_rows",
    ("tests", "error_rate"): "error_rate", ("tests", "correction"): "correction",
    ("psi", "medium"): "psi_medium", ("psi", "large"): "psi_large",
    ("calibration", "medium"): "shift_medium", ("calibration", "large"): "shift_large",
    ("calibration", "slope_medium"): "slope_medium", ("calibration", "slope_large"): "slope_large",
    ("calibration", "least_events"): "least_events", ("calibration", "least_group_events"): "least_group_events",
    ("feedback", "ppv_share"): "ppv_share", ("feedback", "override_share"): "override_share",
    ("feedback", "least_answers"): "least_answers",
    ("inputs", "missing_more"): "missing_more", ("inputs", "outside_share"): "outside_share",
    ("inputs", "unknown_share"): "unknown_share", ("inputs", "stale_hours"): "stale_hours",
    ("sequential", "odds_ratio"): "odds_ratio", ("sequential", "limit"): "limit",
    ("outcomes", "grace_days"): "grace_days", ("outcomes", "unknown_days"): "unknown_days",
    ("outcomes", "index_days"): "index_days",
}  # fmt: skip
_SHARES = ("error_rate", "ppv_share", "override_share", "missing_more", "outside_share", "unknown_share")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What ``default.toml`` says, key by key; see there."""

    days: float
    least_rows: int
    error_rate: float
    correction: Literal["holm", "benjamini-hochberg"]
    psi_medium: float
    psi_large: float
    shift_medium: float
    shift_large: float
    slope_medium: float
    slope_large: float
    least_events: int
    least_group_events: int
    ppv_share: float
    override_share: float
    least_answers: int
    missing_more: float
    outside_share: float
    unknown_share: float
    stale_hours: float
    odds_ratio: float
    limit: float
    grace_days: float
    unknown_days: float
    index_days: float

    def as_json(self) -> Json:
        """The thresholds as the file lays them out."""
        found: Json = {}
        for (table, key), name in _KEYS.items():
            found.setdefault(table, {})[key] = getattr(self, name)
        return found


@lru_cache(1)
def shipped() -> Thresholds:
    """The thresholds that ship."""
    return thresholds()


def thresholds(*own: str) -> Thresholds:
    """The thresholds that ship, changed by TOML texts that hold some of them, one after the other.

    raises  FormatError for a text that is no TOML, a key that is none, a value of another type or beyond its range
    """
    told = _flat(tomllib.loads(packaged("mlops", _FILE).decode()))
    for text in own:
        try:
            told |= _flat(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise FormatError("thresholds: no TOML", "Write it as src/careloom/mlops/monitors/default.toml.") from error
    for place in told:
        if place not in _KEYS:
            where = ".".join(place)
            raise FormatError(f"thresholds: {where} is no key", "See src/careloom/mlops/monitors/default.toml.")
    return Thresholds(**{_KEYS[place]: _typed(place, value) for place, value in told.items()})


def _flat(told: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    return {
        (table, key): value
        for table, values in told.items()
        for key, value in (values if isinstance(values, dict) else {"": values}).items()
    }


def _typed(place: tuple[str, str], value: object) -> Any:
    name = _KEYS[place[0], place[1]]
    kind = next(one.type for one in fields(Thresholds) if one.name == name)
    where = ".".join(place)
    if name == "correction":
        if value not in ("holm", "benjamini-hochberg"):
            raise FormatError(f"thresholds: {where}", "Say holm or benjamini-hochberg.")
        return value
    if isinstance(value, bool) or not isinstance(value, int if kind is int else int | float) or value < 0:
        raise FormatError(f"thresholds: {where}", "Give a number of 0 or above, whole where rows are counted.")
    if name in _SHARES and not 0 < value < 1:
        raise FormatError(f"thresholds: {where}", "A share lies above 0 and below 1.")
    if name == "odds_ratio" and value <= 1:
        raise FormatError(f"thresholds: {where}", "An odds ratio to be found lies above 1.")
    return value
