"""Noise for filled templates: case, slips of the keyboard, spaces and line ends, with the spans kept right."""

from collections.abc import Callable, Sequence
from random import Random

Spans = list[tuple[int, int, str]]
Edit = tuple[int, int, str]
_KEYS = {
    "a": "sq",
    "b": "vn",
    "c": "xv",
    "d": "sf",
    "e": "wr",
    "f": "dg",
    "g": "fh",
    "h": "gj",
    "i": "uo",
    "j": "hk",
    "k": "jl",
    "l": "k",
    "m": "n",
    "n": "bm",
    "o": "ip",
    "p": "o",
    "q": "wa",
    "r": "et",
    "s": "ad",
    "t": "ry",
    "u": "yi",
    "v": "cb",
    "w": "qe",
    "x": "zc",
    "y": "tu",
    "z": "x",
}
UPPER, LOWER, NAMES_UPPER, NAMES_LOWER, TITLE = 0.05, 0.09, 0.05, 0.03, 0.01
TYPING, SPACES, WRAPPED, APOSTROPHES = 0.08, 0.07, 0.07, 0.05


def edited(text: str, spans: Spans, edits: Sequence[Edit]) -> tuple[str, Spans]:
    """`text` with places written anew; an edit lies wholly inside a span or outside, edits do not overlap."""
    pieces, at, moved = [], 0, []
    ordered = sorted(edits)
    for start, end, new in ordered:
        pieces += [text[at:start], new]
        at = end
    pieces.append(text[at:])
    for start, end, label in spans:
        before = sum(len(new) - (b - a) for a, b, new in ordered if b <= start)
        inside = sum(len(new) - (b - a) for a, b, new in ordered if a >= start and b <= end and not b <= start)
        moved.append((start + before, end + before + inside, label))
    return "".join(pieces), moved


def noisy(text: str, spans: Spans, rng: Random) -> tuple[str, Spans]:
    """`text` as hurried people and old machines would have it; most texts stay as they are."""
    text = _cased(text, spans, rng)
    for share, make in ((APOSTROPHES, _apostrophes), (TYPING, _typing), (SPACES, _spaces), (WRAPPED, _wrapped)):
        if rng.random() < share:
            text, spans = edited(text, spans, make(text, spans, rng))
    return text, spans


def _each(text: str, change: Callable[[str], str]) -> str:
    """`text` letter by letter, where a letter stays one letter."""
    return "".join(new if len(new := change(letter)) == 1 else letter for letter in text)


def _cased(text: str, spans: Spans, rng: Random) -> str:
    drawn = rng.random()
    if drawn < UPPER:
        return _each(text, str.upper)
    if drawn < UPPER + LOWER:
        return _each(text, str.lower)
    if drawn < UPPER + LOWER + TITLE and "\n" not in text:
        return "".join(
            letter.upper() if not place or text[place - 1] == " " else letter
            for place, letter in enumerate(_each(text, str))
        )
    change = (
        str.upper
        if drawn < UPPER + LOWER + TITLE + NAMES_UPPER
        else str.lower
        if drawn < UPPER + LOWER + TITLE + NAMES_UPPER + NAMES_LOWER
        else None
    )
    if change is None:
        return text
    letters = list(text)
    for start, end, label in spans:
        if label in ("NAME", "LOCATION", "ORGANIZATION"):
            letters[start:end] = _each(text[start:end], change)
    return "".join(letters)


def _apostrophes(text: str, spans: Spans, rng: Random) -> list[Edit]:
    """Typographic apostrophes."""
    return [(place, place + 1, "’") for place, letter in enumerate(text) if letter == "'"]


def _typing(text: str, spans: Spans, rng: Random) -> list[Edit]:
    """One slip of the keyboard in about sixty letters: left out, twice, exchanged, or the key beside."""
    edits: list[Edit] = []
    for _ in range(1 + len(text) // 60):
        place = rng.randrange(max(1, len(text) - 1))
        pair = text[place : place + 2]
        if len(pair) < 2 or not pair.isalpha() or any(abs(place - start) < 3 for start, _, _ in edits):
            continue
        if any(place < edge < place + 2 for start, end, _ in spans for edge in (start, end)) or _is_short(place, spans):
            continue
        beside = rng.choice(_KEYS.get(pair[0].lower(), pair[0]))
        new = rng.choice(
            (pair[1], pair[0] + pair, pair[::-1], (beside.upper() if pair[0].isupper() else beside) + pair[1])
        )
        edits.append((place, place + 2, new))
    return edits


def _is_short(place: int, spans: Spans) -> bool:
    """True inside a span so short that a slip leaves nothing of it."""
    return any(start <= place < end and end - start < 4 for start, end, _ in spans)


def _spaces(text: str, spans: Spans, rng: Random) -> list[Edit]:
    """Spaces too many or missing behind a comma or a colon."""
    edits: list[Edit] = []
    for place in range(1, len(text) - 1):
        if text[place] != " " or text[place - 1] == " " or rng.random() > 0.15:
            continue
        if text[place - 1] in ",:;" and text[place + 1] != " " and rng.random() < 0.6:
            edits.append((place, place + 1, ""))
        else:
            edits.append((place, place + 1, rng.choice(("  ", "  ", "   ", "\t"))))
    return edits


def _wrapped(text: str, spans: Spans, rng: Random) -> list[Edit]:
    """Lines broken at a width, wherever a space stands; sometimes indented."""
    width, column, indent = rng.choice((28, 40, 60, 72)), 0, rng.choice(("", "", "", "  ", "\t"))
    edits: list[Edit] = []
    for place, letter in enumerate(text):
        if letter == "\n":
            column = 0
        elif (
            letter == " "
            and column >= width
            and place
            and text[place - 1] not in " \n"
            and text[place + 1 : place + 2].strip()
        ):
            edits.append((place, place + 1, "\n" + indent))
            column = 0
        else:
            column += 1
    return edits
