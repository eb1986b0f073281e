"""The prefixes and unit atoms of UCUM, as its own essence defines them.

source  ucum-essence.xml, version 2.2 (2024-06-17), shipped unchanged in ``units/``; tools/make_ucum_essence.py
"""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from types import MappingProxyType
from xml.etree import ElementTree

from careloom import runtime

_SPACE = "{http://unitsofmeasure.org/ucum-essence}"


@dataclass(frozen=True, slots=True)
class Atom:
    """One unit atom.

    code       as UCUM writes it, case-sensitive
    capital    its case-insensitive form
    name       its English name
    kind       the property it measures, e.g. ``mass``
    is_metric  takes prefixes
    is_arbitrary  defined by a procedure: comparable with nothing but itself
    number, unit  its definition: that number of that unit expression; a base unit is 1 of itself
    function   of a special unit (not on a ratio scale): the name of its scale; empty for all others
    """

    code: str
    capital: str
    name: str
    kind: str
    is_metric: bool
    is_arbitrary: bool
    number: Fraction
    unit: str
    function: str


@dataclass(frozen=True, slots=True)
class Table:
    """Everything that UCUM names.

    prefixes          prefix -> factor
    prefix_capitals   prefix -> its case-insensitive form
    atoms             code -> atom
    base              the seven base units
    """

    version: str
    prefixes: Mapping[str, Fraction]
    prefix_capitals: Mapping[str, str]
    atoms: Mapping[str, Atom]
    base: tuple[str, ...]


def _text(node: ElementTree.Element, name: str) -> str:
    found = node.find(_SPACE + name)
    return " ".join("".join(found.itertext()).split()) if found is not None else ""


def _value(node: ElementTree.Element) -> ElementTree.Element:
    found = node.find(_SPACE + "value")
    assert found is not None  # noqa: S101 - the essence of this version has one in each
    return found


def _atom(node: ElementTree.Element) -> Atom:
    value = _value(node)
    function = value.find(_SPACE + "function")
    source = function if function is not None else value
    return Atom(
        code=node.attrib["Code"],
        capital=node.attrib["CODE"],
        name=_text(node, "name"),
        kind=_text(node, "property"),
        is_metric=node.attrib["isMetric"] == "yes",
        is_arbitrary=node.get("isArbitrary") == "yes",
        number=Fraction(source.attrib["value"]),
        unit=source.attrib["Unit"],
        function=function.attrib["name"] if function is not None else "",
    )


def _base(node: ElementTree.Element) -> Atom:
    code = node.attrib["Code"]
    return Atom(
        code, node.attrib["CODE"], _text(node, "name"), _text(node, "property"), True, False, Fraction(1), code, ""
    )


@cache
def table() -> Table:
    """UCUM's table, read once; 6 ms."""
    root = ElementTree.fromstring(  # noqa: S314
        gzip.decompress(runtime.packaged("terminology", "units/ucum-essence.xml.gz"))
    )
    base = [_base(node) for node in root.iter(_SPACE + "base-unit")]
    atoms = base + [_atom(node) for node in root.iter(_SPACE + "unit")]
    nodes = list(root.iter(_SPACE + "prefix"))
    prefixes = {node.attrib["Code"]: Fraction(_value(node).attrib["value"]) for node in nodes}
    capitals = {node.attrib["Code"]: node.attrib["CODE"] for node in nodes}
    return Table(
        version=root.attrib["version"],
        prefixes=MappingProxyType(prefixes),
        prefix_capitals=MappingProxyType(capitals),
        atoms=MappingProxyType({atom.code: atom for atom in atoms}),
        base=tuple(atom.code for atom in base),
    )
