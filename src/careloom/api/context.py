"""What a request needs to know: the installation it belongs to and who makes it."""

from flask import current_app, g

from careloom.errors import Unauthenticated
from careloom.services.access import Principal
from careloom.services.platform import Platform

EXTENSION = "careloom"


def platform() -> Platform:
    """The installation that serves this request."""
    found: Platform = current_app.extensions[EXTENSION]
    return found


def who() -> Principal:
    """The principal that the gate found behind this request's credential.

    raises  Unauthenticated on a route that the gate lets anybody reach
    """
    found: Principal | None = g.get("principal")
    if found is None:
        raise Unauthenticated("this request carries no credential", "Send a bearer token.")
    return found


def request_id() -> str:
    """The id of this request, as the answer, the log and the audit chain carry it."""
    found: str = g.request_id
    return found


def base_url() -> str:
    """What clients call this installation, without a slash at its end; never what a Host header says."""
    return platform().settings.base_url
