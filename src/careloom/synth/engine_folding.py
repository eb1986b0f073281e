"""Columns of thousands of codes for engines whose cost grows with them: rare codes share one, with a number inside.

The most frequent codes keep one of their own. The others, by how often they come, lie in groups of about as many as
there are groups: a code of the column says which group, a second part which of the group. That the two are learnt side
by side costs little, since the codes of a group come about equally often.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import isqrt

import numpy as np
import numpy.typing as npt

from careloom.synth.engine import Ask, Engine, Fit, Given, State, Watch
from careloom.synth.transforms_space import ModelRows, Part

CODES_AT_MOST = 1_000
"""Of a part, that are learnt as they are."""
OWN = 256
"""Codes that keep one of their own where others are folded."""
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Folding:
    """Which parts are folded, and how.

    parts   as they were
    ranked  index among the discrete parts -> [codes] its codes, the most frequent first
    """

    parts: tuple[Part, ...]
    ranked: Mapping[int, Codes]

    @property
    def folded(self) -> tuple[Part, ...]:
        """The parts that an engine learns: behind each folded one there is one more."""
        made: list[Part] = []
        at = -1
        for part in self.parts:
            at += part.size > 0
            if part.size and at in self.ranked:
                groups, inside = _shape(part.size)
                made += [replace(part, size=OWN + groups), Part(part.column, f"{part.name}:inside", inside)]
            else:
                made.append(part)
        return tuple(made)

    def place(self, part: int) -> int:
        """Where a discrete part stands among those folded."""
        return part + sum(each < part for each in self.ranked)

    def fold(self, rows: ModelRows, draw: np.random.Generator) -> ModelRows:
        """The rows as an engine learns them."""
        given = {self.place(at): codes for at, codes in enumerate(rows.discrete.T) if at not in self.ranked}
        for at in self.ranked:
            given |= self._folded(at, rows.discrete[:, at], draw)
        discrete = [given[at] for at in range(len(given))]
        return ModelRows(rows.continuous, np.stack(discrete, axis=1) if discrete else rows.discrete)

    def given(self, given: Given, draw: np.random.Generator) -> Given:
        """Codes that are given, as the engine knows them."""
        made = {self.place(part): codes for part, codes in given.items() if part not in self.ranked}
        for part in sorted(set(given) & set(self.ranked)):
            made |= self._folded(part, given[part], draw)
        return made

    def unfold(self, rows: ModelRows) -> ModelRows:
        """The rows as the table knows them."""
        columns = []
        for at in range(rows.discrete.shape[1] - len(self.ranked)):
            place = self.place(at)
            column = rows.discrete[:, place]
            if at in self.ranked:
                ranked = self.ranked[at]
                inside = _shape(len(ranked))[1]
                rest = (column.astype(np.int64) - OWN) * inside + rows.discrete[:, place + 1]
                column = ranked[np.where(column < OWN, column, OWN + rest % (len(ranked) - OWN))].astype(np.int32)
            columns.append(column)
        return ModelRows(rows.continuous, np.stack(columns, axis=1) if columns else rows.discrete)

    def _folded(
        self, part: int, codes: npt.NDArray[np.int32], draw: np.random.Generator
    ) -> dict[int, npt.NDArray[np.int32]]:
        """A part and the one behind it; beside a code of its own stands any number, so that it tells nothing."""
        ranked = self.ranked[part]
        inside = _shape(len(ranked))[1]
        rank = np.empty(len(ranked), np.int64)
        rank[ranked] = np.arange(len(ranked))
        mine = rank[codes]
        group, number = np.divmod(mine - OWN, inside)
        own = mine < OWN
        number[own] = draw.integers(inside, size=int(own.sum()))
        place = self.place(part)
        return {place: np.where(own, mine, OWN + group).astype(np.int32), place + 1: number.astype(np.int32)}


@dataclass(frozen=True, slots=True, eq=False)
class FoldedEngine:
    """An engine that learnt folded parts, seen from the table."""

    engine: Engine
    folding: Folding

    def sample(self, rows: int, draw: np.random.Generator, given: Given | None = None) -> ModelRows:
        """As the engine's own, with parts as they were."""
        return self.folding.unfold(self.engine.sample(rows, draw, self.folding.given(given or {}, draw)))

    def state(self) -> State:
        """That of the engine, and what is folded."""
        state = self.engine.state()
        ranked = {f"ranked.{part}": codes for part, codes in self.folding.ranked.items()}
        return State({**state.tensors, **ranked}, {**state.told, "folded": sorted(self.folding.ranked)})


def folding_of(parts: tuple[Part, ...], rows: ModelRows) -> Folding:
    """The folding of parts that have more than `CODES_AT_MOST` codes. It counts codes, and so is not private."""
    sizes = [part.size for part in parts if part.size]
    return Folding(parts, {
        at: np.argsort(-np.bincount(rows.discrete[:, at], minlength=size), kind="stable").astype(np.int64)
        for at, size in enumerate(sizes) if size > CODES_AT_MOST
    })  # fmt: skip


def fitted(fit: Fit, parts: tuple[Part, ...], rows: ModelRows, ask: Ask, watch: Watch, target: int | None) -> Engine:
    """What `fit` learns of folded parts where there are any; a private fit sees all codes: folding counts them."""
    folding = folding_of(parts, rows)
    if ask.privacy is not None or not folding.ranked:
        return fit(parts, rows, ask, watch, target)
    folded = folding.fold(rows, np.random.default_rng([ask.seed, 6]))
    place = None if target is None else folding.place(target)
    return FoldedEngine(fit(folding.folded, folded, ask, watch, place), folding)


def loaded(load: Callable[[tuple[Part, ...], State], Engine], parts: tuple[Part, ...], state: State) -> Engine:
    """The engine of a state that `fitted` led to."""
    folding = folding_from(parts, state)
    engine = load(folding.folded, state)
    return FoldedEngine(engine, folding) if folding.ranked else engine


def folding_from(parts: tuple[Part, ...], state: State) -> Folding:
    """The folding of a state. raises KeyError for one that lacks it"""
    return Folding(
        parts, {at: np.asarray(state.tensors[f"ranked.{at}"], np.int64) for at in state.told.get("folded", ())}
    )


def _shape(size: int) -> tuple[int, int]:
    """(groups, codes inside each) of a part with so many codes."""
    inside = max(1, isqrt(size - OWN))
    return -(-(size - OWN) // inside), inside
