"""A template family: one way of writing all kinds of notes, as data in families/*.toml. For templates see `grammar`.

about        what kind of author it imitates
[style]      dates           forms of dates: {d} {dd} {m} {mm} {mon} {month} {y} {yyyy}
             clocks          forms of times of day: {h} {hh} {h12} {min} {ampm}
             registers       which names of concepts: formal, short, plain; named twice, taken twice as often
             headings        [what stands before, what stands after] a heading
             typos           share of words of five letters or more that are misspelt
             wraps           line lengths; 0: lines are not broken
             copies          share of blocks that are carried over from the note before
[headings]   section kind -> its titles; an empty one: no heading
[names]      concept -> names that this family uses instead of those of words.toml
[rules]      name -> templates
[notes]      kind of note -> templates
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from careloom.runtime import packaged, packaged_names
from careloom.simulate.narrative.grammar import Nodes, TemplateError, parse

KINDS = (
    "discharge",
    "progress",
    "admission",
    "radiology",
    "pathology",
    "nursing",
    "telephone",
    "emergency",
    "consultation",
)
"""The kinds of notes; every family writes each of them."""


@dataclass(frozen=True, slots=True)
class Family:
    """A template family, parsed."""

    name: str
    about: str
    dates: tuple[str, ...]
    clocks: tuple[str, ...]
    registers: tuple[str, ...]
    heading_styles: tuple[tuple[str, str], ...]
    typos: float
    wraps: tuple[int, ...]
    copies: float
    headers: Mapping[str, tuple[str, ...]]
    names: Mapping[str, tuple[str, ...]]
    rules: Mapping[str, tuple[Nodes, ...]]
    notes: Mapping[str, tuple[Nodes, ...]]


@cache
def families() -> MappingProxyType[str, Family]:
    """All families of the package by their names."""
    read = (read_family(packaged("simulate", path).decode("utf-8")) for path in _files())
    return MappingProxyType({family.name: family for family in read})


def _files() -> list[str]:
    return packaged_names("simulate", "narrative/families", ".toml")


def read_family(text: str) -> Family:
    """A family from the text of its file.

    raises  TemplateError where a template does not parse, a rule is missing or never called, or a kind is missing
    """
    data = tomllib.loads(text)
    name, style = data["name"], data["style"]
    called: set[str] = set()
    rules = {rule: _parsed(options, f"{name}/{rule}", called) for rule, options in data["rules"].items()}
    notes = {kind: _parsed(options, f"{name}/{kind}", called) for kind, options in data["notes"].items()}
    for what, wrong in (
        ("no rule is named", called - set(rules)),
        ("nobody calls", set(rules) - called),
        ("no template for", set(KINDS) - set(notes)),
    ):
        if wrong:
            raise TemplateError(f"family {name}: {what} {', '.join(sorted(wrong))}")
    return Family(
        name,
        data["about"],
        tuple(style["dates"]),
        tuple(style["clocks"]),
        tuple(style["registers"]),
        tuple((before, after) for before, after in style["headings"]),
        style["typos"],
        tuple(style["wraps"]),
        style["copies"],
        _lists(data["headings"]),
        _lists(data.get("names", {})),
        rules,
        notes,
    )


def _lists(table: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {key: (ways,) if isinstance(ways, str) else tuple(ways) for key, ways in table.items()}


def _parsed(options: str | Iterable[str], where: str, called: set[str]) -> tuple[Nodes, ...]:
    out = []
    for option in [options] if isinstance(options, str) else options:
        nodes, names = parse(option, where)
        called.update(names)
        out.append(nodes)
    return tuple(out)
