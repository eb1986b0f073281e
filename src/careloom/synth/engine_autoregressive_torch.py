"""The autoregressive engine, the default of tables: each part of a row drawn from what a small network says of it.

Every part has a block that sees whichever parts are known; learnt in any order, so that any columns can be given and
the others follow exactly. Numbers are learnt as bins and the place in them. Private fits learn by DP-SGD. The idea:
Uria, Murray, Larochelle, ICML 2014 (any order); Germain et al, ICML 2015 (masked networks); own code. Datasheet:
docs/datasheets/synthetic-autoregressive.md
"""

import numpy as np
import numpy.typing as npt
import torch

from careloom.errors import InputError
from careloom.synth import autoregressive_fit_torch as plain
from careloom.synth import autoregressive_last_torch as last
from careloom.synth import autoregressive_private_torch as private
from careloom.synth.accounting_mechanisms import Mechanism
from careloom.synth.autoregressive_model_torch import AutoregressiveEngine, Wanted, load
from careloom.synth.autoregressive_net_torch import ColumnNet
from careloom.synth.autoregressive_places import KNOTS
from careloom.synth.autoregressive_places import learnt as places_learnt
from careloom.synth.engine import Ask, Json, Maker, State, Watch
from careloom.synth.transforms import Plan
from careloom.synth.transforms_space import ModelRows, Part

Codes = npt.NDArray[np.int64]
_NARROWER = {"width": (18, 64), "place": (16, 4)}
"""From so many parts on, blocks are narrower (but so wide at least): what a step costs grows with their square."""
_TEMPER_ROWS = 200
"""Rows set aside, at least, for them to say how far logits are drawn back."""
_LEAN_ROWS = (4_000, 20_000)
"""Rows that are drawn, at least and at most, to see how far shares are from those learnt."""


def _plan(ask: Ask) -> Plan:
    options = maker.options_of(ask)
    return Plan(numbers="bins", bins=int(options["bins" if ask.privacy is None else "private_bins"]), place=True)


def _fit(parts: tuple[Part, ...], rows: ModelRows, ask: Ask, watch: Watch, target: int | None) -> AutoregressiveEngine:
    codes = rows.discrete.astype(np.int64)
    net = _net(parts, ask)
    order = _order(len(net.sizes), target)
    if ask.privacy is None:
        shares = [_shares(codes[:, at], size) for at, size in enumerate(net.sizes)]
        _lean_heads(net, shares)
        aside, learnt = plain.learn(net, codes, order, _training(ask), ask.seed, watch)
        if target is not None and len(aside) and len(order) > 1:
            last.learn(net, learnt, aside, target, _training(ask), ask.seed)
        if len(aside) >= _TEMPER_ROWS:
            plain.temper(net, aside, order, shares)
    else:
        if watch.noise is None:
            raise InputError("autoregressive: a private fit needs a source of noise", "Give one that nobody can guess.")
        planned = _planned(parts, ask)
        shares = private.noisy_shares(codes, net.sizes, planned, watch.noise)
        _lean_heads(net, shares)
        private.learn(net, codes, order, planned, _private_training(ask), watch)
    none = tuple(torch.zeros(size) for size in net.sizes)
    engine = AutoregressiveEngine(net, order, none, _places(parts, rows, is_private=ask.privacy is not None))
    is_open = ask.privacy is None
    drawn = int(np.clip(len(codes), *_LEAN_ROWS)) if is_open else _LEAN_ROWS[1]
    wanted = Wanted(shares, len(codes) if is_open else 0)  # noisy shares tell no more where they are met exactly
    lean = engine.leaning(wanted, drawn, np.random.default_rng([ask.seed, 4]))
    return AutoregressiveEngine(net, order, lean, engine.places)


def _order(parts: int, target: int | None) -> tuple[int, ...]:
    """The order in which rows are made: as the columns stand, the target last, so that it hangs on all others."""
    return tuple(sorted(range(parts), key=lambda part: (part == target, part)))


def _net(parts: tuple[Part, ...], ask: Ask) -> ColumnNet:
    options: Json = maker.options_of(ask)
    prefix = "" if ask.privacy is None else "private_"
    sizes = [part.size for part in parts if part.size]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ask.seed)
        shape: Json = {name: options[f"{prefix}{name}"] for name in ("width", "depth", "place")}
        for name, (full, least) in _NARROWER.items():
            shape[name] = max(min(least, shape[name]), shape[name] * full // max(full, len(sizes)))
        net = ColumnNet(sizes, **shape, dropout=0.0 if ask.privacy else options["dropout"])
        for part in _binned(parts):
            net.rank(part)
        return net


def _binned(parts: tuple[Part, ...]) -> list[int]:
    """The discrete part of each continuous one: the bin in which its places are."""
    names = [part.column for part in parts if part.size]
    return [names.index(part.column) for part in parts if not part.size]


def _shares(codes: Codes, size: int) -> torch.Tensor:
    """[size] the share of each code; none is 0."""
    return torch.from_numpy((np.bincount(codes, minlength=size) + 0.05) / (len(codes) + 0.05 * size)).float()


def _lean_heads(net: ColumnNet, shares: list[torch.Tensor]) -> None:
    """Before it has learnt anything the network says what is known of each part by itself."""
    for head, share in zip(net.heads, shares, strict=True):
        head.bias.data.copy_(share.log() - share.log().mean())


def _places(
    parts: tuple[Part, ...], rows: ModelRows, *, is_private: bool
) -> tuple[tuple[int, npt.NDArray[np.float64]], ...]:
    """For each continuous part its discrete part and the places in each bin."""
    sizes = [part.size for part in parts if part.size]
    found = []
    for at, code in enumerate(_binned(parts)):
        even = np.tile(np.linspace(0, 1, KNOTS), (sizes[code], 1))
        known = even if is_private else places_learnt(rows.discrete[:, code], rows.continuous[:, at], sizes[code])
        found.append((code, known))
    return tuple(found)


def _training(ask: Ask) -> plain.Training:
    options: Json = maker.options_of(ask)
    names = ("epochs", "batch", "rate", "decay", "ordered", "average", "patience", "aside", "gain")
    return plain.Training(**{name: options[name] for name in names})


def _private_training(ask: Ask) -> private.PrivateTraining:
    options: Json = maker.options_of(ask)
    return private.PrivateTraining(options["private_rate"], options["private_ordered"], options["private_average"])


def _planned(parts: tuple[Part, ...], ask: Ask) -> private.PrivatePlan:
    if ask.privacy is None:
        raise InputError("autoregressive: this fit is not private", "Give epsilon.")
    options: Json = maker.options_of(ask)
    discrete = sum(bool(part.size) for part in parts)
    return private.planned(
        ask.privacy, discrete, rate=options["private_sampling"], steps=options["private_steps"],
        clip=options["private_clip"],
    )  # fmt: skip


def _costs(parts: tuple[Part, ...], patients: int, ask: Ask, target: int | None) -> tuple[Mechanism, ...]:
    return _planned(parts, ask).mechanisms


def _load(parts: tuple[Part, ...], state: State) -> AutoregressiveEngine:
    return load(state)


maker = Maker(
    kind="autoregressive",
    meaning="Each column from those before it, in any order: the default; private at an epsilon above 3.",
    plan=_plan,
    fit=_fit,
    load=_load,
    options={
        "bins": 128,
        "width": 192,
        "depth": 1,
        "place": 16,
        "epochs": 60,
        "batch": 512,
        "rate": 2e-3,
        "decay": 0.5,
        "dropout": 0.4,
        "ordered": 0.9,
        "average": 0.995,
        "patience": 2,
        "aside": 0.1,
        "gain": 0.004,
        "private_bins": 24,
        "private_width": 64,
        "private_depth": 0,
        "private_place": 8,
        "private_steps": 600,
        "private_sampling": 0.05,
        "private_clip": 1.0,
        "private_rate": 3e-3,
        "private_ordered": 0.8,
        "private_average": 0.98,
    },
    costs=_costs,
)
