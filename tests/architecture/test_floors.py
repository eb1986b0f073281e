"""Down only, and no circles: the contracts of import-linter, and that they would notice."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, ROOT, parse
from tests.architecture.source import imports as imports_of

FLOOR_FIVE = ["ingest", "quality", "deid", "nlp", "synth", "risk", "mlops", "store", "simulate", "sample", "deploy"]


def lint(package_root: Path) -> subprocess.CompletedProcess[str]:
    """Runs import-linter with the project's own contracts on the package below `package_root`."""
    return subprocess.run(
        [
            str(Path(sys.executable).parent / "lint-imports"),
            "--no-cache",
            "--no-logo",
            "--config",
            str(ROOT / "pyproject.toml"),
        ],
        cwd=package_root,
        env={"PYTHONPATH": str(package_root), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package that a test may spoil."""
    shutil.copytree(PACKAGE, tmp_path / "careloom", ignore=shutil.ignore_patterns("__pycache__", "*.gz", "*.json"))
    return tmp_path


def test_every_room_imports_downwards_and_no_imports_run_in_circles() -> None:
    result = lint(PACKAGE.parent)
    assert result.returncode == 0, result.stdout + result.stderr


SPOILED = [
    ("up a floor", "errors.py", "import careloom.settings"),
    ("between rooms of one floor", "deid/spoiled.py", "import careloom.ingest.conversion"),
    ("a face from a service", "services/spoiled.py", "import careloom.cli.main"),
]


@pytest.mark.parametrize(("what", "file", "line"), SPOILED, ids=[row[0] for row in SPOILED])
def test_an_import_that_breaks_a_floor_is_noticed(copy: Path, what: str, file: str, line: str) -> None:
    spoiled = copy / "careloom" / file
    spoiled.write_text(
        (spoiled.read_text("utf-8") if spoiled.exists() else '"""Spoiled."""\n') + f"\n{line}\n", "utf-8"
    )
    result = lint(copy)
    assert result.returncode == 1, what
    assert "BROKEN" in result.stdout


def test_a_circle_inside_a_room_is_noticed(copy: Path) -> None:
    (copy / "careloom" / "deid" / "left.py").write_text('"""Left."""\nimport careloom.deid.right\n', "utf-8")
    (copy / "careloom" / "deid" / "right.py").write_text('"""Right."""\nimport careloom.deid.left\n', "utf-8")
    result = lint(copy)
    assert result.returncode == 1
    assert "BROKEN" in result.stdout


def test_a_room_without_a_floor_is_noticed(copy: Path) -> None:
    (copy / "careloom" / "annex.py").write_text('"""Belongs nowhere."""\n', "utf-8")
    assert lint(copy).returncode == 1


def test_the_rooms_of_floor_five_are_told_apart() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract for contract in contracts if contract["type"] == "layers")
    assert layers["exhaustive"] is True
    floor = next(layer for layer in layers["layers"] if "ingest" in layer)
    assert [room.strip().strip("()") for room in floor.split("|")] == FLOOR_FIVE


def dashboard_slips(folder: Path) -> list[str]:
    """Imports of Careloom in the dashboard that are neither the client nor the ground nor its own."""
    allowed = (
        "careloom.client",
        "careloom.dashboard",
        "careloom.errors",
        "careloom.issues",
        "careloom.runtime",
        "careloom.settings",
    )
    return [
        f"{module.name}:{found.line} {found.module}"
        for module in sorted(folder.rglob("*.py"))
        for found in imports_of(parse(module))
        if found.module.startswith("careloom.") and not found.module.startswith(allowed)
    ]


def test_the_dashboard_knows_only_the_client_and_the_ground(tmp_path: Path) -> None:
    assert dashboard_slips(PACKAGE / "dashboard") == []
    (tmp_path / "page.py").write_text("import careloom.client.session\nfrom careloom.store import rows\n", "utf-8")
    assert dashboard_slips(tmp_path) == ["page.py:2 careloom.store"]
