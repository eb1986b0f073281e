"""Exports at rest: NDJSON in sealed frames below the data directory, with the state that says how far each one is.

An export is a folder: `state` and files of frames. A frame is four bytes of length and some 256 KiB of whole lines, or
what one page of rows gave, sealed under the export's own key, bound to the export, the file, its generation and the
frame's number; before the lines stands the number of the data key behind each, so that an erasure finds the lines that
it has to take out. `state` is sealed under a key of the installation, holds the export's key and how many bytes of each
file count: what a killed writer left beyond them is cut off. Whoever changes a folder holds the one lock of all.
"""

import fcntl
import os
import shutil
import zlib
from array import array
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from careloom.crypto.envelope import KEY_BYTES, NONCE_BYTES, Sealer, context_of
from careloom.errors import NotFound, SetupError
from careloom.store.engine import private_folder

FOLDER_NAME = "exports"
FRAME_BYTES = 256 * 1024
_STATE = "state"
_ROWS = "rows"
_LOCK = "lock"
_SUBJECT = "Q"
"""An unsigned number of 64 bits."""

Hash = Any
"""A hash object: ``update`` and ``hexdigest``."""
Doomed = Callable[[int, bytes], bool]
"""(number of the data key behind a line, the line) -> whether it has to go."""


@dataclass(slots=True)
class ExportFile:
    """One file of an export.

    name          as clients call it: ``Patient.1.ndjson``
    type          of its resources; empty for deletions
    generation    how often it was rewritten
    frames, kept  frames, and bytes on the disk, that count
    lines, size   lines, and bytes of NDJSON
    digest        keyed hash of the NDJSON, empty until the file is whole
    """

    name: str
    type: str
    generation: int = 0
    frames: int = 0
    kept: int = 0
    lines: int = 0
    size: int = 0
    digest: str = ""


@dataclass(slots=True)
class ExportState:
    """How far an export is.

    asked     what was asked for
    key       seals its frames
    as_of     the moment of the snapshot, microseconds since 1970
    high      the greatest row number at that moment
    after     the last row that is in the files
    expected  type -> resources that the snapshot holds; deletions under ""
    policy    digest and run of the research zone's policy; empty elsewhere
    erasures  how many erasures the zone had seen then
    ended     when it was whole, microseconds since 1970; 0 before
    erased    lines that erasures took out
    hidden    numbers of data keys of patients who stay out
    is_limited  consents withheld something, so that the rows to read were chosen
    """

    asked: dict[str, Any]
    key: str
    as_of: int = 0
    high: int = 0
    after: int = 0
    expected: dict[str, int] = field(default_factory=dict)
    policy: str = ""
    erasures: int = 0
    ended: int = 0
    erased: int = 0
    hidden: list[int] = field(default_factory=list)
    is_limited: bool = False
    files: list[ExportFile] = field(default_factory=list)


class FrameWriter:
    """Adds lines to one file; nothing of them counts before `flush` and the state that says so."""

    def __init__(self, path: Path, file: ExportFile, sealer: Sealer, random_bytes: Callable[[int], bytes],
                 context: Callable[[ExportFile, int], bytes], hasher: Hash) -> None:  # fmt: skip
        self.file = file
        self.hasher = hasher
        self._sealer = sealer
        self._random_bytes = random_bytes
        self._context = context
        self._lines: list[bytes] = []
        self._subjects = array(_SUBJECT)
        self._filled = 0
        if not path.parent.is_dir():
            raise NotFound("this export is not kept any more", "Export again.")
        with _disk():
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            self._stream = os.fdopen(handle, "r+b")
            self._stream.truncate(file.kept)
            self._stream.seek(file.kept)

    def add(self, texts: Sequence[bytes], subjects: Sequence[int]) -> None:
        """Takes lines, with the number of the data key behind each. raises SetupError if the disk is full."""
        self._lines += texts
        self._subjects.extend(subjects)
        self._filled += sum(map(len, texts))
        if self._filled >= FRAME_BYTES:
            self.flush()

    def flush(self, *, is_durable: bool = False) -> None:
        """Writes what was taken."""
        if self._lines:
            text, file = b"".join(self._lines), self.file
            plain = len(self._lines).to_bytes(4, "big") + self._subjects.tobytes() + text
            sealed = self._sealer.seal(plain, self._context(file, file.frames), self._random_bytes(NONCE_BYTES))
            with _disk():
                self._stream.write(len(sealed).to_bytes(4, "big") + sealed)
            self.hasher.update(text)
            file.frames += 1
            file.kept += 4 + len(sealed)
            file.lines += len(self._lines)
            file.size += len(text)
            self._lines, self._subjects, self._filled = [], array(_SUBJECT), 0
        if is_durable:
            with _disk():
                self._stream.flush()
                os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Closes the file; what was not flushed is lost."""
        self._stream.close()


class Exports:
    """All exports of one installation.

    seal_key  seals the states
    """

    def __init__(self, folder: Path, seal_key: bytes, random_bytes: Callable[[int], bytes]) -> None:
        self._folder = folder
        self._sealer = Sealer(seal_key)
        self._random_bytes = random_bytes

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the one right to change an export's folder; short, for an erasure may wait for it."""
        private_folder(self._folder)
        handle = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def begin(self, export_id: str, asked: dict[str, Any]) -> ExportState:
        """A new export in place of one of this id, under a new key."""
        self.destroy(export_id)
        private_folder(self._folder / export_id)
        state = ExportState(asked, b64encode(self._random_bytes(KEY_BYTES)).decode())
        self.keep(export_id, state)
        return state

    def find(self, export_id: str) -> ExportState | None:
        """The state of an export, None where there is none. raises IntegrityError if it was changed."""
        try:
            sealed = (self._folder / export_id / _STATE).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        told = orjson.loads(self._sealer.open(sealed, _state_context(export_id)))
        files = [ExportFile(**one) for one in told.pop("files")]
        return ExportState(**told, files=files)

    def keep(self, export_id: str, state: ExportState) -> None:
        """Replaces the state; durable when this returns."""
        sealed = self._sealer.seal(
            orjson.dumps(asdict(state)), _state_context(export_id), self._random_bytes(NONCE_BYTES)
        )
        path = self._folder / export_id / _STATE
        draft = path.with_suffix(".part")
        with _disk():
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
                stream.write(sealed)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(path)

    def keep_rows(self, export_id: str, state: ExportState, rows: "array[int] | None") -> None:
        """Keeps the row numbers that an export reads, beside its state; nothing where it reads all."""
        if rows is None:
            return
        context = context_of(("export-rows", export_id))
        packed = zlib.compress(rows.tobytes(), 1)
        sealed = Sealer(b64decode(state.key)).seal(packed, context, self._random_bytes(NONCE_BYTES))
        with _disk():
            (self._folder / export_id / _ROWS).write_bytes(sealed)

    def rows(self, export_id: str, state: ExportState) -> "array[int] | None":
        """The row numbers that were kept, None where the export reads all."""
        try:
            sealed = (self._folder / export_id / _ROWS).read_bytes()
        except FileNotFoundError:
            return None
        context = context_of(("export-rows", export_id))
        found = array("q")
        found.frombytes(zlib.decompress(Sealer(b64decode(state.key)).open(sealed, context)))
        return found

    def destroy(self, export_id: str) -> bool:
        """Removes an export and all its files; false if it was not there."""
        place = self._folder / export_id
        if not place.is_dir():
            return False
        (place / _STATE).unlink(missing_ok=True)  # with it goes the key
        shutil.rmtree(place, ignore_errors=True)
        return True

    def listed(self) -> list[tuple[str, float]]:
        """(id, when its state was last written in seconds since 1970) of every export, by id."""
        if not self._folder.is_dir():
            return []
        found = []
        for place in sorted(path for path in self._folder.iterdir() if path.is_dir()):
            state = place / _STATE
            with suppress(FileNotFoundError):  # somebody removes it now
                found.append((place.name, (state if state.exists() else place).stat().st_mtime))
        return found

    def writer(self, export_id: str, state: ExportState, file: ExportFile, hasher: Hash) -> FrameWriter:
        """Goes on with a file where its state says that it ends; reads what counts, for its hash."""
        if file.frames:
            for _, text in self.frames(export_id, state, file):
                hasher.update(text)
        sealer = Sealer(b64decode(state.key))
        return FrameWriter(self._path(export_id, file), file, sealer, self._random_bytes, _of(export_id), hasher)

    def frames(self, export_id: str, state: ExportState, file: ExportFile) -> Iterator[tuple["array[int]", bytes]]:
        """(number of the data key behind each line, the lines) of a file, frame by frame.

        raises  NotFound if it is gone; IntegrityError where a byte differs or one is missing
        """
        try:
            stream: BinaryIO = self._path(export_id, file).open("rb")
        except FileNotFoundError:
            raise NotFound("this file of an export is not kept any more", "Export again.") from None
        sealer, context = Sealer(b64decode(state.key)), _of(export_id)
        with stream:
            for number in range(file.frames):
                size = int.from_bytes(stream.read(4), "big")
                plain = sealer.open(stream.read(min(size, file.kept)), context(file, number))
                start = 4 + 8 * int.from_bytes(plain[:4], "big")
                subjects = array(_SUBJECT)
                subjects.frombytes(plain[4:start])
                yield subjects, plain[start:]

    def subjects(self, export_id: str, state: ExportState, file: ExportFile) -> set[int]:
        """The numbers of all data keys behind a file."""
        found: set[int] = set()
        for numbers, _ in self.frames(export_id, state, file):
            found.update(numbers)
        return found

    def take_out(
        self,
        export_id: str,
        state: ExportState,
        file: ExportFile,
        is_doomed: Callable[[int, bytes], bool],
        hasher: Hash,
    ) -> int:
        """Rewrites a whole file without doomed lines, told by data key and text; how many. Hold the lock."""
        old = self._path(export_id, file)
        fresh = ExportFile(file.name, file.type, file.generation + 1)
        writer = self.writer(export_id, state, fresh, hasher)
        for numbers, text in self.frames(export_id, state, file):
            for subject, line in zip(numbers, text.splitlines(keepends=True), strict=True):  # JSON holds no bare ends
                if not is_doomed(subject, line):
                    writer.add((line,), (subject,))
        writer.flush(is_durable=True)
        writer.close()
        fresh.digest = hasher.hexdigest()
        state.files[state.files.index(file)] = fresh
        state.erased += file.lines - fresh.lines
        self.keep(export_id, state)
        old.unlink(missing_ok=True)
        return file.lines - fresh.lines

    def _path(self, export_id: str, file: ExportFile) -> Path:
        return self._folder / export_id / f"{file.name}.{file.generation}"


def _of(export_id: str) -> Callable[[ExportFile, int], bytes]:
    return lambda file, number: context_of(("export", export_id, file.name, str(file.generation), str(number)))


def _state_context(export_id: str) -> bytes:
    return context_of(("export-state", export_id))


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f"the disk does not take the export ({type(error).__name__})"
        raise SetupError(where, "Free space, or check the owner of the data directory.") from None
