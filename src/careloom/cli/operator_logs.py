"""Commands of who keeps an installation running: how everything is, and what its log says."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careloom.cli.options import Json

if TYPE_CHECKING:
    from careloom.services.dependencies import Dependency


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command()(health)
    app.command()(logs)


def health(json: Json = False) -> None:
    """Show how everything is that this installation depends on, each asked now; exit 5 where it cannot work.

    Example: careloom health
    """
    from dataclasses import asdict

    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.errors import SetupError
    from careloom.services import dependencies

    with opened() as (platform, who):
        found = dependencies.health(platform, who)
    state = dependencies.state_of(found)
    told = {"state": state, "dependencies": [asdict(one) for one in found]}
    output.give(told, as_json=json, show=lambda _: _show_health(state, found))
    if state == "failed":
        failed = ", ".join(one.name for one in found if one.state == "failed")
        raise SetupError(f"this installation cannot work: {failed}", "Look at it, and at careloom logs --level error.")


def logs(
    since: Annotated[str, typer.Option(help="From when, with its offset: 2026-11-22T00:00:00Z.")] = "",
    until: Annotated[str, typer.Option(help="Until when.")] = "",
    level: Annotated[str, typer.Option(help="The least: debug, info, warning, error or critical.")] = "debug",
    code: Annotated[str, typer.Option(help="The code of an error or an issue.")] = "",
    request: Annotated[str, typer.Option(help="The X-Request-Id of an answer.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most, the newest.")] = 100,
    json: Json = False,
) -> None:
    """Show what the server and its worker logged, oldest first of the newest lines.

    Example: careloom logs --level warning --since 2026-11-22T00:00:00Z
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.errors import QueryError
    from careloom.services.operator_logs import LEVELS, LogsAsk, lines

    if level not in LEVELS:
        raise QueryError("this is no level of the log", f"It is one of {', '.join(LEVELS)}.")
    found: list[dict[str, Any]] = []
    place: tuple[str, int] | None = None
    with opened() as (platform, who):
        while True:
            ask = LogsAsk(since=_moment(since), until=_moment(until), level=level, code=code, request=request,
                          limit=limit - len(found), place=place)  # fmt: skip
            page, place = lines(platform, who, ask)
            found += page
            if place is None or len(found) >= limit:
                break
    output.give(found[::-1], as_json=json, show=_show_lines)


def _moment(text: str) -> "datetime | None":
    """The moment that a text is, None for none. raises QueryError"""
    from careloom.errors import QueryError

    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
    except ValueError:
        raise QueryError("a time is none", "Write it with its offset, as 2026-11-22T00:00:00Z.") from None
    return moment


def _show_health(state: str, found: "list[Dependency]") -> None:
    from careloom.cli import output

    rows = [
        [one.name, one.state, f"{one.seconds * 1000:,.1f}", one.reason,
         " ".join(f"{name}={value:,.10g}" for name, value in one.numbers.items())]
        for one in found
    ]  # fmt: skip
    output.show_table(f"Health: {state}", ["name", "state", "ms", "reason", "numbers"], rows)


def _show_lines(found: list[dict[str, Any]]) -> None:
    from careloom.cli import output

    for line in found:
        fields = " ".join(f"{name}={value}" for name, value in line["fields"].items())
        told = f"{line['time']} {line['level']} {line['logger']} {line['event']} {fields}".rstrip()
        output.emit_text(f"{output.harmless(told)}\n")
