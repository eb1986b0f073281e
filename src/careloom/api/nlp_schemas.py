"""What the routes of notes take and give, as the OpenAPI document shows it, with an example of each."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictBool

from careloom.api.schemas import RUN_ID, Count, Model, Progress, RunId, State

ID_PATTERN = r"^[A-Za-z0-9.-]{0,64}$"
TIME_PATTERN = r"^([0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9:.]{5,15}(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?)?$"
CODE_PATTERN = r"^([0-9]{1,7}-[0-9])?$"
Share = Annotated[float, Field(ge=0, le=1)] | None
Format = Literal["json", "fhir", "azure", "brat", "spacy"]
NoteZone = Literal["identified", "research"]
ASSERTION: dict[str, Any] = {
    "presence": "absent", "temporality": "current", "experiencer": "patient", "certainty": "negative",
}  # fmt: skip
FOUND: dict[str, Any] = {
    "note": "", "patient": "", "encounter": "", "time": "2026-01-05", "type": "",
    "sections": [{"kind": "other", "title": [0, 0], "body": [0, 20], "code": "", "score": None}],
    "sentences": [[0, 20]],
    "annotations": [{
        "id": "T1", "start": 7, "end": 19, "label": "PROBLEM", "text": "hypertension", "score": 0.98,
        "section": "other", "source": "entities 1", "attributes": {}, "assertion": ASSERTION,
        "codes": [{
            "system": "http://snomed.info/sct", "code": "38341003", "display": "Hypertensive disorder", "score": 1.0,
            "rank": 1,
        }],
    }],
    "relations": [], "readers": {"entities": "1", "sentences": "1"},
}  # fmt: skip
READER_VERSION = "1.5f2c0a9b7d31"
RUN: dict[str, Any] = {
    "id": RUN_ID, "state": "done", "actor": "dana.engineer", "started": "2026-11-22T01:02:03.412000+00:00",
    "ended": "2026-11-22T01:02:09.907000+00:00", "progress": {"done": 40, "total": 40}, "error": None,
    "zone": "identified", "notes": {"read": 39, "skipped": 0, "refused": 1},
    "facts": {"new": 210, "agree": 31, "conflict": 2, "retired": 0},
}  # fmt: skip
REPORT: dict[str, Any] = {
    "id": RUN_ID, "actor": "dana.engineer", "started": RUN["started"], "ended": RUN["ended"], "zone": "identified",
    "reader": {"version": READER_VERSION, "components": {"sentences": "1"}}, "incremental": False,
    "refuted": False,
    "notes": RUN["notes"], "found": {"PROBLEM": 180}, "relations": {"drug-dose": 44}, "facts": RUN["facts"],
    "types": {"Condition": 120},
    "conflicts": [{
        "type": "Condition", "reason": "status", "against": "Condition/aaaqeayeaudaocajbifqydiob4",
        "note": "DocumentReference/4q2c7lq6m5v3w0f1d2y8z9k7xa",
    }],
    "issues": {"nlp.no-text": 1},
}  # fmt: skip
MODEL: dict[str, Any] = {
    "file": "models/relations.zip", "name": "relations", "version": "1", "licences": ["CC BY 4.0"],
    "labels": ["drug-dose", "drug-route"], "sha256": "9f" * 32, "bytes": 1048576, "card": {"name": "relations"},
}  # fmt: skip


class AnalyzeAsk(Model):
    """A text, what is known about it, and how the answer is to be written."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"text": "Denies hypertension.", "time": "2026-01-05"}}
    )

    text: str = Field(description="At most `annotate.max_text_bytes` of UTF-8.")
    format: Format = Field(
        "json",
        description="`json`: everything that was found; `fhir`: a Bundle of facts; `azure`: as Text Analytics for "
        "health; `brat`: `text` and `annotations`; `spacy`: a Doc.",
    )
    note: Annotated[str, Field(pattern=ID_PATTERN)] = Field("", description="The caller's id of it.")
    patient: Annotated[str, Field(pattern=ID_PATTERN)] = Field("", description="Id that facts refer to.")
    encounter: Annotated[str, Field(pattern=ID_PATTERN)] = Field("", description="Id that facts refer to.")
    time: Annotated[str, Field(pattern=TIME_PATTERN)] = Field(
        "", description="When it was written, ISO 8601: what dates in the text are counted from."
    )
    type: Annotated[str, Field(pattern=CODE_PATTERN)] = Field("", description="LOINC code of the kind of document.")
    refuted: StrictBool = Field(
        False, description="FHIR: what is said to be absent is written as refuted, not left out."
    )
    rerank: StrictBool = Field(
        False,
        description="The likeliest names of problems and symptoms are ranked anew by the encoder, slower, also where "
        "`annotate.rerank` is off.",
    )


class NoteSection(Model):
    """A titled part; places are half-open and count code points of the text as it came."""

    kind: str = Field(description="As `medications`; `other` where the title is unknown.")
    title: list[Count] = Field(description="Start and end; equal where there is no title.")
    body: list[Count]
    code: str = Field(description="LOINC; empty where the kind has none.")
    score: Share = Field(description="Null where a title said the kind.")


class NoteAssertion(Model):
    """Whether it is there, when, and in whom."""

    presence: Literal["present", "absent", "possible", "conditional", "hypothetical"]
    temporality: Literal["current", "historical", "future"]
    experiencer: Literal["patient", "family", "other"]
    certainty: Literal["positive", "positivePossible", "neutralPossible", "negativePossible", "negative"]


class NoteConcept(Model):
    """A code that may be meant."""

    system: str
    code: str
    display: str
    score: float
    rank: Annotated[int, Field(ge=1)]


class NoteAnnotation(Model):
    """Something that was found."""

    id: str = Field(description="Within the note.")
    start: Count = Field(description="Code points of the text as it came, half-open.")
    end: Count
    label: str = Field(description="As PROBLEM, MEDICATION, TOBACCO.")
    text: str
    score: Share = Field(description="Null where a rule found it.")
    section: str = Field(description="Kind of its section; empty where it stands in none.")
    source: str = Field(description="The component that says so, with its version.")
    attributes: dict[str, str]
    assertion: NoteAssertion | None = Field(description="Null for what can be neither there nor absent.")
    codes: list[NoteConcept] = Field(description="The likeliest first.")


class NoteRelation(Model):
    """Two annotations that belong together."""

    id: str
    type: str = Field(description="As `drug-dose`, `before`.")
    head: str = Field(description="Id of the one that the other says something about.")
    tail: str
    score: Share
    source: str


class NoteFindings(Model):
    """Everything that was found in a text; not the text."""

    note: str
    patient: str
    encounter: str
    time: str
    type: str
    sections: list[NoteSection]
    sentences: list[list[Count]]
    annotations: list[NoteAnnotation] = Field(description="By place; of different labels they may overlap.")
    relations: list[NoteRelation]
    readers: dict[str, str] = Field(description="Component -> version, in the order in which they read.")


class Analysis(Model):
    """What was found. Nothing of it is kept."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {
            "format": "json", "reader": READER_VERSION, "findings": FOUND, "document": None,
        }},
    )  # fmt: skip

    format: Format
    reader: str = Field(description="Version: changes whenever that of a component does.")
    findings: NoteFindings | None = Field(description="Null where another format than `json` was asked.")
    document: dict[str, Any] | None = Field(description="In the format that was asked; null for `json`.")


class ReaderComponent(Model):
    """One part of the reader."""

    name: str
    version: str


class Reader(Model):
    """What reads notes."""

    name: str
    version: str
    components: list[ReaderComponent] = Field(description="In the order in which they read.")


class NoteModel(Model):
    """A trained model that ships with the reader."""

    file: str
    name: str
    version: str
    licences: list[str] = Field(description="Of what it was made from, as its card names them.")
    labels: list[str] = Field(description="What it tells apart.")
    sha256: str = Field(description="Of the archive, in hex.")
    bytes: Count
    card: dict[str, Any] = Field(description="What its training wrote: corpora, command, measures.")


class NoteModels(Model):
    """What reads notes here."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {
            "reader": {"name": "careloom-notes", "version": READER_VERSION, "components": [
                {"name": "sentences", "version": "1"},
            ]},
            "models": [MODEL],
        }},
    )  # fmt: skip

    reader: Reader
    models: list[NoteModel]


class AnnotationAsk(Model):
    """Which notes are to be read."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"zone": "identified"}})

    zone: NoteZone = Field("identified", description="Whose notes.")
    patient: Annotated[str, Field(pattern=ID_PATTERN)] = Field("", description="Stored id; everybody where empty.")
    incremental: StrictBool = Field(
        False, description="Leaves out what this version of the reader has read as it is now."
    )
    refuted: StrictBool = Field(False, description="What is said to be absent becomes a refuted fact, not none.")


class NoteCounts(Model):
    """What became of the notes."""

    read: Count
    skipped: Count = Field(description="Read before by this version of the reader.")
    refused: Count = Field(description="The report's issues say why.")


class FactCounts(Model):
    """What became of the facts."""

    new: Count
    agree: Count = Field(description="The record says so already.")
    conflict: Count = Field(description="The record says otherwise.")
    retired: Count = Field(description="No note supports them any more.")


class AnnotationRun(Model):
    """One annotation of stored notes; its counts are zeros until it is done."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": RUN})

    id: RunId
    state: State
    actor: str
    started: time.datetime | None = Field(description="Null while it waits.")
    ended: time.datetime | None
    progress: Progress = Field(description="In notes.")
    error: str | None = Field(description="The code of the error that ended it.")
    zone: NoteZone
    notes: NoteCounts
    facts: FactCounts


class ReaderVersion(Model):
    """Which reader read."""

    version: str
    components: dict[str, str]


class NoteConflict(Model):
    """What a note says against the record."""

    type: str = Field(description="Resource type of the fact, which was not written.")
    reason: Literal["verification", "status", "value"]
    against: str = Field(description="The resource that says otherwise.")
    note: str


class AnnotationReport(Model):
    """What a run did. No word of a note stands in it."""

    id: RunId
    actor: str
    started: time.datetime
    ended: time.datetime
    zone: NoteZone
    reader: ReaderVersion
    incremental: bool
    refuted: bool = Field(description="What is said to be absent was written as refuted.")
    notes: NoteCounts
    found: dict[str, Count] = Field(description="Label -> annotations.")
    relations: dict[str, Count] = Field(description="Type -> relations.")
    facts: FactCounts
    types: dict[str, Count] = Field(description="Resource type -> facts that were written.")
    conflicts: list[NoteConflict] = Field(
        description="Up to a hundred; none for who may neither annotate nor search the zone, and of what is gone since."
    )
    issues: dict[str, Count] = Field(description="Code -> how often.")


class AnnotationRunDetail(AnnotationRun):
    """One annotation with its report."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": RUN | {"report": REPORT}})

    report: AnnotationReport | None = Field(description="Null until it is done.")


class AnnotationRunPage(Model):
    """Annotations, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [RUN], "next": RUN_ID}})

    items: list[AnnotationRun]
    next: str | None = Field(description="The cursor of the next page, null on the last one.")
