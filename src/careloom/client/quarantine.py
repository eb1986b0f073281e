"""Quarantine: what was refused whole and why, and another try of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.reports import QueuedWork, RefusedRecord
from careloom.client.session import Session
from careloom.client.transport import Ask
from careloom.client.waiting import until_ended


@dataclass(frozen=True, slots=True)
class WaitingReason:
    """How many records wait for one reason, an issue code."""

    code: str
    count: int


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """What waits: how many in all, by reason with the most frequent first, and some of the records.

    next  the cursor of the page after it, None on the last one
    """

    waiting: int
    reasons: tuple[WaitingReason, ...]
    items: tuple[RefusedRecord, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Redrive(QueuedWork):
    """Another try of refused records; its counts are those so far while it runs: tried = stored + refused + erased.

    refused  again, perhaps for another reason: they wait
    erased   about patients who were erased: gone now
    """

    tried: int
    stored: int
    refused: int
    erased: int


class Quarantine:
    """The records of all ingestions that wait."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/quarantine"

    def __repr__(self) -> str:
        return f"Quarantine({self._session.base})"

    def list(self, *, code: str = "", limit: int = 50, cursor: str = "") -> QuarantinePage:
        """Waiting records in order of arrival; of one reason with `code`. raises AccessError."""
        asked = {name: value for name, value in (("code", code), ("cursor", cursor)) if value}
        query = urlencode(asked | {"limit": str(limit)})
        return decode(QuarantinePage, self._session.document(Ask(method="GET", url=f"{self._base}?{query}")))

    def all(self, *, code: str = "") -> Iterator[RefusedRecord]:
        """Every waiting record; pages are fetched on the way."""
        page = self.list(code=code, limit=500)
        yield from page.items
        while page.next:
            page = self.list(code=code, limit=500, cursor=page.next)
            yield from page.items

    def redrive(self, records: Sequence[str] = (), *, code: str = "") -> Redrive:
        """Queues another try of these records, of all that wait for one reason, or of all that wait; see `wait`.

        raises AccessError; NotFound where one of the records does not wait
        """
        body = JsonBody({"records": [*records], "code": code})
        ask = Ask(method="POST", url=f"{self._base}/redrives", body=body, is_repeatable=False)
        return decode(Redrive, self._session.document(ask))

    def get(self, run_id: str) -> Redrive:
        """One try as it stands. raises NotFound."""
        url = f"{self._base}/redrives/{segment(run_id, 'id of a try')}"
        return decode(Redrive, self._session.document(Ask(method="GET", url=url)))

    def wait(self, run_id: str, *, timeout: float = 3600.0, poll: float = 1.0) -> Redrive:
        """The try when it is done. raises StateError if it failed, was cancelled or is not done in time."""
        return until_ended(self._session.wire.pace, lambda: self.get(run_id), timeout=timeout, poll=poll)
