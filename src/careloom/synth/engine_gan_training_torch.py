"""How the adversaries learn: critic and generator in turn, the generator also from how often codes come together."""

import copy
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from careloom.synth.dpsgd import Course
from careloom.synth.dpsgd_torch import PrivateGradients
from careloom.synth.engine import Json, Step, Watch
from careloom.synth.engine_gan_conditions_torch import Conditions, conditions_of, usual
from careloom.synth.engine_gan_layout_torch import Layout
from careloom.synth.engine_gan_model_torch import Critic, Generator, bound, penalty
from careloom.synth.engine_saving_torch import average, packed, secret, share_done, unpack

_SLOPE_WEIGHT = 10.0
_STEPS_AT_LEAST = 25
_STEPS_BETWEEN_SAVES = 100
_MOST_PASSES = 300
"""Over the rows, however large the caller's budget: few rows are not learnt by heart."""


class Moments(nn.Module):
    """How often each pair of codes comes together in made rows, as a running mean, beside how often it should."""

    def __init__(self, rows: Tensor, weights: Tensor, slack: float) -> None:
        """Of real rows ([rows, row]), each met so often ([rows], 1 on average) as conditions are drawn.

        slack  standard errors of a pair's mean within which nothing is asked: nearer, pairs tell who was learnt
        """
        super().__init__()
        wanted = rows.T @ (rows * weights[:, None]) / len(rows)
        squares = rows.square().T @ (rows * weights[:, None]).square() / len(rows)
        self.register_buffer("near", slack * ((squares - wanted.square()).clamp(min=0) / len(rows)).sqrt())
        self.register_buffer("wanted", wanted)
        self.register_buffer("seen", wanted.clone())
        self.register_buffer("scale", (wanted.abs() + 1e-3).rsqrt())

    def loss(self, made: Tensor) -> Tensor:
        """A loss whose gradient leads the running mean to what is wanted."""
        now = made.T @ made / len(made)
        with torch.no_grad():
            self.seen.lerp_(now, 0.1)
            away = self.seen - self.wanted
            towards = (away - away.clamp(-self.near, self.near)) * self.scale
        return (towards * now).sum()

    def error(self) -> float:
        """Half the mean absolute difference of a row of pairs."""
        return float((self.seen - self.wanted).abs().sum(1).mean() / 2)


@dataclass(slots=True, eq=False)
class Training:
    """A training that can be saved between two rounds of steps, and goes on where it was; `kept` is a running mean."""

    layout: Layout
    options: Json
    seed: int
    generator: Generator
    critic: Critic
    told: Json = field(default_factory=lambda: {"round": 0, "step": 0, "saved": 0})
    source: torch.Generator = field(init=False)
    kept: Generator = field(init=False)
    optimizers: dict[str, torch.optim.Adam] = field(init=False)

    def __post_init__(self) -> None:
        """A copy of the generator, optimizers, a source of chance of its own."""
        self.source = torch.Generator().manual_seed(self.seed + 1)
        self.kept = copy.deepcopy(self.generator)
        self.optimizers = {
            name: torch.optim.Adam(model.parameters(), lr=self.options["rate"], betas=(0.5, 0.9))
            for name, model in (("by-generator", self.generator), ("by-critic", self.critic))
        }

    def learn(self, flat: Tensor, rows: Tensor, watch: Watch) -> Generator:
        """The running mean of the generator at the end of the budget.

        flat  [rows, parts] places of codes
        rows  [rows, row]
        """
        together = self.critic.together
        batch = max(together, min(self.options["batch"], len(rows)) // together * together)
        conditions = conditions_of(self.layout.blocks, flat, self.layout.padded)
        moments = Moments(rows, conditions.weights, self.options["slack"])
        modules = {"generator": self.generator, "critic": self.critic, "kept": self.kept, "moments": moments}
        if watch.resume is not None:
            self.told = unpack(watch.resume, modules, self.optimizers, self.source)
        round_steps = max(_STEPS_AT_LEAST, len(rows) // batch)
        most = max(self.options["steps"], _MOST_PASSES * len(rows) // batch)
        steps = self.options["steps"] if watch.share is None else most
        share = share_done(watch, self.told["step"], self.options["steps"])
        while share < 1 and self.told["step"] < steps:
            losses: list[Tensor] = []
            while share < 1 and len(losses) < round_steps:
                losses.append(self._step(rows, conditions, moments, batch, share))
                share = share_done(watch, self.told["step"], self.options["steps"])
            self.told["round"] += 1
            named = dict(zip(("critic", "generator"), torch.stack(losses).mean(0).tolist(), strict=True))
            if watch.told is not None:
                watch.told(Step(min(1.0, share), self.told["round"], named | {"pairs": moments.error()}))
            if watch.save is not None and self.told["step"] - self.told["saved"] >= _STEPS_BETWEEN_SAVES:
                self.told["saved"] = self.told["step"]
                watch.save(packed(modules, self.optimizers, self.source, dict(self.told)))
        return self.kept

    def learn_privately(
        self, flat: Tensor, rows: Tensor, shares: Tensor, course: Course, noise: np.random.Generator, watch: Watch
    ) -> Generator:
        """After all steps of the course. Rows touch the critic alone, whose gradients are clipped and noised.

        shares  [all codes] as counted under noise: the generator's conditions
        """
        gradients = PrivateGradients(self.critic, course, noise)
        self.source = secret(noise)
        draw, directions = np.random.default_rng([self.seed, 2]), dict[str, Tensor]()
        blocks, batch = self.layout.blocks, self.options["batch"]

        def losses(drawn: Tensor) -> Tensor:
            part = torch.randint(len(blocks.sizes), (len(drawn),), generator=self.source)
            condition = self.layout.hot(flat[drawn, part][:, None])
            with torch.no_grad():
                made = self._made(condition)
            return self.critic(torch.cat([made, condition], 1)) - self.critic(torch.cat([rows[drawn], condition], 1))

        for step in range(course.steps):
            self._set_rates(step / course.steps)
            gradients.step(losses, len(rows))
            self.optimizers["by-critic"].step()
            bound(self.critic, directions)
            condition = self.layout.hot(usual(blocks, shares, batch, draw)[:, None])
            made = self._made(condition)
            self._lead(-self.critic(torch.cat([made, condition], 1)).mean(), step)
            if watch.told is not None and ((step + 1) % 50 == 0 or step + 1 == course.steps):
                watch.told(Step((step + 1) / course.steps, -(-(step + 1) // 50), {}))
        return self.kept

    def _step(self, rows: Tensor, conditions: Conditions, moments: Moments, batch: int, share: float) -> Tensor:
        """One step of each; [2] their losses."""
        self._set_rates(share)
        cell, number = conditions.drawn(batch, self.source)
        condition = self.layout.hot(cell[:, None])
        made = self._made(condition)
        seen, real = torch.cat([made, condition], 1), torch.cat([rows[number], condition], 1)
        judged = self.critic(seen.detach()).mean() - self.critic(real).mean()
        loss = judged
        if self.told["step"] % self.options["slope_every"] == 0:
            slope = penalty(self.critic, real, seen.detach(), self.source)
            loss = loss + _SLOPE_WEIGHT * self.options["slope_every"] * slope
        self._follow("by-critic", loss)
        for each in self.critic.parameters():
            each.requires_grad_(False)
        fooled = -self.critic(seen).mean()
        self._lead(fooled + self.options["pairs"] * moments.loss(made), self.told["step"])
        for each in self.critic.parameters():
            each.requires_grad_(True)
        self.told["step"] += 1
        return torch.stack([judged.detach(), fooled.detach()])

    def _made(self, condition: Tensor) -> Tensor:
        """[rows, row] rows that meet conditions."""
        noise = torch.randn(len(condition), self.options["noise"], generator=self.source)
        output = self.generator(noise, condition)
        width = self.layout.blocks.width
        hot = self.layout.chosen(output[:, :width], condition, self.options["heat"], self.source)
        return torch.cat([hot, self.layout.numbers(output[:, width:], hot)], 1)

    def _follow(self, name: str, loss: Tensor) -> None:
        self.optimizers[name].zero_grad(set_to_none=True)
        loss.backward()
        self.optimizers[name].step()

    def _lead(self, loss: Tensor, step: int) -> None:
        self._follow("by-generator", loss)
        average(self.kept, self.generator, step, self.options["average"])

    def _set_rates(self, share: float) -> None:
        """Falls in a line with the budget."""
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = self.options["rate"] * max(0.02, 1 - share)
