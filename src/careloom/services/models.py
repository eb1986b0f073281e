"""The registry of models: versions are registered once, signed with their lineage, listed, shown and verified.

A version never changes. What it consists of lies sealed in the data directory, for a model may hold what it learnt of
patients; what is known of it stands in the store, in one step with the audit record; MLflow shows it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from careloom.errors import CareloomError, Conflict, IntegrityError, NotFound, QueryError
from careloom.mlops import manifest
from careloom.mlops.artefacts import require_safe
from careloom.services import certificates, models_environment, trainings
from careloom.services.access import Principal
from careloom.services.admission import admit, event, note
from careloom.services.models_gates import earlier_gates, judged, own_exam, require_gates, taints_of
from careloom.services.models_kept import (
    folder_of,
    is_as_signed,
    keep_files,
    load_files,
    resolve,
    told,
    traffic_of,
    version_name,
    versions_of,
    zone_of,
)
from careloom.services.models_mirror import mirror_soon
from careloom.services.models_rights import RIGHTS, pinned
from careloom.services.platform import Platform
from careloom.services.trainings import TrainingAsk
from careloom.store.at_work import at_work
from careloom.store.models import ModelWork
from careloom.store.rows import instant

REGISTER, LIST, SHOW, VERIFY = "models-register", "models-list", "models-show", "models-verify"
LOCK = "environment.txt"
"""The file of a version in which the lock of the environment lies."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RegisterAsk:
    """What to register.

    model       its name
    files       name -> content; see `careloom.mlops.artefacts`
    lineage     as `careloom.mlops.manifest.lineage_problem` wants it; ``code``, ``environment``, ``training`` and
                ``rights`` (those of who registers) are filled in here where they are left out. Its evaluation is one
                that was measured here, but for versions that are brought in: see `careloom.services.models_brought`
    pseudonyms  of the identified zone, of every patient whom it learnt from; none for public or simulated data
    gates       by which it is judged: those of the version before, and clinical ones for a model of a patient's risk
    reason      why it was trained, for who approves it
    trainers    by name, who had a hand in it beside who registers it: none of them may approve it
    new_gates   says openly that `gates` are others than those of the version before; who approves it is shown that
    """

    model: str
    files: Mapping[str, bytes] = field(repr=False)
    lineage: Mapping[str, Any] = field(repr=False)
    pseudonyms: Collection[str] = field(default=(), repr=False)
    gates: str = "clinical-risk"
    reason: str = ""
    trainers: Collection[str] = ()
    new_gates: bool = False


def register(platform: Platform, who: Principal, ask: RegisterAsk) -> Json:
    """Registers a version, with what its gates say of it; the version as `told` shows it.

    Gates that do not hold are no reason to forget what was trained: the version is kept, and answers for nobody.

    raises  AccessError; QueryError for a name or lineage that says too little, or gates that there are not; FormatError
            for a pickle or another file that is not known to be safe; Conflict where a patient may not be in it, or
            the version before had other gates and `new_gates` does not say so
    """
    zone = zone_of(str(ask.lineage.get("data", {}).get("zone", "")))
    admit(platform, who, "train", zone, operation=REGISTER)
    manifest.require_name(ask.model)
    require_safe(ask.files)
    told_environment, lock = models_environment.environment()
    files = {**ask.files, **({} if "environment" in ask.lineage else {LOCK: lock})}
    lineage: Json = {
        "code": models_environment.code(), "environment": {**told_environment, "file": LOCK}, "training": "",
        "pipeline": "", RIGHTS: pinned(who), **ask.lineage,
    }  # fmt: skip
    if isinstance(lineage.get("evaluation"), Mapping):
        lineage["evaluation"] = {"by": "careloom", **lineage["evaluation"]}
    if problem := manifest.lineage_problem(lineage):
        raise QueryError(f"the lineage says too little: {problem}", "See docs/reference/models.md.")
    judged(platform, ask.model, ask.gates, lineage)
    with at_work(folder_of(platform) / "at-work", ask.model):
        require_gates(platform, ask.model, ask.gates, ask.files, are_new=ask.new_gates)
        number = 1 + max((one.body["number"] for one in versions_of(platform, ask.model)), default=0)
        lineage["training"] = lineage["training"] or _training(platform, who, ask, number, files)
        made = _kept(platform, who, ask, _Made(number, lineage, files, zone))
    mirror_soon(platform, who)
    return told(made, traffic_of(platform, ask.model))


def require_nobody(lineage: Mapping[str, Any]) -> None:
    """Returns where a model learnt from nobody who is here. raises QueryError: others are registered by pipelines"""
    zone = lineage.get("data", {}).get("zone") if isinstance(lineage, Mapping) else None
    if zone not in ("public", "synthetic"):
        raise QueryError(
            "a model that is brought in learnt from nobody here: data.zone is public or synthetic",
            "Train on patients here by a pipeline: it writes down whom a version learnt from.",
        )


@dataclass(frozen=True, slots=True)
class _Made:
    number: int
    lineage: Json
    files: dict[str, bytes]
    zone: Any


def _training(platform: Platform, who: Principal, ask: RegisterAsk, number: int, files: Mapping[str, bytes]) -> str:
    """Writes down whom the version learnt from, so that erasing one of them finds it; empty for nobody."""
    if not ask.pseudonyms:
        return ""
    digest = certificates.digest({"report": {"kind": "files", "files": manifest.digests(files)}})
    zone = zone_of(str(ask.lineage["data"]["zone"]))
    asked = TrainingAsk(version_name(ask.model, number), "model", digest, ask.pseudonyms, zone)
    return str(trainings.register(platform, who, asked, "train")["training"])


def _kept(platform: Platform, who: Principal, ask: RegisterAsk, made: _Made) -> ModelWork:
    """Seals the files, signs the manifest, and writes the version in one step with its audit record."""
    keep_files(platform, ask.model, made.number, made.files)
    since = {
        "registrar": who.name, "registered": instant(platform.runtime.now()), "reason": ask.reason,
        "trainers": sorted({who.name, *ask.trainers}),
    }  # fmt: skip
    report = manifest.report(ask.model, made.number, made.lineage, made.files, since)
    certificate = certificates.signed(platform, orjson.loads(orjson.dumps(report)))
    digest, name = certificates.digest(certificate), version_name(ask.model, made.number)
    changed = earlier_gates(platform, ask.model, made.number, ask.gates)
    found = [*changed, *own_exam(made.lineage), *judged(platform, ask.model, ask.gates, made.lineage)]
    body = {
        "model": ask.model, "number": made.number, "manifest": certificate, "digest": digest, "zone": made.zone,
        "registrar": who.name, "gates": ask.gates, "findings": found, "approval": None, "retired": None,
    }  # fmt: skip
    detail = {
        "version": name, "digest": digest, "gates": ask.gates, "passed": all(one["passed"] for one in found),
        "training": made.lineage["training"],
    }  # fmt: skip
    told_event = event(platform, who, REGISTER, made.zone, action="create", detail=detail)
    with platform.store("identified").transaction(told_event) as step:
        if any(one.name == name for one in step.models.listed("version", ask.model)):
            raise Conflict("somebody else registered that version", "Register it again: it gets the next number.")
        return step.models.add("version", name, ask.model, "registered", body)


def models(platform: Platform, who: Principal, model: str = "") -> list[Json]:
    """Versions of one model or of all, newest first: as `shown` tells, but lineage and files. raises AccessError"""
    admit(platform, who, "monitor", "identified", operation=LIST)
    if model:
        manifest.require_name(model)
    found = [_brief(platform, one) for one in versions_of(platform, model)]
    note(platform, who, LIST, "identified", detail={"listed": len(found)})
    return found


def _brief(platform: Platform, one: ModelWork) -> Json:
    whole = told(one, traffic_of(platform, one.parent))
    left_out = ("lineage", "files", "findings")
    brief = {name: value for name, value in whole.items() if name not in left_out}
    measures = whole["lineage"]["evaluation"]["measures"]
    return brief | {"measures": measures, "taints": taints_of(platform, whole["training"])}


def shown(platform: Platform, who: Principal, version: str) -> Json:
    """A version with its lineage, files, findings, manifest, taints and who answers for its model.

    version  ``NAME@3``, ``NAME@champion`` or ``NAME``
    raises   AccessError; NotFound; QueryError
    """
    admit(platform, who, "monitor", "identified", operation=SHOW)
    try:
        one = resolve(platform, version)
    except NotFound:
        note(platform, who, SHOW, "identified", outcome="failed", detail={"code": NotFound.code})
        raise
    note(platform, who, SHOW, "identified", detail={"version": one.name})
    traffic = traffic_of(platform, one.parent)
    whole = told(one, traffic)
    return whole | {
        "traffic": traffic, "manifest": one.body["manifest"], "taints": taints_of(platform, whole["training"]),
    }  # fmt: skip


def verify(platform: Platform, who: Principal, version: str) -> Json:
    """Whether a version is as it was signed: ``version``, ``digest``, ``signed``, ``changed`` (in words), ``whole``.

    raises  AccessError; NotFound; QueryError
    """
    admit(platform, who, "monitor", "identified", operation=VERIFY)
    return verified(platform, who, resolve(platform, version))


def verified(platform: Platform, who: Principal, one: ModelWork) -> Json:
    """What `verify` tells, for who was admitted; it is in the audit chain."""
    found = _differences(platform, one)
    is_signed = is_as_signed(platform, one.body["manifest"])
    is_whole = is_signed and not found
    detail = {"version": one.name, "whole": is_whole, "digest": one.body["digest"]}
    note(platform, who, VERIFY, "identified", outcome="success" if is_whole else "failed", detail=detail)
    return {
        "version": one.name, "digest": one.body["digest"], "signed": is_signed, "changed": found, "whole": is_whole,
    }  # fmt: skip


def _differences(platform: Platform, one: ModelWork) -> list[str]:
    signed_as = certificates.digest(one.body["manifest"])
    found = [] if signed_as == one.body["digest"] else ["the manifest is another than the one that was registered"]
    try:
        return found + manifest.changed(one.body["manifest"]["report"], load_files(platform, one))
    except CareloomError as error:
        return [*found, f"its files cannot be opened: {error.where}"]


def open_version(platform: Platform, version: str) -> tuple[ModelWork, dict[str, bytes]]:
    """A version and its files, for who serves it; everything is checked against the signature first.

    raises  NotFound, QueryError; IntegrityError where anything is not as it was signed; Conflict where it is retired
    """
    one = resolve(platform, version)
    if one.state == "retired":
        raise Conflict(f"{one.name} is retired", "Name a version that may answer: careloom models list.")
    if not is_as_signed(platform, one.body["manifest"]):
        raise IntegrityError(f"the manifest of {one.name} is not as it was signed", "Call the operator; serve another.")
    files = load_files(platform, one)
    if found := manifest.changed(one.body["manifest"]["report"], files):
        raise IntegrityError(f"{one.name}: {found[0]}", "Call the operator; serve another version meanwhile.")
    return one, files
