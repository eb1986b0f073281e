"""Snapshots: versions of Delta tables that are kept, each by what its rows hash to, so that a run can name its input.

``silver/observations@7#3f1c...`` is a table, its version and the digest of its rows: whoever reads by that name reads
exactly those rows, or is told that they are gone. An erasure takes a patient out of every version, snapshots too.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from careloom.errors import NotFound
from careloom.store.lake import Lake
from careloom.store.lake_versions import reference

_FOLDER = "_snapshots"


@dataclass(frozen=True, slots=True)
class KeptVersion:
    """One snapshot.

    digest       keyed hash of its rows (`careloom.store.lake.Lake.digest`)
    is_readable  false where its rows were erased since
    """

    path: str
    version: int
    rows: int
    digest: str
    run: str
    is_readable: bool = True

    @property
    def name(self) -> str:
        """What it is read by: table, version, digest."""
        return f"{self.path}@{self.version}#{self.digest}"


def keep(lake: Lake, name: str, run: str) -> KeptVersion:
    """Keeps a version, the newest unless the name says which: `vacuum` of `kept` leaves its files. raises NotFound"""
    path, version, _ = reference(name)
    state = lake.state(path, version)
    made = KeptVersion(path, state.version, state.rows, lake.digest(f"{path}@{state.version}"), run)
    place = _place(lake, path, state.version)
    place.parent.mkdir(exist_ok=True)
    draft = place.with_suffix(".part")
    draft.write_bytes(orjson.dumps(asdict(made)))
    draft.replace(place)
    return made


def kept(lake: Lake, path: str) -> list[KeptVersion]:
    """The snapshots of a table, oldest first."""
    found = []
    for place in sorted((lake.place_of(path) / _FOLDER).glob("*.json")):
        told = orjson.loads(place.read_bytes())
        found.append(KeptVersion(**told | {"is_readable": lake.has(path, told["version"])}))
    return found


def release(lake: Lake, name: str) -> None:
    """Lets a snapshot go: the next `vacuum` may delete its files. raises NotFound"""
    path, version, _ = reference(name)
    try:
        _place(lake, path, -1 if version is None else version).unlink()
    except FileNotFoundError:
        raise NotFound("there is no such snapshot", "See careloom lake tables TABLE.") from None


def numbers_kept(lake: Lake, path: str) -> list[int]:
    """The versions of a table that `careloom.store.lake.Lake.vacuum` is to leave."""
    return [one.version for one in kept(lake, path) if one.is_readable]


def _place(lake: Lake, path: str, version: int) -> Path:
    return lake.place_of(path) / _FOLDER / f"{version:020d}.json"
