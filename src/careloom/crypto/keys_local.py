"""Keys in one file of a folder that only its owner can read: the embedded default.

``keys.json`` (mode 0600 in a folder of mode 0700) is never changed in place: a new file is written, synced and renamed.
Whoever has this file and the database has the data: keep them on different backups.
"""

import base64
import contextlib
import fcntl
import json
import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from careloom.crypto.envelope import KEY_BYTES, RandomBytes, Sealer
from careloom.crypto.keys import subkey
from careloom.errors import CareloomError, IntegrityError, SetupError
from careloom.runtime import Runtime

FILE_NAME = "keys.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class _KeyFile:
    current: str
    keks: dict[str, bytes] = field(repr=False)
    root: bytes = field(repr=False)
    signing: bytes = field(repr=False)

    def to_bytes(self) -> bytes:
        text = {
            "format": _FORMAT,
            "current": self.current,
            "keks": {kek_id: _text(key) for kek_id, key in sorted(self.keks.items())},
            "root": _text(self.root),
            "signing": _text(self.signing),
        }
        return json.dumps(text, indent=1).encode()

    @classmethod
    def from_bytes(cls, raw: bytes, path: Path) -> "_KeyFile":
        try:
            text = json.loads(raw)
            keks = {str(kek_id): _raw(key) for kek_id, key in text["keks"].items()}
            found = cls(str(text["current"]), keks, _raw(text["root"]), _raw(text["signing"]))
            whole = text["format"] == _FORMAT and found.current in keks
        except (ValueError, KeyError, TypeError, AttributeError):
            whole = False
        if not whole:
            raise IntegrityError(f"{path} is not a whole key file", "restore it from its backup; never edit it")
        return found


class LocalKeys:
    """A `careloom.crypto.keys.KeyProvider` over a folder. Safe to share between threads."""

    def __init__(self, folder: Path, runtime: Runtime | None = None) -> None:
        """The keys that are in `folder`; see `open`.

        raises  SetupError if there is no key file, or others than its owner could read it
        """
        self._folder = folder
        self._random_bytes = (runtime or Runtime()).random_bytes
        self._load()

    def __reduce__(self) -> tuple[type["LocalKeys"], tuple[Path]]:
        """Another process is told the folder, never a key."""
        return LocalKeys, (self._folder,)

    @classmethod
    def open(cls, folder: Path, runtime: Runtime | None = None, *, create: bool = True) -> "LocalKeys":
        """The keys in `folder`, made if there are none; two processes that create at once end with the same keys.

        New keys never open an old database: `careloom.store.zone_store` refuses keys other than its own.
        """
        if create and not (folder / FILE_NAME).exists():
            _create(folder, (runtime or Runtime()).random_bytes)
        return cls(folder, runtime)

    def wrap(self, data_key: bytes, context: bytes) -> tuple[str, bytes]:
        """As `careloom.crypto.keys.KeyProvider`."""
        kek_id = self._file.current
        return kek_id, self._sealers[kek_id].seal(data_key, context, self._random_bytes(12))

    def unwrap(self, kek_id: str, wrapped: bytes, context: bytes) -> bytes:
        """As `careloom.crypto.keys.KeyProvider`; a KEK that another process made since is found too."""
        if kek_id not in self._sealers:
            self._load()
        sealer = self._sealers.get(kek_id)
        if sealer is None:
            raise SetupError(
                f"key-encryption key {kek_id} is not in {self._folder}", "restore the key file that has it"
            )
        return sealer.open(wrapped, context)

    def rotate(self) -> str:
        """As `careloom.crypto.keys.KeyProvider`; afterwards rewrap the data keys, then `retire` the old KEK."""
        with _only_writer(self._folder):
            file = _read(self._folder)
            kek_id = _kek_id(self._random_bytes)
            keks = {**file.keks, kek_id: self._random_bytes(KEY_BYTES)}
            _write(self._folder, _KeyFile(kek_id, keks, file.root, file.signing).to_bytes(), replace=True)
        self._load()
        return kek_id

    def retire(self, kek_id: str) -> None:
        """Destroys an old KEK for good: what is still wrapped under it can never be opened again.

        raises  SetupError for the current KEK
        """
        with _only_writer(self._folder):
            file = _read(self._folder)
            if kek_id == file.current:
                raise SetupError(f"key-encryption key {kek_id} is the current one", "rotate first")
            keks = {name: key for name, key in file.keks.items() if name != kek_id}
            _write(self._folder, _KeyFile(file.current, keks, file.root, file.signing).to_bytes(), replace=True)
        self._load()

    def derive(self, purpose: str, scope: str) -> bytes:
        """As `careloom.crypto.keys.KeyProvider`."""
        return subkey(self._file.root, purpose, scope)

    def sign(self, message: bytes) -> bytes:
        """As `careloom.crypto.keys.KeyProvider`."""
        return self._signer.sign(message)

    def public_key(self) -> bytes:
        """As `careloom.crypto.keys.KeyProvider`."""
        return self._public_key

    def _load(self) -> None:
        file = _read(self._folder)
        self._file = file
        self._sealers = {kek_id: Sealer(key) for kek_id, key in file.keks.items()}
        self._signer = Ed25519PrivateKey.from_private_bytes(file.signing)
        self._public_key = self._signer.public_key().public_bytes_raw()


def _create(folder: Path, random_bytes: RandomBytes) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{folder} cannot be made ({type(error).__name__})", "check its owner and the disk") from None
    _refuse_loose(folder)
    kek_id = _kek_id(random_bytes)
    signing, root = random_bytes(KEY_BYTES), random_bytes(KEY_BYTES)
    first = _KeyFile(kek_id, {kek_id: random_bytes(KEY_BYTES)}, root, signing)
    _write(folder, first.to_bytes(), replace=False)


def _kek_id(random_bytes: RandomBytes) -> str:
    return f"local-{random_bytes(6).hex()}"


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _raw(text: str) -> bytes:
    key = base64.b64decode(text, validate=True)
    if len(key) != KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    return key


def _refuse_loose(path: Path) -> None:
    state = path.stat(follow_symlinks=False)
    if stat.S_ISLNK(state.st_mode) or state.st_mode & 0o077 or state.st_uid != os.geteuid():
        remedy = f"make it yours alone: chown to the user that runs careloom, chmod go= {path}"
        raise SetupError(f"{path} is a link, or open to others than its owner", remedy)


def _read(folder: Path) -> _KeyFile:
    path = folder / FILE_NAME
    try:
        _refuse_loose(folder)
        _refuse_loose(path)
        return _KeyFile.from_bytes(path.read_bytes(), path)
    except FileNotFoundError:
        raise SetupError(f"{folder} has no {FILE_NAME}", "point careloom at its keys, or create them") from None
    except CareloomError:
        raise
    except OSError as error:
        raise SetupError(f"{path} cannot be read ({type(error).__name__})", "check the owner and the disk") from None


def _write(folder: Path, raw: bytes, *, replace: bool) -> None:
    """Puts the whole file in place, durable; without `replace` an existing one wins."""
    temporary = folder / f".{FILE_NAME}.{os.getpid()}.{threading.get_ident()}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(raw)
            out.flush()
            os.fsync(out.fileno())
        if replace:
            temporary.replace(folder / FILE_NAME)
        else:
            with contextlib.suppress(FileExistsError):
                (folder / FILE_NAME).hardlink_to(temporary)
        _sync_folder(folder)
    except OSError as error:
        raise SetupError(
            f"{folder} cannot be written ({type(error).__name__})", "check its owner and the disk"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _only_writer(folder: Path) -> Iterator[None]:
    """Two rotations at once would lose a KEK, and all data keys under it: one waits for the other."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
