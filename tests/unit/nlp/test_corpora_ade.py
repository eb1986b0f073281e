"""Sentences of ade_corpus_v2: each once, with its pairs, other drugs of it, and the part that its abstract is in."""

import json

import pytest

from careloom.errors import InputError
from careloom.nlp.corpora_ade import in_part, negatives, positives

ROW = {"pmid": "1", "sentence": "rash after zinc", "drug_start": 11, "drug_end": 15, "arg_start": 0, "arg_end": 4}


def lines(*rows: dict[str, object]) -> bytes:
    return "\n".join(map(json.dumps, rows)).encode()


def test_the_corpus_is_read_by_sentence() -> None:
    other = {**ROW, "drug_start": 5, "drug_end": 10}
    (one,) = positives(lines(ROW, ROW), lines(other))
    assert (one.drugs, one.events, one.others) == ([(11, 15)], [(0, 4)], {(5, 10)})
    assert one.candidates() == [((5, 10), (0, 4), False), ((11, 15), (0, 4), True)]
    assert [each.text for each in negatives(lines(*[{"pmid": "2", "sentence": "no pain"}] * 2))] == ["no pain"]


@pytest.mark.parametrize("line", [b"{}", b"no json", b"[1]", b'{"pmid": 1, "sentence": "rash", "drug_start": "x"}'])
def test_a_line_that_is_none_is_named_by_its_number(line: bytes) -> None:
    with pytest.raises(InputError, match="line 2"):
        positives(lines(ROW) + b"\n" + line)


def test_every_abstract_is_in_one_part() -> None:
    parts = [[in_part(str(number), part) for part in ("train", "choose", "report")] for number in range(200)]
    assert all(sum(one) == 1 for one in parts)
    assert in_part("7", "all")
