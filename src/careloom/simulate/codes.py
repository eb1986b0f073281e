"""The concepts that modules name: codes of each in order of preference, from ``codes/*.toml``."""

import tomllib
from functools import cache
from typing import Any

from careloom.runtime import packaged, packaged_names
from careloom.simulate.history import Code
from careloom.terminology import systems

SYSTEMS = {
    "snomed": systems.SNOMED_CT,
    "icd10cm": systems.ICD_10_CM,
    "loinc": systems.LOINC,
    "rxnorm": systems.RXNORM,
    "cvx": systems.CVX,
    "route": "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration",
}
_PREFERRED = ("icd10cm", "rxnorm", "cvx", "loinc", "snomed", "route")


@cache
def tables() -> dict[str, dict[str, Any]]:
    """Every entry of every code file by its name; a name stands once."""
    entries: dict[str, dict[str, Any]] = {}
    for name in packaged_names("simulate", "codes", ".toml"):
        for key, entry in tomllib.loads(packaged("simulate", name).decode()).items():
            if key in entries:
                raise ValueError(f"{name}: {key!r} is also in another file of codes")
            entries[key] = entry
    return entries


@cache
def concept(name: str) -> tuple[Code, ...]:
    """The codes of a concept, the preferred one first; a drug's `route` names another concept and is no code."""
    entry = tables()[name]
    return tuple(Code(SYSTEMS[kind], *entry[kind]) for kind in _PREFERRED if isinstance(entry.get(kind), list))


@cache
def snomed(name: str) -> Code:
    """The SNOMED CT code of a concept."""
    return next(code for code in concept(name) if code.system == systems.SNOMED_CT)
