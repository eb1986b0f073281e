"""Who may come in: clients registered, shown, given new secrets and stopped, and what is granted to them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.session import Session
from careloom.client.transport import Ask


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who may come in, without what it signs in with.

    state          ``active``, ``disabled`` or ``expired``
    signs_in_with  ``secret``, ``key`` or ``account``
    keys           the kid of each public key
    """

    client_id: str
    name: str
    kind: str
    state: str
    roles: tuple[str, ...]
    zones: tuple[str, ...]
    scopes: tuple[str, ...]
    signs_in_with: str
    keys: tuple[str, ...]
    created: datetime
    expires: datetime | None
    is_bound_to_a_patient: bool
    actors: tuple[str, ...]
    purposes: tuple[str, ...]
    disabled: datetime | None


@dataclass(frozen=True, slots=True)
class LetIn(Client):
    """A client with its secret, which nobody can show again; None for who signs with keys."""

    client_secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientPage:
    """Some clients, by name; `next` is the cursor of the page after them, None on the last one."""

    items: tuple[Client, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Allowed:
    """A verb, where, and which roles give it."""

    verb: str
    zones: tuple[str, ...]
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClientGrants:
    """What was granted to a client; `allows` is what that comes to, verb by verb."""

    name: str
    roles: tuple[str, ...]
    zones: tuple[str, ...]
    scopes: tuple[str, ...]
    purposes: tuple[str, ...]
    may_break_glass: bool
    is_bound_to_a_patient: bool
    expires: datetime | None
    allows: tuple[Allowed, ...]


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb, and the zones in which a role may have it."""

    verb: str
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """What a role gives, and the purposes of use that it may name."""

    role: str
    allows: tuple[Verb, ...]
    purposes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScopeWords:
    """A scope, and what it allows in words."""

    scope: str
    allows: str


@dataclass(frozen=True, slots=True)
class Roles:
    """What can be granted."""

    roles: tuple[Role, ...]
    zones: tuple[str, ...]
    scopes: tuple[ScopeWords, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a client is to have.

    scopes    what its tokens may allow at most; none for all that its roles permit
    purposes  purposes of use that it may name at most; none for all that its roles may
    days      let in for so many days from now; None for a year, or as it was
    """

    roles: Iterable[str]
    zones: Iterable[str]
    scopes: Iterable[str] = ()
    purposes: Iterable[str] = ()
    days: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The body of a request."""
        told = {name: list(getattr(self, name)) for name in ("roles", "zones", "scopes", "purposes")}
        return told | ({} if self.days is None else {"days": self.days})


class Clients:
    """Who may come in to this platform. Needs the scope ``careloom/administer``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1"

    def __repr__(self) -> str:
        return f"Clients({self._session.base})"

    def page(self, *, kind: str = "", state: str = "", role: str = "", limit: int = 20, cursor: str = "") -> ClientPage:
        """Some clients, by name; of a kind, in a state, with a role."""
        asked = {"kind": kind, "state": state, "role": role, "limit": str(limit), "cursor": cursor}
        return decode(ClientPage, self._get(f"/clients?{urlencode({name: one for name, one in asked.items() if one})}"))

    def all(self, *, kind: str = "", state: str = "", role: str = "") -> Iterator[Client]:
        """Every client, by name; pages are fetched on the way."""
        page = self.page(kind=kind, state=state, role=role, limit=200)
        yield from page.items
        while page.next:
            page = self.page(kind=kind, state=state, role=role, limit=200, cursor=page.next)
            yield from page.items

    def get(self, name: str) -> Client:
        """One client. raises NotFound"""
        return decode(Client, self._get(f"/clients/{_named(name)}"))

    def register(
        self,
        name: str,
        grant: Grant,
        *,
        jwks: Mapping[str, Any] | None = None,
        patient: str = "",
        actors: Iterable[str] = (),
    ) -> LetIn:
        """Lets a program in; its secret is in the answer this once.

        jwks     its public keys, with which it signs in instead of a secret
        patient  ``Patient/<id>`` to whose compartment everything is narrowed
        actors   what FHIR calls it, for consents
        raises   Conflict if the name is taken; AccessError for a zone that was not granted to the caller; QueryError
        """
        body = {"name": name, **grant.as_json(), "patient": patient, "actors": list(actors)}
        body |= {} if jwks is None else {"jwks": dict(jwks)}
        return decode(LetIn, self._session.document(self._ask("POST", "/clients", body)))

    def rotate(self, name: str, jwks: Mapping[str, Any] | None = None) -> LetIn:
        """A new secret, or new keys; the old ones and all its tokens are worth nothing from now on."""
        body = {} if jwks is None else {"jwks": dict(jwks)}
        return decode(LetIn, self._session.document(self._ask("POST", f"/clients/{_named(name)}/rotate", body)))

    def disable(self, name: str) -> Client:
        """Stops it at once. raises NotFound; AccessError for oneself"""
        return decode(Client, self._session.document(self._ask("POST", f"/clients/{_named(name)}/disable")))

    def enable(self, name: str) -> Client:
        """Lets it in again. raises NotFound"""
        return decode(Client, self._session.document(self._ask("POST", f"/clients/{_named(name)}/enable")))

    def grants(self, name: str) -> ClientGrants:
        """What was granted to it. raises NotFound"""
        return decode(ClientGrants, self._get(f"/clients/{_named(name)}/grants"))

    def grant(self, name: str, grant: Grant) -> ClientGrants:
        """Grants this in place of all that it had. raises NotFound; QueryError; AccessError for oneself"""
        ask = self._ask("PUT", f"/clients/{_named(name)}/grants", grant.as_json())
        return decode(ClientGrants, self._session.document(ask))

    def roles(self) -> Roles:
        """What can be granted."""
        return decode(Roles, self._get("/roles"))

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Ask:
        sent = None if body is None else JsonBody(body)
        return Ask(method=method, url=f"{self._base}{path}", body=sent, is_repeatable=method == "PUT")

    def _get(self, path: str) -> object:
        return self._session.document(Ask(method="GET", url=f"{self._base}{path}"))


def _named(name: str) -> str:
    return segment(name, "name of a client")
