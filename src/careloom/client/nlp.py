"""Notes: what a text says, what reads it, and annotations of the notes that the platform holds."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.decoding import decode
from careloom.client.note_reports import (
    NOTHING_KNOWN,
    AboutNote,
    AnnotationRun,
    AnnotationRunDetail,
    AnnotationRunPage,
    Json,
    NoteFindings,
    NoteModel,
    NoteModels,
    NoteReaderVersion,
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

    def analyze(self, text: str, about: AboutNote = NOTHING_KNOWN) -> NoteFindings:
        """What is found in one text; the platform keeps nothing of it.

        raises  AccessError; InputError for what is no text, of it TooLarge
        """
        return decode(NoteFindings, self._analyzed(text, about)["findings"])

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

    def _models(self) -> NoteModels:
        return decode(NoteModels, self._get("/models"))

    def _get(self, path: str) -> Any:
        return self._session.document(Ask(method="GET", url=f"{self._base}{path}"))

    def _post(self, path: str, body: Body | None) -> object:
        return self._session.document(Ask(method="POST", url=f"{self._base}{path}", body=body, is_repeatable=False))


def _named(run_id: str) -> str:
    return segment(run_id, "id of an annotation")
