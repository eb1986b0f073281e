"""How a version is trained again: by the pipeline that trained it, or by the one that its training wrote down.

What is trained answers for nobody until its gates hold and a second person approves it, as any run of a pipeline.
"""

from careloom.mlops import pipeline_file
from careloom.services.access import local_operator
from careloom.services.models_pipeline import submitted
from careloom.services.models_runs import RETRAINER, run_named
from careloom.services.platform import Platform
from careloom.store.models import ModelWork

RECIPE = "retraining"
"""In the lineage of a version that no pipeline trained: the text of a pipeline that trains it again."""


def retraining_of(platform: Platform, one: ModelWork) -> str:
    """The text of the pipeline that trains a version again; empty for one that was brought in. raises NotFound"""
    lineage = one.body["manifest"]["report"]["lineage"]
    run = str(lineage["pipeline"])
    return str(run_named(platform, run).body["text"]) if run else str(lineage.get(RECIPE, ""))


def queue_retraining(platform: Platform, one: ModelWork) -> str:
    """Queues it in the name of `careloom.services.models_runs.RETRAINER`; the run, empty where nothing tells how.

    raises  NotFound; FormatError for a pipeline that is none any more
    """
    text = retraining_of(platform, one)
    return submitted(platform, local_operator(RETRAINER), pipeline_file.read(text), text).name if text else ""
