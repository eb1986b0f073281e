"""Drugs of a list of medications that stand there by name alone, where a tagger that reads sentences sees no drug.

    Medications: Combivent, Bactrim DS         MEDICATION Combivent, Bactrim
    Medications:\\nwater pill, none, aspirin    MEDICATION aspirin

An item of such a list is a line, or what stands between commas or semicolons; it begins with a name of the vocabulary
``drugs`` of `careloom.nlp.linking`. Names that are ordinary words stand in lexicon.toml.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache

from careloom.nlp.linking_table import packaged_table
from careloom.nlp.linking_text import canonical
from careloom.text.note import Section, Span

SECTIONS = frozenset({"medications", "admission_medications", "discharge_medications"})
_ITEM = re.compile(r"(?:(?<=[\n,;:])|(?<=\.[ \n]))[ \t]*(?:[-*•]+[ \t]*|\(?\d{1,2}[.)][ \t]*)?(?=[^\W\d_])")
_WORD = re.compile(r"[^\W\d_][\w'-]*")
_MOST_WORDS, _SHORTEST = 3, 4


def listed_drugs(text: str, sections: Sequence[Section], ordinary: frozenset[str]) -> Iterator[Span]:
    """The names that items of titled lists of medications begin with, in order.

    ordinary  names that are words of everyday English, too: none is taken for a drug
    """
    for section in sections:
        if section.kind in SECTIONS and section.score is None:
            start, end = section.body.start, section.body.end
            for place in dict.fromkeys([start, *(item.end() for item in _ITEM.finditer(text, start, end))]):
                span = _named(text, place, end, ordinary)
                if span is not None:
                    yield span


def _named(text: str, start: int, end: int, ordinary: frozenset[str]) -> Span | None:
    """The longest name of a drug that begins at a place."""
    longest, at = None, start
    for _ in range(_MOST_WORDS):
        word = _WORD.match(text, at, end)
        if word is None:
            break
        name = canonical(text[start : word.end()])
        if len(name) >= _SHORTEST and name not in ordinary and name in _drugs():
            longest = Span(start, word.end())
        at = word.end() + 1
        if text[word.end() : at] != " ":
            break
    return longest


@cache
def _drugs() -> frozenset[str]:
    """Names of drugs in RxNorm, and of classes of drugs; no vaccines."""
    table = packaged_table("drugs")
    return frozenset(
        name
        for number, name in enumerate(table.names)
        if any(code[0] in "RH" for code in table.codes_of(table.meaning[number]).split())
    )
