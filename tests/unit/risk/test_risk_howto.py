"""Every block of the risk how-to pages runs, page by page; generated pages are current."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


PAGES = ("score-and-find-care-gaps", "judge-a-risk", "forecast-beds-and-slots", "train-a-risk-model")


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run(page: str) -> None:
    blocks = BLOCK.findall((ROOT / f"docs/how-to/{page}.md").read_text("utf-8"))
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    if page == "score-and-find-care-gaps":
        found = names["found"]
        assert found["total"].to_list() == [10, None]  # type: ignore[index]
        assert "diabetic_statin" in {gap[0] for gap in names["gaps"]}  # type: ignore[attr-defined]


def test_the_reference_of_scores_and_rules_is_current() -> None:
    told = subprocess.run([sys.executable, "tools/list_risk_reference.py", "--check"], cwd=ROOT, check=False)
    assert told.returncode == 0
