"""Names, addresses and phones: white space, US state and ZIP codes, phone numbers."""

import re
import unicodedata
from typing import Any

from careloom.quality.normalize_policy import Element, Rewriting

_NAME_FIELDS = ("text", "family", "given", "prefix", "suffix")
_ADDRESS_FIELDS = ("text", "line", "city", "district", "state", "postalCode", "country")
_UNITED_STATES = frozenset(("US", "USA", "UNITED STATES", "UNITED STATES OF AMERICA"))
_NANP = frozenset(("US", "CA"))
"""Countries that share the North American Numbering Plan and have clinics that write it without a country code."""
_ZERO_STATES = frozenset("CT MA ME NH NJ PR RI VI VT".split())
"""States whose ZIP codes begin with 0 (USPS Publication 65)."""
_PHONE = re.compile(r"(?:tel:)?(?:\+?1[\s.-]*)?\(?([2-9]\d{2})\)?[\s.-]*(\d{3})[\s.-]*(\d{4})")
_ZIP_NINE = re.compile(r"(\d{5})[\s-]?(\d{4})")
_ZIP_FOUR = re.compile(r"\d{4}")


def rewrite(work: Rewriting, path: str, element: Element) -> None:
    """Rewrites an element if it is a HumanName, an Address or a ContactPoint."""
    name = path.rsplit(".", 1)[-1].partition("[")[0]
    if work.policy.spaces and name == "name" and ("family" in element or "given" in element):
        _spaces(work, path, element, _NAME_FIELDS)
    elif name == "address" and not element.keys().isdisjoint(_ADDRESS_FIELDS):
        if work.policy.spaces:
            _spaces(work, path, element, _ADDRESS_FIELDS)
        _address(work, path, element)
    elif name == "telecom" and element.get("system") in ("phone", "fax", "sms") and work.policy.phones:
        _phone(work, path, element)


def _spaces(work: Rewriting, path: str, element: Element, fields: tuple[str, ...]) -> None:
    for field in fields:
        value = element.get(field)
        made = _plain(value)
        if made != value and made:
            element[field] = made
            work.changed("spaces", f"{path}.{field}", "white space or the form of its letters was made plain")


def _plain(value: Any) -> Any:
    """Text in NFC with single blanks; lists of text likewise; anything else as it is."""
    if isinstance(value, list):
        return [_plain(one) or one for one in value]
    if isinstance(value, str):
        return " ".join(unicodedata.normalize("NFC", value).split())
    return value


def _address(work: Rewriting, path: str, address: Element) -> None:
    country = str(address.get("country") or work.policy.country).strip().upper()
    if country not in _UNITED_STATES:
        return
    state = address.get("state")
    if work.policy.states_to_codes and isinstance(state, str):
        made = work.policy.states.get(state.strip().rstrip(".").lower())
        made = made or (state.upper() if state.upper() in work.policy.states.values() else None)
        if made is not None and made != state:
            address["state"] = made
            work.changed("state-code", f"{path}.state", "the state got its USPS code")
    code = address.get("postalCode")
    if work.policy.zip and isinstance(code, str):
        nine = _ZIP_NINE.fullmatch(code.strip())
        if nine is not None and f"{nine[1]}-{nine[2]}" != code:
            address["postalCode"] = f"{nine[1]}-{nine[2]}"
            work.changed("zip-form", f"{path}.postalCode", "the ZIP+4 was written with its hyphen")
        elif _ZIP_FOUR.fullmatch(code.strip()) and address.get("state") in _ZERO_STATES:
            address["postalCode"] = f"0{code.strip()}"
            work.changed("zip-padded", f"{path}.postalCode", "a leading zero that spreadsheets drop was put back")


def _phone(work: Rewriting, path: str, point: Element) -> None:
    value = point.get("value")
    if not isinstance(value, str) or work.policy.country.upper() not in _NANP:
        return
    found = _PHONE.fullmatch(value.strip())
    made = f"+1-{found[1]}-{found[2]}-{found[3]}" if found else value
    if made != value:
        point["value"] = made
        work.changed("phone-form", f"{path}.value", "the phone number was written with its country code")
