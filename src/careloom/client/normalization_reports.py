"""What a normalization did, as values."""

from dataclasses import dataclass
from datetime import datetime

from careloom.client.reports import Progress


@dataclass(frozen=True, slots=True)
class Normalization:
    """One normalization; its counts are those so far while it runs, its progress is in resources.

    changed  resources that have a new version; in a rehearsal, that would have one
    refused  resources that would have been invalid: left as they were, a defect
    left     elements that could not be brought into form: left as they came
    """

    id: str
    state: str
    actor: str
    started: datetime | None
    ended: datetime | None
    progress: Progress
    error: str | None
    rehearsal: bool
    read: int
    changed: int
    refused: int
    left: int

    @property
    def has_ended(self) -> bool:
        """True once nothing more happens."""
        return self.state in ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class MetIn:
    """Where a code was met: the resource, the element, and whom it is about; the latter empty for nobody."""

    resource: str
    place: str
    patient: str


@dataclass(frozen=True, slots=True)
class RewrittenCode:
    """What one code says, in how many elements it was met, and a few of them."""

    code: str
    message: str
    remedy: str
    count: int
    examples: tuple[MetIn, ...]


@dataclass(frozen=True, slots=True)
class NormalizationDetail(Normalization):
    """One normalization with what it rewrote, or would, and what it left as it came; the most frequent first."""

    changes: tuple[RewrittenCode, ...]
    warnings: tuple[RewrittenCode, ...]


@dataclass(frozen=True, slots=True)
class NormalizationPage:
    """Some normalizations, newest first; `next` is the cursor of the page after it, None on the last one."""

    items: tuple[Normalization, ...]
    next: str | None
