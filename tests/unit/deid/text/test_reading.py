"""Patterns tried only where they can begin find what they find when tried everywhere."""

import random
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from careloom.deid import text_context, text_dates, text_names, text_patterns, text_places, text_streets
from careloom.deid.text import rule_detectors
from careloom.deid.text_known import NOBODY
from careloom.deid.text_reading import Reading, Where, matches
from careloom.deid.text_spans import Found
from tests.deid_marks import parsed
from tests.unit.deid.text import test_adversarial, test_date_forms, test_identifiers

MARKED = [
    *(text for table in (test_adversarial.KNOWN, test_adversarial.UNKNOWN) for text in table.values()),
    *(text for rows in test_identifiers.TABLE.values() for kind in rows for text in kind),
    *test_date_forms.FOUND,
    "Nurse:\nJ.D. RN came. Anna lives in the Town of Salem, anna too; d r a k e i s here -- J.D. (4)",
    "Rue de la Paix 12, Hauptstraße 5, 12 rue Victor Hugo, Fő utca 3, at the corner of Main and Elm Street",
    "Her car: ABC-123. Account no 4711-22, accountno 47112, medrec 123456, chartnumberis 4711, visit id 12345",
]
GLUE = (" ", "", "\n", ", ", "é", ". ", "-", "1", "(", "\n\n", " the ", "_", "/")


def _mixed() -> list[str]:
    """The texts of the other tests, and their words shuffled into one another."""
    texts = [str(parsed(text)[0]) for text in MARKED]
    words = [word for text in texts for word in re.split(r"(\s+)", text)]
    chance = random.Random(7)
    shuffled = ["".join(chance.choice(words) + chance.choice(GLUE) for _ in range(40)) for _ in range(60)]
    return texts + shuffled + [text.upper() for text in shuffled[:10]] + [text.lower() for text in shuffled[10:20]]


def _everywhere(pattern: re.Pattern[str], text: str, where: Where | Iterable[int]) -> Iterator[re.Match[str]]:
    return pattern.finditer(text)


def _found(text: str) -> list[list[Found]]:
    return [list(detector.find(Reading(text), NOBODY)) for detector in rule_detectors()]


def test_a_pattern_is_tried_at_every_place_where_it_can_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = _mixed()
    quick = [_found(text) for text in texts]
    for module in (text_context, text_dates, text_names, text_patterns, text_places, text_streets):
        for name in ("found_where", "matches"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, _everywhere)
    for text, found in zip(texts, quick, strict=True):
        assert found == _found(text), text


def test_a_detector_finds_the_same_in_a_text_that_nobody_has_read() -> None:
    for text in _mixed()[:40]:
        assert [list(detector.find(text, NOBODY)) for detector in rule_detectors()] == _found(text)


READ: list[tuple[str, Any, Any]] = [
    ("words stand in lower case at their places", Reading("Ab cd ab").words, {"ab": [0, 6], "cd": [3]}),
    ("an accent ends a word", Reading("née Café").words, {"n": [0], "e": [2], "caf": [4]}),
    ("lower case is as long as the text", len(Reading("İıſK").small), 4),
    ("numbers that stand near one another hold digits together", Reading("12-34 5   678").digits(5, gap=1), [0]),
    ("numbers far apart do not", Reading("12   345").digits(4, gap=2), []),
    ("a line in capitals gets one a word", Reading("JOHN SMITH\nwas Here").recased, "John Smith\nwas Here"),
    ("a text without capitals gets one a word", Reading("john smith").recased, "John Smith"),
    ("words before a place", Reading("one two three 4").words_before([14], 10), [4, 8]),
]


@pytest.mark.parametrize(("what", "read", "expected"), READ, ids=[row[0] for row in READ])
def test_a_text_is_read_once_for_all(what: str, read: Any, expected: Any) -> None:
    assert read == expected


def test_matches_do_not_overlap_as_those_of_a_search() -> None:
    assert [match.span() for match in matches(re.compile("aa"), "aaaa", [0, 1, 2])] == [(0, 2), (2, 4)]
