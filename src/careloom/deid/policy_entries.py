"""The entries of a packaged policy as people read them: what is decided for which elements, by which file, and why."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from careloom.deid.policy import packaged_policy
from careloom.runtime import packaged

DECISIONS = ("keep", "remove", "mask", "need", "refuse")
"""As the grammar in first.toml has them; ``refuse`` is about a whole resource."""
EVERY = "*"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry.

    structure  the structure of FHIR R4 that it is about; `EVERY` for all
    elements   their JSON names, each with its treatment where one is named; an extension by its URL; empty for the
               whole resource
    origin     the policy whose file says so: this one, or one that it extends
    """

    structure: str
    decision: str
    elements: tuple[str, ...]
    because: str
    origin: str


@cache
def entries(name: str) -> tuple[Entry, ...]:
    """What holds under a policy that ships, structure by structure. raises SetupError if there is none of that name."""
    packaged_policy(name)
    sources = list(_sources(name))
    return (*_of_structures(sources), *_of_extensions(sources), *_of_types(sources))


def _sources(name: str) -> Iterator[Mapping[str, Any]]:
    """The files of a policy, the nearest first."""
    while name:
        source = tomllib.loads(packaged("deid", f"policies/{name}.toml").decode())
        yield source
        name = source.get("extends", "")


def _of_structures(sources: list[Mapping[str, Any]]) -> Iterator[Entry]:
    for structure, (origin, decisions) in sorted(_nearest(sources, "structure").items()):
        for decision in DECISIONS:
            for names, because in decisions.get(decision, {}).items():
                yield Entry(structure, decision, tuple(one.strip() for one in names.split(",")), because, origin)


def _of_extensions(sources: list[Mapping[str, Any]]) -> Iterator[Entry]:
    for url, (origin, rule) in _nearest(sources, "extension").items():
        decision = "remove" if "remove" in rule else "keep"
        because = rule["remove"] if "remove" in rule else rule["because"]
        yield Entry(rule["on"], decision, (f"extension {url}",), because, origin)


def _of_types(sources: list[Mapping[str, Any]]) -> Iterator[Entry]:
    source = next(one for one in sources if "refuse" in one)
    for kind, why in source["refuse"].items():
        yield Entry(kind, "refuse", (), why, source["name"])


def _nearest(sources: list[Mapping[str, Any]], table: str) -> dict[str, tuple[str, Any]]:
    """Name -> the policy that decides it, and what it says; as `careloom.deid.policy.merged` merges."""
    found: dict[str, tuple[str, Any]] = {}
    for source in reversed(sources):
        found |= {name: (source["name"], rule) for name, rule in source.get(table, {}).items()}
    return found
