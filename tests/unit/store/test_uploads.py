"""Sealed spools: they read like the bytes that were written, and no byte of them can be changed, moved or cut off."""

import io
import os
import random
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.crypto.envelope import OVERHEAD_BYTES
from careloom.errors import CareloomError, IntegrityError, NotFound, SetupError
from careloom.store.uploads import FRAME_BYTES, Part, Spools, SpoolWriter

SEALED = FRAME_BYTES + OVERHEAD_BYTES
SIZES = (0, 1, 1000, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES, 3 * FRAME_BYTES + 17)
CONTENTS = {size: random.Random(size).randbytes(size) for size in SIZES}


@pytest.fixture
def spools(tmp_path: Path) -> Spools:
    return Spools(tmp_path / "uploads", os.urandom)


def keep(spools: Spools, content: bytes, name: str = "one") -> tuple[bytes, Part]:
    with spools.begin(name) as writer:
        writer.begin_part("feed")
        writer.write(content)
    return writer.key, writer.parts[0]


def read(spools: Spools, key: bytes, part: Part, name: str = "one") -> bytes:
    with spools.open(name, key, part) as stream:
        return stream.read()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pieces", [1, 7, 300_000])
def test_what_was_written_in_pieces_of_any_size_comes_back(spools: Spools, size: int, pieces: int) -> None:
    content = CONTENTS[size]
    with spools.begin("one") as writer:
        writer.begin_part("feed")
        for at in range(0, size if pieces > 1 else min(size, 2000), pieces):
            writer.write(content[at : at + pieces])
    assert read(spools, writer.key, writer.parts[0]) == content[: writer.size_bytes]
    assert writer.size_bytes == (size if pieces > 1 else min(size, 2000))


MOVES = st.one_of(
    st.tuples(st.just("read"), st.integers(-1, 2 * FRAME_BYTES)),
    st.tuples(st.just("readinto"), st.integers(0, FRAME_BYTES + 9)),
    st.tuples(st.just("start"), st.integers(-1, 4 * FRAME_BYTES)),
    st.tuples(st.just("here"), st.integers(-FRAME_BYTES, FRAME_BYTES)),
    st.tuples(st.just("end"), st.integers(-4 * FRAME_BYTES, 100)),
)


def moved(stream: io.BufferedIOBase, what: str, size: int) -> object:
    """What one step on a stream gives, and where it is then."""
    try:
        if what == "read":
            return stream.read(size), stream.tell()
        if what == "readinto":
            target = bytearray(size)
            return stream.readinto(target), bytes(target), stream.tell()
        return stream.seek(size, ("start", "here", "end").index(what)), stream.tell()
    except ValueError:
        return "before the start", stream.tell()


@settings(max_examples=150)
@given(size=st.sampled_from(SIZES), before=st.sampled_from([0, 1, FRAME_BYTES]), steps=st.lists(MOVES, max_size=12))
def test_a_part_reads_and_seeks_like_bytes_in_memory(
    tmp_path_factory: pytest.TempPathFactory, size: int, before: int, steps: list[tuple[str, int]]
) -> None:
    spools = Spools(tmp_path_factory.getbasetemp() / "spools", os.urandom)
    spool = os.urandom(8).hex()
    with spools.begin(spool) as writer:
        for name, length in (("a", before), ("b", size), ("c", 5)):
            writer.begin_part(name)
            writer.write(CONTENTS.get(length, b"after"))
    with spools.open(spool, writer.key, writer.parts[1]) as stream:
        assert isinstance(stream, io.BufferedIOBase)
        memory = io.BytesIO(CONTENTS[size])
        assert [moved(stream, *step) for step in steps] == [moved(memory, *step) for step in steps]
    spools.destroy(spool)


def test_parts_lie_one_after_the_other(spools: Spools) -> None:
    with spools.begin("one") as writer:
        for name, content in (("a", b"first"), ("b", b""), ("c", b"third")):
            writer.begin_part(name)
            writer.write(content)
    assert writer.parts == (Part("a", 0, 5), Part("b", 5, 0), Part("c", 5, 5))
    assert [read(spools, writer.key, part) for part in writer.parts] == [b"first", b"", b"third"]


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a bit of the first frame": lambda sealed: bytes([sealed[0] ^ 1]) + sealed[1:],
    "a bit of the last frame": lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 128]),
    "the last byte gone": lambda sealed: sealed[:-1],
    "the last frame gone": lambda sealed: sealed[: 2 * SEALED],
    "the first frame gone": lambda sealed: sealed[SEALED:],
    "all but the last frame gone": lambda sealed: sealed[2 * SEALED :],
    "everything gone": lambda sealed: b"",
    "two frames exchanged": lambda sealed: sealed[SEALED : 2 * SEALED] + sealed[:SEALED] + sealed[2 * SEALED :],
    "a frame twice": lambda sealed: sealed[:SEALED] + sealed,
    "something added": lambda sealed: sealed + b"x" * 40,
}


@pytest.mark.parametrize("change", CHANGES, ids=list(CHANGES))
def test_no_change_of_the_file_goes_unnoticed(spools: Spools, tmp_path: Path, change: str) -> None:
    key, part = keep(spools, os.urandom(2 * FRAME_BYTES + 100))
    file = tmp_path / "uploads" / "one"
    file.write_bytes(CHANGES[change](file.read_bytes()))
    with pytest.raises(IntegrityError):
        read(spools, key, part)


def test_a_spool_opens_under_its_own_key_and_name_only(spools: Spools, tmp_path: Path) -> None:
    key, part = keep(spools, b"one patient")
    other, _ = keep(spools, b"two patient", "two")
    with pytest.raises(IntegrityError):
        read(spools, other, part)
    (tmp_path / "uploads" / "one").rename(tmp_path / "uploads" / "three")
    with pytest.raises(IntegrityError):
        read(spools, key, part, "three")


def test_no_byte_lies_in_plain_and_only_the_owner_may_look(spools: Spools, tmp_path: Path) -> None:
    keep(spools, b"Quillfeather " * 50_000)
    folder = tmp_path / "uploads"
    assert b"Quillfeather" not in (folder / "one").read_bytes()
    assert (stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE((folder / "one").stat().st_mode)) == (0o700, 0o600)


def test_equal_uploads_do_not_look_alike(spools: Spools, tmp_path: Path) -> None:
    keep(spools, b"same", "one")
    keep(spools, b"same", "two")
    assert (tmp_path / "uploads" / "one").read_bytes() != (tmp_path / "uploads" / "two").read_bytes()


@pytest.mark.parametrize("error", [OSError("the client went away"), SetupError("", ""), KeyboardInterrupt()])
def test_of_an_upload_that_breaks_off_nothing_is_left(spools: Spools, tmp_path: Path, error: BaseException) -> None:
    def break_off() -> None:
        with spools.begin("one") as writer:
            writer.begin_part("feed")
            writer.write(b"x" * (FRAME_BYTES + 1))
            raise error

    with pytest.raises(type(error)):
        break_off()
    assert list((tmp_path / "uploads").iterdir()) == []


class Full(io.BytesIO):
    """A disk that takes ten bytes at a time, and then no more."""

    def write(self, piece: object, /) -> int:
        if self.tell() >= 30:
            raise OSError(28, "No space left on device")
        return super().write(memoryview(piece)[:10])  # type: ignore[arg-type]


def test_a_full_disk_is_the_operators_affair() -> None:
    writer = SpoolWriter(Full(), "one", os.urandom)
    with pytest.raises(SetupError):
        writer.write(b"x" * (FRAME_BYTES + 1))


def test_a_name_that_is_taken_is_not_overwritten(spools: Spools) -> None:
    key, part = keep(spools, b"first")
    with pytest.raises(CareloomError), spools.begin("one"):
        raise AssertionError("it began")
    assert read(spools, key, part) == b"first"


def test_a_destroyed_upload_is_not_found(spools: Spools) -> None:
    key, part = keep(spools, b"gone")
    assert (spools.destroy("one"), spools.destroy("one")) == (True, False)
    with pytest.raises(NotFound):
        read(spools, key, part)


@pytest.fixture
def midway(spools: Spools) -> Iterator[SpoolWriter]:
    with spools.begin("two") as writer:
        yield writer


def test_spools_are_listed_with_their_age_also_while_they_are_written(spools: Spools, midway: SpoolWriter) -> None:
    keep(spools, b"first")
    listed = spools.listed()
    assert [spool.name for spool in listed] == ["one", "two"]
    assert datetime.now(UTC) - listed[0].written < timedelta(minutes=1)


def test_no_folder_is_no_spool(tmp_path: Path) -> None:
    assert Spools(tmp_path / "nowhere", os.urandom).listed() == []
