import json
from datetime import date
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.nlp.evaluate_times import GoldTime, ValueScore, is_exact, relation_scores, spans_of, value_score
from careloom.nlp.timeline import BLOCK, Timeline, timeline
from careloom.nlp.timeline_order import Order, Statement, ordered
from careloom.nlp.timeline_pairs import features, packaged_model, said
from careloom.nlp.times import Times
from careloom.text.note import AnnotatedNote, Annotation, Assertion, Note, Section, Span

NOTED = "2024-03-15T14:00:00+00:00"
TIMELINE, TIMES = Timeline(), Times()


def marked(
    text: str, *, section: str = "", note_time: str = NOTED, assertion: Assertion | None = None
) -> AnnotatedNote:
    """A note whose events are written as ``[fever|SYMPTOM]``, with its time expressions, read."""
    plain, events = "", []
    for part in text.split("["):
        inside, closed, rest = part.partition("]")
        if closed:
            words, label = inside.split("|")
            span = Span(len(plain), len(plain) + len(words))
            events.append(Annotation(span, label, id=f"T{len(events) + 1}", text=words, assertion=assertion))
            plain += words + rest
        else:
            plain += part
    sections = (Section(section, Span(0, 0), Span(0, len(plain))),) if section else ()
    note = Note("n", plain, time=note_time)
    return TIMELINE.read(TIMES.read(AnnotatedNote(note, sections=sections, annotations=tuple(events))))


def days(read: AnnotatedNote) -> dict[str, tuple[str, str, str]]:
    return {
        one.text: tuple(one.attributes.get(name, "") for name in ("start", "end", "time_from"))
        for one in read.annotations
        if one.id
    }


@pytest.mark.parametrize(
    ("text", "section", "expected"),
    [
        ("[Colonoscopy|PROCEDURE] on 03/04/2024.", "", ("2024-03-04", "2024-03-04", "clause")),
        ("[flu shot|MEDICATION] (10/16/2023)", "", ("2023-10-16", "2023-10-16", "clause")),
        ("[Diabetes|PROBLEM] since 2016.", "", ("2016-01-01", "2016-12-31", "clause")),
        ("[CT|TEST] two days ago.", "", ("2024-03-13", "2024-03-13", "clause")),
        ("[Mammogram|TEST] 3 weeks ago", "", ("2024-02-16", "2024-02-26", "clause")),
        ("[Cough|SYMPTOM] for 3 days.", "", ("2024-03-12", "2024-03-15", "duration")),
        ("3 days of worsening [cough|SYMPTOM].", "", ("2024-03-12", "2024-03-15", "duration")),
        ("3-day history of [cough|SYMPTOM].", "", ("2024-03-12", "2024-03-15", "duration")),
        ("Known [diabetes|PROBLEM] came with 3 days of cough.", "", ("", "", "")),
        ("Metformin for 30 days for [diabetes|PROBLEM].", "", ("", "", "")),
        ("[Fever|SYMPTOM].", "physical_examination", ("2024-03-15", "2024-03-15", "section")),
        ("[Stroke|PROBLEM].", "past_medical_history", ("", "2024-03-15", "section")),
        ("[MRI|TEST].", "plan", ("2024-03-15", "", "section")),
        ("[Cancer|PROBLEM] in 2001.", "family_history", ("2001-01-01", "2001-12-31", "clause")),
        ("[Cancer|PROBLEM].", "family_history", ("", "", "")),
        ("[Pain|SYMPTOM].", "", ("", "", "")),
        ("EXAM: [chest CT|TEST]\nDATE OF EXAMINATION: 03/01/2024", "", ("2024-03-01", "2024-03-01", "clause")),
    ],
)
def test_an_event_has_the_time_it_stands_with(text, section, expected):
    assert next(iter(days(marked(text, section=section)).values())) == expected


def test_the_nearer_time_is_the_events():
    read = days(marked("[Colonoscopy|PROCEDURE] on 03/04/2024, and [CT|TEST] on 03/07/2024; [MRI|TEST] (2019)."))
    assert [one[0] for one in read.values()] == ["2024-03-04", "2024-03-07", "2019-01-01"]


def test_a_birth_date_dates_no_event():
    read = days(marked("Born 05/20/1960: [asthma|PROBLEM]. [Eczema|PROBLEM] at the age of 5."))
    assert read == {"asthma": ("", "", ""), "Eczema": ("1965-05-20", "1966-05-19", "clause")}


def test_assertion_tells_past_and_future():
    past, future = Assertion(temporality="historical"), Assertion(temporality="future")
    assert days(marked("[Stroke|PROBLEM].", section="assessment", assertion=past))["Stroke"] == (
        "",
        "2024-03-15",
        "section",
    )
    assert days(marked("[Surgery|PROCEDURE].", section="assessment", assertion=future))["Surgery"][1] == ""
    mother = Assertion(experiencer="family")
    assert days(marked("[Stroke|PROBLEM].", section="assessment", assertion=mother))["Stroke"] == ("", "", "")


def test_the_timeline_is_in_order_of_days():
    read = marked(
        "[Rash|SYMPTOM] on 03/10/2024. [Biopsy|PROCEDURE] on 03/04/2024. [Visit CT|TEST] on 03/12/2024. [Itch|SYMPTOM]."
    )
    assert [one.annotation.text for one in timeline(read)] == ["Biopsy", "Rash", "Visit CT"]
    assert timeline(read)[0].start == date(2024, 3, 4)


def test_days_that_lie_apart_overrule_what_words_say():
    read = marked("[Rash|SYMPTOM] on 03/10/2024 and [biopsy|PROCEDURE] on 03/04/2024.")
    assert [(one.type, one.head, one.tail) for one in read.relations] == [("after", "T1", "T2")]


def test_events_without_ids_get_days_and_no_relations():
    note = Note("n", "fever and cough on 03/04/2024", time=NOTED)
    events = (Annotation(Span(0, 5), "SYMPTOM"), Annotation(Span(10, 15), "SYMPTOM"))
    read = TIMELINE.read(TIMES.read(AnnotatedNote(note, annotations=events)))
    assert read.relations == ()
    assert read.annotations[0].attributes["start"] == "2024-03-04"


def test_a_note_without_a_time_dates_by_its_own_dates_only():
    read = days(marked("[Fever|SYMPTOM] for 3 days. [CT|TEST] on 03/04/2024.", section="subjective", note_time=""))
    assert read == {"Fever": ("", "", ""), "CT": ("2024-03-04", "2024-03-04", "clause")}


def test_reading_is_pure_and_reports_its_version():
    read = marked("[Fever|SYMPTOM] today.")
    assert read.readers["timeline"] == TIMELINE.version
    json.dumps([dict(one.attributes) for one in read.annotations])


@pytest.mark.parametrize("text", ["", " \n ", "😀"])
def test_notes_without_events_stay_as_they_are(text):
    read = TIMELINE.read(AnnotatedNote(Note("n", text)))
    assert (read.annotations, read.relations) == ((), ())


def test_a_long_note_is_read_in_blocks():
    events = 3 * BLOCK
    text = "fever " * events
    some = tuple(Annotation(Span(6 * at, 6 * at + 5), "SYMPTOM", id=f"T{at}") for at in range(events))
    read = TIMELINE.read(AnnotatedNote(Note("n", text, time=NOTED), annotations=some))
    assert len(read.relations) <= events - 1
    assert len({(one.head, one.tail) for one in read.relations}) == len(read.relations)


RELATIONS = st.sampled_from(["before", "after", "overlap"])
STATEMENTS = st.lists(
    st.builds(Statement, st.integers(0, 5), RELATIONS, st.integers(0, 5), st.floats(0, 1, allow_nan=False)), max_size=25
)


def test_before_is_transitive_and_a_circle_is_refused():
    order = Order(3)
    assert order.add(Statement(0, "before", 1, 0.9))
    assert order.add(Statement(1, "before", 2, 0.8))
    assert order.relation(0, 2) == "before"
    assert order.relation(2, 0) == "after"
    assert not order.add(Statement(2, "before", 0, 0.3))
    assert not order.add(Statement(0, "overlap", 2, 0.3))
    assert Order(2).relation(0, 1) is None


def test_overlap_carries_no_order_from_one_to_the_next():
    order, _, dropped = ordered(
        3, [Statement(0, "overlap", 1, 0.5), Statement(1, "overlap", 2, 0.5), Statement(0, "before", 2, 0.4)]
    )
    assert dropped == []
    assert order.relation(0, 2) == "before"


def test_of_a_contradiction_the_weakest_statement_goes():
    some = [Statement(0, "before", 1, 0.2), Statement(1, "before", 2, 0.9), Statement(2, "before", 0, 0.8)]
    order, kept, dropped = ordered(3, some)
    assert dropped == [some[0]]
    assert [order.add(one) for one in kept] == [True, True]


@given(STATEMENTS)
def test_what_holds_is_consistent_closed_and_turns_around(statements):
    order, kept, dropped = ordered(6, statements)
    turned = {"before": "after", "after": "before", "overlap": "overlap", None: None}
    assert len(kept) + len(dropped) == len(statements)
    for one in kept:
        assert order.relation(one.first, one.second) == one.relation
    for first, second in combinations(range(6), 2):
        assert order.relation(first, second) == turned[order.relation(second, first)]
    for first in range(6):
        for second in range(6):
            for third in range(6):
                if order.relation(first, second) == "before" == order.relation(second, third):
                    assert order.relation(first, third) == "before"


@given(STATEMENTS)
def test_a_dropped_statement_contradicts_those_no_weaker(statements):
    _, kept, dropped = ordered(6, statements)
    for one in dropped:
        if one.first != one.second:
            order, _, _ = ordered(6, [each for each in kept if each.score >= one.score])
            assert order.relation(one.first, one.second) not in {None, one.relation} or not order.add(one)


@settings(max_examples=40)
@given(STATEMENTS)
def test_taking_what_holds_again_drops_nothing(statements):
    _, kept, _ = ordered(6, statements)
    assert ordered(6, kept)[2] == []


def test_the_shipped_model_names_corpus_and_licence():
    card = packaged_model().card
    assert "MACCROBAT" in card["trained_on"]
    assert card["licence"].startswith("CC BY 4.0")
    assert set(packaged_model().labels) == {"before", "after", "overlap"}


def test_words_tell_the_order_of_two_events():
    text = "ct revealed a mass. the patient underwent resection"
    ct, mass, cut = (Span(0, 2), "TEST"), (Span(14, 18), "PROBLEM"), (Span(42, 51), "PROCEDURE")
    assert said(text, ct, mass)[0] == "overlap"
    assert said(text, mass, cut)[0] == "before"
    assert features(text, ct, mass)["between revealed"] == 1.0


def test_what_was_found_becomes_spans_with_labels():
    assert spans_of([Annotation(Span(9, 15), "DURATION")]) == [(9, 15, "DURATION")]


def test_values_are_exact_or_within_what_is_meant():
    ago = Annotation(
        Span(0, 9), "DATE_TIME", attributes={"value": "2024-02-23", "low": "2024-02-16", "high": "2024-02-26"}
    )
    before = Annotation(Span(20, 30), "DATE_TIME", attributes={"offset": "-P3D"})
    assert value_score([GoldTime(0, 9, "2024-02-18")], [ago]) == ValueScore(1, 1, 0, 1)
    assert value_score([GoldTime(20, 26, "P3D")], [ago, before]) == ValueScore(1, 1, 0, 1)
    assert value_score([GoldTime(40, 46, "P3D")], [ago]) == ValueScore(1)
    assert is_exact("P14D", "P2W")
    assert not is_exact("P1M", "P4W")
    assert value_score([GoldTime(0, 9)], [ago]) == ValueScore()


def test_relations_are_scored_per_type():
    scores = relation_scores(["before", "after", "overlap", "overlap"], ["before", "overlap", "overlap", "overlap"])
    assert scores["accuracy"] == 0.75
    assert scores["after"] == 0.0
    assert scores["overlap"] == pytest.approx(0.8)
    assert relation_scores([], [])["macro"] == 0.0
