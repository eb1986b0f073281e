"""Views of packed bytes: bounded, each value by itself, and what is not read to its end is told."""

import base64
import gzip
import random
import zipfile
import zlib
from io import BytesIO

import pytest
import zstandard

from careloom.deid.leak_search import TermSearch
from careloom.deid.leak_views import SLICE_BYTES, Unpacking, gathered, views

TERM = b"qwyrfeather"
SEARCH = TermSearch([TERM])
TEXT = bytes(2000) + TERM


def zipped(*members: bytes) -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for at, member in enumerate(members):
            archive.writestr(f"{at}.txt", member)
    return target.getvalue()


PACKED = {
    "gzip": gzip.compress(TEXT),
    "zlib": zlib.compress(TEXT),
    "zstd": zstandard.compress(TEXT),
    "zip": zipped(TEXT),
    "zip of several": zipped(bytes(500), bytes(500), bytes(1000) + TERM),
    "gzip in zip in base64": base64.b64encode(zipped(gzip.compress(TEXT))),
}


def read(data: bytes, most: int = 1 << 20) -> tuple[bool, bool, int]:
    """Whether the term is found, whether something is said to be cut, and the bytes of the largest view."""
    unpacking = Unpacking(most)
    seen = list(views(data, unpacking))
    return any(SEARCH.find(one) for one in seen), unpacking.is_cut, max(map(len, seen))


@pytest.mark.parametrize("way", PACKED)
def test_what_is_packed_is_read_in_full_or_said_to_be_cut(way: str) -> None:
    assert read(PACKED[way])[:2] == (True, False)
    _, is_cut, largest = read(PACKED[way], 1999)
    assert is_cut
    assert largest <= 1999


@pytest.mark.parametrize("way", ["gzip", "zlib", "zstd", "zip"])
def test_what_fits_to_the_last_byte_is_not_cut(way: str) -> None:
    assert read(PACKED[way], len(TEXT))[:2] == (True, False)


def test_the_second_frame_and_the_second_member_are_read() -> None:
    assert read(zstandard.compress(b"first") + zstandard.compress(TEXT))[0]
    assert read(gzip.compress(b"first") + gzip.compress(TEXT))[0]


def test_two_members_of_one_name_are_both_read() -> None:
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.txt", zlib.compress(TEXT))
        archive.writestr("b.txt", b"another")
    assert read(target.getvalue().replace(b"b.txt", b"a.txt"))[0]


BROKEN = {
    "gzip without its end": PACKED["gzip"][:-12],
    "zip without its list": PACKED["zip"][:40],
    "zip of a kind that is not known": PACKED["zip"].replace(b"\x14\x00\x00\x00\x08\x00", b"\x14\x00\x00\x00\x63\x00"),
    "7z": b"7z\xbc\xaf\x27\x1c" + bytes(50),
    "xz": b"\xfd7zXZ\0" + bytes(50),
    "four times packed": gzip.compress(gzip.compress(gzip.compress(gzip.compress(TEXT)))),
}


@pytest.mark.parametrize("way", BROKEN)
def test_what_cannot_be_read_is_said_to_be_cut(way: str) -> None:
    assert read(BROKEN[way])[1]


def test_a_packed_value_is_read_wherever_it_stands_among_others() -> None:
    values = [b"x" * 5000, gzip.compress(TEXT), b"", zlib.compress(TEXT), b"y"]
    pieces = list(gathered(values))
    assert [read(piece)[:2] for piece in pieces] == [(True, False), (True, False), (False, False)]


def test_no_value_is_torn_between_two_pieces() -> None:
    rng = random.Random(7)
    values = [rng.randbytes(9) for _ in range(20)] + [b"v" * (SLICE_BYTES // 3) for _ in range(7)]
    pieces = list(gathered(values))
    assert max(map(len, pieces)) <= SLICE_BYTES + len(values)
    assert sum(piece.count(b"v" * (SLICE_BYTES // 3)) for piece in pieces) == 7


def test_bytes_by_chance_are_not_said_to_be_cut() -> None:
    noise = random.Random(3).randbytes(200_000)
    assert not read(noise)[1]
    assert not read(b"\x78\x9c" + noise[:500])[1]


@pytest.mark.parametrize(
    "written",
    [
        TERM.hex(),
        TERM.hex().upper(),
        f"a3{TERM.hex()}",
        f"3{TERM.hex()}",
        "Ｑｗｙｒｆｅａｔｈｅｒ",
        "qwyr<b>feather</b>",
        "<td>qwyr</td><td>feather</td>",
        "\\u003cb\\u003eqwyr\\u003c/b\\u003efeather",
    ],
)
def test_an_identifier_is_found_in_hex_full_width_and_between_tags(written: str) -> None:
    assert read(f"said: {written}.".encode())[0]


def test_digits_of_two_cells_are_no_number() -> None:
    seen = list(views(b"<td>1234</td><td>5678</td>", Unpacking()))
    assert not any(TermSearch([b"12345678"]).find(one) for one in seen)
