"""Commands of annotation: read stored notes or one text, look at a note, correct it, export and verify."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from careloom.cli.options import Json

Format = Annotated[
    Literal["json", "fhir", "azure", "brat", "spacy"],
    typer.Option("--format", help="What is printed: everything found, a Bundle of facts, or for other tools."),
]
Zone = Annotated[Literal["identified", "research"], typer.Option(help="Where the notes are.")]
annotate_app = typer.Typer(
    invoke_without_command=True,
    help="Read notes: what they say of problems, drugs, tests and the life of patients, as coded facts.",
)


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.add_typer(annotate_app, name="annotate")


@annotate_app.callback()
def annotate(
    context: typer.Context,
    zone: Zone = "identified",
    patient: Annotated[str, typer.Option(help="Notes of one patient, by stored id.")] = "",
    incremental: Annotated[
        bool, typer.Option("--incremental", help="Leave out what this version of the reader has read.")
    ] = False,
    refuted: Annotated[bool, typer.Option("--refuted", help="Write what is absent as refuted.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="End after so many notes, with whole patients; 0 for all.")] = 0,
    queue: Annotated[bool, typer.Option("--queue", help="Hand it to the job worker and return at once.")] = False,
    json: Json = False,
) -> None:
    """Read the notes of a zone and write what they say as facts, each with its way back to the words.

    Example: careloom annotate --incremental
    """
    if context.invoked_subcommand is not None:
        return
    from careloom.cli import output, render_annotation
    from careloom.cli.session import opened
    from careloom.services.annotate import AnnotateAsk
    from careloom.services.annotate_notes import annotate as run
    from careloom.services.annotations import submit

    ask = AnnotateAsk(zone, patient, incremental, refuted, most_notes=limit)
    with opened() as (platform, who):
        if queue:
            job = submit(platform, who, ask)
            output.give_job(job, as_json=json)
            return
        with output.progress("Reading", quiet=json, unit="notes") as tell:
            watch = (lambda done, total, _so_far: tell(done, total)) if tell else None
            report = run(platform, who, ask, watch)
    output.give(report.as_json(), as_json=json, show=render_annotation.annotated)


@annotate_app.command("text")
def annotate_text(
    file: Annotated[str, typer.Argument(help="A file, or - for standard input.")] = "-",
    wanted: Format = "json",
    time: Annotated[str, typer.Option(help="When it was written (ISO 8601): dates are counted from it.")] = "",
    kind: Annotated[str, typer.Option("--type", help="LOINC code of the kind of document.")] = "",
    refuted: Annotated[bool, typer.Option("--refuted", help="FHIR: write what is absent as refuted.")] = False,
    rerank: Annotated[bool, typer.Option("--rerank", help="Rank the likeliest names anew by the encoder.")] = False,
    json: Json = False,
) -> None:
    """Read one text and print what was found; nothing is kept. Works where nothing is installed, too.

    Example: careloom annotate text note.txt --format fhir
    """
    from careloom.cli.session import opened
    from careloom.cli.text_files import text_of
    from careloom.services.annotate import AnalyzeAsk, analyze, analyze_alone
    from careloom.services.deidentify_one import is_installed
    from careloom.settings import load

    settings = load()
    text = text_of(file, settings.annotate.max_text_bytes)
    ask = AnalyzeAsk(text, wanted, time=time, type=kind, refuted=refuted, rerank=rerank)
    if is_installed(settings):
        with opened() as (platform, who):
            report = analyze(platform, who, ask)
    else:
        report = analyze_alone(ask, settings)
    _print(report.as_json(), wanted, as_json=json)


@annotate_app.command("note")
def annotate_note(
    note: Annotated[str, typer.Argument(help="Id of the DocumentReference.")],
    wanted: Format = "json",
    zone: Zone = "identified",
    text: Annotated[bool, typer.Option("--text", help="With brat: print the text that goes with it instead.")] = False,
    json: Json = False,
) -> None:
    """Print what is held of a stored note: a person's word where there is one, else what was found.

    Example: careloom annotate note 4q2c7lq6m5v3w0f1d2y8z9k7xa --format brat > note.ann
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.annotate_corrections import note_annotations

    with opened() as (platform, who):
        made = note_annotations(platform, who, zone, note, wanted)
    if text and wanted == "brat":
        output.emit_text(made["text"])
    else:
        _print(made, wanted, as_json=json)


@annotate_app.command("correct")
def annotate_correct(
    note: Annotated[str, typer.Argument(help="Id of the DocumentReference.")],
    file: Annotated[str, typer.Argument(help="A .ann file of BRAT, or the JSON of `annotate note`, corrected.")],
    zone: Zone = "identified",
    json: Json = False,
) -> None:
    """Say what a note means, in place of what was found: kept, audited, and merged into the facts of its patient.

    Example: careloom annotate correct 4q2c7lq6m5v3w0f1d2y8z9k7xa note.ann
    """
    import orjson

    from careloom.cli import output, render_annotation
    from careloom.cli.session import opened
    from careloom.cli.text_files import text_of
    from careloom.errors import FormatError
    from careloom.services.annotate_corrections import CorrectAsk, correct

    with opened() as (platform, who):
        content = text_of(file, 4 * platform.settings.annotate.max_text_bytes)
        ask = CorrectAsk(zone, note, brat=content)
        if content.lstrip().startswith("{"):
            try:
                ask = CorrectAsk(zone, note, document=orjson.loads(content))
            except orjson.JSONDecodeError as error:
                where = f"the document is no JSON at line {error.lineno}, column {error.colno}"
                raise FormatError(where, "Give what `careloom annotate note` printed, corrected.") from None
        report = correct(platform, who, ask)
    output.give(report.as_json(), as_json=json, show=render_annotation.annotated)


@annotate_app.command("export")
def annotate_export(
    corrections: Annotated[bool, typer.Option("--corrections", help="What people have corrected.")] = False,
    brat: Annotated[Path | None, typer.Option(help="Write files of BRAT to this folder, as `train ner` reads.")] = None,
    zone: Zone = "research",
) -> None:
    """Print corrected notes with their annotations, one JSON document a line. They hold words of patients.

    Example: careloom annotate export --corrections --zone research > corrections.ndjson
    """
    from json import dumps

    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.annotate_corrections import corrections as found
    from careloom.services.train_ner import SUBJECTS

    if not corrections:
        raise typer.BadParameter("say what to export: --corrections")
    if brat is not None:
        brat.mkdir(mode=0o700, parents=True, exist_ok=True)
    subjects: dict[str, str] = {}
    with opened() as (platform, who):
        for one in found(platform, who, zone):
            pair = one.pop("brat")
            if brat is None:
                output.emit_line(one)
                continue
            subjects[pair["id"]] = one["subject"]
            for name, content in ((f"{pair['id']}.txt", pair["text"]), (f"{pair['id']}.ann", pair["annotations"])):
                file = brat / name
                file.touch(mode=0o600)
                file.write_bytes(content.encode())
    if brat is not None:
        (brat / SUBJECTS).write_text(dumps(subjects), "utf-8")


@annotate_app.command("verify")
def annotate_verify(zone: Zone = "identified", json: Json = False) -> None:
    """Recompute the hash of every span that a fact rests on. Ends with 6 if one does not match.

    Example: careloom annotate verify
    """
    from careloom.cli import output, render_annotation
    from careloom.cli.session import opened
    from careloom.errors import IntegrityError
    from careloom.services.annotate_verify import verify_annotations

    with opened() as (platform, who):
        proof = verify_annotations(platform, who, zone)
    output.give(proof.as_json(), as_json=json, show=render_annotation.verified)
    if not proof.is_whole:
        raise typer.Exit(IntegrityError.exit_code)


@annotate_app.command("reports")
def annotate_reports(
    run: Annotated[str, typer.Argument(help="One run, with what it did.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many, newest first.")] = 20,
    cursor: Annotated[str, typer.Option(help="Where the page before ended: its `next`.")] = "",
    json: Json = False,
) -> None:
    """List annotations of stored notes, newest first, or show what one did.

    Example: careloom annotate reports
    """
    from careloom.cli import output, render_annotation
    from careloom.cli.session import opened
    from careloom.services.annotations import list_runs, show_run

    with opened() as (platform, who):
        if run:
            output.give(show_run(platform, who, run), as_json=json, show=render_annotation.run)
        else:
            found = list_runs(platform, who, limit=limit, cursor=cursor)
            output.give(found, as_json=json, show=render_annotation.runs)


def _print(made: dict[str, object], wanted: str, *, as_json: bool) -> None:
    """JSON, as all formats are but that of BRAT, unless that is asked as JSON, too."""
    from careloom.cli import output

    if wanted == "brat" and not as_json:
        output.emit_text(str(made["annotations"]))
    else:
        output.emit_json(made)
