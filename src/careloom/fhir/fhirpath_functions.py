"""Every function of FHIRPath by name, with how many arguments it takes."""

import difflib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from careloom.fhir import fhirpath_collections as collections
from careloom.fhir import fhirpath_grammar as grammar
from careloom.fhir.fhirpath_conversions import CONVERSIONS
from careloom.fhir.fhirpath_errors import PathMeaningError
from careloom.fhir.fhirpath_fhir import FHIR, NOT_BUILT
from careloom.fhir.fhirpath_numbers import MATHEMATICS
from careloom.fhir.fhirpath_scope import Scope
from careloom.fhir.fhirpath_texts import TEXTS
from careloom.fhir.fhirpath_values import Items, single

Function = tuple[Callable[..., Items], int, int]


def _of_number(work: Callable[..., Any]) -> Callable[..., Items]:
    def worked(_scope: Scope, items: Items, *arguments: Items) -> Items:
        values = [single(items, "the input"), *(single(one, "an argument") for one in arguments)]
        if None in values:
            return []
        found = work(*values)
        return [] if found is None else [found]

    return worked


_WITH_ARGUMENTS = {"log": (1, 1), "power": (1, 1), "round": (0, 1)}

FUNCTIONS = MappingProxyType[str, Function](
    {
        **TEXTS,
        **collections.COLLECTIONS,
        **FHIR,
        **{name: (_of_number(work), *_WITH_ARGUMENTS.get(name, (0, 0))) for name, work in MATHEMATICS.items()},
    }
)
"""Name -> (function of the evaluated arguments, fewest, most)."""
LAZY = MappingProxyType[str, Function](
    {
        **collections.LAZY,
        "aggregate": (collections.aggregate, 1, 2),
        "sort": (collections.sort, 0, 32),
        "trace": (collections.trace, 1, 2),
    }
)
"""Name -> (function whose arguments are asked of each item, fewest, most)."""
TYPED = MappingProxyType({"is": (0, 0), "as": (0, 0), "ofType": (0, 0), "getReferenceKey": (0, 0)})
"""Functions whose argument is the name of a type; the grammar reads it."""
TO = MappingProxyType(
    {
        f"{prefix}{name}": (work, 0, 1 if name == "Quantity" else 0)
        for name, work in CONVERSIONS.items()
        for prefix in ("to", "convertsTo")
    }
)
"""toInteger() and its like -> (conversion, fewest, most)."""


def known_names() -> list[str]:
    """Every function, sorted."""
    return sorted({*FUNCTIONS, *LAZY, *TYPED, *TO})


def check_call(tree: grammar.Call, functions: Mapping[str, Function] = FUNCTIONS) -> None:
    """Nothing where there is such a function, of `functions` or any that is compiled, with that many arguments.

    raises  PathMeaningError
    """
    name = tree.name
    if name in NOT_BUILT:
        raise PathMeaningError(f"{name}() needs profiles and is not built", "Check with the validator.", tree.column)
    if name in TYPED:
        return
    known = functions.get(name) or LAZY.get(name) or TO.get(name)
    if known is None:
        near = difflib.get_close_matches(name, known_names(), 1)
        remedy = f"Perhaps {near[0]}() is meant." if near else "See the list of functions in the documentation."
        raise PathMeaningError("there is no such function", remedy, tree.column)
    fewest, most = known[1], known[2]
    if not fewest <= len(tree.arguments) <= most:
        wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
        raise PathMeaningError(f"{name}() takes {wanted} arguments", "Give as many.", tree.column)
