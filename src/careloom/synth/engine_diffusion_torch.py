"""A diffusion model of mixed tables as an engine: hidden codes that come to light, then numbers freed of noise.

Codes (categories, atoms, missing, numbers with few values) are learnt by masked diffusion, the other numbers by a
diffusion of normal scores given the codes. Given codes are simply not hidden, so that conditions are met exactly.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from careloom.errors import FormatError
from careloom.synth.diffusion_groups import grouped
from careloom.synth.diffusion_masked_torch import Levels, MaskedNet, shares, unmask
from careloom.synth.diffusion_scores_torch import ScoreNet, denoise
from careloom.synth.diffusion_tokens import Codes, Floats, Tokens, tokens_from, tokens_of
from careloom.synth.diffusion_training_torch import Nets, Rows, Schedule, train
from careloom.synth.engine import Ask, Given, Json, Maker, State, Watch
from careloom.synth.transforms import Plan
from careloom.synth.transforms_space import ModelRows, Part

CHUNK = 16_384
STEPS = 5_000
"""Of the optimizer, where the ask names no epochs and nobody watches the time."""


@dataclass(frozen=True, slots=True, eq=False)
class DiffusionEngine:
    """The two networks, and the order in which groups of codes come to light where nothing is given.

    shift  [codes of all tokens] added to the logits: on the whole, codes come about as often as among the rows learnt
    """

    tokens: Tokens
    nets: Nets
    order: tuple[tuple[int, ...], ...]
    options: Json
    shift: Tensor

    def sample(self, rows: int, draw: np.random.Generator, given: Given | None = None) -> ModelRows:
        """So many rows, each with the codes given for it."""
        made = [self._chunk(at, min(rows, at + CHUNK), draw, given or {}) for at in range(0, max(1, rows), CHUNK)]
        return ModelRows(
            np.concatenate([each.continuous for each in made]), np.concatenate([each.discrete for each in made])
        )

    def state(self) -> State:
        """Weights and codes as arrays."""
        arrays, told = self.tokens.state()
        weights = {f"net.{name}": each.detach().numpy().copy() for name, each in self.nets.named_parameters()}
        weights["shift"] = self.shift.numpy()
        return State({**arrays, **weights}, {**told, "order": list(self.order), "options": self.options})

    def _chunk(self, first: int, last: int, draw: np.random.Generator, given: Given) -> ModelRows:
        mine = {part: codes[first:last] for part, codes in given.items()}
        allowed = self.tokens.allowed(mine, last - first)
        order = [tuple(each for each in group if each in allowed) for group in self.order]
        order += [tuple(each for each in group if each not in allowed) for group in self.order]
        codes: Codes = np.zeros((last - first, 0), np.int64)
        if self.nets.codes is not None:
            codes = unmask(
                self.nets.codes, [group for group in order if group], last - first, allowed, draw, Levels(self.shift)
            )
        numbers: Floats = np.zeros((last - first, 0))
        if self.nets.numbers is not None:
            generator = torch.Generator().manual_seed(int(draw.integers(2**62)))
            present = torch.as_tensor(self.tokens.present(codes))
            numbers = denoise(self.nets.numbers, torch.as_tensor(codes), present, self.options["steps"], generator)
        made = self.tokens.decode(codes, numbers, draw)
        for part, wanted in mine.items():  # also codes that no row had
            made.discrete[:, part] = wanted
        return made


def _plan(ask: Ask) -> Plan:
    return Plan(numbers="quantile", rare_below=int(maker.options_of(ask)["rare_below"]))


def _fit(parts: tuple[Part, ...], rows: ModelRows, ask: Ask, watch: Watch, target: int | None) -> DiffusionEngine:
    options = maker.options_of(ask)
    tokens = tokens_of(parts, rows)
    order = _order(tokens, target)
    codes, numbers = tokens.encode(rows)
    ready = Rows(
        torch.as_tensor(codes), torch.as_tensor(numbers, dtype=torch.float32), torch.as_tensor(tokens.present(codes))
    )
    lots = torch.as_tensor(np.random.default_rng([ask.seed, 3]).permutation(rows.height))
    aside = max(1, int(min(max(options["aside"] * rows.height, min(100, rows.height / 5)), 2_000)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ask.seed)
        nets = _nets(tokens, options, order[-1] if target is not None and order else -1)
    if nets.codes is not None:
        nets.codes.begin(codes)
    learnt = rows.height - aside if rows.height > 1 else 1
    schedule = _schedule(tokens, order, options, learnt, ask.seed)
    train(nets, ready.take(lots[-learnt:]), ready.take(lots[:aside]), schedule, watch)
    alone = order[-1] if target is not None and order else -1
    groups = grouped(codes, tokens.sizes, order, alone, options["together"])
    return DiffusionEngine(tokens, nets, groups, options, _shift(nets, groups, codes, ask.seed))


def _shift(nets: Nets, order: tuple[tuple[int, ...], ...], codes: Codes, seed: int) -> Tensor:
    """Mistakes of early tokens add up in late ones: what evens them out, over rows drawn for the purpose.

    Shares are evened out as far as the rows know them: to a standard error.
    """
    if nets.codes is None:
        return torch.zeros(0)
    wanted = torch.cat([shares(mine, size) for mine, size in zip(codes.T, nets.codes.sizes, strict=True)])
    shift = torch.zeros(len(wanted))
    rows = min(CHUNK, max(4_096, len(codes)))
    unmask(nets.codes, list(order), rows, {}, np.random.default_rng([seed, 5]), Levels(shift, wanted, len(codes)))
    return shift


def _order(tokens: Tokens, target: int | None) -> tuple[int, ...]:
    """Tokens in the order of the table, the target last: so what predicts it is learnt as such."""
    last = [at for at, token in enumerate(tokens.tokens) if target is not None and target in token.parts]
    return (*(at for at in range(len(tokens.tokens)) if at not in last), *last)


def _nets(tokens: Tokens, options: Json, focus: int = -1) -> Nets:
    scores = [token.scores for token in tokens.tokens]
    width, layers, dropout = options["width"], options["layers"], options["dropout"]
    codes = MaskedNet(tokens.sizes, scores, width, layers, dropout) if tokens.tokens else None
    count = len(tokens.numbers)
    narrow = min(width, 64 + 32 * count)
    numbers = ScoreNet(count, tokens.sizes, scores, narrow, layers, dropout) if count else None
    return Nets(codes, numbers, focus)


def _schedule(tokens: Tokens, order: tuple[int, ...], options: Json, rows: int, seed: int) -> Schedule:
    batch = int(min(options["batch"], max(32, rows // 8)))
    epochs = options["epochs"] or max(1, round(STEPS * batch / rows))
    pace = torch.ones(2, max(1, len(tokens.tokens)))
    for place, token in enumerate(order):
        pace[0, token] = float(np.exp(-options["spread"] * place))
    named = {name: options[name] for name in ("rate", "decay", "average", "patience", "gain")}
    return Schedule(epochs, batch, **named, pace=pace, seed=seed)


def _load(parts: tuple[Part, ...], state: State) -> DiffusionEngine:
    told = state.told
    tokens = tokens_from(parts, state.tensors, told)
    nets = _nets(tokens, told["options"])
    named = dict(nets.named_parameters())
    if {f"net.{name}" for name in named} - set(state.tensors):
        raise FormatError("these files are no fitted diffusion", "Give those that the fit wrote.")
    with torch.no_grad():
        for name, each in named.items():
            each.copy_(torch.from_numpy(np.array(state.tensors[f"net.{name}"])))
    nets.eval()
    shift = torch.from_numpy(np.array(state.tensors["shift"]))
    order = tuple(tuple(each) if isinstance(each, list) else (each,) for each in told["order"])
    return DiffusionEngine(tokens, nets, order, told["options"], shift)


maker = Maker(
    kind="diffusion",
    meaning="Noise taken away step by step, of codes and of numbers: faithful to mixed tables, small ones too.",
    plan=_plan,
    fit=_fit,
    load=_load,
    options={
        "width": 256, "layers": 3, "dropout": 0.5, "batch": 512, "rate": 2e-3, "decay": 0.3, "average": 0.999,
        "patience": 3, "gain": 0.001, "aside": 0.15, "epochs": 0, "spread": 1.5, "together": 0.02, "steps": 14,
        "rare_below": 10,
    },
)  # fmt: skip
