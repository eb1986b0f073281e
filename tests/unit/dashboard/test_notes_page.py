"""The page of notes: marks that overlap, what is said of an assertion, which tables there are, and who may see it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from plotly.utils import PlotlyJSONEncoder

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.client.note_reports import (
    NoteAnnotation,
    NoteAssertion,
    NoteConcept,
    NoteFindings,
    NoteRelation,
    NoteSection,
)
from careloom.dashboard import analyze, note_marks, note_tables, note_viewer, shell
from careloom.dashboard.address import read
from careloom.dashboard.routing import page_at
from careloom.dashboard.session import Person
from careloom.errors import AccessError
from careloom.nlp.annotation_json import as_json, from_json
from careloom.nlp.assertion import LABELS
from careloom.nlp.labels import ENTITIES, SOCIAL, TONE
from careloom.pipeline.registry import REGISTRY
from tests.api.kit import BASE_URL, Installation

TEXT = "No pneumonia. Has diabetes. Metformin: metformin 500 mg."


def found(start: int, end: int, number: int = 1, asserted: dict[str, str] | None = None) -> NoteAnnotation:
    plain = {"presence": "present", "temporality": "current", "experiencer": "patient", "certainty": "positive"}
    assertion = NoteAssertion(**(plain | asserted)) if asserted else None
    return NoteAnnotation(
        f"T{number}", start, end, "PROBLEM", "x" * (end - start), None, "", "rules 1", {}, assertion, ()
    )


@pytest.mark.parametrize(
    ("asserted", "said"),
    [
        ({}, []),
        ({"presence": "present"}, []),
        ({"presence": "absent"}, ["absent"]),
        ({"presence": "possible", "experiencer": "family"}, ["possible", "family"]),
        ({"temporality": "historical"}, ["historical"]),
        ({"presence": "hypothetical", "temporality": "future", "experiencer": "other"},
         ["hypothetical", "planned", "somebody else"]),
    ],
    ids=str,
)  # fmt: skip
def test_an_assertion_is_said_in_words(asserted: dict[str, str], said: list[str]) -> None:
    one = found(0, 3, asserted=asserted)
    assert note_marks.asserted(one) == said
    assert set(said) <= set(note_tables.TONES)


def test_every_label_has_a_kind_of_its_own() -> None:
    assert {label for label in (*ENTITIES, *SOCIAL, *TONE) if note_marks.kind_of(label) == "other"} == set()
    assert note_marks.kind_of("SOMETHING_NEW") == "other"
    assert {label for _, labels in note_marks.KINDS.values() for label in labels} == {*ENTITIES, *SOCIAL, *TONE}
    assert set(note_marks.ASSERTED) == LABELS


def test_the_viewer_gets_all_that_a_correction_gives_back() -> None:
    text = "ab \U0001f600 fever"
    concept = NoteConcept("http://snomed.info/sct", "386661006", "Fever", 0.9, 1)
    one = replace(
        found(5, 10, asserted={"presence": "absent"}), text="fever", attributes={"value": "39"}, codes=(concept,)
    )
    section = NoteSection("other", (0, 2), (3, 10), "", None)
    relation = NoteRelation("R1", "problem-date", "T1", "T1", None, "rules 1")
    told = NoteFindings("n", "p", "", "2026-03-05", "", (section,), ((0, 10),), (one,), (relation,), {})
    _, store, _ = note_viewer.viewer(text, told, correction="where")
    data = json.loads(words_of(store))["props"]["data"]
    assert data["text"] == text
    assert data["correction"] == "where"
    read = from_json({"note": "n", **data}, text)
    for part in ("annotations", "relations", "sections", "sentences"):
        assert as_json(read)[part] == data[part]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(REGISTRY, "reader.nlp", "tests.nlp_kit:simple_reader")
        with Installation(Path(tmp_path_factory.mktemp("notes"))) as installation:
            yield installation


def client(made: Installation, role: str = "data-engineer") -> tuple[Careloom, Person]:
    token = made.token([role], zones=("identified", "research"))
    api = Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app))
    me = api.me()
    return api, Person(me.name, me.zones, frozenset(me.scopes), datetime.now(UTC) + timedelta(hours=1), token)


def words_of(content: Any) -> str:
    return json.dumps(content, cls=PlotlyJSONEncoder, ensure_ascii=False)


@pytest.mark.parametrize("role", ["data-engineer", "data-scientist"])
def test_who_may_annotate_finds_the_page_on_the_left(made: Installation, role: str) -> None:
    api, person = client(made, role)
    page = page_at(api, person, read("/dashboard/notes", ""))
    assert "Nothing was read yet" in words_of(page.content)
    assert "/dashboard/notes" in words_of(shell.side(person, "notes"))


def test_a_clinician_is_led_to_stored_notes_instead(made: Installation) -> None:
    api, person = client(made, "clinician")
    assert "/dashboard/notes" in words_of(shell.side(person, ""))
    said = words_of(page_at(api, person, read("/dashboard/notes", "")).content)
    assert "none was read yet" in said
    assert "Read a text" not in said


def test_who_may_neither_read_nor_search_notes_sees_no_way_there(made: Installation) -> None:
    api, person = client(made, "administrator")
    assert "/dashboard/notes" not in words_of(shell.side(person, ""))
    for path in ("notes", "notes/find"):
        with pytest.raises(AccessError):
            page_at(api, person, read(f"/dashboard/{path}", ""))


def test_a_text_is_shown_with_its_annotations_codes_and_relations(made: Installation) -> None:
    api, _ = client(made)
    said = words_of(analyze.analyzed(api, TEXT, "2026-03-05"))
    for word in (
        "note-viewer",
        '"presence": "absent"',
        "E11.9",
        "ICD-10-CM",
        "drug-dose",
        "Relations (1)",
        "Download FHIR",
    ):
        assert word in said
    assert "Social determinants" not in said.partition("The same as tables")[2]
    assert "Events" not in said


def test_a_text_that_says_nothing_is_said_so(made: Installation) -> None:
    api, _ = client(made)
    assert "Nothing was found" in words_of(analyze.analyzed(api, "hello", ""))
    assert "40,001" in words_of(analyze.too_long(40_001))


@pytest.mark.parametrize(
    ("wanted", "name", "word"),
    [("json", "note-json.json", '"annotations"'), ("fhir", "note-fhir.json", '"Bundle"'), ("brat", "note.ann", "T1\t")],
)
def test_what_is_shown_can_be_fetched(made: Installation, wanted: str, name: str, word: str) -> None:
    api, _ = client(made)
    file, content = analyze.file_of(api, wanted, TEXT, "")
    assert file == name
    assert word in content
