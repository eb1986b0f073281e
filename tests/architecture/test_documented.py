"""What a reader of the documents relies on is there: settings, issue codes, pages, targets of make."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from careloom.settings import Settings
from tests.architecture.source import ROOT, tracked_files

EXAMPLE = ROOT / "careloom.toml"


def keys_of(model: type[BaseModel], before: str = "") -> dict[str, Any]:
    """Every key of the settings with its default, dotted."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= keys_of(field.annotation, f"{before}{name}.")
        else:
            found[before + name] = field.get_default(call_default_factory=True)
    return found


def keys_in(text: str) -> dict[str, Any]:
    """Every key of a TOML text, dotted."""
    return {f"{section}.{key}": value for section, keys in tomllib.loads(text).items() for key, value in keys.items()}


def shown(default: object) -> object:
    """A default as TOML holds it."""
    return str(default) if isinstance(default, Path) else default


def test_every_setting_stands_in_the_example_with_its_default_and_nothing_else_does() -> None:
    defaults = {key: shown(value) for key, value in keys_of(Settings).items()}
    written = keys_in(EXAMPLE.read_text("utf-8"))
    assert written == {key: value for key, value in defaults.items() if value is not None}
    uncommented = re.sub(r"(?m)^# ([a-z_]+ = )", r"\1", EXAMPLE.read_text("utf-8"))
    assert set(keys_in(uncommented)) == set(defaults), "a key without a default stands as a comment: # key = ..."


def test_every_setting_has_a_comment_above_it() -> None:
    lines = EXAMPLE.read_text("utf-8").splitlines()
    bare = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if re.match(r"[a-z_]+ = ", line) and not (before.startswith("#") or re.match(r"[a-z_]+ = ", before))
    ]
    assert bare == []


PAGES = [file for file in tracked_files() if file.suffix == ".md"]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = [
        target
        for target in LINK.findall(page.read_text("utf-8"))
        if "://" not in target and not target.startswith("mailto:")
    ]
    assert [target for target in links if not (page.parent / target).exists()] == []


def test_every_page_is_reached_from_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {
        (index.parent / target).resolve() for target in LINK.findall(index.read_text("utf-8")) if "://" not in target
    }
    pages = {page for page in PAGES if page.is_relative_to(ROOT / "docs")} - {index}
    in_linked_folders = {page for page in pages for folder in linked if folder.is_dir() and page.is_relative_to(folder)}
    assert {page.relative_to(ROOT).as_posix() for page in pages - linked - in_linked_folders} == set()


def test_decision_records_are_numbered_once_and_say_what_was_decided() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    numbers = [record.name[:4] for record in records]
    assert len(numbers) == len(set(numbers))
    for record in records:
        text = record.read_text("utf-8")
        assert re.match(r"# \d{4} ", text), record.name
        assert {"## Context", "## Decision", "## Consequences"} <= set(re.findall(r"(?m)^## .*$", text)), record.name


def test_every_target_of_make_has_a_line_of_help() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"(?m)^\.PHONY: (.*)$", makefile)
    assert phony
    helped = set(re.findall(r"(?m)^([a-z-]+):.*## \S", makefile))
    assert set(phony.group(1).split()) == helped


PROOF = re.compile(r"`((?:tests|bench)/[\w/]+\.py)(?:::(\w+))?`")


def test_every_proof_that_the_risks_name_is_there() -> None:
    proofs = PROOF.findall((ROOT / "docs" / "risks.md").read_text("utf-8"))
    assert proofs
    missing = [
        f"{file}::{name}"
        for file, name in proofs
        if not (ROOT / file).is_file() or (name and f"def {name}(" not in (ROOT / file).read_text("utf-8"))
    ]
    assert missing == []
