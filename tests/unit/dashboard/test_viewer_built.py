"""The note viewer that is shipped is the one that its source gives."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from careloom.runtime import packaged

SOURCE = Path(__file__).parents[3] / "tools/viewer"


def test_what_is_shipped_was_built_from_the_source_that_is_here() -> None:
    digest = hashlib.sha256()
    for file in sorted((SOURCE / "src").iterdir()):
        digest.update(file.read_bytes())
    banner = packaged("dashboard", "static/viewer.js").split(b"\n", 1)[0].decode()
    assert banner == f"/* the note viewer, of tools/viewer, source sha256 {digest.hexdigest()} */", "run make viewer"


def test_what_is_shipped_is_what_a_build_gives(tmp_path: Path) -> None:
    if shutil.which("node") is None or not (SOURCE / "node_modules").is_dir():
        pytest.skip("there is no node, or `npm ci --ignore-scripts` has not run in tools/viewer")
    subprocess.run(["npm", "run", "--silent", "check"], cwd=SOURCE, check=True)
    subprocess.run(["node", "build.mjs", str(tmp_path / "viewer.js")], cwd=SOURCE, check=True)
    assert (tmp_path / "viewer.js").read_bytes() == packaged("dashboard", "static/viewer.js")


def test_no_file_of_the_source_is_longer_than_one_idea() -> None:
    sizes = {file.name: len(file.read_text("utf-8").splitlines()) for file in (SOURCE / "src").iterdir()}
    assert {name: lines for name, lines in sizes.items() if lines > 400} == {}
