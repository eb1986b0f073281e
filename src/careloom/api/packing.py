"""Answers go out packed (gzip or zstd) to clients that take it, where they are long and hold no secret.

A secret beside text that an attacker chooses, packed together, tells its letters by the length (BREACH, 2013). No
browser sends our tokens by itself, so that nobody can make another one ask; and what gives out secrets is never packed.

source  RFC 9110 (2022) 8.4 and 12.5.3; RFC 8878 (2021) zstd
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import zstandard
from flask import Flask, Response, request

LEAST_BYTES = 1024
"""A shorter answer goes out as it is: the packet that carries it is not smaller then."""
PLACES = ("/api/v1/", "/fhir/", "/cds-services", "/openapi/")
SECRET = frozenset({"oauth", "people", "clients", "users", "reidentifications"})
"""Blueprints whose answers hold secrets: tokens, secrets of clients, invitations, who is behind a pseudonym."""
KINDS = (
    "application/json", "application/fhir+json", "application/fhir+ndjson", "application/problem+json",
    "application/x-ndjson", "application/fhir+xml", "application/xml", "text/csv", "text/html", "text/markdown",
    "text/plain", "text/css", "text/javascript",
)  # fmt: skip
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3


def install(app: Flask) -> None:
    """Packs answers as the last thing before the gate's own headers."""
    app.after_request(_pack)


def _pack(response: Response) -> Response:
    if not _may_be(response):
        return response
    response.vary.add("Accept-Encoding")
    coding = _wanted()
    if not coding or (not response.is_streamed and (response.content_length or 0) < LEAST_BYTES):
        return response
    if response.is_streamed:
        response.response = _streamed(cast(Iterable[bytes], response.response), coding)
        response.headers.pop("Content-Length", None)
    else:
        response.set_data(_whole(response.get_data(), coding))
    response.headers["Content-Encoding"] = coding
    tag, is_weak = response.get_etag()
    if tag is not None and not is_weak:
        response.set_etag(tag, weak=True)
    return response


def _may_be(response: Response) -> bool:
    headers = response.headers
    return (
        request.path.startswith(PLACES)
        and request.blueprint not in SECRET
        and response.status_code not in (204, 206, 304)
        and response.mimetype in KINDS
        and not {"Content-Encoding", "Content-Range"} & set(headers.keys())
    )


def _wanted() -> str:
    """The coding that the client likes best, ours where it likes several alike; empty for none."""
    found = request.accept_encodings
    best = max(("zstd", "gzip"), key=found.quality)
    quality = found.quality(best)
    named = {name.lower() for name, _ in found}
    plain = found.quality("identity") if "identity" in named else 0.0
    return best if quality > 0 and quality >= plain else ""


def _whole(content: bytes, coding: str) -> bytes:
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(content)
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def _streamed(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """The pieces packed as they come; closing it closes them."""
    packer: Any = (
        zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
        if coding == "zstd"
        else zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    )
    try:
        for piece in pieces:
            packed = packer.compress(piece)
            if packed:
                yield packed
        yield packer.flush()
    finally:
        close: Callable[[], None] | None = getattr(pieces, "close", None)
        if close is not None:
            close()
