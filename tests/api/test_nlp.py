"""Notes over HTTP and through the SDK: what is found, in which formats, what reads, who may ask, what is kept of it."""

import io
import json
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.client.note_reports import AboutNote
from careloom.errors import (
    AccessError,
    Conflict,
    FormatError,
    InputError,
    NotFound,
    QueryError,
    SetupError,
    TooLarge,
)
from careloom.nlp.corpora import corrected
from careloom.pipeline.registry import REGISTRY
from careloom.services.annotate import AnnotateAsk
from careloom.services.annotate_notes import annotate
from careloom.services.jobs import work
from careloom.services.note_models import card_of
from careloom.services.subject_rules import RuleAsk, set_rule
from careloom.services.train_ner import _corrections as corrections_of
from careloom.services.train_ner import subjects_in
from tests.api.kit import BASE_URL, PATIENT, Installation

TEXT = "Caf\u00e9 visit \U0001f600.\r\nHas diabetes. Metformin: metformin 500 mg. No pneumonia."
DATA = b64encode(TEXT.encode()).decode()
NOTE = {
    "resourceType": "DocumentReference", "id": "n1", "status": "current", "subject": {"reference": "Patient/p1"},
    "date": "2026-03-05T10:00:00Z",
    "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "data": DATA}}],
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(REGISTRY, "reader.nlp", "tests.nlp_kit:simple_reader")
        patch.setitem(REGISTRY, "linker.nlp", "tests.nlp_kit:simple_linker")
        with Installation(tmp_path_factory.mktemp("nlp"), annotate={"max_text_bytes": 2000}) as installation:
            installation.ingest([PATIENT, NOTE])
            yield installation


@pytest.fixture(scope="module")
def api(made: Installation) -> Iterator[Careloom]:
    with client_of(made) as found:
        yield found


def client_of(made: Installation, **ask: Any) -> Careloom:
    client = made.register(**ask)
    transport = httpx.WSGITransport(app=made.app)
    return Careloom(BASE_URL, ClientSecret(client.client.id, client.secret), transport=transport)


def last(made: Installation) -> dict[str, Any]:
    return [event for event in made.events() if event["operation"] == "analyze"][-1]


def test_what_is_found_has_offsets_of_the_text_as_it_was_sent(api: Careloom) -> None:
    found = api.nlp.analyze(TEXT, AboutNote(note="n7", time="2026-03-05"))
    assert (found.note, found.time) == ("n7", "2026-03-05")
    assert {TEXT[one.start : one.end] == one.text for one in found.annotations} == {True}
    by_text = {one.text: one for one in found.annotations}
    assert by_text["diabetes"].codes[0].code.startswith("E11")
    assertion = by_text["pneumonia"].assertion
    assert assertion is not None
    assert assertion.presence == "absent"
    ids = {one.id for one in found.annotations}
    assert found.relations
    assert {end for one in found.relations for end in (one.head, one.tail)} <= ids
    assert set(found.readers) >= {"sentences", "words"}


def test_names_are_ranked_anew_where_that_is_asked(api: Careloom) -> None:
    assert api.nlp.analyze(TEXT).readers["words"] == "1"
    assert api.nlp.analyze(TEXT, rerank=True).readers["words"] == "anew"


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        ("json", {"annotations", "relations", "sections"}),
        ("fhir", {"resourceType", "entry"}),
        ("azure", {"documents"}),
        ("brat", {"text", "annotations"}),
        ("spacy", {"text", "ents"}),
    ],
)
def test_every_format_is_a_document_of_its_own(api: Careloom, wanted: str, keys: set[str]) -> None:
    made = api.nlp.export(TEXT, wanted, AboutNote(patient="p1", encounter="e1"))
    assert keys <= set(made) | set(made.get("results", {}))


def test_facts_refer_to_the_patient_and_the_refuted_are_written_on_demand(api: Careloom) -> None:
    plain = api.nlp.export(TEXT, "fhir", AboutNote(patient="p1"))
    more = api.nlp.export(TEXT, "fhir", AboutNote(patient="p1"), refuted=True)
    assert len(more["entry"]) > len(plain["entry"])
    assert '"Patient/p1"' in json.dumps(plain)


def test_an_analysis_is_audited_without_its_words_and_kept_nowhere(made: Installation, api: Careloom) -> None:
    def files() -> dict[str, bytes]:
        return {str(file): file.read_bytes() for file in (made.folder / "data").rglob("*") if file.is_file()}

    before = {name for name in files() if "audit" not in name}
    found = api.nlp.analyze("Oda Xanthopoulos has diabetes.")
    after = files()
    assert {name for name in after if "audit" not in name} == before
    assert [name for name, raw in after.items() if b"Xanthopoulos" in raw] == []
    event = last(made)
    assert (event["outcome"], event["subjects"], event["detail"]["found"]) == ("success", [], len(found.annotations))
    assert "diabetes" not in str(event)


@pytest.mark.parametrize(
    ("text", "error"),
    [("", None), (" \n\t ", None), ("\U0001f600e\u0301", None), ("a\0b", FormatError), ("x" * 2001, TooLarge)],
    ids=["empty", "white space", "combining", "binary", "too large"],
)
def test_odd_texts_are_read_or_refused_with_a_reason(
    made: Installation, api: Careloom, text: str, error: type[InputError] | None
) -> None:
    if error is None:
        assert api.nlp.analyze(text).annotations == ()
    else:
        with pytest.raises(error) as refused:
            api.nlp.analyze(text)
        assert refused.value.remedy
        assert last(made)["outcome"] == "failed"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"text": 1}, {"text": "x", "format": "xml"}, {"text": "x", "time": "yesterday"}, {"text": "x", "more": 1},
        {"text": "x", "patient": "a/b"}, {"text": "x", "type": "note"},
    ],
    ids=str,
)  # fmt: skip
def test_what_breaks_the_schema_is_refused(made: Installation, body: dict[str, Any]) -> None:
    answer = made.client.post("/api/v1/nlp/analyze", json=body, headers=made.bearer())
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (400, "input.schema")


def test_the_models_say_what_they_were_made_from(made: Installation, api: Careloom) -> None:
    reader = api.nlp.reader()
    assert reader.version == made.platform.note_reader.version
    assert [(one.name, one.version) for one in reader.components] == list(made.platform.note_reader.readers.items())
    models = {one.file: one for one in api.nlp.models()}
    relations = models["models/relations.zip"]
    assert (relations.name, len(relations.sha256)) == ("relations", 64)
    assert relations.bytes > 1000
    assert "drug-dose" in relations.labels
    assert relations.licences
    assert all(one.card for one in models.values())


def archive(**members: Any) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as target:
        for name, content in members.items():
            target.writestr(f"{name}.json", json.dumps(content))
    return written.getvalue()


def test_a_card_says_labels_without_their_marks_and_licences_wherever_they_stand() -> None:
    card = {"name": "ner", "version": "2", "base": {"licence": "MIT"}, "data": [{"licences": ["CC0", "MIT"]}, {"n": 1}]}
    found = card_of("models/x.zip", archive(card=card, heads={"entities": ["O", "B-AGE", "I-AGE", "B-SEX"]}))
    assert (found["name"], found["version"], found["labels"]) == ("ner", "2", ["AGE", "SEX"])
    assert found["licences"] == ["CC0", "MIT"]
    parts = card_of("models/z.zip", archive(card={"licences": {"bc5cdr": "public domain", "encoder": "Apache-2.0"}}))
    assert parts["licences"] == ["bc5cdr: public domain", "encoder: Apache-2.0"]
    plain = card_of("models/y.zip", archive(card={"labels": ["b", "a"]}))
    assert (plain["name"], plain["version"], plain["labels"], plain["licences"]) == ("y", "", ["a", "b"], [])


@pytest.mark.parametrize("raw", [b"", b"no archive", archive(other={})], ids=["empty", "no zip", "no card"])
def test_an_archive_without_a_card_is_a_fault_of_the_installation(raw: bytes) -> None:
    with pytest.raises(SetupError):
        card_of("models/x.zip", raw)


def test_stored_notes_are_annotated_by_a_job_that_can_be_watched(made: Installation, api: Careloom) -> None:
    queued = api.nlp.start("identified")
    assert (queued.state, queued.zone, queued.notes.read) == ("waiting", "identified", 0)
    assert api.nlp.get(queued.id).report is None
    work(made.platform, once=True)
    told = api.nlp.wait(queued.id)
    assert (told.state, told.notes.read) == ("done", 1)
    assert told.report is not None
    assert told.report.found["PROBLEM"] >= 2
    assert told.report.facts == told.facts
    assert told.report.reader.version == api.nlp.reader().version
    assert next(api.nlp.all()).id == queued.id
    with pytest.raises(Conflict):
        api.nlp.cancel(queued.id)


def test_a_stored_note_shows_what_is_held_of_it_and_takes_a_persons_word(tmp_path: Path) -> None:
    with Installation(tmp_path) as own, client_of(own) as api:
        own.ingest([PATIENT, NOTE])
        name = own.stored_id("DocumentReference", "n1")
        with pytest.raises(NotFound):
            api.nlp.note("identified", name)
        annotate(own.platform, own.operator, AnnotateAsk())
        held = api.nlp.note("identified", name)
        assert (held.text, held.origin, held.current) == (TEXT, "annotations", True)
        assert held.findings.note == name
        start = TEXT.index("diabetes")
        one = {"id": "T1", "start": start, "end": start + 8, "label": "PROBLEM"}
        made = api.nlp.correct("identified", name, document={"note": name, "annotations": [one]})
        assert made.zone == "identified"
        held = api.nlp.note("identified", name)
        assert held.origin == "correction"
        assert [(each.text, each.label, each.source) for each in held.findings.annotations] == [
            ("diabetes", "PROBLEM", "")
        ]
        api.nlp.correct("identified", name, document={"annotations": [one | {"source": "person"}]})
        (judged,) = api.nlp.note("identified", name).findings.annotations
        assert judged.source == f"person {api.me().name}"
        brat = api.nlp.export_note("identified", name, "brat")
        assert brat["text"][start - 1 : start + 7] == "diabetes"  # the line end is one character there
        api.nlp.correct("identified", name, brat=brat["annotations"].replace("PROBLEM", "SYMPTOM"))
        assert api.nlp.export_note("identified", name, "json")["annotations"][0]["label"] == "SYMPTOM"
        for wrong in ({}, {"brat": "x"}, {"document": {"note": name, "annotations": [one | {"end": 9999}]}}):
            with pytest.raises(InputError):
                api.nlp.correct("identified", name, **wrong)
        with pytest.raises(NotFound):
            api.nlp.correct("identified", "none", brat="")


def test_what_people_corrected_is_exported_page_by_page_as_training_reads_it(tmp_path: Path) -> None:
    notes = [NOTE | {"id": f"n{number}"} for number in range(3)]
    with Installation(tmp_path) as own, client_of(own) as api:
        own.ingest([PATIENT, *notes])
        assert list(api.nlp.corrections("identified")) == []
        names = [own.stored_id("DocumentReference", one["id"]) for one in notes]
        annotate(own.platform, own.operator, AnnotateAsk())
        start = TEXT.index("diabetes")
        one = {"id": "T1", "start": start, "end": start + 8, "label": "PROBLEM"}
        for name in names[:2]:
            api.nlp.correct("identified", name, document={"annotations": [one]})
        lines = b"\n".join(json.dumps(each).encode() for each in api.nlp.corrections("identified"))
        assert [document.gold for document in corrected(lines, ["PROBLEM"])] == [((start, start + 8, "PROBLEM"),)] * 2
        subject = own.platform.store("identified").pseudonym(own.stored_id("Patient", "p1"))
        assert {each["subject"] for each in api.nlp.corrections("identified")} == {subject}
        file = tmp_path / "corrections.ndjson"
        file.write_bytes(lines)
        assert subjects_in(file) == {subject}
        assert [len(corrections_of(file, left_out)) for left_out in (frozenset(), frozenset({subject}))] == [2, 0]
        first = api.nlp._get("/corrections?zone=identified&limit=1")
        assert (len(first["items"]), first["items"][0]["person"]) == (1, "client-1")
        second = api.nlp._get(f"/corrections?zone=identified&limit=1&cursor={first['next']}")
        assert second["items"][0]["brat"]["id"] != first["items"][0]["brat"]["id"]
        with pytest.raises(QueryError):
            api.nlp._get("/corrections?zone=identified&cursor=QUJD")
        with client_of(own, roles=["data-engineer"]) as engineer, pytest.raises(AccessError):
            list(engineer.nlp.corrections("identified"))
        set_rule(own.platform, own.operator, RuleAsk("object", "Patient/p1", reason="a letter"))
        assert list(api.nlp.corrections("identified")) == []


def test_what_contradicts_the_record_is_named_to_who_may_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REGISTRY, "reader.nlp", "tests.nlp_kit:simple_reader")
    record = {
        "resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"},
        "clinicalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "resolved"}]
        },
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "E11.9"}]},
        "abatementDateTime": "2025-01-01",
    }  # fmt: skip
    with Installation(tmp_path) as own:
        own.ingest([PATIENT, NOTE, record])
        made = annotate(own.platform, own.operator, AnnotateAsk())
        run_id = made.run_id
        with client_of(own) as api:
            report = api.nlp.get(run_id).report
        assert report is not None
        (conflict,) = report.conflicts
        assert conflict.against == f"Condition/{own.stored_id('Condition', 'c1')}"
        assert conflict.note == f"DocumentReference/{own.stored_id('DocumentReference', 'n1')}"
        assert (conflict.type, conflict.reason) == ("Condition", "status")
        event = own.events()[-1]
        assert (event["operation"], len(event["subjects"])) == ("annotate-show", 1)
        kept = b"".join(file.read_bytes() for file in (own.folder / "data/annotations").iterdir())
        assert conflict.against.encode() not in kept
        with client_of(own, roles=["administrator"]) as watching:
            told = watching.nlp.get(run_id).report
        assert told is not None
        assert (told.conflicts, told.facts.conflict) == ((), 1)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("analyze", {"text": "x", "refuted": "yes"}),
        ("analyze", {"text": "x", "rerank": 1}),
        ("annotations", {"incremental": 1}),
        ("annotations", {"refuted": 0}),
    ],
)
def test_what_is_true_or_false_is_written_so(made: Installation, path: str, body: dict[str, Any]) -> None:
    answer = made.client.post(f"/api/v1/nlp/{path}", json=body, headers=made.bearer())
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (400, "input.schema")


def test_one_that_waits_can_be_cancelled(api: Careloom) -> None:
    queued = api.nlp.start("identified", patient="nobody", incremental=True, refuted=True)
    assert api.nlp.cancel(queued.id).state == "cancelled"
    assert len(api.nlp.list(limit=1).items) == 1
    assert queued.id in [one.id for one in api.nlp.list(limit=20).items]
    with pytest.raises(NotFound):
        api.nlp.get("20261122T010203Z-abc234")


@pytest.mark.parametrize(
    "ask",
    [{"roles": ["clinician"]}, {"zones": ["landing", "synthetic"]}, {"scopes": "careloom/preview system/*.rs"}],
    ids=str,
)
def test_who_may_not_is_refused_and_that_is_audited(made: Installation, ask: dict[str, Any]) -> None:
    with client_of(made, **ask) as api:
        with pytest.raises(AccessError):
            api.nlp.analyze("Oda")
        assert last(made)["outcome"] == "refused"
        with pytest.raises(AccessError):
            api.nlp.models()
        with pytest.raises(AccessError):
            api.nlp.start()


def test_a_data_scientist_analyzes_and_starts_in_the_research_zone_alone(made: Installation) -> None:
    with client_of(made, roles=["data-scientist"]) as api:
        assert api.nlp.analyze("Has diabetes.").annotations
        assert last(made)["outcome"] == "success"
        assert api.nlp.start("research").zone == "research"
        with pytest.raises(AccessError):
            api.nlp.start("identified")
        assert {one.zone for one in api.nlp.all()} == {"research"}
