"""The answer to a message: ACK with MSA and one ERR for each issue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from careloom.hl7v2.delimiters import STANDARD
from careloom.hl7v2.parse import Message, Segment
from careloom.hl7v2.write import message, segment
from careloom.issues import Issue

Verdict = Literal["AA", "AE", "AR"]
"""HL7 table 0008, original mode: accepted, error (mend and send again), rejected (do not send again)."""

# HL7 table 0357: what kind of error. Codes of ours that are not listed are 207, application internal error.
_CONDITIONS: dict[str, tuple[str, str]] = {
    "hl7v2.msh-missing": ("100", "Segment sequence error"),
    "hl7v2.msh-short": ("101", "Required field missing"),
    "hl7v2.segment-missing": ("100", "Segment sequence error"),
    "hl7v2.patient-id-missing": ("101", "Required field missing"),
    "hl7v2.date-invalid": ("102", "Data type error"),
    "hl7v2.code-unknown": ("103", "Table value not found"),
    "hl7v2.message-type-not-mapped": ("201", "Unsupported event code"),
}
_SEVERITIES = {"fatal": "E", "error": "E", "warning": "W", "information": "I"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What an acknowledgement needs beyond the message.

    verdict     AA, AE or AR
    control_id  MSH-10 of the acknowledgement
    time        MSH-7, UTC-aware
    """

    verdict: Verdict
    control_id: str
    time: datetime


def verdict_of(issues: Sequence[Issue]) -> Verdict:
    """AR when nothing could be read, AE when the content refuses, else AA."""
    if any(issue.severity == "fatal" for issue in issues):
        return "AR"
    return "AE" if any(issue.refuses for issue in issues) else "AA"


def acknowledge(received: Message | None, answer: Answer, issues: Sequence[Issue] = ()) -> bytes:
    """The acknowledgement of a message, sender and receiver changed over; of unreadable bytes where it is None.

    Issues stand in ERR with their code, place and message, which hold no value of the message.
    """
    header = received.header if received is not None else Segment("MSH|", STANDARD)
    trigger = header.value(9, 2)
    lines = [
        segment(
            "MSH",
            *(_copied(header, number) for number in (5, 6, 3, 4)),
            answer.time.strftime("%Y%m%d%H%M%S%z"),
            "",
            ("ACK", trigger, "ACK") if trigger else "ACK",
            answer.control_id,
            header.value(11) or "P",
            header.value(12) or "2.5",
            *[""] * 5,
            "UNICODE UTF-8",
        ),
        segment("MSA", answer.verdict, header.value(10)),
    ]
    lines += [_error(issue) for issue in issues if issue.refuses or answer.verdict == "AA"]
    return message(lines)


def _copied(header: Segment, number: int) -> tuple[str, ...]:
    return tuple(header.value(number, component) for component in (1, 2, 3))


def _error(issue: Issue) -> str:
    code, text = _CONDITIONS.get(issue.code, ("207", "Application internal error"))
    name, _, number = issue.place.partition("-")
    location = (name, "1", number.split(".")[0]) if name else ""
    return segment(
        "ERR",
        "",
        location,
        (code, text, "HL70357"),
        _SEVERITIES[issue.severity],
        (issue.code, issue.message),
        "",
        "",
        issue.message,
    )
