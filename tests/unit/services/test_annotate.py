"""Annotation as a use case: stopped and gone on with, erased meanwhile, refused, audited."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from careloom.errors import AccessError, FormatError, NotFound, QueryError, TooLarge
from careloom.nlp.reader import NoteReader
from careloom.nlp.splitting import Sentences
from careloom.pipeline.registry import REGISTRY
from careloom.services.access import Principal, local_operator
from careloom.services.annotate import FORMATS, AnalyzeAsk, AnnotateAsk, analyze
from careloom.services.annotate_corrections import CorrectAsk, correct, note_annotations
from careloom.services.annotate_notes import annotate
from careloom.services.annotate_patient import held_of
from careloom.services.annotate_verify import verify_annotations
from careloom.services.annotations import cancel_run, list_runs, show_run, submit
from careloom.services.erase import erase
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.jobs import work
from careloom.services.platform import Platform
from careloom.services.stored_notes import notes_by_patient, read_notes
from careloom.services.subject_rules import RuleAsk, end_rule, set_rule
from careloom.settings import Annotate, Data, Settings
from careloom.text.note import AnnotatedNote
from tests.nlp_kit import Words, simple_reader

WHO = local_operator("tester")
ENGINEER = Principal("erin", frozenset({"data-engineer"}), frozenset({"identified"}))
CLINICIAN = Principal("ward", frozenset({"clinician"}), frozenset({"identified"}))
SCIENTIST = Principal("mara", frozenset({"data-scientist"}), frozenset({"research"}))
PATIENTS = ("a", "b", "c")


def resources() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for name in PATIENTS:
        data = b64encode(f"Patient {name} has migraine and chest pain.".encode()).decode()
        made.append({"resourceType": "Patient", "id": name})
        made.append(
            {
                "resourceType": "DocumentReference", "id": f"n-{name}", "status": "current",
                "subject": {"reference": f"Patient/{name}"},
                "content": [{"attachment": {"contentType": "text/plain", "data": data}}],
            }
        )  # fmt: skip
    return made


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    monkeypatch.setitem(REGISTRY, "reader.nlp", "tests.nlp_kit:simple_reader")
    settings = Settings(data=Data(directory=tmp_path / "data"), annotate=Annotate(batch_notes=1, max_text_bytes=100))
    (tmp_path / "feed.ndjson").write_text("".join(json.dumps(one) + "\n" for one in resources()))
    with Platform(settings) as opened:
        ingest(opened, WHO, IngestAsk((tmp_path / "feed.ndjson",)))
        yield opened


def facts(platform: Platform) -> int:
    return platform.store("identified").count().get("Condition", 0)


def audited(platform: Platform) -> list[dict[str, Any]]:
    with platform.store("identified").connect() as connection:
        rows = connection.exec_driver_sql("SELECT body FROM audit ORDER BY seq").fetchall()
    return [orjson.loads(body) for (body,) in rows]


def test_a_run_that_was_stopped_keeps_what_it_committed_and_goes_on(platform: Platform) -> None:
    def stop(done: int, total: int, told: dict[str, Any]) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        annotate(platform, WHO, AnnotateAsk(), stop)
    assert facts(platform) == 4
    report = annotate(platform, WHO, AnnotateAsk(is_incremental=True))
    assert (report.notes["skipped"], report.notes["read"], facts(platform)) == (2, 1, 6)


def test_who_is_erased_while_a_run_goes_on_does_not_come_back(platform: Platform) -> None:
    store = platform.store("identified")
    gone: list[str] = []

    def erase_midway(done: int, total: int, told: dict[str, Any]) -> None:
        if done == 1:
            last = max(one.id for one in store.scan(["Patient"]))
            gone.append(last)
            erase(platform, WHO, f"Patient/{last}")

    annotate(platform, WHO, AnnotateAsk(), erase_midway)
    assert gone
    assert facts(platform) == 4
    assert verify_annotations(platform, WHO, "identified").is_whole


@dataclass(frozen=True)
class Meanwhile:
    """A component that lets something happen while a note is read, once."""

    happens: list[Callable[[], object]]
    name: str = "meanwhile"
    version: str = "1"

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        while self.happens:
            self.happens.pop()()
        return annotated


def test_a_persons_word_that_comes_while_its_note_is_read_holds(platform: Platform) -> None:
    store = platform.store("identified")
    note_id = next(iter(notes_by_patient(store).values()))[0]  # of the patient who is read first
    start = len("Patient a has ")
    one = {"id": "T1", "start": start, "end": start + 8, "label": "PROBLEM"}
    document = {"note": note_id, "annotations": [one]}
    happens: list[Callable[[], object]] = []
    reader = NoteReader([Sentences(), Meanwhile(happens), Words([("chest pain", "SYMPTOM", {})])])
    with Platform(platform.settings, platform.runtime, platform.keys) as other:
        other.note_reader = simple_reader(None)
        platform.note_reader = reader
        happens.append(lambda: correct(other, WHO, CorrectAsk("identified", note_id, document)))
        report = annotate(platform, WHO, AnnotateAsk())
    assert report.issues["nlp.note-changed"] == 1
    held = note_annotations(platform, WHO, "identified", note_id)
    assert (held["origin"], [each["label"] for each in held["annotations"]]) == ("correction", ["PROBLEM"])
    told = {each["fact"] for each in held["facts"]}
    assert told
    assert all(not stored.deleted for stored in store.read_named("Condition", [name[10:] for name in told]).values())


def test_a_note_that_is_not_there_is_asked_for_in_the_audit_chain(platform: Platform) -> None:
    before = len(audited(platform))
    with pytest.raises(NotFound):
        note_annotations(platform, WHO, "identified", "none")
    assert [one["outcome"] for one in audited(platform)[before:]][-1] == "failed"


def test_a_correction_leaves_refuted_facts_of_other_notes(platform: Platform) -> None:
    store = platform.store("identified")
    text = b64encode(b"No pneumonia.").decode()
    added = {
        "resourceType": "DocumentReference", "id": "n-d", "status": "current", "subject": {"reference": "Patient/a"},
        "content": [{"attachment": {"contentType": "text/plain", "data": text}}],
    }  # fmt: skip
    feed = platform.settings.data.directory.parent / "more.ndjson"
    feed.write_text(json.dumps(added) + "\n")
    ingest(platform, WHO, IngestAsk((feed,)))
    annotate(platform, WHO, AnnotateAsk(refuted=True))
    before = facts(platform)
    for note_id in sorted(one.id for one in store.scan(["DocumentReference"])):
        held = note_annotations(platform, WHO, "identified", note_id)
        correct(platform, WHO, CorrectAsk("identified", note_id, {"annotations": held["annotations"]}))
    assert facts(platform) == before


def test_an_incremental_run_that_asks_for_the_refuted_merges_what_was_merged_without(platform: Platform) -> None:
    text = b64encode(b"No pneumonia.").decode()
    added = {
        "resourceType": "DocumentReference", "id": "n-d", "status": "current", "subject": {"reference": "Patient/a"},
        "content": [{"attachment": {"contentType": "text/plain", "data": text}}],
    }  # fmt: skip
    feed = platform.settings.data.directory.parent / "more.ndjson"
    feed.write_text(json.dumps(added) + "\n")
    ingest(platform, WHO, IngestAsk((feed,)))
    annotate(platform, WHO, AnnotateAsk())
    before = facts(platform)
    made = annotate(platform, WHO, AnnotateAsk(is_incremental=True, refuted=True))
    assert (made.notes["read"], made.notes["skipped"], made.refuted, facts(platform)) == (0, 4, True, before + 1)
    again = annotate(platform, WHO, AnnotateAsk(is_incremental=True, refuted=True))
    assert (again.types.total(), facts(platform)) == (0, before + 1)
    annotate(platform, WHO, AnnotateAsk(is_incremental=True))
    assert facts(platform) == before


def test_a_correction_opens_the_notes_of_its_patient_alone(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    annotate(platform, WHO, AnnotateAsk())
    store = platform.store("identified")
    note_id = next(iter(notes_by_patient(store).values()))[0]
    monkeypatch.setattr(type(store), "scan", lambda *_, **__: pytest.fail("the whole zone was opened"))
    held = note_annotations(platform, WHO, "identified", note_id)
    report = correct(platform, WHO, CorrectAsk("identified", note_id, {"annotations": held["annotations"][:1]}))
    assert sum(report.notes.values()) == 1


def test_a_run_ends_after_so_many_notes_with_whole_patients(platform: Platform) -> None:
    report = annotate(platform, WHO, AnnotateAsk(most_notes=2))
    assert (report.notes["read"], facts(platform)) == (2, 4)


def test_how_many_notes_are_committed_together_changes_nothing(platform: Platform) -> None:
    annotate(platform, WHO, AnnotateAsk())
    before = platform.store("identified").content_hash()
    settings = platform.settings.model_copy(update={"annotate": Annotate(batch_notes=7)})
    with Platform(settings, platform.runtime, platform.keys) as other:
        annotate(other, WHO, AnnotateAsk())
        assert other.store("identified").content_hash() == before


def test_a_job_is_queued_listed_cancelled_and_begun_again(platform: Platform) -> None:
    first, second = submit(platform, WHO, AnnotateAsk()), submit(platform, WHO, AnnotateAsk(is_incremental=True))
    assert cancel_run(platform, WHO, first["id"])["state"] == "cancelled"
    work(platform, once=True)
    assert show_run(platform, WHO, second["id"])["report"]["notes"]["read"] == 3
    assert {one["state"] for one in list_runs(platform, WHO)["items"]} == {"cancelled", "done"}
    assert list_runs(platform, SCIENTIST)["items"] == []
    with pytest.raises(NotFound):
        show_run(platform, SCIENTIST, second["id"])


REFUSED: list[tuple[Principal, AnnotateAsk, type[Exception]]] = [
    (CLINICIAN, AnnotateAsk(), AccessError),
    (SCIENTIST, AnnotateAsk(), AccessError),
    (WHO, AnnotateAsk("synthetic"), QueryError),
    (WHO, AnnotateAsk(patient="nobody"), NotFound),
]


@pytest.mark.parametrize(("who", "ask", "error"), REFUSED)
def test_who_may_not_and_what_means_nothing_is_refused(
    platform: Platform, who: Principal, ask: AnnotateAsk, error: type[Exception]
) -> None:
    with pytest.raises(error):
        annotate(platform, who, ask)
    assert facts(platform) == 0


@pytest.mark.parametrize("wanted", FORMATS)
@pytest.mark.parametrize("text", ["", " \n\t", "has migraine \U0001f600\r\n", "Cafe\u0301 chest pain\x07"])
def test_one_text_is_analyzed_in_every_form_and_nothing_is_kept(platform: Platform, text: str, wanted: str) -> None:
    before = platform.store("identified").count()
    report = analyze(platform, SCIENTIST, AnalyzeAsk(text, wanted))  # type: ignore[arg-type]
    json.dumps(report.as_json())
    assert platform.store("identified").count() == before


BAD = [("x" * 101, TooLarge), ("a\0b", FormatError), ("\ud83d", FormatError)]


@pytest.mark.parametrize(("text", "error"), BAD)
def test_what_is_no_text_is_refused_without_its_words(platform: Platform, text: str, error: type[Exception]) -> None:
    with pytest.raises(error) as refusal:
        analyze(platform, WHO, AnalyzeAsk(text))
    assert text not in str(refusal.value)
    with pytest.raises(AccessError):
        analyze(platform, CLINICIAN, AnalyzeAsk("x"))


def stored_patient(platform: Platform, name: str) -> str:
    """The stored id of the patient whose note names them so."""
    store = platform.store("identified")
    for patient, notes in notes_by_patient(store).items():
        if any(f"Patient {name} " in one.text for one in read_notes(store, notes, 1000)):
            return patient
    raise LookupError(name)


@pytest.mark.parametrize("way", ["at once", "as a job", "of the patient alone", "with every role"])
def test_nothing_is_read_of_a_patient_whose_processing_is_restricted(platform: Platform, way: str) -> None:
    patient = stored_patient(platform, "a")
    set_rule(platform, WHO, RuleAsk("restrict", f"Patient/{patient}", reason="contests it"))
    ask = AnnotateAsk(patient=patient if way == "of the patient alone" else "")
    who = WHO if way == "with every role" else ENGINEER
    if way == "as a job":
        run = submit(platform, who, ask)["id"]
        work(platform, once=True)
        told = show_run(platform, who, run)["notes"]
    else:
        told = annotate(platform, who, ask).as_json()["notes"]
    others = 0 if ask.patient else len(PATIENTS) - 1
    assert told == {"read": others, "skipped": 0, "refused": 0}
    assert facts(platform) == 2 * others
    assert held_of(platform, platform.store("identified"), patient).documents == {}


def test_what_was_found_before_a_restriction_stays_and_is_read_anew_after_it(platform: Platform) -> None:
    annotate(platform, WHO, AnnotateAsk())
    before = facts(platform)
    name = f"Patient/{stored_patient(platform, 'a')}"
    rule = set_rule(platform, WHO, RuleAsk("restrict", name, reason="contests it"))
    assert annotate(platform, WHO, AnnotateAsk()).notes["withheld"] == 1
    assert facts(platform) == before
    end_rule(platform, WHO, rule["rule"])
    assert annotate(platform, WHO, AnnotateAsk()).notes["read"] == len(PATIENTS)


def test_a_clinician_corrects_a_note_of_a_restricted_patient_and_that_is_merged(platform: Platform) -> None:
    annotate(platform, WHO, AnnotateAsk())
    patient = stored_patient(platform, "a")
    (note_id,) = notes_by_patient(platform.store("identified"))[patient]
    set_rule(platform, WHO, RuleAsk("restrict", f"Patient/{patient}", reason="contests it"))
    before = facts(platform)
    correct(platform, CLINICIAN, CorrectAsk("identified", note_id, {"note": note_id, "annotations": []}))
    assert facts(platform) == before - 2


def test_notes_that_a_patient_withholds_are_not_read_and_what_was_found_before_stays(
    platform: Platform, tmp_path: Path
) -> None:
    annotate(platform, WHO, AnnotateAsk())
    before = platform.store("identified").count()
    shut = {
        "resourceType": "Consent", "id": "c", "status": "active", "scope": {"coding": [{"code": "patient-privacy"}]},
        "category": [{"coding": [{"code": "x"}]}], "patient": {"reference": "Patient/a"},
        "policy": [{"uri": "urn:policy"}],
        "provision": {"type": "deny", "action": [{"coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/consentaction", "code": "use"}]}]},
    }  # fmt: skip
    file = tmp_path / "consent.ndjson"
    file.write_text(json.dumps(shut))
    ingest(platform, WHO, IngestAsk((file,)))
    report = annotate(platform, WHO, AnnotateAsk())
    assert report.notes["withheld"] == 1
    assert sum(report.notes.values()) == len(PATIENTS)
    after = platform.store("identified").count()
    assert {kind: after[kind] for kind in before} == before | {"Provenance": after["Provenance"]}
    name = next(iter(notes_by_patient(platform.store("identified")).values()))[0]
    assert note_annotations(platform, WHO, "identified", name)["facts"]  # to read it is another action than to use it
