"""Notes found by their words and by what was found in them.

The words are looked for in the notes as they are, opened one after the other: no index of them is kept anywhere.
"""

from dataclasses import dataclass, field
from typing import Any, get_args

from careloom.errors import QueryError
from careloom.services.access import Principal
from careloom.services.note_query import (
    Annotated,
    Codes,
    ConceptAsk,
    Look,
    NotePage,
    NoteScope,
    Period,
    asked,
    asserted,
    codes_meant,
    is_meant,
    narrowed_by,
    require_known,
    within,
)
from careloom.services.platform import Platform
from careloom.services.search import zone_of
from careloom.services.stored_notes import TYPE, note_of
from careloom.text.note import Presence, Span
from careloom.text.word_search import WordQuery, word_query

OPERATION = "annotate-search"
LONGEST_TEXT = 500
_SNIPPETS = 3
_AROUND = 60
"""Characters of a snippet on either side."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NoteSearchAsk:
    """Which notes are wanted: those that fit everything that is named; words or a concept must be.

    text      all of these words, whatever their case and accents; ``dysp*`` is every word that begins so
    phrase    one after the other
    concept   an annotation has one of these codes
    presence  and is asserted so, one of them; empty for any
    period    when the note was written
    """

    scope: NoteScope = field(default_factory=NoteScope)
    text: str = ""
    phrase: bool = False
    concept: ConceptAsk = field(default_factory=ConceptAsk)
    presence: tuple[str, ...] = ()
    period: Period = field(default_factory=Period)


def search_notes(platform: Platform, who: Principal, ask: NoteSearchAsk) -> NotePage:
    """One page of notes.

    returns  items: ``note`` (the version as it is now), ``patient``, ``encounter``, ``time``, ``type``; ``words``: how
             often the words or the phrase stand there; ``annotations``: ids of those with the concept; ``snippets``: up
             to three places, ``start`` and ``end`` of what was found, ``offset`` and ``text`` of the characters around
             it. ``snippets`` is None for who may search notes but not read them
    raises   AccessError; QueryError; NotFound for a concept that is not known
    """

    def look() -> Look:
        search = _Search(platform, ask, is_shown=who.may("read", zone_of(ask.scope.zone), TYPE))
        return search.item

    return asked(platform, who, OPERATION, ask.scope, narrowed_by(ask), look)


class _Search:
    """A query that was understood. raises QueryError; NotFound"""

    def __init__(self, platform: Platform, ask: NoteSearchAsk, *, is_shown: bool) -> None:
        require_known("presence", ask.presence, get_args(Presence))
        if len(ask.text) > LONGEST_TEXT:
            raise QueryError(f"a search has {LONGEST_TEXT} characters at most", "Shorten it.")
        self._words: WordQuery = word_query(ask.text, is_phrase=ask.phrase)
        self._codes: Codes = codes_meant(platform, ask.concept)
        if not self._words.terms and (ask.text.strip() or not self._codes):
            raise QueryError("there is no word to look for, and no concept", "Send text, concepts, or both.")
        self._ask, self._is_shown = ask, is_shown
        self._is_within = within(ask.period)
        self._most = platform.settings.annotate.max_text_bytes

    def item(self, one: Annotated) -> list[Json]:
        """The item of a note; none where it is not wanted."""
        named = self._named(one)
        if self._codes and not named:
            return []
        said = note_of(one.stored, self._most)
        if said.issue is not None or not self._is_within(said.about.time, said.about.time):
            return []
        hits = self._words.find(said.text)
        if self._words.terms and not hits:
            return []
        known = [Span(each["start"], each["end"]) for each in named] if one.is_current else []
        about = said.about
        return [
            {
                "note": one.reference, "patient": f"Patient/{one.patient}", "encounter": about.encounter_id,
                "time": about.time, "type": about.type, "words": len(hits),
                "annotations": [each["id"] for each in named],
                "snippets": _snippets(said.text, hits or known) if self._is_shown else None,
            }
        ]  # fmt: skip

    def _named(self, one: Annotated) -> list[Json]:
        """Annotations with the concept; none where no concept is asked."""
        if one.kept is None or not self._codes:
            return []
        presence = self._ask.presence
        return [
            each
            for each in one.kept.content["annotations"]
            if is_meant(each, self._codes, candidates=self._ask.concept.candidates)
            and (not presence or asserted(each).get("presence") in presence)
        ]


def _snippets(text: str, spans: list[Span]) -> list[Json]:
    """The first places that do not stand in the snippet before, with what is around them."""
    found: list[Json] = []
    end = 0
    for span in spans:
        if len(found) == _SNIPPETS:
            break
        if found and span.end <= end:
            continue
        start, end = max(0, span.start - _AROUND), min(len(text), span.end + _AROUND)
        found.append({"start": span.start, "end": span.end, "offset": start, "text": text[start:end]})
    return found
