"""Sealing of a lake's data files: Parquet Modular Encryption under keys that the zone's key provider wraps.

A file's columns, its footer and its statistics are encrypted by AES-256-GCM under data keys of its own; these stand in
the file, wrapped under a key-encryption key of the provider for one zone and table: a file that is moved into another
table does not open there. Whoever holds no key sees how long a file is, and nothing of its schema or rows.

source  Apache Parquet, "Parquet Modular Encryption" (format 2.7), uniform encryption, AES_GCM_V1
"""

import base64
from datetime import timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet.encryption as pe

from careloom.crypto.envelope import context_of
from careloom.crypto.keys import KeyProvider
from careloom.errors import IntegrityError

if TYPE_CHECKING:
    import pyarrow.dataset

SEALED_MAGIC, PLAIN_MAGIC = b"PARE", b"PAR1"
_CACHED = timedelta(minutes=10)
"""How long an unwrapped key-encryption key of files stays in this process: a provider in the cloud is asked that
often."""


@cache
def datasets() -> Any:
    """`pyarrow.dataset`, for who reads a table: it loads pandas where that is installed, a quarter of a second."""
    return import_module("pyarrow.dataset")


class _Keeper(pe.KmsClient):  # type: ignore[misc]  # pyarrow has no types
    """What Parquet asks to wrap and unwrap the keys of one table's files: the zone's key provider."""

    def __init__(self, keys: KeyProvider, context: bytes) -> None:
        super().__init__()
        self._keys, self._context = keys, context

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> str:
        """The key, wrapped; begins with the id of the key-encryption key."""
        kek_id, wrapped = self._keys.wrap(key_bytes, self._context)
        return f"{kek_id}:{base64.b64encode(wrapped).decode()}"

    def unwrap_key(self, wrapped_key: str, master_key_identifier: str) -> bytes:
        """The inverse of `wrap_key`. raises IntegrityError, SetupError as the provider does"""
        kek_id, _, wrapped = wrapped_key.rpartition(":")
        return self._keys.unwrap(kek_id, base64.b64decode(wrapped), self._context)


class LakeSeal:
    """Encrypts and opens the data files of one zone's lake.

    digest_key  under which contents are hashed where the hash leaves the zone
    """

    def __init__(self, keys: KeyProvider, zone: str) -> None:
        self._keys, self._zone = keys, zone
        self.digest_key = keys.derive("lake digest", zone)
        self._connection = pe.KmsConnectionConfig()
        self._factories: dict[str, pe.CryptoFactory] = {}

    def _factory(self, table: str) -> pe.CryptoFactory:
        found = self._factories.get(table)
        if found is None:
            context = context_of(("lake", self._zone, table))
            found = self._factories[table] = pe.CryptoFactory(lambda _: _Keeper(self._keys, context))
        return found

    def writing(self, table: str) -> Any:
        """Encryption of one new file of a table, for `pyarrow.parquet.ParquetWriter`."""
        configuration = pe.EncryptionConfiguration(
            footer_key="careloom",
            uniform_encryption=True,
            plaintext_footer=False,
            encryption_algorithm="AES_GCM_V1",
            data_key_length_bits=256,
            cache_lifetime=_CACHED,
        )
        return self._factory(table).file_encryption_properties(self._connection, configuration)

    def format(self, table: str) -> "pyarrow.dataset.ParquetFileFormat":
        """How a dataset reads the sealed files of a table; a file of another table does not open."""
        opening = pe.DecryptionConfiguration(cache_lifetime=_CACHED)
        ds = datasets()
        config = ds.ParquetDecryptionConfig(self._factory(table), self._connection, opening)
        return ds.ParquetFileFormat(
            default_fragment_scan_options=ds.ParquetFragmentScanOptions(decryption_config=config)
        )


def is_sealed(path: Path) -> bool:
    """True for a sealed file, false for a plain one. raises IntegrityError for anything else"""
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic not in (SEALED_MAGIC, PLAIN_MAGIC):
        raise IntegrityError("a data file of the lake is no Parquet file", "restore it, or make the table again")
    return magic == SEALED_MAGIC
