"""The de-identification policies that ship, as whoever answers for them reads them."""

from typing import Any

from careloom.deid.policy import SHIPPED, packaged_policy
from careloom.deid.policy_entries import entries
from careloom.deid.policy_lint import Oddity, Treated, never_matched, treated, worst
from careloom.errors import NotFound
from careloom.runtime import packaged
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit, note
from careloom.services.own_policies import looked_at
from careloom.services.platform import Platform

ZONE: Zone = "research"
OPERATION = "deidentify-policies"
LINT = "deidentify-lint"
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


def lint_policy(
    platform: Platform, who: Principal, name: str, raw: bytes | None = None, *, with_data: bool = False
) -> Json:
    """What is odd about a policy: ``findings``, gravest first, and how it treats each of the eighteen ``identifiers``.

    raw        the bytes of a file that extends a policy that ships, in place of one that ships
    with_data  also what of it matches nothing in the identified zone
    raises     AccessError; NotFound; FormatError if the file is no TOML
    """
    admit(platform, who, "monitor", ZONE, operation=LINT)
    if with_data:
        admit(platform, who, "deidentify", "identified", operation=LINT)
    if raw is None and name not in SHIPPED:
        raise NotFound("there is no such policy", f"Name one that ships ({', '.join(SHIPPED)}), or a TOML file.")
    policy, found = looked_at(packaged("deid", f"policies/{name}.toml") if raw is None else raw)
    if policy is not None and with_data:
        found += never_matched(policy, (one.resource() for one in platform.store("identified").scan()))
    note(platform, who, LINT, "identified" if with_data else ZONE, detail={"findings": len(found)})
    found.sort(key=lambda one: ("error", "warning", "note").index(one.level))
    return {
        "policy": name if raw is None or policy is None else policy.name,
        "digest": "" if policy is None else policy.digest,
        "usable": worst(found) != "error",
        "findings": [{part: getattr(one, part) for part in Oddity.__slots__} for one in found],
        "identifiers": [] if policy is None else [_treated(one) for one in treated(policy)],
    }


def _treated(one: Treated) -> Json:
    told = {"letter": one.letter, "name": one.name, "removed": one.removed}
    return told | {"changed": list(one.changed), "kept": list(one.kept)}


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
