"""The model that ships, and what a model may not say."""

import pytest

from careloom.errors import SetupError
from careloom.quality.linkage_model import UNKNOWN, default_model, read_model
from careloom.runtime import packaged

TEXT = packaged("quality", "linkage/model.toml").decode()

BROKEN = [
    ("no TOML", "[decision"),
    ("no levels", TEXT.replace("levels = [", "levels_ = [", 1)),
    ("m that does not add up", TEXT.replace("m = 0.80", "m = 0.70", 1)),
    ("a probability of zero", TEXT.replace("m = 0.02, u = 0.5", "m = 0.0, u = 0.5", 1)),
    ("a level beyond its limit", TEXT.replace("most_bits = 8.0", "most_bits = 7.0")),
    ("review above link", TEXT.replace("review = 0.05", "review = 0.99")),
    ("a block on nothing known", TEXT.replace('columns = ["birth"]', 'columns = ["shoe_size"]', 1)),
    ("an exception that is no comparison", TEXT.replace('except = ["number"]', 'except = ["shoes"]')),
    ("a caution about no level", TEXT.replace('generation = ["different"]', 'generation = ["unequal"]')),
    ("a last level with a condition", TEXT.replace('"different", m', '"different", sql = "true", m', 1)),
]  # fmt: skip


@pytest.mark.parametrize(("what", "text"), BROKEN, ids=[row[0] for row in BROKEN])
def test_a_model_that_breaks_its_grammar_is_refused(what: str, text: str) -> None:
    assert text != TEXT
    with pytest.raises(SetupError):
        read_model(text)


def test_a_caution_speaks_only_where_all_its_levels_are_met() -> None:
    twins = next(one for one in default_model().cautions if one.name == "twins")
    assert twins.speaks_against({"given": "different", "number": "different"})
    assert twins.speaks_against({"given": "different"})
    assert not twins.speaks_against({"given": "different", "number": "same"})
    assert not twins.speaks_against({"given": "same", "number": UNKNOWN})


def test_no_level_counts_for_more_than_its_trait_may() -> None:
    model = default_model()
    sure = {one.name: [(0.9, 1e-9), *[(0.05, 0.5) for _ in one.levels[1:]]] for one in model.comparisons}
    for one in model.replaced(sure, 0.1).comparisons:
        assert one.levels[0].bits == pytest.approx(one.most_bits)


def test_two_patients_are_less_often_one_the_more_there_are() -> None:
    model = default_model()
    assert model.prior(2) > model.prior(100) > model.prior(1_000_000) > 0
    assert model.prior(1) <= 0.5
