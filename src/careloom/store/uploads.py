"""Uploads on their way into the landing zone: nobody knows yet whom their bytes are about, so they lie sealed.

A spool is one file in a folder that only its owner may enter: frames of 256 KiB, each sealed under a key that seals
nothing else and is kept elsewhere. The seal of a frame is bound to the spool's name, to its number and to whether it is
the last one, so that nothing can be changed, moved, left out or cut off. Who destroys the key has destroyed the upload.

source  Hoang, Reyhanitabar, Rogaway, Vizar, Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance
        (CRYPTO 2015), section 7: STREAM
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from careloom.crypto.envelope import KEY_BYTES, NONCE_BYTES, OVERHEAD_BYTES, RandomBytes, Sealer, context_of
from careloom.errors import IntegrityError, NotFound, SetupError
from careloom.store.engine import private_folder

FOLDER_NAME = "uploads"
FRAME_BYTES = 256 * 1024
_SEALED_BYTES = FRAME_BYTES + OVERHEAD_BYTES


@dataclass(frozen=True, slots=True)
class Part:
    """One file of an upload: its sender's name for it, which may identify a patient, and where it lies in the spool."""

    name: str
    start: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SpoolState:
    """One spool as it lies in the folder, and when something was last written to it."""

    name: str
    written: datetime


class SpoolWriter:
    """Seals what is written, frame by frame; `begin_part` tells the files in one spool apart.

    key  opens the spool; whoever began it keeps it, sealed, elsewhere
    """

    def __init__(self, file: BinaryIO, name: str, random_bytes: RandomBytes) -> None:
        self.key = random_bytes(KEY_BYTES)
        self.size_bytes = 0
        self._begun: list[tuple[str, int]] = []
        self._file = file
        self._name = name
        self._sealer = Sealer(self.key)
        self._random_bytes = random_bytes
        self._frame = memoryview(bytearray(FRAME_BYTES))
        self._filled = 0
        self._number = 0

    def begin_part(self, name: str) -> None:
        """What is written from here on is a file of its own."""
        self._begun.append((name, self.size_bytes))

    @property
    def parts(self) -> tuple[Part, ...]:
        """The files that were begun, in order."""
        ends = [start for _, start in self._begun[1:]] + [self.size_bytes]
        return tuple(Part(name, start, end - start) for (name, start), end in zip(self._begun, ends, strict=True))

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        """Takes all of it. raises SetupError if the disk does not."""
        rest = memoryview(piece)
        self.size_bytes += len(rest)
        while rest:
            if self._filled == FRAME_BYTES:
                self._seal_frame(is_last=False)
            taken = min(FRAME_BYTES - self._filled, len(rest))
            self._frame[self._filled : self._filled + taken] = rest[:taken]
            self._filled += taken
            rest = rest[taken:]

    def finish(self) -> None:
        """Seals the last frame; durable when this returns."""
        self._seal_frame(is_last=True)
        with _disk():
            os.fsync(self._file.fileno())

    def _seal_frame(self, *, is_last: bool) -> None:
        plain = bytes(self._frame[: self._filled])
        context = _context(self._name, self._number, is_last=is_last)
        rest = memoryview(self._sealer.seal(plain, context, self._random_bytes(NONCE_BYTES)))
        with _disk():
            while rest:
                rest = rest[self._file.write(rest) :]
        self._number += 1
        self._filled = 0


class SpoolReader(io.RawIOBase):
    """The plain bytes of one part of a spool; it can seek. A changed byte is an IntegrityError when it is met."""

    def __init__(self, file: BinaryIO, name: str, key: bytes, part: Part) -> None:
        sealed_bytes = os.fstat(file.fileno()).st_size
        self._frames = -(-sealed_bytes // _SEALED_BYTES)
        self._file = file
        self._name = name
        self._sealer = Sealer(key)
        self._part = part
        self._at = 0
        self._number = -1
        self._frame = memoryview(b"")

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def close(self) -> None:
        """Closes the file of the spool too."""
        self._file.close()
        super().close()

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Moves, as in `io.BytesIO`: relative to here or to the end it goes back to the start at most."""
        if whence == os.SEEK_SET and offset < 0:
            raise ValueError("negative seek value")
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._part.size_bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Fills the buffer from one frame at most."""
        target = memoryview(buffer).cast("B")
        left = min(self._part.size_bytes - self._at, len(target))
        if left <= 0:
            return 0
        number, within = divmod(self._part.start + self._at, FRAME_BYTES)
        piece = self._opened(number)[within : within + left]
        if not piece:
            raise IntegrityError("an upload is shorter than it was", "Send it again; see careloom doctor.")
        target[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _opened(self, number: int) -> memoryview:
        if number != self._number:
            self._file.seek(number * _SEALED_BYTES)
            sealed = self._file.read(_SEALED_BYTES)
            context = _context(self._name, number, is_last=number == self._frames - 1)
            self._frame = memoryview(self._sealer.open(sealed, context))
            self._number = number
        return self._frame


class Spools:
    """The folder of all spools of one installation."""

    def __init__(self, folder: Path, random_bytes: RandomBytes) -> None:
        self._folder = folder
        self._random_bytes = random_bytes

    @contextmanager
    def begin(self, name: str) -> Iterator[SpoolWriter]:
        """A new spool, whole and durable when the block ends; after any error in the block nothing is left of it.

        raises  SetupError if the disk does not take it
        """
        private_folder(self._folder)
        path = self._folder / name
        with _disk():
            file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb", 0)
        try:
            with file:
                writer = SpoolWriter(cast(BinaryIO, file), name, self._random_bytes)
                yield writer
                writer.finish()
            with _disk():
                _make_entry_durable(self._folder)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    @contextmanager
    def open(self, name: str, key: bytes, part: Part) -> Iterator[BinaryIO]:
        """One part of a spool, for reading.

        raises  NotFound if it is not there; IntegrityError, while reading too, if a byte of it differs
        """
        try:
            file = (self._folder / name).open("rb", buffering=0)
        except FileNotFoundError:
            raise NotFound("this upload is not kept any more", "Send it again.") from None
        with io.BufferedReader(SpoolReader(cast(BinaryIO, file), name, key, part), FRAME_BYTES) as reader:
            yield reader

    def destroy(self, name: str) -> bool:
        """Removes a spool; false if it was not there."""
        try:
            (self._folder / name).unlink()
        except FileNotFoundError:
            return False
        return True

    def listed(self) -> list[SpoolState]:
        """All spools by name, those that are still being written too."""
        found: list[SpoolState] = []
        for path in sorted(self._folder.iterdir()) if self._folder.is_dir() else ():
            with suppress(FileNotFoundError):
                found.append(SpoolState(path.name, datetime.fromtimestamp(path.stat().st_mtime, UTC)))
        return found


def _context(name: str, number: int, *, is_last: bool) -> bytes:
    return context_of(("upload", name, str(number), "last" if is_last else "more"))


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f"the disk does not take the upload ({type(error).__name__})"
        raise SetupError(where, "Free space, or check the owner of the data directory.") from None


def _make_entry_durable(folder: Path) -> None:
    """A new file's name survives a power cut only when its folder is synced too."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
