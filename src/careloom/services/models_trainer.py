"""What a pipeline asks of who knows a kind of model: a snapshot, checks, files, measures, a smoke test."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from careloom.errors import QueryError
from careloom.pipeline.registry import REGISTRY, load
from careloom.services.access import Principal
from careloom.services.platform import Platform

Json = dict[str, Any]
_PREFIX = "models.trainer."


@dataclass(frozen=True, slots=True)
class Asked:
    """What a trainer works with.

    options   of the pipeline
    snapshot  what its `snapshot` returned; empty before
    model     the name in the registry
    run       of the pipeline
    """

    platform: Platform
    who: Principal
    options: Mapping[str, Any]
    model: str
    run: str
    snapshot: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model that was trained.

    files       name -> content; see `careloom.mlops.artefacts`
    seeds       name -> integer
    pseudonyms  of the identified zone, of every patient whom it learnt from
    training    in place of them: a training that is registered already
    """

    files: Mapping[str, bytes] = field(repr=False)
    seeds: Mapping[str, int]
    pseudonyms: frozenset[str] = field(default=frozenset(), repr=False)
    training: str = ""


class Trainer(Protocol):
    """Knows one kind of model. Registered as ``models.trainer.NAME`` in `careloom.pipeline.registry`."""

    def snapshot(self, asked: Asked) -> Json:
        """Pins what will be read: ``zone``, ``snapshot`` (a pin that finds the same rows), and what else helps."""

    def checks(self, asked: Asked) -> Json:
        """``findings``: how many leaks or faults the data has, and which; above 0 the gates will refuse."""

    def train(self, asked: Asked) -> Fitted:
        """Trains on the snapshot. The same snapshot and options make the same model."""

    def evaluate(self, asked: Asked, files: Mapping[str, bytes], champion: Mapping[str, bytes] | None) -> Json:
        """Measures on held-out data: ``data``, ``measures`` (name -> value, low, high).

        champion  the files of who answers now: ``against`` then holds the paired differences of the same measures, on
                  the same rows
        """

    def smoke(self, asked: Asked, files: Mapping[str, bytes]) -> Json:
        """Lets the model answer as it is served: ``answers`` (how many were looked at), ``wrong`` (how many differ)."""


def require_options(told: Mapping[str, Any], known: Collection[str]) -> None:
    """Returns where a trainer knows every option. raises QueryError: a misspelt one would be left at its default"""
    if unknown := sorted(set(told) - set(known)):
        raise QueryError(f"pipeline: options.{unknown[0]} is unknown", f"Options are {', '.join(known)}.")


def trainers() -> list[str]:
    """The names of the trainers that there are."""
    return sorted(name.removeprefix(_PREFIX) for name in REGISTRY if name.startswith(_PREFIX))


def trainer_named(name: str) -> Trainer:
    """A trainer. raises QueryError that lists them; SetupError where its library is not installed"""
    if name not in trainers():
        raise QueryError("there is no such trainer", f"Name one of {', '.join(trainers())}.")
    made: Trainer = load(f"{_PREFIX}{name}")
    return made
