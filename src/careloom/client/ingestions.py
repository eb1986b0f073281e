"""Ingestions: send what arrived, watch it being read, and learn what was refused and why."""

from collections.abc import Iterable, Iterator
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.decoding import decode
from careloom.client.payload import Source, Upload, Watch, parts_of
from careloom.client.reports import Ingestion, IngestionPage, IngestionReport, IssuePage, RefusedRecord
from careloom.client.session import Session
from careloom.client.transport import Ask, Body
from careloom.errors import SetupError, StateError

_FIRST_LOOK_SECONDS = 0.1
_LONGEST_ABSENCE_SECONDS = 60.0
"""How long a platform that does not answer is waited for: a restart is no failure of an ingestion."""


class Ingestions:
    """The platform's ingestions, those of every face."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"Ingestions({self._session.base})"

    def upload(
        self,
        what: Source | Iterable[Source],
        *,
        format: str = "auto",  # noqa: A002 - the word of the command line and of the API
        source: str = "",
        progress: Watch | None = None,
    ) -> Ingestion:
        """Sends files, folders, bytes or streams, and returns the ingestion that will read them.

        The platform has them durably when this returns; see `wait`. They are streamed: memory does not grow with them.

        format    what they hold; ``auto`` finds out by their content
        source    the system that sent them; empty for the platform's default
        progress  called with the bytes sent and those to send, the latter 0 where a stream does not tell; an error that
                  it raises ends the upload, and nothing of it is kept
        raises    NotFound, InputError for what cannot be read; TooLarge; AccessError; SetupError if the connection
                  broke: look at `list` before sending again (what had arrived counts as known, never twice)
        """
        asked = {"format": format} | ({"source": source} if source else {})
        body = Upload(parts_of(what), progress)
        return self._one(f"?{urlencode(asked)}", method="POST", body=body)

    def list(self, *, limit: int = 20, cursor: str = "") -> IngestionPage:
        """Ingestions, newest first; `cursor` is the `next` of the page before."""
        asked = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        return decode(IngestionPage, self._get(f"?{urlencode(asked)}"))

    def all(self) -> Iterator[Ingestion]:
        """Every ingestion, newest first; pages are fetched on the way."""
        page = self.list(limit=100)
        yield from page.items
        while page.next:
            page = self.list(limit=100, cursor=page.next)
            yield from page.items

    def get(self, ingestion_id: str) -> IngestionReport:
        """One ingestion with its files. raises NotFound."""
        return decode(IngestionReport, self._get(_named(ingestion_id)))

    def issues(self, ingestion_id: str, *, code: str = "", limit: int = 20, cursor: str = "") -> IssuePage:
        """What was wrong with its records: counts by code, and refused records one page at a time.

        code    only records that were refused for this reason
        raises  NotFound
        """
        asked = {"limit": str(limit)} | ({"code": code} if code else {}) | ({"cursor": cursor} if cursor else {})
        return decode(IssuePage, self._get(f"{_named(ingestion_id)}/issues?{urlencode(asked)}"))

    def refused(self, ingestion_id: str, *, code: str = "") -> Iterator[RefusedRecord]:
        """Every record of it in quarantine; pages are fetched on the way. raises NotFound."""
        page = self.issues(ingestion_id, code=code, limit=100)
        yield from page.items
        while page.next:
            page = self.issues(ingestion_id, code=code, limit=100, cursor=page.next)
            yield from page.items

    def cancel(self, ingestion_id: str) -> Ingestion:
        """Asks it to stop; what it has stored stays. raises NotFound; Conflict if it has ended."""
        return self._one(f"{_named(ingestion_id)}/cancel", method="POST", body=None)

    def wait(
        self, ingestion_id: str, *, timeout: float = 3600.0, poll: float = 2.0, progress: Watch | None = None
    ) -> IngestionReport:
        """The ingestion when it is done.

        timeout   seconds to wait at most
        poll      seconds between looks at most; the first ones come sooner
        progress  called with the bytes read and those to read, the latter 0 before it is known
        raises    StateError if it failed (with its code), was cancelled, or is not done in time; NotFound; SetupError
                  if the platform is away for longer than a minute
        """
        pace = self._session.wire.pace
        until, pause, heard, state = pace.now() + timeout, min(_FIRST_LOOK_SECONDS, poll), pace.now(), "away"
        while True:
            try:
                seen = self.get(ingestion_id)
            except SetupError:
                if pace.now() - heard > _LONGEST_ABSENCE_SECONDS:
                    raise
            else:
                heard, state = pace.now(), seen.state
                if progress:
                    progress(seen.progress.done, seen.progress.total)
                if seen.has_ended:
                    return _done(seen)
            left = until - pace.now()
            if left <= 0:
                raise StateError(
                    f"ingestion {ingestion_id} is still {state} after {timeout:g} seconds",
                    "It goes on; wait for it again, or cancel it.",
                )
            pace.sleep(min(pause, left))
            pause = min(pause * 1.5, poll)

    def _one(self, path: str, *, method: str, body: Body | None) -> Ingestion:
        ask = Ask(method=method, url=self._url(path), body=body, is_repeatable=False)
        return decode(Ingestion, self._session.document(ask))

    def _get(self, path: str) -> object:
        return self._session.document(Ask(method="GET", url=self._url(path)))

    def _url(self, path: str) -> str:
        return f"{self._session.base}/api/v1/ingestions{path}"


def _named(ingestion_id: str) -> str:
    return "/" + segment(ingestion_id, "id of an ingestion")


def _done(seen: IngestionReport) -> IngestionReport:
    if seen.state == "done":
        return seen
    code = f" ({seen.error})" if seen.error else ""
    raise StateError(
        f"ingestion {seen.id} {'was cancelled' if seen.state == 'cancelled' else 'failed'}{code}",
        "What it had stored stays; mend the reason and send the same files again: nothing is stored twice.",
    )
