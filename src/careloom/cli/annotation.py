"""Commands of annotation: read one text."""

from typing import Annotated, Literal

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Format = Annotated[
    Literal["json", "fhir", "azure", "brat", "spacy"],
    typer.Option("--format", help="What is printed: everything found, a Bundle of facts, or for other tools."),
]
annotate_app = typer.Typer(
    invoke_without_command=True,
    no_args_is_help=False,
    help="Read notes: what they say of problems, drugs, tests and the life of patients, as coded facts.",
)


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.add_typer(annotate_app, name="annotate")


@annotate_app.callback()
def annotate(context: typer.Context) -> None:
    """Read notes: what they say of problems, drugs, tests and the life of patients, as coded facts.

    Example: careloom annotate text note.txt
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@annotate_app.command("text")
def annotate_text(
    file: Annotated[str, typer.Argument(help="A file, or - for standard input.")] = "-",
    wanted: Format = "json",
    time: Annotated[str, typer.Option(help="When it was written (ISO 8601): dates are counted from it.")] = "",
    kind: Annotated[str, typer.Option("--type", help="LOINC code of the kind of document.")] = "",
    refuted: Annotated[bool, typer.Option("--refuted", help="FHIR: write what is absent as refuted.")] = False,
) -> None:
    """Read one text and print what was found; nothing is kept. Works where nothing is installed, too.

    Example: careloom annotate text note.txt --format fhir
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.cli.text_files import text_of
    from careloom.services.annotate import AnalyzeAsk, analyze, analyze_alone
    from careloom.services.deidentify_one import is_installed
    from careloom.settings import load

    settings = load()
    ask = AnalyzeAsk(text_of(file, settings.annotate.max_text_bytes), wanted, time=time, type=kind, refuted=refuted)
    if is_installed(settings):
        with opened() as (platform, who):
            report = analyze(platform, who, ask)
    else:
        report = analyze_alone(ask, settings)
    if wanted == "brat":
        output.emit_text(report.result["annotations"])
    else:
        output.emit_json(report.as_json())
