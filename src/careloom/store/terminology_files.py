"""The files of a release of a terminology: a folder, a zip archive or one file."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from careloom.errors import FormatError, NotFound, TooLarge

UNPACKED_BYTES_AT_MOST = 64 * 1024**3
RATIO_AT_MOST = 200
_ZIP = b"PK\x03\x04"


def _decoded(stream: IO[bytes], name: str) -> Iterator[str]:
    try:
        with io.TextIOWrapper(stream, encoding="utf-8-sig", newline=None) as text:
            for line in text:
                yield line.rstrip("\n")
    except UnicodeDecodeError:
        raise FormatError(f"{name} is no UTF-8 text", "Download the release again.") from None


class Folder:
    """Files below a folder, or a file alone."""

    def __init__(self, path: Path) -> None:
        self._root = path if path.is_dir() else path.parent
        found = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        self._files = {file.relative_to(self._root).as_posix(): file for file in found}

    def names(self) -> list[str]:
        """Paths below the folder, sorted; hidden ones left out."""
        return [name for name in self._files if not any(part.startswith(".") for part in PurePosixPath(name).parts)]

    def lines(self, name: str) -> Iterator[str]:
        """The lines of a file."""
        with self._files[name].open("rb") as stream:
            yield from _decoded(stream, name)


class Archive:
    """Members of a zip archive; nothing is unpacked to disk."""

    def __init__(self, path: Path) -> None:
        """Looks at the directory of the archive. raises FormatError if it is broken, TooLarge if it is a bomb."""
        try:
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise FormatError(
                f"{path.name} is a broken archive ({type(error).__name__})", "Download it again."
            ) from None
        members = [member for member in self._archive.infolist() if not member.is_dir()]
        for member in members:
            if member.file_size > RATIO_AT_MOST * max(member.compress_size, 1024):
                raise TooLarge(f"{path.name} unpacks to far more than it holds", "Unpack it and look at it first.")
        if sum(member.file_size for member in members) > UNPACKED_BYTES_AT_MOST:
            raise TooLarge(f"{path.name} unpacks to more than 64 GiB", "Unpack it and load the folder.")
        self._names = sorted(member.filename for member in members)

    def names(self) -> list[str]:
        """Paths in the archive, sorted; hidden ones left out."""
        return [name for name in self._names if not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))]

    def lines(self, name: str) -> Iterator[str]:
        """The lines of a member."""
        try:
            with self._archive.open(name) as stream:
                yield from _decoded(stream, name)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise FormatError(f"{name} cannot be unpacked ({type(error).__name__})", "Download it again.") from None


def files_of(path: Path) -> Folder | Archive:
    """The files that a path stands for. raises NotFound, FormatError, TooLarge."""
    if not path.exists():
        raise NotFound(f"there is no {path.name}", "Check the path.")
    if path.is_file():
        with path.open("rb") as stream:
            if stream.read(4) == _ZIP:
                return Archive(path)
    return Folder(path)
