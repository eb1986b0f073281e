"""The conditions of a search from its parameters: what an index answers, and what content is read for."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from careloom.errors import QueryError
from careloom.fhir.phonetic import sounds_alike
from careloom.fhir.search_own import PHONETIC
from careloom.fhir.search_parameters import Composite, Parameter, parameters, resource_types
from careloom.fhir.search_query import (
    Chain,
    Check,
    CompositeValue,
    Criterion,
    MissingValue,
    Query,
    Reverse,
    TimeValue,
    TokenValue,
    UriValue,
    Value,
)
from careloom.fhir.search_texts import alternatives, read_text, read_value, split, unescape

MODIFIERS: dict[str, tuple[str, ...]] = {
    "token": ("missing", "not", "in", "not-in", "above", "below", "text", "of-type"),
    "string": ("exact", "contains", "missing"),
    "reference": ("identifier", "missing"),
    "date": ("missing",),
    "number": ("missing",),
    "quantity": ("missing",),
    "uri": ("above", "below", "missing"),
    "composite": (),
}
"""The modifiers that are understood for each kind of parameter; a reference also takes a type (``subject:Patient``)."""
_READ = frozenset({"contains", "text"})
"""Modifiers that no index answers."""


@dataclass(slots=True)
class Asked:
    """The conditions of a search while it is read; see `careloom.fhir.search_query.Query`."""

    criteria: list[Criterion] = field(default_factory=list)
    ids: list[tuple[str, ...]] = field(default_factory=list)
    updated: list[tuple[TimeValue, ...]] = field(default_factory=list)
    sources: list[tuple[str, ...]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    chains: list[Chain] = field(default_factory=list)
    reverses: list[Reverse] = field(default_factory=list)

    def query(self, resource_type: str) -> Query:
        """The search for what meets all of them."""
        return Query(
            resource_type,
            criteria=tuple(self.criteria),
            ids=tuple(self.ids),
            updated=tuple(self.updated),
            sources=tuple(self.sources),
            checks=tuple(self.checks),
            chains=tuple(self.chains),
            reverses=tuple(self.reverses),
        )


def read_criterion(parameter: Parameter, modifier: str, text: str, asked: Asked) -> None:
    """Adds ``parameter:modifier=text`` to what is asked. raises QueryError."""
    code, kind, target = parameter.code, parameter.kind, ""
    if kind == "reference" and modifier in resource_types():
        modifier, target = "", modifier
    if modifier and modifier not in MODIFIERS[kind]:
        known = ", ".join(f":{one}" for one in MODIFIERS[kind])
        raise QueryError(f"the modifier of {code} is not answered", f"a {kind} takes {known}")
    texts = alternatives(code, text)
    if parameter.emits == (PHONETIC,):
        _refuse_soundless(code, modifier, texts)
    if kind == "token" and not modifier and any(_is_system(one) for one in texts):
        values = tuple(_system(one) if _is_system(one) else read_value(parameter, "", one, "") for one in texts)
        _read(parameter, "system", values, asked)
    elif modifier == "of-type":
        _read_of_type(parameter, texts, asked)
    elif modifier in _READ:
        _read(parameter, modifier, tuple(read_text(code, unescape(one)) for one in texts), asked)
    elif kind == "uri" and modifier == "above":
        asked.criteria.append(Criterion(parameter, "", tuple(one for text in texts for one in _above(unescape(text)))))
    elif kind == "uri" and modifier == "below":
        _read(parameter, modifier, tuple(UriValue(unescape(one)) for one in texts), asked)
    else:
        values = tuple(read_value(parameter, modifier, one, target) for one in texts)
        asked.criteria.append(Criterion(parameter, modifier, values))


def _refuse_soundless(code: str, modifier: str, texts: Sequence[str]) -> None:
    """Returns when names may be asked for by their sound so. raises QueryError."""
    if modifier not in ("", "missing"):
        raise QueryError(f"the modifier of {code} is not answered", "a sound takes :missing alone")
    if not modifier and not all(sounds_alike(unescape(one)) for one in texts):
        raise QueryError(f"a value of {code} holds no letter of the alphabet", "ask by name instead")


def _is_system(text: str) -> bool:
    parts = split(text, "|")
    return len(parts) == 2 and bool(parts[0]) and not parts[1]


def _system(text: str) -> TokenValue:
    return TokenValue(unescape(split(text, "|")[0]), "")


def _read(parameter: Parameter, modifier: str, values: tuple[Value, ...], asked: Asked) -> None:
    """A condition on content, narrowed by what the index knows: whether there is any value (a text may be without)."""
    asked.checks.append(Check(parameter, modifier, values))
    if modifier != "text":
        asked.criteria.append(Criterion(parameter, "missing", (MissingValue(False),)))


def _read_of_type(parameter: Parameter, texts: Sequence[str], asked: Asked) -> None:
    """Adds ``identifier:of-type=system|code|value``, narrowed by the value. raises QueryError."""
    if "Identifier" not in parameter.emits:
        raise QueryError(f"{parameter.code}:of-type is not answered", "it is for identifiers")
    values = []
    for text in texts:
        parts = [unescape(part) for part in split(text, "|")]
        if len(parts) != 3 or not all(parts):
            raise QueryError(f"a value of {parameter.code}:of-type has not three parts", "write system|code|value")
        values.append(CompositeValue((TokenValue(parts[0], parts[1]), TokenValue(None, parts[2]))))
    asked.checks.append(Check(parameter, "of-type", tuple(values)))
    asked.criteria.append(Criterion(parameter, "", tuple(value.parts[1] for value in values)))


def _above(uri: str) -> list[UriValue]:
    """A URL and those that it lies below, by the slashes of its path; a URN alone."""
    found = [uri]
    start = uri.find("://")
    while start != -1 and (cut := uri.rfind("/", start + 3, len(found[-1]))) != -1:
        found.append(uri[:cut])
    return [UriValue(one) for one in found if one]


def read_composite(composite: Composite, modifier: str, text: str, asked: Asked) -> None:
    """Adds ``composite=a$b`` to what is asked, narrowed by what the index knows of each part. raises QueryError."""
    code = composite.code
    if modifier:
        raise QueryError(f"the modifier of {code} is not answered", "a composite takes none")
    values = []
    for one in alternatives(code, text):
        parts = split(one, "$")
        if len(parts) != len(composite.components) or not all(parts):
            shape = "$".join(component.code for component in composite.components)
            raise QueryError(f"a value of {code} has not one part for each component", f"write {code}={shape}")
        own = parameters(composite.resource_type)
        pairs = zip(composite.components, parts, strict=True)
        values.append(CompositeValue(tuple(read_value(own[part.code], "", text, "") for part, text in pairs)))
    asked.checks.append(Check(composite, "composite", tuple(values)))
    for number, component in enumerate(composite.components):
        parameter = parameters(composite.resource_type)[component.code]
        asked.criteria.append(Criterion(parameter, "", tuple(value.parts[number] for value in values)))
