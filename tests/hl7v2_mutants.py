"""Messages with something wrong on purpose, and what must hold of whatever arrives: no crash, nothing lost."""

import random
from collections.abc import Callable

from careloom.ingest.conversion import Conversion
from careloom.ingest.detect import Detection
from careloom.ingest.framing_hl7v2 import frame_hl7v2
from careloom.ingest.framing_limits import FrameLimits
from careloom.ingest.hl7v2_to_fhir import convert
from careloom.ingest.source import of_bytes
from careloom.pipeline.record import Record
from tests.unit.ingest.hl7v2_support import faults, shared

DIRT = (
    '""', "|", "^", "~", "&", "\\", "\\X00\\", "\\XFF\\", "\\.br\\", "\x00", "\x1b", "\r", "\n", "\u2028", "é", "漢",
    "99999999", "20240230", "19000101000000+1400", "-1", "1e5", "NaN", "x" * 300, " ", "  a  b ", "²", "٣",
    "http://a b", "urn:x", "Patient/1", "<script>", "&amp;", "#", "F^F", "A&B&C", "00010101", "2.16.840.1.113883",
    "99991231235959.9999-1200", "1^d&day", "P1D", "A&&B^C&D~E&F^G",
)  # fmt: skip

Mutate = Callable[[bytes, random.Random], bytes]


def replace_field(raw: bytes, rng: random.Random) -> bytes:
    """Another value in a field."""
    fields = raw.split(b"|")
    fields[rng.randrange(len(fields))] = rng.choice(DIRT).encode()
    return b"|".join(fields)


def swap_fields(raw: bytes, rng: random.Random) -> bytes:
    """Two fields, of whatever segments, change places."""
    fields = raw.split(b"|")
    one, other = rng.randrange(len(fields)), rng.randrange(len(fields))
    fields[one], fields[other] = fields[other], fields[one]
    return b"|".join(fields)


def replace_component(raw: bytes, rng: random.Random) -> bytes:
    """Another value in a component."""
    parts = raw.split(b"^")
    parts[rng.randrange(len(parts))] = rng.choice(DIRT).encode()
    return b"^".join(parts)


def cut_bytes(raw: bytes, rng: random.Random) -> bytes:
    """A stretch is missing."""
    start = rng.randrange(len(raw) + 1)
    return raw[:start] + raw[start + rng.randrange(30) :]


def change_byte(raw: bytes, rng: random.Random) -> bytes:
    """One byte is another."""
    place = rng.randrange(len(raw) + 1)
    return raw[:place] + bytes([rng.randrange(256)]) + raw[place + 1 :]


def repeat_segment(raw: bytes, rng: random.Random) -> bytes:
    """A segment stands at a second place."""
    lines = raw.replace(b"\n", b"\r").split(b"\r")
    lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
    return b"\r".join(lines)


def drop_segment(raw: bytes, rng: random.Random) -> bytes:
    """A segment is missing."""
    lines = raw.replace(b"\n", b"\r").split(b"\r")
    del lines[rng.randrange(len(lines))]
    return b"\r".join(lines)


def move_segment(raw: bytes, rng: random.Random) -> bytes:
    """A segment stands at another place."""
    lines = raw.replace(b"\n", b"\r").split(b"\r")
    line = lines.pop(rng.randrange(len(lines)))
    lines.insert(rng.randrange(len(lines) + 1), line)
    return b"\r".join(lines)


MUTATIONS: tuple[Mutate, ...] = (
    replace_field, swap_fields, replace_component, cut_bytes, change_byte, repeat_segment, drop_segment, move_segment,
)  # fmt: skip


def mutated(raw: bytes, rng: random.Random) -> bytes:
    """One to six things wrong with a message."""
    for _ in range(rng.randint(1, 6)):
        if raw:
            raw = rng.choice(MUTATIONS)(raw, rng)
    return raw


def taken(raw: bytes) -> tuple[int, int, int]:
    """(records in, converted, refused) of a file; each record is one or the other, with a true reason if refused."""
    counts = [0, 0, 0]
    detection = Detection("hl7v2")
    for record in frame_hl7v2(of_bytes(raw), detection, FrameLimits(), []):
        if isinstance(record, Record):
            found = convert(record)
            accounted(found)
            counts[0] += 1
            counts[2 if found.refused else 1] += 1
    return counts[0], counts[1], counts[2]


def accounted(found: Conversion) -> None:
    """What holds of every conversion."""
    refusals = [issue for issue in found.issues if issue.refuses]
    assert bool(refusals) == (not found.drafts)
    assert all(issue.code and issue.message and issue.remedy for issue in refusals), refusals
    assert shared(found.drafts) == 0
    assert faults(found.drafts) == []
