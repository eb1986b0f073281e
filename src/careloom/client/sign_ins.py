"""Where a person is signed in on this machine: kept by ``careloom login``, used and renewed by every client after it.

One file of mode 0600 in the person's own folder. A refresh token is good once, so who renews holds a lock: two programs
that used the same one would end the sign-in.

source  RFC 8252 (2017), 8.; RFC 9700 (2025), 2.2.2
"""

import os
import stat
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from careloom.errors import SetupError

FOLDER_VARIABLE = "CARELOOM_SIGN_INS"
_FILE, _LOCK = "sign-ins.json", "sign-ins.lock"


@dataclass(frozen=True, slots=True)
class SignIn:
    """A person signed in at one platform.

    client_id  of the application that the person let in
    expires    when the access token ends, in seconds since 1970
    """

    client_id: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires: float
    scope: str = ""


class SignIns:
    """The sign-ins of a folder: by default of the person who runs this."""

    def __init__(self, folder: Path | None = None) -> None:
        """folder  in place of the one that CARELOOM_SIGN_INS names, or of the person's own"""
        self._folder = folder or _own_folder()
        self._lock: int | None = None

    def held(self, base: str) -> SignIn | None:
        """Who is signed in at a platform. raises SetupError for a file that others may read, or that is none"""
        found = self._read()["platforms"].get(base)
        try:
            return None if found is None else SignIn(**found)
        except TypeError:
            raise self._broken() from None

    @property
    def last(self) -> str:
        """The address of the platform of the last sign-in; empty for none."""
        return str(self._read()["last"])

    def keep(self, base: str, sign_in: SignIn) -> None:
        """Keeps a sign-in in place of the one before."""
        told = self._read()
        self._write({"last": base, "platforms": told["platforms"] | {base: asdict(sign_in)}})

    def forget(self, base: str) -> None:
        """Nobody is signed in there any more."""
        told = self._read()
        left = {name: one for name, one in told["platforms"].items() if name != base}
        self._write({"last": next(iter(left), "") if told["last"] == base else told["last"], "platforms": left})

    def take(self) -> bool:
        """True once this has the lock, which `release` gives back; false while another program has it."""
        self._make_folder()
        descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        if _locked(descriptor):
            self._lock = descriptor
            return True
        os.close(descriptor)
        return False

    def release(self) -> None:
        """Gives the lock back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _read(self) -> dict[str, Any]:
        file = self._folder / _FILE
        try:
            with file.open("rb") as stream:
                mode = os.fstat(stream.fileno()).st_mode
                if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
                    raise SetupError(f"{file} may be read by others", "Make its mode 0600, and sign in again.")
                told = orjson.loads(stream.read())
        except FileNotFoundError:
            return {"last": "", "platforms": {}}
        except orjson.JSONDecodeError:
            raise self._broken() from None
        is_ours = isinstance(told, dict) and isinstance(told.get("platforms"), dict) and "last" in told
        if not is_ours:
            raise self._broken()
        kept: dict[str, Any] = told
        return kept

    def _write(self, told: dict[str, Any]) -> None:
        self._make_folder()
        draft = self._folder / f"{_FILE}.{os.getpid()}"
        with suppress(FileNotFoundError):
            draft.unlink()
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(orjson.dumps(told))
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(self._folder / _FILE)

    def _broken(self) -> SetupError:
        return SetupError(f"{self._folder / _FILE} holds no sign-ins", "Remove it, and sign in again.")


def _own_folder() -> Path:
    named = os.environ.get(FOLDER_VARIABLE, "")
    if named:
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", "") or Path.home()) / "careloom"
    return Path(os.environ.get("XDG_CONFIG_HOME", "") or Path.home() / ".config") / "careloom"


def _locked(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - of that system alone

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - of all others

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
