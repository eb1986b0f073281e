"""Trains a tagger on texts with gold spans and packs it for `careloom.text.tagger`."""

import io
import json
import random
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from careloom.learn_torch import Epoch, Schedule, by_length, train
from careloom.text.encoder_torch import Encoder, Shape, Tagger, from_bert, to_onnx
from careloom.text.note import Span
from careloom.text.pieces import SPECIAL, Pieces, Window

Gold = tuple[int, int, str]
"""Start, end, label."""
Row = tuple[str, Sequence[Gold]]
"""A text and its gold."""
SKIPPED = -100
"""The label of a piece that begins no word."""
UNLABELLED = "*"
"""The head of a window that nobody annotated: there a teacher alone says what is right."""


@dataclass(frozen=True, slots=True)
class Example:
    """A text with the gold of one head: spans that do not overlap. `part` of the text alone is read where given."""

    text: str
    gold: Sequence[Gold]
    part: Span | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """A window with one label a piece; all but first pieces of words are skipped. `head`: whose labels these are."""

    pieces: Sequence[int]
    looks: Sequence[int]
    labels: Sequence[int]
    head: str = ""


def labels_of(names: Iterable[str]) -> tuple[str, ...]:
    """The labels of a head that finds `names`: nothing, the begin of each, the inside of each."""
    each = list(names)
    return ("O", *(f"B-{name}" for name in each), *(f"I-{name}" for name in each))


def vocabulary_of(texts: Iterable[str], pieces: Sequence[str], least: int = 2) -> list[str]:
    """The pieces of a large vocabulary that `texts` use `least` times, and all of one character; SPECIAL first."""
    large = Pieces([*SPECIAL, *(piece for piece in pieces if piece not in SPECIAL)])
    seen: Counter[int] = Counter()
    for text in texts:
        for window in large.windows(text):
            seen.update(window.pieces)
    return [
        *SPECIAL,
        *(
            piece
            for place, piece in enumerate(large.vocabulary)
            if piece not in SPECIAL and (seen[place] >= least or len(piece.removeprefix("##")) == 1)
        ),
    ]


def encoder_of(
    weights: Mapping[str, torch.Tensor],
    names: Sequence[str],
    vocabulary: Sequence[str],
    layers: int,
    inner: int,
    hints: int = 1,
) -> Encoder:
    """The lowest layers of MiniLM over a part of its vocabulary. `names`: its own pieces, in order."""
    place = {name: number for number, name in enumerate(names)}
    shape = Shape(len(vocabulary), layers=layers, inner=inner, hints=hints)
    return from_bert(weights, [place[piece] for piece in vocabulary], shape)


def encoded(examples: Iterable[Example], pieces: Pieces, labels: Sequence[str], head: str = "") -> Iterator[Encoded]:
    """The windows of texts with their labels of one head."""
    number = {label: place for place, label in enumerate(labels)}
    for example in examples:
        part = example.part or Span(0, len(example.text))
        for window in pieces.windows(example.text, part.start, part.end):
            yield Encoded(window.pieces, window.looks, _labels(window, example.gold, number), head)


def _labels(window: Window, gold: Sequence[Gold], number: Mapping[str, int]) -> list[int]:
    labels = [SKIPPED] * len(window.pieces)
    for word, place in zip(window.words, window.first, strict=True):
        hit = next((one for one in gold if one[0] < word.end and word.start < one[1]), None)
        if hit is None:
            labels[place] = 0
        else:
            labels[place] = number[("B-" if word.start <= hit[0] else "I-") + hit[2]]
    return labels


Padded = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
"""Pieces, looks and labels (texts, places); head (texts), -1 where nobody annotated."""
Cost = Callable[[Tagger, Padded], torch.Tensor]
"""What a batch costs: one number."""


def gold_cost(scores: Sequence[torch.Tensor], labels: torch.Tensor, heads: torch.Tensor) -> torch.Tensor:
    """Cross entropy of the labels that people gave, a word: each text by its own head alone."""
    total = torch.zeros(())
    for number, each in enumerate(scores):
        mine = heads == number
        if mine.any():
            total = total + functional.cross_entropy(
                each[mine].flatten(0, 1), labels[mine].flatten(), ignore_index=SKIPPED, reduction="sum"
            )
    return total / (labels != SKIPPED).sum()


def _untaught(tagger: Tagger, batch: Padded) -> torch.Tensor:
    pieces, looks, labels, heads = batch
    return gold_cost(tagger(pieces, looks), labels, heads)


def fit(  # noqa: PLR0913 - what, on what, how
    tagger: Tagger,
    head: str,
    sets: Callable[[int], Sequence[Encoded]],
    schedule: Schedule,
    seed: int,
    *,
    watch: Callable[[Epoch], None] | None = None,
    cost: Cost = _untaught,
    places: int = 2_304,
) -> None:
    """Trains `tagger` in place.

    head    whose labels those windows have that do not say
    sets    the windows of an epoch by its number, so that they may differ
    cost    what a batch costs; gold alone unless told
    places  of a batch, padding among them
    """
    kept: dict[int, list[list[int]]] = {}
    names = list(tagger.labels)

    def batches(epoch: int) -> Iterator[Padded]:
        rows = sets(epoch)
        if epoch not in kept:
            generator = torch.Generator().manual_seed(seed * 1000 + epoch)
            kept[epoch] = by_length([len(row.pieces) for row in rows], places, generator)
        for batch in kept[epoch]:
            yield padded([rows[index] for index in batch], names, head)

    torch.manual_seed(seed)
    train(tagger, batches, lambda batch: cost(tagger, batch), schedule, watch=watch)


def padded(rows: Sequence[Encoded], names: Sequence[str], head: str) -> Padded:
    """Windows side by side; `head`: whose labels those have that do not say."""
    longest = max(len(row.pieces) for row in rows)

    def tensor(values: Callable[[Encoded], Sequence[int]], pad: int) -> torch.Tensor:
        return torch.tensor([[*values(row), *[pad] * (longest - len(row.pieces))] for row in rows])

    heads = torch.tensor([-1 if row.head == UNLABELLED else names.index(row.head or head) for row in rows])
    return (
        tensor(lambda row: row.pieces, 0),
        tensor(lambda row: row.looks, 0),
        tensor(lambda row: row.labels, SKIPPED),
        heads,
    )


def packed(
    tagger: Tagger, vocabulary: Sequence[str], card: Mapping[str, Any], names: Iterable[tuple[str, str]] = ()
) -> bytes:
    """The archive that `careloom.text.tagger.Tagger` loads: the same bytes for the same model.

    names  of its gazetteer, by kind
    """
    members = {
        "model.onnx": to_onnx(tagger),
        "vocab.txt": "\n".join(vocabulary).encode(),
        "heads.json": json.dumps(tagger.labels, indent=1).encode(),
        "card.json": json.dumps(card, indent=1, ensure_ascii=False).encode(),
    }
    if lines := "\n".join(f"{kind}\t{name}" for kind, name in names):
        members["names.txt"] = lines.encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            archive.writestr(info, content, zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def examples_of(row: Row, chance: random.Random | None = None) -> Iterator[Example]:
    """A row as one example; by `chance`, cut as readers may be given it: whole, by a few lines, or line by line."""
    text, gold = row
    if chance is None:
        yield Example(text, gold)
        return
    lines = [line for line in _lines(text) if len(line)]
    size = chance.choice((1, 1, 2, 3, 5, 8, 20, 1000))
    for at in range(0, len(lines), size):
        yield Example(text, gold, Span(lines[at].start, lines[min(at + size, len(lines)) - 1].end))


def _lines(text: str) -> Iterator[Span]:
    start = 0
    for line in text.split("\n"):
        yield Span(start, start + len(line))
        start += len(line) + 1
