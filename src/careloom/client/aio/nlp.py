"""Notes: what a text says, what reads it, and annotations of the notes that the platform holds."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from careloom.client.aio.session import Session
from careloom.client.aio.waiting import until_ended
from careloom.client.decoding import decode
from careloom.client.nlp import _named, _note
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
from careloom.client.transport import Ask, Body


class Nlp:
    """What the platform understands of clinical texts."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/nlp"

    def __repr__(self) -> str:
        return f"Nlp({self._session.base})"

    async def analyze(self, text: str, about: AboutNote = NOTHING_KNOWN, *, rerank: bool = False) -> NoteFindings:
        """What is found in one text; the platform keeps nothing of it.

        rerank  the likeliest names of problems and symptoms are ranked anew by the encoder: slower
        raises  AccessError; InputError for what is no text, of it TooLarge
        """
        return decode(NoteFindings, (await self._analyzed(text, about, rerank=rerank))["findings"])

    async def export(
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
        made = await self._analyzed(text, about, format=format, refuted=refuted)
        found: Json = made["findings"] if made["document"] is None else made["document"]
        return found

    async def reader(self) -> NoteReaderVersion:
        """What reads notes, with the version of each component."""
        return (await self._models()).reader

    async def models(self) -> tuple[NoteModel, ...]:
        """The trained models that ship, with their cards."""
        return (await self._models()).models

    async def note(self, zone: str, note_id: str) -> StoredNoteAnnotations:
        """What is held of a stored note, with its text: a person's word where there is one, else the reader's.

        raises  AccessError; NotFound where there is no such note, or it was not annotated
        """
        return decode(StoredNoteAnnotations, await self._get(_note(zone, note_id)))

    async def export_note(self, zone: str, note_id: str, format: str) -> Json:  # noqa: A002 - the API's word
        """The same as a document of another format; see `export`."""
        made = await self._get(f"{_note(zone, note_id)}?{urlencode({'format': format})}")
        found: Json = made["findings"] if made["document"] is None else made["document"]
        return found

    async def correct(
        self, zone: str, note_id: str, *, document: Mapping[str, Any] | None = None, brat: str | None = None
    ) -> CorrectedNote:
        """Says what a note means, and has the facts of its patient merged anew. One of the two:

        document  as `export_note` gives it as ``json``, corrected
        brat      the .ann file beside the text that it gives as ``brat``
        raises    AccessError; NotFound; FormatError where it does not fit the note as it is now
        """
        asked = {"document": dict(document)} if document is not None else {}
        body = JsonBody(asked | ({"brat": brat} if brat is not None else {}))
        return decode(CorrectedNote, await self._post(f"{_note(zone, note_id)}/correction", body))

    async def corrections(self, zone: str = "research") -> AsyncIterator[Json]:
        """Every note that people have corrected, for training; pages are fetched on the way.

        Each is a line of what `careloom train ner --corrections` reads: ``text``, ``annotations``, ``relations``,
        ``found``, ``person``, ``subject`` and ``brat``. They hold words of patients.

        raises  AccessError
        """
        asked, more = {"zone": zone}, True
        while more:
            page = await self._get(f"/corrections?{urlencode(asked)}")
            for each in page["items"]:
                yield each
            asked, more = {"zone": zone, "cursor": page["next"]}, bool(page["next"])

    async def facts(
        self, zone: str = "identified", query: FactQuery = EVERYTHING, *, limit: int = 50, cursor: str = ""
    ) -> FoundFactPage:
        """What notes of a zone say: one page; `cursor` is the `next` of the page before.

        raises  AccessError; QueryError; NotFound for a concept that is not known
        """
        return decode(FoundFactPage, await self._queried("/facts/search", zone, query, limit, cursor))

    async def all_facts(self, zone: str = "identified", query: FactQuery = EVERYTHING) -> AsyncIterator[FoundFact]:
        """All of it; pages are fetched on the way."""
        page = await self.facts(zone, query, limit=500)
        for each in page.items:
            yield each
        while page.next:
            page = await self.facts(zone, query, limit=500, cursor=page.next)
            for each in page.items:
                yield each

    async def search_notes(
        self, search: NoteSearch, zone: str = "identified", *, limit: int = 20, cursor: str = ""
    ) -> FoundNotePage:
        """Notes of a zone by words and concepts: one page. raises as `facts`"""
        return decode(FoundNotePage, await self._queried("/notes/search", zone, search, limit, cursor))

    async def all_notes(self, search: NoteSearch, zone: str = "identified") -> AsyncIterator[FoundNote]:
        """All of them; pages are fetched on the way."""
        page = await self.search_notes(search, zone, limit=200)
        for each in page.items:
            yield each
        while page.next:
            page = await self.search_notes(search, zone, limit=200, cursor=page.next)
            for each in page.items:
                yield each

    async def corpus(self, zone: str = "research", query: CorpusQuery = ALL_NOTES) -> NoteCorpus:
        """What the notes of a zone say together, in counts of which small cells are left out.

        raises  AccessError; QueryError
        """
        asked = {"zone": zone, **asdict(query)}
        return decode(NoteCorpus, await self._post("/corpus", JsonBody(asked)))

    async def start(
        self, zone: str = "identified", *, patient: str = "", incremental: bool = False, refuted: bool = False
    ) -> AnnotationRun:
        """Queues an annotation of stored notes; see `wait`.

        zone         ``identified`` or ``research``
        patient      stored id; everybody where empty
        incremental  leaves out what this version of the reader has read as it is now
        refuted      what is said to be absent becomes a refuted fact, not none
        """
        asked = {"zone": zone, "patient": patient, "incremental": incremental, "refuted": refuted}
        return decode(AnnotationRun, await self._post("/annotations", JsonBody(asked)))

    async def get(self, run_id: str) -> AnnotationRunDetail:
        """One annotation as it stands, with its report when it is done. raises NotFound."""
        return decode(AnnotationRunDetail, await self._get(f"/annotations/{_named(run_id)}"))

    async def wait(self, run_id: str, *, timeout: float = 3600.0, poll: float = 1.0) -> AnnotationRunDetail:
        """It when it is done. raises StateError if it failed, was cancelled or is not done in time."""
        return await until_ended(self._session.wire.pace, lambda: self.get(run_id), timeout=timeout, poll=poll)

    async def list(self, *, limit: int = 20, cursor: str = "") -> AnnotationRunPage:
        """Annotations, newest first; `cursor` is the `next` of the page before."""
        asked = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        return decode(AnnotationRunPage, await self._get(f"/annotations?{urlencode(asked)}"))

    async def all(self) -> AsyncIterator[AnnotationRun]:
        """Every annotation, newest first; pages are fetched on the way."""
        page = await self.list(limit=100)
        for each in page.items:
            yield each
        while page.next:
            page = await self.list(limit=100, cursor=page.next)
            for each in page.items:
                yield each

    async def cancel(self, run_id: str) -> AnnotationRun:
        """Asks it to stop; what it has committed stays. raises NotFound; Conflict if it has ended."""
        return decode(AnnotationRun, await self._post(f"/annotations/{_named(run_id)}/cancel", None))

    async def _analyzed(self, text: str, about: AboutNote, **more: object) -> dict[str, Any]:
        asked = {"text": text, **asdict(about), **more}
        return await self._session.document(Ask(method="POST", url=f"{self._base}/analyze", body=JsonBody(asked)))

    async def _queried(self, path: str, zone: str, query: FactQuery | NoteSearch, limit: int, cursor: str) -> object:
        asked = {"zone": zone, **asdict(query), "limit": limit, "cursor": cursor}
        return await self._session.document(Ask(method="POST", url=f"{self._base}{path}", body=JsonBody(asked)))

    async def _models(self) -> NoteModels:
        return decode(NoteModels, await self._get("/models"))

    async def _get(self, path: str) -> Any:
        return await self._session.document(Ask(method="GET", url=f"{self._base}{path}"))

    async def _post(self, path: str, body: Body | None) -> object:
        return await self._session.document(
            Ask(method="POST", url=f"{self._base}{path}", body=body, is_repeatable=False)
        )
