"""Who may come in: clients and people are registered, shown, stopped and given new secrets by an administrator."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, get_args

import orjson

from careloom.audit import Action
from careloom.crypto.client_secrets import new_secret
from careloom.errors import NotFound, QueryError
from careloom.fhir.references import parse_reference
from careloom.services.access import ROLES, ZONES, Principal, default_purpose
from careloom.services.admission import admit, note
from careloom.services.client_keys import checked_keys
from careloom.services.platform import Platform
from careloom.services.purposes import is_kind_of, known
from careloom.services.scopes import narrowed, parse, permitted, space_for, text_of
from careloom.store.clients import Client, ClientKind

UNKNOWN = "unknown"
"""What the audit chain calls somebody who is not registered; nobody can be registered under it."""
NAME_TEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", re.ASCII)
"""What a name is made of."""
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,256}", re.ASCII)


_WITHOUT = {"person": "account", "app": "nothing", "client": "nothing"}
"""What somebody signs in with who has neither key nor secret."""


@dataclass(frozen=True, slots=True)
class ClientAsk:
    """Somebody to let in.

    name       as it stands in the audit chain; also what it calls itself (``client_id``) unless `client_id` says else
    scopes     what its tokens may allow at most; empty for all that its roles permit
    kind       a person's tokens last a session, a client's a few minutes
    jwks       public keys of a client that signs its own assertions, instead of a secret
    client_id  of an EHR that signs its calls of CDS Hooks the ``iss`` of its JWTs
    expires    from when it is not let in any more
    patient    ``Patient/<id>`` to whose compartment everything is narrowed; the id as stored, or as the source has it
    actors     what FHIR calls it, ``Practitioner/<id>`` and the like, for consents that name actors
    purposes   purposes of use that it may name at most; empty for all that its roles may
    """

    name: str
    roles: Collection[str]
    zones: Collection[str]
    scopes: str | Collection[str] = ()
    kind: ClientKind = "client"
    jwks: Mapping[str, Any] | None = None
    expires: datetime | None = None
    client_id: str = ""
    patient: str = ""
    actors: Collection[str] = ()
    purposes: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Registered:
    """A client and its secret, which nobody can show again; empty if it signs with its own keys."""

    client: Client
    secret: str = field(repr=False)


def register_client(platform: Platform, who: Principal, ask: ClientAsk) -> Registered:
    """Lets somebody in from now on.

    raises  AccessError; QueryError if a role, zone, scope, name or key cannot be; Conflict if the name is taken
    """
    admit(platform, who, "administer", "identified", operation="register-client")
    secret = "" if ask.jwks is not None else new_secret(platform.runtime.random_bytes)
    client = new_client(platform, ask)
    client = replace(client, secret_hash=platform.secret_hasher.hash(secret) if secret else "")
    with platform.clients.change() as change:
        change.add(client)
        _note(platform, who, "register-client", client)
    return Registered(client, secret)


def new_client(platform: Platform, ask: ClientAsk) -> Client:
    """What the registry will hold of somebody, but for a secret. raises QueryError; NotFound"""
    now = platform.runtime.now()
    check_ask(ask, now)
    return Client(
        id=ask.client_id or ask.name,
        name=ask.name,
        kind=ask.kind,
        roles=" ".join(sorted(set(ask.roles))),
        zones=" ".join(sorted(set(ask.zones))),
        scopes=scopes_of(ask),
        secret_hash="",
        jwks="" if ask.jwks is None else checked_keys(ask.jwks),
        generation=1,
        created=now,
        expires=ask.expires,
        disabled=None,
        patient=_bound_to(platform, ask.patient) if ask.patient else "",
        actors=" ".join(sorted({stored_reference(platform, one, is_keyed=True) for one in ask.actors})),
        purposes=" ".join(sorted(set(ask.purposes))),
    )


def list_clients(platform: Platform, who: Principal) -> list[dict[str, Any]]:
    """Everybody who was ever let in, by name, as `show_client`."""
    admit(platform, who, "administer", "identified", operation="list-clients")
    found = [as_json(client, platform.runtime.now()) for client in platform.clients.listed()]
    note(platform, who, "list-clients", "identified", detail={"clients": len(found)})
    return found


def show_client(platform: Platform, who: Principal, name: str) -> dict[str, Any]:
    """client_id, name, kind, state, roles, zones, scopes, signs_in_with, created, expires. raises NotFound."""
    admit(platform, who, "administer", "identified", operation="show-client")
    client = platform.clients.named(name)
    note(platform, who, "show-client", "identified", detail={"client": client.name})
    return as_json(client, platform.runtime.now())


def disable_client(platform: Platform, who: Principal, name: str) -> Client:
    """Stops a client at once; tokens that it has are worth nothing, also after `enable_client`. raises NotFound."""

    def disabled(client: Client) -> Client:
        return replace(client, disabled=client.disabled or platform.runtime.now(), generation=client.generation + 1)

    return changed(platform, who, "disable-client", name, disabled)


def enable_client(platform: Platform, who: Principal, name: str) -> Client:
    """Lets a disabled client in again. raises NotFound."""
    return changed(platform, who, "enable-client", name, lambda client: replace(client, disabled=None))


def rotate_secret(platform: Platform, who: Principal, name: str, jwks: Mapping[str, Any] | None = None) -> Registered:
    """Gives a client a new secret, or new public keys; the old ones and all its tokens are worth nothing from now on.

    raises  AccessError; NotFound; QueryError if it signs with its own keys and no new ones are given, or the other way
            round
    """
    admit(platform, who, "administer", "identified", operation="rotate-secret")  # a hash costs a lot
    secret = "" if jwks is not None else new_secret(platform.runtime.random_bytes)
    secret_hash = platform.secret_hasher.hash(secret) if secret else ""
    keys = "" if jwks is None else checked_keys(jwks)

    def rotated(client: Client) -> Client:
        if not (client.jwks or client.secret_hash):
            raise QueryError("this person signs in with an account", "Reset it with careloom people reset.")
        if bool(client.jwks) is not bool(keys):
            remedy = "Give its new public keys." if client.jwks else "Ask for a new secret without keys."
            raise QueryError("this client signs in another way", remedy)
        return replace(client, secret_hash=secret_hash, jwks=keys, generation=client.generation + 1)

    return Registered(changed(platform, who, "rotate-secret", name, rotated), secret)


def as_json(client: Client, now: datetime) -> dict[str, Any]:
    """What may be told of a client: all but what it signs in with."""
    keys = [key["kid"] for key in orjson.loads(client.jwks)["keys"]] if client.jwks else []
    state = "disabled" if client.disabled else "active" if client.is_active(now) else "expired"
    return {
        "client_id": client.id,
        "name": client.name,
        "kind": client.kind,
        "state": state,
        "roles": client.roles.split(),
        "zones": client.zones.split(),
        "scopes": client.scopes.split(),
        "signs_in_with": "key" if client.jwks else "secret" if client.secret_hash else _WITHOUT[client.kind],
        "keys": keys,
        "created": client.created.isoformat(),
        "expires": client.expires.isoformat() if client.expires else None,
        "is_bound_to_a_patient": bool(client.patient),
        "actors": client.actors.split(),
        "purposes": client.purposes.split(),
        "disabled": client.disabled.isoformat() if client.disabled else None,
    }


def check_ask(ask: ClientAsk, now: datetime) -> None:
    """Returns where somebody could be let in so. raises QueryError"""
    if not NAME_TEXT.fullmatch(ask.name) or ask.name == UNKNOWN:
        raise QueryError("this name cannot be a client's", "Use letters, digits, dots, dashes and @, at most 64.")
    if "://" in ask.client_id and ask.jwks is None:
        raise QueryError("an issuer signs its own calls", "Give its public keys: --jwks.")
    if ask.client_id and not _CLIENT_ID.fullmatch(ask.client_id):
        raise QueryError("this cannot be a client_id", "Use printable ASCII without spaces, at most 256.")
    if ask.kind not in get_args(ClientKind):
        raise QueryError("there is no such kind of client", "It is client or person.")
    if not ask.roles or not set(ask.roles) <= set(ROLES):
        raise QueryError("a role is missing or unknown", f"The roles are: {', '.join(sorted(ROLES))}.")
    if not ask.zones or not set(ask.zones) <= ZONES:
        raise QueryError("a zone is missing or unknown", f"The zones are: {', '.join(sorted(ZONES))}.")
    if ask.expires is not None and ask.expires <= now:
        raise QueryError("the client would have expired before it is there", "Name a day in the future.")
    if "patient" in ask.roles and len(set(ask.roles)) == 1 and not ask.patient:
        raise QueryError("the role patient is of who is bound to one", "Name the Patient.")
    if not set(ask.purposes) <= known().keys():
        raise QueryError("a purpose of use is unknown", "Name codes of HL7 v3 PurposeOfUse, such as TREAT.")
    if ask.purposes and not is_kind_of(default_purpose(frozenset(ask.roles), ask.patient), ask.purposes):
        raise QueryError("the purposes lack the one of requests that name none", "Add HOPERAT (patients: PATRQT).")
    if ask.jwks is not None and ask.kind == "person":
        raise QueryError("a person signs in with a secret", "Register without keys, or as a client.")


def stored_patient(platform: Platform, text: str) -> str:
    """The stored id of the Patient that ``Patient/<id>`` names by that id or its source's own. raises QueryError"""
    kind, _, name = stored_reference(platform, text).partition("/")
    if kind != "Patient":
        raise QueryError("this names no patient", "Name it as Patient/<id>.")
    return name


def _bound_to(platform: Platform, text: str) -> str:
    """The stored id of a patient who is here. raises QueryError; NotFound"""
    name = stored_patient(platform, text)
    found = platform.store("identified").read_named("Patient", [name]).get(name)
    if found is None or found.deleted:
        raise NotFound("there is no such patient", "Name it by its id, as stored or as its source has it.")
    return name


def stored_reference(platform: Platform, text: str, *, is_keyed: bool = False) -> str:
    """``Type/<stored id>`` of a reference by stored id or the source's own.

    is_keyed  what nothing here has is taken for the source's own, which will be stored under its key; else it stays
    raises    QueryError
    """
    parts = parse_reference(text)
    if parts.form != "relative" or parts.version or parts.fragment:
        raise QueryError("this is no reference to a resource", "Write it as Practitioner/<id>.")
    if platform.has_store("identified") and platform.store("identified").read_named(parts.type, [parts.id]):
        return text
    own = platform.names.resource_id(platform.settings.ingest.source, parts.type, parts.id)
    is_own = platform.has_store("identified") and bool(platform.store("identified").read_named(parts.type, [own]))
    return f"{parts.type}/{own}" if is_own or is_keyed else text


def scopes_of(ask: ClientAsk) -> str:
    """What tokens may allow at most, as it is kept. raises QueryError for more than the roles permit"""
    most = permitted(ask.roles, ask.zones)
    text = ask.scopes if isinstance(ask.scopes, str) else " ".join(ask.scopes)
    asked, space = parse(text) or most, space_for(text, is_bound=bool(ask.patient))
    if narrowed(asked, most) != asked:
        remedy = f"They permit: {text_of(most, space) or 'nothing in these zones'}."
        raise QueryError("a scope is more than these roles permit in these zones", remedy)
    if not asked:
        raise QueryError("these roles permit nothing in these zones", "Grant another zone or role.")
    return text_of(asked, space)


def changed(platform: Platform, who: Principal, operation: str, name: str, how: Callable[[Client], Client]) -> Client:
    """A client as `how` changes it, with the audit record. raises AccessError; NotFound; what `how` raises"""
    admit(platform, who, "administer", "identified", operation=operation)
    with platform.clients.change() as change:
        client = how(change.named(name))
        change.replace(client)
        _note(platform, who, operation, client)
    return client


def _note(platform: Platform, who: Principal, operation: str, client: Client) -> None:
    """Before the change is durable: an event without its change can be, a change without its event cannot."""
    detail = {
        "client": client.name,
        "kind": client.kind,
        "roles": client.roles,
        "zones": client.zones,
        "scopes": client.scopes,
        "purposes": client.purposes,
        "bound": bool(client.patient),
    }
    action: Action = "create" if operation == "register-client" else "update"
    note(platform, who, operation, "identified", action=action, detail=detail)
