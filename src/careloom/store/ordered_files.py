"""A folder of files that arrive in pieces: each file's pieces in a declared order, whatever order they came in."""

import hashlib
import shutil
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from careloom.errors import SetupError, StateError

_OPEN_AT_MOST = 64
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Written:
    """A file as it lies there; `lines` counts its line feeds."""

    path: str
    size_bytes: int
    sha256: str
    lines: int


@dataclass(slots=True)
class _File:
    """A file under way.

    runs       (order, bytes) of pieces as they arrived; neighbours of one order are one run
    is_sorted  no piece came that belongs before an earlier one
    """

    runs: list[tuple[str, int]] = field(default_factory=list)
    is_sorted: bool = True
    digest: Any = field(default_factory=hashlib.sha256)
    lines: int = 0


def empty_folder(folder: Path) -> Path:
    """The folder, made where it is not there.

    raises  StateError if something is in it, SetupError if it cannot be made
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_empty = next(folder.iterdir(), None) is None
    except OSError as error:
        raise SetupError(f"{folder} cannot be used ({type(error).__name__})", "name another folder") from None
    if not is_empty:
        raise StateError(f"{folder} is not empty", "name a new folder: nothing is ever overwritten or mixed")
    return folder


def free_bytes(folder: Path) -> int:
    """What the disk of a folder can still hold."""
    return shutil.disk_usage(folder).free


class OrderedFiles:
    """Writes pieces below a root; a context manager that closes what is open.

    Pieces of a file stand sorted by their order, and where orders are equal as they came. A file whose pieces come in
    order is written once; another is written again when all is there. Memory: some 100 bytes a run.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, _File] = {}
        self._open: OrderedDict[str, IO[bytes]] = OrderedDict()
        self.size_bytes = 0

    def __enter__(self) -> "OrderedFiles":
        return self

    def __exit__(self, *_: object) -> None:
        self._close_all()

    def add(self, path: str, order: str, data: bytes) -> None:
        """Adds a piece to a file below the root. raises SetupError if the disk refuses it."""
        file = self._files.get(path)
        if file is None:
            file = self._files[path] = _File()
        if file.runs and file.runs[-1][0] == order:
            file.runs[-1] = (order, file.runs[-1][1] + len(data))
        else:
            if file.runs and order < file.runs[-1][0]:
                file.is_sorted = False
            file.runs.append((order, len(data)))
        file.lines += data.count(b"\n")
        if file.is_sorted:
            file.digest.update(data)
        try:
            self._handle(path).write(data)
        except OSError as error:
            raise _refused(self._root, error) from None
        self.size_bytes += len(data)

    def finish(self) -> list[Written]:
        """Puts every file in order; what lies below the root, by path."""
        self._close_all()
        found = []
        for path, file in sorted(self._files.items()):
            if not file.is_sorted:
                self._rewrite(path, file)
            size = sum(length for _, length in file.runs)
            found.append(Written(path, size, file.digest.hexdigest(), file.lines))
        return found

    def _handle(self, path: str) -> IO[bytes]:
        held = self._open.pop(path, None)
        if held is None:
            place = self._root / PurePosixPath(path)
            if len(self._open) >= _OPEN_AT_MOST:
                self._open.popitem(last=False)[1].close()
            place.parent.mkdir(parents=True, exist_ok=True)
            held = place.open("ab")
        self._open[path] = held
        return held

    def _close_all(self) -> None:
        for held in self._open.values():
            held.close()
        self._open.clear()

    def _rewrite(self, path: str, file: _File) -> None:
        place = self._root / PurePosixPath(path)
        starts, position = [], 0
        for order, length in file.runs:
            starts.append((order, position, length))
            position += length
        digest = hashlib.sha256()
        aside = place.with_name(place.name + ".unordered")
        try:
            place.rename(aside)
            with aside.open("rb") as source, place.open("wb") as target:
                for _, start, length in sorted(starts, key=lambda run: run[0]):
                    source.seek(start)
                    _copy(source, target, length, digest)
            aside.unlink()
        except OSError as error:
            raise _refused(self._root, error) from None
        file.digest = digest
        file.runs = [(order, length) for order, _, length in sorted(starts, key=lambda run: run[0])]
        file.is_sorted = True


def _copy(source: IO[bytes], target: IO[bytes], length: int, digest: Any) -> None:
    while length > 0:
        block = source.read(min(_BLOCK, length))
        digest.update(block)
        target.write(block)
        length -= len(block)


def _refused(root: Path, error: OSError) -> SetupError:
    return SetupError(f"{root}: the disk refuses to write ({type(error).__name__})", "free space, and start anew")
