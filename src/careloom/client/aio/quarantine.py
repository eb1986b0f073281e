"""Quarantine: what was refused whole and why, and another try of it."""

from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.aio.session import Session
from careloom.client.aio.waiting import until_ended
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.quarantine import QuarantinePage, Redrive
from careloom.client.reports import RefusedRecord
from careloom.client.transport import Ask


class Quarantine:
    """The records of all ingestions that wait."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/quarantine"

    def __repr__(self) -> str:
        return f"Quarantine({self._session.base})"

    async def list(self, *, code: str = "", limit: int = 50, cursor: str = "") -> QuarantinePage:
        """Waiting records in order of arrival; of one reason with `code`. raises AccessError."""
        asked = {name: value for name, value in (("code", code), ("cursor", cursor)) if value}
        query = urlencode(asked | {"limit": str(limit)})
        return decode(QuarantinePage, await self._session.document(Ask(method="GET", url=f"{self._base}?{query}")))

    async def all(self, *, code: str = "") -> AsyncIterator[RefusedRecord]:
        """Every waiting record; pages are fetched on the way."""
        page = await self.list(code=code, limit=500)
        for each in page.items:
            yield each
        while page.next:
            page = await self.list(code=code, limit=500, cursor=page.next)
            for each in page.items:
                yield each

    async def redrive(self, records: Sequence[str] = (), *, code: str = "") -> Redrive:
        """Queues another try of these records, of all that wait for one reason, or of all that wait; see `wait`.

        raises AccessError; NotFound where one of the records does not wait
        """
        body = JsonBody({"records": [*records], "code": code})
        ask = Ask(method="POST", url=f"{self._base}/redrives", body=body, is_repeatable=False)
        return decode(Redrive, await self._session.document(ask))

    async def get(self, run_id: str) -> Redrive:
        """One try as it stands. raises NotFound."""
        url = f"{self._base}/redrives/{segment(run_id, 'id of a try')}"
        return decode(Redrive, await self._session.document(Ask(method="GET", url=url)))

    async def wait(self, run_id: str, *, timeout: float = 3600.0, poll: float = 1.0) -> Redrive:
        """The try when it is done. raises StateError if it failed, was cancelled or is not done in time."""
        return await until_ended(self._session.wire.pace, lambda: self.get(run_id), timeout=timeout, poll=poll)
