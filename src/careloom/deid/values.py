"""What happens to one kept value: a rule for each data type. A rule gives what may pass, or None."""

import re
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from careloom.deid import findings
from careloom.deid.codes import CodeBook
from careloom.deid.dates import TOP_AGE_YEARS, first_day, is_time, may_be_over_89, shifted
from careloom.deid.identifiers import identifier_letter
from careloom.deid.policy import CODED, INTEGERS, MOMENTS, QUANTITIES, TREATMENTS, AllowedExtension, Kept, Policy
from careloom.fhir.validate_tables import plain_codes
from careloom.issues import Issue

Json = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
PLAIN_MEDIA = "text/plain; charset=utf-8"
PSEUDONYM_SYSTEM = "urn:careloom:pseudonym"
_REMEMBERED = 32_768
_ZIP = re.compile(r"[0-9]{5}(?:-?[0-9]{4})?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
ABSENT_URL = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_COMPARATORS = plain_codes("quantity-comparator")
YEARS = {"a": 1.0, "a_j": 1.0, "mo": 1 / 12, "mo_j": 1 / 12, "wk": 7 / 365.25, "d": 1 / 365.25, "h": 1 / 8766}


class Masked:
    """Stands for a value that does not pass and whose absence is to be said."""


MASKED = Masked()


class Pass:
    """One resource on its way through: what its rules need to know, and what they found.

    shift   the patient's days, None where the resource is nobody's
    removed letter of `careloom.deid.identifiers` -> how many were taken out or changed
    patient its id in the identified zone, None where the resource is nobody's
    text    a text -> it without identity, or None where it must not pass; None under a policy without text
    root    the resource itself
    local   ``#id`` of a contained resource -> (its new id, the resource)
    wanted  ``#id`` of those that something kept refers to, in order of reference
    """

    __slots__ = ("issues", "local", "patient", "removed", "root", "shift", "text", "wanted")

    def __init__(
        self,
        root: Json,
        shift: timedelta | None,
        text: Callable[[str], str | None] | None = None,
        patient: str | None = None,
    ) -> None:
        self.root = root
        self.patient = patient
        self.shift = shift
        self.text = text
        self.local: dict[str, tuple[str, Json]] = {}
        self.wanted: dict[str, None] = {}
        self.issues: list[Issue] = []
        self.removed: Counter[str] = Counter()


Rule = Callable[[Any, Pass], Any]


def masked_extension() -> list[Json]:
    """The extension that says that a value was taken out."""
    return [{"url": ABSENT_URL, "valueCode": "masked"}]


class Rules:
    """Makes the rules of one policy: what every rule shares."""

    def __init__(self, policy: Policy, rename: Callable[[str, str], str], as_of: date) -> None:
        self._codes: CodeBook = policy.codes
        self._policy = policy
        self._rename = rename
        self._renamed = lru_cache(_REMEMBERED)(self._renamed_reference)
        self._as_of = as_of
        self._moment = {"shift": _shifted_moment, "year": _year, "keep": _kept_moment}[policy.moments]

    def of(self, kept: Kept, place: str) -> Rule:
        """The rule of a data type that the policy treats as a whole; structures are not known here."""
        kind = kept.kind
        if kept.as_ in TREATMENTS:
            return self._treatment(kept.as_, place)
        if kind == "code":
            return _code(kept.codes, findings.code_unlisted(place))
        if kind in MOMENTS:
            if kind == "instant" and self._policy.moments == "year":
                return lambda value, at: None  # FHIR has no instant of a year alone
            return self._moment(findings.date_unreadable(place))
        if kind in CODED:
            codings = self._coding_rule(findings.code_unlisted(place))
            return codings if kind == "Coding" else _concept(codings, findings.text_only(place))
        if kind in QUANTITIES:
            quantity = self._quantity_rule(findings.quantity_unkept(place))
            return quantity if kind in ("Quantity", "SimpleQuantity") else _coded_quantity(quantity)
        if kind in INTEGERS or kind == "decimal":
            most = self._policy.largest_integer if kind in INTEGERS else self._policy.largest_number
            return _number((int,) if kind in INTEGERS else (int, float), most, findings.number_too_long(place))
        if kind == "Reference":
            return self._reference(findings.reference_unkept(place))
        return {
            "boolean": lambda value, at: value if type(value) is bool else None,
            "time": lambda value, at: value if is_time(value) else None,
            "Range": _parts(("low", "high"), self._quantity_rule(findings.quantity_unkept(place)), both=False),
            "Ratio": _parts(
                ("numerator", "denominator"), self._quantity_rule(findings.quantity_unkept(place)), both=True
            ),
            "Period": _period(self._moment(findings.date_unreadable(place))),
        }[kind]

    def _treatment(self, name: str, place: str) -> Rule:
        if name == "birth-year":
            return self._birth_year(findings.date_unreadable(place))
        if name == "pseudonym":
            return self._pseudonym
        if name == "zip3":
            return _zip3(self._policy.small_zip3, findings.zip_unreadable(place))
        if name == "stated":
            return lambda value, at: value if type(value) is str else None
        if name == "plain-media":
            return lambda value, at: PLAIN_MEDIA if _is_plain(value) else None
        return (_text if name == "text" else _plain_text)(findings.text_unkept(place))

    def _pseudonym(self, value: Any, at: Pass) -> Json | None:
        """An identifier under the project's key: the same for the same system and value, and nothing else of it."""
        number = value.get("value") if type(value) is dict else None
        if type(number) is not str or not number:
            return None
        at.removed[identifier_letter(value)] += 1
        return {"system": PSEUDONYM_SYSTEM, "value": self._rename("Identifier", f"{value.get('system', '')}|{number}")}

    def extension(self, extensions: dict[str, AllowedExtension], place: str) -> Rule:
        """The rule of one extension: it passes when it is listed, with its coded part only."""
        coding, unlisted = self._coding_rule(findings.code_unlisted(place)), findings.extension_unlisted(place)

        def rule(value: Any, at: Pass) -> Json | None:
            url = value.get("url") if type(value) is dict else None
            allowed = extensions.get(url) if type(url) is str else None
            if allowed is None:
                at.issues.append(unlisted)
                return None
            if allowed.codes:
                code = value.get("valueCode")
                return {"url": url, "valueCode": code} if type(code) is str and code in allowed.codes else None
            parts = value.get("extension")
            passed = [
                {"url": part["url"], "valueCoding": found}
                for part in (parts if type(parts) is list else ())
                if type(part) is dict and type(part.get("url")) is str and part["url"] in allowed.parts
                if (found := coding(part.get("valueCoding"), at)) is not None
            ]
            return {"url": url, "extension": passed} if passed else None

        return rule

    def _coding_rule(self, issue: Issue) -> Rule:
        passes = self._codes.passes

        def rule(value: Any, at: Pass) -> Json | None:
            if type(value) is dict:
                system, code = value.get("system"), value.get("code")
                if passes(system, code):
                    return {"system": system, "code": code}
            at.issues.append(issue)
            return None

        return rule

    def _quantity_rule(self, issue: Issue) -> Rule:
        unit_of, most = self._unit_of, self._policy.largest_number

        def rule(value: Any, at: Pass) -> Json | None:
            number: Any = value.get("value") if type(value) is dict else None
            if type(number) in (int, float) and -most < number < most:
                unit = unit_of(value)
                comparator = value.get("comparator")
                if unit is not None and (comparator is None or comparator in _COMPARATORS):
                    years = YEARS.get(unit.get("unit", ""))
                    if years is None or abs(number) * years < TOP_AGE_YEARS + 1:
                        found = {"value": number, **unit}
                        return found if comparator is None else found | {"comparator": comparator}
            at.issues.append(issue)
            return None

        return rule

    def _unit_of(self, value: Json) -> dict[str, str] | None:
        """The unit of a quantity, empty if it says none; None if it does not pass: its number would mislead."""
        code, unit = value.get("code"), value.get("unit")
        if value.get("system") == UCUM and self._codes.passes_unit(code):
            return {"unit": code, "system": UCUM, "code": code}  # type: ignore[dict-item]
        if self._codes.passes_unit(unit):
            return {"unit": unit}  # type: ignore[dict-item]
        return {} if code is None and unit is None else None

    def _reference(self, issue: Issue) -> Rule:
        passing, renamed = self._policy.passing, self._renamed

        def rule(value: Any, at: Pass) -> Json | None:
            text = value.get("reference") if type(value) is dict else None
            if type(text) is str:
                found = renamed(text)
                if found is not None:
                    return {"reference": found}
                local = at.local.get(text)
                if local is not None and local[1].get("resourceType") in passing:
                    at.wanted[text] = None
                    return {"reference": f"#{local[0]}"}
            at.issues.append(issue)
            return None

        return rule

    def _renamed_reference(self, text: str) -> str | None:
        """A reference to a resource under its id in the project; None where it may not pass."""
        parts = text.split("/")
        is_whole = len(parts) == 2 or (len(parts) == 4 and parts[2] == "_history")
        if not (is_whole and parts[0] in self._policy.passing and parts[1]):
            return None
        return f"{parts[0]}/{self._rename(parts[0], parts[1])}"

    def _birth_year(self, issue: Issue) -> Rule:
        as_of, moves = self._as_of, self._policy.moments == "shift"

        def rule(value: Any, at: Pass) -> str | Masked | None:
            birth = first_day(value) if type(value) is str else None
            shift = at.shift if moves else timedelta()
            moved = shifted(value, shift) if birth is not None and shift is not None else None
            if birth is None or moved is None:
                at.issues.append(issue)
                return None
            died = at.root.get("deceasedDateTime")
            end = first_day(died) if type(died) is str else None
            if type(died) is str and len(died) < 10 and end is not None:
                end = min(as_of, date(end.year, 12, 31))
            is_masked = may_be_over_89(birth, min(end or as_of, as_of))
            at.removed["C"] += is_masked or moves or len(value) > 4
            return MASKED if is_masked else moved[:4]

        return rule


def _code(codes: frozenset[str], issue: Issue) -> Rule:
    def rule(value: Any, at: Pass) -> str | None:
        if type(value) is str and value in codes:
            return value
        at.issues.append(issue)
        return None

    return rule


def _year(issue: Issue) -> Rule:
    """The year of a date or time as it is written: 45 CFR 164.514(b)(2)(i)(C) lets it pass."""

    def rule(value: Any, at: Pass) -> str | None:
        if type(value) is str and first_day(value) is not None:
            at.removed["C"] += len(value) > 4
            return value[:4]
        at.issues.append(issue)
        return None

    return rule


def _kept_moment(issue: Issue) -> Rule:
    """A date or time as it is: 45 CFR 164.514(e) lets it pass."""

    def rule(value: Any, at: Pass) -> str | None:
        if type(value) is str and shifted(value, timedelta()) is not None:
            return value
        at.issues.append(issue)
        return None

    return rule


def _zip3(small: frozenset[str], issue: Issue) -> Rule:
    """The first three digits of a ZIP code, 000 where few people live: 45 CFR 164.514(b)(2)(i)(B)."""

    def rule(value: Any, at: Pass) -> str | None:
        if type(value) is str and _ZIP.fullmatch(value):
            at.removed["B"] += 1
            return "000" if value[:3] in small else value[:3]
        at.issues.append(issue)
        return None

    return rule


def _text(issue: Issue) -> Rule:
    def rule(value: Any, at: Pass) -> str | None:
        found = at.text(value) if type(value) is str and at.text is not None else None
        if found is None or not found.strip():
            at.issues.append(issue)
            return None
        return found

    return rule


def _plain_text(issue: Issue) -> Rule:
    """The bytes of an attachment where they are UTF-8 text; pictures and documents of other forms do not pass."""
    text = _text(issue)

    def rule(value: Any, at: Pass) -> str | None:
        try:
            content = b64decode(value, validate=True).decode("utf-8") if type(value) is str else "\0"
        except ValueError:
            content = "\0"
        if _CONTROL.search(content):
            at.issues.append(issue)
            return None
        found = text(content, at)
        return None if found is None else b64encode(found.encode()).decode()

    return rule


def _shifted_moment(issue: Issue) -> Rule:
    def rule(value: Any, at: Pass) -> str | None:
        if at.shift is None:
            return None
        found = shifted(value, at.shift) if type(value) is str else None
        if found is None:
            at.issues.append(issue)
        at.removed["C"] += 1
        return found

    return rule


def _concept(coding: Rule, issue: Issue) -> Rule:
    def rule(value: Any, at: Pass) -> Json | None:
        codings = value.get("coding") if type(value) is dict else None
        if type(codings) is list:
            passed = [found for item in codings if (found := coding(item, at)) is not None]
            if passed:
                return {"coding": passed}
        at.issues.append(issue)
        return None

    return rule


def _number(kinds: tuple[type, ...], most: float, issue: Issue) -> Rule:
    def rule(value: Any, at: Pass) -> Any:
        if type(value) in kinds and -most <= value <= most:
            return value
        at.issues.append(issue)
        return None

    return rule


def _parts(names: tuple[str, str], part: Rule, *, both: bool) -> Rule:
    def rule(value: Any, at: Pass) -> Json | None:
        if type(value) is not dict:
            return None
        found = {name: passed for name in names if name in value and (passed := part(value[name], at)) is not None}
        return found if len(found) == 2 or (found and not both) else None

    return rule


def _coded_quantity(quantity: Rule) -> Rule:
    """For Age, Count, Distance and Duration: FHIR wants a UCUM code with their number (age-1, cnt-3, dis-1, drt-1)."""

    def rule(value: Any, at: Pass) -> Json | None:
        found: Json | None = quantity(value, at)
        return found if found is not None and "code" in found else None

    return rule


def _period(moment: Rule) -> Rule:
    parts = _parts(("start", "end"), moment, both=False)

    def rule(value: Any, at: Pass) -> Json | None:
        found: Json | None = parts(value, at)
        if found is not None and len(found) == 2:
            length = min(len(found["start"]), len(found["end"]))
            if found["start"][:length] > found["end"][:length]:  # a date beside a time can cross midnight in UTC
                del found["end"]
        return found

    return rule


def _is_plain(value: Any) -> bool:
    return type(value) is str and value.partition(";")[0].strip().lower() == "text/plain"
