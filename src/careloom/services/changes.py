"""Changes: what a client wants of one resource through FHIR, and what came of it."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from careloom.errors import QueryError
from careloom.fhir.drafts import Resource
from careloom.services.access import Verb
from careloom.services.records import Found

Method = Literal["create", "update", "patch", "delete"]
VERBS: dict[Method, Verb] = {"create": "create", "update": "update", "patch": "update", "delete": "delete"}
"""What access decides about."""
_TAG = re.compile(r'(?:W/)?"?([A-Za-z0-9\-.]{1,64})"?').fullmatch


@dataclass(frozen=True, slots=True)
class Change:
    """One interaction that writes.

    resource_id  of the address; empty for a create, and where `condition` says which resource is meant
    condition    ``name=value&...``: of the address, of a create that of If-None-Exist; None without one
    resource     of a create and an update, plain JSON
    patch        of a patch: a list is a JSON Patch, an object a FHIRPath Patch (Parameters)
    if_match     the header as it came, empty without one
    entry        of a Bundle: which entry this is, as FHIRPath; empty for what is in no Bundle
    full_url     of the entry, empty without one
    """

    method: Method
    resource_type: str
    resource_id: str = ""
    condition: str | None = None
    resource: Resource | None = None
    patch: Any = None
    if_match: str = ""
    entry: str = ""
    full_url: str = ""


Became = Literal["created", "updated", "unchanged", "deleted", "absent", "existing"]
"""``unchanged``: it was so already, and no version was made; ``absent``: there was nothing to delete; ``existing``: a
conditional create found the resource, which stays as it is."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a change.

    version, last_updated  as stored now; "" and None for what is absent
    found                  the resource as it goes out, None for deletions and for who may not read it
    """

    became: Became
    resource_type: str
    id: str
    version: str = ""
    last_updated: datetime | None = None
    found: Found | None = None


def tags_of(if_match: str) -> frozenset[str] | None:
    """The versions that a header If-Match names; None for ``*``, which any version meets.

    raises  QueryError for what is no list of entity tags
    """
    words = [word.strip() for word in if_match.split(",")]
    if words == ["*"]:
        return None
    matches = [_TAG(word) for word in words]
    if not all(matches):
        raise QueryError("If-Match holds no version", 'Write it as the ETag came: W/"3".')
    return frozenset(match[1] for match in matches if match is not None)
