"""Drift opens a retraining: the pipeline that trained a version runs again, in nobody's name and under the same gates.

What it trains answers for nobody until its gates hold and a second person approves it, as any run of that pipeline.
"""

from careloom.errors import NotFound
from careloom.mlops import pipeline_file
from careloom.services.access import Principal, local_operator
from careloom.services.admission import note
from careloom.services.models_kept import resolve
from careloom.services.models_pipeline import submitted
from careloom.services.models_runs import RETRAINER, run_named
from careloom.services.monitor import named, reports_of
from careloom.services.platform import Platform

OPERATION = "monitor-retrain"


def retrain(platform: Platform, who: Principal, version: str, reason: str) -> str:
    """The run that trains anew; empty where no pipeline trained the version. One is enough, unless it failed.

    who     whose look found the drift; the run itself is in the name of `careloom.services.models_runs.RETRAINER`
    raises  NotFound, QueryError for a version that is not registered; FormatError for a pipeline that is none any more
    """
    one = resolve(platform, version)
    trained_by = str(one.body["manifest"]["report"]["lineage"]["pipeline"])
    if not trained_by:
        return ""
    if (earlier := _earlier(platform, version)) and run_named(platform, earlier).state != "failed":
        return earlier
    text = run_named(platform, trained_by).body["text"]
    run = submitted(platform, local_operator(RETRAINER), pipeline_file.read(text), text).name
    note(platform, who, OPERATION, "identified", action="create", detail={
        "model": version, "run": run, "reason": reason})  # fmt: skip
    return run


def _earlier(platform: Platform, version: str) -> str:
    """The newest retraining that a look at the version opened; empty for none, or one that is not kept any more."""
    kept = reports_of(platform, *named(version))
    for name in kept.ids():
        report = kept.find(name)
        run = str((report or {}).get("retraining", ""))
        if run:
            try:
                return run_named(platform, run).name
            except NotFound:
                return ""
    return ""
