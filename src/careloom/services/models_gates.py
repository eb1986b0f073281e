"""Whether a version may answer for patients: its evaluation, what the platform knows of it, and the champion's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from careloom.errors import Conflict, NotFound, QueryError
from careloom.mlops import gates as rules
from careloom.mlops.gates import Gates, Shown
from careloom.pipeline.registry import REGISTRY, load
from careloom.services.models_kept import traffic_of, version_name, versions_of
from careloom.services.platform import Platform
from careloom.store.models import ModelWork

CLINICAL = ("auroc", "ece", "leaks", "tainted")
"""What gates of a model of a patient's risk limit, each by a number of its own."""
CARD = "models.card.stale"
"""In the registry of names: (platform, version) -> the fields of its model card that are out of date."""
STALE = rules.Gate("card_stale", "at_most", 0).text
"""Every version is held against this before it answers anybody, whatever its gates ask."""
Json = dict[str, Any]


def gates_named(platform: Platform, name: str) -> Gates:
    """Gates of the folder that settings name, before those that ship. raises QueryError; FormatError"""
    folder = platform.settings.models.gates
    if folder is not None and (file := Path(folder) / f"{name}.toml").is_file() and name.replace("-", "").isalnum():
        return rules.read(file.read_bytes())
    return rules.shipped(name)


def require_gates(platform: Platform, model: str, gates: str, files: Mapping[str, bytes], *, are_new: bool) -> None:
    """Returns where a version may be judged by these gates.

    files    of the version: a model of a patient's risk is judged by clinical gates alone
    are_new  it was said openly that they are others than those of the version before
    raises   QueryError for gates that are none, or are not clinical for such a model; Conflict for others than before
    """
    limited = {one.measure for one in gates_named(platform, gates).gates if one.side != "not_worse_by"}
    if "ece_excess" in limited:
        limited.add("ece")
    if _is_of_risk(files) and (missing := [name for name in CLINICAL if name not in limited]):
        raise QueryError(
            f"the gates {gates} do not limit {missing[0]}, and this is a model of a patient's risk",
            f"Name gates that limit {', '.join(CLINICAL)}: clinical-risk.",
        )
    before = versions_of(platform, model)
    newest = max(before, key=lambda one: int(one.body["number"])).body["gates"] if before else gates
    if newest != gates and not are_new:
        raise Conflict(
            f"{model} is judged by the gates {newest}",
            "Name those, or say openly that others judge it from now on (--new-gates; new_gates of a pipeline).",
        )


def _is_of_risk(files: Mapping[str, bytes]) -> bool:
    """True for files that a score is made from: see `careloom.risk.models_package`."""
    from careloom.risk.models_package import FILE, KINDS  # noqa: PLC0415 - reads no model otherwise

    try:
        told = orjson.loads(files.get(FILE, b"{}"))
    except ValueError:
        return False
    return isinstance(told, dict) and told.get("kind") in KINDS


def earlier_gates(platform: Platform, model: str, number: int, gates: str) -> list[Json]:
    """A finding for who approves, where versions before this one were judged by other gates; else empty."""
    before = {str(one.body["gates"]) for one in versions_of(platform, model) if one.body["number"] < number} - {gates}
    why = f"versions before were judged by {', '.join(sorted(before))}, this one by {gates}"
    return [{"rule": "the gates are others than before", "passed": True, "found": None, "why": why}] if before else []


def own_exam(lineage: Mapping[str, Any]) -> list[Json]:
    """A finding for who approves, where a version was measured on a task that does not ship; else empty."""
    on = lineage.get("evaluated_on")
    if not isinstance(on, Mapping) or on.get("ships"):
        return []
    why = f"{on.get('task', '')} ({on.get('digest', '')}) is none of the tasks that ship: look at it, too"
    return [{"rule": "measured on a task of its own", "passed": True, "found": None, "why": why}]


def findings(platform: Platform, one: ModelWork) -> list[Json]:
    """What the gates of a version say of it now, beside the champion of now."""
    report = one.body["manifest"]["report"]
    changed = earlier_gates(platform, one.parent, one.body["number"], one.body["gates"])
    found = judged(platform, one.parent, one.body["gates"], report["lineage"], one)
    return [*changed, *own_exam(report["lineage"]), *found, *_of_card(platform, one, found)]


def _of_card(platform: Platform, one: ModelWork, found: list[Json]) -> list[Json]:
    """Whether a version's card is of now, where its gates do not ask it themselves: none is promoted by a stale one."""
    if CARD not in REGISTRY or any(each["rule"] == STALE for each in found):
        return []
    fields = load(CARD)(platform, one)
    why = f"out of date: {', '.join(fields)}; see careloom models card {one.name}" if fields else ""
    return [{"rule": STALE, "passed": not fields, "found": float(len(fields)), "why": why}]


def judged(
    platform: Platform, model: str, gates: str, lineage: Mapping[str, Any], one: ModelWork | None = None
) -> list[Json]:
    """The same of a version that is not registered yet.

    raises  QueryError, FormatError for gates that are none
    """
    chosen, told = gates_named(platform, gates), measured(lineage)
    number = traffic_of(platform, model)["champion"]
    is_own = one is not None and one.body["number"] == number
    against = told.get("against", {})
    shown = Shown(
        {**told.get("measures", {}), **_of_platform(platform, lineage, one, {each.measure for each in chosen.gates})},
        "" if number is None or is_own else version_name(model, number),
        str(against.get("champion", "")), against.get("measures", {}),
    )  # fmt: skip
    found = [_said(each, lineage) for each in rules.judge(chosen, shown)]
    is_known = one is not None and CARD in REGISTRY
    return [each for each in found if is_known or each["rule"] != STALE]


def is_measured(lineage: Mapping[str, Any]) -> bool:
    """True where Careloom measured a version itself, and did not only hear its numbers from who brought it in."""
    told = lineage["evaluation"].get("by")
    return told == "careloom" if told else bool(lineage.get("pipeline") or lineage.get("task"))


def measured(lineage: Mapping[str, Any]) -> Mapping[str, Any]:
    """The evaluation that gates read; empty where it is only declared."""
    found: Mapping[str, Any] = lineage["evaluation"] if is_measured(lineage) else {}
    return found


def _said(finding: Json, lineage: Mapping[str, Any]) -> Json:
    """A finding, with what to do where a number is missing because it is only declared."""
    if finding["passed"] or finding["found"] is not None or is_measured(lineage):
        return finding
    return {**finding, "why": f"{finding['why']}; what is declared does not count: register it with --evaluate-on TASK"}


def _of_platform(
    platform: Platform, lineage: Mapping[str, Any], one: ModelWork | None, asked: set[str]
) -> dict[str, Json]:
    """What the platform itself knows, as far as it is asked: nobody's evaluation may say it."""
    leaks = lineage.get("leaks") if is_measured(lineage) else None
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
