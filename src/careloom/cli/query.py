"""Commands that look: search, verify."""

from pathlib import Path
from typing import Annotated

import typer

from careloom.cli.options import Json

Zone = Annotated[str, typer.Option(help="identified, research or synthetic.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command()(search)
    app.command()(verify)


def search(
    query: Annotated[str, typer.Argument(help="A FHIR search, e.g. 'Observation?code=8480-6&date=ge2024'.")],
    zone: Zone = "identified",
    source: Annotated[str, typer.Option(help="The system whose own ids the query may use.")] = "",
    cursor: Annotated[str, typer.Option(help="Where the page before ended: its `next`.")] = "",
    json: Json = False,
) -> None:
    """Find resources by FHIR search; ids may be Careloom's or the source system's own.

    Example: careloom search 'Observation?patient=Patient/123&code=8480-6&date=ge2024&_sort=-_lastUpdated'
    """
    from careloom.cli import output, render
    from careloom.cli.session import opened
    from careloom.services.search import search as run

    with opened() as (platform, who):
        page = run(platform, who, zone, query, source=source, cursor=cursor)
    output.give(render.searchset(page), as_json=json, show=render.bundle)


def verify(
    fact: Annotated[
        str,
        typer.Argument(
            help="A stored resource, such as Observation/4q2c7lq6m5v3w0f1d2y8z9k7xa, or a certificate of erasure."
        ),
    ],
    zone: Zone = "identified",
    key: Annotated[
        str, typer.Option(metavar="HEX", help="Of a certificate: the public key; then no installation is needed.")
    ] = "",
    json: Json = False,
) -> None:
    """Prove that a fact stands on the source bytes that its Provenance names, or that a certificate holds.

    Example: careloom verify Observation/4q2c7lq6m5v3w0f1d2y8z9k7xa

    Example: careloom verify careloom-data/erasures/20261129T120000Z-abcdef.json
    """
    if fact.endswith(".json"):
        from careloom.cli.erasure import verify_certificate

        verify_certificate(Path(fact), key, json)
        return
    from careloom.cli import output, render
    from careloom.cli.session import opened
    from careloom.services.verify import verify as run

    with opened() as (platform, who):
        report = run(platform, who, zone, fact)
    output.give(report, as_json=json, show=render.proof)
