"""People who sign in with a password and a second factor: invited, shown, reset, where they are signed in, passkeys."""

from collections.abc import AsyncIterator, Iterable
from typing import Any
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.aio.session import Session
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.transport import Ask
from careloom.client.users import InvitedUser, Passkeys, SignIns, User, UserPage, _named


class Users:
    """People of this platform. Needs the scope ``careloom/administer``; `Clients.grant` changes what they may do."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/users"

    def __repr__(self) -> str:
        return f"Users({self._session.base})"

    async def page(self, *, limit: int = 20, cursor: str = "") -> UserPage:
        """Some people, by name."""
        asked = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        return decode(UserPage, await self._sent("GET", f"?{urlencode(asked)}"))

    async def all(self) -> AsyncIterator[User]:
        """Everybody with an account, by name; pages are fetched on the way."""
        page = await self.page(limit=200)
        for each in page.items:
            yield each
        while page.next:
            page = await self.page(limit=200, cursor=page.next)
            for each in page.items:
                yield each

    async def get(self, name: str) -> User:
        """One person. raises NotFound"""
        return decode(User, await self._sent("GET", f"/{_named(name)}"))

    async def invite(
        self,
        name: str,
        *,
        roles: Iterable[str],
        zones: Iterable[str],
        scopes: Iterable[str] = (),
        full_name: str = "",
        days: int = 365,
    ) -> InvitedUser:
        """Lets a person in; the code of the invitation is in the answer this once.

        scopes  what the person may do at most; none for all that the roles permit
        raises  Conflict if the name is taken; AccessError for a zone that was not granted to the caller; QueryError
        """
        body = {
            "name": name,
            "roles": list(roles),
            "zones": list(zones),
            "scopes": list(scopes),
            "full_name": full_name,
            "days": days,
        }
        return decode(InvitedUser, await self._sent("POST", "", body))

    async def reset(self, name: str) -> InvitedUser:
        """Takes password, second factor and every sign-in from a person, who gets a new invitation. raises NotFound"""
        return decode(InvitedUser, await self._sent("POST", f"/{_named(name)}/reset"))

    async def unlock(self, name: str) -> User:
        """Lets a person try to sign in at once, whom others' guesses made wait. raises NotFound"""
        return decode(User, await self._sent("POST", f"/{_named(name)}/unlock"))

    async def sign_ins(self, name: str) -> SignIns:
        """Where a person is signed in now. raises NotFound"""
        return decode(SignIns, await self._sent("GET", f"/{_named(name)}/sign-ins"))

    async def sign_out(self, name: str) -> SignIns:
        """Ends every browser session of a person and all that applications were let do. raises NotFound"""
        return decode(SignIns, await self._sent("DELETE", f"/{_named(name)}/sign-ins"))

    async def passkeys(self, name: str) -> Passkeys:
        """The passkeys of a person, without their keys. raises NotFound"""
        return decode(Passkeys, await self._sent("GET", f"/{_named(name)}/passkeys"))

    async def remove_passkey(self, name: str, passkey_id: str) -> Passkeys:
        """Removes a passkey that a person lost; those that are left. raises NotFound"""
        found = segment(passkey_id, "id of a passkey")
        return decode(Passkeys, await self._sent("DELETE", f"/{_named(name)}/passkeys/{found}"))

    async def _sent(self, method: str, path: str, body: dict[str, Any] | None = None) -> object:
        sent = None if body is None else JsonBody(body)
        is_repeatable = method in ("GET", "DELETE")
        ask = Ask(method=method, url=f"{self._base}{path}", body=sent, is_repeatable=is_repeatable)
        return await self._session.document(ask)
