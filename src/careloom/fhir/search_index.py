"""What can be searched about a resource, as entries: one function, fast, for every R4 type."""

from typing import Any

from careloom.fhir.search_compile import Extractor, compile_extractor
from careloom.fhir.search_interpret import Entry, interpret
from careloom.fhir.search_parameters import resource_types

_extractors: dict[str, Extractor] = {}


def extract(resource: dict[str, Any]) -> list[Entry]:
    """The index entries of a validated resource: tuples that start with what they are and the slot they are in.

    ``("t", slot, system, code)``     a coded value; the system of a `code`, boolean or string is empty
    ``("i", slot, system, value)``    an identifier or contact point (its system is ``phone``, ``email``, ...);
                                      the slot of a reference's own identifier ends in ``:identifier``
    ``("r", slot, reference)``        ``Patient/123`` or an absolute URL, without version
    ``("u", slot, uri)``              a URI or canonical URL, the latter also without its version
    ``("s", slot, text)``             a text as it stands; names and addresses give one entry per part
    ``("w", slot, text)``             a text that is found whole only (texts of observations)
    ``("b", slot, date)``             a birth date as it stands: never to be kept as a plain number
    ``("d", slot, low, high)``        milliseconds since 1970-01-01 UTC, half-open, infinite where open
    ``("n", slot, low, high)``        a number or a range of numbers, closed
    ``("q", slot, low, high, system, code)``  a quantity, closed; system and code empty without a unit
    ``("p", "", slots)``              last, always: the slots that have a value, sorted, joined by commas

    Never raises: a part that is not what FHIR says gives no entry. A resource of unknown type gives the slots that
    every resource has. See ``docs/reference/search.md`` for what a slot is.
    """
    try:
        return _extractors[resource["resourceType"]](resource)
    except (KeyError, AttributeError, TypeError, ValueError):
        return _extract_slowly(resource)


def _extract_slowly(resource: dict[str, Any]) -> list[Entry]:
    resource_type = resource.get("resourceType")
    if not isinstance(resource_type, str) or resource_type not in resource_types():
        return interpret(resource)
    if resource_type not in _extractors:
        _extractors[resource_type] = compile_extractor(resource_type)
        return extract(resource)
    return interpret(resource)
