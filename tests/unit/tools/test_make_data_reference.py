"""The pages about tables and policy say what the schemas and the policy say now."""

import sys

import pytest

from tools import make_data_reference


@pytest.mark.parametrize("name", sorted(make_data_reference.PAGES))
def test_a_page_of_the_reference_is_current(name: str) -> None:
    made = "\n".join(make_data_reference.PAGES[name]()) + "\n"
    assert (make_data_reference.REFERENCE / name).read_text("utf-8") == made, "run python tools/make_data_reference.py"


def test_a_stale_page_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(make_data_reference.PAGES, "research-tables.md", lambda: iter(["something else"]))
    monkeypatch.setattr(sys, "argv", ["make_data_reference.py", "--check"])
    assert make_data_reference.main() == 1
    assert "research-tables.md" in capsys.readouterr().out
