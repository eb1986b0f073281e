"""One installation a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.kit import Installation


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path) as made:
        yield made
