"""Detectors by the names that ``[deidentify] detectors`` takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from careloom import __version__
from careloom.deid.text import rule_detectors
from careloom.deid.text_spans import Detector
from careloom.settings import Deidentify

RULES = "rules"


@dataclass(frozen=True, slots=True)
class Team:
    """Detectors that a run asks together, as its report tells them.

    version   of the rules, the library, the service's interface or the model
    sends_to  the address that receives texts with identity; empty where none leaves this machine
    """

    name: str
    version: str
    detectors: Sequence[Detector]
    sends_to: str = ""

    def as_json(self) -> dict[str, str]:
        """As the report holds it."""
        return {"name": self.name, "version": self.version, "sends_to": self.sends_to}


def rules(settings: Deidentify) -> Team:
    """What the record knows, patterns, dates, lists of names and places: no model, nothing leaves."""
    return Team(RULES, __version__, rule_detectors())
