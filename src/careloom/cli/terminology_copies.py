"""Commands that keep loaded code systems safe: ``careloom terminology backup``, ``restore`` and ``check``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careloom.cli.options import Json

if TYPE_CHECKING:
    from careloom.store.terminology_copies import Examined


def register(app: typer.Typer) -> None:
    """Adds the commands to ``careloom terminology``."""
    app.command("backup")(terminology_backup)
    app.command("restore")(terminology_restore)
    app.command("check")(terminology_check)


def terminology_backup(
    file: Annotated[Path, typer.Argument(help="The new file of the backup.")], json: Json = False
) -> None:
    """Copy what was loaded to one file, also while somebody loads or asks.

    Example: careloom terminology backup terminology-2026-11-28.db
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.terminology import back_up

    with opened() as (platform, who):
        found = back_up(platform, who, file)
    output.give(_report(found), as_json=json, show=lambda report: _show(report, "Backed up"))


def terminology_restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    replace: Annotated[bool, typer.Option("--replace", help="Forget loaded releases that the backup lacks.")] = False,
    json: Json = False,
) -> None:
    """Put a backup in place of what was loaded; a running server answers from it at once.

    Example: careloom terminology restore terminology-2026-11-28.db
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.terminology import restore

    with opened() as (platform, who):
        found = restore(platform, who, file, replace=replace)
    output.give(_report(found), as_json=json, show=lambda report: _show(report, "Restored"))


def terminology_check(
    file: Annotated[Path | None, typer.Argument(help="A backup; without it, what is in use.")] = None,
    json: Json = False,
) -> None:
    """Read all of what was loaded, or of a backup; exits 6 if something is wrong with it.

    Example: careloom terminology check terminology-2026-11-28.db
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.terminology import check

    with opened() as (platform, who):
        found = check(platform, who, file)
    output.give(_report(found), as_json=json, show=lambda report: _show(report, "Checked"))
    if not found.is_whole:
        raise typer.Exit(6)


def _report(found: "Examined") -> dict[str, Any]:
    return {
        "consistent": found.is_whole,
        "problems": list(found.problems),
        "releases": [
            {"system": held.system, "version": held.version, "title": held.title, "concepts": held.concepts}
            for held in found.releases
        ],
    }


def _show(report: dict[str, Any], title: str) -> None:
    from careloom.cli import output

    rows = [(each["title"] or each["system"], each["version"], each["concepts"]) for each in report["releases"]]
    output.show_table(title, ("system", "version", "concepts"), rows, empty="nothing was loaded.")
    if report["problems"]:
        output.say(f"Damaged: {', '.join(report['problems'])}. Restore a backup, or load the terminologies again.")
