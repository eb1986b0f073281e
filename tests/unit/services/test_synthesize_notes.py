"""Notes with gold, and notes that were read, become notes to learn from."""

from careloom.nlp.corpora_notes import GoldNote, GoldSpan
from careloom.services.synthesize_notes import from_annotated, from_simulated
from careloom.synth.notes_facts import facts_of
from careloom.text.note import AnnotatedNote, Annotation, Assertion, Note, Relation, Section, Span

TEXT = "PLAN\nAnn Lee takes aspirin 81 mg for gout on May 3, 2021."


def place(words: str) -> tuple[int, int]:
    """Where words stand."""
    start = TEXT.index(words)
    return start, start + len(words)


def gold(id_: str, kind: str, label: str, words: str, assertion: str = "") -> GoldSpan:
    """A span of the gold."""
    return GoldSpan(id_, kind, label, *place(words), words, assertion, (), {})


def test_gold_becomes_facts_with_their_parts_and_a_date_is_more_than_an_identifier() -> None:
    spans = (
        gold("T1", "section", "plan", TEXT), gold("T2", "phi", "NAME", "Ann Lee"),
        gold("T3", "entity", "drug", "aspirin", "present"), gold("T4", "entity", "dose", "81 mg"),
        gold("T5", "entity", "problem", "gout", "historical"), gold("T6", "phi", "DATE", "May 3, 2021"),
        gold("T7", "time", "date", "May 3, 2021"),
    )  # fmt: skip
    note = from_simulated(GoldNote("n", "chart", "", TEXT, spans, (("drug-dose", "T3", "T4"),)), "p", "progress")
    assert note.style == "simulated.chart"
    assert note.sections == (("plan", 0, len(TEXT)),)
    assert [one.label for one in note.mentions] == ["NAME", "MEDICATION", "DOSAGE", "PROBLEM", "DATE_TIME"]
    facts = {fact.label: fact for _, fact in facts_of(note)}
    assert dict(facts["MEDICATION"].parts) == {"DOSAGE": "81 mg"}
    assert facts["PROBLEM"].status == "historical"


def test_what_was_read_becomes_the_same_and_identifiers_of_a_detector_become_slots() -> None:
    found = (
        Annotation(Span(*place("aspirin")), "MEDICATION", id="T1", assertion=Assertion()),
        Annotation(Span(*place("81 mg")), "DOSAGE", id="T2"),
        Annotation(Span(*place("gout")), "PROBLEM", id="T3", assertion=Assertion("absent")),
    )
    sections = (Section("plan", Span(0, 4), Span(5, len(TEXT))),)
    read = AnnotatedNote(Note("n", TEXT), sections, (), found, (Relation("drug-dose", "T1", "T2"),))
    note = from_annotated(read, "p", "clinic.plain", "visit", lambda text: [(*place("Ann Lee"), "NAME")])
    assert [(one.label, one.status) for one in note.mentions] == [
        ("NAME", ""), ("MEDICATION", "present"), ("DOSAGE", ""), ("PROBLEM", "absent"),
    ]  # fmt: skip
    assert note.mentions[2].head == 1
