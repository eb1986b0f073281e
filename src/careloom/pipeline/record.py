"""One arriving record: the exact bytes, where they stood, and what is needed to read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class FileContext:
    """What all records of one file share.

    format   as `Record.format`
    mapping  for delimited files: the name of the mapping and of the file in it, e.g. ``synthea/patients``; else empty
    header   for delimited files: the column names, in order; else empty
    targets  for FHIR bundles: ``fullUrl`` of an entry -> ``Type/id`` as the file names it; else empty
    options  what a reader needs beyond that, e.g. ``{"encoding": "cp1252", "delimiter": ";"}``
    """

    format: str
    mapping: str = ""
    header: tuple[str, ...] = ()
    targets: Mapping[str, str] | None = None
    options: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it arrived: a message, a line, a resource, a CSV row group of one patient, a note.

    position  ordinal of the record in its file, from 0
    raw       the exact source bytes of the record, without the separator that follows it
    place     where in the file, for people: ``line 12``, ``entry[3]``, ``message 7``; never a value
    context   shared by all records of the file
    problem   set by the framer when these bytes cannot be read at all: (issue code, message, remedy); the record is
              landed and quarantined, never dropped
    """

    position: int
    raw: bytes
    place: str
    context: FileContext
    problem: tuple[str, str, str] | None = None


class RecordFact(NamedTuple):
    """What a message or document says of itself.

    kind        its type: ``ADT^A01``, the LOINC code of a document
    moment      when it was made, UTC-aware; None where it does not say
    control_id  what names it at its sender; kept as a keyed hash only, empty for none
    faults      in how many ways its structure is not that of its type; None where nobody checked
    """

    kind: str
    moment: datetime | None = None
    control_id: str = ""
    faults: int | None = None
