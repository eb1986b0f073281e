"""Own search parameters by their definitions: added and removed in one step, indexed here and now or by the worker."""

from typing import Any

import orjson

from careloom.errors import InputError
from careloom.fhir.drafts import Resource
from careloom.services.access import Principal
from careloom.services.admission import admit
from careloom.services.changes import Change
from careloom.services.own_parameters import OPERATION, Watch, again, index, list_parameters, queue, resource_behind
from careloom.services.platform import Platform
from careloom.services.search import zone_of
from careloom.services.write import write

_TYPE = "SearchParameter"
Json = dict[str, Any]


def add_definition(
    platform: Platform, who: Principal, zone_name: str, text: str, *, is_queued: bool, watch: Watch | None = None
) -> list[Json]:
    """Writes a SearchParameter, in place of one with the same ``url``; what it defines, indexed unless that is queued.

    text    its JSON
    raises  AccessError; InputError, Invalid, Unprocessable; Conflict where its code is taken; IntegrityError
    """
    zone, resource = zone_of(zone_name), _read(text)
    url = resource.get("url")
    known = [one["resource"] for one in list_parameters(platform, who, zone) if url and one["url"] == url]
    if known:
        change = Change("update", _TYPE, known[0], resource={**resource, "id": known[0]})
    else:
        change = Change("create", _TYPE, resource=resource)
    done = write(platform, who, zone, change, is_indexed_later=is_queued)
    if not is_queued:
        index(platform, who, zone, watch)
    return [one for one in list_parameters(platform, who, zone) if one["resource"] == done.id]


def remove_definition(
    platform: Platform, who: Principal, zone_name: str, name: str, *, is_queued: bool, watch: Watch | None = None
) -> list[Json]:
    """Deletes the SearchParameter behind a code or an id, and takes its entries away; what is left of the zone's own.

    raises  AccessError; NotFound
    """
    zone = zone_of(zone_name)
    change = Change("delete", _TYPE, resource_behind(platform, who, zone, name))
    write(platform, who, zone, change, is_indexed_later=is_queued)
    if not is_queued:
        index(platform, who, zone, watch)
    return list_parameters(platform, who, zone)


def reindex(
    platform: Platform, who: Principal, zone_name: str, code: str = "", *, is_queued: bool, watch: Watch | None = None
) -> list[Json]:
    """Indexes what waits, and the parameters of a code from the start; those of the zone, or of the code.

    raises  AccessError; QueryError; NotFound; IntegrityError
    """
    zone = zone_of(zone_name)
    admit(platform, who, "operate", zone, operation=OPERATION)
    if code:
        again(platform, who, zone, code)
    if is_queued:
        queue(platform, who, zone)
    else:
        index(platform, who, zone, watch)
    return [one for one in list_parameters(platform, who, zone) if code in ("", one["code"])]


def _read(text: str) -> Resource:
    try:
        resource = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InputError("the file is no JSON", "Give one SearchParameter resource.") from None
    if not isinstance(resource, dict) or resource.get("resourceType") != _TYPE:
        raise InputError("the file is no SearchParameter", "Give one SearchParameter resource.")
    return resource
