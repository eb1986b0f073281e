"""People who sign in with a password and a second factor: invited, shown, reset, where they are signed in, passkeys."""

from collections.abc import Iterable, Iterator
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
class User:
    """A person with an account, without what the person signs in with.

    state    ``active``, ``disabled`` or ``expired``
    account  ``ready``, ``invited`` or ``invitation-over``
    providers  other providers by whom the person signs in
    passkeys   how many the person has
    """

    client_id: str
    name: str
    state: str
    roles: tuple[str, ...]
    zones: tuple[str, ...]
    scopes: tuple[str, ...]
    created: datetime
    expires: datetime | None
    is_bound_to_a_patient: bool
    actors: tuple[str, ...]
    purposes: tuple[str, ...]
    disabled: datetime | None
    full_name: str
    account: str
    providers: tuple[str, ...]
    passkeys: int
    recovery_codes_left: int
    invited_until: datetime | None
    password_changed: datetime | None
    signed_in: datetime | None


@dataclass(frozen=True, slots=True)
class InvitedUser(User):
    """A person with the code that lets the person choose a password once, which nobody can show again."""

    invitation: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UserPage:
    """Some people, by name; `next` is the cursor of the page after them, None on the last one."""

    items: tuple[User, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class BrowserSignIn:
    """A browser in which a person is signed in."""

    since: datetime
    seen: datetime


@dataclass(frozen=True, slots=True)
class AppSignIn:
    """What a person lets an application do."""

    app: str
    scopes: tuple[str, ...]
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class SignIns:
    """Where a person is signed in now."""

    name: str
    browsers: tuple[BrowserSignIn, ...]
    apps: tuple[AppSignIn, ...]


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey of a person; `is_synced` where it may be copied to other devices, `used` None before the first time."""

    id: str
    name: str
    is_synced: bool
    created: datetime
    used: datetime | None


@dataclass(frozen=True, slots=True)
class Passkeys:
    """The passkeys of a person, the oldest first."""

    name: str
    passkeys: tuple[Passkey, ...]


class Users:
    """People of this platform. Needs the scope ``careloom/administer``; `Clients.grant` changes what they may do."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/users"

    def __repr__(self) -> str:
        return f"Users({self._session.base})"

    def page(self, *, limit: int = 20, cursor: str = "") -> UserPage:
        """Some people, by name."""
        asked = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        return decode(UserPage, self._sent("GET", f"?{urlencode(asked)}"))

    def all(self) -> Iterator[User]:
        """Everybody with an account, by name; pages are fetched on the way."""
        page = self.page(limit=200)
        yield from page.items
        while page.next:
            page = self.page(limit=200, cursor=page.next)
            yield from page.items

    def get(self, name: str) -> User:
        """One person. raises NotFound"""
        return decode(User, self._sent("GET", f"/{_named(name)}"))

    def invite(
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
        return decode(InvitedUser, self._sent("POST", "", body))

    def reset(self, name: str) -> InvitedUser:
        """Takes password, second factor and every sign-in from a person, who gets a new invitation. raises NotFound"""
        return decode(InvitedUser, self._sent("POST", f"/{_named(name)}/reset"))

    def unlock(self, name: str) -> User:
        """Lets a person try to sign in at once, whom others' guesses made wait. raises NotFound"""
        return decode(User, self._sent("POST", f"/{_named(name)}/unlock"))

    def sign_ins(self, name: str) -> SignIns:
        """Where a person is signed in now. raises NotFound"""
        return decode(SignIns, self._sent("GET", f"/{_named(name)}/sign-ins"))

    def sign_out(self, name: str) -> SignIns:
        """Ends every browser session of a person and all that applications were let do. raises NotFound"""
        return decode(SignIns, self._sent("DELETE", f"/{_named(name)}/sign-ins"))

    def passkeys(self, name: str) -> Passkeys:
        """The passkeys of a person, without their keys. raises NotFound"""
        return decode(Passkeys, self._sent("GET", f"/{_named(name)}/passkeys"))

    def remove_passkey(self, name: str, passkey_id: str) -> Passkeys:
        """Removes a passkey that a person lost; those that are left. raises NotFound"""
        found = segment(passkey_id, "id of a passkey")
        return decode(Passkeys, self._sent("DELETE", f"/{_named(name)}/passkeys/{found}"))

    def _sent(self, method: str, path: str, body: dict[str, Any] | None = None) -> object:
        sent = None if body is None else JsonBody(body)
        is_repeatable = method in ("GET", "DELETE")
        ask = Ask(method=method, url=f"{self._base}{path}", body=sent, is_repeatable=is_repeatable)
        return self._session.document(ask)


def _named(name: str) -> str:
    return segment(name, "name of a person")
