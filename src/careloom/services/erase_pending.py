"""An erasure that is under way: what is left to do and what was done, sealed in a file until its certificate stands.

It holds the patient's identifiers, for the search after the erasure needs them; it goes when the certificate is
written. A killed erasure is taken up again where it stopped, by the same command or by any other erasure.
"""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from careloom.crypto.envelope import context_of, seal, unseal
from careloom.services.platform import Platform
from careloom.store.engine import private_folder

FOLDER_NAME = "erasures"
_ENDING = ".pending"
Json = dict[str, Any]


@dataclass(slots=True)
class Pending:
    """One erasure.

    patient    stored id
    versions   of the Patient, by which bytes that name the patient are known
    sources    source systems whose ids may name the patient
    terms      what is searched for afterwards, as `careloom.services.erase_check.Sought.as_json`
    began      ISO 8601
    steps      what is done -> what it destroyed: artefacts as the certificate lists them
    """

    erasure: str
    patient: str
    actor: str
    purpose: str
    began: str
    versions: list[Json]
    sources: list[str]
    terms: Json
    before: Json = field(default_factory=dict)
    steps: dict[str, list[Json]] = field(default_factory=dict)


def folder(platform: Platform) -> Path:
    """Where certificates lie, and what is under way."""
    return platform.settings.data.directory / FOLDER_NAME


def keep(platform: Platform, pending: Pending) -> None:
    """Writes it, durable when this returns."""
    private_folder(folder(platform))
    key = platform.keys.derive("seal", "erasures")
    sealed = seal(key, orjson.dumps(asdict(pending)), _context(pending.erasure), platform.runtime.random_bytes)
    write_whole(folder(platform) / f"{pending.erasure}{_ENDING}", sealed)


def under_way(platform: Platform) -> Iterator[Pending]:
    """Every erasure that has not ended, the oldest first. raises IntegrityError where its file was changed"""
    key = platform.keys.derive("seal", "erasures")
    for file in sorted(folder(platform).glob(f"*{_ENDING}")):
        yield Pending(**orjson.loads(unseal(key, file.read_bytes(), _context(file.stem))))


def done(platform: Platform, pending: Pending) -> None:
    """Removes it."""
    (folder(platform) / f"{pending.erasure}{_ENDING}").unlink(missing_ok=True)


def write_whole(place: Path, content: bytes) -> None:
    """All of the file or none of it, durable when this returns."""
    draft = place.with_name(f"{place.name}.part")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(place)
    handle = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _context(erasure: str) -> bytes:
    return context_of(("erasure", erasure))
