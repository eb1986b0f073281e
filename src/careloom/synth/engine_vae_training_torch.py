"""How the autoencoder learns: by its own judgement on rows set aside, or by fixed steps under differential privacy."""

import copy
import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from careloom.synth.dpsgd import Course
from careloom.synth.dpsgd_torch import PrivateGradients
from careloom.synth.engine import Json, Step, Watch
from careloom.synth.engine_saving_torch import average, packed, secret, share_done, unpack
from careloom.synth.engine_vae_model_torch import Autoencoder

_LEAST_ASIDE, _FEW, _MOST_ASIDE = 20, 100, 2_000
_STEPS_AT_LEAST = 25
"""Between two looks at the rows set aside."""
_STEPS_BETWEEN_SAVES = 100


@dataclass(slots=True, eq=False)
class Training:
    """A training that can be saved between two rounds of steps, and goes on where it was.

    kept   the running mean of the model
    best   that mean when the rows set aside were least surprising
    told   how many rounds and steps there were, the least surprise, rounds since, and when it was last saved
    """

    model: Autoencoder
    options: Json
    seed: int
    target: int | None
    told: Json = field(
        default_factory=lambda: {"round": 0, "step": 0, "least": math.inf, "gained": math.inf, "since": 0, "saved": 0}
    )

    def __post_init__(self) -> None:
        """Copies of the model, its optimizer, a source of chance of its own."""
        self.source = torch.Generator().manual_seed(self.seed + 1)
        self.kept, self.best = copy.deepcopy(self.model), copy.deepcopy(self.model)
        self.optimizer = torch.optim.Adam(
            [one for one in self.model.parameters() if one.requires_grad], lr=self.options["rate"], betas=(0.9, 0.99)
        )
        self.weights = torch.ones(len(self.model.blocks.sizes))
        if self.target is not None:
            self.weights[self.target] = self.options["target_weight"]

    source: torch.Generator = field(init=False)
    kept: Autoencoder = field(init=False)
    best: Autoencoder = field(init=False)
    optimizer: torch.optim.Adam = field(init=False)
    weights: Tensor = field(init=False)

    def learn(self, flat: Tensor, watch: Watch) -> Autoencoder:
        """The model at its best on rows set aside, or at the end of the budget.

        flat  [rows, parts] places of codes
        """
        order = torch.randperm(len(flat), generator=torch.Generator().manual_seed(self.seed))
        aside = self._aside(len(flat))
        judged, learnt = flat[order[:aside]], flat[order[aside:]]
        batch = max(1, min(self.options["batch"], len(learnt) // 4))
        steps = max(1, int(self.options["epochs"]) * len(learnt) // batch)
        if watch.resume is not None:
            self.told = unpack(watch.resume, self._modules(), {"optimizer": self.optimizer}, self.source)
        share = share_done(watch, self.told["step"], steps)
        while share < 1 and self.told["since"] < self.options["patience"]:
            share, losses = self._round(learnt, batch, steps, watch)
            if aside:
                losses["aside"] = self._judge(judged)
            self.told["round"] += 1
            if watch.told is not None:
                watch.told(Step(min(1.0, share), self.told["round"], losses))
            self._save(watch)
        return self.best if aside and self.told["least"] < math.inf else self.kept

    def learn_privately(self, flat: Tensor, course: Course, noise: np.random.Generator, watch: Watch) -> Autoencoder:
        """The model after all steps of the course: nothing about the rows decides when it ends."""
        gradients = PrivateGradients(self.model, course, noise)
        beta, latent, source = self.options["beta"], self.options["latent"], secret(noise)

        def losses(rows: Tensor) -> Tensor:
            standard = torch.randn(len(rows), latent, generator=source)
            surprise, beyond = self.model.losses(flat[rows], standard, self.weights)
            return surprise + beta * beyond

        for step in range(course.steps):
            self._set_rate(step, step / course.steps)
            gradients.step(losses, len(flat))
            self.optimizer.step()
            average(self.kept, self.model, step, self.options["average"])
            if watch.told is not None and ((step + 1) % 50 == 0 or step + 1 == course.steps):
                watch.told(Step((step + 1) / course.steps, -(-(step + 1) // 50), {}))
        return self.kept

    def _aside(self, rows: int) -> int:
        """How many rows are set aside: a share of them, of few rows a fifth, at most `_MOST_ASIDE`."""
        aside = int(min(max(self.options["aside"] * rows, min(_FEW, rows / 5)), _MOST_ASIDE))
        return aside if aside >= _LEAST_ASIDE else 0

    def _round(self, flat: Tensor, batch: int, steps: int, watch: Watch) -> tuple[float, dict[str, float]]:
        """Steps until each row was seen once, at least `_STEPS_AT_LEAST`; (share done, mean losses)."""
        sums, count, share = torch.zeros(2), 0, 0.0
        while count < _STEPS_AT_LEAST and share < 1:
            order = torch.randperm(len(flat), generator=self.source)
            for rows in order[: len(order) // batch * batch].view(-1, batch):
                share = share_done(watch, self.told["step"], steps)
                if share >= 1:
                    break
                sums, count = sums + self._step(flat[rows], share), count + 1
        means = (sums / max(1, count)).tolist()
        return share, {"surprise": means[0], "beyond the prior": means[1]}

    def _step(self, flat: Tensor, share: float) -> Tensor:
        step = self.told["step"]
        self._set_rate(step, share)
        standard = torch.randn(len(flat), self.options["latent"], generator=self.source)
        surprise, beyond = (each.mean() for each in self.model.losses(flat, standard, self.weights, self.source))
        beta = self.options["beta"] * min(1.0, step / max(1, self.options["rising"]))
        self.optimizer.zero_grad(set_to_none=True)
        (surprise + beta * beyond.clamp(min=self.options["free_nats"])).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        average(self.kept, self.model, step, self.options["average"])
        self.told["step"] = step + 1
        return torch.stack([surprise, beyond]).detach()

    def _set_rate(self, step: int, share: float) -> None:
        """Rises over 50 steps, then falls in a line with the budget."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.options["rate"] * min(1.0, (step + 1) / 50) * max(0.02, 1 - share)

    def _judge(self, flat: Tensor) -> float:
        """Surprise at the rows set aside, always with the same noise; remembers the best model."""
        noise = torch.randn(len(flat), self.options["latent"], generator=torch.Generator().manual_seed(self.seed))
        with torch.no_grad():
            surprise, beyond = self.kept.losses(flat, noise, torch.ones_like(self.weights))
        found = float((surprise + self.options["beta"] * beyond).mean())
        self.told["since"] += 1
        if found < self.told["least"]:
            is_gain = found < self.told["gained"] * (1 - self.options["gain"])
            self.told |= {"least": found} | ({"gained": found, "since": 0} if is_gain else {})
            self.best.load_state_dict(self.kept.state_dict())
        return found

    def _modules(self) -> dict[str, nn.Module]:
        return {"model": self.model, "kept": self.kept, "best": self.best}

    def _save(self, watch: Watch) -> None:
        if watch.save is not None and self.told["step"] - self.told["saved"] >= _STEPS_BETWEEN_SAVES:
            self.told["saved"] = self.told["step"]
            watch.save(packed(self._modules(), {"optimizer": self.optimizer}, self.source, dict(self.told)))
