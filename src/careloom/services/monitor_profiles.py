"""What a watched version is held against: its profile, the cohort whose outcome says what came of a prediction, and the
thresholds in force.

The first two stand in the version's own files (``profile.json``; ``definitions`` of ``training.json``, or the cohort
that ``model.json`` names), signed with it.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from careloom.errors import NotFound
from careloom.mlops.drift_profile import Profile
from careloom.mlops.drift_thresholds import Thresholds, thresholds
from careloom.risk.cohorts_definition import Definition, ready, shipped
from careloom.risk.definition_texts import Texts, texts_of
from careloom.services.models import open_version
from careloom.services.platform import Platform

PROFILE = "profile.json"
_MODEL, _TRAINING = "model.json", "training.json"


def profile_of(platform: Platform, model: str, version: str) -> Profile:
    """The profile of a version.

    version  its number, as predictions hold it
    raises   NotFound where the version is not registered, or was registered without a profile; IntegrityError
    """
    return _profile(_files(platform, model, version), f"{model}@{version}")


def cohort_of(platform: Platform, model: str, version: str) -> Definition | None:
    """The cohort that the version was trained on; None where its files tell of none that can be read.

    raises  NotFound; IntegrityError; FormatError
    """
    files = _files(platform, model, version)
    if (texts := texts_in(files)) is not None:
        found = texts.read()[0]
        return found if isinstance(found, Definition) else None  # what windows ask for may lie ahead
    training = orjson.loads(files.get(_MODEL, b"{}")).get("training") or {}
    cohort = training.get("cohort", "")
    name = str(cohort.get("name", "")) if isinstance(cohort, Mapping) else str(cohort)
    return shipped(name) if name in ready() else None


def in_force(platform: Platform, own: str = "") -> Thresholds:
    """The thresholds that ship, changed by the file of the settings and then by a TOML text of one's own.

    raises  FormatError; NotFound where the file of the settings is not there
    """
    file = platform.settings.monitor.thresholds
    text = "" if file is None else platform.read_text(Path(file))
    return thresholds(text, own)


def texts_in(files: Mapping[str, bytes]) -> Texts | None:
    """The texts of cohort and features in the files of a version; None where it was registered without."""
    return texts_of(manifest_in(files))


def manifest_in(files: Mapping[str, bytes]) -> Mapping[str, Any]:
    """The manifest of the training set in the files of a version; empty where it was registered without."""
    found: Mapping[str, Any] = orjson.loads(files.get(_TRAINING, b"{}"))
    return found


def _files(platform: Platform, model: str, version: str) -> Mapping[str, bytes]:
    return open_version(platform, f"{model}@{version}")[1]


def _profile(files: Mapping[str, bytes], named: str) -> Profile:
    if PROFILE not in files:
        raise NotFound(f"{named} has no {PROFILE}", "Register it with one.")
    return _read(files[PROFILE])


@lru_cache(32)
def _read(raw: bytes) -> Profile:
    return Profile.read(raw)
