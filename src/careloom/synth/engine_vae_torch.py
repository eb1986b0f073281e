"""The autoencoder as an engine: quick to learn, quick to sample, any codes given.

Datasheet: docs/datasheets/synthetic-vae.md
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from careloom.synth.accounting_mechanisms import Mechanism
from careloom.synth.engine import Ask, Engine, Given, Json, Maker, State, Watch
from careloom.synth.engine_blocks_torch import Blocks, blocks_of, pieces
from careloom.synth.engine_folding import fitted, loaded
from careloom.synth.engine_private_torch import mechanisms, private_course, shares_of
from careloom.synth.engine_saving_torch import arrays, restore
from careloom.synth.engine_shares_torch import leaning
from careloom.synth.engine_target_torch import FEW, Last, is_last, last_from, last_of
from careloom.synth.engine_vae_model_torch import Autoencoder
from careloom.synth.engine_vae_training_torch import Training
from careloom.synth.transforms import Plan
from careloom.synth.transforms_space import ModelRows, Part

_AT_ONCE = 4_096
_POOL = 8_192
"""Hidden codes among which those are chosen that agree with what is given."""
_OF_FEW = {
    "hidden": 64, "latent": 8, "components": 8, "layers": 1, "flow": 32, "rate": 4e-3, "beta": 0.5, "dropout": 0.2,
    "unseen": 0.5, "epochs": 200, "heads": 16,
}  # fmt: skip
"""Options of fewer rows than that: a smaller model, half of the codes of a row hidden at a time, more passes."""


@dataclass(frozen=True, slots=True, eq=False)
class VaeEngine:
    """A fitted autoencoder; rows are hidden codes drawn from its prior, decoded.

    lean  [all codes] added to the logits so that each code comes as often as it was learnt
    last  the target, said of a row's other columns where it is not given; None: it is decoded as they are
    """

    model: Autoencoder
    lean: Tensor
    options: Json
    last: Last | None = None

    def sample(self, rows: int, draw: np.random.Generator, given: Given | None = None) -> ModelRows:
        """So many rows, each with the codes given for it."""
        held = dict(given or {})

        def some(at: slice) -> npt.NDArray[np.int32]:
            if not held:
                codes = self.model.blocks.drawn(self._logits(at.stop - at.start, draw), draw)
            else:
                codes = self._agreeing({part: codes[at] for part, codes in held.items()}, draw)
            if self.last is not None and self.last.part not in held:
                codes[:, self.last.part] = self.last.drawn(self._shown(codes), draw)
            return codes

        with torch.no_grad():
            codes = pieces(rows, _AT_ONCE, some, len(self.model.blocks.sizes))
        return ModelRows(np.zeros((rows, 0)), codes.astype(np.int32))

    def state(self) -> State:
        """Weights, and what shapes them."""
        told: Json = {"options": self.options}
        tensors = arrays(self.model) | {"lean": self.lean.numpy()}
        if self.last is not None:
            tensors, told = tensors | self.last.tensors(), told | {"last": self.last.part}
        return State(tensors, told)

    def _shown(self, codes: npt.NDArray[np.int32]) -> Tensor:
        return self.model.blocks.hot(self.model.blocks.flat(codes))

    def _logits(self, rows: int, draw: np.random.Generator) -> Tensor:
        return self.model.decode(self.model.prior.drawn(rows, draw)) + self.lean

    def _agreeing(self, held: dict[int, npt.NDArray[np.int32]], draw: np.random.Generator) -> npt.NDArray[np.int32]:
        """Rows with these codes: hidden codes of a pool drawn by how likely each makes them, the rest decoded."""
        blocks = self.model.blocks
        logits = self._logits(_POOL, draw)
        parts = sorted(held)
        wanted = np.stack([held[part] for part in parts], axis=1)
        groups, group = np.unique(wanted, axis=0, return_inverse=True)
        places = torch.from_numpy(groups.astype(np.int64)) + blocks.starts[parts]
        shares = blocks.shares(logits).double()
        chosen = np.zeros(len(wanted), np.int64)
        for at, cells in enumerate(places):
            mine = np.flatnonzero(group.ravel() == at)
            running = shares[:, cells].clamp(min=1e-30).prod(1).cumsum(0)
            chosen[mine] = torch.searchsorted(running / running[-1], torch.from_numpy(draw.random(len(mine))))
        codes = blocks.drawn(logits[torch.from_numpy(chosen.clip(0, _POOL - 1))], draw)
        codes[:, parts] = wanted
        return codes


def _plan(ask: Ask) -> Plan:
    options = maker.options_of(ask)
    return Plan(numbers="bins", bins=int(options["bins"]), rows_a_bin=int(options["rows_a_bin"]))


def _costs(parts: tuple[Part, ...], patients: int, ask: Ask, target: int | None) -> tuple[Mechanism, ...]:
    return mechanisms(maker.options_of(ask), ask.privacy)


def _sized(ask: Ask, rows: int) -> Json:
    """The options; where rows are few those of `_OF_FEW` that were not asked for. How many there are may be private."""
    options: Json = maker.options_of(ask)
    if ask.privacy is None and rows < FEW:
        options |= {name: value for name, value in _OF_FEW.items() if name not in ask.options}
    return options


def _learnt(parts: tuple[Part, ...], rows: ModelRows, ask: Ask, watch: Watch, target: int | None) -> VaeEngine:
    options = _sized(ask, rows.height)
    blocks = blocks_of([part.size for part in parts])
    flat, source = blocks.flat(rows.discrete), torch.Generator().manual_seed(ask.seed)
    model = Autoencoder(blocks, options, source, is_private=ask.privacy is not None)
    noise = watch.noise
    shares = shares_of("vae", blocks, flat, ask.privacy, noise)
    with torch.no_grad():
        model.logits.bias.copy_((shares + 1e-4).log())
    training = Training(model, options, ask.seed, target)
    if ask.privacy is None or noise is None:
        learnt = training.learn(flat, watch)
    else:
        learnt = training.learn_privately(flat, private_course(options, ask.privacy), noise, watch)
    engine = VaeEngine(learnt, torch.zeros(blocks.width), options)
    with torch.no_grad():
        logits = engine._logits(_POOL, np.random.default_rng([ask.seed, 3]))
        lean = leaning(blocks, logits, shares, learnt=0 if ask.privacy else rows.height)
    if target is None or not is_last(ask, options, target):
        return VaeEngine(learnt, lean, options)
    last = last_of(blocks, target, flat, blocks.hot(flat), options, ask.seed)
    wanted = shares[blocks.home[:, target] > 0]
    made = blocks.hot(blocks.flat(blocks.drawn(logits + lean, np.random.default_rng([ask.seed, 8]))))
    return VaeEngine(learnt, lean, options, last.levelled(made, wanted, rows.height))


def _restored(parts: tuple[Part, ...], state: State) -> VaeEngine:
    options: Json = dict(maker.options) | dict(state.told["options"])
    blocks: Blocks = blocks_of([part.size for part in parts])
    components = len(state.tensors["prior.weights"])
    model = Autoencoder(blocks, options | {"components": components}, torch.Generator(), is_private=False)
    restore(model, state.tensors)
    part = state.told.get("last")
    last = None if part is None else last_from(blocks, part, blocks.width, dict(state.tensors))
    return VaeEngine(model, torch.from_numpy(np.asarray(state.tensors["lean"]).copy()), options, last)


def _fit(parts: tuple[Part, ...], rows: ModelRows, ask: Ask, watch: Watch, target: int | None) -> Engine:
    return fitted(_learnt, parts, rows, ask, watch, target)


def _load(parts: tuple[Part, ...], state: State) -> Engine:
    return loaded(_restored, parts, state)


maker = Maker(
    kind="vae",
    meaning="An autoencoder with a learnt prior: good rows within a minute, the quickest to sample.",
    plan=_plan,
    fit=_fit,
    load=_load,
    options={
        "bins": 100, "hidden": 256, "latent": 24, "components": 32, "layers": 3, "flow": 96, "epochs": 60, "batch": 256,
        "rate": 2e-3, "beta": 0.8, "rising": 400, "free_nats": 1.0, "target_weight": 1.0, "average": 0.995,
        "aside": 0.15, "patience": 15, "dropout": 0.1, "unseen": 0.1, "gain": 0.001, "rows_a_bin": 16,
        "heads": 0, "sure": 1.7,
        "private_rate": 0.02, "private_steps": 1_000, "private_clip": 1.0,
    },
    costs=_costs,
)  # fmt: skip
