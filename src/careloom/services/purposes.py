"""Purposes of use: what a request says that it is for, and which purposes a role may name.

source  HL7 v3 value set PurposeOfUse, in ``purposes.toml`` beside this file
"""

import tomllib
from collections.abc import Collection, Iterable
from functools import cache, lru_cache

from careloom.runtime import packaged

DEFAULT = "HOPERAT"
PATIENT_REQUESTED = "PATRQT"
BREAK_GLASS = "BTG"
EMERGENCY = "ETREAT"
SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
NO_PURPOSE = "UNK"
"""In place of a purpose that nobody knows: it is in no value set, so that every decision denies it."""
_CARE = frozenset({"TREAT", "HPAYMT", "HOPERAT", "PATRQT", "PUBHLTH"})
OF_ROLE: dict[str, frozenset[str]] = {
    "data-engineer": frozenset({"TREAT", "HPAYMT", "HOPERAT", "HRESCH", "PUBHLTH"}),
    "data-steward": frozenset({"TREAT", "HOPERAT", "HRESCH"}),
    "data-scientist": frozenset({"HOPERAT", "HRESCH", "PUBHLTH"}),
    "researcher": frozenset({"HOPERAT", "HRESCH", "PUBHLTH"}),
    "clinician": _CARE,
    "record-author": _CARE,
    "privacy-officer": frozenset({"HOPERAT", "PATRQT"}),
    "auditor": frozenset({"HOPERAT"}),
    "administrator": frozenset({"HOPERAT"}),
    "admin": frozenset({"HOPERAT"}),
    "service": _CARE | {"HRESCH"},
    "patient": frozenset({"PATRQT"}),
}
"""Role -> the purposes that it may name, each with all its kinds, but for the purposes of an emergency: those are
`EMERGENCY_ROLES`'s. Nobody may name marketing (HMARKT)."""
EMERGENCY_ROLES = frozenset({"clinician"})


@cache
def known() -> dict[str, str]:
    """Every code of the value set -> the code that it is a kind of, empty for the most general ones."""
    table = tomllib.loads(packaged("services", "purposes.toml").decode())
    return {code: row["parent"] for code, row in table.items()}


@cache
def displays() -> dict[str, str]:
    """Every code of the value set -> what it means, as HL7 prints it."""
    table = tomllib.loads(packaged("services", "purposes.toml").decode())
    return {code: row["display"] for code, row in table.items()}


@cache
def lineage(code: str) -> tuple[str, ...]:
    """The code and all that it is a kind of, the most special first; empty for a code that is none."""
    parents = known()
    found: list[str] = []
    while code in parents:
        found.append(code)
        code = parents[code]
    return tuple(found)


def told(text: str) -> str:
    """The code that a header or an option means, `NO_PURPOSE` if it means none: ``TREAT``, or ``system|TREAT``."""
    system, bar, code = text.strip().rpartition("|")
    return code if code in known() and (system == SYSTEM or not bar) else NO_PURPOSE


def is_kind_of(code: str, allowed: Collection[str]) -> bool:
    """True when a code, or one that it is a kind of, is among the allowed ones."""
    return any(one in allowed for one in lineage(code))


def is_emergency(code: str) -> bool:
    """True for emergency treatment and its kinds, breaking the glass among them."""
    return EMERGENCY in lineage(code)


def may_name(roles: Iterable[str], narrowed: Collection[str] | None, code: str) -> bool:
    """True when one of the roles may name the purpose, and nothing narrower forbids it.

    narrowed  what the registry allows at most, each with its kinds; None for whatever the roles may
    """
    return _may_name(frozenset(roles), None if narrowed is None else frozenset(narrowed), code)


@lru_cache(1024)
def _may_name(roles: frozenset[str], narrowed: frozenset[str] | None, code: str) -> bool:
    if narrowed is not None and not is_kind_of(code, narrowed):
        return False
    return any(
        is_kind_of(code, OF_ROLE.get(role, frozenset())) and (role in EMERGENCY_ROLES or not is_emergency(code))
        for role in roles
    )
