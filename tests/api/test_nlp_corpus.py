"""All notes together over HTTP and by the SDK: counts without words, small cells left out, who may, what is audited."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.client.note_corpus import CorpusQuery
from careloom.errors import AccessError, InputError
from careloom.pipeline.registry import REGISTRY
from careloom.services.annotate import AnnotateAsk
from careloom.services.annotate_notes import annotate
from careloom.services.deidentify import deidentify
from tests.api.kit import BASE_URL, Installation

PEOPLE = 24


def note(number: int, text: str, day: str) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference", "id": f"n{number}-{day}", "status": "current",
        "subject": {"reference": f"Patient/p{number}"}, "date": f"{day}T10:00:00Z",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11506-3"}]},
        "content": [{"attachment": {"contentType": "text/plain", "data": b64encode(text.encode()).decode()}}],
    }  # fmt: skip


def text_of(resource: dict[str, Any]) -> str:
    return b64decode(resource["content"][0]["attachment"]["data"]).decode()


def hospital() -> Iterator[dict[str, Any]]:
    for number in range(PEOPLE):
        yield {"resourceType": "Patient", "id": f"p{number}", "name": [{"family": f"Quill{number}"}]}
        text = "Has diabetes." if number % 2 else "Has diabetes and hypertension."
        yield note(number, text, "2025-03-05")
        yield note(number, "hypertension, migraine" if number in (0, 2) else "no pneumonia", "2025-06-05")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(REGISTRY, "reader.nlp", "tests.nlp_kit:simple_reader")
        with Installation(Path(tmp_path_factory.mktemp("corpus"))) as own:
            own.ingest(list(hospital()))
            annotate(own.platform, own.operator, AnnotateAsk())
            yield own


def client(made: Installation, role: str, *zones: str, **more: Any) -> Careloom:
    token = made.token([role], zones=zones or ("identified",), **more)
    return Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app))


def test_concepts_are_counted_and_what_few_have_is_not(made: Installation) -> None:
    with client(made, "clinician") as api:
        told = api.nlp.corpus("identified")
    assert (told.notes, told.patients, told.smallest_cell, told.step) == (2 * PEOPLE, PEOPLE, 11, "month")
    assert {one.code: (one.notes, one.patients) for one in told.concepts} == {"E11.9": (24, 24), "I10": (14, 12)}
    (pair,) = told.pairs
    assert (told.concepts[pair.first].code, told.concepts[pair.second].code) == ("E11.9", "I10")
    assert (pair.notes, pair.patients) == (12, 12)
    assert dict(zip(told.periods, told.written, strict=True))["2025-03"] == 24
    trends = {told.concepts[one.concept].code: one.notes for one in told.trends}
    assert trends["I10"][0] == trends["I10"][-1] is None  # 2 in June, and March would tell
    assert {one.label: one.said["absent"] for one in told.assertions} == {"PROBLEM": 22}
    assert told.types[0].type == "11506-3"


def test_what_is_asked_narrows_what_counts(made: Installation) -> None:
    with client(made, "clinician") as api:
        part = api.nlp.corpus("identified", CorpusQuery(since="2025-06", labels=("PROBLEM",), said=("present",)))
        assert (part.notes, part.concepts, part.left_out) == (22, (), 1)  # of 24, in whole elevens
        few = api.nlp.corpus("identified", CorpusQuery(until="2025"))
        assert (few.notes, few.periods, few.concepts) == (0, (), ())
        for wrong in (CorpusQuery(since="march"), CorpusQuery(labels=("NOTHING",)), CorpusQuery(concepts=0)):
            with pytest.raises(InputError):
                api.nlp.corpus("identified", wrong)
        with pytest.raises(InputError):
            api.nlp.corpus("synthetic")


def test_who_may_not_search_notes_there_gets_nothing_and_the_use_is_audited(made: Installation) -> None:
    for role, zones, scopes in (
        ("administrator", ("identified",), ""),
        ("data-scientist", ("research",), ""),
        ("clinician", ("identified",), "careloom/monitor"),
    ):
        with client(made, role, *zones, **({"scopes": scopes} if scopes else {})) as api, pytest.raises(AccessError):
            api.nlp.corpus("identified")
    with client(made, "clinician") as api:
        api.nlp.corpus("identified")
    store = made.platform.store("identified")
    told = [event for event in store.audit_events(limit=50) if "annotate-corpus" in str(event)]
    events = [str(event) for event in told]
    assert store.pseudonym(made.stored_id("Patient", "p1")) in events[0] + events[-1]
    assert {event["outcome"] for event in told} > {"0"}
    assert not any("diabetes" in text.lower() or "Quill" in text for text in events)


def test_what_is_held_of_the_research_zone_goes_with_any_change(made: Installation) -> None:
    deidentify(made.platform, made.operator, "safe-harbor")
    annotate(made.platform, made.operator, AnnotateAsk("research"))
    with client(made, "data-scientist", "research") as api:
        before = api.nlp.corpus("research")
        assert before.notes == 2 * PEOPLE
        assert api.nlp.corpus("research") == before
        notes = made.platform.store("research").scan(["DocumentReference"])
        gone = next(one for one in notes if "diabetes" in text_of(one.resource()))
        with client(made, "data-scientist", "research") as correcting:
            correcting.nlp.correct("research", gone.id, document={"annotations": []})
        after = api.nlp.corpus("research")
    assert sum(one.mentions for one in after.concepts) < sum(one.mentions for one in before.concepts)
