"""Text whose expected finds stand in it: ``Dr. <NAME|Gray> called <PHONE|508-555-0101>``."""

import re
from datetime import date

from careloom.deid.text import TextScrubber, rule_detectors
from careloom.deid.text_classifier import ClassifierDetector
from careloom.deid.text_known import NOBODY, Known, KnownAddress, KnownName

_MARK = re.compile(r"<([A-Z_0-9]+)\|([^<>]*?)>", re.DOTALL)
SCRUBBER = TextScrubber([*rule_detectors(), ClassifierDetector()])
RECORD = Known(
    names=(
        KnownName(("John", "Quentin"), "Szöllösy", "patient", "male"),
        KnownName(("May",), "Hunter", "relative", "female"),
        KnownName(("Ludmila",), "Parkinson", "clinician", "female"),
    ),
    addresses=(KnownAddress(("992 Union Street Apt 28",), "Worcester", "01602"),),
    values=(("MRN", "81281208"), ("PHONE", "508-555-0101"), ("EMAIL", "jq@szollosy.example"), ("DEVICE", "LR-8662441")),
    birth_dates=(date(1961, 4, 3),),
)


def parsed(marked: str) -> tuple[str, list[tuple[str, str]]]:
    """The text without its marks, and what they mark in order."""
    return _MARK.sub(lambda mark: mark[2], marked), [(mark[1], mark[2]) for mark in _MARK.finditer(marked)]


def found_in(text: str, known: Known = NOBODY) -> list[tuple[str, str]]:
    """Label and words of what is found, in order."""
    return [(one.label, one.span.of(text)) for one in SCRUBBER.find(text, known)]
