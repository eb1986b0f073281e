"""What made a model: the code by its git revision and the digest of its sources, and the lock of the environment."""

import os
import platform as machine
import sys
from functools import cache, lru_cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

import careloom

REVISION_VARIABLE = "CARELOOM_REVISION"
"""Names the git revision where no checkout is there to say it: a container image sets it when it is built."""
Json = dict[str, Any]


@cache
def code() -> Json:
    """``version`` of the package, ``revision`` of git (empty where nobody knows it), ``sources_sha256`` of every file.

    The digest is over name and content of each source and data file of the package, so that it tells a changed working
    tree from the revision that it was checked out from.
    """
    root = Path(careloom.__file__).parent
    total = sha256()
    for file in sorted(root.rglob("*")):
        if file.suffix in (".py", ".toml") and "__pycache__" not in file.parts:
            total.update(f"{file.relative_to(root)}\0".encode() + sha256(file.read_bytes()).digest())
    revision = os.environ.get(REVISION_VARIABLE, "") or revision_of(root.parent.parent)
    return {"version": careloom.__version__, "revision": revision, "sources_sha256": total.hexdigest()}


def environment() -> tuple[Json, bytes]:
    """``python``, ``machine``, ``packages`` (how many) and ``sha256`` of the lock; and the lock, ``name==version``.

    It is what is installed, not what a file wishes: two environments with the same digest hold the same versions.
    """
    lines = _installed(tuple((place, _changed(Path(place))) for place in sys.path))
    lock = "".join(f"{line}\n" for line in lines).encode()
    told = {"python": machine.python_version(), "machine": machine.machine(), "packages": len(lines)}
    return {**told, "sha256": sha256(lock).hexdigest()}, lock


@lru_cache(maxsize=1)
def _installed(places: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    """Name and version of all that lies there, in order; read again once a package came to a place or went from it."""
    found = metadata.distributions(path=[place for place, _ in places])
    named = ((one.metadata["Name"] or "", one.version) for one in found)
    return tuple(sorted({f"{name.lower().replace('_', '-')}=={version}" for name, version in named if name}))


def _changed(place: Path) -> int:
    """When an entry of a folder was last made or removed, in nanoseconds; 0 where there is no such place."""
    try:
        return place.stat().st_mtime_ns
    except OSError:
        return 0


def revision_of(checkout: Path) -> str:
    """The commit that a folder's git checkout stands at, in hex; empty where it is none.

    source  gitrepository-layout(5), git 2.44 (2024): HEAD, commondir and packed-refs
    """
    own = checkout / ".git"
    if own.is_file():
        own = checkout / _text(own).removeprefix("gitdir:").strip()
    head = _text(own / "HEAD").strip()
    if not head.startswith("ref:"):
        return head if _is_hash(head) else ""
    name = head.removeprefix("ref:").strip()
    shared = own / (_text(own / "commondir").strip() or ".")
    for folder in (own, shared):
        if _is_hash(found := _text(folder / name).strip()):
            return found
    for line in _text(shared / "packed-refs").splitlines():
        commit, _, called = line.partition(" ")
        if called == name and _is_hash(commit):
            return commit
    return ""


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _is_hash(text: str) -> bool:
    return len(text) in (40, 64) and set(text) <= set("0123456789abcdef")
