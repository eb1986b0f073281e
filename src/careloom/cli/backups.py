"""Commands of backups: make one, list them, check one, restore one."""

from pathlib import Path
from typing import Annotated

import typer

from careloom.cli.options import Json

Folder = Annotated[Path, typer.Argument(help="The folder of a backup, which holds manifest.json.", metavar="FOLDER")]


def register(store_app: typer.Typer) -> None:
    """Adds the commands to ``careloom store``."""
    store_app.command("backup")(backup)
    store_app.command("backups")(backups)
    store_app.command("restore")(restore)


def backup(
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for backups, best on another disk; else below the data directory."),
    ] = None,
    json: Json = False,
) -> None:
    """Back up every zone while others work. No key is in a backup: back the folder of the keys up apart.

    Example: careloom store backup --out /mnt/backups
    """
    from careloom.cli import output, render_erasure
    from careloom.cli.session import opened
    from careloom.services.backups import back_up

    with opened() as (platform, who):
        report = back_up(platform, who, out)
    output.give(report, as_json=json, show=render_erasure.backed_up)


def backups(json: Json = False) -> None:
    """List the backups that were made, newest first.

    Example: careloom store backups
    """
    from careloom.cli import output, render_erasure
    from careloom.cli.session import opened
    from careloom.services.backups import listed

    with opened() as (platform, who):
        rows = listed(platform, who)
    output.give(rows, as_json=json, show=render_erasure.backups)


def restore(
    folder: Folder,
    over: Annotated[
        bool, typer.Option("--over", help="What came after the backup is lost, but for erasures, audit, holds, rules.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Restore nothing: check digests, signature and keys.")] = False,
    json: Json = False,
) -> None:
    """Put a backup in place of the databases, without whoever was erased since. Stop server and worker first.

    Example: careloom store restore /mnt/backups/20261129T120000Z-abcdef --over
    """
    from careloom.cli import output, render_erasure
    from careloom.cli.session import opened
    from careloom.services import restore as service

    with opened() as (platform, who):
        if check:
            report = service.check(platform, who, folder)
            output.give(report, as_json=json, show=render_erasure.checked_backup)
            return
        report = service.restore(platform, who, folder, over=over)
    output.give(report, as_json=json, show=render_erasure.restored)
