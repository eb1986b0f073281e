"""Blocks of code of the documentation are found with what runs them, and with the reason where nobody does."""

from pathlib import Path

import pytest

from tools.doc_blocks import Block, blocks, commands
from tools.run_docs import ROOT, run_python, run_shell

PAGE = """# A page

```python
x = 1
```

<!-- not run: it takes names of your own -->
```sh
careloom models show MODEL
```

1. Do it:

   <!-- not run: it needs a person at a browser -->
   ```
   $ careloom login
   Signed in.
   ```

   ```toml
   careloom = "data"
   ```

Or:

    careloom overview --json

Not this:

    x = careloom
"""


def told(tmp_path: Path, text: str) -> list[Block]:
    page = tmp_path / "page.md"
    page.write_text(text, "utf-8")
    return list(blocks(page, tmp_path))


def test_blocks_are_found_with_their_kind_and_reason(tmp_path: Path) -> None:
    assert [(one.kind, one.text.splitlines()[0], one.reason) for one in told(tmp_path, PAGE)] == [
        ("python", "x = 1", ""),
        ("shell", "careloom models show MODEL", "it takes names of your own"),
        ("shell", "$ careloom login", "it needs a person at a browser"),
        ("shell", "careloom overview --json", ""),
    ]


def test_a_mark_without_a_reason_is_none(tmp_path: Path) -> None:
    (one,) = told(tmp_path, "<!-- not run: no -->\n```sh\ncareloom x\n```\n")
    assert not one.reason


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$ careloom a\nprinted\n$ careloom b", ["careloom a", "careloom b"]),
        ("careloom a \\\n    --b", ["careloom a --b"]),
        ("# first\ncareloom a   # why", ["careloom a   # why"]),
    ],
)
def test_commands_are_told_from_what_is_printed(text: str, found: list[str]) -> None:
    assert commands(text) == found


def test_a_block_that_fails_is_told_and_one_that_runs_leaves_its_names(tmp_path: Path) -> None:
    names: dict[str, object] = {}
    good, bad = told(tmp_path, "```python\nx = 6 * 7\n```\n\n```python\nassert x == 1, 'x is more'\n```\n")
    assert not run_python(good, names)
    assert names["x"] == 42
    assert "x is more" in run_python(bad, names)
    (shell,) = told(tmp_path, "```sh\ncareloom no-such-command\n```\n")
    assert "no-such-command" in run_shell(shell)


def test_every_reason_in_the_documentation_belongs_to_a_block() -> None:
    for page in sorted((ROOT / "docs").rglob("*.md")):
        marks = page.read_text("utf-8").count("<!-- not run:")
        assert marks == sum(bool(one.reason) for one in blocks(page, ROOT / "docs")), page.name
