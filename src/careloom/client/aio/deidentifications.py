"""De-identifications: make the research zone by a policy, watch it, read what was taken out; read the policies.

And one text or resource at a time, for programs that have no zone to make.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.aio.session import Session
from careloom.client.aio.waiting import until_ended
from careloom.client.decoding import decode
from careloom.client.deidentification_reports import (
    Deidentification,
    DeidentificationDetail,
    DeidentificationPage,
    DeidentificationPolicies,
    DeidentificationPolicy,
    DeidentificationPolicyDetail,
    DeidentifiedResource,
    DeidentifiedText,
)
from careloom.client.deidentifications import FORMATS, _named
from careloom.client.payload import JsonBody
from careloom.client.reports import Resource
from careloom.client.transport import Ask, Body


class Deidentifications:
    """The platform's de-identifications, those of every face."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/deidentifications"
        self._policies = f"{session.base}/api/v1/deidentification-policies"

    def __repr__(self) -> str:
        return f"Deidentifications({self._session.base})"

    async def start(self, policy: str = "") -> Deidentification:
        """Queues a de-identification; see `wait`. raises AccessError; InputError for a policy that does not ship.

        policy  by its name; that of the platform's settings where empty
        """
        return decode(Deidentification, await self._post("", JsonBody({"policy": policy})))

    async def get(self, run_id: str) -> DeidentificationDetail:
        """One de-identification as it stands, with its report when it is done. raises NotFound."""
        return decode(DeidentificationDetail, await self._get(f"/{_named(run_id)}"))

    async def wait(self, run_id: str, *, timeout: float = 3600.0, poll: float = 1.0) -> DeidentificationDetail:
        """It when it is done. raises StateError if it failed, was cancelled or is not done in time."""
        return await until_ended(self._session.wire.pace, lambda: self.get(run_id), timeout=timeout, poll=poll)

    async def list(self, *, limit: int = 20, cursor: str = "") -> DeidentificationPage:
        """De-identifications, newest first; `cursor` is the `next` of the page before."""
        asked = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        return decode(DeidentificationPage, await self._get(f"?{urlencode(asked)}"))

    async def all(self) -> AsyncIterator[Deidentification]:
        """Every de-identification, newest first; pages are fetched on the way."""
        page = await self.list(limit=100)
        for each in page.items:
            yield each
        while page.next:
            page = await self.list(limit=100, cursor=page.next)
            for each in page.items:
                yield each

    async def report(self, run_id: str, format: str = "json") -> bytes:  # noqa: A002 - the API's word
        """The signed report: ``json`` is the file that `careloom audit signature` checks, ``html`` a page for people.

        raises  NotFound until it is done; IntegrityError for a page of a report that was changed
        """
        url = f"{self._base}/{_named(run_id)}/report?{urlencode({'format': format})}"
        return await self._session.content(Ask(method="GET", url=url, accept=FORMATS.get(format, "*/*")))

    async def cancel(self, run_id: str) -> Deidentification:
        """Asks it to stop; what it has committed stays. raises NotFound; Conflict if it has ended."""
        return decode(Deidentification, await self._post(f"/{_named(run_id)}/cancel", None))

    async def text(
        self, text: str, *, policy: str = "", style: str | None = None, patient: str = "", project: str = ""
    ) -> DeidentifiedText:
        """One text without identity; the platform keeps nothing of it.

        policy   by its name; that of the platform's settings where empty, or safe-harbor where that lets no text pass
        style    ``surrogate``, ``tag`` or ``mask``; as the policy says where None
        patient  stored id in the identified zone, of whom you may read: what the record knows is looked for, too
        project  whose names, dates and surrogates it bears, as the research zone has them; empty: those of this answer
        raises   AccessError; InputError, of it TooLarge and NotFound; Erased
        """
        asked = {"text": text, "policy": policy, "style": style, "patient": patient, "project": project}
        return decode(DeidentifiedText, await self._one(asked))

    async def resource(
        self, resource: Resource, *, policy: str = "", style: str | None = None, patient: str = "", project: str = ""
    ) -> DeidentifiedResource:
        """One resource of FHIR R4 without identity; otherwise as `text`."""
        asked = {"resource": resource, "policy": policy, "style": style, "patient": patient, "project": project}
        found = await self._one(asked)
        return DeidentifiedResource(found["resource"], decode(DeidentifiedText, found))

    async def _one(self, asked: Mapping[str, object]) -> dict[str, Any]:
        url = f"{self._session.base}/api/v1/deidentify"
        return await self._session.document(Ask(method="POST", url=url, body=JsonBody(asked)))

    async def policies(self) -> tuple[DeidentificationPolicy, ...]:
        """The policies that ship."""
        found = await self._session.document(Ask(method="GET", url=self._policies))
        return decode(DeidentificationPolicies, found).items

    async def policy(self, name: str) -> DeidentificationPolicyDetail:
        """One policy with its entries and their reasons. raises NotFound."""
        url = f"{self._policies}/{segment(name, 'name of a policy')}"
        return decode(DeidentificationPolicyDetail, await self._session.document(Ask(method="GET", url=url)))

    async def _get(self, path: str) -> object:
        return await self._session.document(Ask(method="GET", url=f"{self._base}{path}"))

    async def _post(self, path: str, body: Body | None) -> object:
        return await self._session.document(
            Ask(method="POST", url=f"{self._base}{path}", body=body, is_repeatable=False)
        )
