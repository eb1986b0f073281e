"""``careloom models card``: the card of a version, made anew, as a table, JSON, a page or CHAI's XML."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from careloom.cli.options import Json

if TYPE_CHECKING:
    from careloom.mlops.card import Card

Format = Literal["text", "json", "html", "xml"]


def register(models_app: typer.Typer) -> None:
    """Adds the command to ``careloom models``."""
    models_app.command("card")(card)


def card(
    version: Annotated[str, typer.Argument(help="NAME@3, NAME@champion or NAME.")],
    format_: Annotated[Format, typer.Option("--format", help="text, json, html, or xml of CHAI's schema.")] = "text",
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, writable=True, help="A file, in place of standard output.")
    ] = None,
    json: Json = False,
) -> None:
    """Make the model card of a version and keep it: what is asked for, what is out of date; exit 7 if it is stale.

    Example: careloom models card readmission-30d@3 --format html --out card.html
    """
    from careloom.cli import output, session
    from careloom.cli.options import FALLS_SHORT
    from careloom.errors import QueryError
    from careloom.services.model_card import make_card

    if out is not None and not json and format_ == "text":
        raise QueryError("--out of a card as text", "Say --format json, html or xml.")
    with session.opened() as (platform, who):
        made = make_card(platform, who, version)
    content = _content(made, "json" if json else format_)
    if out is not None:
        out.write_bytes(content)
        output.say(f"{made.told} Written to {out}.")
    elif content:
        output.emit_text(content.decode())
    else:
        _show(made)
    if any(one.is_computable for one in made.stale):
        raise typer.Exit(FALLS_SHORT)


def _content(made: "Card", format_: Format) -> bytes:
    """The card as a document; empty for text."""
    import orjson

    if format_ == "json":
        return orjson.dumps(made.as_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if format_ == "html":
        from careloom.mlops.card_html import as_html

        return as_html(made).encode()
    if format_ == "xml":
        from careloom.mlops.card_chai import as_xml

        return as_xml(made)
    return b""


def _show(made: "Card") -> None:
    from careloom.cli.output import say, show_table
    from careloom.mlops.card_attributes import notice

    rows = [(one.number, one.title, one.text or "none", one.state, one.source) for one in made.answers]
    show_table(f"Model card of {made.name}@{made.version}", ("no.", "attribute", "value", "state", "from"), rows)
    say(made.told)
    stale = [(one.number, made.of(one.id).title, one.why, "yes" if one.is_computable else "no") for one in made.stale]
    if stale:
        show_table("Out of date", ("no.", "attribute", "why", "keeps from promotion"), stale)
    say(notice())
