"""A fitted autoregressive network: rows drawn part by part, any of them given."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from careloom.synth.autoregressive_draws_torch import drawn
from careloom.synth.autoregressive_net_torch import ColumnNet
from careloom.synth.autoregressive_places import KNOTS
from careloom.synth.autoregressive_places import drawn as places_drawn
from careloom.synth.engine import Given, Json, State
from careloom.synth.engine_shares_torch import as_known
from careloom.synth.transforms_space import ModelRows

_ROWS = 20_000
"""Rows that are drawn together."""
_LEAN_ROUNDS = 6
_LEAN_MOST = 1.5
"""Nats that are added to a logit at most."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How often codes should come.

    shares  [parts] of [size]
    rows    that say so: shares are met up to a standard error of what so many rows know; 0: exactly
    """

    shares: list[torch.Tensor]
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class AutoregressiveEngine:
    """A fitted network; whatever is given, the parts that are not follow from it as the network says.

    order   in which parts are drawn; those given come first
    lean    [parts] of [size] added to the logits, so that each code comes about as often as was learnt
    places  for each continuous part (discrete part that names the bin, [size, knots] places in it)
    """

    net: ColumnNet
    order: tuple[int, ...]
    lean: tuple[torch.Tensor, ...]
    places: tuple[tuple[int, npt.NDArray[np.float64]], ...]

    def sample(self, rows: int, draw: np.random.Generator, given: Given | None = None) -> ModelRows:
        """So many rows, each with the codes given for it."""
        codes = np.zeros((rows, len(self.order)), np.int32)
        for first in range(0, rows, _ROWS):
            some = slice(first, min(rows, first + _ROWS))
            held = {part: torch.from_numpy(each[some].astype(np.int64)) for part, each in (given or {}).items()}
            codes[some] = self._codes(some.stop - first, draw, held)[0].numpy()
        continuous = np.zeros((rows, len(self.places)))
        for at, (part, table) in enumerate(self.places):
            continuous[:, at] = places_drawn(codes[:, part], table, draw)
        return ModelRows(continuous, codes)

    def leaning(self, wanted: Wanted, rows: int, draw: np.random.Generator) -> tuple[torch.Tensor, ...]:
        """[parts] of [size] what to add to logits so that so many rows have these shares of codes."""
        return self._codes(rows, draw, {}, wanted)[1]

    def state(self) -> State:
        """Weights and tables as arrays."""
        tensors = {f"net/{name}": one.numpy().copy() for name, one in self.net.state_dict().items()}
        tensors |= {f"lean/{part}": one.numpy().copy() for part, one in enumerate(self.lean)}
        tensors |= {f"places/{at}": table for at, (_, table) in enumerate(self.places)}
        told: Json = {
            "sizes": list(self.net.sizes), "order": list(self.order), "width": self.net.first.weight.shape[1],
            "depth": len(self.net.deeper), "place": self.net.place, "binned": [part for part, _ in self.places],
        }  # fmt: skip
        return State(tensors, told)

    def _codes(
        self,
        rows: int,
        draw: np.random.Generator,
        given: dict[int, torch.Tensor],
        wanted: Wanted | None = None,
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """([rows, parts] codes, what was added to the logits: `lean`, or what it takes to come to what is wanted)."""
        net, width, lean = self.net, self.net.place, list(self.lean)
        order = (*given, *(part for part in self.order if part not in given))
        made = torch.zeros((rows, len(order)), dtype=torch.int64)
        known = torch.zeros((rows, len(order) * width))
        of = torch.cat([torch.arange(part * width, (part + 1) * width) for part in order])
        with torch.no_grad():
            for at, part in enumerate(order):
                if part in given:
                    made[:, part] = given[part]
                else:
                    logits = net.block(part, known[:, : at * width], of[: at * width])
                    if wanted is not None:
                        lean[part] = _added(logits, wanted.shares[part], wanted.rows)
                    made[:, part] = drawn((logits + lean[part]).softmax(1), draw)
                known[:, at * width : (at + 1) * width] = net.stands_for(part, made[:, part])
        return made, tuple(lean)


def load(state: State) -> AutoregressiveEngine:
    """The inverse of `AutoregressiveEngine.state`."""
    told = state.told
    with torch.random.fork_rng(devices=[]):
        net = ColumnNet(told["sizes"], told["width"], told["depth"], told["place"])
    kinds: dict[str, dict[str, npt.NDArray[np.float64]]] = {"net": {}, "lean": {}, "places": {}}
    for name, array in state.tensors.items():
        kind, _, rest = name.partition("/")
        kinds[kind][rest] = np.array(array)
    try:
        net.load_state_dict({name: torch.from_numpy(one) for name, one in kinds["net"].items()})
    except RuntimeError:
        raise ValueError("weights do not fit the network") from None
    net.eval()
    lean = tuple(torch.from_numpy(kinds["lean"][str(part)]) for part in range(len(net.sizes)))
    places = tuple((int(part), kinds["places"][str(at)]) for at, part in enumerate(told["binned"]))
    if any(table.shape != (net.sizes[part], KNOTS) for part, table in places):
        raise ValueError("places do not fit their part")
    return AutoregressiveEngine(net, tuple(told["order"]), lean, places)


def _added(logits: torch.Tensor, wanted: torch.Tensor, rows: int) -> torch.Tensor:
    """[size] what to add to logits for their mean chances to be those wanted, as `Wanted` has it: iterative scaling."""
    wanted = as_known(logits.softmax(1).mean(0), wanted, rows)
    added = torch.zeros_like(wanted)
    for _ in range(_LEAN_ROUNDS):
        mean = (logits + added).softmax(1).mean(0)
        added = added + (wanted.clamp(min=1e-9) / mean.clamp(min=1e-9)).log().clamp(-1, 1)
    return added.clamp(-_LEAN_MOST, _LEAN_MOST)
