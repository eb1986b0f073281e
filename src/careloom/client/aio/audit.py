"""The audit chains: who did what, whether the chains are whole, checkpoints and proofs to keep elsewhere."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.aio.session import Session
from careloom.client.aio.waiting import until_ended
from careloom.client.audit import ChainEvent, ChainEvents, CheckedProof, EventFilter, SignedCheckpoint, Verification
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.transport import Ask


class Audit:
    """The platform's audit chains. Needs the scope ``careloom/audit``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/audit"

    def __repr__(self) -> str:
        return f"Audit({self._session.base})"

    async def events(self, wanted: EventFilter | None = None, *, limit: int = 100, cursor: str = "") -> ChainEvents:
        """Some events, newest first; `cursor` is the `next` of the page before. raises QueryError; AccessError"""
        asked = (wanted or EventFilter()).as_query() | {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        return decode(ChainEvents, await self._get(f"/events?{urlencode(asked)}"))

    async def all(self, wanted: EventFilter | None = None) -> AsyncIterator[ChainEvent]:
        """Every event, newest first; pages are fetched on the way, and each is an event of its own."""
        page = await self.events(wanted, limit=500)
        for each in page.items:
            yield each
        while page.next:
            page = await self.events(wanted, limit=500, cursor=page.next)
            for each in page.items:
                yield each

    async def verify(self, zone: str = "") -> Verification:
        """Queues a check of one chain, or of all; see `wait`. raises AccessError"""
        ask = Ask(
            method="POST",
            url=f"{self._base}/verifications",
            body=JsonBody({"zone": zone or None}),
            is_repeatable=False,
        )
        return decode(Verification, await self._session.document(ask))

    async def verification(self, run_id: str) -> Verification:
        """How far a check is. raises NotFound; AccessError"""
        return decode(Verification, await self._get(f"/verifications/{segment(run_id, 'id of a check')}"))

    async def wait(self, run_id: str, *, timeout: float = 3600.0, poll: float = 1.0) -> Verification:
        """The check when it is done, also of a chain that is not whole. raises StateError if it is not done in time"""
        pace = self._session.wire.pace
        return await until_ended(pace, lambda: self.verification(run_id), timeout=timeout, poll=poll)

    async def checkpoint(self, zone: str = "identified") -> SignedCheckpoint:
        """A signed checkpoint of a chain as it is now. raises NotFound where the zone has none; AccessError"""
        return decode(SignedCheckpoint, await self._get(f"/checkpoint?{urlencode({'zone': zone})}"))

    async def prove(
        self, seq: int, *, zone: str = "identified", held: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The proof that an event is in the chain: ``row``, ``path``, ``checkpoint``.

        held    a checkpoint that somebody kept; a new one where it is None
        raises  NotFound where it does not cover the event; FormatError where it is not of this chain; AccessError
        """
        body = {"zone": zone, "seq": seq, "checkpoint": None if held is None else dict(held)}
        return await self._session.document(Ask(method="POST", url=f"{self._base}/proofs", body=JsonBody(body)))

    async def check(self, kept: Mapping[str, Any]) -> CheckedProof:
        """What a checkpoint or a proof is worth. raises InputError where it is neither; AccessError"""
        body = dict(kept) if "checkpoint" in kept else {"checkpoint": dict(kept)}
        ask = Ask(method="POST", url=f"{self._base}/checks", body=JsonBody(body))
        return decode(CheckedProof, await self._session.document(ask))

    async def _get(self, where: str) -> Any:
        return await self._session.document(Ask(method="GET", url=f"{self._base}{where}"))
