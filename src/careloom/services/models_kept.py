"""Versions and traffic as the store keeps them: found, changed in one step with the audit record; files lie sealed."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from careloom.errors import Conflict, FormatError, NotFound, QueryError
from careloom.mlops import manifest
from careloom.services import certificates
from careloom.services.access import Principal, Zone
from careloom.services.admission import event
from careloom.services.platform import Platform
from careloom.store.models import ModelWork, find, listed
from careloom.store.rows import instant
from careloom.store.synthesis_files import SynthesisFiles, cut
from careloom.store.transaction import Transaction

Json = dict[str, Any]
LONGEST_REASON = 500
_CONTROL = re.compile(r"[\x00-\x1f]")
EMPTY: Json = {"champion": None, "challenger": None, "shadow": None, "share": 0.0, "past": [], "since": {}, "last": {}}
"""Traffic of a model that nobody answers for yet."""


@dataclass(frozen=True, slots=True)
class Change:
    """A step: what the audit chain calls it, and what stands there."""

    operation: str
    detail: Mapping[str, Any]
    zone: Zone = "identified"


def folder_of(platform: Platform) -> Path:
    """Where artefacts and the local registry lie."""
    return platform.settings.data.directory / "models"


def files_of(platform: Platform) -> SynthesisFiles:
    """The sealed artefacts of versions."""
    return SynthesisFiles(folder_of(platform) / "artefacts", platform.keys, platform.runtime.random_bytes, "models")


def zone_of(told: str) -> Zone:
    """The zone that a model is about: of public data, research. raises QueryError"""
    if told == "public":
        return "research"
    for zone in get_args(Zone):
        if zone == told and zone != "landing":
            return zone  # type: ignore[no-any-return]
    raise QueryError("the lineage names no zone", "data.zone is identified, research, synthetic or public.")


def require_reason(text: str) -> None:
    """Returns where a reason is short enough to stand in the audit chain. raises QueryError"""
    if len(text) > LONGEST_REASON or _CONTROL.search(text):
        raise QueryError(
            f"a reason has {LONGEST_REASON} characters at most, and no control characters",
            "Say why, and name no patient: it is kept.",
        )


def version_name(model: str, number: int) -> str:
    """How a version is called: ``readmission-30d@3``."""
    return f"{model}@{number}"


def versions_of(platform: Platform, model: str = "") -> list[ModelWork]:
    """All versions, or those of one model; newest first."""
    if not platform.has_store("identified"):
        return []
    with platform.store("identified").connect() as connection:
        return listed(connection, "version", model)


def traffic_of(platform: Platform, model: str) -> Json:
    """Who answers for a model; `EMPTY` before anybody did."""
    with platform.store("identified").connect() as connection:
        return traffic_in(find_or_none(connection, model))


def find_or_none(connection: Any, model: str) -> ModelWork | None:
    """The traffic of a model, where it has some."""
    try:
        return find(connection, "traffic", model)
    except NotFound:
        return None


def traffic_in(one: ModelWork | None) -> Json:
    """The body of a traffic that may not be there yet."""
    return {**EMPTY, **({} if one is None else one.body)}


def resolve(platform: Platform, told: str) -> ModelWork:
    """A version by ``NAME@3``, ``NAME@champion`` or ``NAME`` alone, which is its champion.

    raises  NotFound where there is none, or the alias leads to none; QueryError for what is no such name
    """
    model, _, which = told.partition("@")
    manifest.require_name(model)
    which = which or "champion"
    with platform.store("identified").connect() as connection:
        if which in manifest.ALIASES:
            number = traffic_in(find_or_none(connection, model))[which]
            if number is None:
                raise NotFound(
                    f"no version is {which} of this model", f"See its versions: careloom models list {model}."
                )
            which = str(number)
        if not which.isdecimal() or len(which) > 9:
            raise QueryError("the version is none", f"Write {model}@3 or {model}@champion.")
        return find(connection, "version", version_name(model, int(which)))


def write(platform: Platform, who: Principal, change: Change, act: Callable[[Transaction], ModelWork]) -> ModelWork:
    """Does something in one durable step with the event that tells of it."""
    made = event(platform, who, change.operation, change.zone, action="update", detail=change.detail)
    with platform.store("identified").transaction(made) as step:
        return act(step)


def put_traffic(step: Transaction, model: str, before: Json, after: Json) -> ModelWork:
    """Writes who answers, within the step. raises Conflict where somebody changed it since `before` was read"""
    if traffic_now(step, model) != before:
        raise Conflict("somebody else changed who answers for this model", "See it: careloom models show.")
    return set_traffic(step, model, after)


def traffic_now(step: Transaction, model: str) -> Json:
    """Who answers, as it is within the step."""
    return traffic_in(next((one for one in step.models.listed("traffic") if one.name == model), None))


def set_traffic(step: Transaction, model: str, after: Json) -> ModelWork:
    """Writes who answers, whatever was there."""
    state = "serving" if after["champion"] is not None else "empty"
    if any(one.name == model for one in step.models.listed("traffic")):
        return step.models.change("traffic", model, state, after)
    return step.models.add("traffic", model, model, state, after)


def keep_files(platform: Platform, model: str, number: int, files: Mapping[str, bytes]) -> None:
    """Writes the artefacts of a version, each sealed. raises SetupError where the disk does not take them"""
    kept = files_of(platform)
    for name, content in files.items():
        kept.write(f"{model}/{number}/{name}", cut(content))


def load_files(platform: Platform, one: ModelWork) -> dict[str, bytes]:
    """The artefacts of a version as they lie there. raises NotFound, IntegrityError where one does not open"""
    kept, names = files_of(platform), one.body["manifest"]["report"]["files"]
    return {name: kept.whole(f"{one.parent}/{one.body['number']}/{name}") for name in names}


def has_files(platform: Platform, one: ModelWork) -> bool:
    """True where an artefact of a version is there."""
    kept, names = files_of(platform), one.body["manifest"]["report"]["files"]
    return any(kept.has(f"{one.parent}/{one.body['number']}/{name}") for name in names)


def remove_files(platform: Platform, one: ModelWork) -> None:
    """Removes the artefacts of a version, where they are there."""
    kept = files_of(platform)
    for name in one.body["manifest"]["report"]["files"]:
        kept.remove(f"{one.parent}/{one.body['number']}/{name}")


def is_as_signed(platform: Platform, certificate: Any) -> bool:
    """True where this installation signed a manifest as it is."""
    try:
        report, value = manifest.read_certificate(certificate)
    except FormatError:
        return False
    return certificates.is_of(platform.keys.public_key(), report, value)


def told(one: ModelWork, traffic: Json) -> Json:
    """A version for who may see models: name, state, aliases, digest, lineage, findings, approval."""
    report, body = one.body["manifest"]["report"], one.body
    number, lineage = body["number"], report["lineage"] | ({"rights": body["rights"]} if "rights" in body else {})
    return {
        "version": one.name, "model": one.parent, "number": number, "state": one.state,
        "aliases": [alias for alias in manifest.ALIASES if traffic[alias] == number],
        "created": instant(one.created), "changed": instant(one.changed), "registrar": body["registrar"],
        "reason": report["reason"], "digest": body["digest"], "zone": body["zone"], "gates": body["gates"],
        "passed": all(each["passed"] for each in body["findings"]), "findings": body["findings"],
        "approval": body["approval"], "retired": body["retired"], "training": report["lineage"]["training"],
        "pipeline": report["lineage"]["pipeline"], "lineage": lineage, "files": report["files"],
    }  # fmt: skip
