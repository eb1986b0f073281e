"""The keys that sign tokens: listed, renewed, revoked."""

from careloom.client.address import segment
from careloom.client.aio.session import Session
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.signing_keys import SigningKey, _Keys
from careloom.client.transport import Ask


class SigningKeys:
    """What signs the tokens of this platform. Needs the scope ``careloom/administer``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/signing-keys"

    def __repr__(self) -> str:
        return f"SigningKeys({self._session.base})"

    async def list(self) -> tuple[SigningKey, ...]:
        """All keys whose signatures hold, or will: access tokens' first, newest first."""
        return decode(_Keys, await self._session.document(Ask(method="GET", url=self._base))).items

    async def rotate(self, use: str = "all") -> tuple[SigningKey, ...]:
        """Makes new keys, which are shown at once and sign later; all keys as they are then.

        use     ``access``, ``identity`` or ``all``
        raises  Conflict where a new key waits already
        """
        ask = Ask(method="POST", url=f"{self._base}/rotate", body=JsonBody({"use": use}))
        return decode(_Keys, await self._session.document(ask)).items

    async def revoke(self, kid: str) -> tuple[SigningKey, ...]:
        """Ends a key and all that it signed at once, this client's token too if it was; all keys as they are then.

        raises  NotFound
        """
        ask = Ask(method="POST", url=f"{self._base}/{segment(kid, 'kid')}/revoke")
        return decode(_Keys, await self._session.document(ask)).items
