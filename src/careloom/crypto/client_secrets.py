"""Secrets of clients: made once, kept only as Argon2id hashes, checked in the same time whether they exist or not."""

from base64 import urlsafe_b64encode
from threading import BoundedSemaphore
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from careloom.crypto.envelope import RandomBytes
from careloom.errors import StateError

PREFIX = "careloom_"
"""What every secret begins with, so that scanners of code can find one."""
SECRET_BYTES = 32
LONGEST_SECRET = 512
TURNS_AT_ONCE = 2


class Cost(NamedTuple):
    """What Argon2id takes for one hash: memory [KiB], passes over it, lanes."""

    memory_kib: int
    iterations: int
    lanes: int


OWASP = Cost(memory_kib=19 * 1024, iterations=2, lanes=1)
"""The least that may guard a secret. source  OWASP Password Storage Cheat Sheet (2025)"""


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def new_secret(random_bytes: RandomBytes) -> str:
    """A secret of 256 bits that needs no escaping in forms, headers and shells."""
    return PREFIX + _text(random_bytes(SECRET_BYTES))


class SecretHasher:
    """Hashes and checks secrets; few at once, so that a flood of sign-ins takes neither all memory nor all cores."""

    def __init__(self, wait_seconds: float = 10.0, cost: Cost = OWASP) -> None:
        """wait_seconds  for a turn, when `TURNS_AT_ONCE` are taken
        cost          of one hash; only tests, which make secrets by the thousand, give another, and no setting does
        """
        self._wait_seconds = wait_seconds
        memory, iterations, lanes = cost
        self._hasher = PasswordHasher(time_cost=iterations, memory_cost=memory, parallelism=lanes)
        # a well-formed hash of no secret: checking against it costs what any check costs
        self._nobodys = f"$argon2id$v=19$m={memory},t={iterations},p={lanes}${_text(bytes(16))}${_text(bytes(32))}"
        self._turns = BoundedSemaphore(TURNS_AT_ONCE)

    def hash(self, secret: str) -> str:
        """The hash to keep. raises StateError if no turn is free in time."""
        self._take_turn()
        try:
            return self._hasher.hash(secret)
        finally:
            self._turns.release()

    def is_secret(self, kept: str, secret: str) -> bool:
        """True if `kept` is the hash of `secret`. An empty `kept` (nobody, or no secret) costs the same and is False.

        raises  StateError if no turn is free in time
        """
        self._take_turn()
        try:
            matches = self._hasher.verify(kept or self._nobodys, secret[:LONGEST_SECRET].encode("utf-8", "replace"))
        except (VerificationError, InvalidHashError):
            return False
        finally:
            self._turns.release()
        return matches and bool(kept) and len(secret) <= LONGEST_SECRET

    def _take_turn(self) -> None:
        if not self._turns.acquire(timeout=self._wait_seconds):
            raise StateError("too many sign-ins at this moment", "Try again in a few seconds.")
