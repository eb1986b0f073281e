"""The commands of cohorts: definitions, facts of a zone, attrition, why a patient is in or out, training sets."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from careloom.cli.options import Json

cohort_app = typer.Typer(no_args_is_help=True, help="Cohorts: who is predicted for, when, and what came of it.")
Named = Annotated[
    str, typer.Argument(metavar="COHORT", help="A definition that ships, a TOML file of one, or a task file of ACES.")
]
Zone = Annotated[str, typer.Option(help="identified, research or synthetic.")]
Facts = Annotated[
    str, typer.Option(help="A version of the table of facts, or newest; the zone as it is, in memory, without.")
]
Notes = Annotated[bool, typer.Option("--notes", help="What annotated notes say, too.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to those of risk."""
    app.add_typer(cohort_app, name="cohort")


@cohort_app.command("list")
def listed(json: Json = False) -> None:
    """List the definitions that ship, with their sources.

    Example: careloom risk cohort list
    """
    from careloom.cli import output
    from careloom.services.risk_cohorts import cohorts

    output.give(cohorts(), as_json=json, show=_show_listed)


@cohort_app.command("facts")
def facts(zone: Zone = "research", notes: Notes = False, json: Json = False) -> None:
    """Make the table of a zone's timed facts, and keep it as a snapshot to pin training sets to.

    Example: careloom risk cohort facts --zone research
    """
    from careloom.cli import output, render_risk
    from careloom.cli.session import opened
    from careloom.services.risk_facts import make_facts

    with opened() as (platform, who), output.progress("Reading", quiet=json, unit="resources") as watch:
        report = make_facts(platform, who, zone, watch, notes=notes)
    output.give(report.as_json(), as_json=json, show=render_risk.facts)


@cohort_app.command("simulate")
def simulate(
    patients: Annotated[int, typer.Option(min=1, help="How many.")] = 3000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed simulates the same patients.")] = 1,
    json: Json = False,
) -> None:
    """Make a table of facts of simulated patients in the synthetic zone: something to train on that is of nobody.

    Example: careloom risk cohort simulate --patients 5000
    """
    from careloom.cli import output, render_risk
    from careloom.cli.session import opened
    from careloom.services.risk_simulated import SimulatedFactsAsk, simulate_facts

    with opened() as (platform, who), output.progress("Simulating", quiet=json, unit="patients") as watch:
        report = simulate_facts(platform, who, SimulatedFactsAsk(patients, seed), watch)
    output.give(report.as_json(), as_json=json, show=render_risk.facts)


@cohort_app.command("show")
def show(
    cohort: Named,
    zone: Zone = "research",
    facts: Facts = "",
    notes: Notes = False,
    rows: Annotated[int, typer.Option(min=0, max=1000, help="Rows to show beside the counts.")] = 0,
    json: Json = False,
) -> None:
    """Extract a cohort: how many each rule leaves, and what came of those that are in.

    Example: careloom risk cohort show readmission_30_days --zone identified
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.risk_cohorts import CohortAsk
    from careloom.services.risk_cohorts import cohort as extracted

    ask = CohortAsk(cohort, facts, notes, rows)
    with opened() as (platform, who), output.progress("Reading", quiet=json, unit="resources") as watch:
        report = extracted(platform, who, zone, ask, watch)
    output.give(report.as_json(), as_json=json, show=_show_cohort)


@cohort_app.command("why")
def why(
    cohort: Named,
    patient: Annotated[str, typer.Argument(metavar="PATIENT", help="Id of a patient, or Patient/<id>.")],
    zone: Zone = "research",
    facts: Facts = "",
    notes: Notes = False,
    json: Json = False,
) -> None:
    """Say of one patient which moments are in a cohort, and which rule keeps the others out.

    Example: careloom risk cohort why readmission_30_days Patient/p1 --zone identified
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.risk_cohorts import CohortAsk, cohort_why

    ask = CohortAsk(cohort, facts, notes)
    with opened() as (platform, who), output.progress("Reading", quiet=json, unit="resources") as watch:
        told = cohort_why(platform, who, zone, ask, patient, watch)
    output.give(told, as_json=json, show=_show_why)


@cohort_app.command("train-set")
def train_set(
    cohort: Named,
    features: Annotated[str, typer.Option(help="A set of features that ships, or a TOML file of one.")] = "general",
    zone: Annotated[str, typer.Option(help="research or synthetic.")] = "research",
    facts: Annotated[str, typer.Option(help="A version of the table of facts.")] = "newest",
    split: Annotated[str, typer.Option(help="patient or temporal.")] = "patient",
    cut: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Where a temporal split cuts: a day.")
    ] = None,
    allow_leaks: Annotated[
        bool, typer.Option("--allow-leaks", help="Keep a set that the guard finds fault with.")
    ] = False,
    json: Json = False,
) -> None:
    """Make a training set in the zone's lake, pinned to a snapshot of facts and looked at by the leakage guard.

    Example: careloom risk cohort train-set readmission_30_days
    """
    from datetime import UTC

    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.risk_cohorts import TrainingAsk, make_training_set

    moment = None if cut is None else cut.replace(tzinfo=UTC)
    ask = TrainingAsk(cohort, features, facts, split, moment, allow_leaks=allow_leaks)
    with opened() as (platform, who):
        report = make_training_set(platform, who, zone, ask)
    output.give(report.as_json(), as_json=json, show=_show_training)


@cohort_app.command("train-sets")
def train_sets(
    table: Annotated[str, typer.Argument(metavar="[TABLE]", help="One, with its manifest; all in short without.")] = "",
    zone: Annotated[str, typer.Option(help="research or synthetic.")] = "research",
    json: Json = False,
) -> None:
    """List the training sets of a zone's lake, or show one: what it is made of, its folds, what the guard found.

    Example: careloom risk cohort train-sets

    Example: careloom risk cohort train-sets gold/training_readmission_30_days
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.risk_shown import shown_training_set, training_sets

    with opened() as (platform, who):
        if table:
            one = shown_training_set(platform, who, zone, table)
            output.give(one, as_json=json, show=lambda told: _show_training({**told, "name": told["table"]}))
            return
        output.give(training_sets(platform, who, zone), as_json=json, show=_show_sets)


@cohort_app.command("aces")
def aces(
    task: Annotated[Path, typer.Argument(metavar="TASK", help="A task file of ACES (YAML).")],
    table: Annotated[
        Path | None, typer.Argument(metavar="[TABLE]", help="A Parquet table in MEDS, in place of a zone.")
    ] = None,
    zone: Zone = "research",
    facts: Facts = "",
    rows: Annotated[int, typer.Option(min=0, max=1000, help="Rows to show beside the counts.")] = 0,
    json: Json = False,
) -> None:
    """Extract the cohort of an ACES task file from a zone, or from a table in MEDS.

    Example: careloom risk cohort aces readmission.yaml --zone research

    Example: careloom risk cohort aces readmission.yaml events.parquet
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.risk_aces import TaskAsk, task_of_table, task_of_zone

    if table is not None:
        report = task_of_table(task, table, rows)
    else:
        with opened() as (platform, who), output.progress("Reading", quiet=json, unit="resources") as watch:
            report = task_of_zone(platform, who, zone, TaskAsk(task, facts, rows), watch)
    output.give(report.as_json(), as_json=json, show=_show_task)


@cohort_app.command("import")
def imported(
    task: Annotated[Path, typer.Argument(metavar="TASK", help="A task file of ACES (YAML).")],
    name: Annotated[str, typer.Option(help="Of the cohort; that of the file without.")] = "",
    predicates: Annotated[
        Path | None, typer.Option(help="A second file, whose predicates are taken before those of the first.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A file that gets the cohort, in place of the screen.")] = None,
    json: Json = False,
) -> None:
    """Write a task file of ACES as a cohort of ours (TOML), to count, to ask why, and to train on.

    Example: careloom risk cohort import readmission.yaml --out readmission.toml
    """
    from careloom.cli import output
    from careloom.services.risk_aces import import_task

    text = import_task(task, name, predicates)
    if out is not None:
        out.write_text(text, "utf-8")
    told = {"file": "" if out is None else str(out), "toml": text}
    shown = text if out is None else f"{out}\n"
    output.give(told, as_json=json, show=lambda _: output.emit_text(shown))


def _show_task(report: dict[str, Any]) -> None:
    from careloom.cli import output

    for one in report["steps"]:
        output.say(f"{one['rows']:>9,} rows {one['patients']:>9,} patients  {one['name']}")
    if report["labels"]:
        output.say(f"{report['labels']['true']:,} labelled true, {report['labels']['false']:,} false")
    for row in report["shown"]:
        output.say("  ".join("" if value is None else str(value) for value in row.values()))


def _show_listed(report: list[dict[str, Any]]) -> None:
    from careloom.cli import output

    for one in report:
        output.say(f"{one['name']}: {one['title']}.")
        output.say(f"  {one['source']}")


def _show_cohort(report: dict[str, Any]) -> None:
    from careloom.cli import output

    for one in report["steps"]:
        output.say(f"{one['rows']:>9,} rows {one['patients']:>9,} patients  {one['name']}")
    output.say(", ".join(f"{count:,} {state}" for state, count in report["states"].items()))
    _show_hints(report)
    for row in report["shown"]:
        output.say("  ".join("" if value is None else str(value) for value in row.values()))


def _show_hints(report: dict[str, Any]) -> None:
    from careloom.cli import output

    for one in report["hints"]:
        output.say(f"{one['message']} {one['remedy']}")


def _show_why(told: list[dict[str, Any]]) -> None:
    from careloom.cli import output

    if not told:
        output.say("No index event.")
    for one in told:
        index = f"{one['index_time']:%Y-%m-%d %H:%M}" if one["index_time"] else "no index time"
        where = f"{index}  {one['resource_key']}"
        if one["is_in"]:
            output.say(f"{where}  in: {one['state']}")
            continue
        reasons = ", ".join(one["failed"]) or one["left_out"]
        output.say(f"{where}  out{' (near miss)' if one['near_miss'] else ''}: {reasons}")
        for rule in one["failed"]:
            for resource in one["facts"].get(rule, ())[:3]:
                output.say(f"    {resource}")


def _show_sets(report: list[dict[str, Any]]) -> None:
    from careloom.cli import output

    columns = ("table", "version", "rows", "cohort", "features", "facts")
    rows = [tuple(str(one[column]).partition("#")[0] for column in columns) for one in report]
    output.show_table("Training sets", columns, rows)


def _show_training(report: dict[str, Any]) -> None:
    from careloom.cli import output

    manifest = report["manifest"]
    output.say(f"{report['rows']:,} rows: {report['name']}")
    for fold, one in manifest["folds"].items():
        output.say(f"  {fold}: {one['rows']:,} rows, {one['patients']:,} patients, {one['positive']:,} positive")
    _show_hints(report)
    for leak in manifest["leaks"]:
        output.say(f"  leak: {leak['kind']} at {leak['place']}: {leak['evidence']}")
