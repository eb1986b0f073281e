"""What every test may ask for: where other people's suites lie."""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no defect; time is measured in bench/. Daily runs draw the same examples, so that what fails did so
# by the change at hand; campaigns draw others each time.
settings.register_profile(
    "careloom",
    deadline=None,
    derandomize="CARELOOM_FRESH" not in os.environ,
    max_examples=int(os.environ.get("CARELOOM_EXAMPLES", "50")),
)
settings.load_profile("careloom")


def _spare_what_stays(phase: str, info: dict[str, int]) -> None:
    """What outlives a full collection of cycles is not visited by the next: tests, modules, models, code systems.

    Twenty million objects live in a worker by the end. One that is part of a cycle and dies later is not given back.
    """
    if phase == "stop" and info["generation"] == 2:
        gc.freeze()


gc.callbacks.append(_spare_what_stays)


def pytest_collection() -> None:
    """What is made while tests are collected stays: to look for what dies takes a fifth of the time."""
    gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """All tests and modules stay, unvisited, which would take seconds; from here on things come and go."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def suites() -> Path:
    """The folder of other people's test suites, or a loud skip."""
    place = os.environ.get("CARELOOM_SUITES", "")
    if not place or not Path(place).is_dir():
        pytest.skip("CARELOOM_SUITES names no folder: set it to run other people's suites")
    return Path(place).resolve()
