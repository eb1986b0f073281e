"""Requests of the pseudonym vault and the answers to them, as values."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ReidentificationBrief:
    """A request without what is sealed of it.

    state    ``asked``, ``approved``, ``expired``, ``refused`` or ``erased``
    count    pseudonyms that it names
    decider  who decided; empty where nobody had to
    expires  when an approval ends
    """

    id: str
    project: str
    epoch: int
    actor: str
    purpose: str
    count: int
    state: str
    created: datetime
    decider: str
    decided: datetime | None
    expires: datetime | None
    reveals: int
    revealed: datetime | None


@dataclass(frozen=True, slots=True)
class Reidentification(ReidentificationBrief):
    """A request; `names`, `reason` and `remark` are empty once one of its patients was erased."""

    names: tuple[str, ...] = field(repr=False)
    reason: str = field(repr=False)
    remark: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SourceIdentifier:
    """What a source system calls a patient."""

    system: str
    value: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is behind one pseudonym; printing one shows nobody.

    state     ``current``, ``deleted`` or ``erased``
    resource  type and stored id in the identified zone; None where nothing is there any more
    days      by which the project moves the dates of `patient`; None where it is about none
    """

    name: str = field(repr=False)
    state: str
    resource: str | None = field(repr=False)
    patient: str | None = field(repr=False)
    days: int | None = field(repr=False)
    identifiers: tuple[SourceIdentifier, ...] = field(repr=False)
    source: str


@dataclass(frozen=True, slots=True)
class RevealedReidentification(Reidentification):
    """A request with the answer to it; `looked` names of the zone were compared, for `seconds`."""

    looked: int
    seconds: float
    answers: tuple[Identity, ...]


@dataclass(frozen=True, slots=True)
class ReidentificationPage:
    """Some requests, newest first; `next` is the cursor of the page after it, None on the last one."""

    items: tuple[ReidentificationBrief, ...]
    next: str | None
