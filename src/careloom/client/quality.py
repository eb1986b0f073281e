"""Quality: look at the data, read reports and the trend, and learn which resources break a rule."""

from collections.abc import Iterator
from datetime import date
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.quality_reports import BrokenRow, BrokenRows, Look, LookBrief, LookPage, QualityReport
from careloom.client.session import Session
from careloom.client.transport import Ask
from careloom.client.waiting import until_ended

FORMATS = {"html": "text/html", "csv": "text/csv", "json": "application/json"}


class Quality:
    """How good the platform's data is."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/quality"

    def __repr__(self) -> str:
        return f"Quality({self._session.base})"

    def look(self, zone: str = "identified", *, source: str = "", since: date | None = None) -> Look:
        """Queues a look at a zone; see `wait`.

        source  only what this source system sent
        since   only what was stored from this day on
        raises  QueryError, InputError; AccessError
        """
        body = JsonBody({"zone": zone, "source": source} | ({"since": since.isoformat()} if since else {}))
        ask = Ask(method="POST", url=f"{self._base}/looks", body=body, is_repeatable=False)
        return decode(Look, self._session.document(ask))

    def state(self, run_id: str) -> Look:
        """How far a look is. raises NotFound."""
        return decode(Look, self._get(f"/looks/{_named(run_id)}"))

    def wait(self, run_id: str, *, timeout: float = 3600.0, poll: float = 1.0) -> QualityReport:
        """The report when the look is done. raises StateError if it failed, was cancelled or is not done in time."""
        until_ended(self._session.wire.pace, lambda: self.state(run_id), timeout=timeout, poll=poll)
        return self.report(run_id)

    def report(self, run_id: str = "", *, zone: str = "identified") -> QualityReport:
        """One report; the newest of the zone where no run is named. raises NotFound."""
        place = f"/runs/{_named(run_id)}" if run_id else f"/report?{urlencode({'zone': zone})}"
        return decode(QualityReport, self._get(place))

    def looks(self, zone: str = "identified", *, limit: int = 20, cursor: str = "") -> LookPage:
        """Finished looks, newest first: the trend; `cursor` is the `next` of the page before."""
        asked = {"zone": zone, "limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        return decode(LookPage, self._get(f"/runs?{urlencode(asked)}"))

    def all(self, zone: str = "identified") -> Iterator[LookBrief]:
        """Every finished look, newest first; pages are fetched on the way."""
        page = self.looks(zone, limit=100)
        yield from page.items
        while page.next:
            page = self.looks(zone, limit=100, cursor=page.next)
            yield from page.items

    def rows(
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
        return decode(BrokenRows, self._get(place))

    def broken(self, run_id: str, rule: str) -> Iterator[BrokenRow]:
        """Every resource that breaks a rule; pages are fetched on the way. raises NotFound."""
        page = self.rows(run_id, rule, limit=500)
        yield from page.items
        while page.next:
            page = self.rows(run_id, rule, limit=500, cursor=page.next)
            yield from page.items

    def export(self, run_id: str, format: str = "html", *, table: str = "rules") -> bytes:  # noqa: A002 - the API's word
        """A report as a file: ``html``, ``csv`` or ``json``. raises NotFound.

        table  what of it as CSV: ``rules``, ``findings`` or ``completeness``
        """
        url = f"{self._base}/runs/{_named(run_id)}/export?{urlencode({'format': format, 'table': table})}"
        return self._session.content(Ask(method="GET", url=url, accept=FORMATS.get(format, "*/*")))

    def _get(self, path: str) -> object:
        return self._session.document(Ask(method="GET", url=f"{self._base}{path}"))


def _named(run_id: str) -> str:
    return segment(run_id, "id of a look")
