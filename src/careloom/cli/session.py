"""From the environment to an open platform and the person at the keyboard."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from careloom.services.access import Principal
    from careloom.services.platform import Platform


@contextmanager
def opened() -> Iterator[tuple["Platform", "Principal"]]:
    """The platform of this installation, and the local operator as principal.

    raises  SetupError if settings or keys are not usable
    """
    from careloom import logs  # keeps --help fast
    from careloom.services.access import local_operator
    from careloom.services.platform import Platform
    from careloom.settings import load

    settings = load()
    logs.configure(settings.logs.level)
    with Platform(settings) as platform:
        yield platform, local_operator(getpass.getuser())
