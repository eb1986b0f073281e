"""From the environment to an open platform and the person at the keyboard."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from careloom.services.access import Principal
    from careloom.services.platform import Platform

ASKED: ContextVar[tuple[str | None, str | None]] = ContextVar("asked", default=(None, None))
"""The purpose of use and the emergency that the options before the command name."""


@contextmanager
def opened() -> Iterator[tuple["Platform", "Principal"]]:
    """The platform of this installation, and the local operator as principal, for the purpose that the options name.

    raises  SetupError if settings or keys are not usable; QueryError for a purpose of use that is none
    """
    from careloom import logs  # keeps --help fast
    from careloom.services.access import local_operator
    from careloom.services.platform import Platform
    from careloom.settings import load

    settings = load()
    logs.configure(settings.logs.level)
    with Platform(settings) as platform:
        yield platform, _for_purpose(platform, local_operator(getpass.getuser()))


def _for_purpose(platform: "Platform", who: "Principal") -> "Principal":
    """The principal with the purpose of use, and under the emergency, that the options before the command name."""
    from careloom.errors import QueryError
    from careloom.services.purposes import NO_PURPOSE, told

    purpose, emergency = ASKED.get()
    if purpose is not None:
        who = replace(who, purpose=told(purpose))
        if who.purpose == NO_PURPOSE:
            raise QueryError("the purpose of use is none", "Name a code of HL7 v3 PurposeOfUse, such as TREAT.")
    if emergency is not None:
        from careloom.services.emergencies import under_emergency

        who = under_emergency(platform, who, emergency)
    return who
