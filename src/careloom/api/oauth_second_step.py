"""The page between password and session: a code or a passkey, whichever the person has."""

from flask import Response

from careloom.api import oauth_forms as forms
from careloom.api import oauth_pages as pages
from careloom.api.context import platform
from careloom.services import passkeys
from careloom.store.clients import Client


def second_step(
    client: Client, carried: str, *, target: str, session: str | None = None, problem: str = ""
) -> Response:
    """Asks who is half signed in for the second factor.

    target   the address to which the form may lead on
    session  the cookie of a session that begins with this answer
    problem  why it is asked again
    """
    account = platform().accounts.find(client.id)
    has_codes = account is None or bool(account.second_factor or account.recovery)
    asked = passkeys.asks_to_use(platform(), client, forms.cookie(forms.SESSION) if session is None else session)
    hidden = forms.hidden(carried, session)
    page = pages.second_factor(hidden, passkey=asked, has_codes=has_codes, problem=problem)
    return forms.shown(page, 403 if problem else 200, target=target, session=session, runs=bool(asked))
