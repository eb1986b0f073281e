"""Duplicates: look for resources that are there twice, read the groups, take them home as CSV."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode

from careloom.client.aio.session import Session
from careloom.client.aio.waiting import until_ended
from careloom.client.decoding import decode
from careloom.client.duplicates import _named
from careloom.client.duplicates_reports import DuplicateGroup, DuplicatePage, DuplicatesLook
from careloom.client.transport import Ask


class Duplicates:
    """The platform's resources that are there more than once. Nothing is removed by looking."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/linkage/duplicates"

    def __repr__(self) -> str:
        return f"Duplicates({self._session.base})"

    async def look(self) -> DuplicatesLook:
        """Queues a look; see `wait`. raises AccessError."""
        ask = Ask(method="POST", url=f"{self._base}/looks", is_repeatable=False)
        return decode(DuplicatesLook, await self._session.document(ask))

    async def state(self, run_id: str) -> DuplicatesLook:
        """How far a look is. raises NotFound."""
        return decode(DuplicatesLook, await self._get(f"/looks/{_named(run_id)}"))

    async def wait(self, run_id: str, *, timeout: float = 3600.0, poll: float = 1.0) -> DuplicatePage:
        """The first groups when it is done. raises StateError if it failed, was cancelled or is not done in time."""
        await until_ended(self._session.wire.pace, lambda: self.state(run_id), timeout=timeout, poll=poll)
        return await self.groups()

    async def groups(
        self, *, resource_type: str = "", kind: str = "", limit: int = 20, cursor: str = ""
    ) -> DuplicatePage:
        """Counts and groups of the newest look, without a value of any patient.

        kind    ``content`` or ``event``; both by default
        cursor  `next` of the page before: it goes on in the same look
        """
        asked = {"type": resource_type, "kind": kind, "limit": str(limit), "cursor": cursor}
        return decode(
            DuplicatePage, await self._get(f"?{urlencode({name: one for name, one in asked.items() if one})}")
        )

    async def all(self, *, resource_type: str = "", kind: str = "") -> AsyncIterator[DuplicateGroup]:
        """Every group of the newest look; pages are fetched on the way."""
        page = await self.groups(resource_type=resource_type, kind=kind, limit=200)
        for each in page.items:
            yield each
        while page.next:
            page = await self.groups(resource_type=resource_type, kind=kind, limit=200, cursor=page.next)
            for each in page.items:
                yield each

    async def export(self, run_id: str) -> bytes:
        """A finished look as CSV, one line for each resource. raises NotFound."""
        url = f"{self._base}/looks/{_named(run_id)}/export"
        return await self._session.content(Ask(method="GET", url=url, accept="text/csv"))

    async def _get(self, path: str) -> object:
        return await self._session.document(Ask(method="GET", url=f"{self._base}{path}"))
