"""Who may come in: clients registered, shown, given new secrets and stopped, and what is granted to them."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from careloom.client.aio.session import Session
from careloom.client.clients import Client, ClientGrants, ClientPage, Grant, LetIn, Roles, _named
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.transport import Ask


class Clients:
    """Who may come in to this platform. Needs the scope ``careloom/administer``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1"

    def __repr__(self) -> str:
        return f"Clients({self._session.base})"

    async def page(
        self, *, kind: str = "", state: str = "", role: str = "", limit: int = 20, cursor: str = ""
    ) -> ClientPage:
        """Some clients, by name; of a kind, in a state, with a role."""
        asked = {"kind": kind, "state": state, "role": role, "limit": str(limit), "cursor": cursor}
        return decode(
            ClientPage, await self._get(f"/clients?{urlencode({name: one for name, one in asked.items() if one})}")
        )

    async def all(self, *, kind: str = "", state: str = "", role: str = "") -> AsyncIterator[Client]:
        """Every client, by name; pages are fetched on the way."""
        page = await self.page(kind=kind, state=state, role=role, limit=200)
        for each in page.items:
            yield each
        while page.next:
            page = await self.page(kind=kind, state=state, role=role, limit=200, cursor=page.next)
            for each in page.items:
                yield each

    async def get(self, name: str) -> Client:
        """One client. raises NotFound"""
        return decode(Client, await self._get(f"/clients/{_named(name)}"))

    async def register(
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
        return decode(LetIn, await self._session.document(self._ask("POST", "/clients", body)))

    async def rotate(self, name: str, jwks: Mapping[str, Any] | None = None) -> LetIn:
        """A new secret, or new keys; the old ones and all its tokens are worth nothing from now on."""
        body = {} if jwks is None else {"jwks": dict(jwks)}
        return decode(LetIn, await self._session.document(self._ask("POST", f"/clients/{_named(name)}/rotate", body)))

    async def disable(self, name: str) -> Client:
        """Stops it at once. raises NotFound; AccessError for oneself"""
        return decode(Client, await self._session.document(self._ask("POST", f"/clients/{_named(name)}/disable")))

    async def enable(self, name: str) -> Client:
        """Lets it in again. raises NotFound"""
        return decode(Client, await self._session.document(self._ask("POST", f"/clients/{_named(name)}/enable")))

    async def grants(self, name: str) -> ClientGrants:
        """What was granted to it. raises NotFound"""
        return decode(ClientGrants, await self._get(f"/clients/{_named(name)}/grants"))

    async def grant(self, name: str, grant: Grant) -> ClientGrants:
        """Grants this in place of all that it had. raises NotFound; QueryError; AccessError for oneself"""
        ask = self._ask("PUT", f"/clients/{_named(name)}/grants", grant.as_json())
        return decode(ClientGrants, await self._session.document(ask))

    async def roles(self) -> Roles:
        """What can be granted."""
        return decode(Roles, await self._get("/roles"))

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Ask:
        sent = None if body is None else JsonBody(body)
        return Ask(method=method, url=f"{self._base}{path}", body=sent, is_repeatable=method == "PUT")

    async def _get(self, path: str) -> object:
        return await self._session.document(Ask(method="GET", url=f"{self._base}{path}"))
