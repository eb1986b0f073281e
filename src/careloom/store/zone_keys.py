"""The derived keys of one zone: what each keyed hash in its database is made with."""

import hashlib
from collections.abc import Callable
from functools import lru_cache

from careloom.crypto.keys import KeyProvider
from careloom.crypto.pseudonyms import KeyedNames, name_of


class ZoneKeys:
    """Keyed hashes of one zone, each kind under a key of its own, so that no two kinds can be compared."""

    def __init__(self, keys: KeyProvider, zone: str) -> None:
        self.zone = zone
        self.provider = keys
        self.records = KeyedNames(keys.derive("record", zone))
        self._content = hashlib.blake2b(digest_size=16, key=keys.derive("content", zone))
        self._file_key = keys.derive("file", zone)
        self._control_key = keys.derive("control", zone)
        self._tombstone_key = keys.derive("tombstone", zone)
        self._subjects = KeyedNames(keys.derive("subject", zone))
        self.pseudonym: Callable[[str], str] = lru_cache(32768)(self._pseudonym)
        """`pseudonym(patient_id)`: what audit, keys and erasure call the patient with that (keyed) Patient id."""

    def _pseudonym(self, patient_id: str) -> str:
        return self._subjects.resource_id("", "Patient", patient_id)

    def pseudonym_of_several(self, pseudonyms: tuple[str, ...]) -> str:
        """The name of the key that these patients share; the order does not matter."""
        return "set:" + self._subjects.resource_id("", "set", ",".join(sorted(pseudonyms)))

    def content_hash(self, content: bytes) -> bytes:
        """16 bytes that stand for a resource's canonical content."""
        hasher = self._content.copy()
        hasher.update(content)
        return hasher.digest()

    def content_hasher(self) -> "hashlib.blake2b":
        """A fresh hash under the content key."""
        return self._content.copy()

    def file_hasher(self) -> "hashlib.blake2b":
        """A fresh hash for the bytes of a file."""
        return hashlib.blake2b(digest_size=32, key=self._file_key)

    def manifest_id(self, file_hash: bytes, config_hash: str) -> str:
        """The same bytes, read in the same way, are the same manifest."""
        hasher = hashlib.blake2b(len(file_hash).to_bytes(4, "big") + file_hash, digest_size=16, key=self._file_key)
        hasher.update(config_hash.encode())
        return name_of(hasher.digest())

    def control_key(self, control_id: str) -> int:
        """The signed 64-bit number under which a message is found by what its sender calls it."""
        hasher = hashlib.blake2b(control_id.encode("utf-8", "surrogatepass"), digest_size=8, key=self._control_key)
        return int.from_bytes(hasher.digest(), "big", signed=True)

    def tombstone(self, pseudonym: str) -> bytes:
        """The mark that an erased patient leaves: useless for anything but recognising the same patient again."""
        return hashlib.blake2b(pseudonym.encode(), digest_size=16, key=self._tombstone_key).digest()

    def fingerprint(self) -> str:
        """Tells these keys from others; says nothing about them."""
        return hashlib.blake2b(
            b"careloom", digest_size=16, key=self.provider.derive("fingerprint", self.zone)
        ).hexdigest()
