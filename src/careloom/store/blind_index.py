"""Search entries as keyed hashes: what a database file shows without the zone's index key.

Every value becomes a 64-bit BLAKE2b hash under the key, over (type, slot, kind, value). Plain numbers are only the ends
of ranges of clinical dates, numbers and quantities. Plain texts are only code systems, unit systems and the sets of
slots that resources fill (``token_system``). Frequencies and co-occurrence stay visible: ``docs/reference/search.md``.
"""

import hashlib
import struct
from collections.abc import Sequence
from typing import Any

from careloom.errors import SetupError
from careloom.fhir.search_birthdate import birth_tokens
from careloom.fhir.search_index import extract
from careloom.fhir.search_interpret import Entry
from careloom.fhir.search_values import TEXT_LENGTH, normal_text
from careloom.store.rows import IndexRows

PRESENT = "_present"
"""The pseudo parameter under which ``token_system`` lists the sets of slots that resources of a type fill."""
NARROW_DAYS = 31
"""Dates up to this wide are indexed apart from wider ones, so that a range scan can be bounded."""

_NARROW_MS = NARROW_DAYS * 86_400_000.0
_BOUND = 16_384
_SIGNED = struct.Struct(">q").unpack
_System = tuple[str, str, str]


class BlindIndex:
    """The index under one zone's key; its state is bounded caches only, so threads may share it."""

    def __init__(self, key: bytes) -> None:
        """raises  SetupError unless the key has 32 to 64 bytes"""
        if not 32 <= len(key) <= 64:
            raise SetupError("index key", "give 32 to 64 random bytes")
        self._base = hashlib.blake2b(key=key, digest_size=8, person=b"careloom-index")
        self._cursor = hashlib.blake2b(key=key, digest_size=16, person=b"careloom-cursor")
        self._single: dict[str, dict[Entry, tuple[int, _System | None]]] = {}
        self._several: dict[str, dict[Entry, tuple[int, ...]]] = {}
        self._units: dict[tuple[str, str], int] = {("", ""): 0}
        self._ranges: dict[str, dict[str, tuple[int, int]]] = {}

    def index(self, resource: dict[str, Any]) -> IndexRows:
        """The rows of a resource: a `careloom.store.rows.Indexer`."""
        return self.rows(str(resource.get("resourceType", "")), extract(resource))

    def rows(self, resource_type: str, entries: Sequence[Entry]) -> IndexRows:
        """The rows of entries from `careloom.fhir.search_index.extract`; no row twice."""
        single = self._single.get(resource_type)
        if single is None or len(single) >= _BOUND:
            single = self._single[resource_type] = {}
        spans = self._ranges.get(resource_type)
        if spans is None:
            spans = self._ranges[resource_type] = {}
        get = single.get
        keys: list[int] = []
        ranges: list[tuple[int, float, float, int]] = []
        systems: list[_System] = []
        add, add_system = keys.append, systems.append
        for entry in entries:
            known = get(entry)
            if known is None:
                kind = entry[0]
                if kind == "d":
                    span = spans.get(entry[1]) or self.range_keys(resource_type, entry[1])
                    low, high = entry[2], entry[3]
                    ranges.append((span[0] if high - low <= _NARROW_MS else span[1], low, high, 0))
                    continue
                if kind == "r":
                    known = single[entry] = self.reference(resource_type, entry[1], entry[2]), None
                elif kind in "tup":
                    known = single[entry] = self._key(resource_type, entry)
                elif kind in "nq":
                    ranges.append(self._number(resource_type, entry, systems))
                    continue
                else:
                    keys += self._keys(resource_type, entry)
                    continue
            add(known[0])
            if known[1] is not None:
                add_system(known[1])
        if len(ranges) > 1:
            ranges = list(dict.fromkeys(ranges))
        if len(set(keys)) != len(keys):
            keys = list(dict.fromkeys(keys))
        return IndexRows(keys, ranges, systems)

    def _key(self, resource_type: str, entry: Entry) -> tuple[int, _System | None]:
        """The key of a token, URI or presence entry, and the system to list."""
        kind, slot, value = entry[:3]
        if kind == "t":
            return self.token(resource_type, slot, value, entry[3]), (resource_type, slot, value)
        if kind == "u":
            return self.uri(resource_type, slot, value), None
        return self.presence(resource_type, value), (resource_type, PRESENT, value)

    def _keys(self, resource_type: str, entry: Entry) -> tuple[int, ...]:
        """The several keys of a text, an identifier or a birth date; the one of a sound, or of there being a value."""
        if entry[0] == "o":
            return (self.own(resource_type, entry[1]),)
        kind, slot, value = entry[:3]
        if kind == "i":
            return (
                self.identifier(resource_type, slot, None, entry[3]),
                self.identifier(resource_type, slot, value, entry[3]),
            )
        cache = self._several.setdefault(resource_type, {})
        keys = cache.get(entry)
        if keys is None:
            if kind == "s":
                keys = self._text_keys(resource_type, slot, value)
            elif kind == "f":
                keys = (self.sound(resource_type, slot, value),)
            elif kind == "w":
                whole = self.text_whole(resource_type, slot, normal_text(value))
                keys = (self.text_exact(resource_type, slot, value), whole)
            else:
                keys = tuple(self.birth(resource_type, slot, token) for token in birth_tokens(value))
            if len(cache) >= _BOUND // 8:
                cache.clear()
            cache[entry] = keys
        return keys

    def _text_keys(self, resource_type: str, slot: str, text: str) -> tuple[int, ...]:
        normal = normal_text(text)[:TEXT_LENGTH]
        starts = (self.text_start(resource_type, slot, normal[:end]) for end in range(1, len(normal) + 1))
        return (self.text_exact(resource_type, slot, text), *starts)

    def _number(self, resource_type: str, entry: Entry, systems: list[_System]) -> tuple[int, float, float, int]:
        """The row of a number or quantity entry."""
        low, high = entry[2], entry[3]
        narrow, wide = self.range_keys(resource_type, entry[1])
        key = narrow if low == high else wide
        if entry[0] == "n":
            return key, low, high, 0
        unit = self._units.get(entry[4:])
        if unit is None:
            unit = self.unit(entry[4], entry[5])
        if unit:
            systems.append((resource_type, entry[1], entry[4]))
        return key, low, high, unit

    def _hash(self, text: str) -> int:
        state = self._base.copy()
        state.update(text.encode("utf-8", "surrogatepass"))
        return _SIGNED(state.digest())[0]  # type: ignore[no-any-return]

    def token(self, resource_type: str, slot: str, system: str, code: str) -> int:
        """The key of a coded value; `system` empty for none."""
        return self._hash(f"{resource_type}\x1f{slot}\x1ft\x1f{len(system)}\x1f{system}{code}")

    def identifier(self, resource_type: str, slot: str, system: str | None, value: str) -> int:
        """The key of an identifier or contact point; under any system if `system` is None."""
        if system is None:
            return self._hash(f"{resource_type}\x1f{slot}\x1fa\x1f{value}")
        return self._hash(f"{resource_type}\x1f{slot}\x1fi\x1f{len(system)}\x1f{system}{value}")

    def reference(self, resource_type: str, slot: str, target: str) -> int:
        """The key of a reference, ``Type/id`` or an absolute URL."""
        return self._hash(f"{resource_type}\x1f{slot}\x1fr\x1f{target}")

    def uri(self, resource_type: str, slot: str, uri: str) -> int:
        """The key of a URI or canonical URL."""
        return self._hash(f"{resource_type}\x1f{slot}\x1fu\x1f{uri}")

    def text_exact(self, resource_type: str, slot: str, text: str) -> int:
        """The key of a whole text as it stands."""
        return self._hash(f"{resource_type}\x1f{slot}\x1fx\x1f{text}")

    def text_start(self, resource_type: str, slot: str, normal: str) -> int:
        """The key of texts that start with this one, already normal and at most `TEXT_LENGTH` long."""
        return self._hash(f"{resource_type}\x1f{slot}\x1fs\x1f{normal}")

    def text_whole(self, resource_type: str, slot: str, normal: str) -> int:
        """The key of texts that are this one but for case, accents and white space."""
        return self._hash(f"{resource_type}\x1f{slot}\x1fw\x1f{normal}")

    def sound(self, resource_type: str, slot: str, code: str) -> int:
        """The key of names that sound so, see `careloom.fhir.phonetic`."""
        return self._hash(f"{resource_type}\x1f{slot}\x1ff\x1f{code}")

    def own(self, resource_type: str, slot: str) -> int:
        """The key of resources that have a value of an own parameter, see `careloom.fhir.search_own`."""
        return self._hash(f"{resource_type}\x1f{slot}\x1fo")

    def birth(self, resource_type: str, slot: str, token: str) -> int:
        """The key of a block of birth dates, see `careloom.fhir.search_birthdate`."""
        return self._hash(f"{resource_type}\x1f{slot}\x1fb\x1f{token}")

    def presence(self, resource_type: str, slots: str) -> int:
        """The key of resources that fill exactly these slots, joined by commas."""
        return self._hash(f"{resource_type}\x1f\x1fp\x1f{slots}")

    def range_keys(self, resource_type: str, slot: str) -> tuple[int, int]:
        """(key of narrow ranges, key of wide ranges): dates up to `NARROW_DAYS`, exact numbers; and all others."""
        spans = self._ranges.setdefault(resource_type, {})
        keys = spans.get(slot)
        if keys is None:
            narrow, wide = (self._hash(f"{resource_type}\x1f{slot}\x1f{kind}") for kind in ("narrow", "wide"))
            keys = spans[slot] = narrow, wide
        return keys

    def unit(self, system: str, code: str) -> int:
        """The key of a unit; 0 for none."""
        key = self._units.get((system, code))
        if key is None:
            if len(self._units) >= _BOUND:
                self._units = {("", ""): 0}
            key = self._units[system, code] = self._hash(f"\x1funit\x1f{len(system)}\x1f{system}{code}")
        return key

    def seal_cursor(self, text: bytes) -> bytes:
        """16 bytes that prove that this store made a paging cursor."""
        state = self._cursor.copy()
        state.update(text)
        return state.digest()
