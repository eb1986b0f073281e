"""Parts of a text for a tagger: whole sentences, as many as fit, none lost."""

import random

from hypothesis import given
from hypothesis import strategies as st

from careloom.text.parts import parts
from careloom.text.pieces import LONGEST, SPECIAL, Pieces
from careloom.text.sentences import sentences

PIECES = Pieces([*SPECIAL, *"abcdefghijklmnopqrstuvwxyz", *(f"##{x}" for x in "abcdefghijklmnopqrstuvwxyz"), ".", "\n"])
TEXTS = st.lists(
    st.sampled_from(["He is well. ", "Pain. ", "x" * 60 + " ", "no end and ", "\n\n", "- item\n"]), max_size=60
)


@given(TEXTS, st.integers(0, 3))
def test_parts_hold_every_sentence_whole_and_in_order(pieces: list[str], seed: int) -> None:
    text, chance = "".join(pieces), random.Random(seed)
    found = list(parts(text, PIECES, (lambda: chance.randrange(20, LONGEST)) if seed else None))
    for sentence in sentences(text):
        assert sum(part.covers(sentence) for part in found) == 1
    assert found == sorted(found)
    for part in found:
        windows = PIECES.windows(text, part.start, part.end)
        inside = [one for one in sentences(text) if part.covers(one)]
        assert len(windows) == 1 or len(inside) == 1


def test_sentences_share_a_part_as_long_as_they_fit() -> None:
    text = "Pain ends. " * 30
    found = list(parts(text, PIECES))
    assert len(found) == 2
    assert len(PIECES.windows(text, found[0].start, found[0].end)[0].pieces) <= LONGEST
