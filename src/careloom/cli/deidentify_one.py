"""Commands that de-identify one text or one resource, from a file or from standard input."""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from careloom.cli.options import Json
from careloom.cli.text_files import STANDARD_INPUT, text_of

if TYPE_CHECKING:
    from careloom.services.deidentify_one import OneAsk, OneReport

MOST_BYTES = 4_000_000
"""More is read of no file: what may be in it at most has a quarter of that."""
File = Annotated[str, typer.Argument(help="A file, or - for standard input.")]
Policy = Annotated[str, typer.Option(help="As `careloom deidentify policies` lists them.")]
Style = Annotated[
    Literal["surrogate", "tag", "mask"] | None,
    typer.Option(help="In place of what identifies; as the policy says if not given."),
]
Patient = Annotated[str, typer.Option(help="Stored id: what the record knows of that patient is looked for, too.")]
Project = Annotated[str, typer.Option(help="Write it with this project's names and dates, as the research zone does.")]
Spans = Annotated[bool, typer.Option("--spans", help="List what was found and where, after what came out.")]


def register(deidentify: typer.Typer) -> None:
    """Adds the commands below `careloom deidentify`."""
    deidentify.command("text")(deidentify_text)
    deidentify.command("resource")(deidentify_resource)


def deidentify_text(
    file: File = STANDARD_INPUT,
    policy: Policy = "",
    style: Style = None,
    patient: Patient = "",
    project: Project = "",
    spans: Spans = False,
    json: Json = False,
) -> None:
    """De-identify one text and print it; nothing is kept. Works where nothing is installed, too.

    Example: careloom deidentify text note.txt --style tag --spans
    """
    from careloom.services.deidentify_one import OneAsk

    ask = OneAsk(text_of(file, MOST_BYTES), None, policy, style, patient, project)
    _give(ask, spans=spans, json=json)


def deidentify_resource(
    file: File = STANDARD_INPUT,
    policy: Policy = "",
    style: Style = None,
    patient: Patient = "",
    project: Project = "",
    spans: Spans = False,
    json: Json = False,
) -> None:
    """De-identify one FHIR R4 resource in JSON and print it; nothing is kept. Works where nothing is installed, too.

    Example: careloom deidentify resource observation.json --policy safe-harbor
    """
    import orjson

    from careloom.errors import FormatError
    from careloom.services.deidentify_one import OneAsk

    try:
        resource = orjson.loads(text_of(file, MOST_BYTES))
    except orjson.JSONDecodeError as error:
        where = f"the resource is no JSON at line {error.lineno}, column {error.colno}"
        raise FormatError(where, "Give one resource of FHIR R4 as JSON.") from None
    if not isinstance(resource, dict):
        raise FormatError("the JSON is no object", "Give one resource of FHIR R4.")
    _give(OneAsk(None, resource, policy, style, patient, project), spans=spans, json=json)


def _give(ask: "OneAsk", *, spans: bool, json: bool) -> None:
    """Prints what came out. Ends with 7 where nothing passed."""
    from careloom.cli import output, render_deidentification

    made = _made(ask)
    if json:
        output.emit_json(made.as_json())
    elif made.text is not None:
        output.emit_text(made.text if made.text.endswith("\n") or not spans else f"{made.text}\n")
    elif made.resource is not None:
        output.emit_json(made.resource)
    if spans and not json:
        render_deidentification.spans(made.as_json())
    if not made.passed:
        for issue in made.issues:
            if issue.refuses:
                sys.stderr.write(f"careloom: {issue.message}\n  {issue.remedy}\n  [{issue.code}]\n")
        raise typer.Exit(7)


def _made(ask: "OneAsk") -> "OneReport":
    """By the platform where there is one; else without it, so that no key and no store is made."""
    from careloom.cli.session import opened
    from careloom.runtime import Runtime
    from careloom.services.deidentify_one import deidentify_alone, deidentify_one, is_installed
    from careloom.settings import load

    settings = load()
    if not is_installed(settings):
        return deidentify_alone(ask, settings, Runtime())
    with opened() as (platform, who):
        return deidentify_one(platform, who, ask)
