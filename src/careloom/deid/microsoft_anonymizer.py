"""Runs a Microsoft FHIR anonymizer configuration over resources: rules in order, the first that fits a node wins.

A rule takes a node with everything below it that no earlier rule took; resources inside (contained, entries of a
Bundle) are worked on by themselves. What no rule reaches stays as it is: a configuration is a deny-list.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from careloom.deid.microsoft import Configuration, Rule
from careloom.deid.microsoft_elements import (
    Json,
    ShapeError,
    inside,
    is_resource,
    kind_of,
    name_of,
    read_resource,
    written,
)
from careloom.deid.microsoft_labels import add_labels, empty_resource
from careloom.deid.microsoft_methods import HANDLERS, Keys, Operation, ProcessingError, Run
from careloom.deid.microsoft_paths import surroundings
from careloom.deid.microsoft_substitute import substitute
from careloom.errors import FormatError
from careloom.fhir.fhirpath_errors import PathError
from careloom.fhir.fhirpath_values import Node, all_children, children, resource_node

_HANDLERS = HANDLERS | {"substitute": substitute}
_EVERY_TYPE = ("", "Resource", "DomainResource")


@dataclass(frozen=True, slots=True)
class Anonymized:
    """A resource afterwards.

    changes     operation -> nodes that it changed
    is_skipped  True where processing failed and an empty resource stands for it
    """

    resource: Json
    changes: Counter[Operation]
    is_skipped: bool = False


class Anonymizer:
    """One configuration with its keys: the same keys, day, random bytes and resource give the same resource.

    today         the day on which ages are reckoned
    random_bytes  for noise and initialization vectors
    fired         numbers of the rules that found a node so far
    """

    def __init__(
        self, configuration: Configuration, keys: Keys, *, today: date, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._configuration = configuration
        self._run = Run(configuration.parameters, keys, today, surroundings(today), random_bytes)
        self._rules: dict[str, list[Rule]] = {}
        self.fired: set[int] = set()

    def anonymize(self, resource: Json, prefix: str = "") -> Anonymized:
        """A resource as the rules leave it; the one given is not changed.

        prefix  the name of the file or folder where the date shift is to be the same in all of it
        raises  ShapeError where it is no FHIR R4; FormatError where a rule fails on it and the configuration does not
                skip that; SetupError where a rule cannot be applied to what its path reaches
        """
        try:
            return self._anonymize(resource, prefix)
        except RecursionError:
            raise ShapeError("nested too deep") from None

    def _anonymize(self, resource: Json, prefix: str) -> Anonymized:
        node = resource_node(read_resource(resource))
        run = replace(self._run, prefix=prefix, visited=set())
        try:
            changes = self._visit(node, run)
        except ProcessingError as error:
            if self._configuration.skips_errors:
                return Anonymized(empty_resource(node.kind), Counter(), is_skipped=True)
            remedy = 'Mend the rule, or set "processingErrors": "skip" to get empty resources instead.'
            raise FormatError(f"a rule failed on a resource: {error}", remedy) from None
        return Anonymized(written(node.value), changes)

    def _visit(self, resource: Node, run: Run) -> Counter[Operation]:
        """Works on a resource and then on the resources inside it, and labels it with what was done to all of them."""
        done = self._process(resource, run)
        for inner in inside(resource):
            done += self._visit(inner, run)
        if resource.key != "contained":
            add_labels(resource.value, done)
        return done

    def _process(self, resource: Node, run: Run) -> Counter[Operation]:
        rules = self._rules_of(resource.kind)
        done: Counter[Operation] = Counter()
        known = _look_ups(resource, rules)
        for rule in rules:
            found = self._matches(rule, resource, known, run)
            if found:
                self.fired.add(rule.number)
            for node in found:
                _apply(node, rule, run, done)
        return done

    def _rules_of(self, kind: str) -> list[Rule]:
        if kind not in self._rules:
            rules = self._configuration.rules
            self._rules[kind] = [rule for rule in rules if rule.resource_type in (kind, *_EVERY_TYPE)]
        return self._rules[kind]

    def _matches(self, rule: Rule, resource: Node, known: dict[tuple[str, str], list[Node]], run: Run) -> list[Node]:
        if rule.look_ups:
            return [node for asked in rule.look_ups for node in _looked_up(known, *asked)]
        if rule.expression is None:
            return [resource]
        try:
            items = rule.expression.items(resource, run.known)
        except PathError as error:
            raise ProcessingError(rule, error.where) from None
        return [item for item in items if isinstance(item, Node)]


def _look_ups(resource: Node, rules: list[Rule]) -> dict[tuple[str, str], list[Node]]:
    """What rules look up by type or name below a resource; of resources inside only they themselves."""
    found: dict[tuple[str, str], list[Node]] = {asked[:2]: [] for rule in rules for asked in rule.look_ups}
    waiting = [resource] if found else []
    while waiting:
        for child in all_children(waiting.pop()):
            for asked in (("Type", kind_of(child)), ("Name", name_of(child))):
                if asked in found:
                    found[asked].append(child)
            if not is_resource(child):
                waiting.append(child)
    return found


def _looked_up(known: dict[tuple[str, str], list[Node]], how: str, which: str, child: str) -> list[Node]:
    found = known[how, which]
    return [each for node in found for each in children(node, child) if isinstance(each, Node)] if child else found


def _apply(node: Node, rule: Rule, run: Run, done: Counter[Operation]) -> None:
    if node in run.visited:
        return
    operation = _HANDLERS[rule.method](node, rule, run)
    if operation is not None:
        done[operation] += 1
    run.visited.add(node)
    for child in all_children(node):
        if not is_resource(child):
            _apply(child, rule, run, done)
