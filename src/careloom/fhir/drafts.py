"""A resource on its way to the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Resource = dict[str, Any]
"""A FHIR R4 resource as plain JSON, with ``resourceType``."""


@dataclass(slots=True)
class Draft:
    """What a converter makes of a record, before ids are keyed and before it is checked.

    resource  plain JSON; ``id`` is the source's own id or absent
    action    ``put``: the record is about this resource, its content replaces what is stored;
              ``mention``: the record only names it (the patient of a lab result): stored if absent, else left alone;
              ``delete``: the record says that it is gone
    source_id the identity within the source where ``resource["id"]`` is absent: any text that is the same whenever the
              same thing is meant (``MR|hospital|12345``); keyed before it is stored
    targets   for resources that came as FHIR JSON, whose references are still to be resolved: ``fullUrl`` of an entry
              of the same Bundle -> ``Type/id``; empty where a converter wrote them as ``Type/id`` that are
              valid as they stand, None where they become valid when they are keyed
    raw       with `targets`: the JSON that holds the resource, empty if it was looked through before
    outside   with `raw`: how many properties of it stand outside of the resource
    """

    resource: Resource
    action: Literal["put", "mention", "delete"] = "put"
    source_id: str = ""
    targets: Mapping[str, str] | None = None
    raw: bytes = b""
    outside: int = 0
