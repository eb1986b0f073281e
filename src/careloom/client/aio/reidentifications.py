"""The pseudonym vault: ask who is behind pseudonyms, approve or refuse what others asked, learn the answer."""

from collections.abc import AsyncIterator, Sequence
from typing import Literal
from urllib.parse import urlencode

from careloom.client.aio.session import Session
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.reidentification_reports import (
    Reidentification,
    ReidentificationBrief,
    ReidentificationPage,
    RevealedReidentification,
)
from careloom.client.reidentifications import _place
from careloom.client.transport import Ask


class Reidentifications:
    """The platform's requests to learn who is behind pseudonyms of the research zone."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"Reidentifications({self._session.base})"

    async def ask(
        self, names: Sequence[str], reason: str, purpose: str, *, project: str = "", epoch: int | None = None
    ) -> Reidentification:
        """Asks who is behind these pseudonyms (``Type/name``); somebody else has to approve it.

        purpose  a code of HL7 v3 PurposeOfUse, such as ``TREAT``
        epoch    under which the pseudonyms were given; None for the current one
        raises   InputError; NotFound if a name stands for nothing; Erased if the epoch is retired; AccessError
        """
        body: dict[str, object] = {"names": list(names), "reason": reason, "purpose": purpose, "project": project}
        ask = self._post("", body | ({} if epoch is None else {"epoch": epoch}))
        return decode(Reidentification, await self._session.document(ask))

    async def page(self, *, limit: int = 20, cursor: str = "") -> ReidentificationPage:
        """Requests, newest first; `cursor` is the `next` of the page before. raises AccessError."""
        asked = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        ask = Ask(method="GET", url=self._url(f"?{urlencode(asked)}"))
        return decode(ReidentificationPage, await self._session.document(ask))

    async def all(self) -> AsyncIterator[ReidentificationBrief]:
        """Every request; pages are fetched on the way."""
        page = await self.page(limit=200)
        for each in page.items:
            yield each
        while page.next:
            page = await self.page(limit=200, cursor=page.next)
            for each in page.items:
                yield each

    async def show(self, request: str) -> Reidentification:
        """One request: the pseudonyms, the reason, how it stands. raises NotFound; AccessError."""
        ask = Ask(method="GET", url=self._url(_place(request)))
        return decode(Reidentification, await self._session.document(ask))

    async def approve(self, request: str, remark: str = "") -> Reidentification:
        """Approves what somebody else asked. raises NotFound; Conflict; Erased; AccessError."""
        return await self._decide(request, "approve", remark)

    async def refuse(self, request: str, remark: str = "") -> Reidentification:
        """Refuses what another asked, or takes an approval back. raises NotFound; Conflict; Erased; AccessError."""
        return await self._decide(request, "refuse", remark)

    async def reveal(self, request: str) -> RevealedReidentification:
        """Who is behind the pseudonyms of one's own approved request; audited as a disclosure.

        raises  Conflict unless an approval holds; Erased; NotFound; AccessError
        """
        ask = self._post(f"{_place(request)}/reveal", {})
        return decode(RevealedReidentification, await self._session.document(ask))

    async def _decide(self, request: str, decision: Literal["approve", "refuse"], remark: str) -> Reidentification:
        ask = self._post(f"{_place(request)}/decisions", {"decision": decision, "remark": remark})
        return decode(Reidentification, await self._session.document(ask))

    def _post(self, path: str, body: dict[str, object]) -> Ask:
        return Ask(method="POST", url=self._url(path), body=JsonBody(body), is_repeatable=False)

    def _url(self, path: str) -> str:
        return f"{self._session.base}/api/v1/reidentifications{path}"
