"""Trains the tagger of drugs and their adverse events: MiniLM, first on BC5CDR too, then on ade_corpus_v2 alone.

heads  ``drug`` and ``event`` (learnt from sentences that name a relation), ``related`` (whether a sentence does: the
       same label for each of its words); ``chemical`` and ``disease`` are learnt in the first phase and dropped
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch.nn import functional

from careloom.learn_torch import Epoch, Schedule, by_length, train
from careloom.nlp.corpora_ade import Sentence
from careloom.text.encoder_torch import Tagger
from careloom.text.pieces import LONGEST, SPECIAL, Pieces
from careloom.text.training_torch import Encoded, Example, encoded, encoder_of, labels_of
from tools.cdr_data import Abstract

HEADS = {"drug": labels_of(["DRUG"]), "event": labels_of(["ADVERSE_EVENT"]), "related": labels_of(["RELATED"])}
_FIRST = {"chemical": labels_of(["CHEMICAL"]), "disease": labels_of(["DISEASE"])}
_SKIPPED = -100
SEED, PLACES = 20261129, 1_152
CHEMISTRY = Schedule(epochs=1, rate=3e-4)
RATE, EPOCHS = 2.5e-4, 5
UNRELATED = 0.5
"""Sentences without a relation in an epoch, as a share of those with one."""
Batch = tuple[torch.Tensor, torch.Tensor, list[torch.Tensor | None]]


class Row:
    """A window with the labels of each head that it teaches."""

    def __init__(self, window: Encoded, labels: Mapping[str, Sequence[int]]) -> None:
        self.window = window
        self.labels = labels


def rows_of(text: str, spans: Mapping[str, Sequence[tuple[int, int]]], pieces: Pieces) -> list[Row]:
    """The windows of a text with the labels of the heads that `spans` names."""
    names = {**HEADS, **_FIRST}
    by_head = {
        head: list(encoded([Example(text, _gold(each, names[head][1][2:]))], pieces, names[head]))
        for head, each in spans.items()
    }
    first = next(iter(by_head.values()))
    return [
        Row(window, {head: windows[place].labels for head, windows in by_head.items()})
        for place, window in enumerate(first)
    ]


def _gold(places: Sequence[tuple[int, int]], label: str) -> list[tuple[int, int, str]]:
    """Places that do not overlap: of those that do, the longer."""
    kept: list[tuple[int, int, str]] = []
    for start, end in sorted(places, key=lambda place: place[0] - place[1]):
        if all(end <= a or b <= start for a, b, _ in kept):
            kept.append((start, end, label))
    return sorted(kept)


def fitted(
    base: tuple[Mapping[str, torch.Tensor], Sequence[str]],
    related: Sequence[Sentence],
    unrelated: Sequence[Sentence],
    watch: Callable[[Epoch, Tagger], None],
    *,
    chemistry: Sequence[Abstract] = (),
    epochs: int = EPOCHS,
) -> Tagger:
    """The trained tagger.

    base       weights of a BERT and its vocabulary
    related    sentences with a relation; `unrelated` has those without
    watch      called after each epoch with what there is by then
    chemistry  sentences of BC5CDR; without them there is no first phase
    """
    weights, names = base
    pieces = Pieces([*SPECIAL, *(name for name in names if name not in SPECIAL)])
    torch.manual_seed(SEED)
    encoder = encoder_of(weights, names, pieces.vocabulary, 6, 1536)
    first = Tagger(encoder, {**HEADS, **_FIRST})
    positive = [row for one in related for row in _positive(one, pieces)]
    if chemistry:
        mixed = positive + list(_chemistry(chemistry, pieces))
        _fit(first, lambda _: mixed, CHEMISTRY, lambda epoch: watch(epoch, first))
    negative = [rows_of(one.text, {"related": []}, pieces) for one in unrelated]
    second = Tagger(encoder, HEADS)
    second.heads.load_state_dict({k: v for k, v in first.heads.state_dict().items() if k.split(".")[0] in HEADS})

    def both(epoch: int) -> list[Row]:
        chance = random.Random(f"{SEED}/{epoch}")
        return positive + [
            row for rows in chance.sample(negative, min(int(len(related) * UNRELATED), len(negative))) for row in rows
        ]

    _fit(second, both, Schedule(epochs, RATE), lambda epoch: watch(epoch, second))
    return second


def _positive(one: Sentence, pieces: Pieces) -> list[Row]:
    return rows_of(one.text, {"drug": one.drugs, "event": one.events, "related": [(0, len(one.text))]}, pieces)


def _chemistry(sentences: Sequence[Abstract], pieces: Pieces) -> Iterator[Row]:
    for one in sentences:
        if not one.chemicals and not one.diseases:
            continue
        spans = {"chemical": [span[:2] for span in one.chemicals], "disease": [span[:2] for span in one.diseases]}
        yield from rows_of(one.text, spans, pieces)


def _fit(
    tagger: Tagger, sets: Callable[[int], Sequence[Row]], schedule: Schedule, watch: Callable[[Epoch], None]
) -> None:
    heads = list(tagger.labels)

    def batches(epoch: int) -> Iterator[Batch]:
        rows = sets(epoch)
        generator = torch.Generator().manual_seed(SEED + epoch)
        for batch in by_length([len(row.window.pieces) for row in rows], PLACES, generator):
            yield _padded([rows[index] for index in batch], heads)

    def loss(batch: Batch) -> torch.Tensor:
        pieces, looks, labels = batch
        costs = [
            functional.cross_entropy(scores.flatten(0, 1), gold.flatten(), ignore_index=_SKIPPED)
            for scores, gold in zip(tagger(pieces, looks), labels, strict=True)
            if gold is not None
        ]
        return torch.stack(costs).sum()

    train(tagger, batches, loss, schedule, watch=watch)


def _padded(rows: Sequence[Row], heads: Sequence[str]) -> Batch:
    longest = min(LONGEST, max(len(row.window.pieces) for row in rows))

    def tensor(values: Sequence[Sequence[int]], pad: int) -> torch.Tensor:
        return torch.tensor([[*each, *[pad] * (longest - len(each))] for each in values])

    nothing = [_SKIPPED] * longest
    gold: list[torch.Tensor | None] = []
    for head in heads:
        labels = [row.labels.get(head, nothing) for row in rows]
        is_taught = any(value != _SKIPPED for each in labels for value in each)
        gold.append(tensor(labels, _SKIPPED) if is_taught else None)
    return tensor([row.window.pieces for row in rows], 0), tensor([row.window.looks for row in rows], 0), gold
