"""What was found in a note in the format that was asked."""

from typing import Any

from careloom.nlp.annotation_json import as_json
from careloom.nlp.export_brat import as_brat
from careloom.nlp.export_spacy import as_spacy
from careloom.nlp.export_text_analytics import as_text_analytics
from careloom.nlp.reader import Reading
from careloom.nlp.to_fhir import bundle

Json = dict[str, Any]


def written(reading: Reading, wanted: str, version: str, *, refuted: bool = False) -> Json:
    """A reading as `careloom.services.annotate.Format` names it.

    version  of the reader
    """
    annotated = reading.annotated
    if wanted == "fhir":
        return bundle(annotated, refuted=refuted)
    if wanted == "azure":
        return as_text_analytics(annotated, version, reading.place)
    if wanted == "brat":
        return {"text": annotated.note.text, "annotations": as_brat(annotated)}
    if wanted == "spacy":
        return as_spacy(annotated)
    return as_json(annotated, reading.place)
