"""What shapes the answer of a search and not its matches: pages, order, totals, elements, and what is included."""

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import cast, get_args

from careloom.errors import QueryError
from careloom.fhir.search_own import STANDARD, OwnParameters
from careloom.fhir.search_parameters import Parameter, resource_types
from careloom.fhir.search_query import Include, Summary, Total
from careloom.fhir.search_shape import element_names

ONCE = ("_count", "_sort", "_summary", "_total", "_elements")
INCLUDES = ("_include", "_revinclude")
CONTROLS = (*ONCE, *INCLUDES)
MOST_INCLUDES = 20
SORTED = ("date", "number", "quantity")
"""Kinds of parameters that resources can be sorted by: of all others the index holds hashes only."""


@dataclass(slots=True)
class Controls:
    """The controls of one search as they were given."""

    own: OwnParameters = STANDARD
    once: dict[str, str] = field(default_factory=dict)
    includes: list[Include] = field(default_factory=list)

    def add(self, resource_type: str, name: str, value: str) -> None:
        """Takes one in. raises QueryError."""
        code, _, modifier = name.partition(":")
        if code in INCLUDES:
            if modifier not in ("", "iterate"):
                raise QueryError(f"the modifier of {code} is not answered", f"write {code} or {code}:iterate")
            self.includes += [
                self._include(resource_type, code, one, modifier == "iterate") for one in value.split(",")
            ]
            if len(self.includes) > MOST_INCLUDES:
                raise QueryError("the search has too many inclusions", f"give at most {MOST_INCLUDES}")
        elif code in self.once:
            raise QueryError(f"{code} is given twice", "give it once")
        elif modifier:
            raise QueryError(f"{code} takes no modifier", "leave the colon out")
        else:
            self.once[code] = value

    def count(self) -> int | None:
        """The page size asked for. raises QueryError."""
        text = self.once.get("_count")
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise QueryError("_count is no number", "give a number from 0 on")
        return int(text)

    def total(self) -> Total:
        """Whether all matches are to be counted. raises QueryError."""
        text = self.once.get("_total", "none")
        if text not in get_args(Total):
            raise QueryError("_total is not understood", "write none, estimate or accurate")
        return cast(Total, text)

    def summary(self) -> Summary:
        """What is wanted of each match. raises QueryError."""
        text = self.once.get("_summary", "false")
        if text not in get_args(Summary):
            raise QueryError("_summary is not understood", "write true, text, data, count or false")
        return cast(Summary, text)

    def is_count_only(self) -> bool:
        """True when the number of matches is all that is wanted."""
        return self.summary() == "count" or self.count() == 0

    def elements(self, resource_type: str) -> tuple[str, ...]:
        """The only elements wanted. raises QueryError for one that the type has not."""
        text = self.once.get("_elements")
        if text is None:
            return ()
        if self.summary() != "false":
            raise QueryError("_elements and _summary exclude each other", "give one of them")
        names = tuple(dict.fromkeys(one.removeprefix(f"{resource_type}.") for one in text.split(",")))
        known = element_names(resource_type)
        if any(name not in known for name in names):
            remedy = f"name top-level elements of {resource_type}: {', '.join(known)}"
            raise QueryError("_elements names what the type has not", remedy)
        return names

    def order(self, resource_type: str) -> tuple[str, Parameter | None, bool]:
        """(what is sorted by, its parameter if it is one, whether descending). raises QueryError."""
        text = self.once.get("_sort")
        if text is None:
            return "", None, False
        name = text.removeprefix("-")
        parameter = self.own.of(resource_type).get(name)
        if name in ("_id", "_lastUpdated"):
            return name, None, text.startswith("-")
        if parameter is None or parameter.kind not in SORTED or "BirthDate" in parameter.emits:
            sortable = [one for one in self.own.of(resource_type).values() if one.kind in SORTED]
            known = [one.code for one in sortable if "BirthDate" not in one.emits]
            remedy = f"sort by one of {', '.join(['_id', '_lastUpdated', *known])}, descending with a minus before it"
            raise QueryError("_sort is not answered so", remedy)
        return name, parameter, text.startswith("-")

    def _include(self, resource_type: str, code: str, value: str, is_iterated: bool) -> Include:
        is_reverse = code == "_revinclude"
        if value == "*" and not is_reverse:
            return Include(resource_type, self._references(resource_type), is_iterated=is_iterated)
        source, _, rest = value.partition(":")
        name, _, target = rest.partition(":")
        if source not in resource_types() or not name or (target and target not in resource_types()):
            raise QueryError(f"a value of {code} is not understood", f"write it as {code}=Observation:subject:Patient")
        if name == "*":
            return Include(source, self._references(source), target, is_reverse, is_iterated)
        parameter = self.own.of(source).get(name)
        if parameter is None or parameter.kind != "reference":
            known = [one.code for one in self._references(source)]
            near = get_close_matches(name, known, n=3, cutoff=0.5) or known
            raise QueryError(f"a value of {code} names no reference of {source}", f"it has {', '.join(near) or 'none'}")
        if target and parameter.targets and target not in parameter.targets:
            remedy = f"it points to {', '.join(parameter.targets)}"
            raise QueryError(f"{source}:{name} does not point to {target}", remedy)
        return Include(source, (parameter,), target, is_reverse, is_iterated)

    def _references(self, resource_type: str) -> tuple[Parameter, ...]:
        return tuple(one for one in self.own.of(resource_type).values() if one.kind == "reference")
