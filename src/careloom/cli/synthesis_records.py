"""Commands of whole synthetic records: fit, sample, judge; `careloom synthesize release` lets them out."""

from pathlib import Path
from typing import Annotated

import typer

from careloom.cli.options import Json

records_app = typer.Typer(no_args_is_help=True, help="Whole records of patients who do not exist, as FHIR.")


def register(synthesize_app: typer.Typer) -> None:
    """Adds the commands to ``careloom synthesize records``."""
    records_app.command("fit")(fit)
    records_app.command("sample")(sample)
    records_app.command("judge")(judge)
    synthesize_app.add_typer(records_app, name="records")


def fit(
    folder: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="FHIR, *.ndjson or *.json, in place of the research zone."),
    ] = None,
    account: Annotated[str, typer.Option(help="Of the privacy ledger: research, or a cohort of it.")] = "research",
    epsilon: Annotated[float | None, typer.Option(help="Bound per patient; without it the fit is not private.")] = None,
    delta: Annotated[float, typer.Option(help="Far below one over the number of patients.")] = 1e-6,
    public: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="FHIR of simulated patients: words of a private fit."),
    ] = None,
    option: Annotated[list[str] | None, typer.Option(help="Of the recipe, name=number; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything but private noise.")] = 1,
    name: Annotated[str, typer.Option(help="What people call the model.")] = "",
    controls: Annotated[float, typer.Option(help="Share of the patients who are set aside for the judge.")] = 0.3,
    json: Json = False,
) -> None:
    """Fit a generator of whole records; what it may spend is reserved in the privacy ledger first.

    Example: careloom synthesize records fit --name hospital --option epochs=6
    """
    from careloom.cli import output, render_synthesis
    from careloom.cli.synthesis_rows import _option
    from careloom.cli.synthesis_session import opened
    from careloom.services.synthesize_records import RecordsAsk
    from careloom.services.synthesize_records import fit as run

    options = dict(_option(one) for one in option or ())
    ask = RecordsAsk(folder, account, epsilon, delta, public, options, seed, name, controls)
    with opened() as (platform, who), output.progress("Fitting", quiet=json, unit="of 1000") as watch:
        made = run(platform, who, ask, watch)
    output.give(made, as_json=json, show=render_synthesis.model)


def sample(
    model: Annotated[str, typer.Argument(help="A fitted model of records, as fit told it.")],
    patients: Annotated[int, typer.Option(min=1, help="How many.")] = 100,
    where: Annotated[list[str] | None, typer.Option(help="sex=female: of every patient; may be repeated.")] = None,
    json: Json = False,
) -> None:
    """Draw patients as FHIR and tables; they lie sealed, and nobody can fetch them before they are released.

    Example: careloom synthesize records sample 20261130T090000Z-abcdef --patients 500 --where sex=female
    """
    from careloom.cli import output, render_synthesis
    from careloom.cli.synthesis_rows import _option
    from careloom.cli.synthesis_session import opened
    from careloom.services.synthesize_records import RecordsSampleAsk
    from careloom.services.synthesize_records import sample as run

    given = {key: str(value) for key, value in (_option(one) for one in where or ())}
    with opened() as (platform, who), output.progress("Drawing", quiet=json, unit="patients") as watch:
        made = run(platform, who, RecordsSampleAsk(model, patients, given), watch)
    output.give(made, as_json=json, show=render_synthesis.sample)


def judge(
    sample: Annotated[str, typer.Argument(help="A sample of whole records, as sample told it.")],
    small_cell: Annotated[int | None, typer.Option(min=2, help="Fewer patients are rare; else 10.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only records, fidelity, detection, utility or privacy; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Measure whole records, as records and as one row a patient; the measures stay inside.

    Example: careloom synthesize records judge 20261130T090100Z-abcdef
    """
    from careloom.cli import output, render_synthesis
    from careloom.cli.synthesis_session import opened
    from careloom.services.synthesize_records_judge import KINDS, RecordsJudgeAsk, judge_whole

    with opened() as (platform, who):
        made = judge_whole(platform, who, RecordsJudgeAsk(sample, small_cell, tuple(kind or KINDS)))
    output.give(made, as_json=json, show=render_synthesis.judged)
