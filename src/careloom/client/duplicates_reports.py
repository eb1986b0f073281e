"""What is there twice, as values: looks, counts, groups."""

from dataclasses import dataclass
from datetime import datetime

from careloom.client.reports import QueuedWork


@dataclass(frozen=True, slots=True)
class DuplicatesLook(QueuedWork):
    """A look for duplicates as it stands; its progress is in resources."""


@dataclass(frozen=True, slots=True)
class FinishedLook:
    """A finished look; `is_whole` is False where there are more groups than are kept: the rest are counted only."""

    id: str
    actor: str
    started: datetime
    ended: datetime
    resources: int
    group_count: int
    is_whole: bool


@dataclass(frozen=True, slots=True)
class DuplicateCount:
    """Groups of one type and kind, and how many resources are more than one of each."""

    type: str
    kind: str
    groups: int
    surplus: int


@dataclass(frozen=True, slots=True)
class DuplicateMember:
    """One resource of a group, whom it is about, and its source record; the latter two empty where there is none."""

    resource: str
    patient: str
    record: str


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Resources that are the same.

    kind     ``content``: nothing differs but ids and origin; ``event``: the same event in other words
    size     how many there are now; `members` holds at most 50 of them
    """

    kind: str
    type: str
    size: int
    members: tuple[DuplicateMember, ...]


@dataclass(frozen=True, slots=True)
class DuplicatePage:
    """Some groups of the newest look, by type; `next` is the cursor of the page after it, None on the last one.

    look    None before the first
    counts  of all groups that the look found
    """

    look: FinishedLook | None
    counts: tuple[DuplicateCount, ...]
    items: tuple[DuplicateGroup, ...]
    next: str | None
