"""Queries of stored notes: what narrows them, how they go on, who sees how much, and what is told of them."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from careloom.errors import AccessError, CareloomError, NotFound, QueryError
from careloom.pipeline.registry import REGISTRY
from careloom.services import note_query
from careloom.services.access import Principal, Scope, local_operator
from careloom.services.annotate import AnnotateAsk
from careloom.services.annotate_corrections import CorrectAsk, correct
from careloom.services.annotate_notes import annotate
from careloom.services.erase import erase
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.note_facts import FactsAsk, facts
from careloom.services.note_query import ConceptAsk, NotePage, NoteScope, Period
from careloom.services.note_search import NoteSearchAsk, search_notes
from careloom.services.platform import Platform
from careloom.settings import Data, Settings

WHO = local_operator("tester")
CLINICIAN = Principal("ward", frozenset({"clinician"}), frozenset({"identified"}))
SEARCHER = Principal(
    "count", frozenset({"clinician"}), frozenset({"identified"}), frozenset({Scope("search", "DocumentReference")})
)
PLANTED = "Quillfeather"
NOTES = {
    "a1": ("a", "2026-01-05", f"{PLANTED} has diabetes. No pneumonia. Metformin: metformin 500 mg."),
    "a2": ("a", "2026-03-05", "Still diabetes, hypertension. Caf\u00e9 at noon, chest pain."),
    "b1": ("b", "2026-02-05", "Pneumonia not seen: no pneumonia. Hypertension: hypertension."),
    "c1": ("c", "", "Diabetes said nobody; migraine."),
}


def document(name: str, patient: str, date: str, text: str, **more: Any) -> dict[str, Any]:
    data = b64encode(text.encode()).decode()
    return {
        "resourceType": "DocumentReference", "id": name, "status": "current",
        "subject": {"reference": f"Patient/{patient}"},
        "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "data": data}}],
    } | ({"date": f"{date}T10:00:00Z"} if date else {}) | more  # fmt: skip


def take(platform: Platform, *resources: dict[str, Any]) -> None:
    file = platform.settings.data.directory.parent / "feed.ndjson"
    file.write_text("".join(json.dumps(one) + "\n" for one in resources))
    ingest(platform, WHO, IngestAsk((file,), source="north"))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with pytest.MonkeyPatch.context() as patch, opened(tmp_path_factory.mktemp("notes"), patch) as platform:
        yield platform


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    with opened(tmp_path, monkeypatch) as made:
        yield made


def opened(folder: Path, patch: pytest.MonkeyPatch) -> Platform:
    patch.setitem(REGISTRY, "reader.nlp", "tests.nlp_kit:simple_reader")
    made = Platform(Settings(data=Data(directory=folder / "data")))
    patients = [{"resourceType": "Patient", "id": name} for name in "abc"]
    take(made, *patients, *(document(name, *rest) for name, rest in NOTES.items()))
    annotate(made, WHO, AnnotateAsk())
    return made


def stored(platform: Platform, name: str, kind: str = "DocumentReference") -> str:
    return platform.names.resource_id("north", kind, name)


def found(page: NotePage, platform: Platform) -> list[tuple[str, str]]:
    """What was found, as name of the note and words."""
    names = {stored(platform, name): name for name in NOTES}
    return sorted((names[one["note"].split("/")[1]], one.get("text") or "") for one in page.items)


def events(platform: Platform, operation: str = "") -> list[dict[str, Any]]:
    with platform.store("identified").connect() as connection:
        rows = connection.exec_driver_sql("SELECT body FROM audit ORDER BY seq").fetchall()
    return [one for (body,) in rows if (one := json.loads(body))["operation"] == operation or not operation]


WORD = NoteSearchAsk(text="x")
DIABETES = [("a1", "diabetes"), ("a2", "diabetes")]
HYPERTENSION = [("a2", "hypertension"), ("b1", "hypertension")]


@pytest.mark.parametrize(
    ("ask", "wanted"),
    [
        ({"concept": ConceptAsk(("ICD-10-CM|E11.9",))}, DIABETES),
        ({"concept": ConceptAsk(("ICD-10-CM|E11",))}, DIABETES),
        ({"concept": ConceptAsk(("ICD-10-CM|E11",), descendants=False)}, []),
        ({"concept": ConceptAsk(("http://hl7.org/fhir/sid/icd-10-cm|I10", "ICD-10-CM|E11"))}, DIABETES + HYPERTENSION),
        ({"labels": ("SYMPTOM", "DOSAGE")}, [("a1", "500 mg"), ("a2", "chest pain")]),
        ({"presence": ("absent",)}, [("a1", "pneumonia"), ("b1", "pneumonia")]),
        ({"labels": ("DOSAGE",), "presence": ("present",)}, []),
        ({"labels": ("MEDICATION",), "experiencer": ("family",)}, []),
        ({"concept": ConceptAsk(("ICD-10-CM|E11",)), "period": Period("2026-02")}, [("a2", "diabetes")]),
        ({"concept": ConceptAsk(("ICD-10-CM|E11",)), "period": Period(until="2026-03-05")}, [("a1", "diabetes")]),
        (
            {"labels": ("PROBLEM",), "period": Period("2026-02", "2026-03"), "presence": ("absent",)},
            [("b1", "pneumonia")],
        ),
        ({"labels": ("PROBLEM",), "presence": ("absent",), "led": True}, []),
        ({"sections": ("plan",)}, []),
    ],
)
def test_facts_fit_everything_that_is_named(full: Platform, ask: dict[str, Any], wanted: list[tuple[str, str]]) -> None:
    assert found(facts(full, WHO, FactsAsk(**ask)), full) == sorted(wanted)


def test_a_fact_tells_its_note_its_place_and_what_it_led_to(full: Platform) -> None:
    page = facts(full, CLINICIAN, FactsAsk(concept=ConceptAsk(("ICD-10-CM|E11",)), led=True))
    one = next(one for one in page.items if one["time"].startswith("2026-01"))
    text = NOTES["a1"][2]
    assert one["note"] == f"DocumentReference/{stored(full, 'a1')}/_history/1"
    assert (text[one["start"] : one["end"]], one["label"], one["score"]) == ("diabetes", "PROBLEM", 0.9)
    assert one["patient"] == f"Patient/{stored(full, 'a', 'Patient')}"
    assert (one["origin"], one["current"]) == ("annotations", True)
    (fact,) = one["facts"]
    assert full.store("identified").read_named("Condition", [fact["fact"].removeprefix("Condition/")])
    assert fact["outcome"] == "new"


def test_a_patient_and_a_cohort_narrow(full: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, c = (stored(full, name, "Patient") for name in "abc")
    for most in (100, 0):  # looked up in the index, and by opening every note
        monkeypatch.setattr(note_query, "_LOOKED_UP", most)
        ask = FactsAsk(NoteScope(patients=(f"Patient/{b}",)), concept=ConceptAsk(("ICD-10-CM|I10",)))
        assert found(facts(full, WHO, ask), full) == [("b1", "hypertension")]
        ask = FactsAsk(NoteScope(patients=(a, c, "nobody")), labels=("PROBLEM",), presence=("present",))
        assert {name for name, _ in found(facts(full, WHO, ask), full)} == {"a1", "a2", "c1"}


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("most", [1, 2, 1000])
@pytest.mark.parametrize("cohort", ["", "abc"])
def test_pages_together_are_the_whole_each_once(
    full: Platform, monkeypatch: pytest.MonkeyPatch, limit: int, most: int, cohort: str
) -> None:
    everything = facts(full, WHO, FactsAsk(NoteScope(limit=1000))).items
    monkeypatch.setattr(note_query, "MOST_SCANNED", most)
    patients = tuple(stored(full, name, "Patient") for name in cohort)
    items: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = facts(full, WHO, FactsAsk(NoteScope(patients=patients, limit=limit, cursor=cursor)))
        assert len(page.items) <= limit
        assert page.scanned <= most
        items += page.items
        cursor = page.next
    assert items == list(everything)


def test_a_persons_word_is_found_in_place_of_the_readers(platform: Platform) -> None:
    one = {"id": "T1", "start": 0, "end": len(PLANTED), "label": "SYMPTOM"}
    correct(platform, WHO, CorrectAsk("identified", stored(platform, "a1"), {"annotations": [one]}))
    page = facts(platform, WHO, FactsAsk(NoteScope(patients=(stored(platform, "a", "Patient"),)), labels=("SYMPTOM",)))
    assert found(page, platform) == [("a1", PLANTED), ("a2", "chest pain")]
    assert {one["origin"] for one in page.items} == {"correction", "annotations"}


def test_what_is_of_an_earlier_version_says_so_and_who_is_erased_is_gone(platform: Platform) -> None:
    take(platform, document("a1", "a", "2026-01-05", "Now a migraine."))
    page = facts(platform, WHO, FactsAsk(concept=ConceptAsk(("ICD-10-CM|E11",))))
    assert {one["time"][:7]: one["current"] for one in page.items} == {"2026-01": False, "2026-03": True}
    hits = search_notes(platform, WHO, NoteSearchAsk(concept=ConceptAsk(("ICD-10-CM|E11",))))
    assert sorted(len(one["snippets"]) for one in hits.items) == [0, 1]
    erase(platform, WHO, f"Patient/{stored(platform, 'a', 'Patient')}")
    assert facts(platform, WHO, FactsAsk(concept=ConceptAsk(("ICD-10-CM|E11",)))).items == ()
    assert search_notes(platform, WHO, NoteSearchAsk(text="chest")).items == ()


@pytest.mark.parametrize(
    ("ask", "wanted"),
    [
        ({"text": "DIABETES"}, ["a1", "a2", "c1"]),
        ({"text": "cafe noon"}, ["a2"]),
        ({"text": "noon cafe", "phrase": True}, []),
        ({"text": "cafe at noon", "phrase": True}, ["a2"]),
        ({"text": "hyper*"}, ["a2", "b1"]),
        ({"concept": ConceptAsk(("ICD-10-CM|I10",))}, ["a2", "b1"]),
        ({"text": "diabetes", "concept": ConceptAsk(("ICD-10-CM|I10",))}, ["a2"]),
        ({"concept": ConceptAsk(("ICD-10-CM|I10",)), "presence": ("absent",)}, []),
        ({"text": "diabetes", "period": Period("2026-02", "2027")}, ["a2"]),
    ],
)
def test_notes_are_found_by_words_and_concepts(full: Platform, ask: dict[str, Any], wanted: list[str]) -> None:
    page = search_notes(full, WHO, NoteSearchAsk(**ask))
    assert [name for name, _ in found(page, full)] == wanted
    for one in page.items:
        name = next(name for name in NOTES if stored(full, name) == one["note"].split("/")[1])
        assert one["snippets"]
        for each in one["snippets"]:
            text = NOTES[name][2]
            assert text[each["offset"] :].startswith(each["text"])
            assert text[each["start"] : each["end"]] in each["text"]


def test_who_may_search_but_not_read_sees_no_words(full: Platform) -> None:
    hits = search_notes(full, SEARCHER, NoteSearchAsk(text=PLANTED))
    assert [(one["words"], one["snippets"]) for one in hits.items] == [(1, None)]
    page = facts(full, SEARCHER, FactsAsk(labels=("DOSAGE",)))
    assert [(one["text"], one["attributes"]) for one in page.items] == [(None, {})]


@pytest.mark.parametrize("query", [lambda of, by: facts(of, by, FactsAsk()), lambda of, by: search_notes(of, by, WORD)])
def test_who_may_not_search_is_refused_and_that_is_audited(full: Platform, query: Any) -> None:
    for who in (
        Principal("stranger", frozenset({"administrator"}), frozenset({"identified"})),
        Principal("elsewhere", frozenset({"clinician"}), frozenset({"research"})),
    ):
        with pytest.raises(AccessError):
            query(full, who)
        assert events(full)[-1]["outcome"] == "refused"


WRONG = [
    (FactsAsk(NoteScope("synthetic")), QueryError),
    (FactsAsk(NoteScope(limit=0)), QueryError),
    (FactsAsk(NoteScope(cursor=f"{PLANTED} x")), QueryError),
    (FactsAsk(labels=(PLANTED,)), QueryError),
    (FactsAsk(presence=(PLANTED,)), QueryError),
    (FactsAsk(concept=ConceptAsk((PLANTED,))), QueryError),
    (FactsAsk(concept=ConceptAsk((f"|{PLANTED}",))), QueryError),
    (FactsAsk(concept=ConceptAsk((f"ICD-10-CM|{PLANTED}",))), NotFound),
    (FactsAsk(concept=ConceptAsk((f"{PLANTED}|1",))), NotFound),
    (FactsAsk(concept=ConceptAsk(("ICD-10-CM|I10",) * 51)), QueryError),
    (FactsAsk(period=Period(PLANTED)), QueryError),
    (NoteSearchAsk(), QueryError),
    (NoteSearchAsk(text="..."), QueryError),
    (NoteSearchAsk(text=PLANTED * 50), QueryError),
    (NoteSearchAsk(text="x", presence=(PLANTED,)), QueryError),
    (NoteSearchAsk(concept=ConceptAsk((f"ICD-10-CM|{PLANTED}",))), NotFound),
]


@pytest.mark.parametrize(("ask", "error"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_query_is_refused_without_its_words(
    full: Platform, ask: FactsAsk | NoteSearchAsk, error: type[CareloomError]
) -> None:
    with pytest.raises(error) as raised:
        facts(full, WHO, ask) if isinstance(ask, FactsAsk) else search_notes(full, WHO, ask)
    assert PLANTED not in f"{raised.value} {raised.value.remedy}"


def test_a_query_is_audited_with_who_was_disclosed_and_no_word_of_it(platform: Platform) -> None:
    ask = NoteSearchAsk(NoteScope(patients=(stored(platform, "a", "Patient"),)), f"{PLANTED} diabetes")
    assert len(search_notes(platform, CLINICIAN, ask).items) == 1
    facts(platform, CLINICIAN, FactsAsk(concept=ConceptAsk(("ICD-10-CM|E11",)), period=Period("2026")))
    (searched,), (asked,) = events(platform, "annotate-search"), events(platform, "annotate-facts")
    me = platform.store("identified").pseudonym(stored(platform, "a", "Patient"))
    assert (tuple(searched["subjects"]), tuple(asked["subjects"])) == ((me,), (me,))
    assert searched["detail"] == {"by": ["patients", "text"], "found": 1, "scanned": 2}
    assert asked["detail"] == {"by": ["concept", "period"], "found": 2, "scanned": 4}
    for word in (PLANTED, "diabetes", "E11"):
        assert word not in json.dumps([searched, asked], default=str)
    kept = [path for path in platform.settings.data.directory.rglob("*") if path.is_file()]
    assert [path.name for path in kept if PLANTED.encode() in path.read_bytes()] == []


def test_a_zone_that_holds_no_notes_has_one_empty_page(platform: Platform) -> None:
    page = facts(platform, WHO, FactsAsk(NoteScope("research")))
    assert page.as_json() == {"items": [], "next": None, "scanned": 0, "notes": 0}
