"""Keyed names: the same original always gets the same name, and without the key nobody can tell which original it was.

A name is 26 lower-case base32 characters (a-z, 2-7) of BLAKE2b-128: a valid FHIR id. Two originals out of a billion
share a name with a probability below 1e-20.
"""

import hashlib
import struct
from collections.abc import Callable
from functools import lru_cache

from careloom.crypto.keys import KeyProvider

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_WORDS = struct.Struct(">4I").unpack
_CACHED_NAMES = 32768


def name_of(digest: bytes) -> str:
    """16 bytes as 26 lower-case base32 characters without padding (RFC 4648, section 6)."""
    a, b, c, d = _WORDS(digest)
    two = _PAIRS  # of 10 bits: the table stays in the processor's first cache, as one of 15 bits does not
    return (
        f"{two[a >> 22]}{two[a >> 12 & 1023]}{two[a >> 2 & 1023]}{two[(a & 3) << 8 | b >> 24]}"
        f"{two[b >> 14 & 1023]}{two[b >> 4 & 1023]}{two[(b & 15) << 6 | c >> 26]}{two[c >> 16 & 1023]}"
        f"{two[c >> 6 & 1023]}{two[(c & 63) << 4 | d >> 28]}{two[d >> 18 & 1023]}{two[d >> 8 & 1023]}"
        f"{two[(d & 255) << 2]}"
    )


def digest_of(name: str) -> bytes:
    """The inverse of `name_of`. raises ValueError if it is no such name."""
    number = 0
    for letter in name:
        number = number << 5 | _ALPHABET.index(letter)
    if len(name) != 26 or number & 3:
        raise ValueError("a keyed name has 26 characters of lower-case base32")
    return (number >> 2).to_bytes(16, "big")


class KeyedNames:
    """Names under one key. Names under different keys cannot be linked."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._prefixes: dict[tuple[str, str], hashlib.blake2b] = {}
        self.resource_id: Callable[[str, str, str], str] = lru_cache(_CACHED_NAMES)(self._resource_id)
        """`resource_id(source, resource_type, original_id)`: the stored id of what that source calls so."""

    def _resource_id(self, source: str, resource_type: str, original_id: str) -> str:
        hasher = self._prefix(source, resource_type).copy()
        hasher.update(original_id.encode("utf-8", "surrogatepass"))
        return name_of(hasher.digest())

    def _prefix(self, first: str, second: str) -> "hashlib.blake2b":
        found = self._prefixes.get((first, second))
        if found is None:
            if len(self._prefixes) >= 4096:
                self._prefixes.clear()
            head = b"".join(
                len(raw).to_bytes(4, "big") + raw
                for raw in (first.encode("utf-8", "surrogatepass"), second.encode("utf-8", "surrogatepass"))
            )
            found = self._prefixes[first, second] = hashlib.blake2b(head, digest_size=16, key=self._key)
        return found

    def record_hash(self, record_format: str, raw: bytes) -> bytes:
        """16 bytes that stand for a record: the same bytes in the same format are the same record."""
        hasher = self._prefix("record", record_format).copy()
        hasher.update(raw)
        return hasher.digest()

    def record_id(self, record_format: str, raw: bytes) -> str:
        """`record_hash` as a name."""
        return name_of(self.record_hash(record_format, raw))


def project_names(keys: KeyProvider, *, zone: str, project: str, salt: bytes = b"") -> KeyedNames:
    """What things are called within one project of one zone. Two projects cannot link theirs, nor can two salts.

    salt  of an epoch after the first; once it is destroyed, the names of that epoch cannot be made again
    """
    return KeyedNames(project_key(keys, "pseudonym", f"{zone}/{project}", salt))


def project_key(keys: KeyProvider, purpose: str, scope: str, salt: bytes = b"") -> bytes:
    """The key of a project for one purpose in one epoch; the first epoch has no salt."""
    return keys.derive(f"{purpose}-epoch", f"{salt.hex()}/{scope}") if salt else keys.derive(purpose, scope)
