"""Notes of nobody: fitted, written with records that grow or are given, judged, kept in or let out whole. Needs ml."""

from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from careloom.errors import (
    AccessError,
    Conflict,
    InputError,
    IntegrityError,
    NotFound,
    QueryError,
    StateError,
    Withheld,
)
from careloom.fhir.validate import check
from careloom.services import privacy_ledger as ledger
from careloom.services.access import Principal
from careloom.services.admission import event
from careloom.services.lake_read import RowsAsk, read_rows
from careloom.services.search import search
from careloom.services.synthesize import files_of, work
from careloom.services.synthesize_certificate import certificate_bytes
from careloom.services.synthesize_judge import FhirJudgeAsk
from careloom.services.synthesize_let_out import finished, schema_of
from careloom.services.synthesize_mend import mend
from careloom.services.synthesize_notes_draw import NotesSampleAsk, alone, laid_by, sample, staged_notes
from careloom.services.synthesize_notes_fit import NotesAsk, fit
from careloom.services.synthesize_notes_judge import judge_notes, rare_words, worst
from careloom.services.synthesize_over import FACT, closed_patients
from careloom.services.synthesize_records import RESOURCES, RecordsAsk, RecordsSampleAsk, staged_resources
from careloom.services.synthesize_records import fit as fit_records
from careloom.services.synthesize_records import sample as sample_records
from careloom.services.synthesize_release import ReleaseAsk, release, released, withdraw
from careloom.services.synthesize_verify import verify
from careloom.services.synthesize_zone import land
from careloom.services.view import ViewAsk, view_zone
from careloom.store.rows import Write, canonical
from careloom.synth.notes_facts import Mention, NoteRecord, SourceNote, medication, problem
from careloom.synth.notes_manner import Written as Note
from careloom.synth.release_policy import Measure, for_notes, shipped
from tests.killed import killed
from tests.later import Later, has
from tests.notes_kit import DRUGS, PROBLEMS, TINY, folder_of
from tests.synthesis_killed import let_out
from tests.synthesis_kit import OFFICER, SCIENTIST, Place
from tests.unit.services.test_synthesize_records import OPEN
from tests.unit.services.test_synthesize_records import folder_of as records_folder

pytestmark = pytest.mark.skipif(not has("torch"), reason="the extra ml is not installed: make ml")
torch = Later("torch")
BOTH = Principal("olga", frozenset({"privacy-officer", "data-scientist"}), OFFICER.zones)
HEADS = ("MEDICATION", "PROBLEM")
OWN = """
version = 1
name = "own"
meaning = "Of a test."
valid_days = 30
small_cell = 2
verdict = 0.01
is_internal = true
[[rule]]
measure = "patients"
at_least = 10
"""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """On busy machines threads that wait for each other take many times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Written(Place):
    """An installation with a model of notes and a sample of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.notes = folder_of(folder / "hospital", 44)
        self.made = fit(self.platform, SCIENTIST, NotesAsk(self.notes, options=TINY, name="notes", control_share=0.4))
        self.drawn = sample(self.platform, SCIENTIST, NotesSampleAsk(self.made["model"], 6))["sample"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(tmp_path_factory.mktemp("notes"))


def resources_of(place: Place, name: str) -> list[dict[str, Any]]:
    frames = staged_resources(place.platform, work(place.platform, name, "sample"))
    return [orjson.loads(text) for frame in frames for text in frame["resource"]]


def test_notes_are_valid_fhir_of_patients_of_their_own_and_stay_sealed(place: Written) -> None:
    split = place.made["split"]
    assert (place.made["engine"], split["patients"] + split["control_patients"]) == ("notes", 44)
    made = resources_of(place, place.drawn)
    assert [one["resourceType"] for one in made] == ["Patient", "DocumentReference"] * 6
    assert [check(one) for one in made] == [[]] * 12
    assert {one["id"] for one in made[::2]} == {f"{place.drawn}-{number}" for number in range(6)}
    texts = [b64decode(one["content"][0]["attachment"]["data"]).decode() for one in made[1::2]]
    written = list(staged_notes(place.platform, work(place.platform, place.drawn, "sample")))
    assert [one.note.text for one in written] == texts
    assert not any("Ovalle" in text for text in texts)
    sealed = [file.read_bytes() for file in (place.folder / "data" / "synthetic" / "synthesis").rglob("*.sealed")]
    assert sealed
    assert not any(b"DocumentReference" in one or b"glucose" in one for one in sealed)


def test_what_is_no_ask_of_notes_is_refused(place: Written) -> None:
    model = place.made["model"]
    for ask in (NotesSampleAsk(model, 0), NotesSampleAsk(model, 3, kind="poem")):
        with pytest.raises((InputError, QueryError)):
            sample(place.platform, SCIENTIST, ask)
    for more in ({"epsilon": 1.0}, {"options": {"depth": 3}}, {"options": {"enough": 1}}, {"options": {"width": "a"}}):
        with pytest.raises(InputError):
            fit(place.platform, SCIENTIST, NotesAsk(place.notes, **more))
    with pytest.raises(NotFound):
        fit(place.platform, SCIENTIST, NotesAsk(place.folder / "data"))
    with pytest.raises(QueryError):
        sample_records(place.platform, SCIENTIST, RecordsSampleAsk(model, 3))


def test_a_judge_tells_what_was_repeated_and_the_strict_policy_keeps_notes_in(place: Written) -> None:
    ask = FhirJudgeAsk(place.drawn, kinds=("verbatim", "privacy", "utility"))
    report = judge_notes(place.platform, SCIENTIST, ask)["report"]
    assert set(report["missing"]) == {"fidelity", "agreement", "identifiers"}
    measures = {name: each["value"] for name, each in report["measures"].items()}
    assert measures["longest_run"] <= 6
    assert (measures["invalid_resources"], measures["patients"]) == (0, place.made["split"]["patients"])
    with pytest.raises(Withheld, match="identifiers"):
        release(place.platform, SCIENTIST, ReleaseAsk(place.drawn, "notes_kept_in"))
    assert place.platform.lake("synthetic").paths() == []
    assert not place.platform.has_store("synthetic") or not list(place.platform.store("synthetic").all_names())


def refused_otherwise(place: Written, drawn: str) -> None:
    """A release that was cut off is not finished of other rows than were judged, be they sealed or in the table."""
    one, lake, made = (
        work(place.platform, drawn, "sample"),
        place.platform.lake("synthetic"),
        resources_of(place, drawn),
    )
    files_of(place.platform).write(f"staging/{drawn}", laid_by(made[:-1], []))
    with pytest.raises(IntegrityError):
        finished(place.platform, BOTH, one)
    files_of(place.platform).remove(f"staging/{drawn}")  # from here on there is the table alone
    path = one.body["release"]["path"]
    schema, rows, facts = schema_of(RESOURCES, path.partition("/")[2]), lake.read(path), lake.state(path).facts
    facts = {name: facts[name] for name in (FACT, "certificate")}
    lake.replace(schema, [rows.with_columns(pl.col("resource").str.replace("female", "male"))], drawn, facts=facts)
    with pytest.raises(IntegrityError):
        finished(place.platform, BOTH, one)
    lake.replace(schema, [rows], drawn, facts=facts)


def closed_without_the_identified_store(place: Written) -> None:
    """Whoever cannot ask whether a release is open reads none."""
    file = place.folder / "data" / "identified" / "store.db"
    file.rename(file.with_suffix(".away"))
    try:
        with pytest.raises(StateError):
            closed_patients(place.platform)
    finally:
        file.with_suffix(".away").rename(file)


def by_hand(place: Written) -> str:
    """A sample with notes that a person wrote in the place of those that a tiny net writes."""
    drawn = str(sample(place.platform, SCIENTIST, NotesSampleAsk(place.made["model"], 6))["sample"])
    notes = []
    for number in range(6):
        drug, sickness = DRUGS[number % 3], PROBLEMS[number % 2]
        record = NoteRecord((medication(drug), problem(sickness)), 60 + number, "female")
        text = f"MEDICATIONS\n{drug.capitalize()}.\n\nASSESSMENT\n{sickness.capitalize()}."
        places = [
            (text.index(one.capitalize()), one, label) for one, label in zip((drug, sickness), HEADS, strict=True)
        ]
        mentions = tuple(Mention(at, at + len(one), label, "present") for at, one, label in places)
        notes.append((f"{drawn}-{number}", Note("research.note", "progress", text, record, mentions)))
    made = [each for own, note in notes for each in alone(own, note)]
    files_of(place.platform).write(f"staging/{drawn}", laid_by(made, notes))
    return drawn


def overwrite(place: Written, drawn: str) -> None:
    """Makes a released patient somebody else, as nobody may."""
    other = {"resourceType": "Patient", "id": f"{drawn}-0", "gender": "male"}
    with place.platform.store("synthetic").transaction(
        lambda _: event(place.platform, BOTH, "test", "synthetic", action="update")
    ) as step:
        step.write([Write("Patient", other["id"], canonical(other), (other["id"],), resource=other)])


def test_notes_that_pass_lie_in_lake_and_store_and_leave_both_when_they_are_over(place: Written) -> None:
    drawn = by_hand(place)
    judged = judge_notes(place.platform, SCIENTIST, FhirJudgeAsk(drawn))["report"]
    assert judged["missing"] == {}
    assert (judged["measures"]["identifiers"]["value"], judged["measures"]["agreement"]["value"]) == (0, 1)
    ask = ReleaseAsk(drawn, "notes_synthetic", own=OWN)
    with pytest.raises(AccessError):
        release(place.platform, SCIENTIST, ask)
    killed(let_out, place.folder, drawn, "notes_synthetic", OWN, at=land, moment="return")
    assert len(list(place.platform.store("synthetic").all_names())) == 12  # there, and seen by nobody yet
    for who in (SCIENTIST, BOTH):
        assert search(place.platform, who, "synthetic", "DocumentReference").found == ()
    with pytest.raises(Withheld):
        read_rows(place.platform, BOTH, "synthetic", RowsAsk("gold/notes_synthetic"))
    refused_otherwise(place, drawn)
    mend(place.platform)
    (done,) = [one for one in released(place.platform, BOTH) if one["release"] == drawn]
    assert (done["state"], done["kind"]) == ("open", "notes")
    content = certificate_bytes(place.platform, done["certificate"], "json")
    closed_without_the_identified_store(place)
    told = verify(place.platform, SCIENTIST, content)
    assert (told["whole"], told["landed"], told["open"]) == (True, True, True)
    assert orjson.loads(content)["report"]["lineage"]["engine"] == "notes"
    assert len(search(place.platform, SCIENTIST, "synthetic", "DocumentReference?_count=20").found) == 6
    assert view_zone(place.platform, SCIENTIST, "synthetic", ViewAsk("patient")).rows == 6
    overwrite(place, drawn)
    told = verify(place.platform, SCIENTIST, content)
    assert (told["whole"], told["landed"]) == (False, False)
    place.clock.move(days=60)
    for who in (SCIENTIST, BOTH):
        assert search(place.platform, who, "synthetic", "DocumentReference").found == ()
        assert view_zone(place.platform, who, "synthetic", ViewAsk("patient")).rows == 0
    with pytest.raises(Withheld):
        read_rows(place.platform, SCIENTIST, "synthetic", RowsAsk("gold/notes_synthetic"))
    withdraw(place.platform, BOTH, done["release"])
    assert not list(place.platform.store("synthetic").all_names())


def test_notes_tell_the_records_of_a_sample_and_both_are_judged(place: Written) -> None:
    folder = records_folder(place.folder / "fhir", 40)
    records = fit_records(place.platform, SCIENTIST, RecordsAsk(folder, options=OPEN, control_share=0.4))
    given = sample_records(place.platform, SCIENTIST, RecordsSampleAsk(records["model"], 4))["sample"]
    drawn = sample(place.platform, SCIENTIST, NotesSampleAsk(place.made["model"], records=given))
    made = resources_of(place, drawn["sample"])
    assert [check(one) for one in made] == [[]] * len(made)
    there = {f"{one['resourceType']}/{one['id']}" for one in made}
    notes = [one for one in made if one["resourceType"] == "DocumentReference"]
    assert (len(notes), drawn["patients"]) == (drawn["notes"], 4)
    assert {one["context"]["encounter"][0]["reference"] for one in notes} <= there
    ask = FhirJudgeAsk(drawn["sample"], kinds=("verbatim",))
    report = judge_notes(place.platform, SCIENTIST, ask)["report"]
    assert {"longest_run", "codes_of_encounters", "courses_excess"} <= set(report["measures"])
    assert report["measures"]["invalid_resources"]["value"] == 0
    with pytest.raises(Withheld) as refused:
        release(place.platform, SCIENTIST, ReleaseAsk(drawn["sample"], "both"))
    assert all(name in str(refused.value) for name in ("agreement", "codes_together", "epsilon"))
    other = fit(place.platform, SCIENTIST, NotesAsk(place.notes, options=TINY, control_share=0.2))
    with pytest.raises(Conflict):
        sample(place.platform, SCIENTIST, NotesSampleAsk(other["model"], records=given))


def test_a_private_fit_takes_its_words_from_public_notes_and_is_reserved(tmp_path: Path) -> None:
    place = Place(tmp_path)
    own, public = folder_of(tmp_path / "own", 40), folder_of(tmp_path / "public", 12, first=100)
    options = {**TINY, "steps": 3, "batch": 0.3, "blocks": 2, "symbols": 40}
    made = fit(place.platform, SCIENTIST, NotesAsk(own, epsilon=2.0, public=public, options=options))
    assert 0 < made["epsilon"] <= 2.0
    spent = ledger.account(place.platform, SCIENTIST, "research")["spent"]["epsilon"]
    assert 0 < spent <= made["epsilon"]  # the account's delta is larger
    assert files_of(place.platform).whole(f"models/{made['model']}/model.json")
    assert sample(place.platform, SCIENTIST, NotesSampleAsk(made["model"], 2))["notes"] == 2


def test_a_word_that_few_patients_have_is_rare_and_a_number_is_no_word() -> None:
    notes = [
        SourceNote(f"p{each}", "s", "k", f"gout {'tophus' if each == 0 else ''} {each}", (), ()) for each in range(5)
    ]
    assert rare_words(notes, ["Gout and 1 unseen"], 5) == 0
    assert rare_words(notes, ["gout, tophus 1"], 5) == 1
    assert rare_words(notes, ["gout, tophus"], 6) == 2


def test_of_two_judges_the_worse_counts_and_a_bound_of_one_is_none() -> None:
    one = {"patients": Measure(100), "epsilon": Measure(1.0), "membership_area": Measure(0.5, 0.4, 0.6)}
    other = {"patients": Measure(80), "membership_area": Measure(0.52, 0.51, 0.53), "weak_attacks": Measure(1)}
    found = worst(one, other)
    assert found == {"patients": Measure(80), "membership_area": Measure(0.5, 0.4, 0.6), "weak_attacks": Measure(1)}
    assert worst(one, {"epsilon": Measure(0.5)})["epsilon"] == Measure(1.5)


def test_the_policy_of_notes_asks_nothing_of_rows_unless_it_was_written_so() -> None:
    rules = {rule.measure for rule in for_notes(shipped("strict")).rules}
    assert {"epsilon", "longest_run", "identifiers", "agreement", "invalid_resources"} <= rules
    assert not rules & {"shape", "trend", "copies_excess"}
    assert "shape" in {rule.measure for rule in for_notes(shipped("strict"), is_own=True).rules}
    both = [rule.text for rule in for_notes(shipped("strict"), has_records=True).rules]
    assert {"shape at most 0.05", "codes_together at least 0.85", "longest_run at most 8"} <= set(both)
    assert len(both) == len(set(both))
