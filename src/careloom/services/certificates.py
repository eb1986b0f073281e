"""Certificates: a report, its Ed25519 signature, and the files in which people and programs keep it.

What is signed is the report's kind and the report as canonical JSON, so that no certificate passes for one of another
kind. It is checked by the owner's public key alone.
"""

from collections.abc import Mapping
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
    raises  what is given, where it is no such certificate
    """
    try:
        whole = orjson.loads(content)
        report, value = whole["report"], bytes.fromhex(whole["signature"]["value"])
        is_so = all(report[name] == one for name, one in told.items())
    except (ValueError, KeyError, TypeError):
        raise otherwise from None
    if not is_so:
        raise otherwise
    return report, value


def digest(certificate: Mapping[str, Any]) -> str:
    """SHA-256 of what is signed: it stands in the audit chain."""
    return sha256(_message(certificate["report"])).hexdigest()


def _message(report: Mapping[str, Any]) -> bytes:
    return str(report["kind"]).encode() + b"\0" + orjson.dumps(report, option=orjson.OPT_SORT_KEYS)
