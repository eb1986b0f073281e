"""Pipelines as data: which steps a model takes from data to patients, and what each is told; see ``pipelines/``."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from careloom.errors import FormatError, NotFound
from careloom.mlops.manifest import require_name
from careloom.runtime import packaged, packaged_names

STEPS = (
    "snapshot", "checks", "train", "evaluate", "gates", "register", "approval", "deploy", "smoke", "monitor",
)  # fmt: skip
"""In this order; see ``pipelines/entities.toml``."""
NEEDED = ("snapshot", "train", "evaluate", "gates", "register")
"""Without these nothing is registered that anybody could judge."""
PLACES = ("canary", "shadow", "champion")
_KEYS = {"version", "name", "meaning", "model", "trainer", "gates", "new_gates", "reason", "steps", "options", "deploy"}
_FOLDER, _ENDING = "pipelines", ".toml"


@dataclass(frozen=True, slots=True)
class PipelineFile:
    """A pipeline; `digest`: SHA-256 of its text; `deploy`: to, share (None: the limits say it)."""

    name: str
    meaning: str
    model: str
    trainer: str
    gates: str
    reason: str
    steps: tuple[str, ...]
    digest: str
    options: Mapping[str, Any] = field(default_factory=dict)
    deploy: Mapping[str, Any] = field(default_factory=dict)
    new_gates: bool = False


def shipped_names() -> list[str]:
    """The names of the pipelines that ship."""
    found = packaged_names("mlops", _FOLDER, _ENDING)
    return [name.removeprefix(f"{_FOLDER}/").removesuffix(_ENDING) for name in found]


def shipped(name: str) -> str:
    """The text of a pipeline that ships. raises NotFound that lists them"""
    if name not in shipped_names():
        raise NotFound("there is no such pipeline", f"Name a file, or one of {', '.join(shipped_names())}.")
    return packaged("mlops", f"{_FOLDER}/{name}{_ENDING}").decode()


def read(text: str) -> PipelineFile:
    """A pipeline of a TOML text. raises FormatError that names the key"""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FormatError(f"pipeline: the file is no TOML: {error}", "Correct it at that place.") from None
    if told.get("version") != 1 or (unknown := set(told) - _KEYS):
        place = "version" if told.get("version") != 1 else min(unknown)
        raise FormatError(f"pipeline: {place} is missing or unknown", "See src/careloom/mlops/pipelines.")
    for key in ("name", "model", "trainer", "gates"):
        if not isinstance(told.get(key), str) or not told[key]:
            raise FormatError(f"pipeline: {key} is missing", "See src/careloom/mlops/pipelines.")
    require_name(told["model"])
    options, deploy, new_gates = told.get("options", {}), told.get("deploy", {}), told.get("new_gates", False)
    if not isinstance(new_gates, bool):
        raise FormatError("pipeline: new_gates is true or false", "Leave it out, where the gates stay.")
    if not isinstance(options, dict) or not isinstance(deploy, dict):
        raise FormatError("pipeline: options and deploy are tables", "Write [options], [deploy].")
    name, meaning, model, trainer, gates, reason = (
        str(told.get(key, "")) for key in ("name", "meaning", "model", "trainer", "gates", "reason")
    )
    steps, digest = _steps(told.get("steps")), sha256(text.encode()).hexdigest()
    to = _deploy(deploy)
    return PipelineFile(name, meaning, model, trainer, gates, reason, steps, digest, options, to, new_gates)


def _steps(told: object) -> tuple[str, ...]:
    steps = tuple(told) if isinstance(told, list) else ()
    if unknown := [one for one in steps if one not in STEPS]:
        raise FormatError(f"pipeline: there is no step {unknown[0]!r}", f"Steps are {', '.join(STEPS)}.")
    if steps != tuple(one for one in STEPS if one in steps):
        raise FormatError("pipeline: the steps are out of order", f"The order is {', '.join(STEPS)}.")
    if missing := [one for one in NEEDED if one not in steps]:
        raise FormatError(f"pipeline: step {missing[0]} is missing", f"These are needed: {', '.join(NEEDED)}.")
    if "deploy" in steps and "approval" not in steps:
        raise FormatError("pipeline: nothing is deployed without step approval", "Add it before deploy.")
    return steps


def _deploy(told: Mapping[str, Any]) -> dict[str, Any]:
    place, share = told.get("to", "canary"), told.get("share")
    is_share = share is None or (isinstance(share, (int, float)) and not isinstance(share, bool) and 0 < share <= 1)
    if place not in PLACES or not is_share or set(told) - {"to", "share"}:
        raise FormatError("pipeline: deploy is none", f"to is one of {', '.join(PLACES)}, share lies in 0..1.")
    return {"to": place, "share": share}
