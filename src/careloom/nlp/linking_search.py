"""From a mention to the names it may mean: the forms it is looked for in, and the names found for them."""

import re
from collections.abc import Mapping

from careloom.nlp.linking_abbreviations import decided_meaning, is_ours, meanings
from careloom.nlp.linking_features import Candidate, Query
from careloom.nlp.linking_table import NameTable
from careloom.nlp.linking_text import canonical, word_list

_BRACKETS = re.compile(r"\s*[(\[][^()\[\]]*[)\]]?")
_PREFIXES = re.compile(
    r"^(?:history of|hx of|h/o|s/p|status post|known|possible|suspected|probable|likely|rule out|r/o)\s+", re.IGNORECASE
)
_CAUSED = re.compile(r"^[\w,' -]{2,40}?[- ](?:induced|associated|related|mediated|dependent)\s+(?=\w)", re.IGNORECASE)
_JOINED = re.compile(r"\s*(?:,? and/or |,? and |,? or | & |/|, )\s*")
_SHORT = re.compile(r"[A-Z][A-Za-z0-9./-]{0,7}|[a-z]{2,4}\d?")
_LONGEST = 7
"""Letters of a word that may be an abbreviation."""
MOST_LETTERS = 200
"""Characters of a mention that are looked at: no name is longer."""
_LETTERS = re.compile(r"[^\W\d_]+")
_NOT = {"non"}
"""A name with this word more than another means what that one does not: non-ST elevation."""
_BESIDE = {"ca": "cancer", "DM": "diabetes mellitus"}
"""Abbreviations that mean one thing beside other words: breast ca, DM II."""
_WORDS = {"COLD"}
"""What in small letters is a word of our list, and in capitals an abbreviation of another disease, too."""
_FORMS = 6
"""Forms of a mention that are looked for at most."""


def looks_short(mention: str) -> bool:
    """True where a mention may be an abbreviation: one word, short, with capitals beyond the first letter or digits."""
    return (
        1 < len(mention) <= _LONGEST
        and " " not in mention
        and (sum(letter.isupper() for letter in mention) > 1 or len(mention) <= 4 or any(c.isdigit() for c in mention))
    )


def _spelt_out(mention: str, defined: Mapping[str, str], around: str) -> list[tuple[str, str]]:
    """A mention with its abbreviations spelt out: as the note defines them, else as notes mostly use them."""
    if mention in defined:
        return [(defined[mention], "expanded")]
    found: list[tuple[str, str]] = []
    if " " not in mention:
        decided = decided_meaning(mention, around) if looks_short(mention) else None
        if decided is not None:
            return [(decided, "expanded")]
        if mention.endswith("s") and mention[:-1] in defined:
            return [(defined[mention[:-1]], "expanded")]
        if looks_short(mention):
            found += [(meaning, "listed") for meaning in meanings(mention, around)[:3]]
        return found
    words = mention.split(" ")
    by_note = [defined.get(word, defined.get(word.rstrip("s"), _BESIDE.get(word, word))) for word in words]
    if by_note != words:
        return [(" ".join(by_note), "expanded")]
    listed = [
        decided_meaning(word, mention) or (meanings(word, around)[:1] or [word])[0]
        if looks_short(word) and not word.islower()
        else word
        for word in words
    ]
    if listed != words:
        found.append((" ".join(listed), "listed"))
    return found


def parts(mention: str) -> list[str]:
    """The mentions that are joined in one: "breast and ovarian cancer" is breast cancer and ovarian cancer."""
    pieces = [piece for piece in _JOINED.split(mention) if piece]
    if not 1 < len(pieces) <= 4 or len(mention) > 80:
        return []
    last = pieces[-1].split()
    if len(last) < 2:
        first = pieces[0].split()
        if len(last) == 1 and len(first) > 1:
            return [pieces[0], *(" ".join([*first[:-1], piece]) for piece in pieces[1:])]
        return pieces
    head = last[-1]
    return [piece if piece.split()[-1] == head or len(piece.split()) > 2 else f"{piece} {head}" for piece in pieces]


def query_of(mention: str, defined: Mapping[str, str], around: str) -> Query:
    """The forms of a mention. An abbreviation of our own list means what the list says first.

    defined  the abbreviations that its note defines: they come before the list
    around   the words beside it
    """
    forms: dict[str, str] = {}
    bare = mention[:MOST_LETTERS].strip()

    def keep(text: str, variant: str) -> None:
        form = canonical(text)
        if form and len(forms) < _FORMS:
            forms.setdefault(form, variant)

    spelt_out = _spelt_out(bare, defined, around)
    if spelt_out and spelt_out[0][1] == "listed" and is_ours(bare) and bare not in _WORDS:
        spelt_out = [(spelt_out[0][0], "expanded")]
    if [variant for _, variant in spelt_out] != ["expanded"] or " " in bare:
        keep(bare, "mention")
    for text, variant in spelt_out:
        keep(text, variant)
    outside = _BRACKETS.sub("", bare).strip()
    if outside != bare:
        keep(outside, "reduced")
    for pattern in (_PREFIXES, _CAUSED):
        shorter = pattern.sub("", bare)
        if shorter != bare:
            keep(shorter, "reduced")
    if forms:
        light = word_list("modifiers")
        words = next(iter(forms)).split(" ")
        kept = [word for word in words if word not in light]
        if kept and len(kept) < len(words):
            keep(" ".join(kept), "reduced")
    for part in parts(bare)[:1]:
        keep(part, "reduced")
    return Query(tuple(forms), tuple(forms.values()), looks_short(bare), _plain_words(bare))


def _plain_words(mention: str) -> frozenset[str]:
    found = [word.lower() for word in _LETTERS.findall(mention) if len(word) == 1 or not word.isupper()]
    return word_list("plain") & frozenset([*found, *(word.removesuffix("s") for word in found)])


def candidates(table: NameTable, query: Query, most: int) -> list[Candidate]:
    """The names that a mention may mean, the most alike first, about `most` of them."""
    found: dict[int, Candidate] = {}
    for variant, form in enumerate(query.forms):
        numbers, likeness = table.index.nearest(form, most if variant == 0 else most // 2)
        mine = set(form.split(" "))
        for number, cosine in zip(numbers.tolist(), likeness.tolist(), strict=True):
            name = table.names[number]
            if (query.plain and name.removesuffix(" syndrome") in query.plain) or mine ^ set(name.split(" ")) == _NOT:
                continue
            known = found.get(number)
            if known is None or known.cosine < cosine:
                found[number] = Candidate(number, cosine, variant)
        for number in table.exact(form):
            if number not in found and form not in query.plain:
                found[number] = Candidate(number, 1.0, variant)
    return sorted(found.values(), key=lambda each: (-each.cosine, each.number))[: most + most // 2]
