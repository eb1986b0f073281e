from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.hl7v2.acknowledge import Answer, acknowledge, answers_to, verdict_of
from careloom.hl7v2.parse import Segment, read
from careloom.hl7v2.write import message, rewrite, segment
from careloom.issues import Issue

SENT = b"MSH|^~\\&|ADT&1.2&ISO|NORTH|LOOM|HOME|2024||ADT^A01^ADT_A01|77|T|2.3\rPID|1"
NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
MISSING = Issue("hl7v2.patient-id-missing", "error", "PID-3", "the message identifies no patient")


def answered(raw: bytes, issues: list[Issue]) -> list[Segment]:
    received, _ = read(raw)
    answer, problems = read(acknowledge(received, Answer(verdict_of(issues), "900", NOW), issues))
    assert answer is not None
    assert problems == []
    return answer.segments


def test_an_accepted_message_is_acknowledged_to_its_sender() -> None:
    msh, msa = answered(SENT, [])
    assert [msh.value(number) for number in (3, 4, 5, 6)] == ["LOOM", "HOME", "ADT", "NORTH"]
    assert (msh.field(9), msh.value(10), msh.value(11), msh.value(12)) == ("ACK^A01^ACK", "900", "T", "2.3")
    assert msh.value(7) == "20240301120000+0000"
    assert (msa.value(1), msa.value(2)) == ("AA", "77")


def test_a_refused_message_is_told_why_and_where() -> None:
    msa, err = answered(SENT, [MISSING])[1:]
    assert msa.value(1) == "AE"
    assert (err.field(2), err.value(3), err.value(4)) == ("PID^1^3", "101", "E")
    assert err.value(5) == "hl7v2.patient-id-missing"


def test_unreadable_bytes_are_rejected() -> None:
    _, issues = read(b"nonsense")
    msh, msa, err = answered(b"nonsense", issues)
    assert (msh.value(9), msa.value(1), msa.value(2), err.value(3)) == ("ACK", "AR", "", "100")


@pytest.mark.parametrize("kind", ["ACK", "ACK^A01", "ACK^A01^ACK", "ack", "MCF"])
@pytest.mark.parametrize("wants", ["", "|||AL", "|||AL|AL"])
def test_an_acknowledgement_is_never_acknowledged(kind: str, wants: str) -> None:
    received, _ = read(f"MSH|^~\\&|A|B|C|D|2024||{kind}|9|P|2.5.1{wants}\rMSA|AA|77".encode())
    assert received is not None
    assert [answers_to(received, verdict) for verdict in ("AA", "AE", "AR")] == [[], [], []]


def test_what_we_answer_is_not_answered_again() -> None:
    received, _ = read(SENT)
    assert answers_to(received, "AE") == ["AE"]
    answer, _ = read(acknowledge(received, Answer("AE", "900", NOW), [MISSING]))
    assert answers_to(answer, "AE") == []


def test_segments_are_written_with_components_and_repetitions() -> None:
    assert segment("PID", "1", "", [("1", "", "", ("H", "1.2", "ISO")), "2|x"], "") == "PID|1||1^^^H&1.2&ISO~2\\F\\x"
    assert segment("MSH", "A", "B") == "MSH|^~\\&|A|B"
    assert message(["MSH|^~\\&|A", "PID|1"]) == b"MSH|^~\\&|A\rPID|1\r"


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))), max_size=5))
def test_what_is_written_is_read_again(values: list[str]) -> None:
    text = segment("ZZZ", *[value.strip() for value in values])
    parsed, _ = read(message([segment("MSH", *[""] * 15, "UNICODE UTF-8"), text]))
    assert parsed is not None
    read_again = [parsed.segments[1].plain(number + 1) for number in range(len(values))]
    assert read_again == [value.strip() if value.strip() != '""' else "" for value in values]
    again, _ = read(rewrite(parsed))
    assert again is not None
    assert [one.text for one in again.segments] == [one.text for one in parsed.segments]
