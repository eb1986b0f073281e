"""What a de-identification did, and what its policy says, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from careloom.client.reports import QueuedWork, Resource


@dataclass(frozen=True, slots=True)
class Deidentification(QueuedWork):
    """One de-identification; its counts are those so far while it runs, its progress is in resources.

    policy     by its name
    kept       resources that passed
    held_back  resources that did not
    gone       resources that left the research zone, because they no longer belong there
    signed     whether the report is as the platform signed it; None while there is none
    """

    policy: str
    read: int
    kept: int
    held_back: int
    gone: int
    signed: bool | None


@dataclass(frozen=True, slots=True)
class PolicyName:
    """Which policy, in which version; `digest` is a hash of its files."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class TypeCount:
    """What became of one resource type."""

    type: str
    read: int
    kept: int
    held_back: int


@dataclass(frozen=True, slots=True)
class TableRows:
    """One table of the research zone afterwards."""

    table: str
    rows: int


@dataclass(frozen=True, slots=True)
class IdentifierCount:
    """How many of one identifier were taken out or changed.

    letter  A to R, as in 45 CFR 164.514(b)(2)(i); ``text`` for free text, which may hold any of them
    """

    letter: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What one code says, what to do, and how often it was met; no words for a code of another version."""

    code: str
    message: str
    remedy: str
    count: int


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of the residual risk.

    column  the sensitive column that it is about; None for all
    unit    patients, classes, values, share, probability, distance, ratio, people or tables
    target  in the same unit; None where none is asked
    holds   whether the target is met; None where none is asked
    """

    name: str
    title: str
    column: str | None
    value: float | None
    unit: str
    target: float | None
    holds: bool | None


@dataclass(frozen=True, slots=True)
class ResidualRisk:
    """How well the patients of the research zone can hide from who knows their `quasi_identifiers`."""

    patients: int
    quasi_identifiers: tuple[str, ...]
    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True)
class LabelRecall:
    """How many planted identifiers of one label, as NAME, were found; `low` to `high` is a Wilson interval."""

    label: str
    planted: int
    found: int
    recall: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TextRecall:
    """How many identifiers of nobody, planted in copies of the run's own notes, its detectors found.

    notes       of which a copy was read
    confidence  of the intervals
    """

    notes: int
    confidence: float
    planted: int
    found: int
    recall: float
    low: float
    high: float
    by_label: tuple[LabelRecall, ...]


@dataclass(frozen=True, slots=True)
class DeidentificationReport:
    """What a run did; `risk` is None where no patient passed, `recall` where no text did.

    project  whose pseudonyms, dates and surrogates the zone bears, in which `epoch`; empty and None in a report of an
             earlier version
    """

    policy: PolicyName
    project: str
    epoch: int | None
    types: tuple[TypeCount, ...]
    tables: tuple[TableRows, ...]
    identifiers: tuple[IdentifierCount, ...]
    findings: tuple[Finding, ...]
    risk: ResidualRisk | None
    recall: TextRecall | None


@dataclass(frozen=True, slots=True)
class DeidentificationDetail(Deidentification):
    """One de-identification with its report: None until it is done, and where somebody changed the report since."""

    report: DeidentificationReport | None


@dataclass(frozen=True, slots=True)
class DeidentificationPage:
    """Some de-identifications, newest first; `next` is the cursor of the page after it, None on the last one."""

    items: tuple[Deidentification, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class DeidentificationPolicy:
    """A policy at a glance.

    default    holds where none is named
    dates      ``shift``: moved by a secret number of days for each patient; ``year``: the year alone; ``keep``
    addresses  what of an address passes, and how
    texts      texts pass, de-identified; else none does
    passing    resource types that pass; every other is held back
    """

    name: str
    version: str
    digest: str
    default: bool
    dates: str
    addresses: tuple[str, ...]
    texts: bool
    passing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """One decision with its reason.

    structure  the structure of FHIR R4; ``*`` for every one
    decision   ``keep``, ``remove``, ``mask``, ``need``, or ``refuse`` for a whole resource
    elements   JSON names with their treatment; none for the whole resource
    origin     the policy whose file says so
    """

    structure: str
    decision: str
    elements: tuple[str, ...]
    because: str
    origin: str


@dataclass(frozen=True, slots=True)
class DeidentificationPolicyDetail(DeidentificationPolicy):
    """A policy with what it decides: an allow-list, what no entry keeps does not pass."""

    entries: tuple[PolicyEntry, ...]


@dataclass(frozen=True, slots=True)
class DeidentificationPolicies:
    """The policies that ship."""

    items: tuple[DeidentificationPolicy, ...]


@dataclass(frozen=True, slots=True)
class FoundSpan:
    """Where something identified in a text, never what.

    place, new_place    FHIRPath of the text in the resource and in what came out; both empty for a text alone, the
                        second where the text did not pass
    start, end          code points of the old text, half-open; of an attachment, of what its data say
    new_start, new_end  where its replacement stands in the new text
    label, part         as NAME and ``patient``
    letter              A to R, as in 45 CFR 164.514(b)(2)(i); empty for an organization
    score               between 0 and 1: how sure the detector is
    """

    place: str
    new_place: str
    start: int
    end: int
    new_start: int
    new_end: int
    label: str
    letter: str
    part: str
    detector: str
    score: float


@dataclass(frozen=True, slots=True)
class FoundIssue:
    """What did not pass, and why; one of severity ``error`` says why nothing did."""

    code: str
    severity: str
    place: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class DetectorTeam:
    """What looked for identity in texts; `sends_to` is whom texts were sent to, empty where none left the platform."""

    name: str
    version: str
    sends_to: str


@dataclass(frozen=True, slots=True)
class DeidentifiedText:
    """What came out of a text.

    text     None where it must not pass: `issues` say why
    counts   label -> how many were found
    removed  letter -> how many were taken out or changed
    style    ``surrogate``, ``tag`` or ``mask``
    project  whose names it bears, in which `epoch`; empty and None where they are of this answer alone
    """

    text: str | None = field(repr=False)
    spans: tuple[FoundSpan, ...]
    counts: Mapping[str, int]
    removed: Mapping[str, int]
    issues: tuple[FoundIssue, ...]
    policy: PolicyName
    style: str
    detectors: tuple[DetectorTeam, ...]
    project: str
    epoch: int | None


@dataclass(frozen=True, slots=True)
class DeidentifiedResource:
    """What came out of a resource: None where it must not pass. `told`: what was found, without a text."""

    resource: Resource | None = field(repr=False)
    told: DeidentifiedText
