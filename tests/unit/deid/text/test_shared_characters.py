"""A character that is read as several: two finds may share it, and the text comes out all the same."""

from collections.abc import Sequence

from careloom.deid.surrogates import Draw, Surrogates
from careloom.deid.text import TextScrubber
from careloom.deid.text_known import NOBODY, Known
from careloom.deid.text_spans import LOCATION, MRN, Found
from careloom.text.note import Span

NINTH = "Ab\u2151cd"


class Two:
    """Finds what ends with the first half of one ninth, which is read as 1, a stroke and 9, and what begins within."""

    name = "two"

    def find(self, text: str, known: Known) -> Sequence[Found]:
        at = text.index("1")
        return [
            Found(Span(0, at + 1), LOCATION, self.name, 0.99), Found(Span(at + 2, len(text)), MRN, self.name, 0.99),
        ]  # fmt: skip


def test_two_finds_that_share_a_character_become_one() -> None:
    scrubber = TextScrubber([Two()])
    assert [(one.span, one.label) for one in scrubber.find(NINTH)] == [(Span(0, len(NINTH)), LOCATION)]
    done = scrubber.scrub(NINTH, Surrogates(Draw(bytes(32), "p"), NOBODY, 10, None, None), "tag")
    assert done.text == "[LOCATION]"
