"""Bulk exports of one zone: kick off, watch, fetch line by line, cancel."""

import json
from collections.abc import AsyncIterator, Iterable
from urllib.parse import urlencode

from careloom.client.address import linked, segment
from careloom.client.aio.session import Session
from careloom.client.aio.transport import rest
from careloom.client.exports import ExportedFile, ExportManifest, _manifest
from careloom.client.reports import Resource
from careloom.client.transport import FHIR_JSON, Ask
from careloom.errors import StateError


class Exports:
    """Bulk exports of one zone, as the client's token allows."""

    def __init__(self, session: Session, zone: str) -> None:
        self._session = session
        self._below = f"/fhir/{segment(zone, 'name of a zone')}/"

    def __repr__(self) -> str:
        return f"Exports({self._session.base}{self._below})"

    async def begin(
        self,
        *,
        types: Iterable[str] = (),
        since: str = "",
        filters: Iterable[str] = (),
        elements: Iterable[str] = (),
        patients: bool = False,
        group: str = "",
    ) -> str:
        """Queues an export and returns the address of its status.

        patients, group  only what is in patients' compartments; only the patients of the Group with this id
        raises           AccessError; QueryError; NotFound
        """
        pairs = [("_type", ",".join(types)), ("_since", since), ("_elements", ",".join(elements))]
        asked = [pair for pair in pairs if pair[1]] + [("_typeFilter", one) for one in filters]
        level = f"Group/{segment(group, 'id')}/" if group else "Patient/" if patients else ""
        url = f"{self._session.base}{self._below}{level}$export" + (f"?{urlencode(asked)}" if asked else "")
        ask = Ask(method="GET", url=url, accept=FHIR_JSON, is_repeatable=False, headers={"Prefer": "respond-async"})
        address = (await self._session.answer(ask)).headers.get("Content-Location", "")
        return linked(self._session.base, address, self._below)

    async def look(self, status: str) -> ExportManifest | None:
        """The manifest, None while the export is made. raises NotFound when it is gone."""
        url = linked(self._session.base, status, self._below)
        response = await self._session.answer(Ask(method="GET", url=url))
        return None if response.status_code == 202 else _manifest(response.content)

    async def wait(self, status: str, *, timeout: float = 3600.0, poll: float = 2.0) -> ExportManifest:
        """The manifest when the export is whole. raises StateError if it is not after `timeout` seconds."""
        pace = self._session.wire.pace
        until = pace.now() + timeout
        while (found := await self.look(status)) is None:
            left = until - pace.now()
            if left <= 0:
                raise StateError(f"the export is not whole after {timeout:g} seconds", "Wait for it again.")
            await rest(pace, min(poll, left))
        return found

    async def lines(self, file: ExportedFile) -> AsyncIterator[Resource]:
        """The resources of a file; all of it is held in memory while it is read."""
        url = linked(self._session.base, file.url, self._below)
        content = await self._session.content(Ask(method="GET", url=url, accept="application/fhir+ndjson"))
        for each in map(json.loads, content.splitlines()):
            yield each

    async def cancel(self, status: str) -> None:
        """Stops an export, and has its files removed. raises NotFound."""
        url = linked(self._session.base, status, self._below)
        await self._session.answer(Ask(method="DELETE", url=url))
