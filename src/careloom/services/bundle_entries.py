"""The entries of a batch or transaction as what they ask: changes, and reads."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import orjson

from careloom.errors import CareloomError, InputError, NotFound, NotSupported, QueryError
from careloom.fhir.drafts import Resource
from careloom.fhir.primitives import PRIMITIVES
from careloom.fhir.search_parameters import resource_types
from careloom.services.changes import Change

Json = dict[str, Any]
_REMEDY = "Write request.method and request.url as FHIR does: POST Type, PUT Type/id or Type?criteria, ..."


@dataclass(frozen=True, slots=True)
class Get:
    """One entry that reads: a resource, one version of it, or a search.

    query  ``name=value&...`` of a search; None for a read
    """

    entry: str
    resource_type: str
    resource_id: str = ""
    version: str = ""
    query: str | None = None


@dataclass(frozen=True, slots=True)
class _Address:
    """What ``request.url`` names; `query` is None without a question mark."""

    resource_type: str
    resource_id: str = ""
    version: str = ""
    query: str | None = None


def asked(number: int, entry: Any, base: str) -> Change | Get:
    """What an entry asks.

    base    the address of the zone, with a slash at its end
    raises  an error whose `entry` names the place
    """
    place = f"Bundle.entry[{number}]"
    try:
        return _asked(place, entry, base)
    except CareloomError as error:
        error.entry = error.entry or place
        raise


def _asked(place: str, entry: Any, base: str) -> Change | Get:
    request = entry.get("request") if isinstance(entry, dict) else None
    method, url = (request.get("method"), request.get("url")) if isinstance(request, dict) else (None, None)
    if not isinstance(request, dict) or not isinstance(method, str) or not isinstance(url, str):
        raise InputError(f"{place} has no request", _REMEDY)
    address = _address(url.removeprefix(base))
    if method in ("GET", "HEAD"):
        if address.query is None and not address.resource_id:
            return Get(place, address.resource_type, query="")
        return Get(place, address.resource_type, address.resource_id, address.version, address.query)
    if address.version:
        raise NotSupported(f"{place} is to change a version", "Versions stay as they are.")
    return _change(place, entry, request, address)


def _change(place: str, entry: Json, request: Json, address: _Address) -> Change:
    method = request["method"]
    told: Json = {"entry": place, "full_url": _text(entry, "fullUrl"), "if_match": _text(request, "ifMatch")}
    kind, name, resource = address.resource_type, address.resource_id, entry.get("resource")
    if method == "DELETE":
        return Change("delete", kind, name, _criteria(address), **told)
    if not isinstance(resource, dict):
        raise InputError(f"{place} has no resource", "Give the resource that is to be written.")
    if method == "POST":
        if name or address.query is not None:
            raise InputError(f"{place} is a POST to something other than a type", _REMEDY)
        return Change("create", kind, condition=_text(request, "ifNoneExist") or None, resource=resource, **told)
    if method == "PUT":
        return Change("update", kind, name, _criteria(address), resource, **told)
    if method == "PATCH":
        return Change("patch", kind, name, _criteria(address), patch=_patch(place, resource), **told)
    raise InputError(f"{place} has a method that is none of FHIR's", _REMEDY)


def _criteria(address: _Address) -> str | None:
    """The criteria of an address that names no id. raises QueryError where it names both, or neither"""
    if bool(address.resource_id) == (address.query is not None):
        raise QueryError("the address names neither one resource nor criteria for it, or both", _REMEDY)
    return address.query


def _address(text: str) -> _Address:
    path, mark, query = text.partition("?")
    parts = path.removeprefix("/").split("/")
    kind, *more = parts
    if kind not in resource_types():
        raise NotFound("FHIR R4 has no resource type of the name in request.url", _REMEDY)
    name = more[0] if more else ""
    version = more[2] if len(more) == 3 and more[1] == "_history" else ""
    if (more and not PRIMITIVES["id"](name)) or len(more) not in (0, 1, 3) or (len(more) == 3 and not version):
        raise NotSupported("request.url names something that no entry can do", _REMEDY)
    return _Address(kind, name, version, query if mark else None)


def _patch(place: str, resource: Resource) -> Any:
    """The patch that an entry holds: Parameters, or a Binary with a JSON Patch. raises InputError"""
    if resource.get("resourceType") == "Parameters":
        return resource
    if resource.get("resourceType") == "Binary" and resource.get("contentType") == "application/json-patch+json":
        try:
            patch = orjson.loads(base64.b64decode(resource.get("data", ""), validate=True))
        except (binascii.Error, TypeError, ValueError):
            patch = None
        if isinstance(patch, list):
            return patch
    raise InputError(
        f"{place} holds no patch", "Give Parameters (FHIRPath Patch) or a Binary of application/json-patch+json."
    )


def _text(node: Json, name: str) -> str:
    value = node.get(name, "")
    if not isinstance(value, str):
        raise InputError(f"{name} of the entry is no text", _REMEDY)
    return value
