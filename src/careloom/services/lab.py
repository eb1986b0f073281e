"""Who acts in a notebook that this installation opened: a client for some hours, which sees no identified patient."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from careloom.errors import NotFound, QueryError
from careloom.services.access import Principal, Zone
from careloom.services.clients import NAME_TEXT, ClientAsk, disable_client, register_client
from careloom.services.platform import Platform

ROLE = "data-scientist"
ZONES: tuple[Zone, ...] = ("research", "synthetic")
HOURS_AT_MOST = 24


@dataclass(frozen=True, slots=True)
class Lab:
    """What a notebook signs in with: a client of the registry, until `expires` or `close_lab`.

    base_url  the platform's public address
    """

    base_url: str
    client_id: str
    secret: str = field(repr=False)
    expires: datetime


def open_lab(platform: Platform, who: Principal, hours: int = 8) -> Lab:
    """Registers a client that may do what a data scientist may, in the research and the synthetic zone alone.

    It is in the audit chain as ``lab-`` with the name of who opened it: that it was registered, whatever it does, and
    that it was stopped. raises AccessError; QueryError for hours that are none
    """
    if not 1 <= hours <= HOURS_AT_MOST:
        raise QueryError("a notebook is not let in for so long", f"Ask for 1 to {HOURS_AT_MOST} hours.")
    own = "".join(letter for letter in who.name if NAME_TEXT.fullmatch("a" + letter))[:32]
    name = f"lab-{own or 'somebody'}-{platform.runtime.random_bytes(4).hex()}"
    expires = platform.runtime.now() + timedelta(hours=hours)
    made = register_client(platform, who, ClientAsk(name, (ROLE,), ZONES, expires=expires))
    return Lab(platform.settings.base_url, made.client.id, made.secret, expires)


def close_lab(platform: Platform, who: Principal, lab: Lab) -> None:
    """Stops the client; tokens that it has are worth nothing from now on. Nothing where somebody removed it."""
    try:
        disable_client(platform, who, lab.client_id)
    except NotFound:
        return
