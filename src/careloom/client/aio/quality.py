"""Quality: look at the data, read reports and the trend, and learn which resources break a rule."""

from collections.abc import AsyncIterator
from datetime import date
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.aio.session import Session
from careloom.client.aio.waiting import until_ended
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.quality import FORMATS, _named
from careloom.client.quality_reports import BrokenRow, BrokenRows, Look, LookBrief, LookPage, QualityReport
from careloom.client.transport import Ask


class Quality:
    """How good the platform's data is."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/quality"

    def __repr__(self) -> str:
        return f"Quality({self._session.base})"

    async def look(self, zone: str = "identified", *, source: str = "", since: date | None = None) -> Look:
        """Queues a look at a zone; see `wait`.

        source  only what this source system sent
        since   only what was stored from this day on
        raises  QueryError, InputError; AccessError
        """
        body = JsonBody({"zone": zone, "source": source} | ({"since": since.isoformat()} if since else {}))
        ask = Ask(method="POST", url=f"{self._base}/looks", body=body, is_repeatable=False)
        return decode(Look, await self._session.document(ask))

    async def state(self, run_id: str) -> Look:
        """How far a look is. raises NotFound."""
        return decode(Look, await self._get(f"/looks/{_named(run_id)}"))

    async def wait(self, run_id: str, *, timeout: float = 3600.0, poll: float = 1.0) -> QualityReport:
        """The report when the look is done. raises StateError if it failed, was cancelled or is not done in time."""
        await until_ended(self._session.wire.pace, lambda: self.state(run_id), timeout=timeout, poll=poll)
        return await self.report(run_id)

    async def report(self, run_id: str = "", *, zone: str = "identified") -> QualityReport:
        """One report; the newest of the zone where no run is named. raises NotFound."""
        place = f"/runs/{_named(run_id)}" if run_id else f"/report?{urlencode({'zone': zone})}"
        return decode(QualityReport, await self._get(place))

    async def looks(self, zone: str = "identified", *, limit: int = 20, cursor: str = "") -> LookPage:
        """Finished looks, newest first: the trend; `cursor` is the `next` of the page before."""
        asked = {"zone": zone, "limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        return decode(LookPage, await self._get(f"/runs?{urlencode(asked)}"))

    async def all(self, zone: str = "identified") -> AsyncIterator[LookBrief]:
        """Every finished look, newest first; pages are fetched on the way."""
        page = await self.looks(zone, limit=100)
        for each in page.items:
            yield each
        while page.next:
            page = await self.looks(zone, limit=100, cursor=page.next)
            for each in page.items:
                yield each

    async def rows(
        self,
        run_id: str,
        rule: str,
        *,
        source: str = "",
        resource_type: str = "",
        limit: int = 50,
        cursor: str = "",
    ) -> BrokenRows:
        """Resources that break a rule, one page of them. raises NotFound."""
        asked = {"limit": str(limit)} | {
            name: value for name, value in (("source", source), ("type", resource_type), ("cursor", cursor)) if value
        }
        place = f"/runs/{_named(run_id)}/rules/{segment(rule, 'id of a rule')}?{urlencode(asked)}"
        return decode(BrokenRows, await self._get(place))

    async def broken(self, run_id: str, rule: str) -> AsyncIterator[BrokenRow]:
        """Every resource that breaks a rule; pages are fetched on the way. raises NotFound."""
        page = await self.rows(run_id, rule, limit=500)
        for each in page.items:
            yield each
        while page.next:
            page = await self.rows(run_id, rule, limit=500, cursor=page.next)
            for each in page.items:
                yield each

    async def export(self, run_id: str, format: str = "html", *, table: str = "rules") -> bytes:  # noqa: A002 - the API's word
        """A report as a file: ``html``, ``csv`` or ``json``. raises NotFound.

        table  what of it as CSV: ``rules``, ``findings`` or ``completeness``
        """
        url = f"{self._base}/runs/{_named(run_id)}/export?{urlencode({'format': format, 'table': table})}"
        return await self._session.content(Ask(method="GET", url=url, accept=FORMATS.get(format, "*/*")))

    async def _get(self, path: str) -> object:
        return await self._session.document(Ask(method="GET", url=f"{self._base}{path}"))
