"""The adversarial engine: a conditional Wasserstein GAN, trained by sampling, numbers by mode.

Datasheet: docs/datasheets/synthetic-gan.md
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from careloom.errors import InputError
from careloom.synth.accounting_mechanisms import Mechanism
from careloom.synth.engine import Ask, Engine, Given, Json, Maker, State, Watch
from careloom.synth.engine_blocks_torch import pieces
from careloom.synth.engine_folding import fitted, loaded
from careloom.synth.engine_gan_conditions_torch import usual
from careloom.synth.engine_gan_layout_torch import Layout, layout_of
from careloom.synth.engine_gan_model_torch import Critic, Generator
from careloom.synth.engine_gan_training_torch import Training
from careloom.synth.engine_private_torch import mechanisms, private_course, shares_of
from careloom.synth.engine_saving_torch import arrays, restore
from careloom.synth.engine_shares_torch import leaning
from careloom.synth.engine_target_torch import FEW, Last, is_last, last_from, last_of
from careloom.synth.transforms import Plan
from careloom.synth.transforms_space import ModelRows, Part

_AT_ONCE = 4_096
_TRIED = 8_192
"""Rows that are made to see what has to be corrected."""
_KNOTS = np.linspace(0, 1, 33)
_LEAST = 30
"""Rows of a state below which its numbers are left as they are."""
_CODES_AT_MOST = 6_000
"""All pairs of codes are counted at each step: time and memory grow with their square."""
_OF_FEW = {"heads": 16}
"""Options of fewer rows than `FEW`."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class GanEngine:
    """A fitted generator; one code of each row is asked for, drawn as often as it is in the data, or given.

    shares         [all codes] how often each is asked for
    lean           [all codes] added to the logits so that each comes as often as it was learnt
    found, wanted  [numbers, knots] quantiles of made numbers, and of real ones, by state; alike where not corrected
    last           the target, said of a row's other columns where it is not given; None: it is made as they are
    """

    layout: Layout
    generator: Generator
    options: Json
    shares: Tensor
    lean: Tensor
    found: Floats
    wanted: Floats
    last: Last | None = None

    def sample(self, rows: int, draw: np.random.Generator, given: Given | None = None) -> ModelRows:
        """So many rows; of what is given the first part is met, and whoever asks draws again for the others."""
        blocks = self.layout.blocks
        asked: Tensor | None = None
        if given:
            part, codes = next(iter(given.items()))
            asked = torch.from_numpy(codes.astype(np.int64)) + blocks.starts[part]

        def some(at: slice) -> Floats:
            count = at.stop - at.start
            made = self._some(usual(blocks, self.shares, count, draw) if asked is None else asked[at], draw)
            if self.last is not None and self.last.part not in (given or {}):
                made[:, self.last.part] = self.last.drawn(self.shown(made), draw)
            return made

        made = pieces(rows, _AT_ONCE, some, self.layout.row - blocks.width + len(blocks.sizes))
        parts = len(blocks.sizes)
        return ModelRows(made[:, parts:].astype(np.float64), made[:, :parts].astype(np.int32))

    def state(self) -> State:
        """Weights, corrections, and what shapes them."""
        tensors: dict[str, npt.NDArray[Any]] = arrays(self.generator)
        tensors |= {"shares": self.shares.numpy(), "lean": self.lean.numpy()}
        tensors |= {"found": self.found, "wanted": self.wanted}
        told: Json = {"options": self.options}
        if self.last is not None:
            tensors, told = tensors | self.last.tensors(), told | {"last": self.last.part}
        return State(tensors, told)

    def shown(self, made: Floats) -> Tensor:
        """[rows, row] of rows as `sample` makes them, discrete parts first."""
        parts = len(self.layout.blocks.sizes)
        return self.layout.rows(ModelRows(made[:, parts:], made[:, :parts].astype(np.int32)))[1]

    def outputs(self, cell: Tensor, draw: np.random.Generator) -> tuple[Tensor, Tensor]:
        """([rows, all codes] logits that meet conditions, [rows, numbers])."""
        noise = torch.from_numpy(draw.standard_normal((len(cell), self.options["noise"]), dtype=np.float32))
        condition = self.layout.hot(cell[:, None])
        with torch.no_grad():
            output = self.generator(noise, condition)
        width = self.layout.blocks.width
        own = self.layout.own(condition) > 0
        return torch.where(own, 60 * condition - 30, output[:, :width] + self.lean), output[:, width:]

    def _some(self, cell: Tensor, draw: np.random.Generator) -> Floats:
        """[rows, discrete and continuous parts]."""
        logits, numbers = self.outputs(cell, draw)
        codes = self.layout.blocks.drawn(logits, draw)
        hot = self.layout.hot(self.layout.blocks.flat(codes))
        placed = self.layout.numbers(numbers, hot).numpy().astype(np.float64)
        gate = self._gates(codes)
        for at in range(len(self.found)):
            if not np.array_equal(self.found[at], self.wanted[at]):
                mine = np.flatnonzero(gate[:, int(self.layout.owners[at].argmax())] == at)
                column = int(self.layout.owners[at].argmax())
                placed[mine, column] = np.interp(placed[mine, column], self.found[at], self.wanted[at])
        return np.concatenate([codes, placed], 1)

    def _gates(self, codes: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """[rows, continuous parts] which of the numbers each is."""
        first = np.asarray(self.layout.owners.argmax(0)) if self.layout.states else ()
        return np.stack(
            [
                first[at] + (codes[:, state] if state >= 0 else np.zeros(len(codes), np.int64))
                for at, state in enumerate(self.layout.states)
            ]
            or [np.zeros(len(codes), np.int64)],
            axis=1,
        )


def corrected(engine: GanEngine, rows: ModelRows | None, seed: int) -> GanEngine:
    """The engine leant to the shares; its numbers, state by state, spread as those of the rows, where there are any."""
    draw, blocks = np.random.default_rng([seed, 3]), engine.layout.blocks
    cell = usual(blocks, engine.shares, _TRIED, draw)
    logits = engine.outputs(cell, draw)[0]
    own = engine.layout.own(engine.layout.hot(cell[:, None]))
    logits = torch.where(own > 0, (engine.shares + 1e-9).log(), logits)
    lean = leaning(blocks, logits, engine.shares, own, learnt=0 if rows is None else rows.height)
    leant = GanEngine(engine.layout, engine.generator, engine.options, engine.shares, lean, engine.found, engine.wanted)
    if rows is None:
        return leant
    made = leant.sample(_TRIED, draw)
    found, wanted = engine.found.copy(), engine.wanted.copy()
    gates = [leant._gates(each.discrete) for each in (made, rows)]
    for at in range(len(found)):
        column = int(engine.layout.owners[at].argmax())
        values = [
            each.continuous[gate[:, column] == at, column] for each, gate in zip((made, rows), gates, strict=True)
        ]
        if min(map(len, values)) >= _LEAST:
            found[at], wanted[at] = (np.quantile(each, _KNOTS) for each in values)
            found[at] += 1e-9 * np.arange(len(_KNOTS))
    return GanEngine(engine.layout, engine.generator, engine.options, engine.shares, lean, found, wanted)


def _plan(ask: Ask) -> Plan:
    return Plan(numbers="modes")


def _costs(parts: tuple[Part, ...], patients: int, ask: Ask, target: int | None) -> tuple[Mechanism, ...]:
    _require_codes(parts)
    return mechanisms(maker.options_of(ask), ask.privacy)


def _require_codes(parts: tuple[Part, ...]) -> None:
    if not any(part.size for part in parts):
        raise InputError("gan: no column has codes to ask rows for", "Choose another engine for numbers alone.")


def _sized(ask: Ask, rows: int) -> Json:
    """The options; where rows are few those of `_OF_FEW` that were not asked for. How many there are may be private."""
    options: Json = maker.options_of(ask)
    if ask.privacy is None and rows < FEW:
        options |= {name: value for name, value in _OF_FEW.items() if name not in ask.options}
    return options


def _learnt(parts: tuple[Part, ...], rows: ModelRows, ask: Ask, watch: Watch, target: int | None) -> GanEngine:
    _require_codes(parts)
    if ask.privacy is None and sum(part.size for part in parts) > _CODES_AT_MOST:
        raise InputError(
            f"gan: all columns together have more than {_CODES_AT_MOST:,} codes",
            "Group rare values, or choose another.",
        )
    options = _sized(ask, rows.height)
    layout, source = layout_of(parts), torch.Generator().manual_seed(ask.seed)
    flat, seen = layout.rows(rows)
    noise, is_private = watch.noise, ask.privacy is not None
    shares = shares_of("gan", layout.blocks, flat, ask.privacy, noise)
    generator = Generator(layout, options, source)
    critic = Critic(layout, options, 1 if is_private else max(1, min(options["together"], len(seen))), source)
    with torch.no_grad():
        generator.last.bias[: layout.blocks.width] = (shares + 1e-4).log()
    training = Training(layout, options, ask.seed, generator, critic)
    if ask.privacy is None or noise is None:
        learnt = training.learn(flat, seen, watch)
    else:
        learnt = training.learn_privately(flat, seen, shares, private_course(options, ask.privacy), noise, watch)
    alike = np.tile(_KNOTS, (len(layout.gates), 1))
    engine = GanEngine(layout, learnt, options, shares, torch.zeros(layout.blocks.width), alike, alike)
    engine = corrected(engine, None if is_private else rows, ask.seed)
    if target is None or not is_last(ask, options, target):
        return engine
    last = last_of(layout.blocks, target, flat, seen, options, ask.seed)
    made = engine.sample(_TRIED, np.random.default_rng([ask.seed, 8]))
    wanted = shares[layout.blocks.home[:, target] > 0]
    return replace(engine, last=last.levelled(layout.rows(made)[1], wanted, rows.height))


def _restored(parts: tuple[Part, ...], state: State) -> GanEngine:
    options: Json = dict(maker.options) | dict(state.told["options"])
    layout = layout_of(parts)
    generator = Generator(layout, options, torch.Generator())
    restore(generator, state.tensors)
    shares, lean = (torch.from_numpy(np.asarray(state.tensors[name]).copy()) for name in ("shares", "lean"))
    found, wanted = (np.asarray(state.tensors[name]) for name in ("found", "wanted"))
    part = state.told.get("last")
    last = None if part is None else last_from(layout.blocks, part, layout.row, dict(state.tensors))
    return GanEngine(layout, generator, options, shares, lean, found, wanted, last)


def _fit(parts: tuple[Part, ...], rows: ModelRows, ask: Ask, watch: Watch, target: int | None) -> Engine:
    return fitted(_learnt, parts, rows, ask, watch, target)


def _load(parts: tuple[Part, ...], state: State) -> Engine:
    return loaded(_restored, parts, state)


maker = Maker(
    kind="gan",
    meaning="Two networks against each other, a condition met in every row: for balanced and for conditional tables.",
    plan=_plan,
    fit=_fit,
    load=_load,
    options={
        "noise": 96, "hidden": 256, "layers": 2, "row": 96, "critic": 256, "together": 5, "batch": 500, "steps": 3_000,
        "rate": 1e-3, "heat": 0.5, "gain": 0.3, "pairs": 20.0, "slack": 0.0, "slope_every": 2, "average": 0.995,
        "heads": 0, "sure": 1.4, "private_rate": 0.02, "private_steps": 1_000, "private_clip": 1.0,
    },
    costs=_costs,
)  # fmt: skip
