"""Raw records: messages and documents as they arrived."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from careloom.client.address import segment
from careloom.client.aio.session import Session
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.records import NOTHING, Conditions
from careloom.client.reports import RawRecord, RecordDetail, RecordPage
from careloom.client.transport import Ask


class Records:
    """The platform's landing zone, record by record."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"Records({self._session.base})"

    async def find(self, conditions: Conditions = NOTHING, *, limit: int = 50, cursor: str = "") -> RecordPage:
        """Records that meet every condition, newest first; `cursor` is the `next` of the page before.

        conditions  ``control_id``, ``type`` (``ADT^A01``, ``ADT``, a LOINC code), ``since`` and ``until`` (aware),
                    ``patient`` with ``source``, ``faulty``
        raises      QueryError; AccessError
        """
        told: dict[str, Any] = {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in conditions.items()
        }
        body = JsonBody(told | {"limit": limit} | ({"cursor": cursor} if cursor else {}))
        ask = Ask(method="POST", url=self._base, body=body)
        return decode(RecordPage, await self._session.document(ask))

    async def all(self, conditions: Conditions = NOTHING) -> AsyncIterator[RawRecord]:
        """Every record that meets the conditions; pages are fetched on the way."""
        page = await self.find(conditions, limit=500)
        for each in page.items:
            yield each
        while page.next:
            page = await self.find(conditions, limit=500, cursor=page.next)
            for each in page.items:
                yield each

    async def get(self, record_id: str) -> RecordDetail:
        """One record with what its structure lacks. raises NotFound; AccessError."""
        return decode(RecordDetail, await self._session.document(Ask(method="GET", url=self._named(record_id))))

    async def raw(self, record_id: str) -> bytes:
        """The exact bytes: they identify people, and fetching them is audited. raises NotFound; AccessError."""
        ask = Ask(method="GET", url=f"{self._named(record_id)}/raw", accept="application/octet-stream")
        return await self._session.content(ask)

    @property
    def _base(self) -> str:
        return f"{self._session.base}/api/v1/records"

    def _named(self, record_id: str) -> str:
        return f"{self._base}/{segment(record_id, 'id of a record')}"
