"""What a note says of the order of two events that stand near each other: features for a linear model, and its answer.

The model is trained by tools/train_nlp_timeline.py on BEFORE, AFTER and OVERLAP of MACCROBAT 2020 (CC BY 4.0); what was
measured stands in docs/datasheets/nlp-times.md.
"""

import re
from functools import cache

from careloom import runtime
from careloom.nlp.timeline_order import Relation
from careloom.text.linear import LinearModel
from careloom.text.note import Span

MODEL = "models/timeline.zip"
"""Labels: the relations of `timeline_order`, of the event that stands first to the other."""
_WORD = re.compile(r"[a-z]+|[.;,()]")
_END = re.compile(r"[.!?](?=\s)|\n")
_WORDS_BETWEEN, _REACH = 24, 120
_SENTENCES_APART = 1


def features(text: str, first: tuple[Span, str], second: tuple[Span, str]) -> dict[str, float]:
    """What counts for the order of two events, each with its label; `text` is the note in small letters."""
    (one, label), (other, other_label) = first, second
    between = text[one.end : max(one.end, other.start)]
    parts = _END.split(between[-_REACH * 4 :])
    ends = min(len(parts) - 1, 2)
    words = _WORD.findall(between[: _REACH * 2])
    names = [
        f"labels {label} {other_label}",
        f"ends {ends}",
        f"labels {label} {other_label} {ends}",
        f"length {min(6, len(words) // 4)}",
        *{f"between {word}" for word in words[:_WORDS_BETWEEN]},
    ]
    if ends:
        opening = _WORD.findall(parts[-1])[:4]
        names += [name for place, word in enumerate(opening) for name in (f"opens {place} {word}", f"opens {word}")]
    before = text[max(0, one.start - _REACH) : one.start]
    names += [f"sentence {word}" for word in _WORD.findall(_END.split(before)[-1])[:3]]
    names += [f"before {word}" for word in _WORD.findall(before[-_REACH // 2 :])[-4:]]
    if words:
        names += [f"first {words[0]}", f"last {words[-1]}", f"last two {' '.join(words[-2:])}"]
    names += [f"one {word}" for word in _WORD.findall(text[one.start : one.end])[-2:]]
    names += [f"two {word}" for word in _WORD.findall(text[other.start : other.end])[:3]]
    names += [f"behind {word}" for word in _WORD.findall(text[other.end : other.end + 40])[:3]]
    return dict.fromkeys(names, 1.0)


@cache
def packaged_model() -> LinearModel:
    """The model that ships."""
    return LinearModel(runtime.packaged("nlp", MODEL))


def is_near(text: str, one: Span, other: Span) -> bool:
    """True where at most one sentence ends between two spans, so that something may be told of their order."""
    gap = text[one.end : other.start]
    return len(gap) <= 4 * _REACH and "\n\n" not in gap and len(_END.findall(gap)) <= _SENTENCES_APART


def said(
    text: str, first: tuple[Span, str], second: tuple[Span, str], model: LinearModel | None = None
) -> tuple[Relation, float]:
    """The relation of the first event to the second, which stands behind it, and its probability."""
    used = model if model is not None else packaged_model()
    scores = used.scores(features(text, first, second))
    best = int(scores.argmax())
    relation: Relation = used.labels[best]  # type: ignore[assignment]
    return relation, float(scores[best])
