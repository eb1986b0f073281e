"""Exploring a zone: what there is, charts with small cells left out, rows page by page."""

from collections.abc import Iterable, Mapping
from typing import Any

from careloom.client.address import segment
from careloom.client.aio.session import Session
from careloom.client.decoding import decode
from careloom.client.explore_reports import Explored, ExploredRows, ExploreSource, ExploreSources
from careloom.client.payload import JsonBody
from careloom.client.transport import Ask


class Explore:
    """Tables and views of one zone, as the client's token allows."""

    def __init__(self, session: Session, zone: str) -> None:
        self._session = session
        self._below = f"/api/v1/explore/{segment(zone, 'name of a zone')}"

    def __repr__(self) -> str:
        return f"Explore({self._session.base}{self._below})"

    async def sources(self) -> tuple[ExploreSource, ...]:
        """Everything that can be explored here. raises AccessError"""
        url = f"{self._session.base}{self._below}/sources"
        return decode(ExploreSources, await self._session.document(Ask(method="GET", url=url))).items

    async def charts(
        self, source: str, charts: Iterable[Mapping[str, Any]] = (), *, filters: Iterable[Mapping[str, Any]] = (),
        against: str = "",
    ) -> Explored:  # fmt: skip
        """Charts of a table or view; an overview where none is named.

        charts   ``{"kind": "distribution", "column": "gender"}``; trend, cross (with ``by``), correlations (``names``)
        filters  ``{"column": "status", "operator": "is", "values": ["final"]}``; not, above, below, known, unknown
        against  a zone that has the same source, to be seen beside
        raises   AccessError; NotFound for a source or column; QueryError
        """
        body = {"source": source, "charts": list(charts), "filters": list(filters), "against": against}
        return decode(Explored, await self._post("", body))

    async def rows(self, source: str, columns: Iterable[str] = (), **more: Any) -> ExploredRows:
        """A page of rows.

        more    filters, sort, is_descending, start, limit (200 at most)
        raises  as `charts`
        """
        filters = list(more.pop("filters", ()))
        return decode(
            ExploredRows,
            await self._post("/rows", {"source": source, "columns": list(columns), "filters": filters, **more}),
        )

    async def _post(self, where: str, body: Mapping[str, Any]) -> Any:
        url = f"{self._session.base}{self._below}{where}"
        return await self._session.document(Ask(method="POST", url=url, body=JsonBody(body), is_repeatable=False))
