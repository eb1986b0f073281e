"""The de-identification policies that ship, as whoever answers for them reads them."""

from typing import Any

from careloom.deid.policy import SHIPPED, packaged_policy
from careloom.deid.policy_entries import entries
from careloom.errors import NotFound
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit, note
from careloom.services.platform import Platform

ZONE: Zone = "research"
OPERATION = "deidentify-policies"
Json = dict[str, Any]


def list_policies(platform: Platform, who: Principal) -> list[Json]:
    """Each policy that ships: what it does with dates, addresses and texts. raises AccessError."""
    admit(platform, who, "monitor", ZONE, operation=OPERATION)
    note(platform, who, OPERATION, ZONE, detail={"listed": len(SHIPPED)})
    return [_brief(platform, name) for name in SHIPPED]


def show_policy(platform: Platform, who: Principal, name: str) -> Json:
    """One policy with its ``entries``: what is decided for which elements, and why. raises AccessError; NotFound."""
    admit(platform, who, "monitor", ZONE, operation=OPERATION)
    if name not in SHIPPED:
        note(platform, who, OPERATION, ZONE, outcome="failed", detail={"code": NotFound.code})
        raise NotFound("there is no such policy", f"Name one that ships: {', '.join(SHIPPED)}.")
    note(platform, who, OPERATION, ZONE, detail={"policy": name})
    told = [
        {
            "structure": one.structure,
            "decision": one.decision,
            "elements": list(one.elements),
            "because": one.because,
            "origin": one.origin,
        }
        for one in entries(name)
    ]
    return _brief(platform, name) | {"entries": told}


def _brief(platform: Platform, name: str) -> Json:
    policy = packaged_policy(name)
    address = policy.structures.get("Address")
    kept = address.kept if address is not None else {}
    return {
        "name": policy.name,
        "version": policy.version,
        "digest": policy.digest,
        "default": name == platform.settings.deidentify.policy,
        "dates": policy.moments,
        "addresses": sorted(f"{key} as {one.as_}" if one.as_ else key for key, one in kept.items()),
        "texts": policy.reads_text,
        "passing": sorted(policy.passing),
    }
