"""How a version is trained again: by the pipeline that trained it, or by the one that its training wrote down.

It reads and trains with exactly the rights that the version was trained with, which its lineage pins, and not at all
where any of them was withdrawn since. What is trained answers for nobody until its gates hold and a second person
approves it, as any run of a pipeline: none of those who made the version before, for it is made as they said.
"""

from careloom.errors import QueryError
from careloom.mlops import pipeline_file
from careloom.services.access import local_operator
from careloom.services.models_pipeline import submitted
from careloom.services.models_rights import holder, rights_in
from careloom.services.models_runs import RETRAINER, run_named
from careloom.services.platform import Platform
from careloom.store.models import ModelWork

RECIPE = "retraining"
"""In the lineage of a version that no pipeline trained: the text of a pipeline that trains it again."""
DECLARED = "declared"
"""In the lineage of a version that was brought in: what its maker says of it."""


def retraining_of(platform: Platform, one: ModelWork) -> str:
    """The text of the pipeline that trains a version again; empty for one that was brought in, whatever it says.

    raises  NotFound
    """
    lineage = one.body["manifest"]["report"]["lineage"]
    run = str(lineage["pipeline"])
    if run:
        return str(run_named(platform, run).body["text"])
    return "" if DECLARED in lineage else str(lineage.get(RECIPE, ""))


def queue_retraining(platform: Platform, one: ModelWork) -> str:
    """Queues it in the name of `careloom.services.models_runs.RETRAINER`; the run, empty where nothing tells how.

    raises  AccessError where rights that the version was trained with were withdrawn, or nobody wrote them down;
            NotFound; FormatError for a pipeline that is none any more; QueryError for one of another model
    """
    text = retraining_of(platform, one)
    if not text:
        return ""
    pipeline = pipeline_file.read(text)
    if pipeline.model != one.parent:
        raise QueryError(f"what trains {one.name} again is of another model", "Train it by a pipeline of its own.")
    rights = rights_in(one)
    holder(platform, rights, RETRAINER)
    hands = {one.body["registrar"], *one.body["manifest"]["report"].get("trainers", ())}
    return submitted(platform, local_operator(RETRAINER), pipeline, text, hands=hands, rights=rights).name
