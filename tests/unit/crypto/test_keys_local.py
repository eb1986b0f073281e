"""Keys in a folder: made once, durable, refused when others could read them."""

import json
import multiprocessing
import stat
from pathlib import Path

import pytest

from careloom.crypto.keys import is_signed, subkey
from careloom.crypto.keys_local import FILE_NAME, LocalKeys
from careloom.errors import IntegrityError, SetupError

DATA_KEY = bytes(range(32))
SUBKEY = "cde495cac6691af1233964cc93055bc81523da6ac2bed9bf79cd9646bcb64097"


def test_keys_are_made_private_and_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = LocalKeys.open(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]
    kek_id, wrapped = first.wrap(DATA_KEY, b"c")
    second = LocalKeys.open(folder)
    assert second.unwrap(kek_id, wrapped, b"c") == DATA_KEY
    assert second.derive("a", "b") == first.derive("a", "b")
    assert is_signed(second.public_key(), b"m", first.sign(b"m"))


def test_a_missing_key_file_is_a_setup_error(tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        LocalKeys.open(tmp_path / "keys", create=False)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o610])
def test_a_key_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    LocalKeys.open(tmp_path / "keys")
    (tmp_path / "keys" / FILE_NAME).chmod(mode)
    with pytest.raises(SetupError):
        LocalKeys.open(tmp_path / "keys")


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_a_key_folder_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(SetupError):
        LocalKeys.open(folder)
    assert list(folder.iterdir()) == []


def test_a_link_to_a_key_file_is_refused(tmp_path: Path) -> None:
    LocalKeys.open(tmp_path / "real")
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    (folder / FILE_NAME).symlink_to(tmp_path / "real" / FILE_NAME)
    with pytest.raises(SetupError):
        LocalKeys.open(folder)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"format": 1}', b"\xff"])
def test_a_damaged_key_file_is_an_integrity_error(tmp_path: Path, damage: bytes) -> None:
    LocalKeys.open(tmp_path / "keys")
    (tmp_path / "keys" / FILE_NAME).write_bytes(damage)
    with pytest.raises(IntegrityError):
        LocalKeys.open(tmp_path / "keys")


def test_a_short_key_in_the_file_is_an_integrity_error(tmp_path: Path) -> None:
    LocalKeys.open(tmp_path / "keys")
    path = tmp_path / "keys" / FILE_NAME
    kept = json.loads(path.read_bytes())
    path.write_text(json.dumps({**kept, "root": kept["root"][:20]}))
    with pytest.raises(IntegrityError):
        LocalKeys.open(tmp_path / "keys")


def test_rotation_keeps_old_keys_until_they_are_retired(tmp_path: Path) -> None:
    keys = LocalKeys.open(tmp_path / "keys")
    other_process = LocalKeys.open(tmp_path / "keys")
    old, wrapped = keys.wrap(DATA_KEY, b"c")
    derived, public = keys.derive("a", "b"), keys.public_key()
    new = keys.rotate()
    assert keys.wrap(DATA_KEY, b"c")[0] == new != old
    assert keys.unwrap(old, wrapped, b"c") == DATA_KEY
    assert (keys.derive("a", "b"), keys.public_key()) == (derived, public)
    assert other_process.unwrap(*keys.wrap(DATA_KEY, b"c"), b"c") == DATA_KEY
    with pytest.raises(SetupError):
        keys.retire(new)
    keys.retire(old)
    with pytest.raises(SetupError):
        keys.unwrap(old, wrapped, b"c")


def test_a_wrapped_key_opens_in_its_own_context_only(tmp_path: Path) -> None:
    keys = LocalKeys.open(tmp_path / "keys")
    kek_id, wrapped = keys.wrap(DATA_KEY, b"one")
    with pytest.raises(IntegrityError):
        keys.unwrap(kek_id, wrapped, b"two")


def _open_and_tell(folder: str, out: "multiprocessing.Queue[bytes]") -> None:
    out.put(LocalKeys.open(Path(folder)).derive("a", "b"))


def test_two_processes_that_create_at_once_end_with_the_same_keys(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    told: multiprocessing.Queue[bytes] = context.Queue()
    processes = [context.Process(target=_open_and_tell, args=(str(tmp_path / "keys"), told)) for _ in range(3)]
    for process in processes:
        process.start()
    assert len({told.get(timeout=60) for _ in processes}) == 1
    for process in processes:
        process.join()


def test_keys_of_different_purposes_and_scopes_differ() -> None:
    derived = {subkey(DATA_KEY, purpose, scope) for purpose in ("a", "ab") for scope in ("", "b", "c")}
    assert len(derived) == 6


def test_a_derived_key_never_changes_with_the_version_of_careloom() -> None:
    assert subkey(DATA_KEY, "record", "identified").hex() == SUBKEY
