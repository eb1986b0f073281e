"""Linkage: find patients who are one person, look at pairs side by side, decide, and take it back."""

from collections.abc import AsyncIterator
from typing import Any, Literal
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.aio.duplicates import Duplicates
from careloom.client.aio.session import Session
from careloom.client.aio.waiting import until_ended
from careloom.client.decoding import decode
from careloom.client.linkage_reports import (
    DecidedPair,
    GoldenRecord,
    GoldenSource,
    LinkageRun,
    Pair,
    PairDetail,
    PairPage,
)
from careloom.client.payload import JsonBody
from careloom.client.transport import Ask


class Linkage:
    """The platform's pairs of patients who are, or may be, one person; `duplicates`: resources that are there twice."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.duplicates = Duplicates(session)

    def __repr__(self) -> str:
        return f"Linkage({self._session.base})"

    async def run(self, *, full: bool = False) -> LinkageRun:
        """Queues a run; see `wait`. `full` learns anew and compares everybody. raises AccessError."""
        return decode(LinkageRun, await self._post("/runs", {"full": full}))

    async def run_of(self, run_id: str) -> LinkageRun:
        """How far a queued run is. raises NotFound."""
        return decode(LinkageRun, await self._get(f"/runs/{segment(run_id, 'id of a run')}"))

    async def wait(self, run_id: str, *, timeout: float = 3600.0, poll: float = 2.0) -> LinkageRun:
        """The run when it is done, after `timeout` seconds at most.

        raises  StateError if it failed (with its code), was cancelled, or is not done in time; NotFound
        """
        return await until_ended(self._session.wire.pace, lambda: self.run_of(run_id), timeout=timeout, poll=poll)

    async def pairs(
        self, *, state: str = "", patient: str | None = None, limit: int = 20, cursor: str = ""
    ) -> PairPage:
        """Pairs by falling weight, without a value of any patient; `cursor` is the `next` of the page before.

        state    review, linked or rejected; all of them by default
        patient  only pairs of the Patient with this stored id; an empty one is refused
        """
        asked = {name: one for name, one in (("state", state), ("limit", str(limit)), ("cursor", cursor)) if one}
        if patient is not None:
            asked["patient"] = patient.removeprefix("Patient/")
        return decode(PairPage, await self._get(f"/pairs?{urlencode(asked)}"))

    async def all(self, *, state: str = "") -> AsyncIterator[Pair]:
        """Every pair; pages are fetched on the way."""
        page = await self.pairs(state=state, limit=200)
        for each in page.items:
            yield each
        while page.next:
            page = await self.pairs(state=state, limit=200, cursor=page.next)
            for each in page.items:
                yield each

    async def show(self, pair: str) -> PairDetail:
        """One pair side by side; it names people, and looking is audited. raises NotFound; AccessError."""
        return decode(PairDetail, await self._get(f"/pairs/{segment(pair, 'id of a pair')}"))

    async def accept(self, pair: str, reason: str = "") -> DecidedPair:
        """Decides that the two are one person. raises NotFound; Conflict; AccessError."""
        return await self._decide(pair, "accept", reason)

    async def reject(self, pair: str, reason: str = "") -> DecidedPair:
        """Decides that the two are not. raises NotFound; Conflict; AccessError."""
        return await self._decide(pair, "reject", reason)

    async def undo(self, pair: str, reason: str = "") -> DecidedPair:
        """Takes the last decision back, also one of the model or a feed. raises NotFound; Conflict; AccessError."""
        return await self._decide(pair, "undo", reason)

    async def golden(self, patient: str) -> GoldenRecord:
        """The best value of each field of all records of a person. raises NotFound; Erased; AccessError."""
        name = segment(patient.removeprefix("Patient/"), "id of a patient")
        found = await self._get(f"/patients/{name}/golden")
        sources = tuple(decode(GoldenSource, one) for one in found["records"])
        return GoldenRecord(found["patient"], sources, tuple(found["fields"]))

    async def _decide(self, pair: str, action: Literal["accept", "reject", "undo"], reason: str) -> DecidedPair:
        path = f"/pairs/{segment(pair, 'id of a pair')}/decisions"
        return decode(DecidedPair, await self._post(path, {"action": action, "reason": reason}))

    async def _get(self, path: str) -> dict[str, Any]:
        return await self._session.document(Ask(method="GET", url=self._url(path)))

    async def _post(self, path: str, body: dict[str, object]) -> dict[str, Any]:
        ask = Ask(method="POST", url=self._url(path), body=JsonBody(body), is_repeatable=False)
        return await self._session.document(ask)

    def _url(self, path: str) -> str:
        return f"{self._session.base}/api/v1/linkage{path}"
