"""``careloom models run|resume|runs|pipelines``: pipelines from a snapshot of data to patients."""

from pathlib import Path
from typing import Annotated, Any

import typer

from careloom.cli.options import Json


def register(models_app: typer.Typer) -> None:
    """Adds the commands to ``careloom models``."""
    for name, command in (("run", run), ("resume", resume), ("runs", runs), ("pipelines", pipelines)):
        models_app.command(name)(command)


def run(
    pipeline: Annotated[str, typer.Argument(help="A name of careloom models pipelines, or a TOML file.")],
    queue: Annotated[bool, typer.Option("--queue", help="Let the worker do it.")] = False,
    json: Json = False,
) -> None:
    """Go a pipeline until it is done or waits for a second person; exit 4 if a gate keeps the model back.

    Example: careloom models run readmission
    """
    from careloom.cli import output, render_models, session
    from careloom.mlops.pipeline_file import shipped
    from careloom.services.models_pipeline import run as go
    from careloom.services.models_pipeline import submit

    with session.opened() as (platform, who):
        text = platform.read_text(Path(pipeline)) if pipeline.endswith(".toml") else shipped(pipeline)
        done = (submit if queue else go)(platform, who, text)
    output.give(done, as_json=json, show=render_models.run)


def resume(run_id: Annotated[str, typer.Argument(help="A run, as runs tells it.")], json: Json = False) -> None:
    """Go on with a run that failed, was killed, or waited for an approval.

    Example: careloom models resume 20261130T090100Z-abcdef
    """
    from careloom.cli import output, render_models, session
    from careloom.services.models_pipeline import resume as go

    with session.opened() as (platform, who):
        done = go(platform, who, run_id)
    output.give(done, as_json=json, show=render_models.run)


def runs(
    run_id: Annotated[str, typer.Argument(help="One run, with what each step made; all of them without.")] = "",
    json: Json = False,
) -> None:
    """List runs of pipelines, newest first, or show one.

    Example: careloom models runs
    """
    from careloom.cli import output, render_models, session
    from careloom.services import models_runs

    with session.opened() as (platform, who):
        found: Any = models_runs.show_run(platform, who, run_id) if run_id else models_runs.runs(platform, who)
    output.give(found, as_json=json, show=render_models.run if run_id else render_models.runs)


def pipelines(json: Json = False) -> None:
    """List the pipelines that ship: model, trainer, gates, steps.

    Example: careloom models pipelines
    """
    from careloom.cli import output, render_models
    from careloom.mlops.pipeline_file import read, shipped, shipped_names

    found = [
        {"name": one.name, "model": one.model, "trainer": one.trainer, "gates": one.gates, "meaning": one.meaning}
        for one in (read(shipped(name)) for name in shipped_names())
    ]
    output.give(found, as_json=json, show=render_models.pipelines)
