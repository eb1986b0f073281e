"""Exports of views of one zone (``$viewdefinition-export``): kick off, watch, fetch, cancel."""

from collections.abc import Iterable, Mapping
from typing import Any

from careloom.client.address import linked, segment
from careloom.client.aio.session import Session
from careloom.client.aio.transport import rest
from careloom.client.payload import JsonBody
from careloom.client.reports import Resource
from careloom.client.transport import FHIR_JSON, Ask
from careloom.client.view_exports import ViewExport, _manifest, _view
from careloom.errors import StateError


class ViewExports:
    """Exports of views of one zone, as far as the caller may see it. Needs ``system/*.r`` and ``system/*.s``."""

    def __init__(self, session: Session, zone: str) -> None:
        self._session = session
        self._below = f"/fhir/{segment(zone, 'name of a zone')}/"

    def __repr__(self) -> str:
        return f"ViewExports({self._session.base}{self._below})"

    async def begin(
        self,
        views: Mapping[str, Resource | str],
        *,
        form: str = "ndjson",
        patients: Iterable[str] = (),
        since: str = "",
    ) -> str:
        """Queues an export and returns the address of its status.

        views     name of the files -> a ViewDefinition, or the name of one that ships
        form      ``ndjson``, ``json``, ``csv`` or ``parquet``
        patients  ids of the only patients wanted
        since     FHIR instant: what was updated later
        raises    AccessError; QueryError; NotFound for a view that does not ship
        """
        parts: list[dict[str, Any]] = [{"name": "view", "part": _view(name, one)} for name, one in views.items()]
        parts.append({"name": "_format", "valueCode": form})
        parts += [{"name": "patient", "valueReference": {"reference": f"Patient/{one}"}} for one in patients]
        parts += [{"name": "_since", "valueInstant": since}] if since else []
        ask = Ask(
            method="POST",
            url=f"{self._session.base}{self._below}$viewdefinition-export",
            accept=FHIR_JSON,
            body=JsonBody({"resourceType": "Parameters", "parameter": parts}, FHIR_JSON),
            headers={"Prefer": "respond-async"},
            is_repeatable=False,
        )
        address = (await self._session.answer(ask)).headers.get("Content-Location", "")
        return linked(self._session.base, address, self._below)

    async def look(self, status: str) -> ViewExport | None:
        """The export, None while it is made. raises NotFound when it is gone"""
        url = linked(self._session.base, status, self._below)
        response = await self._session.answer(Ask(method="GET", url=url, accept=FHIR_JSON))
        return None if response.status_code == 202 else _manifest(response.content)

    async def wait(self, status: str, *, timeout: float = 3600.0, poll: float = 2.0) -> ViewExport:
        """The export when it is whole. raises StateError if it is not after `timeout` seconds"""
        pace = self._session.wire.pace
        until = pace.now() + timeout
        while (found := await self.look(status)) is None:
            left = until - pace.now()
            if left <= 0:
                raise StateError(f"the export is not whole after {timeout:g} seconds", "Wait for it again.")
            await rest(pace, min(poll, left))
        return found

    async def file(self, address: str) -> bytes:
        """The rows of a file, in the format of the export. raises Unprocessable where a resource does not fit"""
        url = linked(self._session.base, address, self._below)
        return await self._session.content(Ask(method="GET", url=url, accept="*/*"))

    async def cancel(self, status: str) -> None:
        """Stops an export, and has its files removed. raises NotFound"""
        url = linked(self._session.base, status, self._below)
        await self._session.answer(Ask(method="DELETE", url=url))
