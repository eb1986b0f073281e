"""Commands of whole synthetic records: fit, sample, judge; `careloom synthesize release` lets them out."""

from pathlib import Path
from typing import Annotated

import typer

from careloom.cli.options import Json
from careloom.cli.synthesis_options import (
    Account,
    Controls,
    Delta,
    Epsilon,
    Name,
    Seed,
    SmallCell,
    Where,
    options_of,
    texts_of,
)

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
    account: Account = "research",
    epsilon: Epsilon = None,
    delta: Delta = 1e-6,
    public: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="FHIR of simulated patients: words of a private fit."),
    ] = None,
    option: Annotated[list[str] | None, typer.Option(help="Of the recipe, name=number; may be repeated.")] = None,
    seed: Seed = 1,
    name: Name = "",
    controls: Controls = 0.3,
    json: Json = False,
) -> None:
    """Fit a generator of whole records; what it may spend is reserved in the privacy ledger first.

    Example: careloom synthesize records fit --name hospital --option epochs=6
    """
    from careloom.cli import render_synthesis
    from careloom.cli.synthesis_session import watched
    from careloom.services.synthesize_records import RecordsAsk
    from careloom.services.synthesize_records import fit as run

    ask = RecordsAsk(folder, account, epsilon, delta, public, options_of(option), seed, name, controls)
    watched(run, ask, ("Fitting", "of 1000"), render_synthesis.model, as_json=json)


def sample(
    model: Annotated[str, typer.Argument(help="A fitted model of records, as fit told it.")],
    patients: Annotated[int, typer.Option(min=1, help="How many.")] = 100,
    where: Where = None,
    json: Json = False,
) -> None:
    """Draw patients as FHIR and tables; they lie sealed, and nobody can fetch them before they are released.

    Example: careloom synthesize records sample 20261130T090000Z-abcdef --patients 500 --where sex=female
    """
    from careloom.cli import render_synthesis
    from careloom.cli.synthesis_session import watched
    from careloom.services.synthesize_records import RecordsSampleAsk
    from careloom.services.synthesize_records import sample as run

    ask = RecordsSampleAsk(model, patients, texts_of(where))
    watched(run, ask, ("Drawing", "patients"), render_synthesis.sample, as_json=json)


def judge(
    sample: Annotated[str, typer.Argument(help="A sample of whole records, as sample told it.")],
    small_cell: SmallCell = None,
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
    from careloom.services.synthesize_judge import FhirJudgeAsk
    from careloom.services.synthesize_records_judge import judge_whole

    with opened() as (platform, who):
        made = judge_whole(platform, who, FhirJudgeAsk(sample, small_cell, tuple(kind or ())))
    output.give(made, as_json=json, show=render_synthesis.judged)
