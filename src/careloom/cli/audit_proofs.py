"""Commands of the audit chain's proofs: checkpoint, prove, check."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from careloom.cli.options import Json


def register(audit_app: typer.Typer) -> None:
    """Adds the commands to ``careloom audit``."""
    audit_app.command("checkpoint")(checkpoint)
    audit_app.command("prove")(prove)
    audit_app.command("check")(check)


def checkpoint(
    out: Annotated[
        Path, typer.Argument(help="A folder, best one that others keep.", metavar="FOLDER", file_okay=False)
    ],
    json: Json = False,
) -> None:
    """Write a signed checkpoint of each audit chain: who keeps it finds out whatever is changed up to there.

    Example: careloom audit checkpoint /mnt/auditor/
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.audit_proofs import checkpoints

    with opened() as (platform, who):
        made = checkpoints(platform, who)
        key = platform.store("identified").keys.provider.public_key().hex()
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for one in made:
        stamp = "".join(filter(str.isdigit, one["time"]))[:14]
        files.append(out / f"{one['zone']}-{one['size']}-{stamp}.json")
        files[-1].write_bytes(orjson.dumps(one, option=orjson.OPT_INDENT_2))
    told = {"public_key": key, "files": [str(file) for file in files], "checkpoints": made}
    output.give(told, as_json=json, show=_written)


def _written(told: dict[str, Any]) -> None:
    from careloom.cli import output

    for file, one in zip(told["files"], told["checkpoints"], strict=True):
        output.say(f"{file}: events 1 to {one['size']} of {one['zone']}")
    output.say(f"Public key, to check them by: {told['public_key']}")


def prove(
    event: Annotated[str, typer.Argument(help="The event's id or number, as audit report shows it.")],
    zone: Annotated[str, typer.Option(help="identified, research or synthetic.")] = "identified",
    against: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A checkpoint that was kept; else a new one.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A file for the proof; else it is printed.", dir_okay=False)] = None,
) -> None:
    """Prove that one event is in the chain: a file that anybody can check without seeing another event.

    Example: careloom audit prove audit-17 --out proof.json
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.audit_proofs import prove as run

    with opened() as (platform, who):
        proof = run(platform, who, zone, event, against.read_bytes() if against else b"")
    if out is None:
        output.give(proof, as_json=True, show=lambda _: None)
        return
    out.write_bytes(orjson.dumps(proof, option=orjson.OPT_INDENT_2))
    output.say(f"{out}: event {proof['row']['seq']} among {proof['checkpoint']['size']} of {zone}")


def check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A checkpoint or a proof.")],
    key: Annotated[str, typer.Option(metavar="HEX", help="The public key; then no installation is needed.")] = "",
    json: Json = False,
) -> None:
    """Check a checkpoint or a proof, and here also that the chain still begins with what it covers; exit 6 if not.

    Example: careloom audit check /mnt/auditor/identified-4711-20261129060000.json
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.audit_proofs import check_by, check_here

    if key:
        found = check_by(file.read_bytes(), public_key(key))
    else:
        with opened() as (platform, who):
            found = check_here(platform, who, file.read_bytes())
    output.give(found, as_json=json, show=_checked)
    if not (found["signed"] and found.get("held", True)):
        raise typer.Exit(6)


def public_key(text: str) -> bytes:
    """The public key that 64 hex digits write. raises QueryError"""
    from careloom.errors import QueryError

    try:
        public = bytes.fromhex(text)
    except ValueError:
        public = b""
    if len(public) != 32:
        raise QueryError("the key is no public key", "Give 64 hex digits, as careloom audit checkpoint prints them.")
    return public


def _checked(found: dict[str, Any]) -> None:
    from careloom.cli import output

    what = f"The {found['kind']} of {found['zone']}, events 1 to {found['size']}, of {found['time']}"
    if not found["signed"]:
        output.say(f"{what}: NOT as it was signed.")
    elif not found.get("held", True):
        output.say(f"{what}: signed, but the chain here does NOT begin with them any more.")
    else:
        output.say(f"{what}: as it was signed{', and the chain here holds them' if 'held' in found else ''}.")
    if "event" in found:
        event = found["event"]
        output.say(f"The event: {event['time']} {event['actor']} {event['operation']} {event['outcome']}")
