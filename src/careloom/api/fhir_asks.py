"""What a FHIR request asks in its parameters, before the search is understood: names that are known, and the rest."""

from collections.abc import Sequence
from typing import Any

from flask import request

from careloom.api.context import platform
from careloom.api.fhir_formats import Pairs, is_lenient, without_shapes
from careloom.api.fhir_pages import Base, text_of
from careloom.api.fhir_schemas import are_ids
from careloom.errors import QueryError
from careloom.fhir.search_grammar import is_known, pairs_of
from careloom.services.own_parameters import searched
from careloom.services.search_types import left_out

_ELSEWHERE = {("_totalMethod", "count"): ("_total", "accurate")}
"""What a client sends for a server of another maker (fhirpy for Aidbox) -> what FHIR says instead."""


def query_pairs() -> list[tuple[str, str]]:
    """The parameters of the address, decoded, in order. raises QueryError."""
    raw = request.query_string
    return _pairs(raw) if raw else []


def form_pairs(body: bytes) -> list[tuple[str, str]]:
    """The parameters of a form, decoded, in order. raises QueryError."""
    return _pairs(body)


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        return pairs_of(raw.decode())
    except UnicodeDecodeError:
        raise QueryError("the parameters are not UTF-8", "Encode them as UTF-8.") from None


class Ask:
    """The parameters of a search as they are passed on.

    text     ``name=value&...``, without those that were left out
    left     positions, from 1, of what the type (of several: every one) has not, and the client agreed to leave out
    """

    __slots__ = ("left", "text")

    def __init__(self, base: Base, pairs: Pairs) -> None:
        """Reads the parameters. raises QueryError for an ``_id`` that nothing can have."""
        self.left: Sequence[int] = ()
        kept = [_ELSEWHERE.get(pair, pair) for pair in pairs]
        require_ids(kept)
        if kept and is_lenient():
            own = searched(platform(), base.zone)
            if base.resource_type:
                known = [is_known(base.resource_type, name, own) for name, _ in kept]
                self.left = [number for number, one in enumerate(known, 1) if not one]
            else:
                self.left = left_out(kept, own)
            kept = [pair for number, pair in enumerate(kept, 1) if number not in self.left]
        self.text = text_of(kept)

    @staticmethod
    def of_read(pairs: Pairs) -> None:
        """Looks at the parameters of a read. raises QueryError for one that it does not take."""
        rest = [pair for pair in without_shapes(pairs) if pair != ("_summary", "false")]
        if rest and not is_lenient():
            raise QueryError("a read takes _format and _pretty only", "Leave other parameters out, or search.")

    def outcome(self) -> dict[str, Any] | None:
        """What was left out, as an OperationOutcome; None if nothing was. Names may hold values: they are counted."""
        if not self.left:
            return None
        issues = [
            {
                "severity": "warning",
                "code": "not-supported",
                "details": {
                    "coding": [{"system": "urn:careloom:problem", "code": "input.query"}],
                    "text": f"parameter {number} of the search was left out: it is not answered here",
                },
                "diagnostics": "The self link holds what was searched; the CapabilityStatement what can be.",
            }
            for number in self.left
        ]
        return {"resourceType": "OperationOutcome", "issue": issues}


def require_ids(pairs: Pairs) -> None:
    """Refuses an ``_id`` that nothing can have. raises QueryError"""
    if any(name == "_id" and not are_ids(value) for name, value in pairs):
        raise QueryError("_id is no list of ids", "Ids have up to 64 letters, digits, hyphens and dots.")


def page_text(text: str, pairs: Pairs, default_count: int) -> str:
    """The parameters of a page, of which the link's holder may want fewer resources: the smaller ``_count`` counts.

    text   the parameters that the link holds
    pairs  the parameters of the address, the link among them; some clients (Medplum's) add a ``_count`` of their own
    raises QueryError for anything else that was added
    """
    added = [pair for pair in without_shapes(pairs) if pair[0] != "_page"]
    if not added:
        return text
    ((name, count), *more) = added
    if name != "_count" or more or not (count.isascii() and count.isdigit() and len(count) < 10):
        raise QueryError("the link to a page takes no further parameters", "Follow it unchanged.")
    held = pairs_of(text)
    most = int(dict(held).get("_count", default_count))
    return text_of([*(pair for pair in held if pair[0] != "_count"), ("_count", str(min(most, int(count))))])
