"""What normalization rewrites, as a policy; and one resource on its way, with what was changed and what was left."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from careloom.errors import SetupError
from careloom.fhir.drafts import Resource
from careloom.issues import Issue
from careloom.runtime import packaged
from careloom.terminology import ucum
from careloom.terminology.concepts import Terminology
from careloom.terminology.systems import canonical

Element = dict[str, Any]
PACKAGED_POLICY = "first"
_SECTIONS: Mapping[str, Mapping[str, type]] = {
    "units": {"to_ucum": bool, "to_preferred": bool, "preferred": dict},
    "codes": {"systems": bool, "forms": bool, "translate": list},
    "words": {"spaces": bool, "states": bool, "zip": bool, "phones": bool},
}


@dataclass(frozen=True, slots=True)
class NormalizePolicy:
    """What is rewritten; the fields are the keys of normalization/first.toml.

    states  name of a state in lower case -> USPS code
    """

    country: str = "US"
    to_ucum: bool = True
    to_preferred: bool = True
    preferred: Mapping[str, str] = field(default_factory=dict)
    systems: bool = True
    forms: bool = True
    translate: tuple[tuple[str, str], ...] = ()
    spaces: bool = True
    states_to_codes: bool = True
    zip: bool = True
    phones: bool = True
    states: Mapping[str, str] = field(default_factory=dict)


@cache
def packaged_policy() -> NormalizePolicy:
    """The policy that ships."""
    return read_policy(packaged("quality", f"normalization/{PACKAGED_POLICY}.toml").decode())


def read_policy(text: str) -> NormalizePolicy:
    """A policy from TOML. raises SetupError that names the key which is unknown or of the wrong kind."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(f"no TOML: {error}") from None
    for key in told.keys() - {"country", "states", *_SECTIONS}:
        raise _wrong(f"there is no key {key}")
    for name, keys in _SECTIONS.items():
        if not isinstance(told.get(name, {}), dict):
            raise _wrong(f"{name} is no table")
        for key, value in told.get(name, {}).items():
            if key not in keys:
                raise _wrong(f"there is no key {name}.{key}")
            if not isinstance(value, keys[key]):
                raise _wrong(f"{name}.{key} is not of the type {keys[key].__name__}")
    units, codes, words = (told.get(name, {}) for name in _SECTIONS)
    for code in units.get("preferred", {}).values():
        if not ucum.is_valid(str(code)):
            raise _wrong("a unit of units.preferred is no UCUM")
    pairs = codes.get("translate", [])
    for pair in pairs:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, str) for one in pair)):
            raise _wrong("codes.translate holds something that is no [from, to]")
    return NormalizePolicy(
        country=str(told.get("country", "")),
        to_ucum=units.get("to_ucum", False),
        to_preferred=units.get("to_preferred", False),
        preferred=units.get("preferred", {}),
        systems=codes.get("systems", False),
        forms=codes.get("forms", False),
        translate=tuple((pair[0] if pair[0] == "*" else canonical(pair[0]) or pair[0], pair[1]) for pair in pairs),
        spaces=words.get("spaces", False),
        states_to_codes=words.get("states", False),
        zip=words.get("zip", False),
        phones=words.get("phones", False),
        states={name.lower(): code for name, code in told.get("states", {}).items()},
    )


def _wrong(what: str) -> SetupError:
    return SetupError(f"normalization policy: {what}", "docs/how-to/normalize.md lists the keys of a policy.")


@dataclass(slots=True)
class Rewriting:
    """One resource on its way: what it becomes, what was changed, and what was left with a reason.

    changes   issues of severity information: one for each element that was rewritten
    warnings  issues of severity warning: what could not be
    """

    resource: Resource
    policy: NormalizePolicy
    terminology: Terminology
    changes: list[Issue] = field(default_factory=list)
    warnings: list[Issue] = field(default_factory=list)

    def changed(self, code: str, place: str, message: str) -> None:
        """Notes that the element at `place` was rewritten; no value is told."""
        self.changes.append(Issue(f"normalize.{code}", "information", place, message))

    def left(self, code: str, place: str, message: str, remedy: str) -> None:
        """Notes that the element at `place` stays as it came, though it should not."""
        self.warnings.append(Issue(f"normalize.{code}", "warning", place, message, remedy))
