"""MEDDOCAN's labels beside ours, and the scores of a tagger by either."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from careloom.deid.text_spans import LETTERS
from tools.meddocan import OURS, Tagged, in_our_labels, our_label, ours, rows, typed, untyped

TEXT = "Nombre: Ana. Apellidos: Gil Roa. Edad: 91 años Sexo: M."
GOLD: list[Tagged] = [
    (8, 11, "NOMBRE_SUJETO_ASISTENCIA"),
    (24, 31, "NOMBRE_SUJETO_ASISTENCIA"),
    (39, 46, "EDAD_SUJETO_ASISTENCIA"),
    (53, 54, "SEXO_SUJETO_ASISTENCIA"),
]
AGES = [("91 años", "AGE_OVER_89"), ("90", "AGE_OVER_89"), ("89 años", ""), ("95 días", ""), ("cinco meses", "")]


def test_every_label_of_the_guidelines_has_one_of_ours_or_may_stay() -> None:
    assert len(OURS) == 29
    assert {label for label in OURS.values() if label} <= set(LETTERS)


@pytest.mark.parametrize(("value", "label"), AGES)
def test_an_age_identifies_above_89_years_only(value: str, label: str) -> None:
    assert our_label("EDAD_SUJETO_ASISTENCIA", value) == label


def test_a_tagger_that_answers_as_people_did_is_right_by_every_measure() -> None:
    gold = [(TEXT, GOLD)]
    for scores in (
        typed(gold, lambda text: GOLD),
        typed(ours(gold), in_our_labels(lambda text: GOLD)),
        untyped(gold, lambda text: GOLD, merged=False),
        untyped(gold, lambda text: GOLD, merged=True),
    ):
        assert (scores.recall(), scores.precision(), scores.f1()) == (1, 1, 1)


def test_a_name_found_without_its_end_and_with_another_label_counts_for_tokens_only() -> None:
    tags = [(8, 11, "NOMBRE_PERSONAL_SANITARIO"), (24, 27, "NOMBRE_SUJETO_ASISTENCIA")]
    scores = typed([(TEXT, GOLD)], lambda text: tags)
    assert (scores.found, scores.f1()) == (Counter({"NOMBRE_SUJETO_ASISTENCIA": 2}), 0)
    assert scores.missed == Counter(
        {"NOMBRE_SUJETO_ASISTENCIA": 1, "EDAD_SUJETO_ASISTENCIA": 2, "SEXO_SUJETO_ASISTENCIA": 1}
    )
    assert untyped([(TEXT, GOLD)], lambda text: tags, merged=False).same.total() == 1


def test_the_corpus_has_the_size_and_labels_that_its_authors_tell(suites: Path) -> None:
    train, dev = rows(suites, "train"), rows(suites, "dev")
    labels = Counter(label for _, places in (*train, *dev) for _, _, label in places)
    assert (len(train), len(dev), len(labels), labels["NOMBRE_SUJETO_ASISTENCIA"]) == (500, 250, 22, 1512)
    assert set(labels) <= set(OURS)
    for text, places in (*train, *dev):
        assert all(a[1] <= b[0] for a, b in pairwise(places))
        assert all(text[start:end].strip() == text[start:end] for start, end, _ in places)
