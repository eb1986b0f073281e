"""Files of generators and of rows that nobody may fetch yet: sealed part by part, so that memory does not grow.

A file is parts, each with its length before it, sealed under a key of the installation and bound to its file and its
number; the last part is empty, so that a file that was cut does not open.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from careloom.crypto.envelope import NONCE_BYTES, Sealer, context_of
from careloom.crypto.keys import KeyProvider
from careloom.errors import IntegrityError, NotFound, SetupError
from careloom.store.engine import private_folder

_LENGTH_BYTES = 8
PART_BYTES = 1 << 26


class SynthesisFiles:
    """The sealed files of one folder, by names such as ``models/RUN/model.safetensors``.

    purpose  what the files are of: synthesis, or models; each is sealed under a key of its own
    """

    def __init__(
        self, folder: Path, keys: KeyProvider, random_bytes: Callable[[int], bytes], purpose: str = "synthesis"
    ) -> None:
        self._folder = folder
        self._purpose = purpose
        self._sealer = Sealer(keys.derive("seal", purpose))
        self._random_bytes = random_bytes

    def write(self, name: str, parts: Iterable[bytes]) -> None:
        """All of a file or none of it, durable when this returns. raises SetupError where the disk does not take it"""
        place = self._place(name)
        for folder in (self._folder, *reversed(place.relative_to(self._folder).parents[:-1])):
            private_folder(self._folder / folder)
        draft = _draft(place)
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
                for number, part in enumerate(_ended(parts)):
                    sealed = self._sealer.seal(part, self._context(name, number), self._random_bytes(NONCE_BYTES))
                    stream.write(len(sealed).to_bytes(_LENGTH_BYTES, "big") + sealed)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(place)
        except OSError as error:
            raise SetupError(
                f"the disk does not take it ({type(error).__name__})", "Make room, and try again."
            ) from None
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)

    def whole(self, name: str) -> bytes:
        """All parts of a file joined."""
        return b"".join(self.parts(name))

    def parts(self, name: str) -> Iterator[bytes]:
        """The parts of a file as they were given. raises NotFound; IntegrityError where it was changed or cut"""
        try:
            stream = self._place(name).open("rb")
        except OSError:
            raise NotFound("the file is not there any more", "Make it again.") from None
        with stream:
            number, size = 0, os.fstat(stream.fileno()).st_size
            while 0 < (length := int.from_bytes(stream.read(_LENGTH_BYTES), "big")) <= size:
                part = self._sealer.open(stream.read(length), self._context(name, number))
                if not part:
                    return
                yield part
                number += 1
        raise IntegrityError("a sealed file was cut", "Make it again.")

    def has(self, name: str) -> bool:
        """True where the file is there, whole or not."""
        return self._place(name).is_file()

    def remove(self, name: str) -> None:
        """Removes a file, where there is one, and what a killed process had written of it."""
        place = self._place(name)
        for file in (place, _draft(place)):
            file.unlink(missing_ok=True)

    def _context(self, name: str, number: int) -> bytes:
        return context_of((self._purpose, name, str(number)))

    def _place(self, name: str) -> Path:
        return self._folder / f"{name}.sealed"


def _draft(place: Path) -> Path:
    return place.with_name(f"{place.name}.part")


def cut(content: bytes) -> Iterator[bytes]:
    """Bytes in parts that can be sealed at once."""
    for at in range(0, len(content), PART_BYTES):
        yield content[at : at + PART_BYTES]


def _ended(parts: Iterable[bytes]) -> Iterator[bytes]:
    yield from (part for part in parts if part)
    yield b""
