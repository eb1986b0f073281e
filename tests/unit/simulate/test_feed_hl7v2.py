"""HL7 v2 messages that the simulator writes: their grammar by two foreign parsers, their facts by ours."""

from collections import Counter
from random import Random

import hl7
import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.exceptions import ValidationError
from hl7apy.parser import parse_message

from careloom.hl7v2.parse import read
from careloom.hl7v2.write import rewrite
from careloom.simulate.charts import Chart, charts
from careloom.simulate.feed_hl7v2 import message_bytes, message_path, messages
from careloom.simulate.feed_hl7v2_planning import merge
from careloom.simulate.history import History
from tests.unit.simulate.history_support import PLACE, at, notes, rich, short

_NOT_JUDGED = ("ORM^O01", "RDE^O11")
"""hl7apy takes the choice of order segments in ORM for a sequence, and TQ1 behind RXE for the one behind ORC."""


def _charts(history: History) -> list[Chart]:
    return charts(history, PLACE, notes(history))


def _all() -> list[tuple[str, bytes]]:
    return [
        (one.event, message_bytes(chart, one))
        for history in (rich(), short())
        for chart in _charts(history)
        for one in messages(chart, Random(1))
    ]


def test_every_message_is_read_by_our_parser_without_an_issue_and_written_back_to_the_same_bytes() -> None:
    for _, raw in _all():
        found, issues = read(raw)
        assert found is not None
        assert issues == []
        assert rewrite(found) == raw


def test_every_message_is_read_by_the_hl7_library() -> None:
    for event, raw in _all():
        codec = "utf-8" if b"|UNICODE UTF-8\r" in raw else "latin-1"
        found = hl7.parse(raw.decode(codec))
        assert "^".join(str(part) for part in found["MSH.F9.R1.C1"].split("^")) == event[:3]
        assert len(found) == raw.count(b"\r")


def test_every_kind_of_message_has_the_structure_of_2_5_1_by_hl7apy() -> None:
    seen = set()
    for event, raw in _all():
        if event in _NOT_JUDGED or event in seen:
            continue
        seen.add(event)
        codec = "utf-8" if b"|UNICODE UTF-8\r" in raw else "latin-1"
        try:
            parse_message(raw.decode(codec), validation_level=VALIDATION_LEVEL.STRICT).validate()
        except ValidationError as error:
            pytest.fail(f"{event}: {error}")


def test_a_history_gives_every_kind_of_message() -> None:
    found = Counter(event for event, _ in _all())
    wanted = "ADT^A01 ADT^A02 ADT^A03 ADT^A04 ADT^A08 ADT^A28 ADT^A31 ORM^O01 ORU^R01 MDM^T02 VXU^V04 SIU^S12 SIU^S14"
    assert set(wanted.split()) <= set(found)
    assert {"SIU^S15", "SIU^S26", "RDE^O11", "RAS^O17", "DFT^P03"} <= set(found)
    # Two reports are ordered and told; vital signs at two visits and one social finding are told without an order.
    assert found["ORM^O01"] == 2
    assert found["MDM^T02"] == 4


def test_admissions_and_discharges_that_are_cancelled_are_told_again() -> None:
    (chart, *_) = _charts(rich())

    class Always(Random):
        def random(self) -> float:
            return 0.0

    events = [one.event for one in messages(chart, Always(1)) if one.event.startswith("ADT")]
    assert events == "ADT^A28 ADT^A01 ADT^A11 ADT^A01 ADT^A02 ADT^A08 ADT^A03 ADT^A13 ADT^A03".split()


def test_messages_stand_in_order_of_time_and_have_numbers_of_their_own() -> None:
    seen: set[str] = set()
    for history in (rich(), short()):
        for chart in _charts(history):
            found = messages(chart, Random(1))
            assert [one.time for one in found] == sorted(one.time for one in found)
            numbers = {one.control for one in found}
            assert len(numbers) == len(found)
            assert not numbers & seen
            assert all(len(number) <= 20 for number in numbers)
            seen |= numbers


def test_a_file_holds_one_day_of_one_site() -> None:
    (chart, *_) = _charts(rich())
    for one in messages(chart, Random(1)):
        assert message_path(chart, one) == f"feeds/north/hl7v2/{one.time:%Y-%m-%d}.hl7"


def test_the_text_of_a_note_comes_back_as_it_was_written() -> None:
    found = []
    for event, raw in _all():
        if event == "MDM^T02":
            message, _ = read(raw)
            assert message is not None
            obx = message.all("OBX")[0]
            found.append((message.all("TXA")[0].value(12), obx.plain(5)))
    written = {note.note_id: note.text for history in (rich(), short()) for note in notes(history)}
    assert dict(found) == {key: text.rstrip() for key, text in written.items()}


def test_the_charset_is_named_and_true() -> None:
    for _, raw in _all():
        name = raw.split(b"\r")[0].split(b"|")[17]
        assert name in (b"UNICODE UTF-8", b"8859/1")
        raw.decode("utf-8" if name == b"UNICODE UTF-8" else "latin-1")
    assert {raw.split(b"\r")[0].split(b"|")[17] for _, raw in _all()} == {b"UNICODE UTF-8", b"8859/1"}


def test_a_merge_names_the_prior_number() -> None:
    (chart, *_) = _charts(rich())
    told = merge(chart, "OLD-1", at("2024-05-01T10:00:00"))
    told.control = "1"
    message, issues = read(message_bytes(chart, told))
    assert message is not None
    assert issues == []
    assert message.all("MRG")[0].value(1) == "OLD-1"
    parse_message(message_bytes(chart, told).decode(), validation_level=VALIDATION_LEVEL.STRICT).validate()
