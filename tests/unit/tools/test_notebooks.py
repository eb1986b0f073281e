"""The notebooks are kept with what they showed, and use only what the reference calls public."""

import ast
import importlib
import json
import re
from pathlib import Path

import jupytext
import nbformat
import pytest

from tools.run_notebooks import FORMATS, NUMBERED, ROOT

FOLDER = ROOT / "notebooks"
SOURCES = sorted(file for file in FOLDER.glob("*.py") if NUMBERED.fullmatch(file.stem))
REFERENCE = (ROOT / "docs" / "reference" / "python-modules.md").read_text("utf-8")
BYTES_AT_MOST = 400_000
CLIENT = "careloom.client"
by_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


def public() -> dict[str, set[str]]:
    """Module -> names, as the tables of the reference have them."""
    rows = re.findall(r"(?m)^\| `(careloom[\w.]*)` \| ([^|]+) \|", REFERENCE)
    return {module: set(re.findall(r"`(\w+)`", names)) for module, names in rows}


def imports(source: Path) -> set[tuple[str, str]]:
    """(module, name) of all that a file takes from Careloom."""
    found = set()
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            assert not [each.name for each in node.names if each.name.startswith("careloom")], (
                "import names from modules"
            )
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("careloom"):
            found |= {(str(node.module), each.name) for each in node.names}
    return found


def test_there_are_notebooks() -> None:
    numbers = [source.stem[:2] for source in SOURCES]
    assert len(SOURCES) >= 12
    assert len(set(numbers)) == len(numbers)


@by_source
def test_a_notebook_and_its_pair_have_the_same_cells(source: Path) -> None:
    kept = nbformat.read(source.with_suffix(".ipynb"), 4)
    written = jupytext.read(source)
    assert [(cell.cell_type, cell.source) for cell in kept.cells] == [
        (cell.cell_type, cell.source) for cell in written.cells
    ], f"run tools/run_notebooks.py --keep {source.stem}"
    assert kept.metadata.jupytext.formats == written.metadata.jupytext.formats == FORMATS


@by_source
def test_what_is_kept_was_run_whole_and_tells_nothing_of_the_machine(source: Path) -> None:
    text = source.with_suffix(".ipynb").read_text("utf-8")
    assert len(text.encode()) <= BYTES_AT_MOST
    cells = json.loads(text)["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert [output for output in outputs if output["output_type"] == "error"] == []
    assert not re.search(r"/(tmp|home|root|work|Users)/\w", json.dumps(outputs))


@by_source
def test_a_notebook_opens_with_its_title_and_explains_itself(source: Path) -> None:
    cells = jupytext.read(source).cells
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith(f"# {source.stem[:2]} ")
    words = sum(len(cell.source.split()) for cell in cells if cell.cell_type == "markdown")
    assert words >= 90


@pytest.mark.parametrize("source", sorted(FOLDER.glob("*.py")), ids=lambda source: source.stem)
def test_a_notebook_uses_only_what_the_reference_calls_public(source: Path) -> None:
    known = public()
    others = {
        (module, name)
        for module, name in imports(source)
        if not module.startswith(CLIENT) and name not in known.get(module, set())
    }
    assert others == set(), "name it in docs/reference/python-modules.md, or do without"


def test_all_that_the_reference_calls_public_is_there() -> None:
    known = public()
    assert len(known) >= 10
    for module, names in known.items():
        if not module.endswith(("_torch", "_sklearn")):
            made = importlib.import_module(module)
            assert [name for name in names if not hasattr(made, name)] == [], module
