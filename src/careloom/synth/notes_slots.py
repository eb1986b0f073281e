"""Notes as form without content: words, with a slot wherever a fact, a date or an identifier stood.

A note becomes blocks, each a stretch of one section:

    style  kind  section  plan (the slots in the order of the text)  words and slots  end

Who writes needs no number in a slot: the next slot of a kind is the next one of the plan.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from careloom.synth.notes_facts import HEADS, Mention, SourceNote

PIECE = re.compile(r"[ \t]*\n[\s]*|[ \t]*(?:[^\W_]+|[^\w\s]|_)")
WORD = re.compile(r"[^\W_]+")
LONG, LONGEST = 70, 110
"""Pieces after which a block ends with its line or sentence, and after which it ends anyhow."""
MOST_SLOTS = 40
SPACE = " "


def slot_of(one: Mention) -> str:
    """The slot of a mention: its label, of heads with the status."""
    return f"{one.label}:{one.status or 'present'}" if one.label in HEADS else one.label


@dataclass(slots=True)
class Block:
    """A stretch of a section.

    section  its kind; ``more`` where it goes on with the section before
    pieces   words with the space before them, line ends, and numbers of slots
    slots    in order, with the mention that stood there
    """

    style: str
    kind: str
    section: str
    more: bool
    pieces: list[str | int] = field(default_factory=list)
    slots: list[tuple[str, Mention]] = field(default_factory=list)

    @property
    def place(self) -> str:
        """The section, and whether it goes on."""
        return f"more:{self.section}" if self.more else f"sec:{self.section}"


def blocks(note: SourceNote) -> list[Block]:
    """The blocks of a note in order."""
    found: list[Block] = []
    for kind, start, end in _covered(note):
        inside = [one for one in note.mentions if start <= one.start and one.end <= end]
        now = Block(note.style, note.kind, kind, False)
        for piece in _pieces(note.text, start, end, inside):
            if isinstance(piece, Mention):
                now.pieces.append(len(now.slots))
                now.slots.append((slot_of(piece), piece))
            else:
                now.pieces.append(piece)
            if _is_full(now, piece):
                found.append(now)
                now = Block(note.style, note.kind, kind, True)
        if any(isinstance(piece, int) or piece.strip() for piece in now.pieces):
            found.append(now)
    return found


def _is_full(now: Block, last: str | Mention) -> bool:
    if len(now.slots) >= MOST_SLOTS or len(now.pieces) >= LONGEST:
        return True
    return len(now.pieces) >= LONG and isinstance(last, str) and ("\n" in last or last.strip() in (".", ";"))


def _covered(note: SourceNote) -> Iterator[tuple[str, int, int]]:
    """The sections, and what lies between them as ``other``."""
    at = 0
    for kind, start, end in (*note.sections, ("", len(note.text), len(note.text))):
        if start > at and note.text[at:start].strip("#*=-[] \n\t"):
            yield "other", at, start
            at = start
        if end > at:
            yield kind, at, end
            at = end


def _pieces(text: str, start: int, end: int, mentions: Sequence[Mention]) -> Iterator[str | Mention]:
    at = start
    for one in (*mentions, None):
        stop = end if one is None else one.start
        chunk = text[at:stop]
        last = 0
        for match in PIECE.finditer(chunk):
            last = match.end()
            yield plain(match.group())
        if one is not None:
            if chunk[last:]:
                yield SPACE
            yield one
            at = one.end


def plain(piece: str) -> str:
    """A piece with one space at most before it, and two line ends at most."""
    if "\n" in piece:
        return "\n\n" if piece.count("\n") > 1 else "\n"
    return SPACE + piece.lstrip() if piece[:1] in " \t" else piece


def words_in(text: str) -> list[str]:
    """Letters and digits that stand together, without case: what a verbatim run is counted in."""
    return WORD.findall(text.casefold())
