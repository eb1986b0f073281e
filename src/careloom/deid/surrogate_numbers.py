"""Numbers and addresses of the net in place of others: same layout, never somebody's.

sources  telephones 555-0100 to 555-0199 are kept for fiction (NANPA); example.com, .org, .net (RFC 2606); IPv4 and IPv6
         for documentation (RFC 5737, 3849); MAC 00-00-5E-00-53-xx (RFC 7042); SSN areas 900-999 are never issued (SSA)
"""

import re
from collections.abc import Callable

from careloom.deid.text_record import squeezed

Number = Callable[[str, str, int], int]
_DIGIT = re.compile(r"\d")
_NANP = re.compile(r"(?:1\D{0,3})?[2-9]\d\d\D{0,4}[2-9]\d\d\D{0,4}\d{4}")
_NETS = ("192.0.2", "198.51.100", "203.0.113")
_EXTENSION = re.compile(r"(?:x|ext\.?|extension)\s?\d+$", re.IGNORECASE)
_PARTS = re.compile(r"[^\W\d_]+|[\W\d_]+")
_DOMAINS = ("example.com", "example.org", "example.net")


def number_layout(number: Number, kind: str, seen: str, attempt: str) -> str:
    """`seen` with other digits for its digits and other letters for its letters; a leading zero stays one."""
    value = squeezed(seen) + attempt
    parts = []
    for place, letter in enumerate(seen):
        drawn = f"{value}\0{sum(one.isalnum() for one in seen[:place])}"
        if letter.isdigit():
            first = not any(one.isdigit() for one in seen[:place])
            parts.append(
                "0"
                if first and letter == "0"
                else str(1 + number(kind, drawn, 9) if first else number(kind, drawn, 10))
            )
        elif letter.isalpha():
            new = "ABCDEFGHJKLMNPRSTUVWXYZ"[number(kind, drawn, 23)]
            parts.append(new if letter.isupper() else new.lower())
        else:
            parts.append(letter)
    return "".join(parts)


def _filled(seen: str, digits: str) -> str:
    """`seen` with its digits replaced in order."""
    source = iter(digits)
    return _DIGIT.sub(lambda _: next(source), seen)


def telephone(number: Number, seen: str, attempt: str) -> str:
    """A telephone number of the same layout: of the fictional ones where the North American plan fits."""
    tail = _EXTENSION.search(seen)
    body = seen[: tail.start()] if tail else seen
    end = number_layout(number, "phone", tail[0], attempt) if tail else ""
    if tail:
        end = re.match(r"\D*", tail[0])[0] + "".join(c for c in end if c.isdigit())  # type: ignore[index]
    digits = "".join(letter for letter in body if letter.isdigit())
    value = digits + attempt
    if len(digits) == 10 or (len(digits) == 11 and digits[0] == "1" and not body.lstrip().startswith("+1 1")):
        area = (
            str(2 + number("area", digits[-10:-7], 8))
            + f"{number('area2', digits[-10:-7], 9)}{number('area3', digits[-10:-7], 10)}"
        )
        new = digits[:-10] + area + "55501" + f"{number('phone', value[-10:] + attempt, 100):02d}"
        return _filled(body, new) + end
    if len(digits) == 7:
        return _filled(body, "55501" + f"{number('phone', value, 100):02d}") + end
    return number_layout(number, "phone", body, attempt) + end


def ssn(number: Number, seen: str, attempt: str) -> str:
    """A Social Security number that was never issued."""
    digits = "".join(letter for letter in seen if letter.isdigit())
    value = digits + attempt
    if len(digits) != 9:
        return number_layout(number, "ssn", seen, attempt)
    new = f"9{number('ssn', value, 10**8):08d}"
    return _filled(seen, new)


def postal_code(number: Number, seen: str, attempt: str, small_zip3: frozenset[str] | None) -> str:
    """A postal code of the same layout; a ZIP code keeps three digits where they stand for enough people."""
    digits = "".join(letter for letter in seen if letter.isdigit())
    if len(digits) not in (5, 9) or not re.fullmatch(r"[\d\s-]+", seen):
        return number_layout(number, "zip", seen, attempt)
    drawn = f"{number('zip', digits[:5] + attempt, 10**5):05d}" + f"{number('zip4', digits + attempt, 10**4):04d}"
    kept = "" if small_zip3 is None else "000" if digits[:3] in small_zip3 else digits[:3]
    return _filled(seen, (kept + drawn[len(kept) :])[: len(digits)])


def email(number: Number, seen: str, attempt: str, name: Callable[[str], str | None]) -> str:
    """An address of the same look at a domain of nobody; `name` gives the surrogate of a name, or None."""
    local, at, domain = seen.partition("@") if "@" in seen else (seen, "@", "")
    new = "".join(name(part) or number_layout(number, "email", part, attempt) for part in _PARTS.findall(local))
    ending = domain.rsplit(".", 1)[-1].lower()
    chosen = f"example.{ending}" if ending in ("com", "org", "net") else _DOMAINS[number("domain", squeezed(domain), 3)]
    return new + at + chosen


def web_address(number: Number, seen: str, attempt: str) -> str:
    """An address of the web at a domain of nobody, with a path of the same layout."""
    scheme, divider, rest = seen.rpartition("://")
    host, slash, path = rest.partition("/")
    new_host = ("www." if host.lower().startswith("www") else "") + _DOMAINS[number("host", host.lower() + attempt, 3)]
    stem, dot, ending = path.rpartition(".")
    kept = dot + ending if dot and ending.isalnum() and len(ending) <= 5 else ""
    new_path = number_layout(number, "path", stem if kept else path, attempt) + kept
    return scheme + divider + new_host + slash + new_path


def internet_address(number: Number, seen: str, attempt: str) -> str:
    """An address of the blocks that are kept for documentation."""
    value = squeezed(seen) + attempt
    if re.fullmatch(r"[\d.]+", seen):
        return f"{_NETS[number('net', value, 3)]}.{1 + number('host', value, 254)}"
    if re.fullmatch(r"(?i:[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2})", seen):
        new = f"00{seen[2]}00{seen[2]}5e{seen[2]}00{seen[2]}53{seen[2]}{number('mac', value, 256):02x}"
        return new if seen.islower() else new.upper()
    return f"2001:db8::{number('ip6', value, 65536):x}"
