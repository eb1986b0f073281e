"""Detectors that tests put in the place of a service: one that reads texts, one that fails at the first."""

from collections.abc import Sequence

from careloom.deid.text_detectors import Team
from careloom.deid.text_known import Known
from careloom.deid.text_spans import OTHER_ID, Found
from careloom.errors import StateError
from careloom.settings import Deidentify
from careloom.text.note import Span

ADDRESS = "https://elsewhere.example"


class Finder:
    """Finds one word."""

    name = "finder"

    def __init__(self) -> None:
        self.read: list[str] = []

    def find(self, text: str, known: Known) -> Sequence[Found]:
        self.read.append(text)
        start = text.find("Zaubernuss")
        return [Found(Span(start, start + 10), OTHER_ID, self.name, 0.9)] if start >= 0 else []


class Failing:
    """Does not answer."""

    name = "failing"

    def find(self, text: str, known: Known) -> Sequence[Found]:
        raise StateError("the service did not answer", "Run again later.")


FINDERS: list[Finder] = []
"""The last one that was asked for."""


def finder(settings: Deidentify) -> Team:
    FINDERS[:] = [Finder()]
    return Team("finder", "1", tuple(FINDERS), sends_to=ADDRESS)


def failing(settings: Deidentify) -> Team:
    return Team("failing", "1", (Failing(),), sends_to=ADDRESS)
