"""The marginal method as an engine: always private, the choice at small epsilon, quick, and no library beyond numpy."""

from dataclasses import dataclass

import numpy as np

from careloom.errors import InputError
from careloom.synth.accounting_mechanisms import Mechanism
from careloom.synth.engine import Ask, Given, Json, Maker, State, Step, Watch
from careloom.synth.marginals import Fitted, fit
from careloom.synth.marginals_plan import Ask as MarginalAsk
from careloom.synth.marginals_plan import Table, plan
from careloom.synth.marginals_state import packed, unpacked
from careloom.synth.marginals_tree import Codes, beliefs, potentials_of
from careloom.synth.transforms import Plan
from careloom.synth.transforms_space import ModelRows, Part


@dataclass(frozen=True, slots=True, eq=False)
class MarginalEngine:
    """A distribution over codes; conditions are met exactly, by inference in its tree."""

    model: Fitted

    def sample(self, rows: int, draw: np.random.Generator, given: Given | None = None) -> ModelRows:
        """So many rows, each with the codes given for it."""
        if not given or not rows:
            codes = self.model.sample(rows, draw)
        else:
            codes = np.zeros((rows, len(self.model.table.sizes)), np.int64)
            columns = tuple(sorted(given))
            wanted = np.stack([given[one] for one in columns], axis=1)
            groups, group = np.unique(wanted, axis=0, return_inverse=True)
            for at, held in enumerate(groups):
                mine = np.flatnonzero(group.ravel() == at)
                codes[mine] = self._conditioned(dict(zip(columns, held.tolist(), strict=True))).sample(len(mine), draw)
                for column, code in zip(columns, held.tolist(), strict=True):
                    codes[mine, column] = code
        return ModelRows(np.zeros((rows, 0)), codes.astype(np.int32))

    def state(self) -> State:
        """The distribution as bytes."""
        return State({"packed": np.frombuffer(packed(self.model), np.uint8)}, {})

    def _conditioned(self, held: dict[int, int]) -> Fitted:
        """The distribution given these codes."""
        model = self.model
        potentials = potentials_of(model.tree, model.marginals)
        for column, code in held.items():
            kept = int(model.kept[column][code])
            home = model.tree.holding((column,))
            clique = model.tree.links[home].clique
            shape = [1] * len(clique)
            shape[clique.index(column)] = -1
            there: Codes = np.arange(model.tree.sizes[column])
            potentials[home] = np.where((there == kept).reshape(shape), potentials[home], -200.0)
        return Fitted(
            model.table, model.tree, tuple(beliefs(model.tree, potentials)), model.kept, model.shares, model.total,
            model.epsilon, model.delta, model.mechanisms,
        )  # fmt: skip


def _plan(ask: Ask) -> Plan:
    return Plan(numbers="bins", bins=int(maker.options_of(ask)["bins"]))


def _asked(parts: tuple[Part, ...], ask: Ask, target: int | None) -> tuple[Table, MarginalAsk]:
    if ask.privacy is None:
        raise InputError("marginals: every fit is private", "Give epsilon.")
    options: Json = maker.options_of(ask)
    for name in ("components", "steps", "models"):
        if options[name] < 1:
            raise InputError(f"marginals: {name} is below 1", f"Give 1 or more, or leave {name} out.")
    privacy = ask.privacy
    marginal = MarginalAsk(
        privacy.epsilon, privacy.delta, privacy.rows_per_patient, options["components"], options["steps"],
        options["models"],
    )  # fmt: skip
    return Table(tuple(part.size for part in parts), target), marginal


def _costs(parts: tuple[Part, ...], patients: int, ask: Ask, target: int | None) -> tuple[Mechanism, ...]:
    return plan(*_asked(parts, ask, target)).mechanisms


def _fit(parts: tuple[Part, ...], rows: ModelRows, ask: Ask, watch: Watch, target: int | None) -> MarginalEngine:
    if watch.noise is None:
        raise InputError("marginals: a private fit needs a source of noise", "Give one that nobody can guess.")

    def tell(done: int, parts: int) -> None:
        if watch.told is not None:
            watch.told(Step(done / parts, done, {}))

    table, marginal = _asked(parts, ask, target)
    return MarginalEngine(fit(rows.discrete.astype(np.int64), table, marginal, watch.noise, tell))


def _load(parts: tuple[Part, ...], state: State) -> MarginalEngine:
    return MarginalEngine(unpacked(np.asarray(state.tensors["packed"]).tobytes()))


maker = Maker(
    kind="marginals",
    meaning="Mixtures fitted to noisy counts of columns and of all pairs: the best at an epsilon of 3 and below.",
    plan=_plan,
    fit=_fit,
    load=_load,
    options={"bins": 24, "components": 192, "steps": 400, "models": 3},
    costs=_costs,
    needs_privacy=True,
)
