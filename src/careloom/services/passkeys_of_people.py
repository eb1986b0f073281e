"""Passkeys of people, as an administrator sees them: which there are, and that a lost one is removed."""

from typing import Any

from careloom.errors import NotFound
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.client_grants import within_own_zones
from careloom.services.people import require_person
from careloom.services.platform import Platform
from careloom.store.clients import Change, Client
from careloom.store.passkeys import Passkey, remove


def list_passkeys(platform: Platform, who: Principal, name: str) -> dict[str, Any]:
    """The passkeys of a person (id, name, is_synced, created, used), the oldest first: no key is told.

    raises  AccessError; NotFound; QueryError for what is no person
    """
    admit(platform, who, "administer", "identified", operation="list-passkeys")
    client = require_person(platform.clients.named(name))
    note(platform, who, "list-passkeys", "identified", detail={"client": client.name})
    return _told(platform, client)


def remove_passkey(platform: Platform, who: Principal, name: str, passkey_id: str) -> dict[str, Any]:
    """Removes a passkey that a person lost; the passkeys that are left. Who is signed in by it stays so.

    raises  AccessError, also for a person of a zone that the administrator has not; NotFound
    """
    admit(platform, who, "administer", "identified", operation="remove-passkey")
    with platform.accounts.writing() as connection:
        client = require_person(Change(connection).named(name))
        within_own_zones(platform, who, client.zones.split(), "remove-passkey")
        if not remove(connection, client.id, passkey_id):
            raise NotFound("this person has no such passkey", "List them with careloom people passkeys.")
        detail = {"client": client.name, "passkey": passkey_id}
        note(platform, who, "remove-passkey", "identified", action="delete", detail=detail)
    return _told(platform, client)


def _told(platform: Platform, client: Client) -> dict[str, Any]:
    return {"name": client.name, "passkeys": [_as_json(key) for key in platform.passkeys.of(client.id)]}


def _as_json(key: Passkey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "is_synced": key.is_synced,
        "created": key.created.isoformat(),
        "used": key.used.isoformat() if key.used else None,
    }
