"""Routes of passkeys: the second step by one, and the page on which people add and remove their own."""

from flask import Response, request
from flask_openapi3 import APIBlueprint

from careloom.api import oauth_forms as forms
from careloom.api import oauth_pages as pages
from careloom.api.context import platform, request_id
from careloom.api.oauth_authorize import TAG, coming_from, refused, route, too_late, whole
from careloom.api.oauth_form_schemas import form_of
from careloom.api.oauth_second_step import second_step
from careloom.api.pace_address import address
from careloom.errors import CareloomError, Conflict, QueryError, StateError, Unauthenticated
from careloom.runtime import packaged
from careloom.services import browsers
from careloom.services import passkeys as service
from careloom.store.passkeys import Passkey

passkeys = APIBlueprint("passkeys", __name__, abp_tags=[TAG])
passkeys.register_error_handler(CareloomError, refused)
PACED = ("passkeys.used", "passkeys.added")
"""Endpoints where somebody may guess."""
_PAGE = "/oauth2/passkeys"
_JAVASCRIPT = {"text/javascript": {"schema": {"type": "string"}, "example": '"use strict";'}}
_NONE_HERE = "Browsers take passkeys under https and a host name alone: an administrator sets api.public_url."


@passkeys.get(
    pages.SCRIPT,
    summary="The script of the pages that ask for a passkey",
    operation_id="passkey_script",
    security=[],
    responses={200: {"description": "JavaScript.", "content": _JAVASCRIPT}},
)
def script() -> Response:
    """The one script of these pages: it hands the browser what the page asks for, and the page the answer."""
    headers = {"Cache-Control": "public, max-age=300"}
    return Response(packaged("api", "passkey.js"), content_type="text/javascript; charset=utf-8", headers=headers)


@passkeys.post("/oauth2/passkey", **route("A passkey", "passkey", openapi_extensions=form_of("passkey")))
def used() -> Response:
    """The second step by a passkey; then the person is signed in in this browser. Audited, refused or not."""
    forms.check_form()
    carried, half = request.form.get("request", ""), forms.person(is_whole=False)
    _, target = coming_from(carried)
    if half is None:
        return too_late(carried)
    client, browser = half
    session = service.Session(client, browser, forms.cookie(forms.SESSION), request_id())
    try:
        service.check(platform(), forms.knock(client.name, address()), session, request.form.get("answer", ""))
    except (Unauthenticated, StateError) as error:
        return second_step(client, carried, target=target, problem=f"{error.where}. {error.remedy}")
    return whole(client, browsers.Came(f"{browser.ways} pop mfa".strip(), browser.provider, browser.hint), carried)


@passkeys.get(_PAGE, **route("One's own passkeys", "passkeys"))
def listed() -> Response:
    """The passkeys of who is signed in; who signed in just now may add and remove some."""
    session = _session()
    return _sign_in() if session is None else _page(session)


@passkeys.post(_PAGE, **route("Add a passkey", "add_passkey", openapi_extensions=form_of("add_passkey")))
def added() -> Response:
    """A new passkey of who signed in just now. Audited, refused or not."""
    forms.check_form()
    session = _session()
    if session is None:
        return _sign_in()
    try:
        service.make(platform(), session, request.form.get("name", ""), request.form.get("answer", ""))
    except (Unauthenticated, StateError, QueryError, Conflict) as error:
        return _page(session, f"{error.where}. {error.remedy}")
    return forms.sent_to(_PAGE)


@passkeys.post(
    f"{_PAGE}/remove", **route("Remove a passkey", "remove_passkey", openapi_extensions=form_of("remove_passkey"))
)
def removed() -> Response:
    """One passkey less of who signed in just now. Audited."""
    forms.check_form()
    session = _session()
    if session is None:
        return _sign_in()
    try:
        service.drop(platform(), session, request.form.get("passkey", ""))
    except StateError as error:
        return _page(session, f"{error.where}. {error.remedy}")
    return forms.sent_to(_PAGE)


@passkeys.post(f"{_PAGE}/again", **route("Sign in again", "sign_in_again", openapi_extensions=form_of("sign_out")))
def again() -> Response:
    """The sign-in page, which leads back to the passkeys."""
    forms.check_form()
    return _sign_in()


def _session() -> service.Session | None:
    found = forms.person()
    return service.Session(*found, forms.cookie(forms.SESSION), request_id()) if found else None


def _sign_in() -> Response:
    return forms.shown(pages.sign_in(forms.hidden(forms.carry_page(_PAGE)), forms.asks()))


def _page(session: service.Session, problem: str = "") -> Response:
    kept = platform().passkeys.of(session.client.id)
    shown = [pages.ShownKey(key.id, key.name, _words(key)) for key in kept]
    is_recent, is_possible = service.is_recent(platform(), session.browser), service.is_possible(platform())
    may_add = is_recent and is_possible and len(kept) < service.MOST
    asked = service.asks_to_make(platform(), session) if may_add else ""
    keys = pages.Keys(session.client.name, shown, asked, not is_recent)
    page = pages.passkeys(forms.hidden(), keys, problem=problem, remedy="" if is_possible else _NONE_HERE)
    return forms.shown(page, 403 if problem else 200, runs=bool(asked))


def _words(key: Passkey) -> str:
    where = "may be synced" if key.is_synced else "on one device"
    last = f"last used {key.used:%Y-%m-%d}" if key.used else "never used"
    return f"added {key.created:%Y-%m-%d}, {last}, {where}"
