"""The order of a message's segments against its structure."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.hl7v2.parse import read
from careloom.hl7v2.structure import Structure, check_structure, structure_of
from careloom.runtime import packaged

STRUCTURES = tomllib.loads(packaged("hl7v2", "structures.toml").decode())["structures"]
SYNTAX = "MSH [{SFT}] PID [PV1 [PV2]] {[ORC] OBR [{NTE}] [{OBX [{NTE}]}]} [<AAA|BBB CCC>]"


@pytest.mark.parametrize(
    ("segments", "problems"),
    [
        ("MSH PID OBR", []),
        ("MSH SFT SFT PID PV1 PV2 ORC OBR NTE OBX NTE NTE OBX OBR OBX", []),
        ("MSH PID OBR AAA", []),
        ("MSH PID OBR BBB CCC", []),
        ("MSH PID OBR BBB", [("missing", "CCC")]),
        ("MSH OBR", [("missing", "PID")]),
        ("MSH PID OBX", [("missing", "OBR")]),
        ("MSH PID", [("missing", "OBR")]),
        ("MSH PID PV2 OBR", [("missing", "PV1")]),
        ("MSH PID PID OBR", [("unexpected", "PID")]),
        ("MSH PID OBR PV1 OBX", [("unexpected", "PV1")]),
        ("MSH PID OBR XXX OBX", [("unexpected", "XXX")]),
        ("PID OBR", [("missing", "MSH")]),
        ("", [("missing", "MSH"), ("missing", "PID"), ("missing", "OBR")]),
    ],
)
def test_what_stands_in_no_place_and_what_is_passed_over_is_named(
    segments: str, problems: list[tuple[str, str]]
) -> None:
    assert list(Structure(SYNTAX).check(segments.split())) == problems


def issues(raw: str) -> list[tuple[str, str]]:
    message, _ = read(raw.encode())
    assert message is not None
    return [(issue.code.removeprefix("hl7v2.structure-"), issue.place) for issue in check_structure(message)]


@pytest.mark.parametrize(
    ("kind", "version", "rest", "expected"),
    [
        ("ADT^A01", "2.5.1", "EVN PID PV1", []),
        ("ADT^A04", "2.3", "EVN PID PV1 AL1 DG1 ZPD", []),
        ("ADT^A04^ADT_A01", "2.1", "EVN PID PV1", []),
        ("ADT^A01", "2.5.1", "PID PV1", [("segment-missing", "EVN")]),
        ("ADT^A01", "2.5.1", "EVN PID PV1 PV1 PV1", [("segment-unexpected", "PV1")]),
        ("ADT^A01", "2.3", "SFT EVN PID PV1", [("segment-unexpected", "SFT")]),
        ("ADT^A01", "later", "SFT EVN PID PV1", []),
        ("ORU^R01", "2.5.1", "PID OBR OBX", []),
        ("ADT", "2.5.1", "PID", [("unknown", "MSH-9")]),
        ("ZZZ^Z01", "2.5.1", "PID", [("unknown", "MSH-9")]),
    ],
)
def test_a_message_is_checked_against_the_structure_of_its_event_and_version(
    kind: str, version: str, rest: str, expected: list[tuple[str, str]]
) -> None:
    lines = [f"MSH|^~\\&|A|B|C|D|2024||{kind}|1|P|{version}", *(f"{name}|1" for name in rest.split())]
    assert issues("\r".join(lines)) == expected


def test_the_structure_that_the_sender_names_counts_where_the_event_has_none() -> None:
    message, _ = read(b"MSH|^~\\&|A|B|C|D|2024||ADT^Z99^ADT_A01|1|P|2.5.1")
    assert message is not None
    assert structure_of(message) == "ADT_A01"


@given(st.data())
def test_what_a_structure_generates_it_accepts(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(STRUCTURES)))
    structure = Structure(data.draw(st.sampled_from(STRUCTURES[name]))[1])
    walked, here = [], -1
    while True:
        ahead = sorted(structure._follow[here])
        is_end = here in structure._ends
        if not ahead or (is_end and len(walked) > 5 and data.draw(st.booleans())) or len(walked) > 60:
            break
        here = data.draw(st.sampled_from(ahead))
        walked.append(structure.names[here])
    problems = list(structure.check(walked))
    assert all(kind == "missing" for kind, _ in problems)
    assert not problems or here not in structure._ends


@given(st.lists(st.sampled_from("MSH EVN PID PV1 OBX AL1 DG1 XXX".split()), max_size=15))
def test_as_many_problems_at_most_as_segments_and_places(segments: list[str]) -> None:
    structure = Structure(STRUCTURES["ADT_A01"][0][1])
    found = list(structure.check(segments))
    assert sum(kind == "unexpected" for kind, _ in found) <= len(segments)
    assert len(found) <= len(segments) + len(structure.names) * (len(segments) + 1)
