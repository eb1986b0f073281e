"""Whether a version may answer for patients: its evaluation, what the platform knows of it, and the champion's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from careloom.errors import NotFound, QueryError
from careloom.mlops import gates as rules
from careloom.mlops.gates import Gates, Shown
from careloom.pipeline.registry import REGISTRY, load
from careloom.services.models_kept import traffic_of, version_name
from careloom.services.platform import Platform
from careloom.store.models import ModelWork

CARD = "models.card.stale"
"""In the registry of names: (platform, version) -> the fields of its model card that are out of date."""
Json = dict[str, Any]


def gates_named(platform: Platform, name: str) -> Gates:
    """Gates of the folder that settings name, before those that ship. raises QueryError; FormatError"""
    folder = platform.settings.models.gates
    if folder is not None and (file := Path(folder) / f"{name}.toml").is_file() and name.replace("-", "").isalnum():
        return rules.read(file.read_bytes())
    return rules.shipped(name)


def findings(platform: Platform, one: ModelWork) -> list[Json]:
    """What the gates of a version say of it now, beside the champion of now."""
    report = one.body["manifest"]["report"]
    return judged(platform, one.parent, one.body["gates"], report["lineage"], one)


def judged(
    platform: Platform, model: str, gates: str, lineage: Mapping[str, Any], one: ModelWork | None = None
) -> list[Json]:
    """The same of a version that is not registered yet.

    raises  QueryError, FormatError for gates that are none
    """
    chosen, told = gates_named(platform, gates), lineage["evaluation"]
    number = traffic_of(platform, model)["champion"]
    is_own = one is not None and one.body["number"] == number
    against = told.get("against", {})
    shown = Shown(
        {**told["measures"], **_of_platform(platform, lineage, one, {each.measure for each in chosen.gates})},
        "" if number is None or is_own else version_name(model, number),
        str(against.get("champion", "")), against.get("measures", {}),
    )  # fmt: skip
    found = rules.judge(chosen, shown)
    stale = rules.Gate("card_stale", "at_most", 0).text
    is_known = one is not None and CARD in REGISTRY
    return [each for each in found if is_known or each["rule"] != stale]


def _of_platform(
    platform: Platform, lineage: Mapping[str, Any], one: ModelWork | None, asked: set[str]
) -> dict[str, Json]:
    """What the platform itself knows, as far as it is asked: nobody's evaluation may say it."""
    leaks = lineage.get("leaks")
    is_read = one is not None and CARD in REGISTRY and "card_stale" in asked
    found = {
        "leaks": float(leaks["findings"]) if isinstance(leaks, Mapping) and "findings" in leaks else None,
        "tainted": float(len(taints_of(platform, str(lineage["training"])))),
        "card_stale": float(len(load(CARD)(platform, one))) if is_read else None,
    }
    return {name: {"value": value, "low": value, "high": value} for name, value in found.items()}


def taints_of(platform: Platform, training: str) -> list[str]:
    """Why a training is tainted; empty where nobody of it left, or nobody was in it."""
    if not training:
        return []
    try:
        with platform.store("identified").rights() as reader:
            return sorted({cause for cause, _ in reader.training(training).taints})
    except NotFound:
        raise QueryError(
            "the lineage names a training that is not registered", "Register it, or leave it out."
        ) from None
