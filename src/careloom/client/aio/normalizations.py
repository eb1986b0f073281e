"""Normalizations: rehearse what would change, apply it, watch it, read what changed."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode

from careloom.client.aio.session import Session
from careloom.client.aio.waiting import until_ended
from careloom.client.decoding import decode
from careloom.client.normalization_reports import Normalization, NormalizationDetail, NormalizationPage
from careloom.client.normalizations import _named
from careloom.client.payload import JsonBody
from careloom.client.transport import Ask, Body


class Normalizations:
    """The platform's normalizations, those of every face."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/normalizations"

    def __repr__(self) -> str:
        return f"Normalizations({self._session.base})"

    async def rehearse(self) -> Normalization:
        """Queues a rehearsal, which tells what would change and changes nothing; see `wait`. raises AccessError."""
        return await self._queued(is_rehearsal=True)

    async def apply(self) -> Normalization:
        """Queues a normalization: each changed resource gets a new version; see `wait`. raises AccessError."""
        return await self._queued(is_rehearsal=False)

    async def get(self, run_id: str) -> NormalizationDetail:
        """One normalization as it stands. raises NotFound."""
        return decode(NormalizationDetail, await self._get(f"/{_named(run_id)}"))

    async def wait(self, run_id: str, *, timeout: float = 3600.0, poll: float = 1.0) -> NormalizationDetail:
        """The normalization when it is done. raises StateError if it failed, was cancelled or is not done in time."""
        return await until_ended(self._session.wire.pace, lambda: self.get(run_id), timeout=timeout, poll=poll)

    async def list(self, *, limit: int = 20, cursor: str = "") -> NormalizationPage:
        """Normalizations, newest first; `cursor` is the `next` of the page before."""
        asked = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        return decode(NormalizationPage, await self._get(f"?{urlencode(asked)}"))

    async def all(self) -> AsyncIterator[Normalization]:
        """Every normalization, newest first; pages are fetched on the way."""
        page = await self.list(limit=100)
        for each in page.items:
            yield each
        while page.next:
            page = await self.list(limit=100, cursor=page.next)
            for each in page.items:
                yield each

    async def cancel(self, run_id: str) -> Normalization:
        """Asks it to stop; what it has committed stays. raises NotFound; Conflict if it has ended."""
        return decode(Normalization, await self._post(f"/{_named(run_id)}/cancel", None))

    async def _queued(self, *, is_rehearsal: bool) -> Normalization:
        return decode(Normalization, await self._post("", JsonBody({"rehearsal": is_rehearsal})))

    async def _get(self, path: str) -> object:
        return await self._session.document(Ask(method="GET", url=f"{self._base}{path}"))

    async def _post(self, path: str, body: Body | None) -> object:
        return await self._session.document(
            Ask(method="POST", url=f"{self._base}{path}", body=body, is_repeatable=False)
        )
