"""The keys that sign tokens: listed, renewed, revoked."""

from dataclasses import dataclass
from datetime import datetime

from careloom.client.address import segment
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.session import Session
from careloom.client.transport import Ask


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key, without anything of it that is secret.

    use         ``access`` or ``identity``
    state       ``next`` (shown, does not sign yet), ``current`` or ``retired`` (only what it signed holds)
    until       when it leaves, None while no newer key is there
    """

    kid: str
    use: str
    algorithm: str
    state: str
    created: datetime
    signs_from: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class _Keys:
    items: tuple[SigningKey, ...]


class SigningKeys:
    """What signs the tokens of this platform. Needs the scope ``careloom/administer``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/signing-keys"

    def __repr__(self) -> str:
        return f"SigningKeys({self._session.base})"

    def list(self) -> tuple[SigningKey, ...]:
        """All keys whose signatures hold, or will: access tokens' first, newest first."""
        return decode(_Keys, self._session.document(Ask(method="GET", url=self._base))).items

    def rotate(self, use: str = "all") -> tuple[SigningKey, ...]:
        """Makes new keys, which are shown at once and sign later; all keys as they are then.

        use     ``access``, ``identity`` or ``all``
        raises  Conflict where a new key waits already
        """
        ask = Ask(method="POST", url=f"{self._base}/rotate", body=JsonBody({"use": use}))
        return decode(_Keys, self._session.document(ask)).items

    def revoke(self, kid: str) -> tuple[SigningKey, ...]:
        """Ends a key and all that it signed at once, this client's token too if it was; all keys as they are then.

        raises  NotFound
        """
        ask = Ask(method="POST", url=f"{self._base}/{segment(kid, 'kid')}/revoke")
        return decode(_Keys, self._session.document(ask)).items
