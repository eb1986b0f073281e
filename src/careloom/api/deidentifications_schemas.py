"""What the routes of de-identifications take and give, as the OpenAPI document shows it, with an example of each."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.schemas import RUN_ID, Count, Model, Progress, RunId, State
from careloom.deid.policy import SHIPPED

Share = Annotated[float, Field(ge=0, le=1)]
POLICY_PATTERN = f"^({'|'.join(SHIPPED)})?$"
RUN: dict[str, Any] = {
    "id": RUN_ID, "state": "done", "actor": "dana.engineer", "started": "2026-11-22T01:02:03.412000+00:00",
    "ended": "2026-11-22T01:02:09.907000+00:00", "progress": {"done": 16548, "total": 16548}, "error": None,
    "policy": "safe-harbor", "read": 16548, "kept": 15211, "held_back": 1337, "gone": 0, "signed": True,
}  # fmt: skip
POLICY: dict[str, Any] = {
    "name": "safe-harbor", "version": "1", "digest": "0f343b0931126a20f133d67c2b018a3b", "default": False,
    "dates": "year", "addresses": ["postalCode as zip3", "state as us-state"], "texts": False,
    "passing": ["Condition", "Encounter", "Observation", "Patient"],
}  # fmt: skip
ENTRY: dict[str, Any] = {
    "structure": "Address", "decision": "keep", "elements": ["postalCode as zip3"],
    "because": "(B): three digits where more than 20,000 people live", "origin": "safe-harbor",
}  # fmt: skip
REPORT: dict[str, Any] = {
    "policy": {"name": "safe-harbor", "version": "1", "digest": "0f343b0931126a20f133d67c2b018a3b"},
    "project": "research", "epoch": 1,
    "types": [{"type": "Patient", "read": 120, "kept": 120, "held_back": 0}],
    "tables": [{"table": "silver/patients", "rows": 120}],
    "identifiers": [{"letter": "A", "name": "names", "count": 131}],
    "findings": [{
        "code": "deid.text-only", "message": "A concept without a code that passes was removed.",
        "remedy": "Map the source's words to a code system.", "count": 12,
    }],
    "risk": {
        "patients": 120, "quasi_identifiers": ["birth_year", "gender"],
        "measures": [{
            "name": "smallest_class", "title": "Patients in the smallest group that looks alike (k)", "column": None,
            "value": 1, "unit": "patients", "target": None, "holds": None,
        }],
    },
    "recall": {
        "notes": 200, "confidence": 0.95, "planted": 800, "found": 796, "recall": 0.995, "low": 0.9872, "high": 0.9981,
        "by_label": [
            {"label": "NAME", "planted": 800, "found": 796, "recall": 0.995, "low": 0.9872, "high": 0.9981},
        ],
    },
}  # fmt: skip
SIGNED: dict[str, Any] = {
    "report": {"run_id": RUN_ID, "actor": "dana.engineer", "gone": 0, "removed": {"A": 131}, "issues": {}},
    "signature": {"algorithm": "Ed25519", "public_key": "8a88e3dd7409f195", "value": "e5564300c360ac72"},
}


class DeidentificationAsk(Model):
    """By which policy."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"policy": "safe-harbor"}})

    policy: Annotated[str, Field(pattern=POLICY_PATTERN)] = Field(
        "", description="One that ships, by its name; that of the installation's settings where empty."
    )


class Deidentification(Model):
    """One de-identification; its counts are those so far while it runs."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": RUN})

    id: RunId
    state: State
    actor: str
    started: time.datetime | None = Field(description="Null while it waits.")
    ended: time.datetime | None
    progress: Progress = Field(description="In resources.")
    error: str | None = Field(description="The code of the error that ended it.")
    policy: str = Field(description="By its name.")
    read: Count = Field(description="Resources of the identified zone.")
    kept: Count = Field(description="Resources that passed.")
    held_back: Count = Field(description="Resources that did not pass.")
    gone: Count = Field(description="Resources that left the research zone, because they no longer belong there.")
    signed: bool | None = Field(
        description="Whether the report is as this installation signed it; null while there is none."
    )


class PolicyName(Model):
    """Which policy, in which version."""

    name: str
    version: str
    digest: str


class TypeCount(Model):
    """What became of one resource type."""

    type: str
    read: Count
    kept: Count
    held_back: Count


class TableRows(Model):
    """One table of the research zone afterwards."""

    table: str
    rows: Count


class IdentifierCount(Model):
    """One of the eighteen identifiers, or free text."""

    letter: str = Field(description="(A) to (R) of 45 CFR 164.514(b)(2)(i), or `text`.")
    name: str
    count: Count = Field(description="How many were taken out or changed.")


class Finding(Model):
    """What one code says, and how often."""

    code: str
    message: str = Field(description="Empty for a code of another version.")
    remedy: str
    count: Count


class Measure(Model):
    """One measure of the residual risk."""

    name: str
    title: str
    column: str | None = Field(description="The sensitive column that it is about; null for all.")
    value: float | None
    unit: str = Field(description="patients, classes, values, share, probability, distance, ratio, people or tables.")
    target: float | None = Field(description="In the same unit; null where none is asked.")
    holds: bool | None = Field(description="Whether the target is met; null where none is asked.")


class ResidualRisk(Model):
    """How well the patients of the research zone can hide."""

    patients: Count
    quasi_identifiers: list[str] = Field(description="What an attacker may know.")
    measures: list[Measure]


class LabelRecall(Model):
    """How many planted identifiers were found, with a Wilson interval."""

    label: str = Field(description="What was planted, as NAME.")
    planted: Annotated[int, Field(ge=1)]
    found: Count
    recall: Share
    low: Share
    high: Share


class TextRecall(Model):
    """How many identifiers of nobody, planted in copies of the run's own notes, its detectors found."""

    notes: Count = Field(description="Notes of which a copy was read.")
    confidence: Share = Field(description="Of the intervals.")
    planted: Annotated[int, Field(ge=1)]
    found: Count
    recall: Share
    low: Share
    high: Share
    by_label: list[LabelRecall]
    left_out: list[str] = Field([], description="Detectors not measured, because they send texts elsewhere.")


class DeidentificationReport(Model):
    """What a run did. No value of a patient stands here."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": REPORT})

    policy: PolicyName
    project: str = Field(description="Whose pseudonyms the zone bears; empty in a report of an earlier version.")
    epoch: Annotated[int, Field(ge=1)] | None = Field(description="Of the project; null in such a report.")
    types: list[TypeCount]
    tables: list[TableRows]
    identifiers: list[IdentifierCount] = Field(description="All eighteen, and text.")
    findings: list[Finding] = Field(description="The most frequent first.")
    risk: ResidualRisk | None = Field(description="Null where no patient passed.")
    recall: TextRecall | None = Field(description="Null where no text passed, and in a report of an earlier version.")


class DeidentificationDetail(Deidentification):
    """One de-identification with its report."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": RUN | {"report": REPORT}})

    report: DeidentificationReport | None = Field(description="Null until it is done, and where it was changed since.")


class DeidentificationPage(Model):
    """De-identifications, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [RUN], "next": RUN_ID}})

    items: list[Deidentification]
    next: str | None = Field(description="The cursor of the next page, null on the last one.")


class Policy(Model):
    """A policy at a glance."""

    name: str
    version: str
    digest: str = Field(description="A hash of its files; the report of a run names it.")
    default: bool = Field(description="Whether it holds where none is named.")
    dates: Literal["shift", "year", "keep"] = Field(
        description="`shift`: moved by a secret number of days for each patient; `year`: the year alone; `keep`: as "
        "they are."
    )
    addresses: list[str] = Field(description="What of an address passes, and how.")
    texts: bool = Field(description="Whether texts pass, de-identified; else none does.")
    passing: list[str] = Field(description="Resource types that pass. Every other is held back.")


class PolicyEntry(Model):
    """One decision with its reason."""

    structure: str = Field(description="The structure of FHIR R4; `*` for every one.")
    decision: Literal["keep", "remove", "mask", "need", "refuse"]
    elements: list[str] = Field(description="JSON names with their treatment; empty for the whole resource.")
    because: str
    origin: str = Field(description="The policy whose file says so.")


class PolicyDetail(Policy):
    """A policy with what it decides. What no entry keeps does not pass."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": POLICY | {"entries": [ENTRY]}})

    entries: list[PolicyEntry]


class PolicyList(Model):
    """The policies that ship."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [POLICY]}})

    items: list[Policy]


class Signature(Model):
    """What proves that nobody changed the report."""

    algorithm: str
    public_key: str
    value: str


class SignedReport(Model):
    """The report as it was signed; `careloom audit signature` checks the file."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": SIGNED})

    report: dict[str, Any]
    signature: Signature
