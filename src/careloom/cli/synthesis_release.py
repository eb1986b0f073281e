"""Commands of the release gate: release, verify, list, show, certificate, withdraw, discard."""

from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from careloom.cli.options import Json
from careloom.cli.synthesis_options import PolicyName, Reason, release_ask, write_file


def register(synthesize_app: typer.Typer) -> None:
    """Adds the commands to ``careloom synthesize``."""
    synthesize_app.command("release")(release)
    synthesize_app.command("verify")(verify)
    synthesize_app.command("list")(list_)
    synthesize_app.command("show")(show)
    synthesize_app.command("certificate")(certificate)
    synthesize_app.command("withdraw")(withdraw)
    synthesize_app.command("discard")(discard)


def release(
    sample: Annotated[str, typer.Argument(help="A sample that was judged.")],
    table: Annotated[str, typer.Argument(help="What it is called in the synthetic zone's lake: gold/TABLE.")],
    policy: PolicyName = "strict",
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Let rows out by a policy, with a certificate, or refuse them; exit 4 if they stay in.

    Example: careloom synthesize release 20261130T090100Z-abcdef patients_synthetic
    """
    from careloom.cli import output, render_synthesis
    from careloom.cli.synthesis_session import opened
    from careloom.services.synthesize_release import release as run

    with opened() as (platform, who):
        made = run(platform, who, release_ask(platform, sample, table, policy, reason))
    output.give(made, as_json=json, show=render_synthesis.release)


def verify(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A certificate: its JSON.")],
    rows: Annotated[
        Path | None,
        typer.Option(exists=True, help="Rows to check it against: .csv, .parquet, .ndjson, a Delta folder."),
    ] = None,
    key: Annotated[str, typer.Option(help="Public key in hex: checks without this installation.")] = "",
    json: Json = False,
) -> None:
    """Check a certificate: signature, verdict, rows, and here the ledger and the measures; exit 6 if one fails.

    Example: careloom synthesize verify certificate.json --rows patients.parquet --key 3f2a...
    """
    from careloom.cli import output, render_synthesis
    from careloom.cli.audit_proofs import public_key
    from careloom.cli.synthesis_session import opened
    from careloom.services.synthesize_certificate import check_by
    from careloom.services.synthesize_verify import read_rows_of
    from careloom.services.synthesize_verify import verify as run

    content = file.read_bytes()
    frames = None if rows is None else [read_rows_of(rows)]
    if key:
        found = check_by(content, public_key(key), frames)
        found["whole"] = found["signed"] and found["verdict"] and found["rows"] is not False
    else:
        with opened() as (platform, who):
            found = run(platform, who, content)
            if frames is not None:
                found["rows"] = check_by(content, platform.keys.public_key(), frames)["rows"]
                found["whole"] = found["whole"] and found["rows"]
    output.give(found, as_json=json, show=render_synthesis.verified)
    if not found["whole"]:
        raise typer.Exit(6)


def list_(
    releases: Annotated[bool, typer.Option("--releases", help="What was let out.")] = False,
    samples: Annotated[bool, typer.Option("--samples", help="What was drawn.")] = False,
    json: Json = False,
) -> None:
    """List models, or samples, or releases, newest first.

    Example: careloom synthesize list --releases
    """
    from careloom.cli import output, render_synthesis
    from careloom.cli.synthesis_session import opened
    from careloom.services import synthesize_shown
    from careloom.services.synthesize_release import released

    with opened() as (platform, who):
        if releases:
            output.give(released(platform, who), as_json=json, show=render_synthesis.releases)
        elif samples:
            output.give(synthesize_shown.samples(platform, who), as_json=json, show=render_synthesis.samples)
        else:
            output.give(synthesize_shown.models(platform, who), as_json=json, show=render_synthesis.models)


def show(
    name: Annotated[str, typer.Argument(help="A model or a sample.")],
    json: Json = False,
) -> None:
    """Show a model with what it learnt from, or a sample with all that was measured of it.

    Example: careloom synthesize show 20261130T090100Z-abcdef
    """
    from careloom.cli import output, render_synthesis
    from careloom.cli.synthesis_session import opened
    from careloom.services.synthesize_shown import show as run

    with opened() as (platform, who):
        found = run(platform, who, name)
    output.give(found, as_json=json, show=render_synthesis.model if "sample" not in found else render_synthesis.judged)


def certificate(
    name: Annotated[str, typer.Argument(help="A certificate, as release and list --releases tell it.")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="The file to write: .json, .pdf or .html.")],
) -> None:
    """Write a certificate to a file: JSON to be checked, PDF or HTML to be read.

    Example: careloom synthesize certificate patients_synthetic-20261130T090200Z-abcdef --out certificate.pdf
    """
    from careloom.cli import output
    from careloom.cli.synthesis_session import opened
    from careloom.errors import QueryError
    from careloom.services.synthesize_release import certificate_of

    ending = out.suffix.lower().removeprefix(".")
    if ending not in ("json", "pdf", "html"):
        raise QueryError("a certificate has no such format", "Name a file .json, .pdf or .html.")
    with opened() as (platform, who):
        content = certificate_of(platform, who, name, cast('Literal["json", "pdf", "html"]', ending))
    write_file(out, content)
    output.say(f"{out}: {len(content):,} bytes")


def withdraw(
    release: Annotated[str, typer.Argument(help="A release, as list --releases tells it.")],
    json: Json = False,
) -> None:
    """Take a release back: its table goes, its certificate stays and tells that it is over.

    Example: careloom synthesize withdraw 20261130T090100Z-abcdef
    """
    from careloom.cli import output
    from careloom.cli.synthesis_session import opened
    from careloom.services.synthesize_release import withdraw as run

    with opened() as (platform, who):
        done = run(platform, who, release)
    output.give(done, as_json=json, show=lambda one: output.say(f"{one['table']} is withdrawn."))


def discard(
    name: Annotated[str, typer.Argument(help="A model, with all that was drawn of it and not let out, or a sample.")],
    json: Json = False,
) -> None:
    """Remove the files of a model or the rows of a sample; what was spent and said of it stays.

    Example: careloom synthesize discard 20261130T090000Z-abcdef
    """
    from careloom.cli import output
    from careloom.cli.synthesis_session import opened
    from careloom.services.synthesize_discard import discard as run

    with opened() as (platform, who):
        done = run(platform, who, name)
    output.give(done, as_json=json, show=lambda _: output.say(f"{name} is discarded."))
