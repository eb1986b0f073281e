"""An open platform for commands of synthetic data: what a killed process left behind is ended first, and said."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from careloom.services.access import Principal
    from careloom.services.platform import Platform


@contextmanager
def opened() -> Iterator[tuple["Platform", "Principal"]]:
    """As `careloom.cli.session.opened`. raises what that raises"""
    from careloom.cli import session
    from careloom.services.synthesize_mend import mend

    with session.opened() as (platform, who):
        for one in mend(platform):
            text = f"{one['kind']} {one['name']}: its process ended; it was {one['was']} and is {one['state']} now."
            sys.stderr.write(f"careloom: {text}\n")  # what goes to the other stream may be JSON
        yield platform, who


def watched(
    run: Callable[..., Any], ask: object, doing: tuple[str, str], show: Callable[[Any], None], *, as_json: bool
) -> None:
    """Does what takes long, shows how far it is, and gives what comes out.

    run    a service: (platform, principal, ask, what is told how far it is)
    doing  in a word, and what is counted
    """
    from careloom.cli import output

    with opened() as (platform, who), output.progress(doing[0], quiet=as_json, unit=doing[1]) as watch:
        made = run(platform, who, ask, watch)
    output.give(made, as_json=as_json, show=show)
