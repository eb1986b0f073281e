"""Synthetic data, as values: models, samples with their measures, releases, the privacy ledger."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from careloom.client.reports import Progress

_OVER = ("failed", "cancelled")


@dataclass(frozen=True, slots=True)
class SyntheticEngine:
    """An engine that learns tables; `needs_extra` is the extra of Careloom that brings its library, empty for none."""

    engine: str
    needs_extra: str
    is_installed: bool


@dataclass(frozen=True, slots=True)
class SyntheticEngineList:
    """The engines that the platform knows."""

    items: tuple[SyntheticEngine, ...]


@dataclass(frozen=True, slots=True)
class SyntheticModel:
    """A model, or the fit that will make it.

    state    ``waiting``, ``running``, ``fitting``, ``fitted``, ``failed`` or ``cancelled``
    epsilon  spent of a patient's privacy; None: no bound, or not fitted yet
    taints   why patients left who are in it: it draws no rows any more
    """

    id: str
    state: str
    title: str
    actor: str
    account: str
    engine: str
    table: str
    target: str
    epsilon: float | None
    delta: float | None
    patients: int | None
    control_patients: int | None
    rows: int | None
    created: datetime | None
    error: str | None
    progress: Progress
    ledger: str
    model_sha256: str
    taints: tuple[str, ...]
    samples: tuple[str, ...]

    @property
    def has_ended(self) -> bool:
        """True once nothing more happens."""
        return self.state in ("fitted", *_OVER)


@dataclass(frozen=True, slots=True)
class SyntheticModelList:
    """Models, newest first."""

    items: tuple[SyntheticModel, ...]


@dataclass(frozen=True, slots=True)
class SampleMeasure:
    """One measure with the bounds of its interval; `value` is None where it is not defined."""

    name: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class SampleMissing:
    """A kind of measure that was not taken, and why."""

    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class SampleFinding:
    """One rule of a policy, and whether it was met."""

    rule: str
    passed: bool
    found: float | None
    why: str


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """A request to let a sample out, as a job."""

    id: str
    state: str
    error: str | None


@dataclass(frozen=True, slots=True)
class SyntheticSample:
    """Rows that were drawn and lie sealed.

    state     ``waiting``, ``running``, ``drawing``, ``staged``, ``judged``, ``refused``, ``releasing``, ``released``,
              ``withdrawn``, ``failed`` or ``cancelled``
    rows      of a table; of whole records and notes FHIR resources of so many patients and notes
    findings  of the last verdict
    asked     requests to let it out, newest first
    """

    id: str
    model: str
    state: str
    kind: str
    actor: str
    rows: int
    patients: int | None
    notes: int | None
    created: datetime | None
    error: str | None
    progress: Progress
    measures: tuple[SampleMeasure, ...]
    missing: tuple[SampleMissing, ...]
    findings: tuple[SampleFinding, ...]
    verdicts: int
    asked: tuple[SampleRequest, ...]

    @property
    def is_judged(self) -> bool:
        """True once it can be let out, or nothing more happens."""
        return self.state in ("judged", "refused", "released", "withdrawn", *_OVER) or self.error is not None

    @property
    def is_answered(self) -> bool:
        """True once the last request to let it out has ended."""
        return bool(self.asked) and self.asked[0].state in ("done", *_OVER)


@dataclass(frozen=True, slots=True)
class SampleBrief:
    """A sample without its measures; `kind`: ``table``, ``records``, ``notes`` or ``patients``, records with notes."""

    id: str
    model: str
    state: str
    kind: str
    actor: str
    rows: int
    patients: int | None
    notes: int | None
    created: datetime | None
    error: str | None
    verdicts: int


@dataclass(frozen=True, slots=True)
class SampleBriefList:
    """Samples, newest first."""

    items: tuple[SampleBrief, ...]


@dataclass(frozen=True, slots=True)
class SyntheticRelease:
    """A table of the synthetic zone's lake that was let out; `state` is ``open``, ``closed`` or ``withdrawn``."""

    release: str
    table: str
    kind: str
    state: str
    reason: str
    rows: int
    released: datetime
    expires: datetime
    policy: str
    certificate: str
    card: str


@dataclass(frozen=True, slots=True)
class SyntheticReleaseList:
    """Releases, newest first."""

    items: tuple[SyntheticRelease, ...]


@dataclass(frozen=True, slots=True)
class OverlaidColumn:
    """A column of both sides in the same bins: rows a bin, None for what is left out."""

    name: str
    kind: str
    unit: str
    labels: tuple[str, ...]
    real: tuple[int | None, ...]
    synthetic: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class OverlaidPairs:
    """Pearson of two numbers (-1 to 1), Cramer's V of all else (0 to 1); None where it is not defined or left out."""

    columns: tuple[str, ...]
    real: tuple[tuple[float | None, ...], ...]
    synthetic: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, slots=True)
class SampleOverlays:
    """Real and synthetic rows beside each other.

    state     ``shown``; ``before``: judged before overlays were kept; ``none``: not of a table, or not judged so
    smallest  fewer patients are left out, with what would give them away
    """

    state: str
    version: int | None
    smallest: int
    real_rows: int
    synthetic_rows: int
    columns: tuple[OverlaidColumn, ...]
    pairs: OverlaidPairs


@dataclass(frozen=True, slots=True)
class CertificateClaims:
    """What a certificate says of itself; `epsilon` None: no proven bound."""

    certificate: str
    actor: str
    time: datetime
    expires: datetime
    table: str
    release: str
    rows: int
    sha256: str
    policy: str
    epsilon: float | None
    delta: float | None
    covers: str


@dataclass(frozen=True, slots=True)
class CertificateWorth:
    """A certificate held against the platform.

    verdict     ``valid``, ``altered``, or ``unknown-key``: signed as it stands, by a key that is not the platform's
    public_key  that it names; `own_key`: the platform's
    whole       it is valid and every check holds
    stands      its release may be fetched now, else `reason`
    claims      None unless valid
    checks      policy, rows, ledger, measures, landed -> it holds; None: not looked at
    """

    verdict: str
    public_key: str
    own_key: str
    whole: bool
    stands: bool
    reason: str
    claims: CertificateClaims | None
    checks: dict[str, bool | None]


@dataclass(frozen=True, slots=True)
class LedgerAccount:
    """An account of the privacy ledger.

    budget  epsilon, delta and rule; None without one
    used    share of the budget; None without one, or where it is more than all
    spent   epsilon (None: without bound), delta and method
    """

    account: str
    budget: dict[str, Any] | None
    used: float | None
    uses: int
    spent: dict[str, Any]
    unsettled: int


@dataclass(frozen=True, slots=True)
class LedgerAccountList:
    """Accounts, by name."""

    items: tuple[LedgerAccount, ...]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A row of the ledger; `kind` is budget, fit, search, evaluation, publication, release or settled."""

    entry: str
    seq: int
    time: datetime
    account: str
    kind: str
    actor: str
    run: str
    epsilon: float | None
    delta: float | None
    outcome: str | None
    note: str


@dataclass(frozen=True, slots=True)
class LedgerDetail(LedgerAccount):
    """An account with every row that counts against it, newest first."""

    entries: tuple[LedgerEntry, ...]
