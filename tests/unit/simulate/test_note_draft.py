"""The draft, the template language and what happens to offsets when an author misspells and breaks lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.simulate.answers import SpanAnswer
from careloom.simulate.narrative.draft import Draft, Mark, Piece
from careloom.simulate.narrative.family import families, read_family
from careloom.simulate.narrative.gold import Edit, Moved, edited, finished, wrapped
from careloom.simulate.narrative.grammar import TemplateError, parse
from careloom.simulate.narrative.render import Renderer, Scope, Value, Voice
from careloom.simulate.narrative.words import concepts, ingredient, plain_display
from tests.unit.simulate.note_people import Stream

FAMILY = families()["letter"]


def render(template: str, values: dict[str, Value] | None = None, seed: int = 1) -> Draft:
    """A template rendered alone."""
    draft = Draft()
    nodes, _ = parse(template)
    Renderer(Voice(Stream(seed), FAMILY), draft).render(nodes, Scope(values or {}, {}))
    return draft


def drug(text: str, role: str, owner: str = "M1") -> Piece:
    return Piece(text, (Mark("entity", role, "present" if role == "drug" else "", (), (), owner, role),))


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("a {if x}{x}{end} b", "a b"),
        ("a{if x} {x}{end}.", "a."),
        ("a {if x}{x}{end}.", "a."),
        ("a\n\n{if x}{x}{end}\n\nb", "a\n\nb"),
        ("{if !x}none{else}{x}{end}", "none"),
        ("{for v in many}{v}{sep}, {end}", "one, two, three"),
        ("{for v in many max 2}{v}{sep}+{end}", "one+two"),
        ("{many%or}", "one, two, or three"),
        ("{two%and}", "one and two"),
        ("{many%/}", "one/two/three"),
        ("{^y} is {an}{y} and {an}{z}", "Apple is an apple and a pear"),
        ("{caps}{y}{end} {y}", "APPLE apple"),
        (r"\[x\] \{y\} 1\|2", "[x] {y} 1|2"),
        ("{y:pad8}|".replace("|", r"\|"), "apple   |"),
        ("{r.it}{r}", "itit"),
    ],
)
def test_templates_become_text(template: str, expected: str) -> None:
    values: dict[str, Value] = {"many": ["one", "two", "three"], "two": ["one", "two"], "y": "apple", "z": "pear"}
    assert render(template, {**values, "r": {"it": "it"}}).text() == expected


@pytest.mark.parametrize(
    "template",
    ["{if x}", "[a|b", "a]", "{for x}{end}", "{else}", "{1x}", "a | b", "{for x in y most 3}{end}", "{x!A}"],
)
def test_a_template_that_does_not_follow_the_grammar_is_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        parse(template)


def test_a_slot_with_nothing_in_it_is_refused() -> None:
    with pytest.raises(TemplateError):
        render("{missing}")


def test_choices_follow_their_shares() -> None:
    texts = [render("[?20 a|b]", seed=seed).text() for seed in range(400)]
    assert 40 < texts.count("a") < 130


def test_a_family_without_a_kind_or_with_an_unknown_rule_is_refused() -> None:
    head = 'name = "x"\nabout = "y"\n[style]\n[headings]\n[rules]\na = "<b>"\n[notes]\nprogress = "<a>"\n'
    with pytest.raises(TemplateError, match="no rule"):
        read_family(head)
    with pytest.raises(TemplateError, match="no template"):
        read_family(head.replace("<b>", "b"))


def test_parts_of_one_record_are_related_within_their_group() -> None:
    values: dict[str, Value] = {
        "meds": [
            {"drug": drug("aspirin", "drug", "M1"), "dose": drug("81 mg", "dose", "M1")},
            {"drug": drug("heparin", "drug", "M2"), "dose": drug("5000 units", "dose", "M2")},
        ]
    }
    draft = render("{for m in meds}{m.dose} of {m.drug}{sep}, {end}; {for m in meds}{m.drug}{sep} {end}", values)
    _, spans, relations = finished(draft, Voice(Stream(1), FAMILY))
    by_id = {span.id: span.text for span in spans}
    assert [(one.label, by_id[one.head], by_id[one.tail]) for one in relations] == [
        ("drug-dose", "aspirin", "81 mg"),
        ("drug-dose", "heparin", "5000 units"),
    ]


def test_a_mark_lasts_over_what_is_inside_and_leaves_blanks_out() -> None:
    draft = render("x {mark social.tobacco status=never} [never smoked] {end} y")
    placed = draft.placed[0]
    assert draft.text()[placed.start : placed.end] == "never smoked"
    assert placed.mark.attributes == (("status", "never"),)
    with pytest.raises(ValueError, match="nothing"):
        render("{mark social.tobacco} {end}")


def test_sections_end_where_the_next_begins_and_name_their_title() -> None:
    draft = render("top{section plan}rest{section results}x ")
    draft.end_section()
    first, second = draft.sections
    assert (first.kind, second.kind) == ("plan", "results")
    assert draft.text()[first.start : first.end].endswith("rest")
    assert draft.text()[second.start : second.end].endswith("x")


@given(st.text("abc \n", min_size=1, max_size=60), st.integers(1, 20))
def test_breaking_lines_moves_no_offset(text: str, width: int) -> None:
    broken = wrapped(text, width)
    assert len(broken) == len(text)
    assert broken.replace("\n", " ") == text.replace("\n", " ")


@given(st.text("abcdef", min_size=1, max_size=40), st.data())
def test_offsets_follow_edits(text: str, data: st.DataObject) -> None:
    at = sorted(data.draw(st.sets(st.integers(0, len(text) - 1), max_size=5)))
    edits = [Edit(start, start + 1, data.draw(st.sampled_from(["", "x", "xy", "xyz"]))) for start in at]
    moved, after = Moved(edits), edited(text, edits)
    untouched = [place for place in range(len(text)) if place not in at]
    assert [after[moved(place)] for place in untouched] == [text[place] for place in untouched]
    assert moved(len(text)) == len(after)


def test_misspellings_keep_every_span_on_its_words() -> None:
    slips = 0
    for seed in range(60):
        draft = render(
            "{for p in many}patient denies {p} today{sep}, {end}", {"many": [Piece("diarrhea", (MARK,))] * 9}
        )
        text, spans, _ = finished(draft, Voice(Stream(seed), families()["resident"]))
        assert all(text[span.start : span.end] == span.text for span in spans)
        slips += sum(intended(span) == "diarrhea" for span in spans)
    assert slips > 3


MARK = Mark("entity", "symptom", "absent")


def intended(span: SpanAnswer) -> str:
    return dict(span.attributes).get("intended", "")


def test_every_concept_has_a_name_and_what_it_names_is_there() -> None:
    for concept in concepts().values():
        assert all(concept.words(register) for register in ("formal", "short", "plain"))
        assert set(concept.symptoms) | set(concept.signs) | set(concept.suspects) <= set(concepts())


@pytest.mark.parametrize(
    ("display", "expected"),
    [
        ("Metformin hydrochloride 500 MG Oral Tablet", "metformin"),
        ("10 ML furosemide 10 MG/ML Injection", "furosemide"),
        ("sacubitril 24 MG / valsartan 26 MG Oral Tablet", "sacubitril / valsartan"),
        ("Penicillin", "penicillin"),
    ],
)
def test_the_ingredient_is_read_from_a_product(display: str, expected: str) -> None:
    assert ingredient(display) == expected


def test_displays_lose_their_tag_and_their_capital() -> None:
    assert plain_display("Heart failure (disorder)") == "heart failure"
    assert plain_display("INR in plasma") == "INR in plasma"
