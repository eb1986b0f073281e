"""The parts of plotly.js that are shipped are those that figures use."""

import re
import shutil
import subprocess
from pathlib import Path

import plotly.offline
import pytest

from careloom.runtime import packaged

ROOT = Path(__file__).parents[3]
KINDS = {"Scatter", "Bar", "Heatmap"}
"""The kinds of trace that `tools/figures/figures.js` registers."""


def test_figures_draw_only_the_kinds_of_trace_that_are_shipped() -> None:
    used = {
        kind
        for file in (ROOT / "src/careloom/dashboard").glob("*.py")
        for kind in re.findall(r"\bgo\.([A-Z]\w+)\(", file.read_text())
    } - {"Figure", "Layout"}
    assert used
    assert used <= KINDS
    registered = set(re.findall(r"src/traces/(\w+)'", (ROOT / "tools/figures/figures.js").read_text()))
    assert {kind.lower() for kind in KINDS} == registered


def test_the_parts_are_of_the_version_that_makes_the_figures() -> None:
    assert (
        f"plotly.js v{plotly.offline.get_plotlyjs_version()},"
        in packaged("dashboard", "static/plotly.js")[:200].decode()
    )


def test_what_is_shipped_is_what_its_source_gives(tmp_path: Path) -> None:
    folder = ROOT / "tools/figures"
    if shutil.which("node") is None or not (folder / "node_modules").is_dir():
        pytest.skip("there is no node, or `npm ci --ignore-scripts` has not run in tools/figures")
    subprocess.run(["node", "build.mjs", str(tmp_path / "plotly.js")], cwd=folder, check=True)
    for name in ("plotly.js", "regenerator.js", "plotly-LICENSE.txt"):
        assert (tmp_path / name).read_bytes() == packaged("dashboard", f"static/{name}"), name
