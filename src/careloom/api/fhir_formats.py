"""How a FHIR answer goes out: in the format asked for, with its version, and empty where that is known already."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache

import orjson
from flask import Response, request
from werkzeug.exceptions import NotAcceptable
from werkzeug.http import http_date

from careloom.api.problems import FHIR_TYPE
from careloom.errors import QueryError

JSON_TYPE = "application/json"
XML_TYPE = "application/fhir+xml"
"""Read in bodies; answers are JSON."""
FORMATS: Mapping[str, str] = {
    "json": FHIR_TYPE,
    "application/fhir+json": FHIR_TYPE,
    "application/fhir json": FHIR_TYPE,  # a plus that nobody escaped
    "application/json": JSON_TYPE,
    "text/json": JSON_TYPE,
}
"""What ``_format`` may say -> the media type of the answer."""
FHIR_VERSIONS = frozenset({"4.0", "4.0.1"})

_ACCEPTED = {**FORMATS, "*/*": FHIR_TYPE, "application/*": FHIR_TYPE}
_LENIENT = re.compile(r"(?:^|[,;\s])handling\s*=\s*\"?lenient\"?\s*(?:[,;]|$)", re.IGNORECASE)
_SHAPES = frozenset({"_format", "_pretty"})

Pairs = Sequence[tuple[str, str]]


class Format:
    """The media type of an answer, and whether people read it."""

    __slots__ = ("content_type", "is_pretty")

    def __init__(self, pairs: Pairs) -> None:
        """Reads ``_format`` and ``_pretty`` of a request's parameters, and its header Accept.

        raises  NotAcceptable where that names no JSON of FHIR R4; QueryError for a value of ``_pretty``
        """
        asked = dict(pairs) if pairs else {}
        if (form := asked.get("_format")) is not None:
            self.content_type = _of_accept(form) if form.partition(";")[0].strip().lower() in FORMATS else ""
        else:
            self.content_type = _of_accept(request.headers.get("Accept", ""))
        if not self.content_type:
            raise NotAcceptable
        pretty = asked.get("_pretty", "false")
        if pretty not in ("true", "false"):
            raise QueryError("_pretty is neither true nor false", "Write true or false.")
        self.is_pretty = pretty == "true"

    def answer(self, body: bytes) -> Response:
        """The answer that holds a resource."""
        if self.is_pretty:
            body = orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        return Response(body, 200, content_type=self.content_type)


def without_shapes(pairs: Pairs) -> list[tuple[str, str]]:
    """The parameters that say more than how the answer is to look."""
    return [pair for pair in pairs if pair[0] not in _SHAPES]


@lru_cache(512)
def _of_accept(accept: str) -> str:
    """The media type that a header Accept likes best, empty if there is none; the first of equals."""
    best, liking = "", 0.0
    for part in accept.split(",") if accept else ["*/*"]:
        name, *options = (word.strip().lower() for word in part.split(";"))
        given = dict(option.partition("=")[::2] for option in options)
        try:
            weight = float(given.get("q", "1"))
        except ValueError:
            weight = 0.0
        version = given.get("fhirversion", "4.0").strip('"')
        if name in _ACCEPTED and version in FHIR_VERSIONS and weight > liking:
            best, liking = _ACCEPTED[name], weight
    return best


def is_lenient() -> bool:
    """True when the request wants unknown search parameters left out instead of refused."""
    prefer = request.headers.get("Prefer")
    return prefer is not None and _LENIENT.search(prefer) is not None


def versioned(response: Response, version: str, last_updated: datetime | None = None) -> Response:
    """The answer with its version; 304 without a body if the client holds that version already."""
    headers = response.headers
    headers["ETag"] = f'W/"{version}"'
    if last_updated is not None:
        headers["Last-Modified"] = http_date(last_updated)
    if _is_held(version, last_updated):
        response.status_code = 304
        response.set_data(b"")
        del headers["Content-Type"]
        del headers["Content-Length"]
    return response


def _is_held(version: str, last_updated: datetime | None) -> bool:
    """RFC 9110, section 13.2.2: the version decides if one is named, else the time, which counts whole seconds."""
    if "If-None-Match" in request.headers:
        return request.if_none_match.contains_weak(version)
    since = request.if_modified_since
    return since is not None and last_updated is not None and last_updated.replace(microsecond=0) <= since
