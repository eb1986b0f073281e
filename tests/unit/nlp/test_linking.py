"""Codes of mentions: the right one first, of the right systems, with honest scores, whatever the text looks like."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.errors import SetupError
from careloom.nlp.linking import VOCABULARIES, Linker
from careloom.nlp.linking_scorer import Scorer
from careloom.nlp.linking_table import Entry, NameTable, packed
from careloom.nlp.linking_text import canonical
from careloom.nlp.linking_vocabulary import table_of
from careloom.terminology.concepts import Concept as ReleaseConcept
from careloom.terminology.concepts import Match, Translation
from careloom.terminology.concepts import Release as ReleaseOf
from careloom.terminology.systems import CVX, ICD_10_CM, LOINC, MESH, RXNORM, SNOMED_CT
from careloom.text.note import AnnotatedNote, Annotation, Assertion, Concept, Note, Span

ALLOWED = {
    "MEDICATION": {RXNORM, CVX, MESH},
    "ALLERGEN": {RXNORM, CVX, MESH},
    "TEST": {LOINC, SNOMED_CT},
    "PROCEDURE": {SNOMED_CT},
}


@pytest.fixture(scope="module")
def linker() -> Linker:
    return Linker.packaged()


def first(codes: Sequence[Concept], system: str) -> list[str]:
    return [each.code for each in codes if each.rank == 1 and each.system == system]


@pytest.mark.parametrize(
    ("mention", "label", "system", "code"),
    [
        ("hypertension", "PROBLEM", SNOMED_CT, "38341003"),
        ("HTN", "PROBLEM", ICD_10_CM, "I10"),
        ("High blood pressure", "PROBLEM", ICD_10_CM, "I10"),
        ("type II diabetes mellitus", "PROBLEM", ICD_10_CM, "E11.9"),
        ("T2DM", "PROBLEM", SNOMED_CT, "44054006"),
        ("COPD", "PROBLEM", ICD_10_CM, "J44.9"),
        ("tumours of the kidney", "PROBLEM", SNOMED_CT, "126880001"),
        ("nausea", "SYMPTOM", ICD_10_CM, "R11.0"),
        ("lung cancer", "PROBLEM", SNOMED_CT, "363358000"),
        ("lung cancer", "PROBLEM", ICD_10_CM, "C34.90"),
        ("sepsis", "PROBLEM", ICD_10_CM, "A41.9"),
        ("confusion", "SYMPTOM", ICD_10_CM, "R41.0"),
        ("headaches", "SYMPTOM", SNOMED_CT, "25064002"),
        ("cold", "SYMPTOM", SNOMED_CT, "82272006"),
        ("metformin", "MEDICATION", RXNORM, "6809"),
        ("Lisinopril", "MEDICATION", RXNORM, "29046"),
        ("ASA", "MEDICATION", RXNORM, "1191"),
        ("Hgb", "TEST", LOINC, "718-7"),
        ("serum potassium", "TEST", LOINC, "2823-3"),
        ("blood pressure", "TEST", LOINC, "85354-9"),
        ("appendectomy", "PROCEDURE", SNOMED_CT, "80146002"),
        ("CABG", "PROCEDURE", SNOMED_CT, "232717009"),
        ("DM", "PROBLEM", SNOMED_CT, "73211009"),
        ("DM II", "PROBLEM", SNOMED_CT, "73211009"),
        ("breast ca", "PROBLEM", SNOMED_CT, "254837009"),
        ("COVID", "SYMPTOM", ICD_10_CM, "U07.1"),
        ("Crohn's", "PROBLEM", ICD_10_CM, "K50.90"),
        ("Hodgkin's", "PROBLEM", ICD_10_CM, "C81.90"),
        ("Spiriva", "MEDICATION", RXNORM, "69120"),
    ],
)
def test_a_common_mention_has_the_code_it_means(
    linker: Linker, mention: str, label: str, system: str, code: str
) -> None:
    assert code in first(linker.link(mention, label), system)


def test_neighbours_decide_between_meanings_of_an_abbreviation(linker: Linker) -> None:
    nerves = linker.link("MS", "PROBLEM", "MS, on interferon beta, brain MRI with new demyelinating lesions")
    heart = linker.link("MS", "PROBLEM", "MS and MR, mitral valve area 1.2 on echocardiogram, rheumatic")
    assert nerves[0].display == "multiple sclerosis"
    assert "mitral" in heart[0].display


def test_a_note_that_defines_an_abbreviation_is_believed(linker: Linker) -> None:
    context = "Seen for primary biliary cholangitis (PBC). PBC is stable."
    assert "biliary" in linker.link("PBC", "PROBLEM", context)[0].display
    span = Span(context.index("PBC is"), context.index("PBC is") + 3)
    read = linker.read(AnnotatedNote(Note("n", context), annotations=(Annotation(span, "PROBLEM"),)))
    assert "biliary" in read.annotations[0].codes[0].display


@pytest.mark.parametrize("label", sorted(ALLOWED))
def test_codes_are_of_systems_that_fit_the_label(linker: Linker, label: str) -> None:
    for mention in ("cold", "iron", "insulin", "lead", "biopsy", "potassium", "cancer", "hypertension", "mole"):
        assert {each.system for each in linker.link(mention, label)} <= ALLOWED[label]


BRANDS = [
    ("Symbicort", "389132"),
    ("Advair", "284635"),
    ("Janumet", "729717"),
    ("Trelegy", "1945038"),
    ("Augmentin", "151392"),
    ("Percocet", "42844"),
    ("Xarelto", "1114195"),
]


@pytest.mark.parametrize(("brand", "code"), BRANDS)
def test_the_first_code_of_a_brand_stands_for_all_of_it(linker: Linker, brand: str, code: str) -> None:
    """The combination where RxNorm's table has it, else the brand itself, never one ingredient of several."""
    assert first(linker.link(brand, "MEDICATION"), RXNORM)[0] == code


NARROW = [("mitral regurgitation", ICD_10_CM, "Q23.3"), ("aortic regurgitation", ICD_10_CM, "I06.1")]


@pytest.mark.parametrize(("mention", "system", "code"), NARROW)
def test_a_code_of_what_is_congenital_or_rheumatic_is_not_given_where_that_is_not_said(
    linker: Linker, mention: str, system: str, code: str
) -> None:
    assert code not in first(linker.link(mention, "PROBLEM"), system)
    assert first(linker.link(mention, "PROBLEM"), SNOMED_CT) != ["29928006"]


@pytest.mark.parametrize("drugs", ["ACE inhibitor", "ACE inhibitors", "antihistamine", "vitamins", "stool softener"])
def test_a_class_of_drugs_has_no_code_of_one_drug(linker: Linker, drugs: str) -> None:
    text = f"He takes {drugs}."
    one = Annotation(Span(text.index(drugs), text.index(drugs) + len(drugs)), "MEDICATION")
    codes = linker.read(AnnotatedNote(Note("n", text), annotations=(one,))).annotations[0].codes
    assert {code.system for code in codes} <= {MESH}
    assert not codes or codes[0].code == "D000806"


def test_a_test_that_a_rule_knows_has_its_code_and_no_other(linker: Linker) -> None:
    one = Annotation(Span(0, 12), "TEST", attributes={"loinc": "59408-5", "test": "oxygen_saturation"})
    (made,) = linker.read(AnnotatedNote(Note("n", "Oxygen level 97 %"), annotations=(one,))).annotations
    assert [(code.code, bool(code.display)) for code in made.codes] == [("59408-5", True)]


def test_a_category_becomes_the_code_that_says_no_more(linker: Linker) -> None:
    codes = linker.link("asthma", "PROBLEM")
    assert first(codes, ICD_10_CM) == ["J45.909"]


@pytest.mark.parametrize(
    "mention", ["zzqx", "the patient", "1234", "room 7", "???", "", " ", "\U0001f600", "\u00e9", "\u0301"]
)
def test_what_means_nothing_keeps_no_codes(linker: Linker, mention: str) -> None:
    text = mention or "x"
    read = linker.read(AnnotatedNote(Note("n", text), annotations=(Annotation(Span(0, len(mention)), "PROBLEM"),)))
    assert read.annotations[0].codes == ()
    assert float(read.annotations[0].attributes["no_code"]) > 0.5


def test_denied_findings_keep_their_codes_and_their_assertion(linker: Linker) -> None:
    denied = Annotation(Span(7, 12), "SYMPTOM", assertion=Assertion("absent"))
    read = linker.read(AnnotatedNote(Note("n", "Denies fever."), annotations=(denied,)))
    assert read.annotations[0].codes[0].code == "386661006"
    assert read.annotations[0].assertion == Assertion("absent")


def test_reading_changes_codes_and_attributes_only(linker: Linker) -> None:
    text = "Metformin 500 mg for T2DM; A1c 7.2 %."
    made = (
        Annotation(Span(0, 9), "MEDICATION", score=0.9, id="T1"),
        Annotation(Span(10, 16), "DOSAGE"),
        Annotation(Span(21, 25), "PROBLEM", attributes={"kept": "yes"}),
    )
    read = linker.read(AnnotatedNote(Note("n", text), annotations=made))
    assert [(each.span, each.label, each.score, each.id) for each in read.annotations] == [
        (each.span, each.label, each.score, each.id) for each in made
    ]
    assert read.annotations[1] == made[1]
    assert read.annotations[2].attributes["kept"] == "yes"
    assert read.readers["linking"] == linker.version
    assert linker.read(read).annotations == read.annotations


@settings(max_examples=15, deadline=None)
@given(st.text(max_size=60), st.sampled_from(sorted(VOCABULARIES)))
def test_any_text_is_answered_in_order(linker: Linker, mention: str, label: str) -> None:
    codes = linker.link(mention, label)
    ranks = [each.rank for each in codes]
    scores = [each.score for each in codes]
    assert ranks == sorted(ranks)
    assert not ranks or (ranks[0] == 1 and ranks[-1] <= 5)
    assert all(0 <= score <= 1 for score in scores)
    assert scores == sorted(scores, reverse=True)
    assert codes == linker.link(mention, label)


def test_a_long_line_is_answered_in_no_time(linker: Linker) -> None:
    assert len(linker.link("and (a " * 20_000, "PROBLEM")) >= 0
    text = "(x) a(b, " * 50_000
    linker.read(AnnotatedNote(Note("n", text), annotations=(Annotation(Span(0, len(text)), "PROBLEM"),)))


def test_an_installations_own_table_answers_too(linker: Linker) -> None:
    own = packed(
        [Entry("zorblatt disease", [("S", "1234567008")], [(canonical("Zorblatt's disease"), "p", 0)])],
        {"version": "1"},
    )
    wider = Linker.packaged(beside={"diseases": NameTable(own)})
    assert first(wider.link("Zorblatt disease", "PROBLEM"), SNOMED_CT) == ["1234567008"]
    assert first(wider.link("hypertension", "PROBLEM"), SNOMED_CT) == ["38341003"]
    assert wider.version != linker.version


def test_labels_without_a_vocabulary_have_no_codes(linker: Linker) -> None:
    assert linker.link("500 mg", "DOSAGE") == ()


@pytest.mark.parametrize("content", [b"", b"PK", b"nothing"])
def test_a_broken_model_or_table_is_a_setup_error(content: bytes) -> None:
    with pytest.raises(SetupError):
        Scorer(content)
    with pytest.raises(SetupError):
        NameTable(content)


class Release:
    """A release of three codes, one of them retired."""

    CONCEPTS = (
        ReleaseConcept(
            SNOMED_CT, "900000001", "Zorblatt disease", "1", names=("Zorblatt disease (disorder)", "ZD"), is_active=True
        ),
        ReleaseConcept(SNOMED_CT, "900000002", "Zorblatt bacillus", "1", names=("Zorblatt bacillus (organism)",)),
        ReleaseConcept(SNOMED_CT, "900000003", "Old disease", "1", names=("Old disease (disorder)",), is_active=False),
    )

    def codes(self, system: str, version: str | None = None) -> Iterator[str]:
        return iter(each.code for each in self.CONCEPTS)

    def find(self, system: str, code: str, version: str | None = None) -> ReleaseConcept | None:
        return next((each for each in self.CONCEPTS if each.code == code), None)

    def children(self, system: str, code: str, version: str | None = None) -> tuple[str, ...]:
        return ()

    def translations(self, system: str, code: str) -> Sequence[Translation]:
        return [Translation(ICD_10_CM, "Z99.9", "wider", "map")] if code == "900000001" else []

    def releases(self) -> Sequence[ReleaseOf]:
        return []

    def search(self, text: str, system: str | None = None, limit: int = 10) -> Sequence[Match]:
        return []


def test_a_release_becomes_a_table_of_its_active_codes_of_a_kind() -> None:
    table = NameTable(table_of(Release(), SNOMED_CT, "1", tags=("disorder",)))
    assert [table.meaning_of(number).codes for number in range(len(table))] == [(("S", "900000001"),)]
    assert table.names == ["zorblatt disease", "zd"]
    with pytest.raises(ValueError, match="no codes"):
        table_of(Release(), "http://example.org/none")


def test_a_map_of_the_release_gives_the_code_that_a_meaning_lacks(linker: Linker) -> None:
    table = NameTable(table_of(Release(), SNOMED_CT, "1", tags=("disorder",)))
    own = Linker.packaged(Release(), beside={"diseases": table})
    assert first(own.link("Zorblatt disease", "PROBLEM"), ICD_10_CM) == ["Z99.9"]
