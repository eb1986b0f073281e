"""What an EHR calls a resource, and what the store does."""

from typing import Literal

from careloom.services.platform import Platform

_ZONE: Literal["identified"] = "identified"


def stored_id(platform: Platform, kind: str, told: str) -> str:
    """The stored id of what the EHR calls so: its own id, or that of the source system that is configured."""
    name = told.rpartition("/")[2]
    if not name or platform.store(_ZONE).versions(kind, name):
        return name
    mapped = platform.names.resource_id(platform.settings.ingest.source, kind, name)
    return mapped if platform.store(_ZONE).versions(kind, mapped) else name
