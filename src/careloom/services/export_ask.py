"""What an export is asked for: parameters read, and refused before anything is queued.

source  FHIR Bulk Data Access 2.0.0, Bulk Data Export Operation Request Flow
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from careloom.errors import QueryError
from careloom.fhir.drafts import Resource
from careloom.fhir.search_grammar import pairs_of, parse_search
from careloom.fhir.search_own import STANDARD, OwnParameters
from careloom.fhir.search_parameters import resource_types
from careloom.fhir.search_shape import element_names

Level = Literal["system", "patient", "group"]
FORMATS = frozenset({"application/fhir+ndjson", "application/fhir ndjson", "application/ndjson", "ndjson"})
"""What ``_outputFormat`` may say; a plus that nobody escaped is a space."""
_VALUES = frozenset({"valueString", "valueInstant", "valueDateTime", "valueCode", "valueUri"})
PARAMETERS = ("_since", "_type", "_typeFilter", "_elements", "_outputFormat")
MOST_FILTERS = 50
SHAPES = frozenset(
    {"_count", "_sort", "_summary", "_total", "_elements", "_include", "_revinclude", "_contained", "_containedType"}
    | {"_format", "_pretty"}
)
"""Parameters of a search that shape its answer and select nothing."""
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ExportAsk:
    """What to export.

    zone      identified, research or synthetic
    level     everything, what is in patients' compartments, or in those of a group
    group     the Group's stored id
    types     names of resource types; empty for all that the caller may see
    since     FHIR instant; only what was updated or deleted later; empty for everything
    filters   searches, ``Observation?status=final``: a resource of that type meets one of them
    elements  ``name`` or ``Patient.name``; empty for whole resources
    patients  ids of the only patients wanted, of all or of the group's; empty for every one
    address   what the client asked, as it asked; told in the manifest
    views     JSON of the views as which the resources are to be fetched: see `careloom.services.view_export`; empty for
              the resources themselves
    """

    zone: str
    level: Level = "system"
    group: str = ""
    types: tuple[str, ...] = ()
    since: str = ""
    filters: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    address: str = ""
    views: str = ""

    def as_json(self) -> dict[str, Any]:
        """The ask as the queue and the export keep it."""
        return asdict(self)


def read_ask(told: dict[str, Any]) -> ExportAsk:
    """The ask of `ExportAsk.as_json`, after JSON made lists of its tuples."""
    asked: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in told.items()}
    return ExportAsk(**asked)


def parameters_of(resource: Resource) -> list[tuple[str, str]]:
    """Name and value of each parameter of a Parameters resource, in order.

    raises  QueryError; values are never repeated
    """
    found = []
    for number, one in _parameters(resource):
        if _is_patient(one):
            continue
        values = [value for name, value in one.items() if name in _VALUES] if isinstance(one, dict) else []
        name = one.get("name") if isinstance(one, dict) else None
        if not isinstance(name, str) or len(values) != 1 or not isinstance(values[0], str):
            remedy = "Give a name and one valueString; valueInstant for _since."
            raise QueryError(f"parameter {number} has no name, or not one value that is text", remedy)
        found.append((name, values[0]))
    return found


def patients_of(resource: Resource) -> tuple[str, ...]:
    """The ids of the patients that a Parameters resource names by ``patient``, each once. raises QueryError"""
    found = []
    for number, one in _parameters(resource):
        if _is_patient(one):
            named = one.get("valueReference")
            reference = named.get("reference") if isinstance(named, dict) else None
            kind, _, name = reference.partition("/") if isinstance(reference, str) else ("", "", "")
            if kind != "Patient" or not _ID.fullmatch(name):
                remedy = "Give a valueReference with Patient/ID as its reference."
                raise QueryError(f"parameter {number} refers to no patient", remedy)
            found.append(name)
    return tuple(dict.fromkeys(found))


def _parameters(resource: Resource) -> list[tuple[int, Any]]:
    listed = resource.get("parameter", [])
    if resource.get("resourceType") != "Parameters" or not isinstance(listed, list):
        raise QueryError("the body is no Parameters resource", "Send the parameters of $export as one.")
    return list(enumerate(listed, 1))


def _is_patient(one: Any) -> bool:
    return isinstance(one, dict) and one.get("name") == "patient"


def with_parameters(
    ask: ExportAsk, pairs: Sequence[tuple[str, str]], *, is_lenient: bool = False, own: OwnParameters = STANDARD
) -> ExportAsk:
    """The ask with the parameters of a request.

    is_lenient  what is not understood is left out instead of refused (``Prefer: handling=lenient``)
    own         the search parameters that the zone has beside those of the standard
    raises      QueryError; values are never repeated
    """
    given: dict[str, list[str]] = {}
    for number, (name, value) in enumerate(pairs, 1):
        if name not in PARAMETERS:
            if is_lenient:
                continue
            raise QueryError(f"parameter {number} is none of $export", f"It takes {', '.join(PARAMETERS)}.")
        given.setdefault(name, []).append(value)
    for name in ("_since", "_outputFormat"):
        if len(given.get(name, ())) > 1:
            raise QueryError(f"{name} is given twice", "Give it once.")
    if any(form.strip().lower() not in FORMATS for form in given.get("_outputFormat", ())):
        raise QueryError("_outputFormat is none that is written", "Ask for application/fhir+ndjson.")
    return refused_if_wrong(
        replace(
            ask,
            types=_listed(given.get("_type", ())),
            since=given.get("_since", [""])[0],
            filters=tuple(given.get("_typeFilter", ())),
            elements=_listed(given.get("_elements", ())),
        ),
        is_lenient=is_lenient,
        own=own,
    )


def refused_if_wrong(ask: ExportAsk, *, is_lenient: bool = False, own: OwnParameters = STANDARD) -> ExportAsk:
    """The ask, if every part of it means something. raises QueryError."""
    known = tuple(one for one in ask.types if one in resource_types())
    if len(known) < len(ask.types) and (not is_lenient or not known):
        raise QueryError("_type names what is no resource type of FHIR R4", "Name types as Patient,Observation.")
    since_of(ask)
    if ask.patients and ask.level == "system":
        raise QueryError("patient narrows no export of everything", "Ask below Patient/$export or Group/ID/$export.")
    if len(ask.filters) > MOST_FILTERS:
        raise QueryError("there are too many filters", f"Give at most {MOST_FILTERS}.")
    for number, text in enumerate(ask.filters, 1):
        _refuse_filter(number, text, known, own)
    _refuse_elements(ask.elements, known)
    return replace(ask, types=known)


def since_of(ask: ExportAsk) -> int:
    """``_since`` in microseconds since 1970; -1 where it is not given. raises QueryError."""
    if not ask.since:
        return -1
    text = ask.since.strip().replace(" ", "+")  # a plus that nobody escaped
    try:
        if not _INSTANT.fullmatch(text):
            raise ValueError
        passed = datetime.fromisoformat(text).astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        raise QueryError("_since is no instant", "Write it as 2026-11-22T10:15:00Z, with its offset.") from None
    return max(-1, passed // timedelta(microseconds=1))


def _listed(texts: Sequence[str]) -> tuple[str, ...]:
    """Parts of comma-separated lists, each once, in order."""
    return tuple(dict.fromkeys(part.strip() for text in texts for part in text.split(",") if part.strip()))


def _refuse_filter(number: int, text: str, types: Sequence[str], own: OwnParameters) -> None:
    kind, mark, rest = text.partition("?")
    if not mark or kind not in resource_types():
        raise QueryError(f"filter {number} is no search", "Write it as Observation?status=final, percent-encoded.")
    if types and kind not in types:
        raise QueryError(f"filter {number} is about a type that _type does not name", "Name the type there too.")
    shaping = {name.partition(":")[0] for name, _ in pairs_of(rest)} & SHAPES
    if shaping:
        raise QueryError(f"filter {number} has {min(shaping)}, which selects nothing", "Leave it out.")
    parse_search(text, own)


def _refuse_elements(elements: Sequence[str], types: Sequence[str]) -> None:
    for number, text in enumerate(elements, 1):
        kind, dot, name = text.rpartition(".")
        if dot and kind not in resource_types():
            raise QueryError(f"element {number} names no resource type", "Write name or Patient.name.")
        kinds = (kind,) if dot else types or sorted(resource_types())
        if not any(name in element_names(one) for one in kinds):
            raise QueryError(f"element {number} is no top-level element", "Write name or Patient.name.")
