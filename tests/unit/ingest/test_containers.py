import gzip
import hashlib
import io
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.ingest.containers import ContainerLimits, Member, open_members

LINES = b"".join(b'{"resourceType":"Patient","id":"%d"}\n' % number for number in range(5000))


def opened(data: bytes, limits: ContainerLimits | None = None, name: str = "file") -> list[tuple[str, bytes, Member]]:
    """(name, all bytes, member) of each member, each read to its end before the next."""
    return [
        (member.name, b"".join(member.source.chunks()), member)
        for member in open_members(io.BytesIO(data), name, limits)
    ]


def damage_code(member: Member) -> str | None:
    if member.issue:
        return member.issue.code
    return member.source.damage.issue.code if member.source.damage else None


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return held.getvalue()


def streamed_zip(files: dict[str, bytes]) -> bytes:
    """A zip written to a pipe: sizes stand behind the members."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise OSError

    held = Pipe()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return held.getvalue()


def test_a_plain_file_is_its_own_only_member() -> None:
    assert [(name, data) for name, data, _ in opened(LINES)] == [("file", LINES)]


def test_an_empty_file_is_a_member_without_bytes() -> None:
    assert [(name, data) for name, data, _ in opened(b"")] == [("file", b"")]


def test_gzip_members_in_a_row_are_one_file() -> None:
    [(_, data, member)] = opened(gzip.compress(LINES) + gzip.compress(b"more") + b"\0" * 512)
    assert data == LINES + b"more"
    assert member.source.damage is None


@given(cut=st.integers(min_value=11, max_value=2000))
@settings(max_examples=30)
def test_of_a_cut_gzip_everything_before_the_cut_is_read(cut: int) -> None:
    packed = gzip.compress(LINES)
    cut = min(cut, len(packed) - 9)
    [(_, data, member)] = opened(packed[:-cut])
    assert LINES.startswith(data)
    assert len(data) > len(LINES) * (len(packed) - cut) // len(packed) - 20_000
    assert damage_code(member) == "ingest.gzip-truncated"


def test_a_gzip_with_a_wrong_checksum_is_read_and_reported() -> None:
    packed = bytearray(gzip.compress(LINES))
    packed[-6] ^= 1
    [(_, data, member)] = opened(bytes(packed))
    assert data == LINES
    assert damage_code(member) == "ingest.gzip-checksum"
    assert member.source.damage is not None
    assert bytes(packed[-8:]).endswith(b"".join(member.source.damage.rest))


@given(place=st.integers(min_value=40, max_value=100_000), flip=st.integers(min_value=1, max_value=255))
@settings(max_examples=50)
def test_a_damaged_gzip_never_raises_and_what_is_left_is_handed_on(place: int, flip: int) -> None:
    packed = bytearray(gzip.compress(LINES))
    place %= len(packed) - 10
    packed[place] ^= flip
    for member in open_members(io.BytesIO(bytes(packed)), "file"):
        assert len(b"".join(member.source.chunks())) <= 2 * len(LINES)
        if member.source.damage:
            rest = b"".join(member.source.damage.rest)
            assert bytes(packed).endswith(rest)


def test_what_is_unpacked_before_a_broken_stretch_is_not_lost() -> None:
    first, second = zlib.compressobj(9, zlib.DEFLATED, 31), LINES[:100_000]
    packed = first.compress(second) + first.flush(zlib.Z_FULL_FLUSH) + b"\x07garbage"
    [(_, data, member)] = opened(packed)
    assert data == second
    assert damage_code(member) == "ingest.gzip-broken"


def test_bytes_behind_a_gzip_are_handed_on_with_the_reason() -> None:
    [(_, data, member)] = opened(gzip.compress(LINES) + b"not gzip at all")
    assert data == LINES
    assert damage_code(member) == "ingest.gzip-trailing-bytes"
    assert member.source.damage is not None
    assert b"".join(member.source.damage.rest) == b"not gzip at all"


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: zipped({"a": data})])
def test_an_archive_that_unfolds_too_far_stops_and_says_so(pack: object) -> None:
    limits = ContainerLimits(max_ratio=100, free_bytes=1 << 20)
    found = opened(pack(b"\0" * (8 << 20)), limits)  # type: ignore[operator]
    assert [damage_code(member) for _, _, member in found] == ["ingest.archive-bomb"]
    assert 0 < len(found[0][1]) <= 4 << 20


def test_the_total_of_all_members_is_limited() -> None:
    limits = ContainerLimits(max_total_bytes=3 * len(LINES))
    found = opened(zipped({str(number): LINES for number in range(5)}), limits)
    assert [damage_code(member) for _, _, member in found] == [None] * 3 + ["ingest.archive-bomb"] * 2


def test_too_many_members_are_a_bomb() -> None:
    found = opened(zipped({str(number): b"x" for number in range(5)}), ContainerLimits(max_members=3))
    assert [damage_code(member) for _, _, member in found] == [None, None, None, "ingest.archive-bomb"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_files_of_a_zip_come_in_order_with_their_places(method: int) -> None:
    found = opened(zipped({"a/b.csv": b"one", "c.ndjson": LINES, "empty": b""}, method), name="x.zip")
    assert [(name, data) for name, data, _ in found] == [
        ("x.zip/a/b.csv", b"one"), ("x.zip/c.ndjson", LINES), ("x.zip/empty", b""),
    ]  # fmt: skip
    assert [damage_code(member) for _, _, member in found] == [None, None, None]


@pytest.mark.parametrize(
    "name", ["../up.json", "a/../../up.json", "/etc/thing", "C:\\thing", "..\\up", "\\\\server\\x", "a\nb"]
)
def test_an_unsafe_name_refuses_its_member_only_and_never_shows(name: str) -> None:
    found = opened(zipped({name: LINES, "good": b"fine"}))
    assert [damage_code(member) for _, _, member in found] == ["ingest.zip-unsafe-name", None]
    assert [data for _, data, _ in found] == [LINES, b"fine"]
    assert found[0][0] == "file/member 1"


def test_a_gzip_in_a_zip_is_read_and_a_third_level_is_refused() -> None:
    inner = gzip.compress(b"deep")
    assert [data for _, data, _ in opened(zipped({"a.gz": inner}))] == [b"deep"]
    assert [data for _, data, _ in opened(zipped({"a.zip": zipped({"b": b"deep"})}))] == [b"deep"]
    [(_, data, member)] = opened(zipped({"a.zip": zipped({"b.gz": inner})}))
    assert damage_code(member) == "ingest.archive-too-deep"
    assert data == inner


def test_a_zip_from_a_pipe_is_read_in_memory_up_to_a_limit() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    data = zipped({"a": LINES})
    [member] = open_members(Pipe(data), "pipe")
    assert b"".join(member.source.chunks()) == LINES
    [member] = open_members(Pipe(data), "pipe", ContainerLimits(max_buffered_bytes=100))
    assert member.issue is not None
    assert member.issue.code == "ingest.archive-too-large"
    assert b"".join(member.source.chunks()) == data


@pytest.mark.parametrize("write", [zipped, streamed_zip])
def test_of_a_zip_that_lost_its_directory_the_whole_members_are_read(write: object) -> None:
    data = write({"a": LINES, "b": b"second" * 100, "c": b"third" * 1000})  # type: ignore[operator]
    cut = data[: data.rfind(b"PK\x03\x04") + 45]
    found = opened(cut)
    assert [bytes_ for _, bytes_, _ in found][:2] == [LINES, b"second" * 100]
    assert [damage_code(member) for _, _, member in found][:2] == [None, None]
    assert damage_code(found[-1][2]) == "ingest.zip-truncated"


def test_a_directory_that_points_nowhere_is_not_trusted() -> None:
    data = zipped({"a": LINES, "b": b"second"})
    moved = bytearray(data)
    end = data.rfind(b"PK\x05\x06")
    moved[end + 16 : end + 20] = (len(data) * 2).to_bytes(4, "little")
    assert [bytes_ for _, bytes_, _ in opened(bytes(moved))][:2] == [LINES, b"second"]


def test_an_encrypted_member_is_handed_on_as_it_is() -> None:
    data = bytearray(zipped({"a": b"secret", "b": b"open"}, zipfile.ZIP_STORED))
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(magic) + place] |= 1
    found = opened(bytes(data))
    assert [damage_code(member) for _, _, member in found] == ["ingest.zip-encrypted", None]
    assert [bytes_ for _, bytes_, _ in found] == [b"secret", b"open"]


def test_an_unknown_method_and_a_wrong_checksum_are_named() -> None:
    found = opened(zipped({"a": LINES}, zipfile.ZIP_BZIP2))
    assert [damage_code(member) for _, _, member in found] == ["ingest.zip-method-unknown"]
    data = zipped({"a": b"abc"}, zipfile.ZIP_STORED).replace(b"abc", b"abd")
    assert [damage_code(member) for _, _, member in opened(data)] == ["ingest.zip-checksum"]


def test_a_zip_without_files_says_so() -> None:
    assert [damage_code(member) for _, _, member in opened(zipped({}))] == ["ingest.zip-empty"]
    assert [damage_code(member) for _, _, member in opened(zipped({"folder/": b""}))] == ["ingest.zip-empty"]


def test_an_office_document_is_one_file() -> None:
    data = zipped({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<y/>"})
    assert [(name, bytes_) for name, bytes_, _ in opened(data)] == [("file", data)]


def test_a_zip_in_a_cut_gzip_gives_its_whole_members_and_the_reason() -> None:
    inner = zipped({"a": LINES, "b": hashlib.shake_128(b"noise").digest(100_000)})
    found = opened(gzip.compress(inner)[:-3000])
    assert found[0][1] == LINES
    assert "ingest.gzip-truncated" in [damage_code(member) for _, _, member in found]


@given(data=st.binary(max_size=300))
@settings(max_examples=200)
def test_no_bytes_after_a_magic_number_raise(data: bytes) -> None:
    for magic in (b"", b"\x1f\x8b\x08", b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"):
        for _, _, member in opened(magic + data):
            if member.source.damage:
                b"".join(member.source.damage.rest)
