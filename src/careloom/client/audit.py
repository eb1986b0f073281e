"""The audit chains: who did what, whether the chains are whole, checkpoints and proofs to keep elsewhere."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.reports import QueuedWork
from careloom.client.session import Session
from careloom.client.transport import Ask
from careloom.client.waiting import until_ended


@dataclass(frozen=True, slots=True)
class ChainEvent:
    """One event; `seq` is its row, `subjects` are keyed pseudonyms of patients."""

    seq: int
    time: datetime
    actor: str
    operation: str
    action: str
    outcome: str
    zone: str
    purpose: str
    subjects: tuple[str, ...]
    detail: dict[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class ChainEvents:
    """Some events, newest first; `next` is the cursor of the page after them, None on the last one."""

    items: tuple[ChainEvent, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events; what is empty or None asks for nothing.

    zone          whose chain: ``identified``, ``research`` or ``synthetic``
    about         the zone that an event concerns; the chain of identified tells of ``landing``, too
    patient       ``Patient/<id>``
    subject       the keyed pseudonym of a patient, as events have it
    since, until  half-open, with their offset
    """

    zone: str = "identified"
    actor: str = ""
    operation: str = ""
    outcome: str = ""
    about: str = ""
    patient: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def as_query(self) -> dict[str, str]:
        """The parameters of a request."""
        names = ("zone", "actor", "operation", "outcome", "about", "patient", "subject")
        told = {name: getattr(self, name) for name in names if getattr(self, name)}
        times = {"since": self.since, "until": self.until}
        return told | {name: moment.isoformat() for name, moment in times.items() if moment is not None}


@dataclass(frozen=True, slots=True)
class CheckedChain:
    """What a check found of one chain; `anchored` is None where its anchor cannot be read."""

    zone: str
    events: int
    anchored: int | None
    verified: bool
    detail: str


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """Whether all chains that were checked are whole, and each of them."""

    verified: bool
    chains: tuple[CheckedChain, ...]


@dataclass(frozen=True, slots=True)
class Verification(QueuedWork):
    """A check of chains, as a job; `report` is None until it is done."""

    zones: tuple[str, ...]
    report: VerificationReport | None


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint, to be kept as it is, and the public key to check it by, hex."""

    checkpoint: dict[str, Any]
    public_key: str


@dataclass(frozen=True, slots=True)
class CheckedProof:
    """What a checkpoint or a proof is worth.

    signed  it is as the platform signed it, and a proof's row is covered
    held    the platform's chain still begins with what it covers
    event   of a proof that holds
    """

    zone: str
    size: int
    time: datetime
    kind: str
    signed: bool
    held: bool
    event: dict[str, Any] | None


class Audit:
    """The platform's audit chains. Needs the scope ``careloom/audit``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/audit"

    def __repr__(self) -> str:
        return f"Audit({self._session.base})"

    def events(self, wanted: EventFilter | None = None, *, limit: int = 100, cursor: str = "") -> ChainEvents:
        """Some events, newest first; `cursor` is the `next` of the page before. raises QueryError; AccessError"""
        asked = (wanted or EventFilter()).as_query() | {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        return decode(ChainEvents, self._get(f"/events?{urlencode(asked)}"))

    def all(self, wanted: EventFilter | None = None) -> Iterator[ChainEvent]:
        """Every event, newest first; pages are fetched on the way, and each is an event of its own."""
        page = self.events(wanted, limit=500)
        yield from page.items
        while page.next:
            page = self.events(wanted, limit=500, cursor=page.next)
            yield from page.items

    def verify(self, zone: str = "") -> Verification:
        """Queues a check of one chain, or of all; see `wait`. raises AccessError"""
        ask = Ask(
            method="POST",
            url=f"{self._base}/verifications",
            body=JsonBody({"zone": zone or None}),
            is_repeatable=False,
        )
        return decode(Verification, self._session.document(ask))

    def verification(self, run_id: str) -> Verification:
        """How far a check is. raises NotFound; AccessError"""
        return decode(Verification, self._get(f"/verifications/{segment(run_id, 'id of a check')}"))

    def wait(self, run_id: str, *, timeout: float = 3600.0, poll: float = 1.0) -> Verification:
        """The check when it is done, also of a chain that is not whole. raises StateError if it is not done in time"""
        pace = self._session.wire.pace
        return until_ended(pace, lambda: self.verification(run_id), timeout=timeout, poll=poll)

    def checkpoint(self, zone: str = "identified") -> SignedCheckpoint:
        """A signed checkpoint of a chain as it is now. raises NotFound where the zone has none; AccessError"""
        return decode(SignedCheckpoint, self._get(f"/checkpoint?{urlencode({'zone': zone})}"))

    def prove(self, seq: int, *, zone: str = "identified", held: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The proof that an event is in the chain: ``row``, ``path``, ``checkpoint``.

        held    a checkpoint that somebody kept; a new one where it is None
        raises  NotFound where it does not cover the event; FormatError where it is not of this chain; AccessError
        """
        body = {"zone": zone, "seq": seq, "checkpoint": None if held is None else dict(held)}
        return self._session.document(Ask(method="POST", url=f"{self._base}/proofs", body=JsonBody(body)))

    def check(self, kept: Mapping[str, Any]) -> CheckedProof:
        """What a checkpoint or a proof is worth. raises InputError where it is neither; AccessError"""
        body = dict(kept) if "checkpoint" in kept else {"checkpoint": dict(kept)}
        ask = Ask(method="POST", url=f"{self._base}/checks", body=JsonBody(body))
        return decode(CheckedProof, self._session.document(ask))

    def _get(self, where: str) -> Any:
        return self._session.document(Ask(method="GET", url=f"{self._base}{where}"))
