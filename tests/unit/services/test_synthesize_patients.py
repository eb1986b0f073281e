"""A synthetic patient's encounters become notes that tell what the record says, with references that hold."""

import base64
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from careloom.errors import NotFound
from careloom.fhir.validate import check
from careloom.services.synthesize_patients import NotesWish, note_record, resources_with_notes, with_notes
from careloom.synth.notes_facts import Mention, SourceNote
from careloom.synth.records import Records, records
from tests.later import Later, has

torch, fits = Later("torch"), Later("careloom.synth.notes_fit_torch")
gpt = Later("careloom.synth.notes_gpt_torch")
STYLE, START = "made.short", datetime(2024, 2, 9, 9, 0, tzinfo=UTC)
LATER = START + timedelta(days=40)


def given() -> Records:
    """One woman with two encounters: anemia and warfarin go on, a cold is over by the second."""
    own = {"patient_id": "s-1", "encounter_id": "s-1-1", "system": "urn:codes", "start": START}
    second = own | {"encounter_id": "s-1-2", "start": LATER}
    lab = {"category": "laboratory", "unit": "g/dL", "code": "hb", "display": "hemoglobin"}
    visit = {"kind": "AMB", "code": "v", "display": "visit"}
    frames = {
        "patients": [{"patient_id": "s-1", "birth": date(1954, 1, 1), "death": None, "sex": "female"}],
        "encounters": [own | visit | {"stop": START + timedelta(hours=1)}, second | visit | {"stop": None}],
        "conditions": [
            own | {"event_id": "c1", "code": "D64", "display": "anemia", "stop": None},
            own | {"event_id": "c2", "code": "J00", "display": "cold", "stop": START + timedelta(days=5)},
        ],
        "medications": [own | {"event_id": "m1", "code": "11289", "display": "warfarin", "stop": None}],
        "observations": [
            own | lab | {"event_id": "o1", "value": 10.5}, second | lab | {"event_id": "o2", "value": 12.0},
            second | lab | {"event_id": "o3", "category": "social-history", "code": "smokes", "value": 1.0},
        ],
    }  # fmt: skip
    return records({name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in frames.items()})


def note(number: int) -> SourceNote:
    """A note that is learnt: a test with its value, a drug, a problem."""
    drug, sickness = ("aspirin", "metformin", "lisinopril")[number % 3], ("asthma", "gout")[number % 2]
    said = [
        ("RESULTS\n", "", -1), ("glucose", "TEST", -1), (" was ", "", -1), (f"{90 + number}", "TEST_VALUE", 0),
        (" ", "", -1), ("mg/dL", "UNIT", 0), (" today.\n\n", "", -1), ("MEDICATIONS\n", "", -1),
        (drug, "MEDICATION", -1), (" is taken daily.\n\n", "", -1), ("ASSESSMENT\nThe patient has ", "", -1),
        (sickness, "PROBLEM", -1), (" and feels well.", "", -1),
    ]  # fmt: skip
    text, mentions, starts = "", [], []
    for words, label, head in said:
        if words.startswith(("RESULTS", "MEDICATIONS", "ASSESSMENT")):
            starts.append(len(text))
        if label:
            mentions.append(Mention(len(text), len(text) + len(words), label, "present" if head < 0 else "", "", head))
        text += words
    sections = tuple(zip(("results", "medications", "assessment"), starts, [*starts[1:], len(text)], strict=True))
    return SourceNote(f"patient-{number}", STYLE, "progress", text, sections, tuple(mentions))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """On busy machines threads that wait for each other take many times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_an_encounter_tells_what_is_of_it_and_what_goes_on_from_before() -> None:
    first, second = (note_record(given(), one) for one in ("s-1-1", "s-1-2"))
    assert {fact.name for fact in first.facts} == {"anemia", "cold", "warfarin", "hemoglobin"}
    assert {fact.name for fact in second.facts} == {"anemia", "warfarin", "hemoglobin"}
    values = [dict(fact.parts) for one in (first, second) for fact in one.facts if fact.label == "TEST"]
    assert values == [{"TEST_VALUE": "10.5", "UNIT": "g/dL"}, {"TEST_VALUE": "12", "UNIT": "g/dL"}]
    assert (first.age, first.sex, second.day) == (70, "female", LATER.date())
    with pytest.raises(NotFound):
        note_record(given(), "s-9-9")


@pytest.mark.skipif(not has("torch"), reason="the extra ml is not installed: make ml")
def test_record_and_note_agree_and_every_reference_leads_somewhere(one_thread: None) -> None:
    ask = fits.NotesAsk(gpt.Training(epochs=3, most=400), width=16, layers=1, heads=2, length=96, run=7)
    generator = fits.fit_notes([note(number) for number in range(12)], ask).generator()
    whole = given()
    made = with_notes(whole, generator, np.random.default_rng(1), NotesWish(STYLE, "progress"))
    assert [one.encounter_id for one in made] == ["s-1-1", "s-1-2"]
    for one in made:
        facts = {
            label: {fact.name for fact in one.record.facts if fact.label == label} for label in ("PROBLEM", "TEST")
        }
        told: dict[str, set[str]] = {}
        for each in one.written.mentions:
            told.setdefault(each.label, set()).add(one.written.text[each.start : each.end])
        assert one.written.lost == ()
        assert {label: told[label] for label in facts} == facts
        assert told["MEDICATION"] == {"warfarin"}
        assert told["TEST_VALUE"] | told["UNIT"] == {x for fact in one.record.facts for x in fact.parts.values()}
        data = one.resource["content"][0]["attachment"]["data"]
        assert base64.b64decode(data).decode() == one.written.text
    resources = list(resources_with_notes(whole, made))
    assert [check(resource) for resource in resources] == [[]] * len(resources)
    there = {f"{resource['resourceType']}/{resource['id']}" for resource in resources}
    for document in (one.resource for one in made):
        assert {document["subject"]["reference"], document["context"]["encounter"][0]["reference"]} <= there
    only = with_notes(whole, generator, np.random.default_rng(1), NotesWish(encounters=frozenset({"s-1-2"})))
    assert [one.encounter_id for one in only] == ["s-1-2"]
