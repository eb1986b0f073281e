"""What is kept of an annotated note: the document, and the Provenance that leads from facts to characters.

A document is a `Basic` of the patient: sealed, audited, merged and erased as everything else of that patient. It holds
the annotation JSON (`careloom.nlp.annotation_json`) as base64 in one extension, beside it the version of the note and
of the reader. A document of a person stands beside that of the reader, and speaks in its place.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from careloom import __version__
from careloom.crypto.keys import KeyProvider
from careloom.crypto.pseudonyms import KeyedNames
from careloom.fhir.drafts import Resource
from careloom.nlp.annotation_json import as_json, from_json
from careloom.nlp.reader import Reading
from careloom.store.rows import Stored
from careloom.text.normalize import normalize

KIND = "Basic"
SYSTEM = "urn:careloom:origin"
READER, PERSON = "annotations", "correction"
DOCUMENT = "urn:careloom:annotations"
NOTE = "urn:careloom:annotations:note"
VERSION = "urn:careloom:annotations:reader"
SPAN = "urn:careloom:annotations:span"
COMPONENT = "urn:careloom:annotations:component"
AGREES = "urn:careloom:annotations:agrees"
ACTIVITY = "annotate"
_ACTIVITY = {"system": "http://terminology.hl7.org/CodeSystem/v3-DataOperation", "code": "CREATE"}
_NAMED = "careloom-annotate"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """A document as it is kept.

    note    the version of the note that it is of
    reader  the version that read it; for a person's, who it was
    facts   what became of the facts that the note told when the patient was last merged
    """

    stored: Stored
    origin: str
    note: str
    reader: str
    content: Json

    @property
    def note_id(self) -> str:
        """The note's id."""
        return str(self.content["note"])

    @property
    def has_refuted(self) -> bool:
        """True where the facts were merged by a run that writes what is absent as refuted."""
        return bool(self.content.get("refuted"))

    def reading(self, source: str) -> Reading:
        """The reading again, over the text as it came. raises FormatError where it is not of this text"""
        form = normalize(source)
        return Reading(from_json(self.content, form.text, form.offsets.span), source, form.offsets.inverted())


def document_id(names: KeyedNames, note_id: str, origin: str = READER) -> str:
    """The id of a note's document: one of the reader's, one of people's."""
    return names.resource_id(_NAMED, KIND, f"{origin}|{note_id}")


def provenance_id(names: KeyedNames, note_id: str) -> str:
    """The id of a note's Provenance."""
    return names.resource_id(_NAMED, "Provenance", note_id)


def fact_name(names: KeyedNames, patient_id: str) -> Callable[[str, str], str]:
    """What facts of a patient are called: (type, key) -> id."""
    return lambda kind, key: names.resource_id(_NAMED, kind, f"{patient_id}|{key}")


@dataclass(frozen=True, slots=True)
class Said:
    """Who said what of a note.

    document  id of the document that says it
    note      the version of the note
    reader    the version that read it; for a person's, who it was
    origin    `READER` or `PERSON`
    """

    document: str
    note: str
    reader: str
    origin: str = READER


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of the facts that a note tells.

    refuted  what is said to be absent was to become a refuted fact
    """

    facts: Sequence[Json]
    refuted: bool


def document(patient_id: str, reading: Reading, said: Said, merged: Merged | None = None) -> Resource:
    """The document of one note as a resource.

    merged  None where its facts were not merged with the record yet
    """
    content = as_json(reading.annotated, reading.place)
    if merged is not None:
        content |= {"facts": list(merged.facts)} | ({"refuted": True} if merged.refuted else {})
    return {
        "resourceType": KIND,
        "id": said.document,
        "extension": [
            {"url": NOTE, "valueString": said.note},
            {"url": VERSION, "valueString": said.reader},
            {"url": DOCUMENT, "valueBase64Binary": b64encode(orjson.dumps(content)).decode()},
        ],
        "code": {"coding": [{"system": SYSTEM, "code": said.origin}]},
        "subject": {"reference": f"Patient/{patient_id}"},
    }


def kept_of(stored: Stored) -> Kept | None:
    """A document that was kept; None for a Basic that is something else."""
    resource = stored.resource()
    origins = [one.get("code") for one in resource.get("code", {}).get("coding", ()) if one.get("system") == SYSTEM]
    told = {one.get("url"): one for one in resource.get("extension", ())}
    if stored.type != KIND or not origins or DOCUMENT not in told:
        return None
    content = orjson.loads(b64decode(told[DOCUMENT]["valueBase64Binary"]))
    return Kept(stored, origins[0], told[NOTE]["valueString"], told[VERSION]["valueString"], content)


class SpanHashes:
    """Keyed hashes of the characters of notes in one zone: the same words elsewhere have another."""

    def __init__(self, keys: KeyProvider, zone: str) -> None:
        self._names = KeyedNames(keys.derive("span", zone))

    def of(self, note_id: str, start: int, end: int, source: str) -> str:
        """The hash of some characters of a note as it came."""
        return self._names.resource_id(note_id, "span", f"{start}-{end}:{source[start:end]}")


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a note supports: a fact that was written, or a resource that says so already.

    annotations  ids of what it rests on in that note
    """

    reference: str
    annotations: tuple[str, ...]
    score: float | None
    agrees: bool = False


def provenance(
    name: str, reading: Reading, told: Iterable[Told], said: Said, recorded: str, hashes: SpanHashes
) -> Resource:
    """Whence the facts of one note are: its version, and for each fact the characters, their hash and the score."""
    targets = [{"reference": f"{KIND}/{said.document}"}, *(_target(reading, one, hashes) for one in told)]
    agent = {"type": {"text": "assembler"}, "who": {"display": f"Careloom {__version__} note reader {said.reader}"}}
    if said.origin == PERSON:
        agent = {"type": {"text": "author"}, "who": {"display": said.reader}}
    read_by = [f"{component} {version}" for component, version in reading.annotated.readers.items()]
    extensions = {"extension": [{"url": COMPONENT, "valueString": one} for one in read_by]} if read_by else {}
    return {
        "resourceType": "Provenance",
        "id": name,
        **extensions,
        "target": targets,
        "recorded": recorded,
        "activity": {"coding": [_ACTIVITY], "text": ACTIVITY},
        "agent": [agent],
        "entity": [{"role": "source", "what": {"reference": said.note}}],
    }


def _target(reading: Reading, told: Told, hashes: SpanHashes) -> Json:
    by_id = {one.id: one for one in reading.annotated.annotations}
    extensions = []
    for name in told.annotations:
        one = by_id[name]
        span = reading.place(one.span)
        parts: list[Json] = [
            {"url": "annotation", "valueString": name},
            {"url": "start", "valueInteger": span.start},
            {"url": "end", "valueInteger": span.end},
            {
                "url": "hash",
                "valueString": hashes.of(reading.annotated.note.note_id, span.start, span.end, reading.source),
            },
        ]
        if one.score is not None:
            parts.append({"url": "score", "valueDecimal": round(one.score, 4)})
        extensions.append({"url": SPAN, "extension": parts})
    agrees = [{"url": AGREES, "valueBoolean": True}] if told.agrees else []
    return {"extension": [*agrees, *extensions], "reference": told.reference}


def spans_in(target: Mapping[str, Any]) -> list[Json]:
    """What a target rests on: ``annotation``, ``start``, ``end``, ``hash`` and perhaps ``score`` of each span."""
    return [
        {part["url"]: next(value for key, value in part.items() if key != "url") for part in one["extension"]}
        for one in target.get("extension", ())
        if one.get("url") == SPAN
    ]
