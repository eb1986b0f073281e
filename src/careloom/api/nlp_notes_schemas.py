"""What the routes of one stored note take and give, as the OpenAPI document shows it, with an example of each."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.nlp_schemas import (
    FOUND,
    READER_VERSION,
    RUN,
    FactCounts,
    Format,
    NoteAnnotation,
    NoteCounts,
    NoteFindings,
    NoteRelation,
    NoteZone,
)
from careloom.api.schemas import Model

OF_JSON = ("text", "origin", "reader", "current", "facts")
"""What stands beside the findings."""


class StoredNoteAnnotations(Model):
    """What is held of a note. `document` is null for `json`; everything else but `format` for the other formats."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {
            "format": "json", "findings": FOUND, "document": None, "text": "Denies hypertension.",
            "origin": "annotations", "reader": READER_VERSION, "current": True, "facts": [],
        }},
    )  # fmt: skip

    format: Format
    findings: NoteFindings | None
    document: dict[str, Any] | None
    text: str | None = Field(description="As it came: offsets count its code points.")
    origin: Literal["annotations", "correction"] | None = Field(description="`correction`: a person said so.")
    reader: str | None = Field(description="Version of the reader, or who the person is.")
    current: bool | None = Field(description="False where the note has changed since.")
    facts: list[dict[str, Any]] | None = Field(description="What rests on it, with the annotations it rests on.")


class CorrectionAsk(Model):
    """What a person says: one of the two."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"brat": "T1\tPROBLEM 7 19\thypertension\n"}}
    )

    document: dict[str, Any] | None = Field(
        None, description="`findings` as they were given, corrected; the `source` `person` becomes your name."
    )
    brat: str | None = Field(None, description="The .ann file beside the text that the format `brat` gives.")


class Corrected(Model):
    """What became of the facts of the note's patient."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"zone": "identified", "notes": RUN["notes"], "facts": RUN["facts"]}},
    )

    zone: NoteZone
    notes: NoteCounts
    facts: FactCounts


class BratFiles(Model):
    """A note as a pair of files: ``<id>.txt`` and ``<id>.ann``."""

    id: str
    text: str
    annotations: str


class Correction(Model):
    """A note with the annotations that a person gave it."""

    text: str = Field(description="The note as it was then: offsets count its code points.")
    annotations: list[NoteAnnotation]
    relations: list[NoteRelation]
    found: list[NoteAnnotation] | None = Field(
        description="What the reader had found; null where it had read another version of the note."
    )
    person: str
    subject: str = Field(description="Keyed pseudonym of the patient, by which a training says who is in it.")
    brat: BratFiles


class CorrectionPage(Model):
    """Some of what people have corrected."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {
            "items": [{
                "text": "Denies hypertension.", "annotations": FOUND["annotations"], "relations": [],
                "found": FOUND["annotations"], "person": "ward",
                "subject": "2zq7p6m5v3w0f1d2y8z9k7xa4q",
                "brat": {
                    "id": "4q2c7lq6m5v3w0f1d2y8z9k7xa", "text": "Denies hypertension.",
                    "annotations": "T1\tPROBLEM 7 19\thypertension\n",
                },
            }],
            "next": None,
        }},
    )  # fmt: skip

    items: list[Correction]
    next: str | None = Field(description="The cursor of the next page, null on the last one.")
