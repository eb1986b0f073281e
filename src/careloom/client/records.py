"""Raw records: messages and documents as they arrived."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from careloom.client.address import segment
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.reports import RawRecord, RecordDetail, RecordPage
from careloom.client.session import Session
from careloom.client.transport import Ask

Conditions = Mapping[str, str | bool | datetime]
NOTHING: Conditions = MappingProxyType({})


class Records:
    """The platform's landing zone, record by record."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"Records({self._session.base})"

    def find(self, conditions: Conditions = NOTHING, *, limit: int = 50, cursor: str = "") -> RecordPage:
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
        return decode(RecordPage, self._session.document(ask))

    def all(self, conditions: Conditions = NOTHING) -> Iterator[RawRecord]:
        """Every record that meets the conditions; pages are fetched on the way."""
        page = self.find(conditions, limit=500)
        yield from page.items
        while page.next:
            page = self.find(conditions, limit=500, cursor=page.next)
            yield from page.items

    def get(self, record_id: str) -> RecordDetail:
        """One record with what its structure lacks. raises NotFound; AccessError."""
        return decode(RecordDetail, self._session.document(Ask(method="GET", url=self._named(record_id))))

    def raw(self, record_id: str) -> bytes:
        """The exact bytes: they identify people, and fetching them is audited. raises NotFound; AccessError."""
        ask = Ask(method="GET", url=f"{self._named(record_id)}/raw", accept="application/octet-stream")
        return self._session.content(ask)

    @property
    def _base(self) -> str:
        return f"{self._session.base}/api/v1/records"

    def _named(self, record_id: str) -> str:
        return f"{self._base}/{segment(record_id, 'id of a record')}"
