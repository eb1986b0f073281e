"""Our HL7 v2 parser against two that are not ours, on messages that others wrote."""

from collections.abc import Iterator
from pathlib import Path

import hl7
import pytest

from careloom.hl7v2.batch import split
from careloom.hl7v2.delimiters import STANDARD
from careloom.hl7v2.escape import unescape
from careloom.hl7v2.parse import Message, read

SETS = ("hl7v2_ms_fhir_converter", "hl7v2_linuxforhealth", "hl7v2_hapi")


def readable(suites: Path) -> Iterator[tuple[str, str, Message]]:
    """(case, text, message) of every message that we read without repair and whose header has a type."""
    for name in SETS:
        for place in sorted((suites / name).glob("*.hl7")):
            for raw in split(place.read_bytes()):
                message, issues = read(raw)
                if message is not None and not issues and len(message.header.fields) > 9:
                    yield place.stem, "\r".join(segment.text for segment in message.segments), message


def test_fields_are_those_that_hl7_reads(suites: Path) -> None:
    seen = compared = 0
    for case, text, message in readable(suites):
        try:
            other = hl7.parse(text)
        except (hl7.HL7Exception, ValueError, IndexError, KeyError):
            continue
        seen += 1
        assert [str(segment[0]) for segment in other] == [segment.name for segment in message.segments], case
        for theirs, ours in zip(other, message.segments, strict=True):
            for number in range(3 if ours.name == "MSH" else 1, len(theirs)):
                assert str(theirs[number]) == ours.field(number), f"{case} {ours.name}-{number}"
                compared += 1
    assert seen > 200
    assert compared > 10_000


@pytest.mark.parametrize(
    "sent", [r"a\F\b", r"\S\\T\\R\\E\x", r"\X41\b", r"\H\bold\N\ ", r"one\.br\two", "plain", r"x\E\F\E\y"]
)
def test_escapes_are_those_that_hl7_reads(sent: str) -> None:
    theirs = hl7.parse(f"MSH|^~\\&|A\rNTE|{sent}").unescape(sent).replace("\r", "\n")
    assert unescape(sent, STANDARD).strip() == theirs.replace("_", "").strip()  # it writes highlighting as _


def test_patient_fields_are_those_that_hl7apy_reads(suites: Path) -> None:
    parser = pytest.importorskip("hl7apy.parser")
    errors = pytest.importorskip("hl7apy.exceptions")
    seen = 0
    for case, _, message in readable(suites):
        pid = message.first("PID")
        if pid is None or seen >= 40:
            continue
        try:
            theirs = parser.parse_segment(pid.text, version="2.5")
        except (errors.HL7apyException, ValueError, IndexError):
            continue
        seen += 1
        for number in (3, 5, 7, 8):
            child = getattr(theirs, f"pid_{number}")
            assert "~".join(one.to_er7() for one in child) == pid.field(number).rstrip("^&"), f"{case} PID-{number}"
    assert seen > 20
