"""The generator of whole records: a small transformer over patients' streams; learns, resumes, is saved, draws.

A patient is one sample: the words of one patient, at most `longest`, count once in a batch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from careloom.errors import FormatError, InputError
from careloom.learn_torch import by_length
from careloom.synth.accounting_mechanisms import Mechanism, as_json
from careloom.synth.accounting_mechanisms import from_json as mechanism_of
from careloom.synth.engine import Json, State, Step, Watch
from careloom.synth.records import Records
from careloom.synth.records_net_torch import Cache, NetShape, RecordsNet
from careloom.synth.records_sample import Draw, batches, sample
from careloom.synth.records_streams import Clock, Streams, encode
from careloom.synth.records_vocabulary import BEGIN, PAD, Vocabulary, from_json

VERSION = 1
_NET, _BEST, _FIRST, _SECOND = "net.", "best.", "first.", "second."
Batch = tuple[Tensor, Tensor, Tensor]
ROOM = 64
"""Words that a cache has room for at first; it doubles when it is full."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the net is built and trained.

    longest    words of a patient at most; what comes later is not learnt, nor drawn
    words      of a batch at most, padding included
    held_out   share of the patients whose loss stops the training
    patience   epochs without a better held-out loss before it stops
    shared     words are sums of parts (`RecordsNet`); a private fit needs False
    """

    width: int = 128
    layers: int = 3
    heads: int = 4
    longest: int = 1_024
    dropout: float = 0.05
    epochs: int = 8
    rate: float = 2e-3
    warmup: float = 0.05
    decay: float = 0.05
    words: int = 1_024
    held_out: float = 0.05
    patience: int = 2
    autocast: bool = False
    shared: bool = True

    def __post_init__(self) -> None:
        """raises InputError for what cannot be"""
        if self.width % self.heads or min(self.width, self.layers, self.heads, self.epochs) < 1 or self.longest < 8:
            raise InputError("the recipe cannot be", "Let heads divide width, and longest be at least 8.")
        if not 0 < self.held_out < 1:
            raise InputError("held_out is a share", "Give a number between 0 and 1.")


@dataclass(frozen=True, slots=True, eq=False)
class RecordsGenerator:
    """A fitted generator.

    history     losses of each epoch; none of a private fit
    mechanisms  what the fit did to each patient under differential privacy; empty: it was not private
    """

    vocabulary: Vocabulary
    net: RecordsNet
    recipe: Recipe
    history: tuple[Mapping[str, float], ...]
    mechanisms: tuple[Mechanism, ...] = ()

    def sample(self, patients: int, seed: int, given: Mapping[str, str] | None = None, *, first: int = 0) -> Records:
        """Records of so many patients; the same seed gives the same ones on the same machine.

        given   static category -> the value that every patient has, e.g. ``{"sex": "female"}``
        first   number of the first patient
        raises  QueryError for a category or a value that nobody has
        """
        ask = Draw(given, self.recipe.longest)
        return sample(self.vocabulary, NetPredictor(self.net), patients, seed, ask, first=first)

    def batches(self, patients: int, seed: int, given: Mapping[str, str] | None = None) -> Iterator[Records]:
        """The same, some patients at a time."""
        return batches(self.vocabulary, NetPredictor(self.net), patients, seed, Draw(given, self.recipe.longest))

    def state(self) -> State:
        """What `load` takes. Of a fit that was not private it may tell of the patients who were learnt."""
        told = _told(self.vocabulary, self.recipe, self.history)
        told["mechanisms"] = [as_json(each) for each in self.mechanisms]
        return State(_arrays(_NET, self.net.state_dict()), told)


class NetPredictor:
    """The net as what foretells words, with all that it has seen kept."""

    def __init__(self, net: RecordsNet) -> None:
        self.net = net.eval()
        with torch.inference_mode():
            self.known = net.words()
        self.begin(0)

    def begin(self, patients: int) -> None:
        """So many patients of whom nothing was said."""
        self.cache: Cache = self.net.room(patients, ROOM)
        self.at = 0

    def step(self, words: npt.NDArray[np.int64], clock: Clock) -> npt.NDArray[np.float32]:
        """[patients, words] weights of the next word."""
        if self.at == self.cache[0][0].shape[2]:
            wider = self.net.room(len(words), min(2 * self.at, len(self.net.places.weight)))
            for old, new in zip(self.cache, wider, strict=True):
                for before, after in zip(old, new, strict=True):
                    after[:, :, : self.at] = before
            self.cache = wider
        with torch.inference_mode():
            weights = self.net.step(
                torch.from_numpy(words), torch.from_numpy(clock), self.at, self.cache, self.known
            )  # fmt: skip
        self.at += 1
        out: npt.NDArray[np.float32] = weights.numpy()
        return out

    def keep(self, rows: npt.NDArray[np.int64]) -> None:
        """Only these patients go on."""
        self.cache = [(key[rows], value[rows]) for key, value in self.cache]


def fit(
    vocabulary: Vocabulary, given: Records, seed: int, recipe: Recipe | None = None, watch: Watch | None = None
) -> RecordsGenerator:
    """A generator of records like these. The same seed gives the same one on the same machine.

    watch   `told` after each epoch, `share` of the caller's budget (the learning rate falls with it), `save` after each
            epoch with what `resume` takes
    raises  InputError for fewer than two patients with an encounter
    """
    recipe, watch = recipe or Recipe(), watch or Watch()
    streams = encode(vocabulary, given, recipe.longest - 1)
    if len(streams) < 2:
        raise InputError("fewer than two patients have an encounter", "Give more patients.")
    torch.manual_seed(seed)
    net = net_of(vocabulary, recipe)
    order = np.random.default_rng(seed).permutation(len(streams))
    held = max(1, round(recipe.held_out * len(streams)))
    learnt = np.concatenate([streams.words[streams.at(int(each))] for each in order[held:]])
    counts = torch.from_numpy(np.bincount(learnt, minlength=vocabulary.size) + 0.1)
    with torch.no_grad():  # begins at how often words are said, which else takes the first hundreds of steps
        (net.bias if recipe.shared else net.out.bias).copy_(torch.log(counts / counts.sum()))
    training = _Training(net, streams, order[held:], order[:held], recipe, watch, seed, vocabulary)
    return RecordsGenerator(vocabulary, net, recipe, tuple(training.run()))


def load(state: State) -> RecordsGenerator:
    """The generator of a state. raises FormatError for one that is none"""
    try:
        recipe = Recipe(**state.told["recipe"])
        vocabulary = from_json(state.told["vocabulary"])
        if state.told["version"] != VERSION:
            raise FormatError("this generator has another version", "Fit it again.")
        net = net_of(vocabulary, recipe)
        net.load_state_dict(_tensors(_NET, state.tensors))
        history = tuple(dict(each) for each in state.told["history"])
        mechanisms = tuple(mechanism_of(each) for each in state.told["mechanisms"])
    except (KeyError, TypeError, ValueError, RuntimeError):
        raise FormatError("this is no generator of records", "Give what state wrote.") from None
    return RecordsGenerator(vocabulary, net.eval(), recipe, history, mechanisms)


def net_of(vocabulary: Vocabulary, recipe: Recipe) -> RecordsNet:
    """A net that has learnt nothing yet."""
    shape = NetShape(recipe.width, recipe.layers, recipe.heads, recipe.longest, recipe.dropout, recipe.shared)
    return RecordsNet(vocabulary.parts, shape)


@dataclass(slots=True, eq=False)
class _Training:
    """One fit: what is learnt, how far it is, and the best so far by held-out loss."""

    net: RecordsNet
    streams: Streams
    learnt: npt.NDArray[np.int64]
    held: npt.NDArray[np.int64]
    recipe: Recipe
    watch: Watch
    seed: int
    vocabulary: Vocabulary

    def run(self) -> list[Mapping[str, float]]:
        """Trains, leaves the best weights in the net, and says how each epoch went."""
        optimizer = torch.optim.AdamW(self.net.parameters(), lr=1.0, betas=(0.9, 0.98), weight_decay=self.recipe.decay)
        history: list[Mapping[str, float]] = []
        best = {name: each.clone() for name, each in self.net.state_dict().items()}
        if self.watch.resume is not None:
            history, best = _resume(self.net, optimizer, self.watch.resume)
        while len(history) < self.recipe.epochs and not self._is_over(history):
            loss = self._epoch(optimizer, len(history))
            history.append({"train": loss, "held_out": self.loss(self.held)})
            if history[-1]["held_out"] <= min(each["held_out"] for each in history):
                best = {name: each.clone() for name, each in self.net.state_dict().items()}
            self._tell(history, optimizer, best)
        self.net.load_state_dict(best)
        self.net.eval()
        return history

    def _is_over(self, history: list[Mapping[str, float]]) -> bool:
        losses = [each["held_out"] for each in history]
        waited = len(losses) - 1 - int(np.argmin(losses)) if losses else 0
        return waited >= self.recipe.patience or (self.watch.share is not None and self.watch.share() >= 1)

    def _epoch(self, optimizer: torch.optim.Optimizer, number: int) -> float:
        self.net.train()
        torch.manual_seed(self.seed * 100_003 + number)
        generator = torch.Generator().manual_seed(self.seed * 1_009 + number)
        made = self._batches(self.learnt, generator)
        total = count = 0.0
        for at, batch in enumerate(made):
            done = (number + at / len(made)) / self.recipe.epochs
            share = max(done, self.watch.share() if self.watch.share is not None else 0.0)
            if share >= 1:
                break
            for group in optimizer.param_groups:
                group["lr"] = self.recipe.rate * min(1.0, (done + 1e-3) / self.recipe.warmup) * (1 - share)
            loss = self._loss(batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
            optimizer.step()
            size = float((batch[2] != PAD).sum())
            total, count = total + float(loss.detach()) * size, count + size
        return total / max(count, 1.0)

    def loss(self, patients: npt.NDArray[np.int64]) -> float:
        """Mean loss of a word of these patients, nats."""
        self.net.eval()
        total = count = 0.0
        with torch.inference_mode():
            for batch in self._batches(patients, torch.Generator().manual_seed(0)):
                size = float((batch[2] != PAD).sum())
                total, count = total + float(self._loss(batch)) * size, count + size
        return total / max(count, 1.0)

    def _loss(self, batch: Batch) -> Tensor:
        words, clock, targets = batch
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.recipe.autocast):
            weights = self.net(words, clock)
        return torch.nn.functional.cross_entropy(weights.flatten(0, 1).float(), targets.flatten(), ignore_index=PAD)

    def _batches(self, patients: npt.NDArray[np.int64], generator: torch.Generator) -> list[Batch]:
        lengths = np.diff(self.streams.starts)[patients]
        return [
            batch_of(self.streams, patients[rows]) for rows in by_length(lengths.tolist(), self.recipe.words, generator)
        ]

    def _tell(
        self, history: list[Mapping[str, float]], optimizer: torch.optim.Optimizer, best: Mapping[str, Tensor]
    ) -> None:
        if self.watch.told is not None:
            share = self.watch.share() if self.watch.share is not None else 0.0
            share = min(1.0, max(share, len(history) / self.recipe.epochs))
            self.watch.told(Step(share, len(history), history[-1]))
        if self.watch.save is not None:
            names = [name for name, _ in self.net.named_parameters()]
            moments = [optimizer.state[each] for each in self.net.parameters()]
            told = _told(self.vocabulary, self.recipe, tuple(history))
            told["steps"] = float(moments[0]["step"])
            first = {name: each["exp_avg"] for name, each in zip(names, moments, strict=True)}
            second = {name: each["exp_avg_sq"] for name, each in zip(names, moments, strict=True)}
            arrays = _arrays(_NET, self.net.state_dict()) | _arrays(_BEST, best)
            self.watch.save(State(arrays | _arrays(_FIRST, first) | _arrays(_SECOND, second), told))


def batch_of(streams: Streams, patients: npt.NDArray[np.int64]) -> Batch:
    """[B, T] words before each word, [B, T, F] the clock then, [B, T] the words themselves."""
    spans = [streams.at(int(each)) for each in patients]
    most = max(span.stop - span.start for span in spans)
    words = torch.full((len(spans), most + 1), PAD, dtype=torch.int64)
    clock = torch.zeros(len(spans), most, streams.clock.shape[1])
    words[:, 0] = BEGIN
    for row, span in enumerate(spans):
        length = span.stop - span.start
        words[row, 1 : length + 1] = torch.from_numpy(streams.words[span].astype(np.int64))
        clock[row, 1:length] = torch.from_numpy(streams.clock[span.start : span.stop - 1])
    return words[:, :-1], clock, words[:, 1:]


def _resume(
    net: RecordsNet, optimizer: torch.optim.Optimizer, state: State
) -> tuple[list[Mapping[str, float]], dict[str, Tensor]]:
    """Brings net and optimizer where they were. raises FormatError for another fit"""
    try:
        net.load_state_dict(_tensors(_NET, state.tensors))
        first, second = _tensors(_FIRST, state.tensors), _tensors(_SECOND, state.tensors)
        for name, each in net.named_parameters():
            optimizer.state[each] = {
                "step": torch.tensor(state.told["steps"]), "exp_avg": first[name], "exp_avg_sq": second[name],
            }  # fmt: skip
        return [dict(each) for each in state.told["history"]], _tensors(_BEST, state.tensors)
    except (KeyError, TypeError, ValueError, RuntimeError):
        raise FormatError("this is no such fit to go on with", "Give what the same fit saved.") from None


def _told(vocabulary: Vocabulary, recipe: Recipe, history: tuple[Mapping[str, float], ...]) -> Json:
    fields: dict[str, Any] = {name: getattr(recipe, name) for name in Recipe.__slots__}
    return {
        "version": VERSION, "vocabulary": vocabulary.to_json(), "recipe": fields,
        "history": [dict(each) for each in history],
    }  # fmt: skip


def _arrays(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, npt.NDArray[Any]]:
    return {prefix + name: each.detach().numpy().copy() for name, each in tensors.items()}


def _tensors(prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): torch.from_numpy(np.array(each)) for name, each in arrays.items()
        if name.startswith(prefix)
    }  # fmt: skip
