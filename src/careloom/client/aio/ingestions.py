"""Ingestions: send what arrived, watch it being read, and learn what was refused and why."""

from collections.abc import AsyncIterator, Iterable
from urllib.parse import urlencode

from careloom.client.aio.session import Session
from careloom.client.aio.transport import rest
from careloom.client.decoding import decode
from careloom.client.ingestions import _FIRST_LOOK_SECONDS, _LONGEST_ABSENCE_SECONDS, _done, _named
from careloom.client.payload import Source, Upload, Watch, parts_of
from careloom.client.reports import Ingestion, IngestionPage, IngestionReport, IssuePage, RefusedRecord
from careloom.client.transport import Ask, Body
from careloom.errors import SetupError, StateError


class Ingestions:
    """The platform's ingestions, those of every face."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"Ingestions({self._session.base})"

    async def upload(
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
        return await self._one(f"?{urlencode(asked)}", method="POST", body=body)

    async def list(self, *, limit: int = 20, cursor: str = "") -> IngestionPage:
        """Ingestions, newest first; `cursor` is the `next` of the page before."""
        asked = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        return decode(IngestionPage, await self._get(f"?{urlencode(asked)}"))

    async def all(self) -> AsyncIterator[Ingestion]:
        """Every ingestion, newest first; pages are fetched on the way."""
        page = await self.list(limit=100)
        for each in page.items:
            yield each
        while page.next:
            page = await self.list(limit=100, cursor=page.next)
            for each in page.items:
                yield each

    async def get(self, ingestion_id: str) -> IngestionReport:
        """One ingestion with its files. raises NotFound."""
        return decode(IngestionReport, await self._get(_named(ingestion_id)))

    async def issues(self, ingestion_id: str, *, code: str = "", limit: int = 20, cursor: str = "") -> IssuePage:
        """What was wrong with its records: counts by code, and refused records one page at a time.

        code    only records that were refused for this reason
        raises  NotFound
        """
        asked = {"limit": str(limit)} | ({"code": code} if code else {}) | ({"cursor": cursor} if cursor else {})
        return decode(IssuePage, await self._get(f"{_named(ingestion_id)}/issues?{urlencode(asked)}"))

    async def refused(self, ingestion_id: str, *, code: str = "") -> AsyncIterator[RefusedRecord]:
        """Every record of it in quarantine; pages are fetched on the way. raises NotFound."""
        page = await self.issues(ingestion_id, code=code, limit=100)
        for each in page.items:
            yield each
        while page.next:
            page = await self.issues(ingestion_id, code=code, limit=100, cursor=page.next)
            for each in page.items:
                yield each

    async def cancel(self, ingestion_id: str) -> Ingestion:
        """Asks it to stop; what it has stored stays. raises NotFound; Conflict if it has ended."""
        return await self._one(f"{_named(ingestion_id)}/cancel", method="POST", body=None)

    async def wait(
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
                seen = await self.get(ingestion_id)
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
            await rest(pace, min(pause, left))
            pause = min(pause * 1.5, poll)

    async def _one(self, path: str, *, method: str, body: Body | None) -> Ingestion:
        ask = Ask(method=method, url=self._url(path), body=body, is_repeatable=False)
        return decode(Ingestion, await self._session.document(ask))

    async def _get(self, path: str) -> object:
        return await self._session.document(Ask(method="GET", url=self._url(path)))

    def _url(self, path: str) -> str:
        return f"{self._session.base}/api/v1/ingestions{path}"
