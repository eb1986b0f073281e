"""What a watched version is held against: its profile, and the cohort whose outcome says what came of a prediction.

Both stand in the version's own files (``profile.json``, and ``training.cohort`` of ``model.json``), signed with it.
"""

from collections.abc import Mapping
from functools import lru_cache

import orjson

from careloom.errors import NotFound
from careloom.mlops.drift_profile import Profile
from careloom.services.models import open_version
from careloom.services.platform import Platform

PROFILE = "profile.json"
_MODEL = "model.json"


def profile_of(platform: Platform, model: str, version: str) -> Profile:
    """The profile of a version.

    version  its number, as predictions hold it
    raises   NotFound where the version is not registered, or was registered without a profile; IntegrityError
    """
    return _profile(_files(platform, model, version), f"{model}@{version}")


def cohort_of(platform: Platform, model: str, version: str) -> str:
    """The name of the cohort that the version was trained on; empty where its files do not say. raises NotFound"""
    raw = _files(platform, model, version).get(_MODEL, b"{}")
    training = orjson.loads(raw).get("training") or {}
    cohort = training.get("cohort", "")
    return str(cohort.get("name", "")) if isinstance(cohort, Mapping) else str(cohort)


def _files(platform: Platform, model: str, version: str) -> Mapping[str, bytes]:
    return open_version(platform, f"{model}@{version}")[1]


def _profile(files: Mapping[str, bytes], named: str) -> Profile:
    if PROFILE not in files:
        raise NotFound(f"{named} has no {PROFILE}", "Register it with one.")
    return _read(files[PROFILE])


@lru_cache(32)
def _read(raw: bytes) -> Profile:
    return Profile.read(raw)
