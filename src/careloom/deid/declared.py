"""Rules of the treatments that a policy declares: bands of ages, noise, fixed values, sealed numbers, postal areas."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import orjson

from careloom.crypto.sealed_values import MOST_BYTES
from careloom.deid import findings
from careloom.deid.identifiers import identifier_letter
from careloom.deid.policy import INTEGERS, Kept
from careloom.deid.policy_treatments import (
    TOP_AGE_YEARS,
    AgeBand,
    Declared,
    Encrypt,
    Perturb,
    PostalArea,
    Substitute,
)
from careloom.deid.values import MASKED, UCUM, YEARS, Json, Masked, Pass, Rule, Rules
from careloom.issues import Issue

SEALED_SYSTEM = "urn:careloom:sealed"
_POSTAL = re.compile(
    r"(?:[A-Z]{1,3}-)?(?P<digits>[0-9]{2,10})(?:[ -](?:(?P<more>[0-9]{1,4})|[A-Z]{2}))?"
    r"|(?P<letters>[A-Z]{1,3})[0-9][A-Z0-9 -]{2,8}",
    re.ASCII,
)
Noise = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a project keeps to itself beside names and dates.

    noise  a text -> a number of 128 bits, as `noise` makes it
    seal   a text -> what stands for it, the same for the same text, and which the vault can open
    """

    noise: Noise
    seal: Callable[[str], str]


def noise(key: bytes) -> Noise:
    """The draw of a project: the same for the same text and key, without the key not to be told from chance."""

    def draw(text: str) -> int:
        digest = hashlib.blake2b(text.encode(), digest_size=16, key=key, person=b"deid.noise").digest()
        return int.from_bytes(digest, "big")

    return draw


def rule_of(kept: Kept, place: str, rules: Rules, secrets: Secrets | None) -> Rule:
    """The rule of an element with a declared treatment; `secrets` are there where `needs_secrets` says so."""
    how = kept.how
    if isinstance(how, AgeBand):
        return _age_band(how, kept, place, rules)
    if isinstance(how, PostalArea):
        return _postal_area(how, findings.postal_code_unreadable(place))
    if isinstance(how, Substitute):
        value = how.value
        return lambda _value, _at: value
    if secrets is None or how is None:
        raise ValueError(f"{place}: there is no treatment, or no key for it")
    if isinstance(how, Encrypt):
        return _encrypt(secrets.seal, findings.number_unsealed(place))
    base = rules.of(replace(kept, as_="", how=None), place)
    return _perturb(how, kept, place, base, secrets.noise)


def needs_secrets(how: Declared | None) -> bool:
    """True for a treatment that cannot be applied without keys."""
    return isinstance(how, Perturb | Encrypt)


def _age_band(how: AgeBand, kept: Kept, place: str, rules: Rules) -> Rule:
    if kept.kind == "Age":
        return _band_of_age(how.years, findings.quantity_unkept(place))
    year = rules.of(replace(kept, as_="birth-year", how=None), place)

    def rule(value: Any, at: Pass) -> str | Masked | None:
        found = year(value, at)
        if found is None or found is MASKED:
            return found
        return f"{max(int(found) // how.years * how.years, 1):04d}"

    return rule


def _band_of_age(years: int, issue: Issue) -> Rule:
    """An age as the first year of its band; in the first band ``<`` (FHIR wants it above 0), from 90 on ``>=``."""

    def rule(value: Any, at: Pass) -> Json | None:
        number: Any = value.get("value") if type(value) is dict else None
        per_unit = YEARS.get(str(value.get("code"))) if type(value) is dict else None
        is_plain = type(number) in (int, float) and per_unit is not None and number >= 0
        if not is_plain or "comparator" in value or value.get("system") != UCUM:
            at.issues.append(issue)
            return None
        at.removed["C"] += 1
        age = int(number * per_unit + 1e-9)
        unit = {"unit": "a", "system": UCUM, "code": "a"}
        if age >= TOP_AGE_YEARS:
            return {"value": TOP_AGE_YEARS, "comparator": ">=", **unit}
        if age < years:
            return {"value": years, "comparator": "<", **unit}
        return {"value": age // years * years, **unit}

    return rule


def _postal_area(how: PostalArea, issue: Issue) -> Rule:
    def rule(value: Any, at: Pass) -> str | None:
        found = _POSTAL.fullmatch(value.strip().upper()) if type(value) is str else None
        area = None if found is None else found["letters"]
        if found is not None and found["digits"] is not None:
            digits = found["digits"] + (found["more"] or "")
            area = digits[: how.digits] if len(digits) >= how.digits + 2 else None
        if area is None:
            at.issues.append(issue)
            return None
        at.removed["B"] += 1
        return area

    return rule


def _encrypt(seal: Callable[[str], str], issue: Issue) -> Rule:
    """An Identifier or a string, sealed together with its patient: equal numbers of two patients do not look equal."""

    def rule(value: Any, at: Pass) -> Any:
        is_identifier = type(value) is dict
        number = value.get("value") if is_identifier else value
        system = value.get("system", "") if is_identifier else ""
        is_sound = type(number) is str and number and type(system) is str
        told = orjson.dumps([at.patient or "", system, number]) if is_sound else b""
        if not told or len(told) > MOST_BYTES:
            at.issues.append(issue)
            return None
        at.removed[identifier_letter(value)] += 1
        sealed = seal(told.decode())
        return {"system": SEALED_SYSTEM, "value": sealed} if is_identifier else sealed

    return rule


def _perturb(how: Perturb, kept: Kept, place: str, base: Rule, draw: Noise) -> Rule:
    """Noise on what the data type lets pass: one draw per patient, element and number, however that is written.

    The same number drawn anew could be averaged, so 70, 70.0 and 70 of another unit share a draw. One draw for all
    numbers of an element would be worse: who knows one of them could undo the rest. The price is that numbers which
    differ a little (70.1, 70.2; 70 kg in pounds) draw apart, and that their mean comes near that of the record.
    """
    whole, too_coarse = kept.kind in INTEGERS, findings.number_too_coarse(place)
    digits = 0 if whole else how.digits

    def rule(value: Any, at: Pass) -> Any:
        found = base(value, at)
        if found is None:
            return None
        number = found["value"] if type(found) is dict else found
        unit = str(found.get("code", found.get("unit", ""))) if type(found) is dict else ""
        years = YEARS.get(unit, 0.0)
        drawn = draw(f"{at.patient or ''}\0{place}\0{Decimal(repr(number)).normalize():E}")
        noisy = perturbed(number, replace(how, digits=digits), drawn, below=TOP_AGE_YEARS / years if years else 0.0)
        if noisy is None:
            at.issues.append(too_coarse)
            return None
        noisy = int(noisy) if whole else noisy
        return found | {"value": noisy} if type(found) is dict else noisy

    return rule


def perturbed(number: float, how: Perturb, drawn: int, *, below: float = 0.0) -> float | None:
    """A number of `digits` decimals within the bound of `number`, and of its sign; 0 stays 0.

    drawn  chooses among all such numbers
    below  none from here on is chosen; 0 for no such limit
    returns None where no number of so few decimals is within the bound, or none but `number` itself
    """
    exact, step = Decimal(repr(number)), Decimal(1).scaleb(-how.digits)
    if not exact:
        return 0.0 if how.digits else 0
    bound = Decimal(repr(how.most)) if how.most else abs(exact) * Decimal(repr(how.share))
    size = abs(exact)
    low = max(((size - bound) / step).to_integral_value(ROUND_CEILING), Decimal(1))
    high = ((size + bound) / step).to_integral_value(ROUND_FLOOR)
    if below:
        high = min(high, (Decimal(repr(below)) / step).to_integral_value(ROUND_CEILING) - 1)
    if low > high or low == high == size / step:
        return None
    chosen = (low + drawn % int(high - low + 1)) * step * (1 if exact > 0 else -1)
    return float(chosen) if how.digits else int(chosen)
