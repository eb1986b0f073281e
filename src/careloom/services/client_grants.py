"""What was granted to whom: roles, zones, scopes and purposes of a client, as granted and as they come out together."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from careloom.errors import AccessError, QueryError
from careloom.services.access import ROLES, ZONES, Principal
from careloom.services.admission import admit, note
from careloom.services.clients import (
    ClientAsk,
    Registered,
    as_json,
    changed,
    check_ask,
    disable_client,
    enable_client,
    register_client,
    rotate_secret,
    scopes_of,
)
from careloom.services.platform import Platform
from careloom.services.purposes import EMERGENCY_ROLES, OF_ROLE
from careloom.services.scopes import SUPPORTED
from careloom.store.clients import Client

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Grants:
    """What a client is to have, in place of all that it had: nothing that is not named stays.

    scopes    what its tokens may allow at most; none for all that its roles permit
    purposes  purposes of use that it may name at most; none for all that its roles may
    days      it is let in for so many days from now; None leaves the end as it is
    """

    roles: Collection[str]
    zones: Collection[str]
    scopes: Collection[str] = ()
    purposes: Collection[str] = ()
    days: int | None = None


def days_from_now(platform: Platform, days: int) -> datetime:
    """When somebody is let in no more who is let in for so many days."""
    return platform.runtime.now() + timedelta(days=days)


def let_in(platform: Platform, who: Principal, ask: ClientAsk) -> Registered:
    """Registers somebody in the name of an administrator of some zones.

    raises  as `register_client`; AccessError for a zone that was not granted to the administrator
    """
    within_own_zones(platform, who, ask.zones, "register-client")
    return register_client(platform, who, ask)


def list_page(platform: Platform, who: Principal, wanted: Json, *, after: str, limit: int) -> Json:
    """``items`` by name, and ``next``, the name after which the next page begins or None.

    wanted  kind, state and role, each empty for any
    """
    admit(platform, who, "administer", "identified", operation="list-clients")
    now = platform.runtime.now()
    told = [as_json(client, now) for client in platform.clients.listed() if client.name > after]
    found = [one for one in sorted(told, key=lambda one: str(one["name"])) if _is_wanted(one, wanted)]
    page = found[:limit]
    note(platform, who, "list-clients", "identified", detail={"clients": len(page)})
    return {"items": page, "next": page[-1]["name"] if len(found) > limit else None}


def _is_wanted(one: Json, wanted: Json) -> bool:
    is_role = not wanted["role"] or wanted["role"] in one["roles"]
    return is_role and all(not wanted[name] or one[name] == wanted[name] for name in ("kind", "state"))


def show_grants(platform: Platform, who: Principal, name: str) -> Json:
    """What was granted, and ``allows``: verb by verb, in which zones and by which roles. raises NotFound"""
    admit(platform, who, "administer", "identified", operation="show-client")
    client = platform.clients.named(name)
    note(platform, who, "show-client", "identified", detail={"client": client.name})
    return grants_json(client)


def change_grants(platform: Platform, who: Principal, name: str, asked: Grants) -> Json:
    """Grants something else from now on; tokens of before are worth nothing, so that what is taken is gone at once.

    raises  AccessError for one's own grants, and for a zone that was not granted to the administrator; NotFound;
            QueryError if a role, zone, scope or purpose cannot be
    """
    admit(platform, who, "administer", "identified", operation="change-grants")
    _of_another(platform, who, name, "change-grants")
    within_own_zones(platform, who, asked.zones, "change-grants")
    now = platform.runtime.now()
    expires = None if asked.days is None else days_from_now(platform, asked.days)

    def granted(client: Client) -> Client:
        if client.kind == "app":
            raise QueryError("an application has no rights of its own", "Grant them to the people who sign in in it.")
        bound = f"Patient/{client.patient}" if client.patient else ""
        ask = ClientAsk(client.name, asked.roles, asked.zones, asked.scopes, client.kind, None, expires,
                        client.id, bound, (), asked.purposes)  # fmt: skip
        check_ask(ask, now)
        return replace(
            client,
            roles=" ".join(sorted(set(asked.roles))),
            zones=" ".join(sorted(set(asked.zones))),
            scopes=scopes_of(ask),
            purposes=" ".join(sorted(set(asked.purposes))),
            expires=client.expires if expires is None else expires,
            generation=client.generation + 1,
        )

    return grants_json(changed(platform, who, "change-grants", name, granted))


def disable(platform: Platform, who: Principal, name: str) -> Json:
    """Stops somebody else at once: see `disable_client`. raises AccessError for oneself; NotFound"""
    admit(platform, who, "administer", "identified", operation="disable-client")
    _of_another(platform, who, name, "disable-client")
    return as_json(disable_client(platform, who, name), platform.runtime.now())


def enable(platform: Platform, who: Principal, name: str) -> Json:
    """Lets a disabled client in again. raises NotFound; AccessError for a zone that is not the administrator's"""
    admit(platform, who, "administer", "identified", operation="enable-client")
    within_own_zones(platform, who, platform.clients.named(name).zones.split(), "enable-client")
    return as_json(enable_client(platform, who, name), platform.runtime.now())


def rotate(platform: Platform, who: Principal, name: str, jwks: Json | None) -> Registered:
    """Gives a client a new secret, or new keys. raises as `rotate_secret`; AccessError as `enable`"""
    admit(platform, who, "administer", "identified", operation="rotate-secret")
    within_own_zones(platform, who, platform.clients.named(name).zones.split(), "rotate-secret")
    return rotate_secret(platform, who, name, jwks)


def grants_json(client: Client) -> Json:
    """The grants of a client as they are shown."""
    allows = []
    zones = frozenset(client.zones.split())
    for verb in sorted({verb for role in client.roles.split() for verb in ROLES[role]}):
        roles = [role for role in client.roles.split() if verb in ROLES[role]]
        places = {zone for role in roles for zone in ROLES[role][verb]} & zones
        if places:
            allows.append({"verb": verb, "zones": sorted(places), "roles": roles})
    return {
        "name": client.name,
        "roles": client.roles.split(),
        "zones": client.zones.split(),
        "scopes": client.scopes.split(),
        "purposes": client.purposes.split(),
        "may_break_glass": not EMERGENCY_ROLES.isdisjoint(client.roles.split()) and "identified" in zones,
        "is_bound_to_a_patient": bool(client.patient),
        "expires": client.expires.isoformat() if client.expires else None,
        "allows": allows,
    }


def list_roles(platform: Platform, who: Principal) -> Json:
    """``roles`` with what each may where and for which purposes, ``zones`` and ``scopes`` that can be granted."""
    admit(platform, who, "administer", "identified", operation="list-roles")
    note(platform, who, "list-roles", "identified", detail={"roles": len(ROLES)})
    roles = [
        {
            "role": role,
            "allows": [{"verb": verb, "zones": sorted(places)} for verb, places in sorted(verbs.items())],
            "purposes": sorted(OF_ROLE.get(role, ())),
        }
        for role, verbs in sorted(ROLES.items())
    ]
    scopes = [{"scope": scope, "allows": words} for scope, words in SUPPORTED.items()]
    return {"roles": roles, "zones": sorted(ZONES), "scopes": scopes}


def _of_another(platform: Platform, who: Principal, name: str, operation: str) -> None:
    if name == who.name:
        note(platform, who, operation, "identified", action="execute", outcome="refused", detail={"client": name})
        raise AccessError("nobody changes what they themselves may", "Let another administrator do it.")


def within_own_zones(platform: Platform, who: Principal, zones: Collection[str], operation: str) -> None:
    """Returns where an administrator has all these zones. raises AccessError, audited"""
    beyond = sorted({zone for zone in zones if zone in ZONES} - who.zones)
    if beyond:
        detail = {"zones": " ".join(beyond)}
        note(platform, who, operation, "identified", action="execute", outcome="refused", detail=detail)
        raise AccessError("a zone was not granted to you either", f"Leave out: {', '.join(beyond)}.")
