"""The likeliest labels that can follow each other, against all sequences tried one by one."""

from itertools import pairwise, product

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from careloom.text.decoding import runs

LABELS = ("O", "B-DRUG", "B-DOSE", "I-DRUG", "I-DOSE")


def _can_be(path: tuple[int, ...]) -> bool:
    return path[0] < 3 and all(here < 3 or before in (here, here - 2) for before, here in pairwise(path))


def _best(probabilities: npt.NDArray[np.float32]) -> float:
    logs = np.log(np.maximum(probabilities, 1e-9))
    paths = (path for path in product(range(5), repeat=len(logs)) if _can_be(path))
    return max(float(sum(logs[word, label] for word, label in enumerate(path))) for path in paths)


def _path(probabilities: npt.NDArray[np.float32]) -> list[int]:
    path = [0] * len(probabilities)
    for run in runs(probabilities, LABELS):
        begin = LABELS.index(f"B-{run.label}")
        path[run.first] = begin
        path[run.first + 1 : run.last] = [begin + 2] * (run.last - run.first - 1)
    return path


@given(arrays(np.float32, st.tuples(st.integers(1, 5), st.just(5)), elements=st.floats(0.015625, 1.0, width=32)))
def test_no_other_sequence_that_can_be_is_likelier(rows: npt.NDArray[np.float32]) -> None:
    probabilities = rows / rows.sum(axis=1, keepdims=True)
    path = _path(probabilities)
    assert _can_be(tuple(path))
    logs = np.log(np.maximum(probabilities, 1e-9))
    assert np.isclose(sum(logs[word, label] for word, label in enumerate(path)), _best(probabilities), atol=1e-4)


def test_an_inside_needs_a_begin_and_two_begins_are_two_spans() -> None:
    sure = np.full((4, 5), 0.01, dtype=np.float32)
    for word, label in enumerate((3, 1, 1, 3)):
        sure[word, label] = 0.96
    found = [(run.first, run.last, run.label) for run in runs(sure, LABELS)]
    assert found == [(1, 2, "DRUG"), (2, 4, "DRUG")]


def test_nothing_has_no_spans() -> None:
    assert runs(np.zeros((0, 5), dtype=np.float32), LABELS) == []
