"""Resources that are there twice: the same content under another id, or the same event from two feeds. Pure.

Nothing is removed: a group of duplicates is told, and whoever uses the data decides.
"""

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import blake2b
from typing import Any, Literal

from careloom.runtime import packaged

Resource = Mapping[str, Any]
Kind = Literal["content", "event"]
PersonOf = Callable[[str], str]
"""Stored id of a Patient -> what stands for the person: the same for all records that are one."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a key; see the grammar of duplicates.toml."""

    path: str
    how: str


@dataclass(frozen=True, slots=True)
class Policy:
    """The keys of each resource type, and what makes no difference."""

    ignored: frozenset[str]
    systems: tuple[str, ...]
    events: Mapping[str, tuple[Part, ...]]


@dataclass(frozen=True, slots=True)
class Group:
    """Resources of one type that are the same; ``Type/id`` each, sorted.

    kind  content: nothing differs but ids and where they came from; event: they tell the same event in other words
    """

    kind: Kind
    type: str
    members: tuple[str, ...]


@cache
def policy() -> Policy:
    """The policy that ships."""
    read = tomllib.loads(packaged("quality", "linkage/duplicates.toml").decode())
    events = {name: tuple(Part(part["path"], part["as"]) for part in one["key"]) for name, one in read["event"].items()}
    return Policy(frozenset(read["ignored"]["elements"]), tuple(read["systems"]["order"]), events)


class Finder:
    """Takes resources one by one, keeps a hash of each, and tells the groups at the end.

    A group of equal content is told as that, and not again as the same event.
    """

    def __init__(self, person_of: PersonOf) -> None:
        self._person_of = person_of
        self._seen: dict[bytes, list[str]] = {}
        self._events: dict[bytes, list[str]] = {}

    def take(self, resource: Resource, row: object = None) -> None:
        """One resource; Patients and types without a key are passed over.

        row  stands for it in the groups in place of its stored id
        """
        kind = str(resource.get("resourceType", ""))
        if kind not in policy().events:
            return
        name = f"{kind}/{resource.get('id') if row is None else row}"
        person = _person(resource, self._person_of)
        if person is None:
            return
        self._seen.setdefault(_digest([kind, person, content_of(resource)]), []).append(name)
        key = event_key(resource, self._person_of)
        if key is not None:
            self._events.setdefault(_digest(list(key)), []).append(name)

    def groups(self) -> list[Group]:
        """Groups of two or more, by type and first member."""
        same = {tuple(sorted(names)) for names in self._seen.values() if len(names) > 1}
        found = [Group("content", members[0].partition("/")[0], members) for members in same]
        for names in self._events.values():
            members = tuple(sorted(names))
            if len(members) > 1 and members not in same:
                found.append(Group("event", members[0].partition("/")[0], members))
        return sorted(found, key=lambda group: (group.type, group.members, group.kind))


def content_of(resource: Resource) -> str:
    """What a resource says, without what tells copies apart."""
    kept = {name: value for name, value in resource.items() if name not in policy().ignored}
    return json.dumps(kept, sort_keys=True)


def event_key(resource: Resource, person_of: PersonOf) -> tuple[str, ...] | None:
    """The key of the event that a resource tells; None where its type has none, or a part is missing."""
    kind = str(resource.get("resourceType", ""))
    parts = policy().events.get(kind)
    if parts is None:
        return None
    found = [kind]
    for part in parts:
        value = _person(resource, person_of) if part.how == "person" else _READ[part.how](_at(resource, part.path))
        if not value:
            return None
        found.append(value)
    return tuple(found)


def _digest(parts: Iterable[str]) -> bytes:
    return blake2b("\x1f".join(parts).encode(), digest_size=12).digest()


def _person(resource: Resource, person_of: PersonOf) -> str | None:
    subject = resource.get("subject", resource.get("patient"))
    reference = subject.get("reference") if isinstance(subject, dict) else None
    if not isinstance(reference, str) or not reference.startswith("Patient/"):
        return None
    return person_of(reference.removeprefix("Patient/"))


def _at(resource: Resource, path: str) -> Any:
    value: Any = resource
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        if name.endswith("[x]"):
            begin = name.removesuffix("[x]")
            value = next(
                (value[key] for key in sorted(value) if key.startswith(begin) and key[len(begin) :][:1].isupper()), None
            )
        else:
            value = value.get(name)
    return value


def _code(value: Any) -> str:
    concept = value[0] if isinstance(value, list) and value else value
    if not isinstance(concept, dict):
        return ""
    codings = [one for one in concept.get("coding", [concept]) if isinstance(one, dict) and one.get("code")]
    order = policy().systems
    codings.sort(key=lambda one: order.index(one["system"]) if one.get("system") in order else len(order))
    if codings:
        return f"{codings[0].get('system', '')}|{codings[0]['code']}"
    return _text(concept.get("text"))


def _moment(value: Any) -> str:
    text = value.get("start") if isinstance(value, dict) else value
    if not isinstance(text, str):
        return ""
    if len(text) <= 10:
        return text
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return ""
    return f"{time.astimezone(UTC) if time.tzinfo else time:%Y-%m-%dT%H:%M}"


def _day(value: Any) -> str:
    text = value.get("start") if isinstance(value, dict) else value
    return text[:10] if isinstance(text, str) else ""


def _value(value: Any) -> str:
    if isinstance(value, dict):
        if "value" in value:
            unit = value.get("code") or value.get("unit") or ""
            return f"{_number(value['value'])} {unit}".strip()
        return _code(value)
    return _text(value) if isinstance(value, str) else _number(value)


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value) if value is not None else ""
    return f"{float(value):.10g}"


def _text(value: Any) -> str:
    return " ".join(value.casefold().split()) if isinstance(value, str) else ""


_READ: dict[str, Callable[[Any], str]] = {
    "code": _code,
    "moment": _moment,
    "day": _day,
    "value": _value,
    "text": _text,
}
