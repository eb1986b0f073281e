"""The fast way to say yes: functions generated for the shapes that objects really have.

A *shape* is a type and the JSON property names of one object, in order. What depends on names alone (unknown and
missing elements, choices, most invariants) is decided once per shape; what is left, the values, is checked by Python
source generated for that shape. A function returns how many properties it saw in all (for the duplicate check of
`careloom.fhir.validate`), 0 when it cannot accept. It never refuses: whatever is not accepted here, for whatever reason
(an exception included), is decided by `careloom.fhir.validate_explain`.

Law, kept by tests: what is accepted here has no issue there.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from careloom.fhir.drafts import Resource
from careloom.fhir.shape_source import Root, Site, source_of
from careloom.fhir.validate_tables import resource_types

MAX_SHAPES = 6_000
_MAX_SEEN_ONCE = 20_000

Accept = Callable[[Any, Callable[[Any], None], Any], int]
Find = Callable[[tuple[str, ...]], Accept | None]
Miss = Callable[[Any], Accept]


def _undecided(_node: Any, _add: Callable[[Any], None], _local: Any) -> int:
    """Accepts nothing."""
    return 0


class Shapes:
    """All functions generated so far, by site and shape; at most `MAX_SHAPES`.

    A shape is compiled when it is met the second time, so that rare shapes cost no more than the explaining pass.
    """

    def __init__(self) -> None:
        self.tables: dict[Site, dict[tuple[str, ...], Accept]] = {}
        self.seen_once: set[tuple[Site, tuple[str, ...]]] = set()
        self.compiled = 0
        self.roots = _Roots(self, inside=False)
        self.inner = _Roots(self, inside=True)

    def at(self, site: Site) -> tuple[Find, Miss]:
        """Look-up and fallback for the objects of one site."""
        table = self.tables.setdefault(site, {})
        return table.get, partial(self._miss, site)

    def _miss(self, site: Site, node: Any) -> Accept:
        names = tuple(node) if node.__class__ is dict else ()
        key = (site, names)
        if key not in self.seen_once:
            if len(self.seen_once) >= _MAX_SEEN_ONCE:
                self.seen_once.clear()
            self.seen_once.add(key)
            return _undecided
        if self.compiled >= MAX_SHAPES or not names:
            return _undecided
        self.compiled += 1
        self.seen_once.discard(key)
        made = self._compile(site, node)
        self.tables[site][names] = made
        return made

    def _compile(self, site: Site, sample: Resource) -> Accept:
        source, space = source_of(site, sample, self.at)
        if not source:
            return _undecided
        space["contained"] = self.contained
        exec(compile(source, f"<shape of {site.type}>", "exec"), space)  # noqa: S102 - our own generated source
        made: Accept = space["accept"]
        return made

    def resource(self, node: Resource, add: Callable[[Any], None]) -> int:
        """Properties seen in a resource that stands for itself; 0 or any exception when it cannot be accepted."""
        find, miss = self.roots[node["resourceType"]]
        return (find(tuple(node)) or miss(node))(node, add, None)

    def contained(self, node: Resource, add: Callable[[Any], None], local: Any) -> int:
        """The same for a contained resource; `local` maps the ids of all contained ones."""
        find, miss = self.inner[node["resourceType"]]
        return (find(tuple(node)) or miss(node))(node, add, local)


class _Roots(dict[str, tuple[Find, Miss]]):
    """Resource type to its look-ups, made on first use; KeyError for anything else."""

    def __init__(self, shapes: Shapes, *, inside: bool) -> None:
        super().__init__()
        self.shapes = shapes
        self.inside = inside

    def __missing__(self, name: str) -> tuple[Find, Miss]:
        if name not in resource_types():
            raise KeyError(name)
        self[name] = self.shapes.at(Root(name, self.inside))
        return self[name]


SHAPES = Shapes()
"""The process's shapes: a bounded cache, derived from the packaged definitions and seen property names only."""
