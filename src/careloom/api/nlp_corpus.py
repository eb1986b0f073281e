"""Route of all notes of a zone together: counts of what they say, small cells left out."""

from typing import Annotated, Any, Literal

import orjson
from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI
from pydantic import ConfigDict, Field

from careloom.api.answers import answers, document, problems
from careloom.api.context import platform, who
from careloom.api.nlp import TAG
from careloom.api.nlp_queries_schemas import Names
from careloom.api.nlp_schemas import NoteZone
from careloom.api.schemas import Count, Model, Problem
from careloom.services import note_corpus as service

_SEARCHES: list[dict[str, list[str]]] = [{"oauth2": ["system/*.s"]}]
_REFUSALS = (400, 401, 403, 409, 413, 415, 500, 503)
Said = Literal["present", "absent", "uncertain", "historical", "planned", "others"]
Few = Annotated[int | None, Field(ge=0, description="Null where few patients stand behind it, or it tells of few.")]
Month = Annotated[str, Field(max_length=40)]

nlp_corpus = APIBlueprint("nlp_corpus", __name__, url_prefix="/api/v1/nlp", abp_tags=[TAG])


def register(app: OpenAPI) -> None:
    """Adds the route."""
    document(nlp_corpus, Problem, Corpus)
    app.register_api(nlp_corpus)


class CorpusAsk(Model):
    """What counts: what fits everything that is named; what is left out narrows nothing."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"zone": "identified", "labels": ["PROBLEM"], "said": ["present"]}},
    )

    zone: NoteZone
    labels: Names = Field(default_factory=list, max_length=60, description="Of mentions, one of them, as `PROBLEM`.")
    said: list[Said] = Field(
        default_factory=list,
        max_length=6,
        description="How mentions are said; `others`: of a relative or somebody else; `uncertain`: possible, "
        "conditional or hypothetical.",
    )
    since: Month = Field("", description="Notes written from then on, as `2025` or `2025-03`.")
    until: Month = Field("", description="Notes written before.")
    concepts: Annotated[int, Field(ge=1, le=50, strict=True)] = Field(30, description="Named at most, the commonest.")


class CorpusConcept(Model):
    """A concept that enough patients' notes mention."""

    system: str
    code: str
    display: str
    label: str = Field(description="That its mentions have most often.")
    notes: Count
    mentions: Count
    patients: Count
    said: dict[Said, Few] = Field(description="Patients by how it is said, however mentions are narrowed by it.")


class CorpusPair(Model):
    """Two of the concepts in the same notes."""

    first: Count = Field(description="Place in `concepts`.")
    second: Count
    notes: Count
    patients: Count
    lift: float = Field(description="Notes with both over those to be expected by chance: 1 as by chance.")


class CorpusTrend(Model):
    """Notes that mention a concept, by period."""

    concept: Count = Field(description="Place in `concepts`.")
    notes: list[Few]


class CorpusAssertions(Model):
    """Mentions of a label by how they are said."""

    label: str
    said: dict[Said, Few]


class CorpusType(Model):
    """A kind of document."""

    type: str = Field(description="LOINC code; empty for none.")
    notes: Few
    patients: Few


_SAID: dict[str, Any] = {"present": 120, "absent": 14, "uncertain": 0, "historical": None, "planned": 0, "others": None}


class Corpus(Model):
    """Counts over notes of a zone. A count of 1 to 10 patients is null, and so is what would give it away."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {
            "zone": "identified", "notes": 1200, "patients": 400, "looked_at": 1200, "of": 1200, "smallest_cell": 11,
            "concepts": [{
                "system": "http://snomed.info/sct", "code": "44054006", "display": "Type 2 diabetes mellitus",
                "label": "PROBLEM", "notes": 310, "mentions": 420, "patients": 140, "said": _SAID,
            }],
            "left_out": 31, "pairs": [], "step": "quarter", "periods": ["2026-Q1"], "written": [320],
            "trends": [{"concept": 0, "notes": [88]}], "assertions": [{"label": "PROBLEM", "said": _SAID}],
            "types": [{"type": "11506-3", "notes": 1200, "patients": 400}],
        }},
    )  # fmt: skip

    zone: NoteZone
    notes: Few
    patients: Few
    looked_at: Count = Field(description="Annotated notes that were looked at, whenever written.")
    of: Count = Field(description="Annotated notes that there are.")
    smallest_cell: Count
    concepts: list[CorpusConcept]
    left_out: Count = Field(description="Concepts that few patients' notes mention.")
    pairs: list[CorpusPair]
    step: Literal["month", "quarter", "year"]
    periods: list[str]
    written: list[Few] = Field(description="Notes of each period.")
    trends: list[CorpusTrend] = Field(description="Of the first concepts.")
    assertions: list[CorpusAssertions]
    types: list[CorpusType]


@nlp_corpus.post(
    "/corpus",
    summary="Count what notes say",
    operation_id="count_notes",
    security=_SEARCHES,
    responses={200: answers(Corpus, "Counts, without a word of a note."), **problems(*_REFUSALS)},
)
def counts(body: CorpusAsk) -> Response:
    """Concepts, what stands in the same notes, trends, how things are said, kinds of documents; no small cells."""
    ask = service.CorpusAsk(
        body.zone, tuple(body.labels), tuple(body.said), body.since, body.until, body.concepts
    )  # fmt: skip
    made = service.corpus(platform(), who(), ask)
    return Response(orjson.dumps(made), mimetype="application/json")
