"""What notes say, found by what it is: by concept, label, assertion, section, time and patient.

What is found is what is held of the notes: a person's word where there is one, else what the reader found. It is as new
as the last run of `careloom annotate`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, get_args

from careloom.nlp.labels import ENTITIES, SOCIAL, TONE
from careloom.services.access import Principal
from careloom.services.annotate_documents import Kept
from careloom.services.note_query import (
    Annotated,
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
from careloom.services.stored_notes import TYPE
from careloom.text.note import Experiencer, Presence, Temporality

OPERATION = "annotate-facts"
LABELS = (*ENTITIES, *SOCIAL, *TONE)
_ASSERTED = {
    "presence": get_args(Presence), "temporality": get_args(Temporality), "experiencer": get_args(Experiencer),
}  # fmt: skip
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FactsAsk:
    """Which annotations are wanted: those that fit everything that is named. What is empty narrows nothing.

    labels                              one of them, as ``PROBLEM``
    presence, temporality, experiencer  one of them; what cannot be asserted, as a dose, has none
    sections                            kind of the section that it stands in, one of them
    period                              when it was or began by the timeline of the note, else when the note was written
    led                                 only what became a fact of the record, or what the record says already
    """

    scope: NoteScope = field(default_factory=NoteScope)
    concept: ConceptAsk = field(default_factory=ConceptAsk)
    labels: tuple[str, ...] = ()
    presence: tuple[str, ...] = ()
    temporality: tuple[str, ...] = ()
    experiencer: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    period: Period = field(default_factory=Period)
    led: bool = False


def facts(platform: Platform, who: Principal, ask: FactsAsk) -> NotePage:
    """One page of what notes say.

    returns  items: ``note`` (the version that was read), ``patient``, ``encounter``, ``time``, ``type`` of the note;
             ``id``, ``start``, ``end``, ``label``, ``text``, ``score``, ``section``, ``attributes``, ``assertion``,
             ``codes`` as in the note's document; ``origin``, ``reader``, ``current`` (False where the note has changed
             since) and ``facts``: what became of each fact that rests on it. ``text`` is None and ``attributes`` are
             empty for who may search notes but not read them
    raises   AccessError; QueryError; NotFound for a concept that is not known
    """

    def look() -> Look:
        is_wanted = _wanted(platform, ask)
        is_shown = who.may("read", zone_of(ask.scope.zone), TYPE)
        return lambda one: [_item(one, one.kept, each, is_shown) for each in _annotations(one) if is_wanted(one, each)]

    return asked(platform, who, OPERATION, ask.scope, narrowed_by(ask), look)


def _annotations(one: Annotated) -> list[Json]:
    return [] if one.kept is None else one.kept.content["annotations"]


def _wanted(platform: Platform, ask: FactsAsk) -> Callable[[Annotated, Json], bool]:
    """Whether an annotation of a note is wanted. raises QueryError; NotFound"""
    require_known("labels", ask.labels, LABELS)
    wanted = {name: getattr(ask, name) for name in _ASSERTED}
    for name, values in wanted.items():
        require_known(name, values, _ASSERTED[name])
    codes, is_within = codes_meant(platform, ask.concept), within(ask.period)

    def test(one: Annotated, each: Json) -> bool:
        said = asserted(each)
        return (
            (not ask.labels or each["label"] in ask.labels)
            and (not ask.sections or each.get("section", "") in ask.sections)
            and all(not values or said.get(name) in values for name, values in wanted.items())
            and is_meant(each, codes, candidates=ask.concept.candidates)
            and is_within(*_time(one, each))
            and (not ask.led or any(_is_led(fact) for fact in _facts(one, each)))
        )

    return test


def _time(one: Annotated, each: Json) -> tuple[str, str]:
    """When it was: by the timeline, else when the note was written."""
    told = each.get("attributes", {})
    if "time_from" in told:
        return told.get("start", ""), told.get("end", "")
    written = "" if one.kept is None else str(one.kept.content.get("time", ""))
    return written, written


def _facts(one: Annotated, each: Json) -> list[Json]:
    """What became of each fact that rests on an annotation."""
    told = [] if one.kept is None else one.kept.content.get("facts", ())
    return [fact for fact in told if each["id"] in fact["annotations"]]


def _is_led(fact: Json) -> bool:
    """True where a resource says it; what contradicts the record names the other side."""
    return bool(fact["fact"]) and fact["outcome"] != "conflict"


def _item(one: Annotated, kept: Kept | None, each: Json, is_shown: bool) -> Json:
    content = {} if kept is None else kept.content
    return {
        "note": "" if kept is None else kept.note,
        "patient": f"Patient/{one.patient}",
        **{name: content.get(name, "") for name in ("encounter", "time", "type")},
        **{name: each[name] for name in ("id", "start", "end", "label")},
        "text": each.get("text", "") if is_shown else None,
        "score": each.get("score"),
        "section": each.get("section", ""),
        "attributes": each.get("attributes", {}) if is_shown else {},
        "assertion": each.get("assertion"),
        "codes": each.get("codes", []),
        "origin": "" if kept is None else kept.origin,
        "reader": "" if kept is None else kept.reader,
        "current": one.is_current,
        "facts": [{name: fact[name] for name in ("type", "outcome", "fact", "reason")} for fact in _facts(one, each)],
    }
