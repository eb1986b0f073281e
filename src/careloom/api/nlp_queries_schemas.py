"""What queries over stored notes take and give, as the OpenAPI document shows it, with an example of each."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue, StrictBool

from careloom.api.nlp_schemas import ASSERTION, READER_VERSION, NoteAssertion, NoteConcept, NoteZone, Share
from careloom.api.schemas import Count, Model
from careloom.text.note import Experiencer, Presence, Temporality

_NOTE = "DocumentReference/4q2c7lq6m5v3w0f1d2y8z9k7xa/_history/1"
_PATIENT = "Patient/7x4o2q5w3m6n7b5v4c3z2l6k5j"
_CONDITION = "Condition/aaaqeayeaudaocajbifqydiob4"
_CURSOR = "4q2c7lq6m5v3w0f1d2y8z9k7xa"
_FACT: dict[str, Any] = {
    "note": _NOTE, "patient": _PATIENT, "encounter": "", "time": "2026-01-05", "type": "", "id": "T1", "start": 7,
    "end": 19, "label": "PROBLEM", "text": "hypertension", "score": 0.98, "section": "other", "attributes": {},
    "assertion": ASSERTION | {"presence": "present", "certainty": "positive"},
    "codes": [{
        "system": "http://snomed.info/sct", "code": "38341003", "display": "Hypertensive disorder", "score": 1.0,
        "rank": 1,
    }],
    "origin": "annotations", "reader": READER_VERSION, "current": True,
    "facts": [{"type": "Condition", "outcome": "new", "fact": _CONDITION, "reason": ""}],
}  # fmt: skip
_FOUND: dict[str, Any] = {
    "note": _NOTE, "patient": _PATIENT, "encounter": "", "time": "2026-01-05", "type": "", "words": 1,
    "annotations": ["T1"],
    "snippets": [{"start": 7, "end": 19, "offset": 0, "text": "Has had hypertension for years."}],
}  # fmt: skip
_PAGE: dict[str, JsonValue] = {"next": _CURSOR, "scanned": 1000, "notes": 12000}
Patients = Annotated[
    list[Annotated[str, Field(pattern=r"^(Patient/)?[A-Za-z0-9.-]{1,64}$")]],
    Field(max_length=10_000, description="A patient, or a cohort, by stored id; everybody where empty."),
]
Concepts = Annotated[
    list[Annotated[str, Field(min_length=3, max_length=300)]],
    Field(max_length=50, description="One of them, as `SNOMED|73211009`: the system by URI, OID or short name."),
]
Descendants = Annotated[StrictBool, Field(description="What is a kind of the concept counts, too.")]
Candidates = Annotated[StrictBool, Field(description="Codes that may be meant count, too, not only the likeliest.")]
When = Annotated[str, Field(max_length=40)]
Cursor = Annotated[
    str, Field(pattern=r"^([A-Za-z0-9.-]{1,64}(~[0-9]{1,6})?)?$", description="`next` of the page before.")
]
Names = list[Annotated[str, Field(pattern=r"^[A-Za-z_-]{1,40}$")]]


class FactsAsk(Model):
    """What fits everything that is named; what is left out narrows nothing."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {
            "zone": "identified", "concepts": ["ICD-10-CM|I10"], "presence": ["present"], "limit": 50,
        }},
    )  # fmt: skip

    zone: NoteZone
    concepts: Concepts = Field(default_factory=list)
    descendants: Descendants = True
    candidates: Candidates = False
    labels: Names = Field(default_factory=list, max_length=60, description="One of them, as `PROBLEM`.")
    presence: list[Presence] = Field(default_factory=list, max_length=10)
    temporality: list[Temporality] = Field(default_factory=list, max_length=10)
    experiencer: list[Experiencer] = Field(default_factory=list, max_length=10)
    sections: Names = Field(default_factory=list, max_length=60, description="Kind of its section, one of them.")
    since: When = Field("", description="From the start of this time on: of what the note says, else of the note.")
    until: When = Field("", description="Before the start of this time.")
    led: StrictBool = Field(False, description="Only what became a fact, or what the record says already.")
    patients: Patients = Field(default_factory=list)
    limit: Annotated[int, Field(ge=1, le=1000)] = 50
    cursor: Cursor = ""


class LedFact(Model):
    """What became of a fact that rests on an annotation."""

    type: str
    outcome: str = Field(description="`new`, `agree`, `conflict` or another reason why none was written.")
    fact: str = Field(description="The resource: the fact, or what says so already; empty where there is none.")
    reason: str


class FoundFact(Model):
    """An annotation of a note."""

    note: str = Field(description="The version that was read.")
    patient: str
    encounter: str
    time: str = Field(description="When the note was written; empty where nobody said.")
    type: str = Field(description="LOINC code of the kind of document.")
    id: str = Field(description="Of the annotation, within the note.")
    start: Count = Field(description="Code points of the note as it came, half-open.")
    end: Count
    label: str
    text: str | None = Field(description="Null for who may search notes, but not read them.")
    score: Share
    section: str
    attributes: dict[str, str] = Field(description="Empty for who may not read notes.")
    assertion: NoteAssertion | None
    codes: list[NoteConcept]
    origin: Literal["annotations", "correction"] = Field(description="`correction`: a person said so.")
    reader: str
    current: bool = Field(description="False where the note has changed since.")
    facts: list[LedFact]


class FactPage(Model):
    """Some of what notes say. A page may be empty and not be the last."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [_FACT], **_PAGE}})

    items: list[FoundFact]
    next: str | None = Field(description="Cursor of the page after it; null on the last.")
    scanned: Count = Field(description="Notes that were opened for it.")
    notes: Count = Field(description="Notes of the zone.")


class NoteSearchAsk(Model):
    """Words, or a concept, or both; what is left out narrows nothing."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"zone": "identified", "text": "short of breath", "phrase": True, "limit": 20}},
    )

    zone: NoteZone
    text: Annotated[str, Field(max_length=500)] = Field(
        "", description="All of these words, whatever their case and accents; `dysp*` is every word that begins so."
    )
    phrase: StrictBool = Field(False, description="One after the other.")
    concepts: Concepts = Field(default_factory=list)
    descendants: Descendants = True
    candidates: Candidates = False
    presence: list[Presence] = Field(default_factory=list, max_length=10, description="How the concept is asserted.")
    since: When = Field("", description="Written from the start of this time on.")
    until: When = Field("", description="Written before the start of this time.")
    patients: Patients = Field(default_factory=list)
    limit: Annotated[int, Field(ge=1, le=1000)] = 20
    cursor: Cursor = ""


class Snippet(Model):
    """A place in a note with what is around it."""

    start: Count = Field(description="Of what was found, in code points of the note.")
    end: Count
    offset: Count = Field(description="Where `text` begins in the note.")
    text: str


class FoundNote(Model):
    """A note that was found."""

    note: str
    patient: str
    encounter: str
    time: str
    type: str
    words: Count = Field(description="How often the words or the phrase stand there.")
    annotations: list[str] = Field(description="Ids of those with the concept.")
    snippets: list[Snippet] | None = Field(description="Up to three; null for who may search notes, but not read them.")


class FoundNotePage(Model):
    """Some notes. A page may be empty and not be the last."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [_FOUND], **_PAGE}})

    items: list[FoundNote]
    next: str | None = Field(description="Cursor of the page after it; null on the last.")
    scanned: Count = Field(description="Notes that were opened for it.")
    notes: Count = Field(description="Notes of the zone.")
