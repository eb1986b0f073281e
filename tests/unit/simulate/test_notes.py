"""Notes of a simulated patient: gold that stands on the text, and text that is true to the record."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from functools import cache
from itertools import permutations

import pytest

from careloom.simulate.answers import SpanAnswer
from careloom.simulate.narrative.family import KINDS, families
from careloom.simulate.notes import NotePlan, SimulatedNote, notes_of
from tests.unit.simulate.note_histories import history
from tests.unit.simulate.note_people import HOSPITAL, Stream
from tools.measure_simulated_notes import grams, without_gold

SEEDS = 6


@cache
def written(family: str) -> list[SimulatedNote]:
    """Notes of a family under several seeds, of a woman of 71 and of a man above 89."""
    out = []
    for seed in range(SEEDS):
        about = history() if seed % 2 else history(date(1931, 2, 3), "male")
        out += notes_of(about, HOSPITAL, Stream(seed), NotePlan(families=(family,)))
    return out


def everything() -> Iterator[SimulatedNote]:
    """The notes of all families."""
    for family in families():
        yield from written(family)


def spans(note: SimulatedNote, kind: str = "entity") -> list[SpanAnswer]:
    return [span for span in note.gold.spans if span.kind == kind]


def test_every_span_stands_on_its_characters() -> None:
    for note in everything():
        for span in note.gold.spans:
            assert note.text[span.start : span.end] == span.text
            assert span.text == span.text.strip() != ""


def test_spans_of_one_kind_do_not_overlap() -> None:
    for note in everything():
        for kind in ("entity", "phi", "time", "social", "section"):
            for one, next_one in zip(spans(note, kind), spans(note, kind)[1:], strict=False):
                assert one.end <= next_one.start, (note.gold.family, note.kind, one, next_one)


@pytest.mark.parametrize("family", sorted(families()))
def test_every_family_writes_every_kind(family: str) -> None:
    assert {note.kind for note in written(family)} == set(KINDS)
    for note in written(family):
        assert len(note.text) > 150
        assert not re.search(r"[{}]|\[\?|<[a-z]|None\b(?!\.| )|  ,| \.(\s|$)", note.text), note.text


def test_relations_join_parts_of_one_record() -> None:
    labels = set()
    for note in everything():
        by_id = {span.id: span for span in note.gold.spans}
        for relation in note.gold.relations:
            head, tail = by_id[relation.head], by_id[relation.tail]
            assert head.label == relation.label.split("-")[0] or head.label in {"symptom", "finding", "allergen"}
            assert tail.kind in {"entity", "time"}
            labels.add(relation.label)
    assert labels >= {
        "drug-dose", "drug-route", "drug-frequency", "drug-reason", "drug-adverse-event", "test-result", "test-unit",
        "problem-anatomy", "procedure-date", "problem-relative",
    }  # fmt: skip


def test_the_same_stream_writes_the_same_notes_and_another_one_others() -> None:
    first, again, other = (notes_of(history(), HOSPITAL, Stream(seed)) for seed in (7, 7, 8))
    assert first == again
    assert {note.text for note in first}.isdisjoint(note.text for note in other)


def test_no_two_notes_are_the_same() -> None:
    texts = [note.text for note in everything()]
    assert len(set(texts)) == len(texts)


IDENTIFIERS = {
    "NAME": (
        "Rosalind",
        "Jane",
        "Pemberthy",
        "Tobias",
        "Vasquez",
        "Okafor",
        "Zielinski",
        "Imogen",
        "Barnaby",
        "Philippa",
    ),
    "MRN": ("48213377", "90715522"),
    "SSN": ("912-34-5678",),
    "PHONE": ("555-0147", "555.0147", "555 0147"),
    "EMAIL": ("rosalind.pemberthy42@example.com",),
    "LOCATION": ("48 Elderberry Lane", "Framingham", "01701"),
    "ORGANIZATION": ("Quillmere Hospital", "Harrow Pond Health Center", "4 West Cardiology"),
}


@pytest.mark.parametrize("label", sorted(IDENTIFIERS))
def test_whatever_identifies_is_gold(label: str) -> None:
    met = 0
    for note in everything():
        covered = [(span.start, span.end) for span in spans(note, "phi") if span.label == label]
        flat = note.text.replace("\n", " ").lower()
        for value in IDENTIFIERS[label]:
            for found in re.finditer(rf"(?<![\w@.]){re.escape(value.lower())}(?!\w|@|\.\w)", flat):
                met += 1
                assert any(start <= found.start() and found.end() <= end for start, end in covered), (value, note.text)
    assert met > 0


DATE = re.compile(
    r"\b\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b|\b\d{4}-\d\d-\d\d\b|\b(?:January|March|April|July|November) \d{1,2}, \d{4}\b"
)


def test_every_date_is_gold_twice_as_time_and_as_identifier() -> None:
    for note in everything():
        for kind, label in (("phi", "DATE"), ("time", "date")):
            covered = [(span.start, span.end) for span in spans(note, kind) if span.label == label]
            phones = [(span.start, span.end) for span in spans(note, "phi") if span.label != "DATE"]
            for found in DATE.finditer(note.text):
                if any(start <= found.start() < end for start, end in phones):
                    continue
                assert (found.start(), found.end()) in covered, (found.group(), note.text)


def test_ages_above_89_identify_and_others_do_not() -> None:
    labels = {(note.text[0:0], span.label) for note in everything() for span in spans(note, "phi")}
    assert ("", "AGE_OVER_89") in labels
    for note in everything():
        over = [span for span in spans(note, "phi") if span.label == "AGE_OVER_89"]
        told = [span for span in spans(note) if span.label == "age" and int(dict(span.attributes)["value"][1:-1]) > 89]
        assert [(span.start, span.end) for span in over] == [(span.start, span.end) for span in told]


CUES = {
    "absent": "no|not|denies|denied|deny|denying|without|negative|never|free|absent|absence|ruled|excluded|exclude|"
    "unlikely|neg|unremarkable|against|nil|none|lacks|lack|rather|nor|w/o|neither|clear|0",
    "possible": "possible|possibly|possibility|suspect|suspected|suspicion|may|might|concern|rule|r/o|differential|"
    "cannot|evaluate|vs|likely|probable|probably|consider|considered|ddx|query|could|wonder|certain|question|perhaps|sure|poss|[?]",
    "hypothetical": "if|should|return|call|develop|any|recur|watch|case|event|when|precautions|notified|notify|"
    "unless|sooner",
    "family": "family|mother|father|sister|brother|fh|fhx|relatives|grandmother|grandfather|uncle|aunt|parent|side|kin|"
    "sibling|mom|dad",
    "historical": "history|previous|previously|prior|remote|past|former|formerly|h/o|s/p|earlier|discontinued|"
    "stop|stopped|changed|resolved|old|long|hx|was|since|before|d/c|d/c'd|from|once|pmh|behind|held|longer|years",
}


@pytest.mark.parametrize("assertion", sorted(CUES))
def test_the_cue_of_an_assertion_stands_near(assertion: str) -> None:
    """Within the line or the sentences of up to 220 characters before, or 120 after."""
    cue = re.compile(rf"(?<![a-z])({CUES[assertion]})(?![a-z])", re.IGNORECASE)
    found = [(note, span) for note in everything() for span in spans(note) if span.assertion == assertion]
    assert len(found) > 20
    lonely = [
        note.text[max(0, span.start - 120) : span.end + 60]
        for note, span in found
        if not cue.search(
            note.text[max(0, span.start - 220) : span.start] + " \x00 " + note.text[span.end : span.end + 120]
        )
    ]
    assert len(lonely) <= len(found) * 0.02, lonely[:5]


def test_a_drug_that_is_present_is_in_the_record_at_that_time() -> None:
    """Taken when the encounter began, or since; a block that was copied may be out of date, as in real charts."""
    record = history()
    begun = {one.key: one.start for one in record.encounters}
    for note in everything():
        for span in spans(note):
            if span.label != "drug" or span.assertion != "present":
                continue
            taken = [one for one in record.medications if (one.codes[0].system, one.codes[0].code) in span.codes]
            assert taken, span
            if "copied_from" not in dict(span.attributes):
                assert any(
                    one.start <= note.time and (one.end is None or one.end >= begun[note.encounter]) for one in taken
                ), (
                    span,
                    note,
                )


def test_a_problem_with_a_code_of_the_record_was_known_by_then() -> None:
    record = {one.codes[0].code: one for one in history().conditions}
    for note in everything():
        for span in spans(note):
            known = record.get(span.codes[0][1]) if span.codes and span.label == "problem" else None
            if known is not None and span.assertion in {"present", "historical"}:
                assert known.recorded <= note.time or note.kind == "pathology", (span, note.kind)


def test_results_have_the_value_of_the_record() -> None:
    values = {
        f"{one.value:.2f}".rstrip("0").rstrip(".") for one in history().observations if isinstance(one.value, float)
    }
    values |= {"162/94", "98.2"}
    told = {span.text for note in everything() for span in spans(note) if span.label == "result"}
    assert told <= values
    assert len(told) > 8


def test_misspellings_leave_names_and_numbers_alone() -> None:
    slips = 0
    for note in everything():
        for span in note.gold.spans:
            intended = dict(span.attributes).get("intended")
            if intended is not None:
                slips += 1
                assert span.kind != "phi"
                assert not re.search(r"\d", intended) or re.sub(r"\D", "", intended) == re.sub(r"\D", "", span.text)
    assert slips > 3


def test_a_plan_says_how_many_notes_and_which_families() -> None:
    none = notes_of(history(), HOSPITAL, Stream(1), NotePlan(visits_at_most=0, progress_at_most=0, nursing_at_most=0))
    assert {note.kind for note in none} == {"admission", "radiology", "discharge", "emergency"}
    assert notes_of(history(), HOSPITAL, Stream(1), NotePlan(visits_at_most=1))[-1].kind == "telephone"


def test_a_pathology_report_has_its_note_however_many_visits_follow() -> None:
    few = notes_of(history(), HOSPITAL, Stream(1), NotePlan(visits_at_most=1))
    assert [note.kind for note in few].count("pathology") == 1


def test_copied_blocks_name_the_note_that_they_come_from() -> None:
    ids = {note.note_id for note in everything()}
    sources = {dict(span.attributes).get("copied_from") for note in everything() for span in note.gold.spans} - {None}
    assert sources
    assert sources <= ids


def test_families_share_next_to_no_wording() -> None:
    """Of the 4-grams of a family's own words (entities, identifiers and times left out), few are another family's."""
    wording = {
        family: {gram for note in written(family) for gram in grams(without_gold(note))} for family in families()
    }
    for one, other in permutations(wording, 2):
        assert len(wording[one] & wording[other]) / len(wording[one]) < 0.03, (one, other)
        assert len(wording[one]) > 300


def test_a_family_words_the_same_facts_in_many_ways() -> None:
    for family in families():
        told = Counter(gram for note in written(family) for gram in grams(note.text))
        assert len(told) / told.total() > 0.2, family
