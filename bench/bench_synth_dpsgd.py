"""What a step of private training costs: a 3-layer MLP at batch 512 on one thread, as a ratio to the plain step.

``python bench/bench_synth_dpsgd.py [WIDTH]``    needs the extra ml

All take the same batch: loss, gradients (clipped and noised by all but the plain step), and an Adam step. Opacus runs
as its own objects do, without its loader of batches.
"""

import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from measure import report

BATCH = 512


def network(width: int) -> Any:
    """256 -> width -> width -> 64, all linear with a rectifier between them."""
    import torch  # noqa: PLC0415 - of the extra ml

    torch.manual_seed(1)
    nn = torch.nn
    return nn.Sequential(
        nn.Linear(256, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 64)
    )  # fmt: skip


def plain(width: int, data: Any, labels: Any) -> Callable[[], None]:
    """A step without privacy."""
    import torch  # noqa: PLC0415 - of the extra ml

    model = network(width)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(data), labels).backward()
        optimizer.step()

    return step


def ours(width: int, data: Any, labels: Any) -> Callable[[], None]:
    """A step with the clipping of careloom; the rate makes the batch the same."""
    import torch  # noqa: PLC0415 - of the extra ml

    from careloom.synth.dpsgd import Course  # noqa: PLC0415 - after torch
    from careloom.synth.dpsgd_torch import PrivateGradients  # noqa: PLC0415 - after torch

    model = network(width)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    private = PrivateGradients(model, Course(1.0, 1, 1.0, 1.0), np.random.default_rng(1))

    def losses(rows: Any) -> Any:
        return torch.nn.functional.cross_entropy(model(data[rows]), labels[rows], reduction="none")

    def step() -> None:
        private.step(losses, BATCH)
        optimizer.step()

    return step


def opacus(width: int, data: Any, labels: Any, mode: str) -> Callable[[], None]:
    """A step by Opacus with per-sample gradients (``hooks``) or without (``ghost``)."""
    import torch  # noqa: PLC0415 - of the extra ml
    from opacus import PrivacyEngine  # noqa: PLC0415 - the same
    from torch.utils.data import DataLoader, TensorDataset  # noqa: PLC0415 - the same

    model = network(width)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    criterion = torch.nn.CrossEntropyLoss()
    made = PrivacyEngine().make_private(
        module=model, optimizer=optimizer, criterion=criterion, grad_sample_mode=mode,
        data_loader=DataLoader(TensorDataset(data, labels), BATCH), noise_multiplier=1.0, max_grad_norm=1.0,
        poisson_sampling=False,
    )  # fmt: skip
    model, optimizer, criterion = (*made[:2], made[2] if mode == "ghost" else criterion)

    def step() -> None:
        optimizer.zero_grad()
        criterion(model(data), labels).backward()
        optimizer.step()

    return step


def main(width: int) -> None:
    """Takes turns, so that what else the machine does hits all alike."""
    import torch  # noqa: PLC0415 - of the extra ml

    torch.set_num_threads(1)
    data, labels = torch.randn(BATCH, 256), torch.randint(0, 64, (BATCH,))
    steps = {"plain": plain(width, data, labels), "by hand": ours(width, data, labels)}
    if find_spec("opacus") is not None:
        warnings.simplefilter("ignore")
        steps |= {
            "Opacus, hooks": opacus(width, data, labels, "hooks"),
            "Opacus, ghost": opacus(width, data, labels, "ghost"),
        }
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(12):
        for name, step in steps.items():
            start = time.process_time()
            for _ in range(1 if name == "Opacus, hooks" else 5):
                step()
            if turn >= 2:
                taken[name].append((time.process_time() - start) / (1 if name == "Opacus, hooks" else 5))
    medians = {name: statistics.median(each) for name, each in taken.items()}
    sys.stdout.write(
        f"width {width}: { ({name: round(1000 * one, 2) for name, one in medians.items()}) } CPU ms a step\n"
    )
    limits = {"by hand": (2.0, 1.2)}
    for name, one in medians.items():
        if name != "plain":
            must, aim = limits.get(name, (None, None))
            ratio = one / medians["plain"]
            report(f"private step, MLP {width}, {name}", ratio, "x plain", must=must, aim=aim, lower_is_better=True)


if __name__ == "__main__":
    if find_spec("torch") is None:
        sys.exit("the extra ml is not installed: make ml")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 512)
