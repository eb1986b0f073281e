"""Bodies as they lie in the database: zstd with a shipped dictionary, then AES-256-GCM.

The first byte inside the seal is the number of the dictionary (0: none). Dictionaries are trained on simulated or
public records only; a number is never used for other bytes again, and old dictionaries stay shipped.
"""

import threading
from collections.abc import Callable
from functools import lru_cache

import zstandard

from careloom.crypto.envelope import Sealer
from careloom.errors import IntegrityError, SetupError
from careloom.runtime import packaged

_FILES = {1: "fhir.zdict", 2: "hl7v2.zdict", 3: "csv.zdict"}
"""Number in the body -> file in ``store/dictionaries``."""

FHIR = 1
_BY_FORMAT = {"fhir": 1, "hl7v2": 2, "csv": 3}
_LEVEL = 1
"""A third faster than level 3 on resources with their dictionary, for 5 % more bytes; any level opens alike."""
_MAX_BODY_BYTES = 1 << 30


@lru_cache(256)
def dictionary_for(record_format: str) -> int:
    """The number of the dictionary for records of this format (its first word: ``fhir-ndjson`` -> fhir), 0 if none."""
    return _BY_FORMAT.get(record_format.split("-", 1)[0].split("/", 1)[0], 0)


@lru_cache(8)
def _dictionary(number: int) -> zstandard.ZstdCompressionDict | None:
    try:
        raw = packaged("store", f"dictionaries/{_FILES[number]}")
    except (FileNotFoundError, ModuleNotFoundError):
        return None
    found = zstandard.ZstdCompressionDict(raw)
    found.precompute_compress(level=_LEVEL)
    return found


class Bodies:
    """Seals and opens bodies. Keeps one compressor per dictionary and thread: they may not be shared."""

    def __init__(self) -> None:
        self._own = threading.local()

    def _compressor(self, number: int) -> tuple[zstandard.ZstdCompressor, bytes]:
        made: dict[int, tuple[zstandard.ZstdCompressor, bytes]] = self._own.__dict__.setdefault("compressors", {})
        found = made.get(number)
        if found is None:
            shipped = _dictionary(number) if number else None
            compressor = zstandard.ZstdCompressor(
                level=_LEVEL, dict_data=shipped, write_checksum=False, write_dict_id=False
            )
            found = made[number] = (compressor, bytes([number if shipped is not None else 0]))
        return found

    def _decompressor(self, number: int) -> zstandard.ZstdDecompressor:
        made: dict[int, zstandard.ZstdDecompressor] = self._own.__dict__.setdefault("decompressors", {})
        found = made.get(number)
        if found is None:
            shipped = _dictionary(number) if number in _FILES else None
            if number and shipped is None:
                raise SetupError(f"dictionary {number} of the store is not installed", "install a newer careloom")
            found = made[number] = zstandard.ZstdDecompressor(dict_data=shipped, max_window_size=1 << 27)
        return found

    def batch_seal(self, dictionary: int) -> Callable[[Sealer, bytes, bytes, bytes], bytes]:
        """`seal` for many bodies in a row, within this thread: (key, plain, context, nonce) -> sealed."""
        compressor, header = self._compressor(dictionary)
        compress = compressor.compress

        def seal(sealer: Sealer, plain: bytes, context: bytes, nonce: bytes) -> bytes:
            return sealer.seal(header + compress(plain), context, nonce)

        return seal

    def batch_open(self) -> Callable[[Sealer, bytes, bytes], bytes]:
        """`open` for many bodies in a row, within this thread: (key, sealed, context) -> plain."""
        made: dict[int, Callable[..., bytes]] = {}

        def open_one(sealer: Sealer, sealed: bytes, context: bytes) -> bytes:
            packed = sealer.open(sealed, context)
            try:
                number = packed[0]
                unpack = made.get(number) or made.setdefault(number, self._decompressor(number).decompress)
                return unpack(packed[1:], max_output_size=_MAX_BODY_BYTES)
            except (zstandard.ZstdError, IndexError):
                raise IntegrityError("a sealed body does not unpack", "restore it from a backup") from None

        return open_one

    def seal(self, sealer: Sealer, plain: bytes, context: bytes, nonce: bytes, dictionary: int = FHIR) -> bytes:
        """`plain`, compressed and sealed, bound to `context`."""
        compressor, header = self._compressor(dictionary)
        return sealer.seal(header + compressor.compress(plain), context, nonce)

    def open(self, sealer: Sealer, sealed: bytes, context: bytes) -> bytes:
        """The inverse of `seal`; raises IntegrityError if a byte of it or the context differs."""
        packed = sealer.open(sealed, context)
        try:
            return self._decompressor(packed[0]).decompress(packed[1:], max_output_size=_MAX_BODY_BYTES)
        except (zstandard.ZstdError, IndexError):
            raise IntegrityError("a sealed body does not unpack", "restore it from a backup") from None
