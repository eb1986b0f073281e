"""Notes: what a text says, what reads it, and annotations of the notes that the platform holds."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.decoding import decode
from careloom.client.note_corpus import ALL_NOTES, CorpusQuery, NoteCorpus
from careloom.client.note_queries import (
    EVERYTHING,
    FactQuery,
    FoundFact,
    FoundFactPage,
    FoundNote,
    FoundNotePage,
    NoteSearch,
)
from careloom.client.note_reports import (
    NOTHING_KNOWN,
    AboutNote,
    AnnotationRun,
    AnnotationRunDetail,
    AnnotationRunPage,
    CorrectedNote,
    Json,
    NoteFindings,
    NoteModel,
    NoteModels,
    NoteReaderVersion,
    StoredNoteAnnotations,
)
from careloom.client.payload import JsonBody
from careloom.client.session import Session
from careloom.client.transport import Ask, Body
from careloom.client.waiting import until_ended


class Nlp:
    """What the platform understands of clinical texts."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/nlp"

    def __repr__(self) -> str:
        return f"Nlp({self._session.base})"

    def analyze(self, text: str, about: AboutNote = NOTHING_KNOWN, *, rerank: bool = False) -> NoteFindings:
        """What is found in one text; the platform keeps nothing of it.

        rerank  the likeliest names of problems and symptoms are ranked anew by the encoder: slower
        raises  AccessError; InputError for what is no text, of it TooLarge
        """
        return decode(NoteFindings, self._analyzed(text, about, rerank=rerank)["findings"])

    def export(
        self,
        text: str,
        format: str,  # noqa: A002 - the API's word
        about: AboutNote = NOTHING_KNOWN,
        *,
        refuted: bool = False,
    ) -> Json:
        """The same as a document of another format.

        format   ``json``; ``fhir``: a Bundle of facts; ``azure``: as Text Analytics for health; ``brat``: ``text`` and
                 ``annotations``; ``spacy``: a Doc
        refuted  FHIR: what is said to be absent is written as refuted, not left out
        """
        made = self._analyzed(text, about, format=format, refuted=refuted)
        found: Json = made["findings"] if made["document"] is None else made["document"]
        return found

    def reader(self) -> NoteReaderVersion:
        """What reads notes, with the version of each component."""
        return self._models().reader

    def models(self) -> tuple[NoteModel, ...]:
        """The trained models that ship, with their cards."""
        return self._models().models

    def note(self, zone: str, note_id: str) -> StoredNoteAnnotations:
        """What is held of a stored note, with its text: a person's word where there is one, else the reader's.

        raises  AccessError; NotFound where there is no such note, or it was not annotated
        """
        return decode(StoredNoteAnnotations, self._get(_note(zone, note_id)))

    def export_note(self, zone: str, note_id: str, format: str) -> Json:  # noqa: A002 - the API's word
        """The same as a document of another format; see `export`."""
        made = self._get(f"{_note(zone, note_id)}?{urlencode({'format': format})}")
        found: Json = made["findings"] if made["document"] is None else made["document"]
        return found

    def correct(
        self, zone: str, note_id: str, *, document: Mapping[str, Any] | None = None, brat: str | None = None
    ) -> CorrectedNote:
        """Says what a note means, and has the facts of its patient merged anew. One of the two:

        document  as `export_note` gives it as ``json``, corrected
        brat      the .ann file beside the text that it gives as ``brat``
        raises    AccessError; NotFound; FormatError where it does not fit the note as it is now
        """
        asked = {"document": dict(document)} if document is not None else {}
        body = JsonBody(asked | ({"brat": brat} if brat is not None else {}))
        return decode(CorrectedNote, self._post(f"{_note(zone, note_id)}/correction", body))

    def corrections(self, zone: str = "research") -> Iterator[Json]:
        """Every note that people have corrected, for training; pages are fetched on the way.

        Each is a line of what `careloom train ner --corrections` reads: ``text``, ``annotations``, ``relations``,
        ``found``, ``person``, ``subject`` and ``brat``. They hold words of patients.

        raises  AccessError
        """
        asked, more = {"zone": zone}, True
        while more:
            page = self._get(f"/corrections?{urlencode(asked)}")
            yield from page["items"]
            asked, more = {"zone": zone, "cursor": page["next"]}, bool(page["next"])

    def facts(
        self, zone: str = "identified", query: FactQuery = EVERYTHING, *, limit: int = 50, cursor: str = ""
    ) -> FoundFactPage:
        """What notes of a zone say: one page; `cursor` is the `next` of the page before.

        raises  AccessError; QueryError; NotFound for a concept that is not known
        """
        return decode(FoundFactPage, self._queried("/facts/search", zone, query, limit, cursor))

    def all_facts(self, zone: str = "identified", query: FactQuery = EVERYTHING) -> Iterator[FoundFact]:
        """All of it; pages are fetched on the way."""
        page = self.facts(zone, query, limit=500)
        yield from page.items
        while page.next:
            page = self.facts(zone, query, limit=500, cursor=page.next)
            yield from page.items

    def search_notes(
        self, search: NoteSearch, zone: str = "identified", *, limit: int = 20, cursor: str = ""
    ) -> FoundNotePage:
        """Notes of a zone by words and concepts: one page. raises as `facts`"""
        return decode(FoundNotePage, self._queried("/notes/search", zone, search, limit, cursor))

    def all_notes(self, search: NoteSearch, zone: str = "identified") -> Iterator[FoundNote]:
        """All of them; pages are fetched on the way."""
        page = self.search_notes(search, zone, limit=200)
        yield from page.items
        while page.next:
            page = self.search_notes(search, zone, limit=200, cursor=page.next)
            yield from page.items

    def corpus(self, zone: str = "research", query: CorpusQuery = ALL_NOTES) -> NoteCorpus:
        """What the notes of a zone say together, in counts of which small cells are left out.

        raises  AccessError; QueryError
        """
        asked = {"zone": zone, **asdict(query)}
        return decode(NoteCorpus, self._post("/corpus", JsonBody(asked)))

    def start(
        self, zone: str = "identified", *, patient: str = "", incremental: bool = False, refuted: bool = False
    ) -> AnnotationRun:
        """Queues an annotation of stored notes; see `wait`.

        zone         ``identified`` or ``research``
        patient      stored id; everybody where empty
        incremental  leaves out what this version of the reader has read as it is now
        refuted      what is said to be absent becomes a refuted fact, not none
        """
        asked = {"zone": zone, "patient": patient, "incremental": incremental, "refuted": refuted}
        return decode(AnnotationRun, self._post("/annotations", JsonBody(asked)))

    def get(self, run_id: str) -> AnnotationRunDetail:
        """One annotation as it stands, with its report when it is done. raises NotFound."""
        return decode(AnnotationRunDetail, self._get(f"/annotations/{_named(run_id)}"))

    def wait(self, run_id: str, *, timeout: float = 3600.0, poll: float = 1.0) -> AnnotationRunDetail:
        """It when it is done. raises StateError if it failed, was cancelled or is not done in time."""
        return until_ended(self._session.wire.pace, lambda: self.get(run_id), timeout=timeout, poll=poll)

    def list(self, *, limit: int = 20, cursor: str = "") -> AnnotationRunPage:
        """Annotations, newest first; `cursor` is the `next` of the page before."""
        asked = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        return decode(AnnotationRunPage, self._get(f"/annotations?{urlencode(asked)}"))

    def all(self) -> Iterator[AnnotationRun]:
        """Every annotation, newest first; pages are fetched on the way."""
        page = self.list(limit=100)
        yield from page.items
        while page.next:
            page = self.list(limit=100, cursor=page.next)
            yield from page.items

    def cancel(self, run_id: str) -> AnnotationRun:
        """Asks it to stop; what it has committed stays. raises NotFound; Conflict if it has ended."""
        return decode(AnnotationRun, self._post(f"/annotations/{_named(run_id)}/cancel", None))

    def _analyzed(self, text: str, about: AboutNote, **more: object) -> dict[str, Any]:
        asked = {"text": text, **asdict(about), **more}
        return self._session.document(Ask(method="POST", url=f"{self._base}/analyze", body=JsonBody(asked)))

    def _queried(self, path: str, zone: str, query: FactQuery | NoteSearch, limit: int, cursor: str) -> object:
        asked = {"zone": zone, **asdict(query), "limit": limit, "cursor": cursor}
        return self._session.document(Ask(method="POST", url=f"{self._base}{path}", body=JsonBody(asked)))

    def _models(self) -> NoteModels:
        return decode(NoteModels, self._get("/models"))

    def _get(self, path: str) -> Any:
        return self._session.document(Ask(method="GET", url=f"{self._base}{path}"))

    def _post(self, path: str, body: Body | None) -> object:
        return self._session.document(Ask(method="POST", url=f"{self._base}{path}", body=body, is_repeatable=False))


def _note(zone: str, note_id: str) -> str:
    return f"/notes/{segment(zone, 'name of a zone')}/{segment(note_id, 'id of a note')}"


def _named(run_id: str) -> str:
    return segment(run_id, "id of an annotation")
