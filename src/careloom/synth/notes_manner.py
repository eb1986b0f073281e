"""How freely notes are written, and what a note in the making is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from careloom.synth.notes_facts import Fact, Mention, NoteRecord
from careloom.synth.notes_fill import Teller
from careloom.synth.notes_verbatim import Tail

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
Plan = Sequence[tuple[str, Fact]]


class Scores(Protocol):
    """A language model, symbol by symbol, many blocks at once."""

    length: int

    def begin(self, rows: int) -> None:
        """So many blocks begin."""
        ...

    def after(self, symbols: Numbers, back: Numbers) -> Floats:
        """[B] how many symbols each block takes back, and its next one, to [B, V] scores of the one after it."""
        ...


@dataclass(frozen=True, slots=True)
class Manner:
    """How freely is drawn.

    warmth     divides the scores of words; of the likeliest those that hold `share` are drawn
    tries      of a block that does not come about
    patience   symbols without a slot after which the next slot is called for, more with each symbol
    enough     symbols of text after which the end is called for
    doubt      a symbol less likely than this, where a likelier one is forbidden, sends the block back a few words
    returns    the most times that a block goes back
    steering   how strongly plans are held to what training notes speak of, and the most, as `Tally`; 0: not at all
    """

    warmth: float = 0.85
    share: float = 0.92
    plan_warmth: float = 1.0
    plan_share: float = 1.0
    tries: int = 4
    patience: int = 16
    enough: int = 90
    doubt: float = 0.05
    returns: int = 30
    steering: float = 2.0
    most_steering: float = 3.0


@dataclass(frozen=True, slots=True)
class Written:
    """A note of nobody.

    record    what it tells, with what was added where the record was silent
    mentions  where it tells them
    lost      facts of the record that could not be told
    """

    style: str
    kind: str
    text: str
    record: NoteRecord
    mentions: tuple[Mention, ...]
    lost: tuple[Fact, ...] = ()


@dataclass(slots=True)
class Draft:
    """A note that is being written."""

    style: str
    kind: str
    teller: Teller
    places: list[str]
    text: str = ""
    tail: Tail = field(default_factory=Tail)
    mentions: list[Mention] = field(default_factory=list)
