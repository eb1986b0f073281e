"""``careloom models card-texts``, ``card-evaluation``, ``card-check``: what an installation adds to model cards."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from careloom.cli.options import Json

if TYPE_CHECKING:
    from careloom.services.model_card_files import Checked

Out = Annotated[Path | None, typer.Option(dir_okay=False, help="A new file, in place of standard output.")]


def register(models_app: typer.Typer) -> None:
    """Adds the commands to ``careloom models``."""
    models_app.command("card-texts")(texts)
    models_app.command("card-evaluation")(evaluation)
    models_app.command("card-check")(check)


def texts(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A task that ships, or the name of a model.")],
    out: Out = None,
) -> None:
    """Write what the cards of a model say that people answer for, to be edited: every section, with what is said now.

    Example: careloom models card-texts readmission-30d --out /etc/careloom/cards/readmission-30d.toml
    """
    from careloom.mlops.card_texts import template
    from careloom.mlops.manifest import require_name
    from careloom.runtime import Runtime
    from careloom.services.model_card_files import said_now
    from careloom.settings import load

    require_name(name)
    said = said_now(load().models.cards, name)
    _written(template(name, said, Runtime().now().date()), out)


def evaluation(
    version: Annotated[str, typer.Argument(help="NAME@3, NAME@champion or NAME.")],
    kind: Annotated[
        Literal["external", "local"], typer.Option(help="On data of another source, or of the place of use.")
    ] = "external",
    out: Out = None,
) -> None:
    """Write the file in which you say how a version did on other data, to be filled in: JSON with its digest.

    Example: careloom models card-evaluation readmission-30d@3 --out /etc/careloom/cards/readmission-30d@3.external.json
    """
    import orjson

    from careloom.cli import output, session
    from careloom.services.model_card_ask import evaluation_template

    with session.opened() as (platform, who):
        name, told = evaluation_template(platform, who, version)
    _written(orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode(), out)
    if out is not None and out.name != f"{name}.{kind}.json":
        output.say(f"It is read by the name {name}.{kind}.json, in the folder of models.cards.")


def check(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Files of texts or evaluations; all of models.cards without.")
    ] = None,
    json: Json = False,
) -> None:
    """Check files of texts and evaluations: the first thing wrong in each, and what to do; exit 7 if there is one.

    Example: careloom models card-check /etc/careloom/cards/readmission-30d.toml
    """
    from careloom.cli import output, session
    from careloom.cli.options import FALLS_SHORT
    from careloom.services.model_card_ask import check_files

    with session.opened() as (platform, who):
        found = check_files(platform, who, files or None)
    output.give([one.as_json() for one in found], as_json=json, show=lambda _: _show(found))
    if any(one.where for one in found):
        raise typer.Exit(FALLS_SHORT)


def _written(text: str, out: Path | None) -> None:
    from careloom.cli import output
    from careloom.errors import Conflict

    if out is None:
        output.emit_text(text)
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Conflict(f"{out.name} is there already", "Name another file, or move that one away.") from None
    output.say(f"Written to {out}. Fill it in, then: careloom models card-check {out}")


def _show(found: "list[Checked]") -> None:
    from careloom.cli import output

    rows = [(one.file, one.what, len(one.holds), one.where or "as it has to be", one.remedy) for one in found]
    output.show_table("Files of model cards", ("file", "what", "holds", "found", "what to do"), rows)
