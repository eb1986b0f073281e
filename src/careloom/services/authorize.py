"""What an application may do for a person: read from its request, offered to the person, and kept once allowed.

source  RFC 6749 (2012), 4.1; RFC 7636 (2015); RFC 9207 (2022); RFC 9700 (2025); SMART App Launch 2.2 (2024)
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from careloom.audit import Outcome
from careloom.crypto.pseudonyms import name_of
from careloom.errors import QueryError
from careloom.services.access import Principal, Scope
from careloom.services.admission import admit, note
from careloom.services.apps import is_redirect, split
from careloom.services.clients import stored_patient
from careloom.services.platform import Platform
from careloom.services.scopes import narrowed, parse, permitted, spaces_of, text_of, words_of
from careloom.services.sight import view_of
from careloom.services.tokens import principal_for
from careloom.store.clients import Client
from careloom.store.grants import App, Browser, Code, Grant

CODE_SECONDS = 60
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_LONGEST = 512
_RESPONSE_MODES = ("", "query")


class Unasked(QueryError):  # noqa: N818 - reads as what happened
    """The request names no application or no address of it: the person is told, and nobody else."""


class Refusal(Exception):  # noqa: N818 - an answer to the application, and no error of ours
    """Why there is no code, as RFC 6749, 4.1.2.1 has it; it is sent to the application."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of an application that may be put before a person.

    context, resources  scopes asked for; see `careloom.services.apps.split`
    prompt   words of OpenID Connect: none, login, consent
    max_age  seconds since the person signed in, at most; None for any
    """

    client: Client
    app: App
    redirect: str
    state: str
    context: tuple[str, ...]
    resources: tuple[str, ...]
    challenge: str = field(repr=False)
    nonce: str = field(repr=False)
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What of it the person can allow: `scopes` of resources and the platform, `context` beside them.

    needs_patient  the person says which patient, because patient/ scopes or launch/patient are among them
    """

    context: tuple[str, ...]
    scopes: frozenset[Scope]
    space: str
    needs_patient: bool

    @property
    def words(self) -> list[str]:
        """The scopes as text, sorted."""
        return words_of(self.scopes, self.space)


def addressed(platform: Platform, sent: Mapping[str, str]) -> tuple[Client, App, str]:
    """The application that asks and the address for its answer.

    raises  Unasked, for nothing may be sent to an address that nobody registered
    """
    client = platform.clients.find(sent.get("client_id", ""))
    app = platform.grants.app(client.id) if client else None
    if client is None or app is None or not client.is_active(platform.runtime.now()):
        raise Unasked("this application is not registered here", "Ask whoever runs it.")
    redirect = sent.get("redirect_uri", "")
    if not redirect and len(app.redirects) == 1 and "openid" not in sent.get("scope", "").split():
        redirect = app.redirects[0]
    if not is_redirect(app, redirect):
        raise Unasked("the application asks for an answer at an address that is not its own", "Ask whoever runs it.")
    return client, app, redirect


def read(platform: Platform, sent: Mapping[str, str]) -> Asked:
    """The request, which may be put before a person. raises Unasked; Refusal"""
    client, app, redirect = addressed(platform, sent)
    if sent.get("response_type") != "code":
        raise Refusal("unsupported_response_type", "only code is supported")
    if sent.get("response_mode", "") not in _RESPONSE_MODES or sent.get("request") or sent.get("request_uri"):
        raise Refusal("invalid_request", "response_mode is query, and requests come as parameters")
    if sent.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(sent.get("code_challenge", "")):
        raise Refusal("invalid_request", "PKCE with S256 is required: code_challenge is 43 letters of base64url")
    if not _is_short(sent, "state") or not _is_short(sent, "nonce"):
        raise Refusal("invalid_request", "state and nonce are printable ASCII of at most 512 letters")
    _check_audience(platform, sent.get("aud", ""))
    context, resources = split(sent.get("scope", ""))
    try:
        parse(" ".join(resources))
    except QueryError as error:
        raise Refusal("invalid_scope", error.where) from None
    if not context and not resources:
        raise Refusal("invalid_scope", "scope is missing")
    if "system" in spaces_of(" ".join(resources)):
        raise Refusal("invalid_scope", "system/ scopes are for programs without a person")
    return Asked(
        client, app, redirect, sent.get("state", ""), tuple(context), tuple(resources), sent["code_challenge"],
        sent.get("nonce", ""), frozenset(sent.get("prompt", "").split()), _seconds(sent.get("max_age", "")),
    )  # fmt: skip


def is_fresh(asked: Asked, signed_in: datetime, begun: datetime, now: datetime) -> bool:
    """False where the person has to sign in although a browser knows the person; `begun` is when the request came."""
    if "login" in asked.prompt and signed_in < begun:
        return False
    return asked.max_age is None or now - signed_in <= timedelta(seconds=asked.max_age)


def asks_anew(kept: tuple[Mapping[str, str], datetime] | None) -> bool:
    """True for a request of an application for which an older sign-in, here or elsewhere, may not do."""
    sent = kept[0] if kept else {}
    return "login" in sent.get("prompt", "").split() or bool(sent.get("max_age"))


def offer(asked: Asked, person: Client) -> Offer:
    """What the person can allow: what was asked, registered for the application, and granted to the person.

    raises  Refusal if that is nothing
    """
    granted = narrowed(parse(person.scopes), permitted(person.roles.split(), person.zones.split()))
    most = narrowed(parse(asked.client.scopes), granted)
    of_patient = [word for word in asked.resources if word.startswith("patient/")]
    is_narrow = bool(of_patient) or bool(person.patient)
    is_of_user = "user" in spaces_of(asked.client.scopes)
    others = [word for word in asked.resources if is_of_user or not word.startswith("user/")]
    words = of_patient or others
    scopes = narrowed(parse(" ".join(words)), most)
    context = [word for word in asked.context if word in asked.app.context.split()]
    if not fhir_user(person):
        context = [word for word in context if word != "fhirUser"]
    if not scopes and not context:
        raise Refusal("invalid_scope", "nothing of what was asked for can be allowed by this person")
    needs = (is_narrow or "launch/patient" in context) and not person.patient
    return Offer(tuple(context), scopes, "patient" if is_narrow else "user", needs)


def fhir_user(person: Client) -> str:
    """What FHIR calls the person, ``Practitioner/<id>`` before others; empty where nothing does."""
    known = sorted(person.actors.split(), key=lambda one: (not one.startswith("Practitioner/"), one))
    return known[0] if known else f"Patient/{person.patient}" if person.patient else ""


def chosen_patient(platform: Platform, person: Client, named: str, *, request: str = "") -> str:
    """The stored id of the patient whom the person named, and may read.

    raises  AccessError; QueryError if there is none, also for one whom a read would not show. Audited
    """
    who = principal_for(person, parse("system/Patient.r"), request)
    admit(platform, who, "read", "identified", "Patient", operation="choose-patient")
    patient = stored_patient(platform, named.strip())
    store, view = platform.store("identified"), view_of(platform, who, "identified")
    found = store.read_named("Patient", [patient]).get(patient)
    is_there = found is not None and not found.deleted
    is_shown = found is not None and is_there and (view.sight.is_whole or view.shows(found.resource()))
    note(
        platform, who, "choose-patient", "identified", outcome="success" if is_shown else "failed",
        subjects=[store.pseudonym(patient)] if is_there else (),
        detail={"reason": "" if is_shown else "withheld" if is_there else "unknown"},
    )  # fmt: skip
    if not is_shown:
        raise QueryError("there is no such patient", "Name the patient as Patient/<id>.")
    return patient


def allow(
    platform: Platform, asked: Asked, person: Client, browser: Browser, *, patient: str = "", request: str = ""
) -> str:
    """The address to which the person's browser goes, with a code that is good once and for a minute. Audited

    browser  in which the person says so
    patient  stored id of the one who was chosen; empty for nobody, and for who is bound to one anyway
    """
    offered, now = offer(asked, person), platform.runtime.now()
    is_long = "offline_access" in offered.context
    lasts = timedelta(days=platform.settings.access.grant_days) if is_long else _short(platform)
    grant = Grant(
        id=name_of(platform.runtime.random_bytes(16)),
        app=asked.client.id,
        person=person.id,
        generation=person.generation,
        scopes=text_of(offered.scopes, offered.space),
        context=" ".join(offered.context),
        patient=patient or person.patient,
        signed_in=browser.created,
        created=now,
        expires=now + lasts,
        ways=browser.ways,
    )
    code = urlsafe_b64encode(platform.runtime.random_bytes(32)).decode().rstrip("=")
    sent = Code(grant.id, asked.redirect, asked.challenge, asked.nonce, now + timedelta(seconds=CODE_SECONDS))
    detail = {"client": asked.client.name, "grant": grant.id, "scope": f"{grant.context} {grant.scopes}".strip()}
    _note(platform, person, detail, outcome="success", request=request, patient=grant.patient)
    platform.grants.add(grant, code, sent)
    return answer(platform, asked.redirect, asked.state, {"code": code})


def deny(platform: Platform, asked: Asked, person: Client, *, request: str = "") -> str:
    """The address to which the person's browser goes with the news that the person does not want it. Audited"""
    _note(platform, person, {"client": asked.client.name, "reason": "denied"}, outcome="refused", request=request)
    return refused(platform, asked.redirect, asked.state, Refusal("access_denied", "the person does not want it"))


def refused(platform: Platform, redirect: str, state: str, why: Refusal) -> str:
    """The address to which a browser goes with the news that there is no code."""
    return answer(platform, redirect, state, {"error": why.error, "error_description": why.description})


def answer(platform: Platform, redirect: str, state: str, told: Mapping[str, str]) -> str:
    """The redirect address with what is told to the application, and who tells it (RFC 9207)."""
    query = urlencode({**told, **({"state": state} if state else {}), "iss": platform.settings.base_url})
    return f"{redirect}{'&' if '?' in redirect else '?'}{query}"


def _note(
    platform: Platform, person: Client, detail: Mapping[str, str], *, outcome: Outcome, request: str, patient: str = ""
) -> None:
    who = Principal(person.name, frozenset(), frozenset(), request=request)
    subjects = [platform.store("identified").pseudonym(patient)] if patient else ()
    note(
        platform, who, "consent", "identified", action="execute", outcome=outcome, subjects=subjects, detail=detail
    )  # fmt: skip


def _short(platform: Platform) -> timedelta:
    """For how long a grant holds whose application does not stay signed in: as long as its one token."""
    return timedelta(seconds=platform.settings.api.session_seconds + CODE_SECONDS)


def _is_short(sent: Mapping[str, str], name: str) -> bool:
    text = sent.get(name, "")
    return len(text) <= _LONGEST and text.isascii() and (text.isprintable() or not text)


def _seconds(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Refusal("invalid_request", "max_age is a number of seconds")
    return int(text)


def _check_audience(platform: Platform, audience: str) -> None:
    base = platform.settings.base_url
    known = {base, f"{base}/fhir", *(f"{base}/fhir/{zone}" for zone in ("identified", "research", "synthetic"))}
    if audience and audience.rstrip("/") not in known:
        raise Refusal("invalid_request", "aud is not a FHIR base of this installation")
