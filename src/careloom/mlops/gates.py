"""What a version has to show: gates as data, and what they say of an evaluation. The files lie in ``gates/``."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from careloom.errors import FormatError, QueryError
from careloom.runtime import packaged

SHIPPED = ("clinical-risk", "language", "synthetic")
OF_PLATFORM = ("leaks", "card_stale", "tainted")
"""Measures that the platform fills in, in place of what an evaluation says of itself."""
_SIDES = ("at_least", "at_most", "not_worse_by")
_BOUNDS = ("value", "low", "high")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Gate:
    """One limit; see ``gates/clinical-risk.toml``."""

    measure: str
    side: str
    limit: float
    of: str = "value"
    why: str = ""

    @property
    def text(self) -> str:
        """The gate as people read it."""
        if self.side == "not_worse_by":
            return f"{self.measure} not worse than the champion's by more than {self.limit:g}"
        of = {"value": "", "low": ", lower bound,", "high": ", upper bound,"}[self.of]
        return f"{self.measure}{of} {self.side.replace('_', ' ')} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Gates:
    """All gates of a kind of model; `digest`: SHA-256 of the file that they were read from."""

    name: str
    meaning: str
    gates: tuple[Gate, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What a version shows to its gates.

    measures  name -> value, low, high (None where there is none), with those of `OF_PLATFORM`
    champion  the version that answers now; empty for none
    against   the version that `paired` compares with
    paired    name -> value, low, high of the difference version minus champion on the same held-out data
    """

    measures: Mapping[str, Mapping[str, float | None]]
    champion: str = ""
    against: str = ""
    paired: Mapping[str, Mapping[str, float | None]] | None = None


def shipped(name: str) -> Gates:
    """Gates that ship. raises QueryError that lists them"""
    if name not in SHIPPED:
        raise QueryError("there are no such gates", f"Name one of {', '.join(SHIPPED)}.")
    return read(packaged("mlops", f"gates/{name}.toml"))


def read(content: bytes) -> Gates:
    """The gates of a file. raises FormatError that names the place"""
    try:
        told = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"gates: the file is no TOML: {error}", "Correct it at that place.") from None
    if told.get("version") != 1 or not told.get("gate") or not told.get("name"):
        raise FormatError("gates: version, name or every gate is missing", "See src/careloom/mlops/gates.")
    gates = tuple(_gate(number, one) for number, one in enumerate(told["gate"], 1))
    return Gates(str(told["name"]), str(told.get("meaning", "")), gates, sha256(content).hexdigest())


def _gate(number: int, told: Mapping[str, Any]) -> Gate:
    sides = [side for side in _SIDES if side in told]
    unknown = set(told) - {*_SIDES, "measure", "of", "why"}
    if len(sides) != 1 or unknown or not isinstance(told.get("measure"), str) or told.get("of", "value") not in _BOUNDS:
        raise FormatError(
            f"gates: gate {number} is not one", f"It needs a measure, one of {', '.join(_SIDES)}, perhaps of and why."
        )
    limit = told[sides[0]]
    if not isinstance(limit, (int, float)) or isinstance(limit, bool) or not math.isfinite(limit):
        raise FormatError(f"gates: the limit of gate {number} is no number", "Write a finite number.")
    return Gate(told["measure"], sides[0], float(limit), told.get("of", "value"), str(told.get("why", "")))


def judge(gates: Gates, shown: Shown) -> list[Json]:
    """What each gate says: ``rule``, ``passed``, ``found`` (the number that was judged, null for none), ``why``."""
    return [_judged(gate, shown) for gate in gates.gates]


def _judged(gate: Gate, shown: Shown) -> Json:
    found: float | None
    why = gate.why
    if gate.side == "not_worse_by":
        if not shown.champion:
            return {"rule": gate.text, "passed": True, "found": None, "why": "there is no champion to compare with"}
        is_same = shown.against == shown.champion
        found = (shown.paired or {}).get(gate.measure, {}).get("low") if is_same else None
        passed = _is_number(found) and found >= -gate.limit  # type: ignore[operator]
        why = why if is_same else f"it was not compared with {shown.champion} on the same held-out data"
    else:
        found = shown.measures.get(gate.measure, {}).get(gate.of)
        kept = _is_number(found) and (found >= gate.limit if gate.side == "at_least" else found <= gate.limit)  # type: ignore[operator]
        passed = bool(kept)
        why = why if _is_number(found) else f"nothing says {gate.measure} ({gate.of})"
    return {"rule": gate.text, "passed": passed, "found": found if _is_number(found) else None, "why": why}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
