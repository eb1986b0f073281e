"""Notes as they are stored: which there are, whom they are about, and what they say."""

from base64 import b64decode
from binascii import Error as NoBase64Error
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from careloom.fhir.references import parse_reference, patients_of
from careloom.issues import Issue
from careloom.nlp.reader import About, refused
from careloom.store.rows import Stored
from careloom.store.zone_store import ZoneStore
from careloom.terminology.systems import LOINC

TYPE = "DocumentReference"
"""What notes are stored as; `careloom.ingest.notes` and every other reader of feeds makes them so."""
_PLAIN = "text/plain"
_NOT_READ = frozenset({"entered-in-error", "superseded"})
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredNote:
    """One note with its text.

    text    as it came; empty where it cannot be read
    issue   why it cannot be read; None where it can
    """

    stored: Stored
    about: About
    text: str
    issue: Issue | None = None

    @property
    def note_id(self) -> str:
        """Its id in the zone."""
        return self.stored.id

    @property
    def reference(self) -> str:
        """The version of it that was read."""
        return f"{TYPE}/{self.stored.id}/_history/{self.stored.version}"


def notes_by_patient(store: ZoneStore) -> dict[str, list[str]]:
    """Patient -> ids of the notes that are about nobody else, in order; what is about nobody is nobody's."""
    found: dict[str, list[str]] = {}
    for stored in store.scan([TYPE]):
        resource = stored.resource()
        if patient := whose(resource):
            found.setdefault(patient, []).append(stored.id)
    return dict(sorted(found.items()))


def whose(resource: dict[str, Any]) -> str:
    """The one patient whom a note is about; empty for a note that is not read: of nobody, of several, or withdrawn."""
    patients = patients_of(resource)
    return patients[0] if len(patients) == 1 and resource.get("status") not in _NOT_READ else ""


def read_notes(store: ZoneStore, note_ids: Iterable[str], most_bytes: int) -> Iterator[StoredNote]:
    """The notes of these ids that are there now, in order of id."""
    for _, stored in sorted(store.read_named(TYPE, note_ids).items()):
        if not stored.deleted:
            yield note_of(stored, most_bytes)


def note_of(stored: Stored, most_bytes: int) -> StoredNote:
    """One note with its text, or why it has none."""
    resource = stored.resource()
    patients = patients_of(resource)
    about = About(
        stored.id,
        patients[0] if len(patients) == 1 else "",
        _encounter(resource),
        str(resource.get("date") or resource.get("context", {}).get("period", {}).get("start", "")),
        next((str(one.get("code", "")) for one in _codings(resource) if one.get("system") == LOINC), ""),
    )
    text, issue = text_of(resource)
    return StoredNote(stored, about, text, issue or refused(text, most_bytes))


def known_of(resource: Json) -> str:
    """By when a note was known, as FHIR tells it: its date, else the end of what it is of; empty where neither is told.

    The begin of what it is of is no such time: a summary is written at the end of its stay.
    """
    return str(resource.get("date") or resource.get("context", {}).get("period", {}).get("end", ""))


def text_of(resource: Json) -> tuple[str, Issue | None]:
    """The plain text that a note is attached as; empty with an issue where it has none that can be read."""
    for place, content in enumerate(resource.get("content", ())):
        attachment = content.get("attachment", {})
        kind, charset = _media(str(attachment.get("contentType", "")))
        if kind != _PLAIN or "data" not in attachment:
            continue
        try:
            return b64decode(attachment["data"]).decode(charset), None
        except (NoBase64Error, UnicodeDecodeError, LookupError):
            where = f"{TYPE}.content[{place}].attachment"
            return "", Issue("nlp.no-text", "error", where, "the attached text cannot be read", "Send it as UTF-8.")
    message = "the note holds no plain text"
    return "", Issue("nlp.no-text", "error", f"{TYPE}.content", message, "Send the text beside the document.")


def _media(content_type: str) -> tuple[str, str]:
    told = Message()
    told["content-type"] = content_type or "application/octet-stream"
    return told.get_content_type(), told.get_content_charset() or "utf-8"


def _encounter(resource: Json) -> str:
    for one in resource.get("context", {}).get("encounter", ()):
        told = parse_reference(str(one.get("reference", "")))
        if told.type == "Encounter" and told.form == "relative":
            return told.id
    return ""


def _codings(resource: Json) -> list[Json]:
    return list(resource.get("type", {}).get("coding", ()))
