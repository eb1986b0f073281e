"""The notebook harness runs what is right and fails on what is wrong."""

import json
from pathlib import Path

import pytest

from tools import run_notebooks

pytestmark = pytest.mark.filterwarnings("default")  # the kernel machinery's own warnings are not ours to mend


def harness(folder: Path, cells: str) -> tuple[int, dict[str, object]]:
    """Writes one notebook of these cells, runs the harness and returns its status and the executed notebook."""
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "01_one.py").write_text(cells, "utf-8")
    status = run_notebooks.main(["--notebooks", str(folder / "notebooks"), "--results", str(folder / "results")])
    return status, json.loads((folder / "results" / "01_one.ipynb").read_text("utf-8"))


def test_a_notebook_whose_cells_run_passes_and_its_output_is_kept(tmp_path: Path) -> None:
    status, executed = harness(tmp_path, "# %% [markdown]\n# # One\n\n# %%\nprint(6 * 7)\n")
    assert status == 0
    assert "42" in json.dumps(executed)


def test_a_failing_cell_fails_the_run_and_names_the_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, executed = harness(tmp_path, "# %%\nx = 1\n\n# %%\nassert x == 2, 'x is one'\n")
    assert status == 1
    assert "x is one" in capsys.readouterr().err
    assert "AssertionError" in json.dumps(executed)


def test_no_notebook_at_all_passes(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    assert run_notebooks.main(["--notebooks", str(tmp_path / "notebooks"), "--results", str(tmp_path)]) == 0


def test_only_the_named_notebooks_run(tmp_path: Path) -> None:
    for name in ("01_first", "02_second"):
        (tmp_path / f"{name}.py").write_text("# %%\n1\n", "utf-8")
    assert run_notebooks.main(["second", "--notebooks", str(tmp_path), "--results", str(tmp_path / "out")]) == 0
    assert [file.stem for file in (tmp_path / "out").iterdir()] == ["02_second"]


def test_notebooks_run_side_by_side_and_are_told_in_their_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits for what the other has written."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    waits = (
        "# %%\nimport time\nfrom pathlib import Path\nPath({own!r}).touch()\n"
        "for _ in range(1200):\n    if Path({other!r}).exists():\n        break\n    time.sleep(0.1)\n"
        "else:\n    raise AssertionError('alone')\n"
    )
    marks = {name: str(tmp_path / f"{name}.mark") for name in ("01_first", "02_second")}
    for name, other in (("01_first", "02_second"), ("02_second", "01_first")):
        (tmp_path / f"{name}.py").write_text(waits.format(own=marks[name], other=marks[other]), "utf-8")
    assert run_notebooks.main(["--notebooks", str(tmp_path), "--results", str(tmp_path / "out")]) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()[:2]] == ["01_first", "02_second"]
