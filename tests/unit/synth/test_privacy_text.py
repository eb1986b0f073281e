"""Runs of words that stand elsewhere, against the slow way, and canaries by their losses."""

import numpy as np
import pytest

from careloom.errors import InputError
from careloom.synth.privacy_text import exposure, longest_runs, verbatim


def slowly(notes: list[list[str]], corpus: list[list[str]]) -> list[list[int]]:
    def longest(note: list[str], at: int) -> int:
        return max(
            (
                length
                for length in range(1, len(note) - at + 1)
                for other in corpus
                for start in range(len(other) - length + 1)
                if other[start : start + length] == note[at : at + length]
            ),
            default=0,
        )

    return [[longest(note, at) for at in range(len(note))] for note in notes]


def made(count: int, seed: int, kinds: int = 3) -> list[list[str]]:
    draw = np.random.default_rng(seed)
    return [[f"w{each}" for each in draw.integers(0, kinds, draw.integers(0, 14))] for _ in range(count)]


@pytest.mark.parametrize("seed", range(8))
def test_the_longest_runs_are_those_found_slowly(seed: int) -> None:
    notes, corpus = made(6, seed), made(8, seed + 100)
    assert [run.tolist() for run in longest_runs(notes, corpus)] == slowly(notes, corpus)


def test_a_run_does_not_go_from_one_note_into_the_next() -> None:
    assert longest_runs([["a", "b", "c", "d"]], [["a", "b"], ["c", "d"]])[0].tolist() == [2, 1, 2, 1]
    assert longest_runs([["a"]], [])[0].tolist() == [0]
    assert longest_runs([], [["a"]]) == []


def test_copied_sentences_are_told_from_phrases_that_everybody_writes() -> None:
    draw = np.random.default_rng(0)
    usual = "the patient was seen in clinic today and is doing well".split()

    def note(seed: int) -> list[str]:
        words = np.random.default_rng(seed).choice([f"w{each}" for each in range(300)], 40).tolist()
        return [*usual, *words]

    members, controls = [note(seed) for seed in range(30)], [note(seed) for seed in range(100, 145)]
    honest = verbatim([note(seed) for seed in range(200, 230)], members, controls)
    assert honest.copied.members.share == honest.copied.controls.share == 1  # all of it what everybody writes
    assert honest.copied.beyond.has(0)
    copying = verbatim([[*note(300 + at)[11:], *members[at][20:35]] for at in draw.permutation(30)], members, controls)
    assert copying.copied.members.share == 1
    assert copying.copied.controls.share == 0
    assert copying.longest[0] == 15
    assert copying.covered[0] == pytest.approx(15 / 55, abs=0.01)
    assert copying.covered[1] == 0


def test_canaries_that_were_learnt_are_exposed_and_others_by_chance() -> None:
    draw = np.random.default_rng(0)
    by_chance = exposure(draw.normal(10, 1, 200), draw.normal(10, 1, 2_000))
    assert by_chance.mean.has(1.4427)
    assert by_chance.area.has(0.5)
    learnt = exposure(draw.normal(5, 0.1, 20), draw.normal(10, 1, 1_023))
    assert learnt.mean.value == pytest.approx(10)
    assert learnt.most == 10
    assert learnt.area.value == 1
    with pytest.raises(InputError):
        exposure(np.zeros(1), np.zeros(5))


def test_notes_without_words_are_refused() -> None:
    with pytest.raises(InputError):
        verbatim([["a"]], [[]], [["b"]])
