"""Files that arrive in pieces lie there in order, whole, with their hashes."""

import hashlib
from pathlib import Path

import pytest

from careloom.errors import SetupError, StateError
from careloom.store.ordered_files import OrderedFiles, empty_folder


def write(root: Path, pieces: list[tuple[str, str, bytes]]) -> dict[str, tuple[bytes, int]]:
    with OrderedFiles(root) as files:
        for piece in pieces:
            files.add(*piece)
        written = files.finish()
    for one in written:
        data = (root / one.path).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (one.size_bytes, one.sha256)
    return {one.path: ((root / one.path).read_bytes(), one.lines) for one in written}


def test_pieces_stand_by_their_order_and_equal_ones_as_they_came(tmp_path: Path) -> None:
    pieces = [("a/x", "2", b"two\n"), ("a/x", "", b"head\n"), ("a/x", "1", b"one\n"), ("a/x", "2", b"two again\n")]
    assert write(tmp_path, pieces)["a/x"] == (b"head\none\ntwo\ntwo again\n", 4)


def test_what_comes_in_order_is_written_once(tmp_path: Path) -> None:
    assert write(tmp_path, [("x", "", b"a"), ("x", "1", b"b"), ("x", "2", b"c")])["x"] == (b"abc", 0)
    assert [place.name for place in tmp_path.iterdir()] == ["x"]


def test_more_files_than_are_held_open(tmp_path: Path) -> None:
    pieces = [(f"f{number % 150:03d}", f"{number:05d}", b"%d\n" % number) for number in range(600)]
    found = write(tmp_path, pieces)
    assert len(found) == 150
    assert found["f007"] == (b"7\n157\n307\n457\n", 4)


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(StateError):
        empty_folder(tmp_path)
    assert (tmp_path / "mine").read_text() == "kept"


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(SetupError):
        empty_folder(tmp_path / "file")


def test_a_file_that_was_put_in_order_stays_so_when_another_is_added_behind_it(tmp_path: Path) -> None:
    with OrderedFiles(tmp_path) as files:
        for order in ("b", "c", "a"):
            files.add("table", order, f"{order * 3}\n".encode())
        first = files.finish()
        files.add("manifest", "", b"{}\n")
        second = files.finish()
    assert (tmp_path / "table").read_bytes() == b"aaa\nbbb\nccc\n"
    assert [one for one in second if one.path == "table"] == first
