"""What a check of one resource is, and what it is made from."""

from collections.abc import Callable
from typing import NamedTuple

from careloom.fhir.drafts import Resource
from careloom.quality.rules import Rule, Rulebook
from careloom.quality.scene import Scene

Check = Callable[[Resource], bool | None]
"""True where the resource keeps the rule, False where it breaks it, None where the rule says nothing about it."""


class Setting(NamedTuple):
    """One path of one resource type under one rule."""

    rule: Rule
    kind: str
    path: str
    scene: Scene
    book: Rulebook
