"""Routes of people who sign in by another provider; see `careloom.services.provider_sign_in`."""

from typing import Annotated, Any

from flask import Response, request
from flask_openapi3 import APIBlueprint
from pydantic import Field

from careloom.api import oauth_forms as forms
from careloom.api import oauth_pages as pages
from careloom.api.answers import problems, told
from careloom.api.context import platform, request_id
from careloom.api.oauth_authorize import TAG, coming_from, refused, route, whole
from careloom.api.oauth_form_schemas import ANSWERED, form_of
from careloom.api.oauth_second_step import second_step
from careloom.api.pace_address import address
from careloom.api.schemas import Model
from careloom.errors import AccessError, CareloomError, Conflict, StateError, Unauthenticated
from careloom.services import browsers, enrolment, provider_accounts
from careloom.services import provider_sign_in as service
from careloom.services.authorize import asks_anew
from careloom.services.clients import NAME_TEXT

providers = APIBlueprint("providers", __name__, abp_tags=[TAG])
providers.register_error_handler(CareloomError, refused)
PACED = ("providers.begin", "providers.answered")
"""Endpoints where somebody may guess, or have us ask others."""


class ProviderPath(Model):
    """Which provider."""

    provider: Annotated[str, Field(pattern=r"^[a-z0-9]{1,16}$")] = told(..., "Its name in the settings.", "entra")


def _route(summary: str, name: str, **more: Any) -> dict[str, Any]:
    said = route(summary, name, **more)
    return said | {"responses": {**said["responses"], **problems(400)}}


@providers.post(
    "/oauth2/provider/<provider>", **_route("Sign in by another provider", "begin", openapi_extensions=form_of("begin"))
)
def begin(path: ProviderPath) -> Response:
    """Leads the browser to the provider; with name and invitation, who signs in there accepts the invitation by it."""
    forms.check_form()
    carried, name, invitation = (request.form.get(one, "") for one in ("request", "name", "invitation"))
    title, target = coming_from(carried)
    try:
        client = ""
        if invitation:
            client = enrolment.invited(platform(), forms.knock(name, address()), invitation).id
        kept = enrolment.invitation_hash(platform(), invitation) if invitation else ""
        attempt = service.Attempt(carried, asks_anew(forms.opened(carried)), client, kept)
        begun = service.begin(platform(), path.provider, attempt)
    except (Unauthenticated, StateError) as error:
        shown_name = name if NAME_TEXT.fullmatch(name) else ""
        asks = forms.asks(shown_name, title=title, problem=f"{error.where}. {error.remedy}")
        page = pages.welcome if invitation else pages.sign_in
        return forms.shown(page(forms.hidden(carried), asks), 403, target=target)
    response = forms.shown(pages.onward(begun.address, platform().providers[path.provider].title))
    forms.keep(response, forms.PROVIDER, begun.cookie)
    return response


@providers.get("/oauth2/provider/<provider>/answer", **_route("The answer of another provider", "answered"), **ANSWERED)
def answered(path: ProviderPath) -> Response:
    """Who comes back is signed in, asked for our second factor, or accepts an invitation. Audited."""
    cookie = forms.cookie(forms.PROVIDER)
    try:
        came = service.answered(platform(), path.provider, request.args, cookie, request=request_id())
    except (Unauthenticated, StateError) as error:
        response = _failed(error)
    else:
        response = _linked(came) if came.attempt.client else _signed_in(came)
    forms.drop(response, forms.PROVIDER)
    return response


def _signed_in(came: service.Came) -> Response:
    carried = came.attempt.request
    try:
        arrived = provider_accounts.sign_in(platform(), forms.knock("", address()), came)
    except (Unauthenticated, StateError) as error:
        return _failed(error, carried)
    if arrived.is_whole:
        return whole(arrived.client, browsers.Came("mfa", came.provider, came.hint), carried)
    half = browsers.Came("", came.provider, came.hint)
    kept = forms.cookie(forms.SESSION)
    session = browsers.begin(platform(), arrived.client, half, is_whole=False, instead_of=kept)
    _, target = coming_from(carried)
    return second_step(arrived.client, carried, target=target, session=session)


def _linked(came: service.Came) -> Response:
    link = provider_accounts.link_of(platform(), came)
    try:
        if not came.shown:
            begun = enrolment.begin_linked(platform(), link)
            return forms.shown(pages.enrol(forms.hidden(begun.draft), begun.secret, begun.address))
        client = enrolment.accept_linked(platform(), link, request=request_id())
        provider_accounts.finish(platform(), forms.knock(client.name, address()), came, client)
    except (Unauthenticated, Conflict) as error:
        raise AccessError(error.where, error.remedy) from None
    return whole(client, browsers.Came("mfa", came.provider, came.hint), "")


def _failed(error: Unauthenticated | StateError, carried: str = "") -> Response:
    title, target = coming_from(carried)
    asks = forms.asks(title=title, problem=f"{error.where}. {error.remedy}")
    return forms.shown(pages.sign_in(forms.hidden(carried), asks), 403, target=target)
