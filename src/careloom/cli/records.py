"""Commands that look at raw messages and documents as they arrived."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from careloom.cli.options import Json, filled

records_app = typer.Typer(no_args_is_help=True, help="Raw messages and documents, as they arrived.")


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.add_typer(records_app, name="records")


@records_app.command("list")
def records_list(
    control_id: Annotated[
        str,
        typer.Option(
            callback=filled, help="What its sender calls it: MSH-10; of a document's id root^extension, or root."
        ),
    ] = "",
    type: Annotated[  # noqa: A002 - the option's name
        str, typer.Option(callback=filled, help="ADT^A01, ADT for every event, or a document's LOINC code.")
    ] = "",
    since: Annotated[datetime | None, typer.Option(help="Made at this time (UTC) or later.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Made before this time (UTC).")] = None,
    patient: Annotated[
        str, typer.Option(callback=filled, help="Patient/<id>, Careloom's or the source system's own.")
    ] = "",
    source: Annotated[str, typer.Option(callback=filled, help="The system whose own id the patient has.")] = "",
    faulty: Annotated[bool, typer.Option("--faulty", help="Only those whose structure is not their type's.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 50,
    cursor: Annotated[str, typer.Option(help="Where the page before ended: its `next`.")] = "",
    json: Json = False,
) -> None:
    """Find raw records, newest first, without their content.

    Example: careloom records list --type ORU^R01 --since 2024-01-01 --faulty
    """
    from careloom.cli import output, render
    from careloom.cli.session import opened
    from careloom.services.raw_records import RecordsAsk, find_records

    since, until = since and since.replace(tzinfo=UTC), until and until.replace(tzinfo=UTC)
    ask = RecordsAsk(control_id, type, since, until, patient, source, faulty, limit, cursor)
    with opened() as (platform, who):
        page = find_records(platform, who, ask)
    output.give(page, as_json=json, show=render.records)


@records_app.command("show")
def records_show(
    record: Annotated[str, typer.Argument(help="Record id, as in the list.")],
    raw: Annotated[bool, typer.Option("--raw", help="Print the exact bytes instead: they identify people.")] = False,
    json: Json = False,
) -> None:
    """Show one raw record: type, time, place in its file, and what its structure lacks.

    Example: careloom records show 4q2c7lq6m5v3w0f1d2y8z9k7xa --raw > message.hl7
    """
    from careloom.cli import output, render
    from careloom.cli.session import opened
    from careloom.services.raw_records import raw_bytes, show_record

    with opened() as (platform, who):
        if raw:
            sys.stdout.buffer.write(raw_bytes(platform, who, record))
            return
        entry = show_record(platform, who, record)
    output.give(entry, as_json=json, show=render.record)
