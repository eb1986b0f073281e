"""Names in one form, abbreviations, forms of a mention, runs of letters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.nlp.linking_abbreviations import definitions, meanings
from careloom.nlp.linking_index import RunIndex
from careloom.nlp.linking_search import parts, query_of
from careloom.nlp.linking_table import Entry, NameTable, packed
from careloom.nlp.linking_text import canonical, key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Tumours of the oesophagus", "esophageal neoplasm"),
        ("Alzheimer's disease", "Alzheimer disease"),
        ("Alzheimer\u2019s disease", "alzheimer disease"),
        ("renal failure", "kidney failure"),
        ("type II diabetes", "type 2 diabetes"),
        ("metastases", "metastatic"),
        ("neuropathies", "neuropathy"),
        ("\u03b2-thalassaemia", "beta thalassemia"),
        ("Sj\u00f6gren syndrome", "Sjogren syndrome"),
        ("carcinomas of the lung", "pulmonary carcinoma"),
        ("anaemia", "anemia"),
    ],
)
def test_spellings_of_one_name_have_one_key(one: str, other: str) -> None:
    assert key(canonical(one)) == key(canonical(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [("type 1 diabetes", "type 2 diabetes"), ("hypertension", "hypotension"), ("cervical pain", "cervix pain")],
)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert key(canonical(one)) != key(canonical(other))


@given(st.text(max_size=80))
def test_a_canonical_name_has_letters_digits_and_single_blanks_only(text: str) -> None:
    form = canonical(text)
    assert form == " ".join(form.split())
    assert all(word.isascii() and word.isalnum() and word == word.lower() for word in form.split())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("attention deficit hyperactivity disorder (ADHD)", {"ADHD": "attention deficit hyperactivity disorder"}),
        ("with deep vein thrombosis (DVT; left)", {"DVT": "deep vein thrombosis"}),
        ("was given morphine (5 mg)", {}),
        ("reported (see below)", {}),
        ("(ABC) alone", {}),
    ],
)
def test_definitions_in_brackets_are_found(text: str, found: dict[str, str]) -> None:
    assert definitions(text) == found


def test_usual_meanings_come_by_frequency_and_neighbours() -> None:
    assert meanings("CHF", "")[0] == "congestive heart failure"
    assert meanings("MS", "mitral valve, rheumatic")[0] == "mitral stenosis"
    assert meanings("MS", "interferon, demyelination")[0] == "multiple sclerosis"


@pytest.mark.parametrize(
    ("mention", "expected"),
    [
        ("breast and ovarian cancer", ["breast cancer", "ovarian cancer"]),
        ("loss of vision and hearing", ["loss of vision", "loss of hearing"]),
        ("renal or hepatic failure", ["renal failure", "hepatic failure"]),
        ("hypertension", []),
    ],
)
def test_joined_mentions_come_apart(mention: str, expected: list[str]) -> None:
    assert parts(mention) == expected


def test_a_mention_is_looked_for_without_its_cause_and_brackets() -> None:
    assert canonical("cardiac asystole") in query_of("lidocaine-induced cardiac asystole", {}, "").forms
    forms = query_of("dihydropyrimidine dehydrogenase (DPD) deficiency", {}, "").forms
    assert canonical("dihydropyrimidine dehydrogenase deficiency") in forms


@given(
    st.lists(
        st.text("abc 1", min_size=1, max_size=12).map(canonical).filter(bool), min_size=1, max_size=20, unique=True
    )
)
def test_a_name_is_nearest_to_itself(names: list[str]) -> None:
    index = RunIndex(names)
    for name in names:
        numbers, likeness = index.nearest(name, len(names))
        if len(numbers):
            assert likeness[0] >= likeness[-1]
            assert likeness.max() <= 1.001


def test_a_table_is_the_same_after_packing() -> None:
    entries = [
        Entry("asthma", [("S", "195967001"), ("I", "J45")], [("asthma", "p", 3), ("bronchus asthma", "s", 0)]),
        Entry("nothing known", [], [("nothing known", "m", 2)]),
    ]
    content = packed(entries, {"version": "1"})
    assert content == packed(entries, {"version": "1"})
    table = NameTable(content)
    assert len(table) == 2
    assert table.meaning_of(0).codes == (("S", "195967001"), ("I", "J45"))
    assert list(table.meaning) == [0, 0, 1]
    assert list(table.times) == [3, 0, 2]
    assert list(table.mentioned) == [3, 2]
    assert list(table.exact("asthma")) == [0]
    assert table.exact("unknown") == []
