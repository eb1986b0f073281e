"""The answer to a message: ACK with MSA and one ERR for each issue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from careloom.hl7v2.delimiters import STANDARD
from careloom.hl7v2.parse import Message, Segment
from careloom.hl7v2.write import message, segment
from careloom.issues import Issue

Verdict = Literal["AA", "AE", "AR", "CA", "CE", "CR"]
"""HL7 table 0008. Original mode, or the application's answer: AA accepted, AE error (mend and send again), AR rejected
(for a reason that is not the content, or nothing could be read). Enhanced mode, the commit: CA, CE, CR likewise."""

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

    verdict     one of table 0008
    control_id  MSH-10 of the acknowledgement
    time        MSH-7, UTC-aware
    """

    verdict: Verdict
    control_id: str
    time: datetime


def verdict_of(issues: Sequence[Issue]) -> Literal["AA", "AE", "AR"]:
    """AR when nothing could be read, AE when the content refuses, else AA."""
    if any(issue.severity == "fatal" for issue in issues):
        return "AR"
    return "AE" if any(issue.refuses for issue in issues) else "AA"


_ASKED = {"AL": frozenset("AER"), "NE": frozenset(""), "ER": frozenset("ER"), "SU": frozenset("A")}
"""HL7 table 0155: always, never, on error or rejection, on success."""

_ACKNOWLEDGEMENTS = frozenset({"ACK", "MCF"})
"""HL7 table 0076: general and delayed acknowledgement."""


def answers_to(received: Message | None, verdict: Literal["AA", "AE", "AR"]) -> list[Verdict]:
    """The acknowledgements that a message asks for, in order; none where it wants none.

    Without MSH-15 and MSH-16 that is one, in original mode. With one of them it is enhanced mode: MSH-15 says when the
    commit is acknowledged, MSH-16 when the application's answer is; an empty one of the two means never.
    An acknowledgement is never acknowledged, whatever it asks for: two listeners would answer each other for ever.

    source  HL7 v2.5.1, chapter 2, sections 2.9.2 and 2.9.3
    """
    header = received.header if received is not None else None
    if header is not None and header.value(9).upper() in _ACKNOWLEDGEMENTS:
        return []
    commit, application = (header.value(15), header.value(16)) if header is not None else ("", "")
    if not commit and not application:
        return [verdict]
    kind = verdict[1]
    commits: dict[str, Verdict] = {"A": "CA", "E": "CE", "R": "CR"}
    answers: list[Verdict] = [commits[kind]] if kind in _ASKED.get(commit.upper(), ()) else []
    if kind in _ASKED.get(application.upper(), ()):
        answers.append(verdict)
    return answers


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
    lines += [_error(issue) for issue in issues if issue.refuses or answer.verdict in ("AA", "CA")]
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
