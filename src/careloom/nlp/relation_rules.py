"""The rules beside the model of relations, as relations.toml states them."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from careloom.nlp.labels import RELATIONS
from careloom.runtime import packaged


@dataclass(frozen=True, slots=True)
class Rules:
    """The content of relations.toml.

    owner         types whose tail belongs to one head, and to those joined with it
    above         types whose tail may belong to a head of a row above
    instead       type -> types that exclude it
    respectively  found in a row where tails are dealt out in order
    reference     found at the end of what stands before a value that is no finding
    """

    owner: frozenset[str]
    above: frozenset[str]
    instead: Mapping[str, tuple[str, ...]]
    respectively: re.Pattern[str]
    reference: re.Pattern[str]


@cache
def rules() -> Rules:
    """What ships. raises ValueError where the file does not name exactly the types of `careloom.nlp.labels`"""
    data: dict[str, Any] = tomllib.loads(packaged("nlp", "relations.toml").decode("utf-8"))
    types, words = data["types"], data["words"]
    if set(types) != set(RELATIONS):
        raise ValueError("relations.toml names other types than labels.py")
    return Rules(
        frozenset(name for name, each in types.items() if each["owner"]),
        frozenset(name for name, each in types.items() if each.get("above")),
        {name: tuple(each.get("instead", ())) for name, each in types.items()},
        re.compile(rf"(?<!\w)(?:{_either(words['respectively'])})(?!\w)", re.IGNORECASE),
        re.compile(rf"(?<!\w)(?:{_either(words['reference'])})[ :=(\[]*\Z", re.IGNORECASE),
    )


def _either(words: Sequence[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
