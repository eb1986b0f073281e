"""What provenance tells of a component: a version that follows its data, and of a model its card."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar

import pytest

from careloom import runtime
from careloom.nlp import component
from careloom.nlp.assertion import Assertions
from careloom.nlp.component import Component, digest
from careloom.nlp.drug_status import DrugStatus
from careloom.nlp.entities import Entities
from careloom.nlp.lexicon import Lexicon
from careloom.nlp.linking import Linker
from careloom.nlp.relations import Relations
from careloom.nlp.sections import Sections
from careloom.nlp.social import Social
from careloom.nlp.timeline import Timeline
from careloom.nlp.tone import Tone
from careloom.runtime import packaged, packaged_names
from careloom.text.note import Span
from careloom.text.tagger import Tagged

MAKERS: list[tuple[Callable[[], Component], str]] = [
    (Sections, "sections.toml"),
    (Sections, "models/word-classes.json.gz"),
    (lambda: Entities(Tagger(), "1"), "entities.toml"),
    (Lexicon, "lexicon.toml"),
    (Social, "social_codes.toml"),
    (Assertions, "assertion.toml"),
    (DrugStatus, "drug_status.toml"),
    (Linker.packaged, "linking.toml"),
    (Linker.packaged, "abbreviations.zst"),
    (Linker.packaged, "names/diseases.zst"),
    (Relations, "relations.toml"),
    (Timeline, "models/timeline.zip"),
    (Tone, "tone.toml"),
]


class Tagger:
    """One that has heads and is never asked."""

    heads: ClassVar[Mapping[str, tuple[str, ...]]] = {"note": ("O",)}

    def parts(self, text: str) -> list[Span]:
        raise AssertionError(text)

    def tag_heads(self, text: str, heads: Sequence[str], parts: Sequence[Span]) -> list[dict[str, Tagged]]:
        raise AssertionError(text)


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names of data files that read as if a blank had been added to them."""
    names: list[str] = []

    def other(room: str, name: str) -> bytes:
        return runtime.packaged(room, name) + (b" " if name in names else b"")

    monkeypatch.setattr(component, "packaged", other)
    digest.cache_clear()
    yield names
    digest.cache_clear()


def test_a_digest_changes_with_each_of_its_files(changed: list[str]) -> None:
    before = digest("tone.toml", "social_words.toml")
    changed.append("social_words.toml")
    digest.cache_clear()
    assert digest("tone.toml", "social_words.toml") != before
    assert digest("tone.toml") != digest("social_words.toml")


@pytest.mark.parametrize(("made", "file"), MAKERS)
def test_the_version_of_a_component_changes_with_its_data(
    changed: list[str], made: Callable[[], Component], file: str
) -> None:
    before = made().version
    assert before == made().version
    changed.append(file)
    digest.cache_clear()
    assert made().version != before


@pytest.mark.parametrize("file", packaged_names("nlp", "models", ".zip"))
def test_every_model_says_its_name_version_and_licences(file: str) -> None:
    with zipfile.ZipFile(io.BytesIO(packaged("nlp", file))) as archive:
        card = json.loads(archive.read("card.json"))
    assert card["name"]
    assert card["version"]
    assert "icen" in json.dumps(card)
