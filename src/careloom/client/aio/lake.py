"""Tables of one zone: listed, described, read page by page, brought up to date."""

import json
from collections.abc import AsyncIterator, Iterable
from typing import Any, Literal
from urllib.parse import urlencode

import httpx

from careloom.client.address import linked, segment
from careloom.client.aio.session import Session
from careloom.client.aio.waiting import until_ended
from careloom.client.decoding import decode
from careloom.client.lake import _ACCEPT, _place
from careloom.client.lake_reports import Table, TableDetail, TableList, TableRefresh
from careloom.client.transport import Ask


class Lake:
    """The tables of one zone, as the client's token allows: without rows that restrictions and consents keep back."""

    def __init__(self, session: Session, zone: str) -> None:
        self._session = session
        self._below = f"/api/v1/lake/{segment(zone, 'name of a zone')}/"

    def __repr__(self) -> str:
        return f"Lake({self._session.base}{self._below})"

    async def tables(self) -> tuple[Table, ...]:
        """Every table. raises AccessError"""
        return decode(TableList, await self._session.document(self._get("tables"))).items

    async def table(self, path: str) -> TableDetail:
        """One table, by layer and name such as ``silver/patients``. raises NotFound"""
        return decode(TableDetail, await self._session.document(self._get(_place(path))))

    async def rows(
        self, name: str, columns: Iterable[str] = (), *, start: int = 0, page_rows: int = 50_000
    ) -> AsyncIterator[dict[str, Any]]:
        """The rows of a table (``gold/labs_wide``) or of a version (``gold/labs_wide@3``), from number `start` on, all
        of one version: one object of JSON each.

        raises  NotFound for a table, version or column that is not there
        """
        async for content in self.pages(name, columns, kind="ndjson", start=start, page_rows=page_rows):
            for each in map(json.loads, content.splitlines()):
                yield each

    async def pages(
        self,
        name: str,
        columns: Iterable[str] = (),
        *,
        kind: Literal["ndjson", "csv", "arrow", "parquet"] = "arrow",
        start: int = 0,
        page_rows: int = 50_000,
    ) -> AsyncIterator[bytes]:
        """The same page by page, as the platform writes them: NDJSON, CSV with a header each, Parquet, or streams of
        Arrow (``polars.read_ipc_stream``).
        """
        path, _, version = name.partition("@")
        asked = {"version": version, "columns": ",".join(columns), "start": str(start), "limit": str(page_rows)}
        query = urlencode({key: value for key, value in asked.items() if value} | {"format": kind})
        url = f"{self._session.base}{self._below}{_place(path)}/rows?{query}"
        while url:
            answer = await self._session.answer(Ask(method="GET", url=url, accept=_ACCEPT[kind]))
            yield answer.content
            url = self._next(answer)

    async def refresh(self, path: str) -> TableRefresh:
        """Queues a refresh of the table of a view; see `wait`. raises NotFound"""
        url = f"{self._session.base}{self._below}{_place(path)}/refresh"
        return decode(TableRefresh, await self._session.document(Ask(method="POST", url=url, is_repeatable=False)))

    async def refreshed(self, run_id: str) -> TableRefresh:
        """One refresh as it stands. raises NotFound"""
        where = f"refreshes/{segment(run_id, 'id of a refresh')}"
        return decode(TableRefresh, await self._session.document(self._get(where)))

    async def wait(self, run_id: str, *, timeout: float = 3600.0, poll: float = 1.0) -> TableRefresh:
        """The refresh when it is done. raises StateError if it failed, was cancelled or is not done in time"""
        return await until_ended(self._session.wire.pace, lambda: self.refreshed(run_id), timeout=timeout, poll=poll)

    def _get(self, where: str) -> Ask:
        return Ask(method="GET", url=f"{self._session.base}{self._below}{where}")

    def _next(self, answer: httpx.Response) -> str:
        """The address of the next page; empty after the last. raises SetupError for one that is not of this lake"""
        link = answer.links.get("next", {}).get("url", "")
        return linked(self._session.base, link, self._below) if link else ""
