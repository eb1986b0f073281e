"""One ward behind one server for all foreign clients, and npm's packages beside the tests."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.ward import Ward, ward

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def the_ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with ward(tmp_path_factory.mktemp("ward")) as opened:
        yield opened


@pytest.fixture(scope="session")
def node() -> str:
    """The program node, with the packages of the lock installed; a loud skip without node or npm."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None:
        pytest.skip("node is not on the PATH: install Node.js 20 or later to drive the npm clients")
    if not (HERE / "node_modules" / ".package-lock.json").exists():
        if npm is None:
            pytest.skip("npm is not on the PATH, and tests/clients/node_modules is not there")
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            pytest.skip(f"npm ci did not install tests/clients: {done.stderr[-400:]}")
    return program
