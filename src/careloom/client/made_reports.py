"""Reports: pages as PDF, the register by which one is verified, and schedules that make them again and again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.session import Session
from careloom.client.transport import Ask


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """A report as the register has it.

    page      the kind of page: ``quality``
    content   SHA-256 of what it says; `file` of its bytes
    schedule  what made it here; None where `by` declared it
    is_kept   whether its file can be had
    """

    id: str
    by: str
    page: str
    made: datetime
    content: str
    file: str
    schedule: str | None
    is_kept: bool


@dataclass(frozen=True, slots=True)
class ReportEntries:
    """Some entries, newest first; `next` is the cursor of the page after it, None on the last one."""

    items: tuple[ReportEntry, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class LastReport:
    """What came of the last run of a schedule: ``done`` with its report, or ``failed`` with a code."""

    at: datetime
    state: str
    error: str | None
    report: str | None


@dataclass(frozen=True, slots=True)
class ReportSchedule:
    """A page that becomes a report again and again.

    page     address below ``/dashboard/``, with its query
    cadence  ``daily``, ``weekly`` (Mondays) or ``monthly`` (the first), at `hour` UTC
    keep     how many of its reports stay
    """

    id: str
    by: str
    page: str
    cadence: str
    hour: int
    keep: int
    paused: bool
    created: datetime
    next: datetime
    last: LastReport | None


@dataclass(frozen=True, slots=True)
class ReportSchedules:
    """Some schedules, newest first; `next` is the cursor of the page after it, None on the last one."""

    items: tuple[ReportSchedule, ...]
    next: str | None


class MadeReports:
    """The register of reports, and schedules."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1"

    def __repr__(self) -> str:
        return f"MadeReports({self._session.base})"

    def list(self, *, limit: int = 100, cursor: str = "") -> ReportEntries:
        """One's own reports, newest first. raises AccessError."""
        query = urlencode({"limit": str(limit)} | ({"cursor": cursor} if cursor else {}))
        return decode(ReportEntries, self._session.document(Ask(method="GET", url=f"{self._base}/reports?{query}")))

    def all(self) -> Iterator[ReportEntry]:
        """Every one; pages are fetched on the way."""
        page = self.list(limit=500)
        yield from page.items
        while page.next:
            page = self.list(limit=500, cursor=page.next)
            yield from page.items

    def verify(self, sha256: str) -> tuple[ReportEntry, ...]:
        """The reports of this hash, of content or file, whoever made them; empty where the register has none.

        Those that a schedule made here come first, then what people declared, the oldest of each person, oldest first:
        an entry without a `schedule` is that person's word.
        """
        found: list[ReportEntry] = []
        asked = {"sha256": sha256, "limit": "500"}
        while asked:
            url = f"{self._base}/reports?{urlencode(asked)}"
            page = decode(ReportEntries, self._session.document(Ask(method="GET", url=url)))
            found.extend(page.items)
            asked = {**asked, "cursor": page.next} if page.next else {}
        return tuple(sorted(found, key=lambda each: (each.schedule is None, each.made, each.id)))

    def register(self, page: str, content: str, file: str) -> ReportEntry:
        """Declares a report by the kind of its page and its hashes."""
        body = JsonBody({"page": page, "content": content, "file": file})
        ask = Ask(method="POST", url=f"{self._base}/reports", body=body, is_repeatable=False)
        return decode(ReportEntry, self._session.document(ask))

    def download(self, report_id: str) -> bytes:
        """The PDF of a report that is kept. raises NotFound."""
        return self._session.content(Ask(method="GET", url=self._report(report_id)))

    def discard(self, report_id: str) -> ReportEntry:
        """Destroys the file of a report; its entry stays, and is returned. raises NotFound."""
        return decode(ReportEntry, self._session.document(Ask(method="DELETE", url=self._report(report_id))))

    def schedules(self, *, limit: int = 100, cursor: str = "") -> ReportSchedules:
        """One's own schedules; of everybody for who may operate the installation. raises AccessError."""
        query = urlencode({"limit": str(limit)} | ({"cursor": cursor} if cursor else {}))
        url = f"{self._base}/report-schedules?{query}"
        return decode(ReportSchedules, self._session.document(Ask(method="GET", url=url)))

    def schedule(
        self, page: str, cadence: Literal["daily", "weekly", "monthly"], *, hour: int = 6, keep: int = 12
    ) -> ReportSchedule:
        """Has a page made as a report again and again. raises InputError for a page of one patient."""
        body = JsonBody({"page": page, "cadence": cadence, "hour": hour, "keep": keep})
        ask = Ask(method="POST", url=f"{self._base}/report-schedules", body=body, is_repeatable=False)
        return decode(ReportSchedule, self._session.document(ask))

    def pause(self, schedule_id: str, *, paused: bool = True) -> ReportSchedule:
        """Lets a schedule rest, or go on. raises NotFound."""
        ask = Ask(method="PUT", url=f"{self._schedule(schedule_id)}/paused", body=JsonBody({"paused": paused}))
        return decode(ReportSchedule, self._session.document(ask))

    def unschedule(self, schedule_id: str) -> ReportSchedule:
        """Ends a schedule and destroys the files of its reports; it as it was. raises NotFound."""
        return decode(ReportSchedule, self._session.document(Ask(method="DELETE", url=self._schedule(schedule_id))))

    def _report(self, report_id: str) -> str:
        return f"{self._base}/reports/{segment(report_id, 'id of a report')}"

    def _schedule(self, schedule_id: str) -> str:
        return f"{self._base}/report-schedules/{segment(schedule_id, 'id of a schedule')}"
