"""The texts of a resource that a policy lets pass, with their places, in the order in which `Scrubber` meets them."""

from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from careloom.deid.policy import Policy, Structure


class PassingText(NamedTuple):
    """One text, of an attachment what its data say; `place` is a FHIRPath such as ``Observation.note[0].text``."""

    place: str
    text: str


def passing_texts(policy: Policy, resource: Mapping[str, Any]) -> Iterator[PassingText]:
    """Each text of `resource`, original or scrubbed, that the policy treats as one; contained resources come last."""
    kind = str(resource.get("resourceType"))
    if kind not in policy.structures:
        return
    yield from _within(policy, policy.structures[kind], resource, kind)
    contained = resource.get("contained")
    for number, one in enumerate(contained if isinstance(contained, list) else ()):
        inner = policy.structures.get(str(one.get("resourceType"))) if isinstance(one, dict) else None
        if inner is not None:
            yield from _within(policy, inner, one, f"{kind}.contained[{number}]")


def placed(texts: Iterable[str | None], places: Iterable[PassingText]) -> list[str]:
    """The place of each text: the first with these words that no text before it has; "" for None and where none is."""
    left = list(places)
    found = []
    for text in texts:
        match = next((one for one in left if one.text == text), None)
        found.append("" if match is None else match.place)
        if match is not None:
            left.remove(match)
    return found


def _within(policy: Policy, structure: Structure, source: Mapping[str, Any], place: str) -> Iterator[PassingText]:
    for key, value in source.items():
        kept = structure.kept.get(key)
        if kept is None:
            continue
        for at, item in _items(f"{place}.{key}", value):
            if kept.as_ == "text" and isinstance(item, str):
                yield PassingText(at, item)
            elif kept.as_ == "plain-text" and isinstance(item, str):
                yield from _decoded(at, item)
            elif not kept.as_ and kept.kind in policy.structures and isinstance(item, dict):
                yield from _within(policy, policy.structures[kept.kind], item, at)


def _items(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        yield from ((f"{place}[{number}]", item) for number, item in enumerate(value))
    else:
        yield place, value


def _decoded(place: str, data: str) -> Iterator[PassingText]:
    try:
        yield PassingText(place, b64decode(data, validate=True).decode("utf-8"))
    except ValueError:
        return
