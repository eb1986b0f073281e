"""Calls of pages to the API, as the person who is signed in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import abort, make_response

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer, Credential
from careloom.dashboard import session
from careloom.errors import AccessError, CareloomError, Unauthenticated

ApiOf = Callable[[Credential], Careloom]
"""Makes a client of the API for whoever has this credential."""


@contextmanager
def signed_in(api_of: ApiOf) -> Iterator[Careloom]:
    """The API as the person of this request.

    A token that the API no longer takes ends the session: the browser gets 401, and the page's script leads to the
    sign-in page.
    """
    try:
        with api_of(Bearer(session.person().token)) as api:
            yield api
    except Unauthenticated:
        session.end()
        abort(make_response({"title": "the session is over", "status": 401, "code": Unauthenticated.code}, 401))


@contextmanager
def acting(api_of: ApiOf) -> Iterator[Careloom]:
    """The same for an address that no page draws: what the API refuses is 403, what is not there 404."""
    try:
        with signed_in(api_of) as api:
            yield api
    except AccessError:
        abort(403)
    except CareloomError:
        abort(404)
