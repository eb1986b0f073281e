"""Commands that make synthetic rows: engines, metadata, fit, sample, judge."""

from pathlib import Path
from typing import Annotated

import typer

from careloom.cli.options import Json
from careloom.cli.synthesis_options import (
    Account,
    Controls,
    Delta,
    Engine,
    Epsilon,
    File,
    Metadata,
    Name,
    RowsPerPatient,
    Seed,
    SmallCell,
    Table,
    Target,
    options_of,
    write_file,
)


def register(synthesize_app: typer.Typer) -> None:
    """Adds the commands to ``careloom synthesize``."""
    synthesize_app.command("engines")(engines)
    synthesize_app.command("metadata")(metadata)
    synthesize_app.command("fit")(fit)
    synthesize_app.command("sample")(sample)
    synthesize_app.command("judge")(judge)


def engines(json: Json = False) -> None:
    """List the engines that learn tables: what they are for, whether they can be private, their options.

    Example: careloom synthesize engines
    """
    from careloom.cli import output, render_synthesis
    from careloom.services.synthesize_shown import engine_list

    output.give(engine_list(), as_json=json, show=render_synthesis.engines)


def metadata(
    table: Table = "",
    file: File = None,
    account: Account = "research",
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="A file to write; else it is printed.")] = None,
) -> None:
    """Guess what the columns of a table are, as TOML: mend it, and say `public` only of what a code book says.

    Example: careloom synthesize metadata --table silver/patients --out patients.toml
    """
    from careloom.cli import output
    from careloom.cli.synthesis_session import opened
    from careloom.services.synthesize_shown import guess
    from careloom.services.synthesize_source import SourceAsk

    with opened() as (platform, who):
        text = guess(platform, who, SourceAsk(table, file), account)
    if out is None:
        output.emit_text(text)
        return
    write_file(out, text.encode())
    output.say(f"{out}: check it before you fit; nothing in it is public yet.")


def fit(
    table: Table = "",
    file: File = None,
    metadata: Metadata = None,
    account: Account = "research",
    engine: Engine = "marginals",
    epsilon: Epsilon = None,
    delta: Delta = 1e-6,
    rows_per_patient: RowsPerPatient = 1,
    target: Target = "",
    option: Annotated[list[str] | None, typer.Option(help="Of the engine, name=value; may be repeated.")] = None,
    seed: Seed = 1,
    name: Name = "",
    controls: Controls = 0.3,
    json: Json = False,
) -> None:
    """Fit a generator of a table; what it may spend is reserved in the privacy ledger first.

    Example: careloom synthesize fit --table silver/patients --metadata patients.toml --epsilon 1 --target gender
    """
    from careloom.cli import output, render_synthesis
    from careloom.cli.synthesis_session import opened
    from careloom.services.synthesize import FitAsk
    from careloom.services.synthesize import fit as run
    from careloom.services.synthesize_source import SourceAsk

    options = options_of(option)
    with opened() as (platform, who):
        text = "" if metadata is None else platform.read_text(metadata)
        source: SourceAsk = SourceAsk(table, file, text)
        ask = FitAsk(
            source, account, engine, epsilon, delta, rows_per_patient, target, options, seed, name, controls
        )  # fmt: skip
        with output.progress("Fitting", quiet=json, unit="of 1000") as watch:
            made = run(platform, who, ask, watch)
    output.give(made, as_json=json, show=render_synthesis.model)


def sample(
    model: Annotated[str, typer.Argument(help="A fitted model, as fit told it.")],
    rows: Annotated[int, typer.Option(min=1, help="How many.")] = 1000,
    where: Annotated[list[str] | None, typer.Option(help="column=value that every row has; may be repeated.")] = None,
    balance: Annotated[str, typer.Option(help="A column whose values all come equally often.")] = "",
    json: Json = False,
) -> None:
    """Draw rows of a model; they lie sealed, and nobody can fetch them before they are released.

    Example: careloom synthesize sample 20261130T090000Z-abcdef --rows 5000 --where gender=female
    """
    from careloom.cli import render_synthesis
    from careloom.cli.synthesis_session import watched
    from careloom.services.synthesize_rows import SampleAsk
    from careloom.services.synthesize_rows import sample as run
    from careloom.synth.tabular import Wish

    wish = Wish(options_of(where), {}, balance)
    watched(run, SampleAsk(model, rows, wish), ("Drawing", "rows"), render_synthesis.sample, as_json=json)


def judge(
    sample: Annotated[str, typer.Argument(help="A sample, as sample told it.")],
    target: Annotated[str, typer.Option(help="The column to predict; else that of the fit.")] = "",
    known: Annotated[
        list[str] | None, typer.Option(help="A column that an acquaintance may know; may be repeated.")
    ] = None,
    group: Annotated[list[str] | None, typer.Option(help="Tell the score apart by it; may be repeated.")] = None,
    small_cell: SmallCell = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only fidelity, detection, utility or privacy; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Measure rows against patients who were learnt from and patients who were not; the measures stay inside.

    Example: careloom synthesize judge 20261130T090100Z-abcdef --target gender
    """
    from careloom.cli import output, render_synthesis
    from careloom.cli.synthesis_session import opened
    from careloom.services.synthesize_rows import KINDS, JudgeAsk
    from careloom.services.synthesize_rows import judge as run

    ask = JudgeAsk(sample, target, tuple(known or ()), tuple(group or ()), small_cell, tuple(kind or KINDS))
    with opened() as (platform, who):
        made = run(platform, who, ask)
    output.give(made, as_json=json, show=render_synthesis.judged)
