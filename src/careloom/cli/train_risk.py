"""The command that trains models of risk."""

from pathlib import Path
from typing import Annotated, Any

import typer

from careloom.cli.options import Json


def register(train: typer.Typer) -> None:
    """Adds the command to those that train."""
    train.command("risk")(train_risk)
    train.command("tasks")(tasks)


def train_risk(
    task: Annotated[str, typer.Argument(metavar="TASK", help="A task that ships, or a TOML file of one.")],
    zone: Annotated[str, typer.Option(help="research or synthetic.")] = "research",
    facts: Annotated[str, typer.Option(help="A version of the table of facts; made anew without.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of the learner and of every interval.")] = 1,
    out: Annotated[Path | None, typer.Option(help="A folder that gets the files of the version, too.")] = None,
    no_register: Annotated[bool, typer.Option("--no-register", help="Register nothing; see --out.")] = False,
    queue: Annotated[bool, typer.Option("--queue", help="Let the worker do it.")] = False,
    learner: Annotated[str, typer.Option(help="logistic, lightgbm or sequence, in place of the task's.")] = "",
    trials: Annotated[int, typer.Option(min=0, help="Trials of Optuna for its settings. Needs the extra ml.")] = 0,
    seconds: Annotated[float, typer.Option(min=0, help="Of processor time, after which no trial begins.")] = 600.0,
    judge: Annotated[
        list[str] | None,
        typer.Option(help="temporal, leave-site-out, or none: where models made anew are tested. Both without."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for who approves the version.")] = "",
    json: Json = False,
) -> None:
    """Train a model of risk for a task, judge it on patients of its own, and register the version.

    Example: careloom train risk readmission-30d

    Example: careloom train risk readmission-30d --learner lightgbm --trials 20

    Example: careloom train risk readmission-30d --judge temporal

    Example: careloom train risk my-task.toml --zone synthetic --no-register --out model/
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.risk.models_elsewhere import KINDS
    from careloom.services.train_risk import TrainAsk
    from careloom.services.train_risk import train_risk as run
    from careloom.services.train_risk_jobs import submit_training

    ask = TrainAsk(
        task, zone, facts, seed, not no_register, reason=reason, learner=learner, trials=trials, seconds=seconds,
        judge=KINDS if judge is None else tuple(one for one in judge if one != "none"),
    )  # fmt: skip
    if queue:
        with opened() as (platform, who):
            output.give(submit_training(platform, who, ask), as_json=json, show=_show_queued)
        return
    with opened() as (platform, who), output.progress("Training", quiet=json, unit="steps") as watch:
        done = run(platform, who, ask, watch)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, data in done.files.items():
            (out / name).write_bytes(data)
    output.give(done.as_json(), as_json=json, show=lambda told: _show(told, done.page))


def tasks(json: Json = False) -> None:
    """List the tasks that ship: what is foretold, for which cohort, by which learner.

    Example: careloom train tasks
    """
    from careloom.cli import output
    from careloom.services.train_risk import tasks as listed

    output.give(listed(), as_json=json, show=_show_tasks)


def _show(told: dict[str, Any], page: str) -> None:
    from careloom.cli import output

    output.say(page)
    output.say(f"Training set: {told['snapshot']}")
    if told["version"]:
        output.say(f"Registered: {told['version']}")
    for one in told["findings"]:
        output.say(f"  {'passed' if one['passed'] else 'failed'}  {one['rule']}")


def _show_queued(told: dict[str, Any]) -> None:
    from careloom.cli import output

    output.say(
        f"Queued: {told['id']} ({told['task']}); careloom worker does it, careloom jobs show {told['id']} says how far."
    )


def _show_tasks(told: list[dict[str, Any]]) -> None:
    from careloom.cli import output

    output.show_table(
        "Tasks", ("name", "title", "learner"), [(one["name"], one["title"], one["learner"]) for one in told]
    )
