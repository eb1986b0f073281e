"""The paths and conditions of Microsoft anonymizer configurations: FHIRPath with two functions and a loose quote.

source  github.com/microsoft/Tools-for-Health-Data-Anonymization, docs/FHIR-anonymization.md, "FHIR path rules"
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

from careloom.deid.microsoft_elements import kind_of, name_of, own
from careloom.fhir.fhirpath import Expression, compile_with, outside_names
from careloom.fhir.fhirpath_errors import PathEvaluationError, PathMeaningError
from careloom.fhir.fhirpath_functions import Function
from careloom.fhir.fhirpath_moments import Moment
from careloom.fhir.fhirpath_scope import Environment, Scope
from careloom.fhir.fhirpath_texts import text
from careloom.fhir.fhirpath_values import Items, Node, Quantity, TypeInfo, as_boolean, single

_STEPS = 1_000_000_000
"""Whoever runs a configuration wrote it; a Bundle may be large."""
_QUOTED = re.compile(r"""('(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)|"((?:[^"\\]|\\.)*)\"""", re.DOTALL)


def compiled(path: str) -> Expression:
    """An expression, ready to be asked; texts may stand in double quotes, as ``nodesByName("telecom")``.

    raises  PathError if it is no FHIRPath, or names a function or variable that is not known here
    """
    found = compile_with(_FUNCTIONS, with_single_quotes(path))
    if outside_names(found):
        raise PathMeaningError("a variable that is not known here", "Use %context, %resource, %ucum, %sct or %loinc.")
    return found


def with_single_quotes(path: str) -> str:
    """The same path with texts as FHIRPath quotes them."""
    return _QUOTED.sub(lambda found: found[1] or "'" + re.sub(r"(?<!\\)'", r"\\'", found[2]) + "'", path)


def surroundings(today: date) -> Environment:
    """What expressions may know: the day. Equal elements at different places stay, for a rule must reach them all.

    Times without a zone are in UTC, as the original takes them.
    """
    return Environment(now=datetime.combine(today, time(), UTC), steps=_STEPS, utc=True, by_place=True)


def holds(condition: Expression, node: Node, environment: Environment) -> bool:
    """Whether a condition does not fail: an empty answer holds, as Microsoft's anonymizer takes it. raises PathError"""
    return as_boolean(condition.items(node, environment)) is not False


def made(expression: Expression, node: Node, environment: Environment) -> Any:
    """The single value that an expression makes, as JSON has it; None for none. raises PathError"""
    found = single(expression.items(node, environment))
    if isinstance(found, Node | Quantity | TypeInfo):
        raise PathEvaluationError("a plain value is wanted", "Name an element that holds one.")
    return found.text if isinstance(found, Moment) else found


def _nodes_by(told: Callable[[Node], str]) -> Function:
    def found(scope: Scope, items: Items, wanted: Items) -> Items:
        name = text(wanted, "the argument")
        every = [each for node in items if isinstance(node, Node) for each in (node, *own(node))]
        scope.spend(len(every))
        return [node for node in every if told(node) == name]

    return found, 1, 1


_FUNCTIONS = {"nodesByType": _nodes_by(kind_of), "nodesByName": _nodes_by(name_of)}
"""Both search what is asked and all below it, but for resources inside."""
