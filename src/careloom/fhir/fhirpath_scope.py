"""What an expression may know besides the resource that it is asked of, and how much work it may do."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol

from careloom.fhir.fhirpath_errors import PathLimitError
from careloom.fhir.fhirpath_values import Items, Node

STEPS_AT_MOST = 1_000_000
"""Steps of one evaluation unless its caller says otherwise; some seconds of one core at most."""


class Terminology(Protocol):
    """What memberOf(), subsumes() and subsumedBy() ask; None where it is not known."""

    def member_of(self, value_set: str, system: str, code: str) -> bool | None:
        """True where the value set has the code."""

    def subsumes(self, system: str, code: str, below: str) -> bool | None:
        """True where `code` is `below` or an ancestor of it."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What the caller hands in.

    now          the time of now(), today(), timeOfDay(); where None, those are refused
    variables    name -> value or list of values of ``%name``; JSON of a resource where it is an object
    resolver     a reference -> the JSON of its resource, or None; where it is absent, resolve() reaches contained
                 resources and entries of the same Bundle, and refuses others
    terminology  what memberOf(), subsumes(), subsumedBy() ask; where None, those are refused
    conforms     (resource, canonical of a profile) -> truth, for conformsTo(); where None, only the types of FHIR R4
    trace        is told what trace() passes on: its name, and the JSON of the items
    steps        how much work the evaluation may do
    utc          whether a time without a zone is one of UTC; else it compares where all zones give one answer
    by_place     whether ``|``, union() and repeat() keep equal elements at different places, for who changes them
    """

    now: datetime | None = None
    variables: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    resolver: Callable[[str], Any] | None = None
    terminology: Terminology | None = None
    conforms: Callable[[Any, str], bool] | None = None
    trace: Callable[[str, list[Any]], None] | None = None
    steps: int = STEPS_AT_MOST
    utc: bool = False
    by_place: bool = False


class Scope:
    """The state of one evaluation: what ``$index`` and ``$total`` are now, and how many steps are left."""

    __slots__ = ("context", "environment", "index", "left", "resource", "root", "total", "variables")

    def __init__(self, environment: Environment, context: Items, resource: Items, root: Items) -> None:
        self.environment = environment
        self.variables: dict[str, Any] = dict(environment.variables)
        self.context = context
        self.resource = resource
        self.root = root
        self.index: int | None = None
        self.total: Items = []
        self.left = environment.steps

    def spend(self, steps: int) -> None:
        """Counts work. raises PathLimitError where none is left"""
        self.left -= steps
        if self.left < 0:
            raise PathLimitError(
                "the evaluation takes too many steps",
                f"Ask for less, or allow more than {self.environment.steps} steps.",
            )


Run = Callable[[Scope, Items], Items]
"""A compiled part of an expression: what it finds where ``$this`` is that collection."""


@dataclass(frozen=True, slots=True)
class Lazy:
    """An argument that a function asks of each item; `weight` is how many parts it has."""

    run: Run
    weight: int

    def each(self, scope: Scope, items: Items) -> Iterator[tuple[Any, Items]]:
        """(item, what the argument finds there) with ``$index`` set."""
        outer = scope.index
        try:
            for index, item in enumerate(items):
                scope.spend(self.weight)
                scope.index = index
                yield item, self.run(scope, [item])
        finally:
            scope.index = outer


def start(item: Node, environment: Environment) -> Scope:
    """The scope of an evaluation at a node: ``%resource`` is the resource it is in, ``%rootResource`` its container."""
    resource: Node | None = item
    while resource is not None and not _is_resource(resource):
        resource = resource.parent
    container = None if resource is None else resource.parent
    while container is not None and not _is_resource(container):
        container = container.parent
    inner: Items = [] if resource is None else [resource]
    contained = resource is not None and resource.key == "contained" and container is not None
    return Scope(environment, [item], inner, [container] if contained else inner)


def _is_resource(node: Node) -> bool:
    return node.value.__class__ is dict and "resourceType" in node.value
