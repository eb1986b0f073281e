"""Queries of stored notes over HTTP and through the SDK: pages, who sees words, and what is never repeated."""

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.client.note_queries import FactQuery, NoteSearch
from careloom.errors import AccessError, NotFound, QueryError
from careloom.pipeline.registry import REGISTRY
from careloom.services.annotate import AnnotateAsk
from careloom.services.annotate_notes import annotate
from tests.api.kit import BASE_URL, PATIENT, Installation

PLANTED = "Quillfeather"
TEXTS = {
    "n1": f"{PLANTED} has diabetes. No pneumonia.",
    "n2": "Caf\u00e9 at noon, chest pain \U0001f600. Still diabetes, hypertension.",
    "n3": "Has migraine.",
}
E11 = "ICD-10-CM|E11"


def document(name: str, text: str) -> dict[str, Any]:
    data = b64encode(text.encode()).decode()
    return {
        "resourceType": "DocumentReference", "id": name, "status": "current", "subject": {"reference": "Patient/p1"},
        "date": "2026-03-05T10:00:00Z",
        "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "data": data}}],
    }  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(REGISTRY, "reader.nlp", "tests.nlp_kit:simple_reader")
        with Installation(tmp_path_factory.mktemp("queries")) as installation:
            installation.ingest([PATIENT, *(document(*one) for one in TEXTS.items())])
            annotate(installation.platform, installation.operator, AnnotateAsk())
            yield installation


@pytest.fixture(scope="module")
def api(made: Installation) -> Iterator[Careloom]:
    with client_of(made) as api:
        yield api


def client_of(made: Installation, **ask: Any) -> Careloom:
    client = made.register(**ask)
    transport = httpx.WSGITransport(app=made.app)
    return Careloom(BASE_URL, ClientSecret(client.client.id, client.secret), transport=transport)


def test_facts_come_with_their_characters_and_what_they_led_to(made: Installation, api: Careloom) -> None:
    query = FactQuery(concepts=(E11,), presence=("present",), led=True, since="2026")
    found = list(api.nlp.all_facts(query=query))
    names = {made.stored_id("DocumentReference", name): text for name, text in TEXTS.items()}
    assert len(found) == 2
    for one in found:
        assert names[one.note.split("/")[1]][one.start : one.end] == one.text == "diabetes"
        assert (one.codes[0].code, one.facts[0].type, one.current) == ("E11.9", "Condition", True)
    assert found[0].facts == found[1].facts
    absent = api.nlp.facts(query=FactQuery(presence=("absent",)))
    assert [(one.text, one.facts[0].outcome, one.facts[0].fact) for one in absent.items] == [
        ("pneumonia", "refuted", "")
    ]


def test_pages_of_both_go_on_where_the_one_before_ended(api: Careloom) -> None:
    first = api.nlp.facts(limit=1)
    assert (len(first.items), first.notes) == (1, 3)
    assert first.next
    rest = api.nlp.facts(limit=100, cursor=first.next)
    assert (*first.items, *rest.items) == tuple(api.nlp.all_facts())
    search = NoteSearch(text="diabetes")
    one = api.nlp.search_notes(search, limit=1)
    assert one.next
    other = api.nlp.search_notes(search, limit=1, cursor=one.next)
    assert [*one.items, *other.items] == list(api.nlp.all_notes(search))
    assert len({each.note for each in api.nlp.all_notes(search)}) == 2


def test_notes_are_found_by_words_with_snippets(made: Installation, api: Careloom) -> None:
    (one,) = api.nlp.search_notes(NoteSearch(text="CAFE at noon", phrase=True, concepts=(E11,))).items
    assert one.note == f"DocumentReference/{made.stored_id('DocumentReference', 'n2')}/_history/1"
    assert one.snippets is not None
    (snippet,) = one.snippets
    assert TEXTS["n2"][snippet.start : snippet.end] == "Caf\u00e9 at noon"
    assert (snippet.offset, one.words, len(one.annotations)) == (0, 1, 1)


def test_who_may_only_search_sees_no_word_and_who_may_only_read_is_refused(made: Installation) -> None:
    with client_of(made, scopes="system/DocumentReference.s") as own:
        (one,) = own.nlp.search_notes(NoteSearch(text="migraine")).items
        assert one.snippets is None
        assert {each.text for each in own.nlp.all_facts()} == {None}
    for ask in ({"scopes": "system/*.r careloom/annotate"}, {"zones": ["research"]}, {"roles": ["administrator"]}):
        with client_of(made, **ask) as own:
            with pytest.raises(AccessError):
                own.nlp.facts()
            with pytest.raises(AccessError):
                own.nlp.search_notes(NoteSearch(text="migraine"))


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("facts", {"concepts": [f"ICD-10-CM|{PLANTED}"]}, 404),
        ("facts", {"concepts": [PLANTED]}, 400),
        ("facts", {"labels": [PLANTED]}, 400),
        ("facts", {"presence": [PLANTED]}, 400),
        ("facts", {"since": PLANTED}, 400),
        ("facts", {"cursor": f"{PLANTED}?"}, 400),
        ("facts", {"patients": [f"{PLANTED} Oda"]}, 400),
        ("facts", {PLANTED: 1}, 400),
        ("notes", {"text": PLANTED * 100}, 400),
        ("notes", {"text": "", "concepts": [f"{PLANTED}|1"]}, 404),
        ("notes", {}, 400),
        ("notes", {"text": PLANTED}, 200),
    ],
)
def test_what_was_asked_stands_in_no_error_audit_or_log(
    made: Installation, capsys: pytest.CaptureFixture[str], path: str, body: dict[str, Any], status: int
) -> None:
    answer = made.client.post(f"/api/v1/nlp/{path}/search", json={"zone": "identified", **body}, headers=made.bearer())
    assert answer.status_code == status
    assert PLANTED not in json.dumps(dict(answer.headers))
    if status != 200:
        assert PLANTED not in answer.get_data(as_text=True)
    assert PLANTED not in json.dumps(made.events())
    said = capsys.readouterr()
    assert PLANTED not in said.out + said.err


def test_errors_reach_the_caller_by_their_kind(api: Careloom) -> None:
    with pytest.raises(NotFound):
        api.nlp.facts(query=FactQuery(concepts=("ICD-10-CM|E99.99",)))
    with pytest.raises(QueryError):
        api.nlp.search_notes(NoteSearch(text="..."))
    assert PLANTED not in repr(NoteSearch(text=PLANTED, patients=(PLANTED,), concepts=(PLANTED,)))
