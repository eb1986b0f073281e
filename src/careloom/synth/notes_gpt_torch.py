"""A small causal language model of note blocks, trained from scratch: a decoder with learnt positions.

Letters of shapes: B blocks, T symbols, D width, V symbols of the alphabet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from careloom.errors import FormatError
from careloom.learn_torch import by_length
from careloom.synth.engine import State, Step, Watch
from careloom.synth.notes_history import History
from careloom.synth.notes_manner import Floats, Numbers


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the model; `tied`: embeddings in and out are the same weights."""

    symbols: int
    width: int = 128
    layers: int = 3
    heads: int = 4
    length: int = 224
    dropout: float = 0.1
    tied: bool = True


@dataclass(frozen=True, slots=True)
class Training:
    """How it is trained.

    most      symbols a batch
    warmup    share of the steps over which the rate rises; then it falls to 0
    autocast  products in bfloat16
    """

    epochs: int = 8
    rate: float = 2e-3
    most: int = 1_600
    warmup: float = 0.05
    decay: float = 0.05
    clip: float = 1.0
    seed: int = 1
    autocast: bool = True


class Layer(nn.Module):
    """Attention to what stands before, then a step of each symbol alone."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.dropout = shape.heads, shape.dropout
        self.before, self.between = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)
        self.mixed, self.out = nn.Linear(shape.width, 3 * shape.width), nn.Linear(shape.width, shape.width)
        self.wide, self.narrow = nn.Linear(shape.width, 4 * shape.width), nn.Linear(4 * shape.width, shape.width)

    def forward(
        self, x: torch.Tensor, held: list[torch.Tensor] | None = None, seen: torch.Tensor | None = None
    ) -> torch.Tensor:
        """[..., T, D] to the same; with `held`, keys and values of what came before, T is 1 and they grow.

        seen  [B, 1, 1, all before and itself] where a block looks: what it took back it does not see
        """
        count, width = x.shape[-2:]
        query, key, value = (
            one.reshape(-1, count, self.heads, width // self.heads).transpose(1, 2)
            for one in self.mixed(self.before(x)).split(width, dim=-1)
        )
        if held is not None:
            if held:
                key, value = torch.cat([held[0], key], 2), torch.cat([held[1], value], 2)
            held[:] = [key, value]
        drop = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen, is_causal=held is None)
        x = x + functional.dropout(self.out(mixed.transpose(1, 2).reshape(x.shape)), drop)
        return x + functional.dropout(self.narrow(functional.gelu(self.wide(self.between(x)))), drop)


class NoteModel(nn.Module):
    """Symbols to scores of the next one."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.symbols = nn.Embedding(shape.symbols, shape.width)
        self.places = nn.Embedding(shape.length, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.last = nn.LayerNorm(shape.width)
        self.scores = None if shape.tied else nn.Linear(shape.width, shape.symbols, bias=False)
        for table in (self.symbols, self.places):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, symbols: torch.Tensor) -> torch.Tensor:
        """[..., T] to [..., T, V]."""
        places = torch.arange(symbols.shape[-1]).expand(symbols.shape)
        x = self.symbols(symbols) + self.places(places)
        for layer in self.layers:
            x = layer(x)
        return self._scored(x)

    def step(
        self, symbols: torch.Tensor, places: torch.Tensor, held: list[list[torch.Tensor]], seen: torch.Tensor
    ) -> torch.Tensor:
        """[B] symbols at [B] places, with what came before, to [B, V]."""
        x = (self.symbols(symbols) + self.places(places))[:, None]
        for number, layer in enumerate(self.layers):
            x = layer(x, held[number], seen)
        return self._scored(x)[:, 0]

    def _scored(self, x: torch.Tensor) -> torch.Tensor:
        if self.scores is not None:
            return torch.as_tensor(self.scores(self.last(x)))
        return functional.linear(self.last(x), self.symbols.weight)


class Scores:
    """The model symbol by symbol, many blocks at once: `careloom.synth.notes_write.Scores`."""

    def __init__(self, model: NoteModel) -> None:
        self._model = model.eval()
        self._held: list[list[torch.Tensor]] = []
        self._history = History(0)
        self.length = model.shape.length

    def begin(self, rows: int) -> None:
        """New blocks."""
        self._held, self._history = [[] for _ in self._model.layers], History(rows)

    def after(self, symbols: Numbers, back: Numbers) -> Floats:
        """[B] how many symbols each block takes back, and its next one, to [B, V] scores of the one after it."""
        places, seen = self._history.grown(back)
        places = np.minimum(places, self.length - 1)  # of blocks that are over
        with torch.no_grad():
            scores = self._model.step(
                torch.from_numpy(symbols), torch.from_numpy(places), self._held, torch.from_numpy(seen)[:, None, None]
            )
        return np.asarray(scores.numpy(), np.float32)


def loss_of(model: NoteModel, batch: torch.Tensor, pad: int, spared: int) -> torch.Tensor:
    """Mean cost of a symbol: padding and `spared` (words that too few share) cost nothing."""
    scores = model(batch[:, :-1])
    aims = batch[:, 1:]
    costs = functional.cross_entropy(scores.flatten(0, 1), aims.flatten(), reduction="none")
    kept = ((aims != pad) & (aims != spared)).flatten()
    return (costs * kept).sum() / kept.sum().clamp(min=1)


def fit_model(
    blocks: Sequence[Sequence[int]], shape: Shape, how: Training, watch: Watch, *, pad: int = 0, spared: int = 1
) -> NoteModel:
    """The model after training; the same blocks, seed and machine give the same one, resumed or not.

    watch   `save` gets the model, the optimizer and the number of epochs done after each epoch; `resume` takes it
    raises  ValueError without blocks
    """
    if not blocks:
        raise ValueError("there is nothing to learn from")
    torch.manual_seed(how.seed)
    model = NoteModel(shape)
    optimizer = torch.optim.AdamW(model.parameters(), lr=how.rate, weight_decay=how.decay, betas=(0.9, 0.98))
    done = _resumed(model, optimizer, watch.resume) if watch.resume is not None else 0
    cut = [torch.tensor(list(one[: shape.length]), dtype=torch.int64) for one in blocks]
    steps = sum(1 for _ in _batches(cut, how, 0, pad)) * how.epochs
    for number in range(done, how.epochs):
        torch.manual_seed(how.seed * 10_007 + number)
        model.train()
        total, count = 0.0, 0
        for at, batch in enumerate(_batches(cut, how, number, pad)):
            _set_rate(optimizer, how, number * steps // how.epochs + at, steps)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=how.autocast):
                cost = loss_of(model, batch, pad, spared)
            optimizer.zero_grad(set_to_none=True)
            cost.backward()
            nn.utils.clip_grad_norm_(model.parameters(), how.clip)
            optimizer.step()
            total, count = total + float(cost.detach()), count + 1
        if watch.told is not None:
            watch.told(Step((number + 1) / how.epochs, number + 1, {"next symbol": total / count}))
        if watch.save is not None:
            watch.save(_saved(model, optimizer, number + 1))
        if watch.share is not None and watch.share() >= 1:
            break
    return model.eval()


def _set_rate(optimizer: torch.optim.Optimizer, how: Training, step: int, steps: int) -> None:
    rising = max(1, round(steps * how.warmup))
    share = (step + 1) / rising if step < rising else max(0.02, (steps - step) / max(1, steps - rising))
    for group in optimizer.param_groups:
        group["lr"] = how.rate * share


def _batches(blocks: Sequence[torch.Tensor], how: Training, epoch: int, pad: int) -> Iterator[torch.Tensor]:
    generator = torch.Generator().manual_seed(how.seed * 7_919 + epoch)
    for chosen in by_length([len(one) for one in blocks], how.most, generator):
        yield nn.utils.rnn.pad_sequence([blocks[at] for at in chosen], batch_first=True, padding_value=pad)


def _saved(model: NoteModel, optimizer: torch.optim.Optimizer, done: int) -> State:
    names = [name for name, _ in model.named_parameters()]
    arrays = dict(state_of(model).tensors)
    for at, held in optimizer.state_dict()["state"].items():
        arrays[f"first {names[at]}"] = held["exp_avg"].numpy().copy()
        arrays[f"second {names[at]}"] = held["exp_avg_sq"].numpy().copy()
        arrays[f"step {names[at]}"] = held["step"].numpy().copy()
    return State(arrays, {"epochs": done, "shape": asdict(model.shape)})


def _resumed(model: NoteModel, optimizer: torch.optim.Optimizer, state: State) -> int:
    load_weights(model, state)
    names = [name for name, _ in model.named_parameters()]
    try:
        found = {
            at: {
                "exp_avg": torch.from_numpy(state.tensors[f"first {name}"].copy()),
                "exp_avg_sq": torch.from_numpy(state.tensors[f"second {name}"].copy()),
                "step": torch.from_numpy(np.asarray(state.tensors[f"step {name}"]).copy()),
            }
            for at, name in enumerate(names)
        }
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": found, "param_groups": groups})
        return int(state.told["epochs"])
    except KeyError:
        raise FormatError("this is no saved training of notes", "Start without it.") from None


def state_of(model: NoteModel) -> State:
    """The weights as arrays, the sizes as JSON."""
    weights = {name: one.detach().numpy().copy() for name, one in model.named_parameters()}
    return State(weights, {"shape": asdict(model.shape)})


def model_of(state: State) -> NoteModel:
    """The inverse of `state_of`. raises FormatError"""
    try:
        model = NoteModel(Shape(**state.told["shape"]))
    except (TypeError, KeyError):
        raise FormatError("this is no model of notes", "Fit it anew.") from None
    load_weights(model, state)
    return model.eval()


def load_weights(model: NoteModel, state: State) -> None:
    """Puts the weights of a state into a model. raises FormatError where one is missing or has another shape"""
    with torch.no_grad():
        for name, one in model.named_parameters():
            held = state.tensors.get(name)
            if held is None or held.shape != tuple(one.shape):
                raise FormatError("the weights of the note model do not fit", "Fit it anew.")
            one.copy_(torch.from_numpy(np.ascontiguousarray(held)))
