"""FHIR R4 of one zone: read, search, write, and page through what a search finds.

A search is posted by default, so that searched values stand in no address and in no log of a proxy.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from urllib.parse import urlencode

from careloom.client.address import linked, segment
from careloom.client.aio.fhir_operations import FhirOperations
from careloom.client.aio.session import Session
from careloom.client.credentials import Fields
from careloom.client.fhir import Query, _criteria, _matching, _own_type, _pairs
from careloom.client.fhir_operations import page_of, type_of
from careloom.client.payload import JsonBody
from careloom.client.reports import Page, Resource
from careloom.client.transport import FHIR_JSON, Ask
from careloom.errors import SetupError


class FhirZone:
    """The FHIR store of one zone, as the client's token allows."""

    def __init__(self, session: Session, zone: str) -> None:
        self._session = session
        self._below = f"/fhir/{segment(zone, 'name of a zone')}/"

    def __repr__(self) -> str:
        return f"FhirZone({self._session.base}{self._below})"

    @property
    def operations(self) -> FhirOperations:
        """What the zone does beside reading, searching and writing."""
        return FhirOperations(self._session, self._below)

    async def read(self, resource_type: str, resource_id: str) -> Resource:
        """The current version of one resource.

        raises  NotFound; Erased if it was deleted or its patient erased; AccessError
        """
        return await self._get(f"{type_of(resource_type)}/{segment(resource_id, 'id')}")

    async def vread(self, resource_type: str, resource_id: str, version_id: str) -> Resource:
        """One version of a resource. raises as `read`."""
        version = segment(version_id, "id of a version")
        return await self._get(f"{type_of(resource_type)}/{segment(resource_id, 'id')}/_history/{version}")

    async def capabilities(self) -> Resource:
        """The CapabilityStatement: what this zone answers. Needs no token."""
        ask = Ask(method="GET", url=self._url("metadata"), accept=FHIR_JSON)
        return await self._session.document(ask, is_open=True)

    async def search(
        self, resource_type: str, query: Query = (), *, count: int | None = None, in_address: bool = False
    ) -> Page:
        """The first page of what a search finds.

        count       resources on a page; the platform has a limit of its own
        in_address  sends it as GET: searched values then stand in the address, and in the logs of proxies
        raises      QueryError; AccessError
        """
        pairs = _pairs(query) + ([] if count is None else [("_count", str(count))])
        url = self._url(type_of(resource_type))
        if in_address:
            ask = Ask(method="GET", url=f"{url}?{urlencode(pairs)}" if pairs else url, accept=FHIR_JSON)
        else:
            ask = Ask(method="POST", url=f"{url}/_search", accept=FHIR_JSON, body=Fields(pairs))
        return page_of(await self._session.document(ask))

    async def follow(self, next_page: str) -> Page:
        """The page at the address that the page before gave as `next`.

        raises  SetupError if it leads out of this zone: the token is not sent there
        """
        url = linked(self._session.base, next_page, self._below)
        return page_of(await self._session.document(Ask(method="GET", url=url, accept=FHIR_JSON)))

    async def pages(
        self, resource_type: str, query: Query = (), *, count: int | None = None, in_address: bool = False
    ) -> AsyncIterator[Page]:
        """Every page of what a search finds, one after the other; arguments as of `search`."""
        page = await self.search(resource_type, query, count=count, in_address=in_address)
        seen: set[str] = set()
        yield page
        while page.next:
            if page.next in seen:
                raise SetupError("the pages of the answer run in a circle", "Tell the operator of the platform.")
            seen.add(page.next)
            page = await self.follow(page.next)
            yield page

    async def all(
        self, resource_type: str, query: Query = (), *, count: int | None = None, in_address: bool = False
    ) -> AsyncIterator[Resource]:
        """Every match of a search, without what it includes; a page is fetched when its first resource is asked for."""
        async for page in self.pages(resource_type, query, count=count, in_address=in_address):
            for each in page.resources:
                yield each

    async def create(self, resource: Resource, *, if_none_exist: Query = ()) -> Resource:
        """The resource as stored, under the id that the platform gave it.

        if_none_exist  criteria: where they find one resource, that one is left as it is and returned
        raises         Invalid, Unprocessable; Precondition where the criteria find several; AccessError
        """
        pairs = _pairs(if_none_exist)
        headers = {"If-None-Exist": urlencode(pairs)} if pairs else {}
        return await self._send("POST", _own_type(resource), resource, headers=headers, is_repeatable=bool(pairs))

    async def update(self, resource: Resource, *, if_match: str = "") -> Resource:
        """The resource as stored; its ``id`` says which one it replaces.

        if_match  the ``meta.versionId`` that you hold
        raises    as `create`; Precondition where it is of another version; NotSupported where it was never there
        """
        name = segment(str(resource.get("id", "")), "id")
        return await self._send("PUT", f"{_own_type(resource)}/{name}", resource, if_match=if_match)

    async def update_where(self, resource: Resource, query: Query) -> Resource:
        """The resource as stored, in place of the one that the criteria find; new where they find none.

        raises  as `update`; Precondition where they find several
        """
        return await self._send("PUT", f"{_own_type(resource)}?{_criteria(query)}", resource, is_repeatable=False)

    async def patch(
        self, resource_type: str, resource_id: str, patch: list[Resource] | Resource, *, if_match: str = ""
    ) -> Resource:
        """The resource after the patch: a JSON Patch (a list), or a FHIRPath Patch (Parameters).

        raises  Unprocessable, Invalid; NotFound, Erased; Precondition; AccessError
        """
        path = f"{type_of(resource_type)}/{segment(resource_id, 'id')}"
        kind = "application/json-patch+json" if isinstance(patch, list) else FHIR_JSON
        return await self._send("PATCH", path, patch, kind=kind, if_match=if_match, is_repeatable=False)

    async def delete(self, resource_type: str, resource_id: str, *, if_match: str = "") -> None:
        """Deletes it; what is not there is no error. raises Conflict where others point to it; Precondition"""
        url = self._url(f"{type_of(resource_type)}/{segment(resource_id, 'id')}")
        headers = _matching(if_match)
        await self._session.content(
            Ask(method="DELETE", url=url, accept=FHIR_JSON, headers=headers, is_repeatable=not headers)
        )

    async def delete_where(self, resource_type: str, query: Query) -> None:
        """Deletes the one resource that the criteria find. raises Precondition where they find several; Conflict"""
        url = self._url(f"{type_of(resource_type)}?{_criteria(query)}")
        await self._session.content(Ask(method="DELETE", url=url, accept=FHIR_JSON))

    async def history(
        self,
        resource_type: str = "",
        resource_id: str = "",
        *,
        since: datetime | None = None,
        count: int | None = None,
    ) -> Page:
        """The first page of versions, newest first: of a resource, of a type, or of the whole zone.

        since   UTC-aware: versions made from then on
        raises  NotFound, Erased; AccessError
        """
        path = f"{type_of(resource_type)}/" if resource_type else ""
        path += f"{segment(resource_id, 'id')}/" if resource_id else ""
        pairs = [] if since is None else [("_since", since.isoformat())]
        pairs += [] if count is None else [("_count", str(count))]
        query = f"?{urlencode(pairs)}" if pairs else ""
        url = self._url(f"{path}_history{query}")
        return page_of(await self._session.document(Ask(method="GET", url=url, accept=FHIR_JSON)))

    async def submit(self, bundle: Resource) -> Resource:
        """The answer to a batch or transaction, entry by entry.

        raises  of a transaction, which is then not done at all, as `create`; AccessError
        """
        url = f"{self._session.base}{self._below}".rstrip("/")
        body = JsonBody(bundle, FHIR_JSON)
        return await self._session.document(
            Ask(method="POST", url=url, accept=FHIR_JSON, body=body, is_repeatable=False)
        )

    async def _send(  # noqa: PLR0913 - what a request consists of
        self,
        method: str,
        path: str,
        content: object,
        *,
        kind: str = FHIR_JSON,
        if_match: str = "",
        headers: Mapping[str, str] | None = None,
        is_repeatable: bool = True,
    ) -> Resource:
        return await self._session.document(
            Ask(
                method=method,
                url=self._url(path),
                accept=FHIR_JSON,
                body=JsonBody(content, kind),
                headers={"Prefer": "return=representation", **_matching(if_match), **(headers or {})},
                is_repeatable=is_repeatable and not if_match,
            )
        )

    async def _get(self, path: str) -> Resource:
        return await self._session.document(Ask(method="GET", url=self._url(path), accept=FHIR_JSON))

    def _url(self, path: str) -> str:
        return f"{self._session.base}{self._below}{path}"
