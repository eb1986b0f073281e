"""Commands that make synthetic rows: engines, metadata, fit, sample, judge."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careloom.cli.options import Json

if TYPE_CHECKING:
    pass

Table = Annotated[str, typer.Option(help="Of the research zone's lake: silver/patients, or a version of it, @3.")]
File = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="CSV or Parquet in place of a table.")]
Account = Annotated[str, typer.Option(help="Of the privacy ledger: research, or a cohort of it.")]


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
    _write(out, text.encode())
    output.say(f"{out}: check it before you fit; nothing in it is public yet.")


def fit(
    table: Table = "",
    file: File = None,
    metadata: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="TOML; without it it is guessed, never private.")
    ] = None,
    account: Account = "research",
    engine: Annotated[str, typer.Option(help="See careloom synthesize engines.")] = "marginals",
    epsilon: Annotated[float | None, typer.Option(help="Bound per patient; without it the fit is not private.")] = None,
    delta: Annotated[float, typer.Option(help="Far below one over the number of patients.")] = 1e-6,
    rows_per_patient: Annotated[int, typer.Option(help="The most rows of a patient that are learnt privately.")] = 1,
    target: Annotated[str, typer.Option(help="The column that matters most.")] = "",
    option: Annotated[list[str] | None, typer.Option(help="Of the engine, name=value; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything but private noise.")] = 1,
    name: Annotated[str, typer.Option(help="What people call the model.")] = "",
    controls: Annotated[float, typer.Option(help="Share of the patients who are set aside for the judge.")] = 0.3,
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

    options = dict(_option(one) for one in option or ())
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
    from careloom.cli import output, render_synthesis
    from careloom.cli.synthesis_session import opened
    from careloom.services.synthesize_rows import SampleAsk
    from careloom.services.synthesize_rows import sample as run
    from careloom.synth.tabular import Wish

    wish = Wish(dict(_option(one) for one in where or ()), {}, balance)
    with opened() as (platform, who), output.progress("Drawing", quiet=json, unit="rows") as watch:
        made = run(platform, who, SampleAsk(model, rows, wish), watch)
    output.give(made, as_json=json, show=render_synthesis.sample)


def judge(
    sample: Annotated[str, typer.Argument(help="A sample, as sample told it.")],
    target: Annotated[str, typer.Option(help="The column to predict; else that of the fit.")] = "",
    known: Annotated[
        list[str] | None, typer.Option(help="A column that an acquaintance may know; may be repeated.")
    ] = None,
    group: Annotated[list[str] | None, typer.Option(help="Tell the score apart by it; may be repeated.")] = None,
    small_cell: Annotated[int | None, typer.Option(min=2, help="Fewer patients are rare; else 10.")] = None,
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


def _option(text: str) -> tuple[str, Any]:
    """``name=value``, the value as a number or a truth where it reads as one. raises QueryError"""
    from careloom.errors import QueryError

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise QueryError("an option is written name=value", "For example bins=16.")
    if value.lower() in ("true", "false"):
        return name, value.lower() == "true"
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, value


def _write(out: Path, content: bytes) -> None:
    """raises SetupError"""
    from careloom.errors import SetupError

    try:
        out.write_bytes(content)
    except OSError as error:
        raise SetupError(f"{out.name} cannot be written ({type(error).__name__})", "Name another place.") from None
