"""Whatever arrives: no exception, no invalid resource, the same drafts for the same bytes."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.ingest.hl7v2_to_fhir_messages import message_rules
from tests.growth import refuse_worse_than_linear
from tests.hl7v2_mutants import DIRT, accounted, mutated
from tests.unit.ingest.hl7v2_support import converted, golden_messages

SEEDS = golden_messages()
KINDS = sorted(f"{kind}^{event}" for kind, rule in message_rules().items() for event in rule.events)
SEGMENTS = (
    "PID PV1 PV2 PD1 NK1 AL1 IAM IAR DG1 PR1 IN1 IN2 GT1 MRG ORC OBR OBX NTE TXA SPM SAC INV TQ1 RXO RXE RXD RXG RXA "
    "RXR RXC CDO SCH RGS AIS AIG AIL AIP FT1 BLG AUT RF1 PRD CTD ACC PDA CON ARV DB1 CTI PRB GOL PTH VAR ROL PRT ODS "
    "RQD RQ1 EVN SFT MSA ZZZ"
).split()


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A golden message with a few of its bytes, fields or segments changed."""
    raw = draw(st.sampled_from(SEEDS))
    return mutated(raw, random.Random(draw(st.integers(0, 2**32))))


def test_work_grows_with_the_message_and_not_with_its_square() -> None:
    def of(size: int) -> bytes:
        numbers = b"~".join(b"%d^^^H^MR" % number for number in range(4 * size))
        head = b"MSH|^~\\&|A|B|||2024||ADT^A08|1|P|2.5\rPID|1||" + numbers + b"||Doe^Jane|||||||" + b"555~" * 4 * size
        return head + b"\r" + b"NK1|1|Doe^John\r" * size + b"dirt\r" * size

    refuse_worse_than_linear(converted, of, 500)


@settings(max_examples=400)
@given(mutants())
def test_mutated_messages_yield_valid_drafts_or_a_reason(raw: bytes) -> None:
    found = converted(raw)
    accounted(found)
    assert converted(raw) == found


@settings(max_examples=200)
@given(
    st.sampled_from(KINDS),
    st.lists(
        st.tuples(
            st.sampled_from(SEGMENTS),
            st.lists(st.sampled_from(["", "1", "A^B^C", "20240101", "20240101120000", *DIRT]), max_size=50),
        ),
        max_size=10,
    ),
)
def test_segments_of_any_content_yield_valid_drafts_or_a_reason(
    kind: str, segments: list[tuple[str, list[str]]]
) -> None:
    lines = [f"MSH|^~\\&|A|B|||2024||{kind}|1|P|2.5||||||UNICODE UTF-8", "PID|1||12^^^H^MR"]
    lines += ["|".join([name, *values]) for name, values in segments]
    accounted(converted("\r".join(lines).encode()))


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_any_bytes_are_refused_or_read(raw: bytes) -> None:
    accounted(converted(raw))
    accounted(converted(b"MSH|^~\\&|A|B|||2024||ADT^A01|1|P|2.5\rPID|1||12\r" + raw))
