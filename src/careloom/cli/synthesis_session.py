"""An open platform for commands of synthetic data: what a killed process left behind is ended first, and said."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

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
