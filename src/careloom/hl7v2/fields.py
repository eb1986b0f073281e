"""Typed reads of composite values: identifiers, names, addresses, codes and the like, as plain text parts.

Each reader takes the raw text of one repetition with the segment it stands in. Absent and null parts read as empty.
Numbers in the comments are components as in HL7 v2.8.2 chapter 2A.
"""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, TypeVar

from careloom.hl7v2.delimiters import Delimiters
from careloom.hl7v2.escape import unescape
from careloom.hl7v2.parse import NULL


class Reader:
    """Takes raw field text apart with one message's delimiters."""

    __slots__ = ("_codec", "_component", "_delimiters", "_escape", "_subcomponent", "known")

    def __init__(self, delimiters: Delimiters, codec: str = "utf-8") -> None:
        self._delimiters = delimiters
        self._component = delimiters.component
        self._subcomponent = delimiters.subcomponent
        self._escape = delimiters.escape
        self._codec = codec
        self.known: dict[tuple[Any, str], Any] = {}
        """What `once` has read with this reader: (reader function, raw text) -> value."""

    def text(self, raw: str) -> str:
        """The value of a raw text: escapes resolved, spaces cut, empty where null."""
        if not raw or raw == NULL:
            return ""
        if self._escape and self._escape in raw:
            raw = unescape(raw, self._delimiters, self._codec)
        return raw.strip()

    def parts(self, raw: str) -> list[str]:
        """The raw components."""
        mark = self._component
        return raw.split(mark) if mark and mark in raw else [raw]

    def leaves(self, raw: str) -> list[str]:
        """The values of the subcomponents of a raw component."""
        mark = self._subcomponent
        if not mark or mark not in raw:
            return [self.text(raw)]
        return [self.text(leaf) for leaf in raw.split(mark)]

    def values(self, raw: str, count: int, nested: frozenset[int] = frozenset()) -> list[str]:
        """The values of the first `count` components, empty ones for those not sent.

        nested  indices of components that the standard divides further: the first subcomponent that says something;
                elsewhere a subcomponent separator is text that the sender forgot to escape (``Bed & Breakfast``)
        """
        mark, escape = self._subcomponent, self._escape
        out = self.parts(raw)[:count]
        for index, part in enumerate(out):
            if not part:
                continue
            if index in nested and mark and mark in part:
                out[index] = next((leaf for leaf in self.leaves(part) if leaf), "")
            elif part == NULL or (escape and escape in part):
                out[index] = self.text(part)
            else:
                out[index] = part.strip()
        if len(out) < count:
            out += [""] * (count - len(out))
        return out


Read = TypeVar("Read")


def once(make: Callable[[Reader, str], Read]) -> Callable[[Reader, str], Read]:
    """The same function, which reads a raw text of a message once: senders repeat people, places and codes."""

    @wraps(make)
    def read_once(read: Reader, raw: str) -> Read:
        key = (make, raw)
        found: Read | None = read.known.get(key)
        if found is None:
            found = read.known[key] = make(read, raw)
        return found

    return read_once


class Authority(NamedTuple):
    """HD: who gave an identifier; EI.2 to EI.4 read as one too."""

    namespace: str = ""  # 1
    universal_id: str = ""  # 2
    universal_id_type: str = ""  # 3: ISO, UUID, DNS, URI, ...

    @property
    def key(self) -> str:
        """The one name by which this authority is told apart: namespace, else universal id."""
        return self.namespace or self.universal_id


NOBODY = Authority()
_FIRST = frozenset((0,))
_SECOND = frozenset((1,))
_COUNTY = frozenset((8, 9))
_PLACES = frozenset((0, 1, 2, 6, 7))


class Identifier(NamedTuple):
    """CX: an identifier of somebody or something."""

    value: str  # 1
    authority: Authority = NOBODY  # 4
    kind: str = ""  # 5, HL7 table 0203
    facility: Authority = NOBODY  # 6
    start: str = ""  # 7
    end: str = ""  # 8
    check_digit: str = ""  # 2
    check_scheme: str = ""  # 3


class Entity(NamedTuple):
    """EI: an identifier of an order, a document, a device."""

    value: str  # 1
    authority: Authority = NOBODY  # 2 to 4


class Coded(NamedTuple):
    """CWE, CNE, CE, CF: up to three codes for one meaning, and the words."""

    code: str  # 1
    text: str = ""  # 2
    system: str = ""  # 3
    alternate_code: str = ""  # 4
    alternate_text: str = ""  # 5
    alternate_system: str = ""  # 6
    version: str = ""  # 7
    alternate_version: str = ""  # 8
    original: str = ""  # 9
    second_code: str = ""  # 10
    second_text: str = ""  # 11
    second_system: str = ""  # 12
    second_version: str = ""  # 13
    system_oid: str = ""  # 14


class Name(NamedTuple):
    """XPN: a person's name."""

    family: str  # 1.1
    given: str = ""  # 2
    further: str = ""  # 3
    suffix: str = ""  # 4
    prefix: str = ""  # 5
    degree: str = ""  # 6
    kind: str = ""  # 7, HL7 table 0200
    validity: str = ""  # 10, withdrawn in v2.7: raw range
    start: str = ""  # 12
    end: str = ""  # 13
    professional_suffix: str = ""  # 14
    called_by: str = ""  # 15
    surname: tuple[str, ...] = ()  # 1.2 to 1.5: own prefix, own surname, partner's prefix, partner's surname


class Person(NamedTuple):
    """XCN: a name with an identifier; CNN and NDL.1 read as one too."""

    id: str  # 1
    name: Name
    authority: Authority = NOBODY  # 9
    kind: str = ""  # 13, HL7 table 0203
    facility: Authority = NOBODY  # 14
    check_digit: str = ""  # 11


class Organization(NamedTuple):
    """XON: an organization."""

    name: str  # 1
    id: str = ""  # 10, else 3
    authority: Authority = NOBODY  # 6
    kind: str = ""  # 7, HL7 table 0203


class Address(NamedTuple):
    """XAD: an address; AD reads as one too."""

    street: tuple[str, ...]  # 1: street, street name, dwelling number
    other: str = ""  # 2
    city: str = ""  # 3
    state: str = ""  # 4
    postal_code: str = ""  # 5
    country: str = ""  # 6
    kind: str = ""  # 7, HL7 table 0190
    county: str = ""  # 9, CWE: the words before the code
    start: str = ""  # 13, else 12.1
    end: str = ""  # 14, else 12.2
    addressee: str = ""  # 19


class Contact(NamedTuple):
    """XTN: how somebody is reached."""

    number: str  # 1
    use: str = ""  # 2, HL7 table 0201
    equipment: str = ""  # 3, HL7 table 0202
    address: str = ""  # 4: e-mail
    country: str = ""  # 5
    area: str = ""  # 6
    local: str = ""  # 7
    extension: str = ""  # 8
    unformatted: str = ""  # 12
    start: str = ""  # 13
    end: str = ""  # 14
    rank: str = ""  # 18


class Place(NamedTuple):
    """PL: where somebody lies, from the building to the bed.

    units  the namespaces and universal ids of 1, 2 and 3, where they are sent as HD
    """

    point_of_care: str  # 1
    room: str = ""  # 2
    bed: str = ""  # 3
    facility: Authority = NOBODY  # 4
    building: str = ""  # 7
    floor: str = ""  # 8
    description: str = ""  # 9
    kind: str = ""  # 6, HL7 table 0305
    units: tuple[Authority, Authority, Authority] = (NOBODY, NOBODY, NOBODY)


@once
def authority(read: Reader, raw: str) -> Authority:
    """HD in a component: its parts are subcomponents."""
    if not raw:
        return NOBODY
    leaves = read.leaves(raw)
    if len(leaves) == 1:
        return Authority(leaves[0]) if leaves[0] else NOBODY
    return Authority(leaves[0], leaves[1], leaves[2] if len(leaves) > 2 else "")


@once
def identifier(read: Reader, raw: str) -> Identifier:
    """CX."""
    values = read.values(raw, 8)
    parts = read.parts(raw)
    held_by = authority(read, parts[3]) if len(parts) > 3 else NOBODY
    facility = authority(read, parts[5]) if len(parts) > 5 else NOBODY
    return Identifier(values[0], held_by, values[4], facility, values[6], values[7], values[1], values[2])


@once
def entity(read: Reader, raw: str) -> Entity:
    """EI as a field."""
    values = read.values(raw, 4)
    return Entity(values[0], Authority(values[1], values[2], values[3]) if any(values[1:]) else NOBODY)


@once
def entity_part(read: Reader, raw: str) -> Entity:
    """EI in a component (EIP.1, EIP.2): its parts are subcomponents."""
    leaves = [*read.leaves(raw), "", "", ""]
    return Entity(leaves[0], Authority(leaves[1], leaves[2], leaves[3]) if any(leaves[1:4]) else NOBODY)


@once
def coded(read: Reader, raw: str) -> Coded:
    """CWE, CNE, CE or CF; a value without components is its code."""
    return Coded(*read.values(raw, 14))


@once
def coded_part(read: Reader, raw: str) -> Coded:
    """CE or CWE in a component: its parts are subcomponents."""
    leaves = read.leaves(raw)[:14]
    return Coded(*leaves)


@once
def name(read: Reader, raw: str) -> Name:
    """XPN; PN reads as one too."""
    v = read.values(raw, 15, _FIRST)
    parts = read.parts(raw)
    validity = parts[9] if len(parts) > 9 else ""
    surname = tuple(read.leaves(parts[0])[1:5])
    return Name(v[0], v[1], v[2], v[3], v[4], v[5], v[6], validity, v[11], v[12], v[13], v[14], surname)


@once
def person(read: Reader, raw: str) -> Person:
    """XCN or CN."""
    v = read.values(raw, 21, _SECOND)
    parts = read.parts(raw)
    validity = parts[16] if len(parts) > 16 else ""
    surname = tuple(read.leaves(parts[1])[1:5]) if len(parts) > 1 else ()
    called = Name(v[1], v[2], v[3], v[4], v[5], v[6], v[9], validity, v[18], v[19], v[20], surname=surname)
    held_by = authority(read, parts[8]) if len(parts) > 8 else NOBODY
    facility = authority(read, parts[13]) if len(parts) > 13 else NOBODY
    return Person(v[0], called, held_by, v[12], facility, v[10])


class Named(NamedTuple):
    """NDL: a person, when, and where."""

    person: Person  # 1
    start: str = ""  # 2
    end: str = ""  # 3
    place: Place = Place("")  # 4 to 11


def named(read: Reader, raw: str) -> Named:
    """NDL; a person whose parts are components instead of subcomponents (XCN) reads as one too."""
    parts = read.parts(raw)
    if len(read.leaves(parts[0])) == 1 and parts[1:] and not _MOMENT.fullmatch("".join(parts[1:2])):
        return Named(person(read, raw))
    v = read.values(raw, 11, frozenset((3, 4, 5, 9, 10)))
    facility = authority(read, parts[6]) if len(parts) > 6 else NOBODY
    where = Place(v[3], v[4], v[5], facility, v[9], v[10], "", v[8])
    return Named(named_person(read, raw), v[1], v[2], where)


_MOMENT = re.compile(r"[\d.+-]*", re.ASCII)


def named_person(read: Reader, raw: str) -> Person:
    """NDL.1 (CNN): a person whose parts are subcomponents."""
    leaves = [*read.leaves(read.parts(raw)[0]), *[""] * 11]
    called = Name(leaves[1], leaves[2], leaves[3], leaves[4], leaves[5], leaves[6])
    return Person(leaves[0], called, Authority(leaves[8], leaves[9], leaves[10]) if any(leaves[8:11]) else NOBODY)


@once
def organization(read: Reader, raw: str) -> Organization:
    """XON."""
    values = read.values(raw, 10)
    parts = read.parts(raw)
    held_by = authority(read, parts[5]) if len(parts) > 5 else NOBODY
    return Organization(values[0], values[9] or values[2], held_by, values[6])


@once
def address(read: Reader, raw: str) -> Address:
    """XAD or AD."""
    v = read.values(raw, 19, _COUNTY)
    parts = read.parts(raw)
    street = tuple(leaf for leaf in read.leaves(parts[0]) if leaf)
    validity = read.leaves(parts[11]) if len(parts) > 11 and parts[11] else ["", ""]
    start = v[12] or validity[0]
    end = v[13] or (validity[1] if len(validity) > 1 else "")
    county = read.leaves(parts[8]) if len(parts) > 8 and parts[8] else [""]
    named = next((leaf for leaf in (*county[8:9], *county[1:2], *county[:1]) if leaf), "")
    return Address(street, v[1], v[2], v[3], v[4], v[5], v[6], named, start, end, v[18])


@once
def contact(read: Reader, raw: str) -> Contact:
    """XTN or TN."""
    v = read.values(raw, 18)
    return Contact(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[11], v[12], v[13], v[17])


@once
def place(read: Reader, raw: str) -> Place:
    """PL."""
    v = read.values(raw, 9, _PLACES)
    parts = read.parts(raw)
    facility = authority(read, parts[3]) if len(parts) > 3 else NOBODY
    units = (authority(read, parts[0]), *(authority(read, part) for part in (*parts[1:3], "", "")))[:3]
    return Place(v[0], v[1], v[2], facility, v[6], v[7], v[8], v[5], (units[0], units[1], units[2]))
