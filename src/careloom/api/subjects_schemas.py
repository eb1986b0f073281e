"""What the routes of patients' rights take and give, as the OpenAPI document shows it, with an example of each."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.lists import NEXT
from careloom.api.schemas import SIGN, Count, Model, Progress, State

PATIENT_PATTERN = r"^Patient/[A-Za-z0-9\-.]{1,64}$"
RULE_PATTERN = r"^[a-z2-7]{26}$"
ONE_RULE = "lm5z2dywok7s66m43g3qaohlqe"
STORED = "Patient/7x4o2q5w3m6n7b5v4c3z2l6k5j"
Kind = Literal["hold", "restrict", "object"]
Named = Annotated[str, Field(pattern=PATIENT_PATTERN)]
Reason = Annotated[str, Field(min_length=1, max_length=500, pattern=SIGN)]
SET: dict[str, Any] = {"kind": "restrict", "patient": STORED, "reason": "contests the birth date"}
RULE: dict[str, Any] = {
    "rule": ONE_RULE, "kind": "restrict", "patient": STORED, "zone": "identified", "actor": "petra.privacy",
    "created": "2026-11-22T10:02:00.000Z", "ender": "", "ended": None, "reason": "contests the birth date",
}  # fmt: skip
ERASED: dict[str, Any] = {
    "patient": STORED, "already_erased": False, "pseudonym": ONE_RULE, "removed": {"resources": 2, "data keys": 1},
    "certificate": "20261129T120000Z-abcdef", "hits": 0,
}  # fmt: skip
ERASING: dict[str, Any] = {
    "id": "20261129T120000Z-abcdef", "state": "done", "actor": "petra.privacy", "started": "2026-11-29T12:00:00Z",
    "ended": "2026-11-29T12:01:30Z", "progress": {"done": 12, "total": 12}, "error": None,
    "report": {name: ERASED[name] for name in ("already_erased", "pseudonym", "removed", "certificate", "hits")},
}  # fmt: skip
PREVIEWED: dict[str, Any] = {
    "pseudonym": ONE_RULE, "is_held": False, "resources": {"Observation": 41, "Patient": 1},
    "counts": {"versions": 3, "source records": 42}, "research": 42,
    "trainings": [{"training": "t1", "name": "readmission-30d", "kind": "risk", "created": "2026-11-22T10:02:00Z"}],
}  # fmt: skip
LISTED: dict[str, Any] = {
    "certificate": "20261129T120000Z-abcdef", "began": "2026-11-29T12:00:00Z", "ended": "2026-11-29T12:01:30Z",
    "actor": "petra.privacy", "subject": ONE_RULE, "totals": {"resources": 42, "data keys": 1}, "retraining": 1,
    "hits": 0, "is_signed": True, "adds_up": True,
}  # fmt: skip
CERTIFICATE: dict[str, Any] = {
    "report": {"certificate": "20261129T120000Z-abcdef", "totals": {"resources": 2, "data keys": 1}},
    "signature": {"algorithm": "Ed25519", "public_key": "5f0c", "value": "a1b2"},
}  # fmt: skip
RETAINED: dict[str, Any] = {
    "rule": "landing", "keep": "3650 days", "source": "this project's choice", "why": "bytes of records",
    "removes": True, "due": 12, "held": 0, "oldest": "2016-11-22T10:02:00.000Z",
}  # fmt: skip


class SubjectAsk(Model):
    """Which patient."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"patient": STORED}})

    patient: Named = Field(description="Patient/<id>: the stored id, or the source system's own.")
    source: Annotated[str, Field(max_length=100)] = Field("", description="The system whose own id it is.")


class ErasureAsk(SubjectAsk):
    """Whom to erase."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"patient": STORED, "search": True}})

    search: bool = Field(True, description="Search every byte afterwards, for the certificate.")


class Erasure(Model):
    """What an erasure did. The certificate is fetched by its name."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": ERASED})

    patient: str
    already_erased: bool
    pseudonym: str = Field(description="Keyed: what the audit chain calls the patient.")
    removed: dict[str, Count] = Field(description="What -> how many.")
    certificate: str = Field(description="Name of the signed certificate; empty where nobody made one.")
    hits: Count | None = Field(description="Places that still held an identifier; null where nobody searched.")


class ErasedReport(Model):
    """What an erasure did that was queued; the patient is named by the keyed pseudonym alone."""

    already_erased: bool
    pseudonym: str
    removed: dict[str, Count] = Field(description="What -> how many.")
    certificate: str = Field(description="Name of the signed certificate; empty where nobody made one.")
    hits: Count | None = Field(description="Places that still held an identifier; null where nobody searched.")


class ErasureRun(Model):
    """A queued erasure as it stands. Its progress is of bytes that are searched."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": ERASING})

    id: str
    state: State
    actor: str
    started: time.datetime | None
    ended: time.datetime | None
    progress: Progress
    error: str | None
    report: ErasedReport | None = Field(description="Null until it is done.")


class PreviewTraining(Model):
    """Something that learnt from the patient and would be tainted."""

    training: str
    name: str
    kind: str
    created: time.datetime


class ErasurePreview(Model):
    """What would go if the patient was erased now; nothing is changed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": PREVIEWED})

    pseudonym: str = Field(description="Keyed: what the audit chain calls the patient.")
    is_held: bool = Field(description="A legal hold keeps the patient or a zone: nothing would go.")
    resources: dict[str, Count] = Field(description="Of the identified zone: type -> current resources.")
    counts: dict[str, Count] = Field(description="Of the identified zone: what -> rows.")
    research: Count = Field(description="Resources of the patient in the research zone.")
    trainings: list[PreviewTraining]


class KeptCertificate(Model):
    """A certificate of an erasure that lies here."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": LISTED})

    certificate: str
    began: time.datetime
    ended: time.datetime
    actor: str
    subject: str = Field(description="Keyed pseudonym.")
    totals: dict[str, Count] = Field(description="What -> how many.")
    retraining: Count = Field(description="Trainings that waited to be done anew by then.")
    hits: Count | None = Field(description="Places that still held an identifier; null where nobody searched.")
    is_signed: bool = Field(description="It is as this installation signed it.")
    adds_up: bool = Field(description="Its totals are the sums of its parts.")


class KeptCertificates(Model):
    """Certificates, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [LISTED], "next": None}})

    items: list[KeptCertificate]
    next: str | None = NEXT


class RuleAsk(Model):
    """A hold on a patient or a zone, a restriction or an objection of a patient."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": SET})

    kind: Kind
    patient: Named | Literal[""] = Field("", description="Empty for a hold on a whole zone.")
    zone: Literal["", "landing", "identified", "research", "synthetic"] = Field("", description="Of such a hold.")
    reason: Reason = Field(description="Who asks for it and why; kept sealed.")
    source: Annotated[str, Field(max_length=100)] = Field("", description="The system whose own id it is.")


class SubjectRule(Model):
    """A rule as it stands."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": RULE})

    rule: str
    kind: Kind
    patient: str = Field(description="Empty for a hold on a zone.")
    zone: str
    actor: str
    created: time.datetime
    ender: str
    ended: time.datetime | None = Field(description="Null while it holds.")
    reason: str


class NewSubjectRule(SubjectRule):
    """A rule that was set, and what that did."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": RULE | {"exports": 1, "trainings": []}})

    exports: Count = Field(description="Bulk exports that were withdrawn.")
    trainings: list[str] = Field(description="Trainings that have to be done anew.")


class SubjectRules(Model):
    """Rules, oldest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [RULE], "next": None}})

    items: list[SubjectRule]
    next: str | None = NEXT


class RectificationAsk(SubjectAsk):
    """What to mend: the whole resource, or a patch."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {
            "patient": STORED, "fact": STORED, "reason": "passport was shown",
            "patch": [{"op": "replace", "path": "/birthDate", "value": "1962-04-05"}],
        }},
    )  # fmt: skip

    fact: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64}$")] = Field(description="Type/id.")
    reason: Reason = Field(description="Stands in the Provenance.")
    resource: dict[str, Any] | None = Field(None, description="The whole resource as it should be.")
    patch: list[dict[str, Any]] | dict[str, Any] | None = Field(
        None, description="A JSON Patch, or Parameters of a FHIRPath Patch."
    )
    erase_old: bool = Field(False, description="Earlier versions go for good, with the bytes only they stood on.")


class Forgotten(Model):
    """What went for good: versions, bytes of records; and records that stay, because others stand on them."""

    versions: Count
    records: Count
    kept_records: Count


class Rectification(Model):
    """What was mended."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {
            "fact": STORED, "version": "2", "before": "1", "became": "updated",
            "provenance": "Provenance/4q2c7lq6m5v3w0f1d2y8z9k7xa", "erased": None,
        }},
    )  # fmt: skip

    fact: str
    version: str
    before: str
    became: str
    provenance: str
    erased: Forgotten | None


class RetentionDue(Model):
    """What one retention rule would remove now."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": RETAINED})

    rule: str
    keep: str
    source: str
    why: str
    removes: bool = Field(description="False where nothing ever is removed, only counted.")
    due: Count
    held: Count = Field(description="Kept by a legal hold.")
    oldest: time.datetime | None = Field(description="Null where nothing is due.")


class RetentionPlan(Model):
    """The plan of retention, by rule."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [RETAINED]}})

    items: list[RetentionDue]
