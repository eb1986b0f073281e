"""Clipping by hand against gradients made one sample at a time, and against Opacus. Needs the extra ml."""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from careloom.errors import InputError
from careloom.synth.accounting import spent
from careloom.synth.accounting_mechanisms import Gaussian
from careloom.synth.dpsgd import Course, course
from careloom.synth.engine import Privacy
from tests.later import Later, has

if TYPE_CHECKING:
    import torch
    from torch import nn
else:
    torch, nn = Later("torch"), Later("torch.nn")

pytestmark = pytest.mark.skipif(not has("torch"), reason="the extra ml is not installed: make ml")
private, masked = Later("careloom.synth.dpsgd_torch"), Later("careloom.synth.masked_torch")
net = Later("careloom.synth.autoregressive_net_torch")
Losses = Callable[["torch.Tensor"], "torch.Tensor"]
COURSE = Course(rate=0.5, steps=10, clip=0.7, noise=1.0)


def table(width: int = 6) -> tuple[Any, Losses]:
    """Rows of numbers through linear layers, one of them masked and one called twice."""
    torch.manual_seed(1)
    mask = (torch.rand(9, width) < 0.5).float()
    again = nn.Linear(9, 9)
    model = nn.Sequential(
        masked.MaskedLinear(mask), nn.LayerNorm(9), nn.GELU(), again, nn.Tanh(), again, nn.Linear(9, 4)
    )
    data, labels = torch.randn(12, width), torch.randint(0, 4, (12,))
    return model, lambda rows: nn.functional.cross_entropy(model(data[rows]), labels[rows], reduction="none")


def sequences(length: int = 7) -> tuple[Any, Losses]:
    """Tokens, some of them more than once, through an embedding, norms and linear layers in both ways of their rule."""
    torch.manual_seed(2)
    mask = (torch.rand(3, 5) < 0.5).float()
    model = nn.Sequential(
        nn.Embedding(11, 8, padding_idx=0), nn.RMSNorm(8), nn.Linear(8, 40), nn.ReLU(), nn.Linear(40, 40),
        nn.LayerNorm(40), nn.Linear(40, 5, bias=False), masked.MaskedLinear(mask),
    )  # fmt: skip
    tokens, wanted = torch.randint(0, 11, (12, length)), torch.randn(12, length, 3)
    return model, lambda rows: (model(tokens[rows]) - wanted[rows]).square().sum((1, 2))


def columns() -> tuple[Any, Losses]:
    """The network of the autoregressive engine: an embedding, grouped layers, a head for each part."""
    torch.manual_seed(3)
    model = net.ColumnNet((3, 5, 2), width=6, depth=1, place=4)
    codes = torch.stack([torch.randint(0, size, (12,)) for size in model.sizes], 1)
    seen = torch.ones(3, 3).tril(-1).unsqueeze(1)
    return model, lambda rows: model.losses(codes[rows], seen.expand(3, len(rows), 3)).sum(1)


def one_by_one(model: Any, losses: Losses, samples: int) -> list[list["torch.Tensor"]]:
    """[samples][parameters] gradients by plain autograd."""
    parameters = list(model.parameters())
    return [list(torch.autograd.grad(losses(torch.tensor([at])).sum(), parameters)) for at in range(samples)]


def norm(gradients: list["torch.Tensor"]) -> "torch.Tensor":
    return torch.stack([one.square().sum() for one in gradients]).sum().sqrt()


@pytest.mark.parametrize("made", [table, sequences, columns])
def test_norms_and_clipped_sums_are_those_of_samples_taken_one_by_one(made: Callable[[], tuple[Any, Losses]]) -> None:
    model, losses = made()
    truth = one_by_one(model, losses, 12)
    norms = torch.stack([norm(each) for each in truth])
    found = private.gradient_norms(model, lambda: losses(torch.arange(12)))
    torch.testing.assert_close(found, norms, rtol=1e-5, atol=1e-6)
    course = Course(0.5, 10, float(norms.median()), 1.0)  # half of them are clipped
    sums = private.PrivateGradients(model, course, np.random.default_rng(1)).clipped(losses, torch.arange(12))
    for at, made_sum in enumerate(sums):
        wanted = sum(min(1.0, course.clip / float(size)) * each[at] for size, each in zip(norms, truth, strict=True))
        torch.testing.assert_close(made_sum, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.long  # opacus takes seconds to import
@pytest.mark.skipif(not has("opacus"), reason="the extra ml is not installed: make ml")
def test_norms_are_those_of_opacus() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from opacus import GradSampleModule

        torch.manual_seed(3)
        model = nn.Sequential(nn.Embedding(11, 8), nn.LayerNorm(8), nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
        tokens = torch.randint(0, 11, (5, 7))
        found = private.gradient_norms(model, lambda: model(tokens).square().sum((1, 2)))
        hooked = GradSampleModule(model, loss_reduction="sum")
        hooked(tokens).square().sum().backward()
        each = [one.grad_sample.flatten(1) for one in model.parameters()]
    torch.testing.assert_close(found, torch.cat(each, 1).norm(dim=1), rtol=1e-5, atol=1e-6)


def most_of_one_sample(clipped: Callable[[Losses, "torch.Tensor"], list["torch.Tensor"]], losses: Losses) -> float:
    """The most that leaving a sample out changes the sum: what the noise is measured by."""
    everyone = torch.arange(12)
    whole = clipped(losses, everyone)
    without = [clipped(losses, everyone[everyone != at]) for at in range(12)]
    return max(float(norm([a - b for a, b in zip(whole, each, strict=True)])) for each in without)


@pytest.mark.parametrize("made", [table, sequences, columns])
def test_one_sample_changes_the_sum_by_the_clip_at_most(made: Callable[[], tuple[Any, Losses]]) -> None:
    model, losses = made()
    gradients = private.PrivateGradients(model, COURSE, np.random.default_rng(1))
    assert most_of_one_sample(gradients.clipped, losses) <= COURSE.clip * (1 + 1e-4)


def test_a_clip_that_forgets_something_is_caught_by_that() -> None:
    model, losses = sequences()

    def broken(losses: Losses, rows: "torch.Tensor") -> list["torch.Tensor"]:
        """Clips by the norm of the first layers, and forgets the last."""
        layers = private.trainable_layers(model)
        forgetful = private._shares(layers[:-1], lambda: losses(rows))[1]
        shares, _ = private._shares(layers, lambda: losses(rows))
        return [share.total((COURSE.clip / forgetful).clamp(max=1)) for share in shares]

    def in_bulk(losses: Losses, rows: "torch.Tensor") -> list["torch.Tensor"]:
        """Clips the sum of the batch, and no sample."""
        whole = list(torch.autograd.grad(losses(rows).sum(), list(model.parameters())))
        return [one * min(1.0, COURSE.clip * 12 / float(norm(whole))) for one in whole]

    assert most_of_one_sample(broken, losses) > COURSE.clip * 1.02
    assert most_of_one_sample(in_bulk, losses) > COURSE.clip * 1.5


def test_noise_has_the_deviation_that_was_accounted_and_an_empty_batch_is_noise_alone() -> None:
    model = nn.Linear(100, 100, bias=False)
    data = torch.zeros(1, 100)
    never = Course(rate=1e-9, steps=1, clip=2.0, noise=3.0)
    gradients = private.PrivateGradients(model, never, np.random.default_rng(4))
    assert len(gradients.drawn(1_000)) == 0
    gradients.step(lambda rows: model(data[rows]).sum(1), 1)
    assert abs(float(model.weight.grad.std()) - 6.0) < 0.1


def test_a_step_in_parts_is_the_same_step() -> None:
    model, losses = table()
    found = []
    for at_once in (2, 100):
        private.PrivateGradients(model, COURSE, np.random.default_rng(9)).step(losses, 12, at_once=at_once)
        found.append([one.grad.clone() for one in model.parameters()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_rows_are_drawn_each_by_its_own_coin() -> None:
    draw = np.random.default_rng(3)
    counts = np.array([len(COURSE.drawn(400, draw)) for _ in range(300)])
    assert abs(counts.mean() - 200) < 3
    assert 7 < counts.std() < 13  # of a binomial 10; of batches of one size 0


def test_a_sample_whose_gradient_overflows_adds_nothing() -> None:
    model = nn.Linear(2, 1)
    data = torch.tensor([[1.0, 2.0], [float("inf"), 1.0]])
    gradients = private.PrivateGradients(model, COURSE, np.random.default_rng(1))
    alone = gradients.clipped(lambda rows: model(data[rows]).sum(1), torch.tensor([0]))
    for one, other in zip(
        gradients.clipped(lambda rows: model(data[rows]).sum(1), torch.arange(2)), alone, strict=True
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("layer", ["BatchNorm1d", "GRU", "tied", "Bilinear", "inplace", "mean", "sum"])
def test_what_cannot_be_clipped_is_refused(layer: str) -> None:
    data = torch.randn(6, 4)
    linear = nn.Linear(4, 4)
    layers = {
        "BatchNorm1d": lambda: [nn.BatchNorm1d(4)], "GRU": lambda: [nn.GRU(4, 4)], "tied": lambda: [tied(linear)],
        "Bilinear": lambda: [nn.Bilinear(4, 4, 4)], "inplace": lambda: [nn.ReLU(inplace=True)],
    }.get(layer, list)()  # fmt: skip
    model = nn.Sequential(linear, *layers)
    ends = {"mean": lambda made: made.sum(), "sum": lambda made: made.mean(0)}
    with pytest.raises(InputError):
        private.gradient_norms(model, lambda: ends.get(layer, lambda made: made.sum(1))(model(data)))


def tied(linear: Any) -> Any:
    other = nn.Linear(4, 4)
    other.weight = linear.weight
    return other


def test_a_course_keeps_to_its_bound_together_with_what_else_is_done() -> None:
    privacy = Privacy(3.0, 1e-5, rows_per_patient=2)
    other = Gaussian(4.0)
    found = course(privacy, rate=0.02, steps=200, others=(other,))
    told = spent((other, found.mechanism(2)), 1e-5).epsilon
    assert 2.9 < told <= 3.0
    assert course(privacy, rate=0.02, steps=200).noise < found.noise


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"rate": 1.1}, {"steps": 0}, {"clip": 0.0}, {"noise": 0.0}])
def test_a_course_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Course(**{"rate": 0.1, "steps": 5, "clip": 1.0, "noise": 1.0} | wrong)
