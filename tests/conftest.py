"""What every test may ask for: where other people's suites lie."""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("careloom", deadline=None)  # a busy machine is no defect; time is measured in bench/
settings.load_profile("careloom")


def pytest_collection_finish() -> None:
    """Spares the collector of cycles what stays to the end: 13,000 tests and all modules, else visited each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def suites() -> Path:
    """The folder of other people's test suites, or a loud skip."""
    place = os.environ.get("CARELOOM_SUITES", "")
    if not place or not Path(place).is_dir():
        pytest.skip("CARELOOM_SUITES names no folder: set it to run other people's suites")
    return Path(place).resolve()
