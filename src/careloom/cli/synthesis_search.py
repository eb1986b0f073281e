"""The command that searches the settings of an engine."""

from pathlib import Path
from typing import Annotated

import typer

from careloom.cli.options import Json
from careloom.cli.synthesis_options import (
    Account,
    Controls,
    Delta,
    Engine,
    File,
    Metadata,
    Name,
    RowsPerPatient,
    Seed,
    Table,
    Target,
    options_of,
)


def register(synthesize_app: typer.Typer) -> None:
    """Adds the command to ``careloom synthesize``."""
    synthesize_app.command("search")(search)


def search(
    table: Table = "",
    file: File = None,
    metadata: Metadata = None,
    account: Account = "research",
    engine: Engine = "marginals",
    trials: Annotated[int, typer.Option(min=1, help="Settings that are tried, at most.")] = 10,
    cpu_minutes: Annotated[float, typer.Option(help="No trial begins that would end later, of one processor.")] = 10.0,
    held: Annotated[float, typer.Option(help="Share of those to learn on whom trials are compared.")] = 0.2,
    space: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="TOML of settings to try; else what ships.")
    ] = None,
    epsilon: Annotated[float | None, typer.Option(help="Bound of EACH trial; without it nothing is private.")] = None,
    choice: Annotated[float, typer.Option(help="Epsilon of choosing among private trials.")] = 0.1,
    delta: Delta = 1e-6,
    rows_per_patient: RowsPerPatient = 1,
    target: Target = "",
    option: Annotated[list[str] | None, typer.Option(help="Not tried but fixed, name=value; may be repeated.")] = None,
    seed: Seed = 1,
    name: Name = "",
    controls: Controls = 0.3,
    json: Json = False,
) -> None:
    """Try settings of an engine and keep the best as a model; the ledger counts every trial before it runs.

    Example: careloom synthesize search --table silver/patients --metadata patients.toml --engine vae --trials 8
    """
    from careloom.cli import output, render_synthesis
    from careloom.cli.synthesis_session import opened
    from careloom.services.synthesize import FitAsk
    from careloom.services.synthesize_search import SearchAsk
    from careloom.services.synthesize_search import search as run
    from careloom.services.synthesize_source import SourceAsk

    options = options_of(option)
    with opened() as (platform, who):
        source = SourceAsk(table, file, "" if metadata is None else platform.read_text(metadata))
        fit = FitAsk(source, account, engine, epsilon, delta, rows_per_patient, target, options, seed, name, controls)
        own = "" if space is None else platform.read_text(space)
        ask = SearchAsk(fit, trials, 60 * cpu_minutes, held, choice, own)
        with output.progress("Searching", quiet=json, unit="of 1000") as watch:
            made = run(platform, who, ask, watch)
    output.give(made, as_json=json, show=render_synthesis.searched)
