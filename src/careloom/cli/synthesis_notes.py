"""Commands of synthetic notes: fit, sample, judge; `careloom synthesize release` lets them out."""

from pathlib import Path
from typing import Annotated

import typer

from careloom.cli.options import Json
from careloom.cli.synthesis_options import Account, Controls, Delta, Epsilon, Name, Seed, SmallCell, options_of

notes_app = typer.Typer(no_args_is_help=True, help="Notes about nobody, alone or with whole records that they tell.")


def register(synthesize_app: typer.Typer) -> None:
    """Adds the commands to ``careloom synthesize notes``."""
    notes_app.command("fit")(fit)
    notes_app.command("sample")(sample)
    notes_app.command("judge")(judge)
    synthesize_app.add_typer(notes_app, name="notes")


def fit(
    folder: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="A simulated hospital's, in place of the research zone."),
    ] = None,
    account: Account = "research",
    epsilon: Epsilon = None,
    delta: Delta = 1e-6,
    public: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Simulated notes: words of a private fit."),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="How often all notes are read.")] = 5,
    cpu_seconds: Annotated[float, typer.Option(min=0, help="End after the epoch that uses them up; 0: never.")] = 0.0,
    option: Annotated[list[str] | None, typer.Option(help="Of the model, name=number; may be repeated.")] = None,
    seed: Seed = 1,
    name: Name = "",
    controls: Controls = 0.3,
    json: Json = False,
) -> None:
    """Fit a generator of notes on annotated notes; what it may spend is reserved in the privacy ledger first.

    Example: careloom synthesize notes fit --name notes --epochs 5 --option enough=10
    """
    from careloom.cli import render_synthesis
    from careloom.cli.synthesis_session import watched
    from careloom.services.synthesize_notes_fit import NotesAsk
    from careloom.services.synthesize_notes_fit import fit as run

    options = {"epochs": epochs, **options_of(option)}
    ask = NotesAsk(
        folder, account, epsilon, delta, public, options, seed, name, controls, cpu_seconds=cpu_seconds
    )  # fmt: skip
    watched(run, ask, ("Fitting", "of 1000"), render_synthesis.model, as_json=json)


def sample(
    model: Annotated[str, typer.Argument(help="A fitted model of notes, as fit told it.")],
    notes: Annotated[int, typer.Option(min=1, help="How many, where their records grow.")] = 100,
    kind: Annotated[str, typer.Option(help="Of every note: progress, discharge, ...")] = "",
    records: Annotated[
        str, typer.Option(help="A sample of whole records: each encounter gets a note that tells it.")
    ] = "",
    json: Json = False,
) -> None:
    """Write notes; they lie sealed, and nobody can fetch them before they are released.

    Example: careloom synthesize notes sample 20261130T090000Z-abcdef --notes 200 --kind discharge

    Example: careloom synthesize notes sample 20261130T090000Z-abcdef --records 20261130T090100Z-ghijkl
    """
    from careloom.cli import render_synthesis
    from careloom.cli.synthesis_session import watched
    from careloom.services.synthesize_notes_draw import NotesSampleAsk
    from careloom.services.synthesize_notes_draw import sample as run

    unit = "patients" if records else "notes"
    ask = NotesSampleAsk(model, notes, kind, records)
    watched(run, ask, ("Writing", unit), render_synthesis.sample, as_json=json)


def judge(
    sample: Annotated[str, typer.Argument(help="A sample of notes, as sample told it.")],
    small_cell: SmallCell = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="Only verbatim, fidelity, agreement, identifiers, utility or privacy; may be repeated."),
    ] = None,
    json: Json = False,
) -> None:
    """Measure notes, and the whole records that they tell; the measures stay inside.

    Example: careloom synthesize notes judge 20261130T090200Z-abcdef
    """
    from careloom.cli import output, render_synthesis
    from careloom.cli.synthesis_session import opened
    from careloom.services.synthesize_judge import FhirJudgeAsk
    from careloom.services.synthesize_notes_judge import judge_notes

    with opened() as (platform, who):
        made = judge_notes(platform, who, FhirJudgeAsk(sample, small_cell, tuple(kind or ())))
    output.give(made, as_json=json, show=render_synthesis.judged)
