"""Linear models: what is packed decides as before, and what is no model is refused."""

import numpy as np
import pytest

from careloom.errors import SetupError
from careloom.text.linear import LinearModel, packed

FEATURES = ["smokes", "drinks", "never"]
WEIGHTS = np.array([[2.0, -1.0], [-1.0, 2.0], [0.0, 0.0]], dtype=np.float32)
BIAS = np.array([0.1, -0.1], dtype=np.float32)


def _model(kind: str) -> LinearModel:
    return LinearModel(packed(FEATURES, WEIGHTS, BIAS, {"labels": ["tobacco", "alcohol"], "kind": kind}))


def test_a_packed_model_of_one_label_decides_as_its_weights_do() -> None:
    total = 3 * WEIGHTS[0] + WEIGHTS[1] + BIAS
    expected = np.exp(total) / np.exp(total).sum()
    assert np.allclose(_model("one").scores({"smokes": 3, "drinks": 1}), expected, atol=0.01)


def test_labels_of_a_model_of_many_are_decided_alone() -> None:
    scores = _model("many").scores({"smokes": 1, "drinks": 1})
    assert np.allclose(scores, 1 / (1 + np.exp(-(WEIGHTS[0] + WEIGHTS[1] + BIAS))), atol=0.01)


def test_unknown_features_and_none_leave_the_bias() -> None:
    model = _model("many")
    assert np.array_equal(model.scores({"skis": 4.0}), model.scores({}))


@pytest.mark.parametrize("kind", ["one", "many"])
def test_several_at_once_are_decided_as_each_alone(kind: str) -> None:
    model, rows = _model(kind), [["smokes", "never"], [], ["drinks", "skis"], ["smokes", "drinks"]]
    alone = [model.scores(dict.fromkeys(row, 1.0)) for row in rows]
    assert np.allclose(model.scores_of(rows), alone, atol=1e-6)
    assert model.scores_of([]).shape == (0, 2)


def test_the_same_model_has_the_same_bytes_and_features_without_weight_are_left_out() -> None:
    card = {"labels": ["a", "b"], "kind": "one"}
    assert packed(FEATURES, WEIGHTS, BIAS, card) == packed(FEATURES, WEIGHTS, BIAS, card)
    assert packed(FEATURES, WEIGHTS, BIAS, card) == packed(FEATURES[:2], WEIGHTS[:2], BIAS, card)


@pytest.mark.parametrize("archive", [b"", b"PK", packed(["x"], WEIGHTS[:1], BIAS, {"labels": ["a"], "kind": "one"})])
def test_what_is_no_model_is_refused(archive: bytes) -> None:
    with pytest.raises(SetupError):
        LinearModel(archive)


def test_a_feature_with_a_line_end_is_refused() -> None:
    with pytest.raises(ValueError, match="one line"):
        packed(["a\nb"], WEIGHTS[:1], BIAS, {"labels": ["a", "b"], "kind": "one"})
