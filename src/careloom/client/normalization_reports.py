"""What a normalization did, as values."""

from dataclasses import dataclass

from careloom.client.reports import QueuedWork


@dataclass(frozen=True, slots=True)
class Normalization(QueuedWork):
    """One normalization; its counts are those so far while it runs, its progress is in resources.

    changed  resources that have a new version; in a rehearsal, that would have one
    refused  resources that would have been invalid: left as they were, a defect
    left     elements that could not be brought into form: left as they came
    """

    rehearsal: bool
    read: int
    changed: int
    refused: int
    left: int


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
