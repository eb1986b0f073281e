"""Drift opens a retraining: what trained a version trains it again, in nobody's name and under the same gates.

What it trains answers for nobody until its gates hold and a second person approves it, as any run of a pipeline.
"""

from datetime import timedelta

from careloom.errors import NotFound
from careloom.mlops.manifest import ALIASES
from careloom.services.access import Principal
from careloom.services.admission import note
from careloom.services.models_kept import resolve, traffic_of, version_name
from careloom.services.models_retrain import queue_retraining
from careloom.services.models_runs import run_named
from careloom.services.monitor import named, reports_of
from careloom.services.platform import Platform
from careloom.store.models import ModelWork

OPERATION = "monitor-retrain"
UNDER_WAY = ("queued", "running", "waiting")


def retrain(platform: Platform, who: Principal, version: str, reason: str) -> str:
    """The run that trains anew; empty where nothing tells how the version was trained. One at a time is enough.

    One that its gates kept back, or that is done, is enough for `retrain_after_days`: later there are other data. Done,
    it stays enough while what it trained has a part in the traffic. One that failed is never enough.

    who     whose look found the drift; the run itself is in the name of `careloom.services.models_runs.RETRAINER`
    raises  NotFound, QueryError for a version that is not registered; FormatError for a pipeline that is none any more
    """
    one = resolve(platform, version)
    earlier = _earlier(platform, version)
    if earlier is not None and _is_enough(platform, earlier):
        return earlier.name
    run = queue_retraining(platform, one)
    if run:
        note(platform, who, OPERATION, "identified", action="create", detail={
            "model": version, "run": run, "reason": reason})  # fmt: skip
    return run


def _is_enough(platform: Platform, run: ModelWork) -> bool:
    if run.state in UNDER_WAY or run.state == "failed":
        return run.state in UNDER_WAY
    if platform.runtime.now() < run.changed + timedelta(days=platform.settings.monitor.retrain_after_days):
        return True
    traffic, model = traffic_of(platform, run.body["model"]), run.body["model"]
    parts = {version_name(model, traffic[alias]) for alias in ALIASES if traffic[alias] is not None}
    return run.state == "done" and run.body["version"] in parts


def _earlier(platform: Platform, version: str) -> ModelWork | None:
    """The newest retraining that a look at the version opened; None for none, or one that is not kept any more."""
    kept = reports_of(platform, *named(version))
    for name in kept.ids():
        report = kept.find(name)
        run = str((report or {}).get("retraining", ""))
        if run:
            try:
                return run_named(platform, run)
            except NotFound:
                return None
    return None
