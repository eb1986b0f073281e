"""Names, addresses and telecommunication addresses (PN, ON, AD, TEL) as FHIR data types, after the guide."""

import re
from collections.abc import Callable
from functools import lru_cache

from careloom.ingest.ccda_build import Build, Part
from careloom.ingest.ccda_codes import codes
from careloom.ingest.ccda_narrative import text_of
from careloom.ingest.ccda_read import NAMES, child
from careloom.ingest.ccda_values import period
from careloom.ingest.xml_read import Element, children

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z-]*):\s*(.*\S)\s*", re.DOTALL)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LINES = frozenset(("streetAddressLine", "additionalLocator", "deliveryAddressLine", "houseNumber", "unitID"))
_STREET = frozenset(("streetName", "streetNameType", "direction"))
_PARTS = {"city": "city", "state": "state", "postalCode": "postalCode", "country": "country", "county": "district"}
_GIVEN = {"given": "given", "prefix": "prefix", "suffix": "suffix"}


def human_name(build: Build, element: Element) -> Part | None:
    """PN to HumanName; a name in one piece of text is its text; None where it names nobody."""
    if element.get("nullFlavor") is not None and not len(element):
        return None
    out: Part = {}
    use = _mapped(element.get("use"), "name-use")
    if use:
        out["use"] = use
    size = len(out)
    families: list[str] = []
    for part in children(element):
        name = NAMES[part.tag]
        text = (part.text or "").strip()
        if name == "validTime":
            held = period(build, part)
            if held is not None:
                out["period"] = held
                size += 1
        elif not text:
            continue
        elif name == "family":
            families.append(text)
        elif name in _GIVEN:
            out.setdefault(_GIVEN[name], []).append(text)
    if families:
        out["family"] = " ".join(families)
    if len(out) == size:
        words = " ".join((element.text or "").split())
        if not words:
            return None
        out["text"] = words
    return out


def human_names(build: Build, elements: list[Element] | None) -> list[Part]:
    """The names that name somebody, each once."""
    return _each_once(build, elements, human_name)


def plain_name(build: Build, element: Element | None) -> str:
    """ON (or a PN) as one string."""
    if element is None:
        return ""
    if not len(element):
        return " ".join((element.text or "").split())
    parts = [(element.text or ""), *((part.text or "") + " " + (part.tail or "") for part in children(element))]
    return " ".join(" ".join(parts).split()) or text_of(build, element)


def addresses(build: Build, elements: list[Element] | None) -> list[Part]:
    """AD to Address, each once; those that say nothing are left out."""
    return _each_once(build, elements, address)


def address(build: Build, element: Element) -> Part | None:
    """AD to Address; None where it says nothing."""
    out: Part = {}
    use = _mapped(element.get("use"), "address-use")
    if use:
        out["use"] = use
    size = len(out)
    lines: list[str] = []
    street: list[str] = []
    for part in children(element):
        name = NAMES[part.tag]
        text = (part.text or "").strip()
        if name == "useablePeriod":
            held = period(build, part)
            if held is not None:
                out["period"] = held
                size += 1
        elif not text:
            continue
        elif name in _PARTS:
            out.setdefault(_PARTS[name], text)
        elif name in _STREET:
            street.append(text)
        elif name in _LINES:
            lines.append(text)
    if street:
        lines.insert(0, " ".join(street))
    if lines:
        out["line"] = lines
    if len(out) == size:
        words = " ".join((element.text or "").split())
        if not words:
            return None
        out["text"] = words
    return out


def contact_points(build: Build, elements: list[Element] | None) -> list[Part]:
    """TEL to ContactPoint, each once; those that say nothing are left out."""
    return _each_once(build, elements, contact_point)


def contact_point(build: Build, element: Element) -> Part | None:
    """TEL to ContactPoint; a value without a scheme is a phone, or an e-mail address where it looks like one."""
    system, value = _address_of(element.get("value") or "")
    if not value:
        return None
    use = element.get("use") or ""
    out: Part = {"system": "pager" if system == "phone" and "PG" in use.split() else system, "value": value}
    named = _mapped(use, "telecom-use")
    if named:
        out["use"] = named
    valid = child(element, "useablePeriod") if len(element) else None
    held = period(build, valid) if valid is not None else None
    if held is not None:
        out["period"] = held
    return out


@lru_cache(maxsize=1)
def _schemes() -> dict[str, str]:
    return codes("telecom-system")


def _address_of(text: str) -> tuple[str, str]:
    """(system, value) of a URL as TEL writes it."""
    found = _SCHEME.fullmatch(text)
    if found is not None:
        system = _schemes().get(found[1].lower())
        if system == "url":
            return "url", text.strip()
        if system is not None:
            return system, found[2].removeprefix("//") if system == "email" else found[2]
        if not found[1].lower().startswith("tel"):
            return "other", text.strip()
        return "phone", found[2]
    value = text.strip()
    if value.rstrip(":").lower() in _schemes():
        return "", ""
    return ("email" if _EMAIL.fullmatch(value) else "phone"), value


def _each_once(
    build: Build, elements: list[Element] | None, read: Callable[[Build, Element], Part | None]
) -> list[Part]:
    out: list[Part] = []
    for element in elements or ():
        found = read(build, element)
        if found is not None and found not in out:
            out.append(found)
    return out


def _mapped(use: str | None, name: str) -> str:
    """The FHIR code of the first of the uses that has one."""
    if not use:
        return ""
    table = codes(name)
    for each in use.split():
        if each in table:
            return table[each]
    return ""
