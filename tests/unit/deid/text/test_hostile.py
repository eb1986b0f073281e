"""Text made to be slow: patterns must not try every way to cut it."""

import re
from collections.abc import Iterable, Iterator

import pytest

from careloom.deid import text_context, text_reading
from careloom.deid.text_reading import matches
from tests.deid_marks import SCRUBBER
from tests.growth import ENDLESS_SECONDS, seconds_of

HOSTILE = {
    "capitals without spaces": "12 Main Street " + "AB" * 2500,
    "apostrophes": "A'" * 2500,
    "hyphens": "ab-" * 1600,
    "words with capitals": "12 Main Street " + "Ab " * 1600,
    "digits and dots": "1.1.1." * 800,
    "look-alikes": "é" * 5000,
    "streets": "12 Main Street " * 330,
    "letters that are kinds of institutions": "S " * 2500,
    "months": "1 May " * 830,
    "parts of dates": "3/4 " * 1250,
    "codes": "A1-" * 1660,
    "labels": "MRN: record no " * 330,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_five_thousand_hostile_characters_take_no_time(name: str) -> None:
    """Measured: 1.3 s at most, reading the lists included."""
    assert seconds_of(lambda: SCRUBBER.find(HOSTILE[name])) < ENDLESS_SECONDS


@pytest.mark.parametrize("name", HOSTILE)
def test_twice_the_text_is_twice_the_work(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 0

    def counted(pattern: re.Pattern[str], text: str, starts: Iterable[int]) -> Iterator[re.Match[str]]:
        nonlocal tries
        places = list(starts)
        tries += len(places)
        return matches(pattern, text, places)

    for module in (text_reading, text_context):
        monkeypatch.setattr(module, "matches", counted)
    SCRUBBER.find(HOSTILE[name][:1000])
    once, tries = tries, 0
    SCRUBBER.find(HOSTILE[name][:2000])
    assert tries <= 2.2 * once + 20
