"""The port of tabular generators: an engine learns rows of codes and numbers, and knows nothing of tables.

What a table is (constraints, categories, units, missing values, keys) stays in `careloom.synth.tabular`, so that every
engine is conditional, balanced, streamed, saved and private in the same way. Engines are registered as
``synth.engine.NAME``; what is registered is a `Maker`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from careloom.errors import InputError
from careloom.synth.accounting_mechanisms import Mechanism
from careloom.synth.transforms import Plan
from careloom.synth.transforms_space import ModelRows, Part

Given = Mapping[int, npt.NDArray[np.int32]]
"""Index among the discrete parts -> [rows] the code that each row has to have there."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Privacy:
    """A bound on what the fitted model tells of one patient: everything together, at most.

    rows_per_patient  the most rows of one patient that are learnt; more are left out by lot
    """

    epsilon: float
    delta: float = 1e-5
    rows_per_patient: int = 1

    def __post_init__(self) -> None:
        """raises InputError for a bound that is none."""
        if not 0 < self.epsilon <= 100:
            raise InputError("epsilon is out of range", "Give a number above 0 and at most 100.")
        if not 0 < self.delta < 0.01:
            raise InputError("delta is out of range", "Give a number above 0, far below one over the patients.")
        if not 1 <= self.rows_per_patient <= 1_000:
            raise InputError("rows per patient are out of range", "Give 1 to 1,000.")


@dataclass(frozen=True, slots=True)
class Ask:
    """How an engine is fitted.

    seed      of everything but private noise: the same seed gives the same model on the same machine
    privacy   None: not private
    target    the column that matters most, if there is one
    options   of the engine, by name; each engine names its own with their defaults
    """

    seed: int = 1
    privacy: Privacy | None = None
    target: str = ""
    options: Mapping[str, float | int | str | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A fitted engine, or one that is being fitted: arrays for safetensors, and JSON values. Nothing that runs."""

    tensors: Mapping[str, npt.NDArray[Any]]
    told: Json


@dataclass(frozen=True, slots=True)
class Step:
    """How far a fit is.

    share   of the work, 0 to 1
    number  of the epoch, from 1
    losses  by name, as the engine measures them; never of private rows where the fit is private
    """

    share: float
    number: int
    losses: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Watch:
    """How the caller follows a fit.

    told    called after each epoch
    share   of the caller's budget that is used up, 0 to 1: of time, of processor time. An engine ends at 1, and lets
            its learning rate fall by it. None: the engine's own number of epochs. A private fit, whose steps are fixed
            beforehand, does not heed it
    save    called now and then with what `resume` takes
    resume  what an earlier fit of the same rows and the same ask saved
    noise   source of private noise, seeded by nobody who may guess the seed; needed by a private fit
    """

    told: Callable[[Step], None] | None = None
    share: Callable[[], float] | None = None
    save: Callable[[State], None] | None = None
    resume: State | None = None
    noise: np.random.Generator | None = None


class Engine(Protocol):
    """A fitted engine."""

    def sample(self, rows: int, draw: np.random.Generator, given: Given | None = None) -> ModelRows:
        """So many rows; `given` is met as far as the engine can: who asks checks, and draws again."""
        ...

    def state(self) -> State:
        """What `Maker.load` takes."""
        ...


class Fit(Protocol):
    """Learns rows.

    parts   of model space, in order
    rows    those to learn; the engine sets aside what it needs to stop early
    target  index of the discrete part that matters most
    """

    def __call__(self, parts: tuple[Part, ...], rows: ModelRows, ask: Ask, watch: Watch, target: int | None) -> Engine:
        """The fitted engine."""
        ...


class Costs(Protocol):
    """What a private fit will do to the data of so many patients, fixed without looking at a row."""

    def __call__(self, parts: tuple[Part, ...], patients: int, ask: Ask, target: int | None) -> tuple[Mechanism, ...]:
        """The mechanisms, counted per patient."""
        ...


@dataclass(frozen=True, slots=True)
class Maker:
    """An engine by name.

    meaning   a sentence for people who choose
    plan      how columns go to model space, by the ask
    options   its options with their defaults
    costs     None: there is no private fit
    needs     the fit is always private
    """

    kind: str
    meaning: str
    plan: Callable[[Ask], Plan]
    fit: Fit
    load: Callable[[tuple[Part, ...], State], Engine]
    options: Mapping[str, float | int | str | bool]
    costs: Costs | None = None
    needs_privacy: bool = False

    def options_of(self, ask: Ask) -> Json:
        """The options with those asked for. raises InputError for a name or a type that the engine has not"""
        unknown = sorted(set(ask.options) - set(self.options))
        if unknown:
            raise InputError(
                f"{self.kind}: there is no option {unknown[0]}", f"Its options are {', '.join(self.options) or 'none'}."
            )
        made: Json = dict(self.options)
        for name, value in ask.options.items():
            usual = made[name]
            is_number = isinstance(usual, float) and isinstance(value, int | float) and not isinstance(value, bool)
            if not (is_number or type(value) is type(usual)):
                raise InputError(f"{self.kind}: option {name} has another type", f"Its usual value is {usual}.")
            made[name] = float(value) if is_number else value
        return made
