"""Bulk imports into one zone: send files of resources, watch, learn what became of every record, cancel."""

import json
from collections.abc import AsyncIterator, Iterable
from urllib.parse import urlencode

from careloom.client.address import linked, segment
from careloom.client.aio.session import Session
from careloom.client.aio.transport import rest
from careloom.client.imports import ImportReport, _report
from careloom.client.payload import Source, Upload, Watch, parts_of
from careloom.client.reports import Resource
from careloom.client.transport import FHIR_JSON, Ask
from careloom.errors import StateError


class Imports:
    """Bulk imports into one zone, as the client's token allows."""

    def __init__(self, session: Session, zone: str) -> None:
        self._session = session
        self._below = f"/fhir/{segment(zone, 'name of a zone')}/"

    def __repr__(self) -> str:
        return f"Imports({self._session.base}{self._below})"

    async def begin(self, what: Source | Iterable[Source], *, source: str = "", progress: Watch | None = None) -> str:
        """Sends files of resources and returns the address of the import's status.

        The platform has them durably when this returns. They are streamed: memory does not grow with them.

        what      files, folders, bytes or streams of NDJSON, packed or not
        source    the system that sent them; empty for the platform's default
        progress  as of `careloom.client.ingestions.Ingestions.upload`
        raises    NotFound, InputError for what cannot be read; TooLarge; AccessError; SetupError if it broke off
        """
        url = f"{self._session.base}{self._below}$import" + (f"?{urlencode({'source': source})}" if source else "")
        headers = {"Prefer": "respond-async"}
        body = Upload(parts_of(what), progress)
        ask = Ask(method="POST", url=url, accept=FHIR_JSON, body=body, is_repeatable=False, headers=headers)
        address = (await self._session.answer(ask)).headers.get("Content-Location", "")
        return linked(self._session.base, address, self._below)

    async def look(self, status: str) -> ImportReport | None:
        """What became of every record, None while the import runs. raises NotFound when it was cancelled."""
        url = linked(self._session.base, status, self._below)
        response = await self._session.answer(Ask(method="GET", url=url))
        return None if response.status_code == 202 else _report(response.content)

    async def wait(self, status: str, *, timeout: float = 3600.0, poll: float = 2.0) -> ImportReport:
        """The report when the import is done. raises StateError if it is not after `timeout` seconds."""
        pace = self._session.wire.pace
        until = pace.now() + timeout
        while (found := await self.look(status)) is None:
            left = until - pace.now()
            if left <= 0:
                raise StateError(f"the import is not done after {timeout:g} seconds", "Wait for it again.")
            await rest(pace, min(poll, left))
        return found

    async def errors(self, report: ImportReport) -> AsyncIterator[Resource]:
        """An OperationOutcome for each record that was refused and waits; it names the record by its id."""
        if not report.errors:
            return
        url = linked(self._session.base, report.errors, self._below)
        content = await self._session.content(Ask(method="GET", url=url, accept="application/fhir+ndjson"))
        for each in map(json.loads, content.splitlines()):
            yield each

    async def cancel(self, status: str) -> None:
        """Stops an import; what it has stored stays. raises NotFound; Conflict if it has ended."""
        url = linked(self._session.base, status, self._below)
        await self._session.answer(Ask(method="DELETE", url=url))
