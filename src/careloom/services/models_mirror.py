"""What MLflow shows of the registry: brought up to what the store says, now or when the server answers again.

The store decides and never waits for MLflow: rolling back takes no time that a tracking server could take.
"""

from typing import Any

from careloom.errors import SetupError
from careloom.mlops.manifest import ALIASES
from careloom.pipeline.registry import load
from careloom.services.access import Principal, local_operator
from careloom.services.admission import admit
from careloom.services.models_kept import Change, folder_of, traffic_of, versions_of, write
from careloom.services.platform import Platform
from careloom.store.engine import private_folder
from careloom.store.models import ModelWork, listed
from careloom.store.transaction import Transaction

KIND = "models-mirror"
OPERATION = "models-mirror"
Json = dict[str, Any]


def mirror_soon(platform: Platform, who: Principal) -> None:
    """Queues that MLflow shows what is new; one such job waits at a time."""
    with platform.jobs() as jobs:
        if not any(one.kind == KIND and one.state == "waiting" for one in jobs.listed(limit=50)):
            jobs.submit(KIND, {}, actor=who.name)


def mirror(platform: Platform, who: Principal) -> Json:
    """Brings MLflow up to the store: ``shown`` (versions that were added), ``changed`` (models), ``uri``.

    raises  AccessError; SetupError where MLflow is not installed or the server does not answer
    """
    admit(platform, who, "operate", "identified", operation=OPERATION)
    return bring_up(platform, who)


def work_off(platform: Platform, jobs: Any, progress: Any, _request: Any) -> Json:
    """Does it as a job, in the name of whoever made the change. raises SetupError likewise"""
    return bring_up(platform, local_operator(jobs.get(progress.job_id).actor))


def bring_up(platform: Platform, who: Principal) -> Json:
    """What `mirror` does, for who was admitted."""
    wanted = {model: _wanted(platform, model) for model in sorted({one.parent for one in versions_of(platform)})}
    known = _known(platform)
    behind = {model: each for model, each in wanted.items() if known.get(model, {}).get("wanted") != each}
    uri = platform.settings.models.tracking_uri
    if not behind:
        return {"shown": 0, "changed": 0, "uri": uri}
    registry = _registry(platform)
    shown = 0
    for model, each in behind.items():
        numbers: Json = dict(known.get(model, {}).get("numbers", {}))
        for one in reversed(versions_of(platform, model)):
            number = str(one.body["number"])
            if number not in numbers:
                numbers[number] = registry.add(model, one.body["number"], _lineage(one), _tags(one))
                shown += 1
            elif known[model]["wanted"]["states"].get(number) != each["states"][number]:
                registry.tag(model, numbers[number], _tags(one))
        registry.alias(model, {alias: numbers[str(number)] for alias, number in each["aliases"].items()})
        _keep(platform, who, model, {"wanted": each, "numbers": numbers})
    return {"shown": shown, "changed": len(behind), "uri": uri}


def _wanted(platform: Platform, model: str) -> Json:
    """What MLflow has to show of a model."""
    traffic = traffic_of(platform, model)
    return {
        "states": {str(one.body["number"]): one.state for one in versions_of(platform, model)},
        "aliases": {alias: traffic[alias] for alias in ALIASES if traffic[alias] is not None},
        "uri": platform.settings.models.tracking_uri,
    }


def _known(platform: Platform) -> dict[str, Json]:
    """Model -> what MLflow shows of it; nothing of it where the settings name another server now."""
    with platform.store("identified").connect() as connection:
        found = {one.name: one.body for one in listed(connection, "mirror")}
    uri = platform.settings.models.tracking_uri
    return {model: body for model, body in found.items() if body["wanted"]["uri"] == uri}


def _registry(platform: Platform) -> Any:
    folder = folder_of(platform)
    private_folder(folder)
    uri = platform.settings.models.tracking_uri or f"sqlite:///{folder.absolute() / 'mlflow.db'}"
    try:
        return load("mlops.registry")(uri)
    except SetupError:
        raise
    except ImportError as error:  # a server that needs a plugin of its own
        raise SetupError(f"models: the tracking server needs {error.name}", "Install its MLflow plugin.") from None


def _lineage(one: ModelWork) -> Json:
    lineage: Json = one.body["manifest"]["report"]["lineage"]
    return lineage


def _tags(one: ModelWork) -> dict[str, str]:
    return {
        "careloom.state": one.state, "careloom.digest": one.body["digest"], "careloom.registrar": one.body["registrar"],
        "careloom.approved_by": (one.body["approval"] or {}).get("by", ""), "careloom.gates": one.body["gates"],
    }  # fmt: skip


def _keep(platform: Platform, who: Principal, model: str, body: Json) -> None:
    def act(step: Transaction) -> ModelWork:
        if any(one.name == model for one in step.models.listed("mirror")):
            return step.models.change("mirror", model, "shown", body)
        return step.models.add("mirror", model, model, "shown", body)

    write(platform, who, Change(OPERATION, {"model": model}), act)
