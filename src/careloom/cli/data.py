"""Commands that bring data in: ingest, quarantine, demo."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from careloom.cli.options import Json, filled

if TYPE_CHECKING:
    from careloom.services.access import Principal
    from careloom.services.ingest import IngestAsk
    from careloom.services.platform import Platform

quarantine_app = typer.Typer(no_args_is_help=True, help="What was refused, why, and another try.")


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command()(ingest)
    app.command()(normalize)
    app.command()(encode)
    app.add_typer(quarantine_app, name="quarantine")
    app.command()(demo)


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders; archives are opened.", metavar="PATH")],
    format: Annotated[  # noqa: A002 - the option's name
        str, typer.Option(help="auto, fhir, fhir-xml, hl7v2, ccda, csv or notes; auto goes by content, never by name.")
    ] = "auto",
    mapping: Annotated[Path | None, typer.Option(help="A TOML mapping for delimited files of your own.")] = None,
    source: Annotated[
        str, typer.Option(help="Name of the sending system; the same id from it is the same thing.")
    ] = "",
    processes: Annotated[int, typer.Option(min=0, help="Worker processes; 0 for the configured number.")] = 0,
    queue: Annotated[bool, typer.Option("--queue", help="Hand it to the job worker and return at once.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, and ingest what is put into these folders.")] = False,
    settle: Annotated[float, typer.Option(min=0.0, help="Watching: seconds for which a file must not change.")] = 5.0,
    done: Annotated[Path | None, typer.Option(help="Watching: move files here once their records are kept.")] = None,
    json: Json = False,
) -> None:
    """Bring feeds in: checked, sealed, indexed; what is refused is quarantined whole.

    Example: careloom ingest feeds/ --source main-hospital --watch --done /feeds/done
    """
    from careloom.cli import output, render
    from careloom.cli.session import opened
    from careloom.errors import QueryError
    from careloom.services import jobs as job_service
    from careloom.services.ingest import IngestAsk
    from careloom.services.ingest import ingest as run

    if queue and watch:
        raise QueryError("ingest: --queue and --watch exclude each other", "watch in a terminal or service of its own")
    if done is not None and not watch:
        raise QueryError("ingest: --done needs --watch", "add it, or leave the files where they are")
    ask = IngestAsk(tuple(paths), format, mapping, source, processes)
    with opened() as (platform, who):
        if queue:
            job = job_service.submit_ingest(platform, who, ask)
            output.give(
                job, as_json=json, show=lambda made: output.say(f"Job {made['job_id']}: see `careloom jobs show`.")
            )
            return
        if watch:
            _watch(platform, who, ask, (settle, done, json))
            return
        with output.progress("Ingesting", quiet=json) as tell:
            report = run(platform, who, ask, tell)
    output.give(report.as_json() if json else report, as_json=json, show=render.scorecard)


def normalize(
    policy: Annotated[Path | None, typer.Option(help="A TOML policy of your own; docs/how-to/normalize.md.")] = None,
    rehearse: Annotated[bool, typer.Option("--rehearse", help="Tell what would change, and change nothing.")] = False,
    queue: Annotated[bool, typer.Option("--queue", help="Hand it to the job worker and return at once.")] = False,
    json: Json = False,
) -> None:
    """Bring units, codes, names, addresses and phones of the identified zone into one form; what came stays.

    Example: careloom normalize --rehearse
    """
    from careloom.cli import output, render
    from careloom.cli.session import opened
    from careloom.services.normalizations import submit
    from careloom.services.normalize import NormalizeAsk
    from careloom.services.normalize import normalize as run

    with opened() as (platform, who):
        if queue:
            job = submit(platform, who, is_rehearsal=rehearse, policy=policy)
            output.give_job(job, as_json=json)
            return
        with output.progress("Normalizing", quiet=json, unit="resources") as tell:
            watch = (lambda done, total, _stands: tell(done, total)) if tell else None
            report = run(platform, who, NormalizeAsk(policy, rehearse), watch)
    output.give(report, as_json=json, show=render.normalized)


def encode(
    table: Annotated[str, typer.Argument(help="A table of the research zone, such as observations.")],
    out: Annotated[Path, typer.Option(help="The new file: .parquet or .csv.")],
    codebook: Annotated[Path, typer.Option(help="JSON that says what numbers mean; used if there, else written.")],
    smallest: Annotated[int, typer.Option(min=1, help="A category of fewer patients gets no number of its own.")] = 11,
    json: Json = False,
) -> None:
    """Turn a typed table into numbers for analysis, by a codebook that later data can use too.

    Example: careloom encode observations --out observations.parquet --codebook observations.codebook.json
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.errors import Conflict, InputError
    from careloom.services.encode import EncodeAsk, encode_table

    if out.suffix not in (".parquet", ".csv"):
        raise InputError("encode: the file is neither .parquet nor .csv", "Give --out one of these endings.")
    if out.exists():
        raise Conflict("encode: the file of --out is there already", "Name a new file.")
    with opened() as (platform, who):
        book = platform.read_text(codebook) if codebook.exists() else None
        made = encode_table(platform, who, table, EncodeAsk(book, smallest))
    made.frame.write_parquet(out) if out.suffix == ".parquet" else made.frame.write_csv(out)
    if made.is_new:
        codebook.write_text(made.codebook.as_json(), "utf-8")
    told = {"table": made.codebook.table, "rows": made.frame.height, "columns": made.frame.width, "new": made.is_new}
    output.give(
        told,
        as_json=json,
        show=lambda one: output.say(
            f"{one['rows']:,} rows of {one['table']} by {'a new' if one['new'] else 'the same'} codebook."
        ),
    )


def _watch(platform: "Platform", who: "Principal", ask: "IngestAsk", how: tuple[float, Path | None, bool]) -> None:
    """Looks every second until a signal stops it, after the run that is under way; with JSON, a line for each run."""
    import signal
    from datetime import timedelta
    from threading import Event

    from careloom.cli import output, render
    from careloom.services.watch import Watcher

    settle, done, json = how
    watcher = Watcher(platform, who, ask, timedelta(seconds=settle), done)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if not json:
        output.say(f"Watching {len(ask.paths)} folders; stop with Ctrl-C.")
    while not stop.is_set():
        report = watcher.look()
        if report is None:
            stop.wait(1.0)
        elif json:
            output.emit_line(report.as_json())
        else:
            render.scorecard(report)


@quarantine_app.command("list")
def quarantine_list(
    code: Annotated[str, typer.Option(callback=filled, help="Only refusals with this issue code.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: Json = False,
) -> None:
    """List refused records: reason, place, remedy.

    Example: careloom quarantine list --code fhir.required-missing
    """
    from careloom.cli import output, render
    from careloom.cli.session import opened
    from careloom.services.quarantine import list_refused

    with opened() as (platform, who):
        rows = list_refused(platform, who, code=code, limit=limit)
    output.give(rows, as_json=json, show=render.quarantine)


@quarantine_app.command("show")
def quarantine_show(
    record: Annotated[str, typer.Argument(help="Record id, as in the list.")],
    raw: Annotated[bool, typer.Option("--raw", help="Print the record's bytes too: they identify people.")] = False,
    json: Json = False,
) -> None:
    """Show one refused record with all its issues.

    Example: careloom quarantine show 4q2c7lq6m5v3w0f1d2y8z9k7xa --raw
    """
    from careloom.cli import output, render
    from careloom.cli.session import opened
    from careloom.services.quarantine import show_refused

    with opened() as (platform, who):
        entry = show_refused(platform, who, record, raw=raw)
    output.give(entry, as_json=json, show=render.refused)


@quarantine_app.command("redrive")
def quarantine_redrive(
    records: Annotated[list[str] | None, typer.Argument(help="Record ids; none for all.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="A TOML mapping for delimited files of your own.")] = None,
    json: Json = False,
) -> None:
    """Try refused records again, after a mapping or Careloom itself was mended.

    Example: careloom quarantine redrive
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.quarantine import redrive

    with opened() as (platform, who):
        report = redrive(platform, who, tuple(records or ()), mapping)
    if json:
        output.emit_json(report)
    else:
        output.say(
            f"{report['tried']:,} tried: {report['stored']:,} stored, {report['refused']:,} refused again, "
            f"{report['erased']:,} about erased patients."
        )


def demo(
    path: Annotated[
        Path | None, typer.Argument(help="Your own files instead of the bundled simulated hospital.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Train every task of risk, too (15 min).")] = False,
    keep: Annotated[Path | None, typer.Option(help="Keep the data in this folder; else it is removed.")] = None,
) -> None:
    """Run the main job on a simulated hospital and show what came out, in under 8 minutes.

    Example: careloom demo
    """
    from importlib import import_module  # the demo is composed above the command line

    import_module("careloom.demo").run(path, full=full, keep=keep)
