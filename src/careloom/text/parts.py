"""A text in parts that a tagger reads whole: as many sentences together as fit."""

from collections.abc import Callable, Iterator

from careloom.text.note import Span
from careloom.text.pieces import LONGEST, Pieces
from careloom.text.sentences import sentences


def parts(text: str, pieces: Pieces, longest: Callable[[], int] | None = None) -> Iterator[Span]:
    """Runs of whole sentences of at most LONGEST pieces, in order; a sentence that is longer is a part alone.

    longest  pieces that the next run may have, at most LONGEST; what learns from them draws it, to see sentences near
             both ends
    """
    start = end = length = 0
    most = LONGEST
    for sentence in sentences(text):
        size = pieces.count(text, sentence.start, sentence.end)
        if length and length + size > most:
            yield Span(start, end)
            length = 0
        if not length:
            start, length = sentence.start, 2
            most = LONGEST if longest is None else longest()
        end = sentence.end
        length += size
    if length:
        yield Span(start, end)
