"""What the address of a FHIR request names, and the note that a request came to nothing because it makes no sense."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import request
from werkzeug.exceptions import HTTPException

from careloom.api import fhir_schemas as schemas
from careloom.api.context import platform, who
from careloom.api.fhir_pages import Base, base_of
from careloom.audit import Action
from careloom.errors import CareloomError, NotFound
from careloom.services.admission import note
from careloom.services.platform import STORED_ZONES
from careloom.store.zone_store import Zone


@contextmanager
def understanding(operation: str, action: Action = "read") -> Iterator[None]:
    """Notes that a request came to nothing because it makes no sense: the services never hear of it."""
    try:
        yield
    except (CareloomError, HTTPException) as error:
        zone: Zone = next((one for one in STORED_ZONES if one == named("zone")), "identified")
        code = error.code if isinstance(error, CareloomError) else f"http.{error.code}"
        note(platform(), who(), operation, zone, action=action, outcome="failed", detail={"code": code})
        raise


def named(part: str) -> str:
    """A part of the address, by its name in the route."""
    found: str = (request.view_args or {})[part]
    return found


def base() -> Base:
    """The resources that the address names. raises NotFound"""
    return base_of(named("zone"), named("type"))


def id_of(part: str) -> str:
    """An id of the address. raises NotFound if nothing can be called so."""
    found = named(part)
    if not schemas.is_id(found):
        raise NotFound("this is no id of FHIR", "Ids have up to 64 letters, digits, hyphens and dots.")
    return found
