"""Clock, randomness and packaged data: what code needs from the world, handed in as arguments."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources


def system_clock() -> datetime:
    """The current time, UTC-aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Runtime:
    """The world as one value: tests hand in a fixed clock and counted randomness.

    clock         returns the current UTC-aware time
    random_bytes  returns that many unpredictable bytes
    """

    clock: Callable[[], datetime] = system_clock
    random_bytes: Callable[[int], bytes] = secrets.token_bytes

    def now(self) -> datetime:
        """The current UTC-aware time of this runtime's clock."""
        return self.clock()


def packaged(room: str, name: str) -> bytes:
    """The bytes of a data file that ships inside a room, e.g. ``packaged("ingest", "mappings/synthea.toml")``.

    raises  FileNotFoundError if the installation lacks the file
    """
    return resources.files(f"careloom.{room}").joinpath(name).read_bytes()


def packaged_names(room: str, folder: str, suffix: str) -> list[str]:
    """The sorted names (``folder/file``) of the data files in a room's folder that end with `suffix`."""
    place = resources.files(f"careloom.{room}").joinpath(folder)
    return sorted(f"{folder}/{entry.name}" for entry in place.iterdir() if entry.name.endswith(suffix))
