"""What was found in a note in the format that was asked."""

from typing import Any

from careloom.nlp.annotation_json import as_json
from careloom.nlp.reader import Reading

Json = dict[str, Any]


def written(reading: Reading, wanted: str, *, refuted: bool = False) -> Json:
    """A reading as `careloom.services.annotate.Format` names it."""
    return as_json(reading.annotated, reading.place)
