"""Columns of model space as tokens of a diffusion: categories, states and numbers with few values become codes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from careloom.synth.engine import Given, Json
from careloom.synth.transforms_space import ModelRows, Part

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
PATHS_AT_MOST = 300
"""Codes of one token that stands for several parts: beyond, each part is a token of its own."""
ROWS_A_VALUE = 25.0
"""A number becomes codes where a row shares its value with so many others, on average over rows."""
ROWS_A_BIN = 10
"""Neighbouring values that are rarer share a code."""


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """One variable of the discrete diffusion.

    parts   which of the discrete parts it stands for
    paths   [codes, parts] what they are
    number  the continuous part whose value the code tells too; -1: none
    starts  [codes + 1] where the values of a code begin in `values`; all 0 without a number
    values  scores that were seen, code by code
    counts  of each how often
    scores  [codes] the mean score of a code, 0 for states that are no number; none without a number
    """

    parts: tuple[int, ...]
    paths: Codes
    number: int
    starts: Codes
    values: Floats
    counts: Codes
    scores: Floats

    @property
    def size(self) -> int:
        """How many codes there are."""
        return len(self.paths)

    @property
    def is_number(self) -> Mask:
        """[codes] which of them are numbers."""
        return np.diff(self.starts) > 0

    def encode(self, rows: ModelRows) -> Codes:
        """[rows] codes. raises ValueError for what was not there when the token was made"""
        codes = _found(self.paths, rows.discrete[:, self.parts].astype(np.int64))
        if self.number >= 0:
            where = self.is_number[codes]
            numbers = np.flatnonzero(self.is_number)
            tops = self.values[self.starts[numbers + 1] - 1]
            at = np.searchsorted(tops, rows.continuous[where, self.number]).clip(0, len(numbers) - 1)
            codes[where] = numbers[at]
        return codes

    def drawn(self, codes: Codes, draw: np.random.Generator) -> Floats:
        """[rows] a value that was seen under the code, as often as it was; 0 for what is no number."""
        below = np.concatenate([[0], np.cumsum(self.counts)])
        low, high = below[self.starts[codes]], below[self.starts[codes + 1]]
        at = low + np.floor(draw.random(len(codes)) * (high - low))
        made = np.zeros(len(codes))
        where = self.is_number[codes]
        made[where] = self.values[np.searchsorted(below, at[where], side="right") - 1]
        return made


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """A table in model space as codes of tokens, and the numbers that stay continuous.

    numbers  which of the continuous parts stay so
    states   of each the token that says whether there is a number (its code 0); -1: always
    """

    parts: tuple[Part, ...]
    tokens: tuple[Token, ...]
    numbers: tuple[int, ...]
    states: tuple[int, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Codes of each token."""
        return tuple(token.size for token in self.tokens)

    def encode(self, rows: ModelRows) -> tuple[Codes, Floats]:
        """([rows, tokens] codes, [rows, numbers] continuous)."""
        codes = [token.encode(rows) for token in self.tokens]
        made = np.stack(codes, axis=1) if codes else np.zeros((rows.height, 0), np.int64)
        return made, rows.continuous[:, self.numbers]

    def present(self, codes: Codes) -> Mask:
        """[rows, numbers] where there is a number: elsewhere it is an atom, or missing."""
        made = np.ones((len(codes), len(self.numbers)), np.bool_)
        for at, state in enumerate(self.states):
            if state >= 0:
                made[:, at] = codes[:, state] == 0
        return made

    def decode(self, codes: Codes, numbers: Floats, draw: np.random.Generator) -> ModelRows:
        """The rows of codes and continuous numbers."""
        discrete = [part for part in self.parts if part.size]
        made = ModelRows(
            np.zeros((len(codes), len(self.parts) - len(discrete))), np.zeros((len(codes), len(discrete)), np.int32)
        )
        made.continuous[:, self.numbers] = np.where(self.present(codes), numbers, 0.0)
        for token, mine in zip(self.tokens, codes.T, strict=True):
            made.discrete[:, token.parts] = token.paths[mine]
            if token.number >= 0:
                made.continuous[:, token.number] = token.drawn(mine, draw)
        return made

    def allowed(self, given: Given, rows: int) -> dict[int, Mask]:
        """Token -> [rows, codes] those that agree with what is given, for tokens that something is given of.

        A row whose given codes were never seen together allows all.
        """
        made: dict[int, Mask] = {}
        for at, token in enumerate(self.tokens):
            told = [(place, given[part]) for place, part in enumerate(token.parts) if part in given]
            if told:
                mask = np.ones((rows, token.size), np.bool_)
                for place, codes in told:
                    mask &= token.paths[None, :, place] == codes[:, None]
                mask[~mask.any(1)] = True
                made[at] = mask
        return made

    def state(self) -> tuple[dict[str, npt.NDArray[Any]], Json]:
        """Arrays and JSON values that `tokens_from` takes."""
        arrays: dict[str, npt.NDArray[Any]] = {}
        for at, token in enumerate(self.tokens):
            for name in ("paths", "starts", "values", "counts", "scores"):
                arrays[f"token.{at}.{name}"] = getattr(token, name)
        told = [{"parts": list(token.parts), "number": token.number} for token in self.tokens]
        return arrays, {"tokens": told, "numbers": list(self.numbers), "states": list(self.states)}


def tokens_from(parts: tuple[Part, ...], arrays: Mapping[str, npt.NDArray[Any]], told: Json) -> Tokens:
    """The tokens of a state. raises KeyError for one that is none"""
    made = []
    for at, each in enumerate(told["tokens"]):
        paths, starts, counts = (
            np.asarray(arrays[f"token.{at}.{name}"], np.int64) for name in ("paths", "starts", "counts")
        )
        values, scores = (np.asarray(arrays[f"token.{at}.{name}"], np.float64) for name in ("values", "scores"))
        made.append(Token(tuple(each["parts"]), paths, each["number"], starts, values, counts, scores))
    return Tokens(parts, tuple(made), tuple(told["numbers"]), tuple(told["states"]))


def tokens_of(parts: tuple[Part, ...], rows: ModelRows) -> Tokens:
    """How the rows become tokens: of a plan `quantile`, whose state 0 is a number."""
    tokens: list[Token] = []
    numbers: list[int] = []
    states: list[int] = []
    for discrete, continuous in _columns(parts):
        if continuous < 0:
            tokens += _categories(parts, discrete, rows)
            continue
        state = rows.discrete[:, discrete[0]] if discrete else np.zeros(rows.height, np.int32)
        values, counts = np.unique(rows.continuous[state == 0, continuous], return_counts=True)
        shared = float((counts**2).sum()) / max(1, int(counts.sum()))
        if shared >= ROWS_A_VALUE:
            size = [part.size for part in parts if part.size][discrete[0]] if discrete else 1
            tokens.append(_grid(tuple(discrete), size, continuous, values, counts))
            continue
        numbers.append(continuous)
        states.append(len(tokens) if discrete else -1)
        tokens += _categories(parts, discrete, rows) if discrete else []
    return Tokens(parts, tuple(tokens), tuple(numbers), tuple(states))


def _columns(parts: tuple[Part, ...]) -> Iterator[tuple[list[int], int]]:
    """Of each column of the table its discrete parts and its continuous one, -1 where it has none."""
    discrete = continuous = 0
    for _, group in groupby(parts, key=lambda part: part.column):
        mine: list[int] = []
        number = -1
        for part in group:
            if part.size:
                mine.append(discrete)
                discrete += 1
            else:
                number = continuous
                continuous += 1
        yield mine, number


def _categories(parts: tuple[Part, ...], which: list[int], rows: ModelRows) -> list[Token]:
    sizes = [part.size for part in parts if part.size]
    if len(which) == 1:
        return [_plain((which[0],), np.arange(sizes[which[0]])[:, None])]
    seen = np.unique(rows.discrete[:, which].astype(np.int64), axis=0)
    if 0 < len(seen) <= PATHS_AT_MOST:
        return [_plain(tuple(which), seen)]
    return [_plain((each,), np.arange(sizes[each])[:, None]) for each in which]


def _plain(parts: tuple[int, ...], paths: Codes) -> Token:
    return Token(parts, paths, -1, np.zeros(len(paths) + 1, np.int64), np.zeros(0), np.zeros(0, np.int64), np.zeros(0))


def _grid(parts: tuple[int, ...], states: int, number: int, values: Floats, counts: Codes) -> Token:
    """A number whose values recur: one code for each that is frequent, rare neighbours together, then the states."""
    ends: list[int] = []
    held = 0
    for at, count in enumerate(counts.tolist()):
        if count >= ROWS_A_BIN and held:  # what is rare before a frequent value stays by itself
            ends.append(at)
            held = 0
        held += count
        if held >= ROWS_A_BIN:
            ends.append(at + 1)
            held = 0
    if held:
        ends.append(len(values))
    others = np.arange(1, states)
    starts = np.concatenate([[0], ends, np.full(len(others), len(values))]).astype(np.int64)
    numbers = len(ends)
    below = np.concatenate([[0.0], np.cumsum(values * counts)])
    total = np.concatenate([[0], np.cumsum(counts)])
    means = np.diff(below[starts]) / np.maximum(1, np.diff(total[starts]))
    paths = np.concatenate([np.zeros(numbers, np.int64), others])[:, None][:, : len(parts)]
    return Token(parts, paths, number, starts, values, counts.astype(np.int64), means)


def _found(paths: Codes, wanted: Codes) -> Codes:
    """[rows] the first path that is the wanted one."""
    if not paths.shape[1]:
        return np.zeros(len(wanted), np.int64)
    _, ids = np.unique(np.concatenate([paths, wanted]), axis=0, return_inverse=True)
    ids = ids.ravel()
    first = np.full(int(ids.max(initial=0)) + 1, -1, np.int64)
    first[ids[: len(paths)][::-1]] = np.arange(len(paths))[::-1]
    made = first[ids[len(paths) :]]
    if (made < 0).any():
        raise ValueError("rows have codes that the tokens were not made of")
    return made
