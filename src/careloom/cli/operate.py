"""Commands that keep the place running: store, jobs, worker, serve."""

from pathlib import Path
from typing import Annotated

import typer

from careloom.cli import backups, operator_logs
from careloom.cli.options import Json

store_app = typer.Typer(no_args_is_help=True, help="The stores themselves.")
jobs_app = typer.Typer(no_args_is_help=True, help="Long work: what runs, what ran, what failed.")


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    backups.register(store_app)
    app.add_typer(store_app, name="store")
    app.add_typer(jobs_app, name="jobs")
    operator_logs.register(app)
    app.command()(worker)
    app.command()(serve)
    app.command()(mllp)


@store_app.command("migrate")
def store_migrate(json: Json = False) -> None:
    """Bring the databases of all zones to this version's schema.

    Example: careloom store migrate
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.operate import migrate

    with opened() as (platform, who):
        report = migrate(platform, who)
    if json:
        output.emit_json(report)
    else:
        for zone, done in report.items():
            output.say(f"{zone}: {done}")


@store_app.command("rotate-keys")
def store_rotate_keys(json: Json = False) -> None:
    """Make a new key-encryption key and wrap every patient's key under it; old keys stay for old backups.

    Example: careloom store rotate-keys
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.operate import rotate_keys

    with opened() as (platform, who):
        report = rotate_keys(platform, who)
    output.give(report, as_json=json, show=lambda done: output.say(f"{done['wrapped']:,} keys now under {done['kek']}"))


@store_app.command("check")
def store_check(
    zone: Annotated[str, typer.Option(help="identified, research or synthetic.")] = "identified", json: Json = False
) -> None:
    """Unseal everything of a zone, compare it with its index, and print its canonical content hash.

    Example: careloom store check --zone research
    """
    from careloom.cli import output, render
    from careloom.cli.session import opened
    from careloom.services.operate import check

    with opened() as (platform, who):
        report = check(platform, who, zone)
    output.give(report, as_json=json, show=render.checked)
    if not report["consistent"]:
        raise typer.Exit(6)


@jobs_app.command("list")
def jobs_list(
    kind: Annotated[str, typer.Option(help="Only jobs of this kind, such as ingest.")] = "",
    state: Annotated[str, typer.Option(help="Only those waiting, running, done, failed or cancelled.")] = "",
    actor: Annotated[str, typer.Option(help="Only jobs that they asked for.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    json: Json = False,
) -> None:
    """List jobs, newest first.

    Example: careloom jobs list --state failed
    """
    from careloom.cli import output, render
    from careloom.cli.session import opened
    from careloom.services.jobs import list_jobs
    from careloom.store.jobs import JobFilter

    with opened() as (platform, who):
        jobs = list_jobs(platform, who, JobFilter(kind, state, actor), limit)
    output.give(jobs, as_json=json, show=render.jobs)


@jobs_app.command("show")
def jobs_show(job: Annotated[str, typer.Argument(help="Job id.")], json: Json = False) -> None:
    """Show one job with its progress and log.

    Example: careloom jobs show 01j9
    """
    from careloom.cli import output, render
    from careloom.cli.session import opened
    from careloom.services.jobs import show_job

    with opened() as (platform, who):
        entry = show_job(platform, who, job)
    output.give(entry, as_json=json, show=render.job)


@jobs_app.command("watch")
def jobs_watch(job: Annotated[str, typer.Argument(help="Job id.")], json: Json = False) -> None:
    """Follow one job until it has ended; exit code 4 where it failed or was cancelled.

    Example: careloom jobs watch 01j9
    """
    from time import sleep

    from careloom.cli import output, render
    from careloom.cli.session import opened
    from careloom.services.jobs_shown import watch

    def pause() -> bool:
        sleep(0.5)
        return True

    last = None
    with opened() as (platform, who):
        for event in watch(platform, who, job, "").events(pause):
            if event is not None:
                last = event
                show = output.emit_line if json else render.job_event
                show({"event": event[0], **event[2]})
    if last is not None and last[2]["state"] != "done":
        raise typer.Exit(4)


@jobs_app.command("cancel")
def jobs_cancel(job: Annotated[str, typer.Argument(help="Job id.")]) -> None:
    """Cancel a job: at once if it waits, at its next batch if it runs.

    Example: careloom jobs cancel 01j9
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.jobs import cancel_job

    with opened() as (platform, who):
        state = cancel_job(platform, who, job)
    output.say(f"Job {job}: {state}")


@jobs_app.command("restart")
def jobs_restart(job: Annotated[str, typer.Argument(help="Job id.")]) -> None:
    """Queue a failed or cancelled job again; it goes on after what it had committed.

    Example: careloom jobs restart 01j9
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.jobs import restart_job

    with opened() as (platform, who):
        state = restart_job(platform, who, job)
    output.say(f"Job {job}: {state}")


def worker(
    once: Annotated[bool, typer.Option("--once", help="Work off what waits, then end.")] = False,
) -> None:
    """Run queued jobs until stopped.

    Example: careloom worker
    """
    from importlib import import_module  # the worker is composed above the command line

    import_module("careloom.worker").run(once=once)


def mllp(
    host: Annotated[str, typer.Option(help="Where to listen; this machine alone by default.")] = "",
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="The port.")] = None,
    source: Annotated[
        str, typer.Option(help="Name of the sending system; the same id from it is the same thing.")
    ] = "",
    certificate: Annotated[Path | None, typer.Option(help="PEM file of the certificate, for TLS.")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of its key.")] = None,
    client_ca: Annotated[Path | None, typer.Option(help="PEM file of the authorities that let senders in.")] = None,
    senders: Annotated[str, typer.Option(help="Networks that may connect, such as 10.1.2.0/24.")] = "",
) -> None:
    """Listen for HL7 v2 messages over MLLP; each is acknowledged once it is durable.

    Example: careloom mllp --host 10.1.2.3 --senders 10.1.2.0/24 --source main-hospital
    """
    from importlib import import_module  # the listener is a face beside the command line

    from careloom import logs
    from careloom.cli import output
    from careloom.settings import load

    settings = load()
    given = {
        "host": host, "port": port, "certificate": certificate, "key": key, "client_ca": client_ca, "senders": senders,
    }  # fmt: skip
    told = {name: value for name, value in given.items() if value not in (None, "")}
    settings = settings.model_copy(update={"mllp": settings.mllp.model_copy(update=told)})
    logs.configure(settings.logs.level)

    def ready(opened: int) -> None:
        over = "TLS" if settings.mllp.certificate else "plain TCP"
        output.say(f"Listening on {settings.mllp.host}:{opened} over {over}; stop with Ctrl-C.")

    totals = import_module("careloom.mllp").run(settings, source, ready=ready)
    output.say(f"{totals.received:,} messages are kept, {totals.refused:,} of them in quarantine.")


def serve(
    host: Annotated[str, typer.Option(help="Where to listen; this machine alone by default.")] = "",
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="The port.")] = None,
    url: Annotated[str, typer.Option(help="What clients call this server, if that is another address.")] = "",
    certificate: Annotated[Path | None, typer.Option(help="PEM file of the certificate, for TLS.")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of its key.")] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="Worker processes.")] = None,
) -> None:
    """Serve the REST API, the dashboard and the job worker until stopped.

    Example: careloom serve --port 8443 --certificate tls.crt --key tls.key
    """
    from importlib import import_module  # the server is composed above the command line

    from careloom import logs
    from careloom.cli import output
    from careloom.settings import load

    settings = load()
    given = {
        "host": host, "port": port, "public_url": url, "certificate": certificate, "key": key, "processes": processes,
    }  # fmt: skip
    told = {name: value for name, value in given.items() if value not in (None, "")}
    settings = settings.model_copy(update={"api": settings.api.model_copy(update=told)})
    logs.configure(settings.logs.level)

    def ready() -> None:
        output.say(f"Serving {settings.base_url}/dashboard/ and {settings.base_url}/fhir/; stop with Ctrl-C.")

    import_module("careloom.serve").run(settings, ready=ready)
