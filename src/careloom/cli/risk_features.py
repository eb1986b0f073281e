"""The command that lists features: definition, source, window, unit, what null means, which tasks use them."""

from typing import Annotated, Any

import typer

from careloom.cli.options import Json


def register(app: typer.Typer) -> None:
    """Adds the command to those of risk."""
    app.command("features")(features)


def features(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="One feature, in full; all in short without.")] = "",
    of: Annotated[str, typer.Option("--set", help="A set that ships, or a TOML file of one.")] = "general",
    json: Json = False,
) -> None:
    """List the features of a set: what each is made of, its window and unit, what null means, which tasks use it.

    Example: careloom risk features

    Example: careloom risk features sodium_last

    Example: careloom risk features --set my-features.toml --json
    """
    from careloom.cli import output
    from careloom.errors import NotFound
    from careloom.services.risk_cohorts import features_listed

    listed = features_listed(of)
    found = [one for one in listed if name in ("", one["name"])]
    if not found:
        raise NotFound("there is no such feature", "List those of the set: careloom risk features.")
    output.give(found, as_json=json, show=_show_one if name else _show_all)


def _show_all(told: list[dict[str, Any]]) -> None:
    from careloom.cli import output

    columns = ("name", "meaning", "source", "window", "unit")
    output.show_table("Features", columns, [tuple(one[column] for column in columns) for one in told])


def _show_one(told: list[dict[str, Any]]) -> None:
    from careloom.cli import output

    for one in told:
        output.say(f"{one['name']}: {one['meaning']} ({one['concept']})")
        for what in ("definition", "source", "window", "unit", "null"):
            output.say(f"  {what:<11}{one[what] or 'none'}")
        output.say(f"  {'modifiable':<11}{'yes' if one['modifiable'] else 'no'}")
        output.say(f"  {'tasks':<11}{', '.join(one['tasks']) or 'none that ships'}")
