"""What a simulated hospital's answer key says of its patients that no record tells: more to look for in a scan."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from careloom.deid.leak_terms import ANYBODY, LeakTerms
from careloom.deid.text_spans import DATE, LOCATION, NAME, ORGANIZATION, OTHER_ID
from careloom.errors import FormatError, NotFound

Json = dict[str, Any]


def take_answers(terms: LeakTerms, folder: Path) -> None:
    """Adds the identifiers and marked spans of a simulated hospital's answer key; whose they are is not told.

    raises  NotFound or FormatError for a folder that is none
    """
    seen = _told(folder / "identities.ndjson", lambda row: [(OTHER_ID, str(row["value"]))])
    if (folder / "notes.ndjson").exists():  # a hospital may be simulated without notes
        seen |= _told(folder / "notes.ndjson", _marked)
    for label, text in sorted(seen):
        if label == NAME:
            terms.add_name(ANYBODY, text)
        elif label not in (DATE, LOCATION, ORGANIZATION):
            terms.add_value(ANYBODY, label, text)


def _marked(note_row: Json) -> list[tuple[str, str]]:
    return [(str(span["label"]), str(span["text"])) for span in note_row["spans"] if span["kind"] == "phi"]


def _told(file: Path, read: Callable[[Json], list[tuple[str, str]]]) -> set[tuple[str, str]]:
    """(label, value) that `read` takes from the rows of a file."""
    try:
        with file.open("rb") as lines:
            return {one for line in lines for one in read(orjson.loads(line))}
    except FileNotFoundError:
        raise NotFound(
            "scan: the answer key is not there", "Name the folder answers of a simulated hospital."
        ) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise FormatError("scan: the answer key cannot be read", "Simulate the hospital again.") from None
