"""The site is made of pages that a reader of Markdown elsewhere sees alike, and loads nothing from other servers."""

from pathlib import Path

import markdown
import pytest

from tools.make_site import loaded_from_elsewhere, navigation, pages
from tools.site_pages import Site, parts, readable


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return pages(tmp_path_factory.mktemp("pages"))


def test_code_is_told_from_words() -> None:
    text = "a [b](c.md)\n\n```python\nx = [1](2)\n```\n\nend\n"
    assert [(part.strip()[:3], is_code) for part, is_code in parts(text)] == [
        ("a [", False), ("```", True), ("end", False)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "holds"),
    [
        ("Words:\n- one\n- two\n", ("<li>one</li>", "<li>two</li>")),
        ("1. one\n\n   more\n2. two\n", ("<p>more</p>", "<li>", "two")),
        ("- one\n  goes on\n", ("<li>one\n",)),
        ("1. do\n\n   ```sh\n   x\n   ```\n\n2. then\n", ("<code>x", "then")),
    ],
    ids=["list after words", "paragraph in a list", "line that goes on", "code in a list"],
)
def test_lists_are_read_as_on_the_forge(written: str, holds: tuple[str, ...]) -> None:
    made = markdown.markdown(readable(written), extensions=["pymdownx.superfences"])
    assert [each for each in holds if each not in made] == []
    assert made.count("<ol>") + made.count("<ul>") == 1


def test_every_page_is_in_the_navigation(site: Site) -> None:
    told = str(navigation(site))
    assert [place for place in site.titles if not place.startswith("files/") and place not in told] == []


def test_notebooks_have_their_figures_and_links_lead_to_pages(site: Site) -> None:
    page = (site.out / "tutorials/06_risk_model.md").read_text("utf-8")
    assert "](06_risk_model-1.svg)" in page
    assert (site.out / "tutorials/06_risk_model-1.svg").is_file()
    assert "](../how-to/judge-a-risk.md)" in page
    assert "![](" not in page, "a figure says what it shows"


def test_a_file_of_the_repository_is_shown(site: Site) -> None:
    assert "](files/careloom.toml.md)" in (site.out / "index.md").read_text("utf-8")
    assert "[data]" in (site.out / "files/careloom.toml.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("tag", "count"),
    [
        ('<script src="https://cdn.example.org/x.js"></script>', 1),
        ('<link rel="stylesheet" href="//fonts.example.org/x.css">', 1),
        ('<a href="https://example.org">words</a>', 0),
        ('<script src="../assets/x.js"></script>', 0),
    ],
)
def test_what_a_browser_would_fetch_elsewhere_is_found(tmp_path: Path, tag: str, count: int) -> None:
    (tmp_path / "index.html").write_text(tag, "utf-8")
    assert len(loaded_from_elsewhere(tmp_path)) == count
