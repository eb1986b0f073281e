"""Reports: pages as PDF, the register by which one is verified, and schedules that make them again and again."""

from collections.abc import AsyncIterator
from typing import Literal
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.aio.session import Session
from careloom.client.decoding import decode
from careloom.client.made_reports import ReportEntries, ReportEntry, ReportSchedule, ReportSchedules
from careloom.client.payload import JsonBody
from careloom.client.transport import Ask


class MadeReports:
    """The register of reports, and schedules."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1"

    def __repr__(self) -> str:
        return f"MadeReports({self._session.base})"

    async def list(self, *, limit: int = 100, cursor: str = "") -> ReportEntries:
        """One's own reports, newest first. raises AccessError."""
        query = urlencode({"limit": str(limit)} | ({"cursor": cursor} if cursor else {}))
        return decode(
            ReportEntries, await self._session.document(Ask(method="GET", url=f"{self._base}/reports?{query}"))
        )

    async def all(self) -> AsyncIterator[ReportEntry]:
        """Every one; pages are fetched on the way."""
        page = await self.list(limit=500)
        for each in page.items:
            yield each
        while page.next:
            page = await self.list(limit=500, cursor=page.next)
            for each in page.items:
                yield each

    async def verify(self, sha256: str) -> tuple[ReportEntry, ...]:
        """The reports of this hash, of content or file, whoever made them; empty where the register has none.

        Those that a schedule made here come first, then what people declared, the oldest of each person, oldest first:
        an entry without a `schedule` is that person's word.
        """
        found: list[ReportEntry] = []
        asked = {"sha256": sha256, "limit": "500"}
        while asked:
            url = f"{self._base}/reports?{urlencode(asked)}"
            page = decode(ReportEntries, await self._session.document(Ask(method="GET", url=url)))
            found.extend(page.items)
            asked = {**asked, "cursor": page.next} if page.next else {}
        return tuple(sorted(found, key=lambda each: (each.schedule is None, each.made, each.id)))

    async def register(self, page: str, content: str, file: str) -> ReportEntry:
        """Declares a report by the kind of its page and its hashes."""
        body = JsonBody({"page": page, "content": content, "file": file})
        ask = Ask(method="POST", url=f"{self._base}/reports", body=body, is_repeatable=False)
        return decode(ReportEntry, await self._session.document(ask))

    async def download(self, report_id: str) -> bytes:
        """The PDF of a report that is kept. raises NotFound."""
        return await self._session.content(Ask(method="GET", url=self._report(report_id)))

    async def discard(self, report_id: str) -> ReportEntry:
        """Destroys the file of a report; its entry stays, and is returned. raises NotFound."""
        return decode(ReportEntry, await self._session.document(Ask(method="DELETE", url=self._report(report_id))))

    async def schedules(self, *, limit: int = 100, cursor: str = "") -> ReportSchedules:
        """One's own schedules; of everybody for who may operate the installation. raises AccessError."""
        query = urlencode({"limit": str(limit)} | ({"cursor": cursor} if cursor else {}))
        url = f"{self._base}/report-schedules?{query}"
        return decode(ReportSchedules, await self._session.document(Ask(method="GET", url=url)))

    async def schedule(
        self, page: str, cadence: Literal["daily", "weekly", "monthly"], *, hour: int = 6, keep: int = 12
    ) -> ReportSchedule:
        """Has a page made as a report again and again. raises InputError for a page of one patient."""
        body = JsonBody({"page": page, "cadence": cadence, "hour": hour, "keep": keep})
        ask = Ask(method="POST", url=f"{self._base}/report-schedules", body=body, is_repeatable=False)
        return decode(ReportSchedule, await self._session.document(ask))

    async def pause(self, schedule_id: str, *, paused: bool = True) -> ReportSchedule:
        """Lets a schedule rest, or go on. raises NotFound."""
        ask = Ask(method="PUT", url=f"{self._schedule(schedule_id)}/paused", body=JsonBody({"paused": paused}))
        return decode(ReportSchedule, await self._session.document(ask))

    async def unschedule(self, schedule_id: str) -> ReportSchedule:
        """Ends a schedule and destroys the files of its reports; it as it was. raises NotFound."""
        return decode(
            ReportSchedule, await self._session.document(Ask(method="DELETE", url=self._schedule(schedule_id)))
        )

    def _report(self, report_id: str) -> str:
        return f"{self._base}/reports/{segment(report_id, 'id of a report')}"

    def _schedule(self, schedule_id: str) -> str:
        return f"{self._base}/report-schedules/{segment(schedule_id, 'id of a schedule')}"
