"""How well social determinants and tone are found: in simulated notes, and in sentences of our own.

A determinant counts where it overlaps one of the same label (and status). The sentences are packaged beside this file:
``social_sentences.toml`` and ``tone_sentences.toml`` tell their grammar; rules may be tuned by the part ``develop``.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from careloom.nlp.corpora_notes import GoldNote
from careloom.nlp.evaluation import Counts, counts, of_sets
from careloom.nlp.labels import TONE
from careloom.nlp.social import Social, determinants_of
from careloom.nlp.tone import Tone
from careloom.runtime import packaged
from careloom.text.note import AnnotatedNote, Note, Span

SAME_STATUS: Mapping[str, str] = {"never": "none", "heavy": "current", "former": "past", "limited": "absent"}
"""Statuses that count as one: who denies smoking may mean now or ever, and authors write both."""
_LABELS = {
    "tobacco": "TOBACCO",
    "alcohol": "ALCOHOL",
    "drugs": "DRUG_USE",
    "employment": "EMPLOYMENT",
    "living": "HOUSING",
    "housing": "HOUSING",
    "food": "FOOD",
    "transport": "TRANSPORT",
}
_DIAGNOSES = (
    ("F17", "TOBACCO", "current"),
    ("Z72.0", "TOBACCO", "current"),
    ("F10", "ALCOHOL", "current"),
    ("F11", "DRUG_USE", "current"),
    ("F19", "DRUG_USE", "current"),
    ("Z56.0", "EMPLOYMENT", "unemployed"),
    ("Z59.0", "HOUSING", "homeless"),
    ("Z59.8", "HOUSING", "unstable"),
    ("Z59.1", "HOUSING", "unstable"),
    ("Z59.4", "FOOD", "insecure"),
    ("Z60.2", "HOUSING", "alone"),
)
"""ICD-10-CM codes of gold entities that name a determinant: a problem list says that somebody is unemployed, too."""
_NOT_SAID = frozenset({"absent", "family", "hypothetical", "possible"})
_SCORED = frozenset(_LABELS.values())
_SIX = frozenset({"EMPLOYMENT", "HOUSING", "TRANSPORT", "RELATIONSHIP", "SUPPORT", "PARENT"})
"""Determinants of Guevara et al., npj Digit Med 2024;7:6."""
_SWAPPED = {"he": "she", "she": "he", "him": "her", "himself": "herself", "herself": "himself"}
_RACES = ("Black", "white", "Hispanic", "Asian", "female", "male")
_TONES = {
    "positive": ("SENTIMENT", "positive"),
    "negative": ("SENTIMENT", "negative"),
    "pain": ("PAIN", "present"),
    "no-pain": ("PAIN", "absent"),
    "stigmatizing": ("STANCE", "stigmatizing"),
    "doubting": ("STANCE", "doubting"),
    "kind": ("STANCE", "positive"),
}
Part = Literal["develop", "evaluate"]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A span with its label and its status (or another value; empty where none is scored)."""

    span: Span
    label: str
    status: str = ""


@dataclass(frozen=True, slots=True)
class ReadSentence:
    """What a sentence says and what was found in it: labels, and those that are adverse.

    is_changed  True where another word for sex or race changes what is found
    """

    text: str
    labels: Counts
    adverse: Counts
    is_changed: bool


@dataclass(frozen=True, slots=True)
class HeardSentence:
    """The tone of a sentence: label -> counts of its values; whether a pain score is right, None where none is told."""

    text: str
    tone: Mapping[str, Counts]
    is_score_right: bool | None


def status_of(status: str) -> str:
    """The class that a status is scored in."""
    return SAME_STATUS.get(status, status)


def overlapping(gold: Sequence[Labelled], found: Sequence[Labelled], *, with_status: bool) -> Counts:
    """Spans of one document: each gold one with at most one found one of its label (and status) that overlaps it."""
    left, right = list(found), []
    for one in gold:
        same = [
            other
            for other in left
            if other.label == one.label
            and other.span.overlaps(one.span)
            and (not with_status or status_of(other.status) == status_of(one.status))
        ]
        if same:
            left.remove(max(same, key=lambda other: _shared(one.span, other.span)))
            right.append(one.label)
    return counts((one.label for one in gold), (one.label for one in found), right)


def _shared(one: Span, other: Span) -> int:
    return min(one.end, other.end) - max(one.start, other.start)


def in_note(gold: Iterable[Labelled], found: Iterable[Labelled]) -> Counts:
    """Labels with status of one document, wherever they stand and however often."""
    return of_sets(*({(one.label, status_of(one.status)) for one in some} for some in (gold, found)))


def determinants_in(note: GoldNote) -> list[Labelled]:
    """The determinants of a simulated note by our labels: of its social history, and diagnoses that are one."""
    out = []
    for one in note.spans:
        if one.kind == "social":
            out.append(Labelled(Span(*one.place), _LABELS[one.label], one.attributes.get("status", "")))
        elif one.kind == "entity" and one.assertion not in _NOT_SAID:
            codes = [code for _, code in one.codes]
            out += [
                Labelled(Span(*one.place), label, status)
                for prefix, label, status in _DIAGNOSES
                if any(code.startswith(prefix) for code in codes)
            ]
    return out


def found_in(text: str, social: Social) -> list[Labelled]:
    """What the component finds in a raw text of the labels that simulated notes have."""
    read = social.read(AnnotatedNote(Note("n", text)))
    return [Labelled(one.span, one.label, one.attributes["status"]) for one in read.annotations if one.label in _SCORED]


@cache
def _sentences(file: str, part: str) -> tuple[tuple[str, str], ...]:
    """Gold and sentence of each line of a part of a packaged file."""
    lines: str = tomllib.loads(packaged("nlp", file).decode("utf-8"))[part]
    rows = (line.split("|", 1) for line in lines.strip().split("\n"))
    return tuple((gold.strip(), sentence.strip()) for gold, sentence in rows)


def social_sentences(part: Part) -> Iterator[ReadSentence]:
    """Every sentence of a part of those about determinants, read."""
    for gold, sentence in _sentences("social_sentences.toml", part):
        names = [name.strip() for name in gold.split(",") if name.strip()]
        found = _six(sentence)
        meant = {(name.removesuffix("!"),) for name in names}
        adverse = {(name.removesuffix("!"),) for name in names if name.endswith("!")}
        is_changed = any(_six(other) != found for other in changed_people(sentence))
        told = {(label,) for label, is_adverse in found.items() if is_adverse}
        yield ReadSentence(sentence, of_sets(meant, ((label,) for label in found)), of_sets(adverse, told), is_changed)


def _six(sentence: str) -> Mapping[str, bool]:
    return {label: is_adverse for label, is_adverse in determinants_of(sentence).items() if label in _SIX}


def changed_people(sentence: str) -> list[str]:
    """The sentence with other words for sex and race, as the robustness pairs of Guevara et al. 2024 have them."""
    swapped = re.sub(
        r"\b(he|she|him|himself|herself)\b",
        lambda found: _SWAPPED[found[0].lower()].capitalize() if found[0][0].isupper() else _SWAPPED[found[0]],
        sentence,
        flags=re.IGNORECASE,
    )
    people = [re.sub(r"\b([Tt]he |^)[Pp]atient\b", rf"\1{word} patient", sentence) for word in _RACES]
    return [swapped, *people]


def tone_sentences(part: Part) -> Iterator[HeardSentence]:
    """Every sentence of a part of those about tone, read."""
    tone = Tone()
    for gold, sentence in _sentences("tone_sentences.toml", part):
        names = [name.strip() for name in gold.split(",") if name.strip()]
        meant = {_TONES[name.split(":")[0]] for name in names}
        read = tone.read(AnnotatedNote(Note("n", sentence))).annotations
        found = {(one.label, one.attributes.get("value", one.attributes.get("presence", ""))) for one in read}
        by_label = {
            label: of_sets(*({(value,) for name, value in some if name == label} for some in (meant, found)))
            for label in TONE
        }
        score = gold.partition(":")[2]
        is_right = any(one.attributes.get("score") == score for one in read) if score else None
        yield HeardSentence(sentence, by_label, is_right)
