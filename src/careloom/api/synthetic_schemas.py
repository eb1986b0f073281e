"""What the routes of synthetic data take and give, as the OpenAPI document shows it, with an example of each."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.answers import told
from careloom.api.lists import NEXT
from careloom.api.schemas import RUN_ID, RUN_PATTERN, Body, Count, Model, Progress, RunId, State

Name = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f]*$")]
Seed = Annotated[int, Field(ge=0, le=2**53 - 1)]
Whole = Annotated[int, Field(ge=1 - 2**53, le=2**53 - 1)]
"""A whole number that every reader of JSON tells from its neighbours (RFC 8259, section 6)."""
"""Whole in every reader of JSON (RFC 8259, section 6)."""
Account = Annotated[str, Field(pattern=r"^(research)(/[a-z0-9][a-z0-9._-]{0,63}){0,4}$")]
AnyAccount = Annotated[str, Field(pattern=r"^(all|(identified|research)(/[a-z0-9][a-z0-9._-]{0,63}){0,4})$")]
SampleKind = Literal["table", "records", "notes", "patients"]
"""Rows of a table, whole records, notes, or whole records that notes tell."""
CERTIFICATE_PATTERN = r"^[a-z][a-z0-9_]{0,60}-[0-9]{8}T[0-9]{6}Z-[a-z2-7]{6}$"
MODEL: dict[str, Any] = {
    "id": RUN_ID, "state": "fitted", "title": "patients", "actor": "rosa.research", "account": "research",
    "engine": "marginals", "table": "patients", "target": "deceased", "epsilon": 0.9998, "delta": 1e-6,
    "patients": 8123, "control_patients": 3480, "rows": 8123, "created": "2026-11-22T01:02:03.412000+00:00",
    "error": None, "progress": {"done": 1000, "total": 1000}, "ledger": "4q2c7lq6m5v3wyf4d2y7z2k7xa",
    "model_sha256": "9f" * 32, "taints": [], "samples": [RUN_ID],
}  # fmt: skip
SAMPLE: dict[str, Any] = {
    "id": RUN_ID, "model": RUN_ID, "state": "judged", "kind": "table", "actor": "rosa.research", "rows": 10000,
    "patients": None, "notes": None, "created": "2026-11-22T01:02:03.412000+00:00", "error": None,
    "progress": {"done": 10000, "total": 10000},
    "measures": [{"name": "shape", "value": 0.012, "low": None, "high": None}],
    "missing": [{"kind": "utility", "why": "no target was named"}],
    "findings": [{"rule": "shape at most 0.05", "passed": True, "found": 0.012, "why": "Columns differ."}],
    "verdicts": 1, "asked": [{"id": RUN_ID, "state": "done", "error": None}],
}  # fmt: skip
BRIEF: dict[str, Any] = {
    name: SAMPLE[name] for name in
    ("id", "model", "state", "kind", "actor", "rows", "patients", "notes", "created", "error", "verdicts")
}  # fmt: skip
RELEASE: dict[str, Any] = {
    "release": RUN_ID, "table": "gold/patients_synthetic", "kind": "table", "state": "open", "reason": "",
    "rows": 10000, "released": "2026-11-22T01:02:03.412000+00:00", "expires": "2027-11-22T01:02:03.412000+00:00",
    "policy": "strict", "certificate": f"patients_synthetic-{RUN_ID}", "card": "# patients_synthetic\n",
}  # fmt: skip
BUDGET: dict[str, Any] = {"account": "research", "epsilon": 3.0, "delta": 1e-6, "rule": "renyi", "reason": "The board."}
ACCOUNT: dict[str, Any] = {
    "account": "research", "budget": {"epsilon": 3.0, "delta": 1e-6, "rule": "renyi"}, "used": 0.34, "uses": 2,
    "spent": {"epsilon": 1.01, "delta": 1e-6, "method": "renyi"}, "unsettled": 0,
}  # fmt: skip
ENTRY: dict[str, Any] = {
    "entry": "4q2c7lq6m5v3wyf4d2y7z2k7xa", "seq": 2, "time": "2026-11-22T01:02:03.412000+00:00", "account": "research",
    "kind": "fit", "actor": "rosa.research", "run": RUN_ID, "epsilon": 0.9998, "delta": 1e-6, "outcome": None,
    "note": "",
}  # fmt: skip


class RunPath(Model):
    """Which model, sample or release."""

    run_id: Annotated[str, Field(pattern=RUN_PATTERN)] = told(..., "Its id.", RUN_ID)


class CertificateQuery(Model):
    """As what."""

    format: Literal["json", "pdf", "html"] = told("json", "JSON to be checked, PDF or HTML to be read.", "pdf")


class AccountQuery(Model):
    """Which account."""

    account: AnyAccount = told(..., "A data set, or a cohort of it.", "research")


class FitAskBody(Body):
    """What to learn, and how."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {
            "table": "silver/patients", "metadata": "version = 1\n[table.patients]\n", "epsilon": 1.0,
            "target": "deceased",
        }},
    )  # fmt: skip

    table: Annotated[str, Field(min_length=1, max_length=200)] = Field(description="Of the research zone's lake.")
    metadata: Annotated[str, Field(max_length=1_000_000)] = Field(
        "", description="TOML; without it it is guessed, which no private fit takes."
    )
    account: Account = Field("research", description="Of the privacy ledger.")
    engine: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")] = "marginals"
    epsilon: Annotated[float, Field(gt=0, le=100)] | None = Field(None, description="Null: the fit is not private.")
    delta: Annotated[float, Field(gt=0, lt=0.01)] = 1e-6
    rows_per_patient: Annotated[int, Field(ge=1, le=1000)] = 1
    target: Name = ""
    options: dict[str, float | Whole | str | bool] = Field(default_factory=dict, description="Of the engine, by name.")
    seed: Seed = 1
    name: Name = ""
    control_share: Annotated[float, Field(ge=0.05, le=0.5)] = 0.3


class SearchAskBody(FitAskBody):
    """What to search: a fit whose settings are tried; epsilon is that of one trial."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {
            "table": "silver/patients", "metadata": "version = 1\n[table.patients]\n", "epsilon": 0.2, "trials": 5,
        }},
    )  # fmt: skip

    trials: Annotated[int, Field(ge=1, le=200)] = Field(10, description="At most.")
    cpu_seconds: Annotated[float, Field(gt=0, le=86_400)] = Field(
        600.0, description="No trial begins that, by the longest so far, would end later."
    )
    held_share: Annotated[float, Field(ge=0.05, le=0.5)] = Field(
        0.2, description="Of those to learn, on whom trials are compared."
    )
    selection: Annotated[float, Field(gt=0, le=10)] = Field(
        0.1, description="Epsilon of the choice, of a private search."
    )
    space: Annotated[str, Field(max_length=100_000)] = Field(
        "", description="TOML of settings to try; empty: what ships."
    )


class SampleAskBody(Body):
    """How many rows, what they have to be like, and what is measured of them."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"rows": 10000, "target": "deceased"}})

    rows: Annotated[int, Field(ge=1, le=10_000_000)] = 1000
    values: dict[str, str | Whole | bool] = Field(default_factory=dict, description="Column: the value of every row.")
    balance: Name = Field("", description="A column whose values all come equally often.")
    target: Name = Field("", description="The column to predict; empty: that of the fit.")
    known: Annotated[list[Name], Field(max_length=50)] = Field(
        default_factory=list, description="Columns that an acquaintance may know."
    )
    groups: Annotated[list[Name], Field(max_length=20)] = Field(default_factory=list)
    small_cell: Annotated[int, Field(ge=2, le=1000)] | None = Field(None, description="Fewer patients are rare.")
    kinds: list[Literal["fidelity", "detection", "utility", "privacy"]] = Field(
        ["fidelity", "detection", "utility", "privacy"],
        description="What is left out is missing, and fails where a policy asks for it.",
    )


class ReleaseAskBody(Body):
    """What it is called, and by which policy."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"table": "patients_synthetic"}})

    table: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,60}$")] = Field(description="gold/TABLE of the lake.")
    policy: Literal["strict", "empirical"] = Field("strict", description="A privacy officer chooses empirical.")
    reason: Name = ""


class BudgetBody(Body):
    """The budget of an account."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": BUDGET})

    account: AnyAccount
    epsilon: Annotated[float, Field(gt=0, le=100)]
    delta: Annotated[float, Field(gt=0, le=0.01)] = 1e-6
    rule: Literal["renyi", "sum"] = "renyi"
    reason: Annotated[str, Field(max_length=500)] = ""


class Engine(Model):
    """An engine that learns tables."""

    engine: str
    needs_extra: str = Field(description="The extra of Careloom that brings its library; empty for none.")
    is_installed: bool


class EngineList(Model):
    """The engines that there are."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [
        {"engine": "marginals", "needs_extra": "", "is_installed": True},
    ]}})  # fmt: skip

    items: list[Engine]


class SyntheticModel(Model):
    """A model, or the fit that will make it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": MODEL})

    id: RunId
    state: str = Field(description="waiting, running, fitting, fitted, failed or cancelled.")
    title: str
    actor: str
    account: str
    engine: str
    table: str
    target: str
    epsilon: float | None = Field(description="Spent per patient; null: no bound, or not fitted yet.")
    delta: float | None
    patients: Count | None = Field(description="Who was learnt from.")
    control_patients: Count | None = Field(description="Who was set aside.")
    rows: Count | None
    created: time.datetime | None
    error: str | None = Field(description="The code of the error that ended the job.")
    progress: Progress
    ledger: str = Field(description="The entry of the privacy ledger.")
    model_sha256: str
    taints: list[str] = Field(description="Why patients left who are in it: it draws no rows any more.")
    samples: list[str]


class SyntheticModelList(Model):
    """Models, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [MODEL], "next": None}})

    items: list[SyntheticModel]
    next: str | None = NEXT


class SampleMeasure(Model):
    """One measure with the bounds of its interval."""

    name: str
    value: float | None = Field(description="Null where it is not defined.")
    low: float | None
    high: float | None


class SampleMissing(Model):
    """A kind of measure that was not taken."""

    kind: str
    why: str


class SampleFinding(Model):
    """One rule of a policy."""

    rule: str
    passed: bool
    found: float | None
    why: str


class SampleRequest(Model):
    """A request to let it out."""

    id: RunId
    state: State
    error: str | None


class SyntheticSample(Model):
    """Rows that were drawn and lie sealed; its measures look at patients."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": SAMPLE})

    id: RunId
    model: str
    state: str = Field(
        description="waiting, running, drawing, staged, judged, refused, releasing, released, withdrawn, failed or "
        "cancelled."
    )
    kind: SampleKind
    actor: str
    rows: Count
    patients: Count | None = Field(description="Of whole records or notes: how many; null: of a table.")
    notes: Count | None = Field(description="How many; null: of a table or of records without notes.")
    created: time.datetime | None
    error: str | None
    progress: Progress
    measures: list[SampleMeasure]
    missing: list[SampleMissing]
    findings: list[SampleFinding] = Field(description="Of the last verdict.")
    verdicts: Count
    asked: list[SampleRequest]


class SampleBrief(Model):
    """A sample without its measures."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": BRIEF})

    id: RunId
    model: str
    state: str
    kind: SampleKind
    actor: str
    rows: Count
    patients: Count | None
    notes: Count | None
    created: time.datetime | None
    error: str | None
    verdicts: Count = Field(description="How often the gate was asked.")


class SampleBriefList(Model):
    """Samples, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [BRIEF], "next": None}})

    items: list[SampleBrief]
    next: str | None = NEXT


class SyntheticRelease(Model):
    """A table of the synthetic zone's lake that was let out."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": RELEASE})

    release: RunId
    table: str = Field(description="Its rows: GET /api/v1/lake/synthetic/tables/TABLE/rows.")
    kind: SampleKind
    state: Literal["open", "closed", "withdrawn"]
    reason: str = Field(description="Why it is closed.")
    rows: Count
    released: time.datetime
    expires: time.datetime
    policy: str
    certificate: str
    card: str = Field(description="The data card, in Markdown.")


class SyntheticReleaseList(Model):
    """Releases, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [RELEASE], "next": None}})

    items: list[SyntheticRelease]
    next: str | None = NEXT


class Budget(Model):
    """A budget that was set."""

    epsilon: float
    delta: float
    rule: str


class Spent(Model):
    """What all uses together spent."""

    epsilon: float | None = Field(description="Null: without bound.")
    delta: float
    method: str


class LedgerAccount(Model):
    """An account of the privacy ledger."""

    account: str
    budget: Budget | None
    used: float | None = Field(description="Share of the budget; null without one, or where it is more than all.")
    uses: Count
    spent: Spent
    unsettled: Count


class LedgerAccountList(Model):
    """The accounts that the caller may see."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [ACCOUNT], "next": None}})

    items: list[LedgerAccount]
    next: str | None = NEXT


class LedgerEntry(Model):
    """A row of the ledger."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": ENTRY})

    entry: str
    seq: Count
    time: time.datetime
    account: str
    kind: str = Field(description="budget, fit, search, evaluation, publication, release or settled.")
    actor: str
    run: str
    epsilon: float | None = Field(description="Of this use alone; of a budget its own.")
    delta: float | None
    outcome: str | None = Field(description="Of settled: done or failed.")
    note: str


class LedgerDetail(LedgerAccount):
    """An account with every row that counts against it, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": ACCOUNT | {"entries": [ENTRY]}})

    entries: list[LedgerEntry]
