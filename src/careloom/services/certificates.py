"""Certificates: a report, its Ed25519 signature, and the files in which people and programs keep it.

What is signed is the report's kind and the report as canonical JSON, so that no certificate passes for one of another
kind. It is checked by the owner's public key alone.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from careloom.crypto.keys import is_signed
from careloom.errors import FormatError
from careloom.services.erase_pending import write_whole
from careloom.services.platform import Platform
from careloom.store.engine import private_folder

Json = dict[str, Any]
MOST_BYTES = 1024 * 1024
"""Of a certificate that somebody brings; one of a hundred columns has 20 kB."""
MOST_DEPTH = 32
"""How deep it nests; ours do 8."""
KEY_BYTES = 32
"""Of an Ed25519 public key (RFC 8032, section 5.1.5)."""
_NOTHING = object()


def signed(platform: Platform, report: Mapping[str, Any]) -> Json:
    """A report, which says its ``kind``, with its signature."""
    value = platform.keys.sign(_message(report)).hex()
    signature = {"algorithm": "Ed25519", "public_key": platform.keys.public_key().hex(), "value": value}
    return {"report": dict(report), "signature": signature}


def is_of(public_key: bytes, report: Mapping[str, Any], value: bytes) -> bool:
    """True when the owner of a key signed the report so."""
    return is_signed(public_key, _message(report), value)


def write(folder: Path, certificate: Json, beside: Mapping[str, bytes]) -> str:
    """Writes a certificate as JSON, after what is kept beside it for people (ending -> content); the JSON's path."""
    place = folder / f"{certificate['report']['certificate']}.json"
    private_folder(folder)
    for ending, content in beside.items():
        write_whole(place.with_suffix(f".{ending}"), content)
    write_whole(place, orjson.dumps(certificate, option=orjson.OPT_INDENT_2))
    return str(place)


def file_of(folder: Path, name: str, ending: str) -> bytes | None:
    """One certificate's file; None where there is none."""
    for file in folder.glob(f"*.{ending}"):
        if file.stem == name:
            return file.read_bytes()
    return None


def read(content: bytes, otherwise: FormatError, **told: object) -> tuple[Json, bytes]:
    """What a certificate says, and its signature.

    told    what its report has to say: kind, version
    raises  what is given, where it is no such certificate; FormatError where it is too large or nests too deeply
    """
    if len(content) > MOST_BYTES:
        raise FormatError(f"the certificate has more than {MOST_BYTES:,} bytes", "Give the file as it was written.")
    try:
        whole = orjson.loads(content)
        report, value = whole["report"], bytes.fromhex(whole["signature"]["value"])
        is_so = all(report[name] == one for name, one in told.items())
    except (ValueError, KeyError, TypeError):
        raise otherwise from None
    if not is_so:
        raise otherwise
    if not _is_flat(report, MOST_DEPTH):
        raise FormatError(f"the certificate nests deeper than {MOST_DEPTH}", "Give the file as it was written.")
    return report, value


def key_named(content: bytes) -> bytes:
    """The public key that a certificate, which `read` has taken, says it was signed by. raises FormatError"""
    try:
        key = bytes.fromhex(orjson.loads(content)["signature"]["public_key"])
    except (ValueError, KeyError, TypeError):
        key = b""
    if len(key) != KEY_BYTES:
        raise FormatError("signature.public_key of the certificate is no key", "Give the file as it was written.")
    return key


def require(report: Json, shape: Mapping[str, tuple[type, ...]]) -> None:
    """Returns for a report whose members are of their kinds.

    shape   path -> kinds: ``ledger.fit``, ``findings.*.rule`` (of every element); a path that ends with ``?`` may lack
    raises  FormatError with the path of the first that is not
    """
    for path, kinds in shape.items():
        if not _is_of(report, path.removesuffix("?").split("."), kinds, may_lack=path.endswith("?")):
            where = path.removesuffix("?")
            raise FormatError(f"{where} of the certificate is missing or of another kind", "Give the file as written.")


def digest(certificate: Mapping[str, Any]) -> str:
    """SHA-256 of what is signed: it stands in the audit chain."""
    return sha256(_message(certificate["report"])).hexdigest()


def _is_of(value: object, path: Sequence[str], kinds: tuple[type, ...], *, may_lack: bool) -> bool:
    if not path:
        return isinstance(value, kinds) and not (isinstance(value, bool) and bool not in kinds)
    name, *rest = path
    if name == "*":
        return isinstance(value, list) and all(_is_of(one, rest, kinds, may_lack=may_lack) for one in value)
    inner = value.get(name, _NOTHING) if isinstance(value, dict) else _NOTHING
    return may_lack if inner is _NOTHING else _is_of(inner, rest, kinds, may_lack=may_lack)


def _is_flat(value: object, left: int) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return left > 0 and all(_is_flat(one, left - 1) for one in inner)


def _message(report: Mapping[str, Any]) -> bytes:
    return str(report["kind"]).encode() + b"\0" + orjson.dumps(report, option=orjson.OPT_SORT_KEYS)
