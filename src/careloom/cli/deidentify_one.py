"""Commands that de-identify one text or one resource, from a file or from standard input."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from careloom.services.deidentify_one import OneAsk, OneReport

STANDARD_INPUT = "-"
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
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


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

    ask = OneAsk(_text_of(file), None, policy, style, patient, project)
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
        resource = orjson.loads(_text_of(file))
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


def _text_of(file: str) -> str:
    """What a file says. raises NotFound, InputError, TooLarge; FormatError unless it is UTF-8."""
    from careloom.errors import FormatError, InputError, NotFound, TooLarge

    try:
        if file == STANDARD_INPUT:
            raw = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with Path(file).open("rb") as stream:
                raw = stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise NotFound("the file is not there", "Check its spelling, or give the text on standard input: -") from None
    except OSError as error:
        raise InputError(f"the file cannot be read ({type(error).__name__})", "Check its owner and mode.") from None
    if len(raw) > MOST_BYTES:
        raise TooLarge(f"the file has more than {MOST_BYTES:,} bytes", "Ingest it, or give it in parts.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"the file is no UTF-8 at byte {error.start:,}", "Write it in UTF-8.") from None
