"""Any encoder of Hugging Face behind the port of the shipped tagger: to fine-tune, and to find entities with.

A model is a folder, or an id of the hub, as `transformers` knows it. A folder is read without a network. The hub is
asked only where an id is given and `online` is true: nothing is downloaded by surprise.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoModelForTokenClassification, AutoTokenizer

from careloom.errors import SetupError
from careloom.learn_torch import Epoch, Schedule, by_length, train
from careloom.nlp.corpora import Document
from careloom.text.note import Span
from careloom.text.pieces import Word
from careloom.text.sentences import sentences
from careloom.text.tagger import Tagged
from careloom.text.training_torch import labels_of

HEAD = "entities"
_SKIPPED = -100
LONGEST, OVERLAP, TOKENS = 256, 64, 8_192
"""Tokens a window may hold, tokens that two windows of one long sentence share, tokens of a batch with padding."""


class HuggingFaceTagger:
    """A token classifier of Hugging Face; its labels are ``O``, ``B-...`` and ``I-...``.

    source  a folder, or an id of the hub
    online  True: an id may be fetched from the hub
    raises  SetupError where there is no such model, its tokenizer gives no offsets, or its labels are no begins and
            insides
    """

    def __init__(self, source: str | Path, *, online: bool = False) -> None:
        self._tokenizer, self._model = _loaded(source, online)
        self._model.eval()
        self._before, self._after = _marks(self._tokenizer)
        given = [self._model.config.id2label[number] for number in range(self._model.config.num_labels)]
        names = [label[2:] for label in given if label.startswith("B-")]
        ours = labels_of(names)
        if sorted(ours) != sorted(given):
            raise SetupError(
                "the labels of the model are not O, B-... and I-...",
                "Fine-tune it first: careloom train ner --encoder.",
            )
        self.heads: Mapping[str, tuple[str, ...]] = {HEAD: ours}
        self._order = [given.index(label) for label in ours]
        self._longest = min(LONGEST, self._tokenizer.model_max_length, self._model.config.max_position_embeddings - 2)

    def parts(self, text: str) -> list[Span]:
        """Runs of whole sentences that fit into one window; a longer sentence is a part alone."""
        found: list[Span] = []
        sizes: list[int] = []
        for sentence in sentences(text):
            size = len(self._tokenizer(sentence.of(text), add_special_tokens=False)["input_ids"])
            if found and sizes[-1] + size <= self._longest - 2:
                found[-1], sizes[-1] = Span(found[-1].start, sentence.end), sizes[-1] + size
            else:
                found.append(sentence)
                sizes.append(size)
        return found

    def tag_heads(self, text: str, heads: Sequence[str], parts: Sequence[Span]) -> list[dict[str, Tagged]]:
        """For each part its words with what each may be. A word is what lies between white space, marks apart.

        Windows of a part overlap; of what two see the one counts that has the word farther from its edge. The same
        result for any number of texts: a batch holds windows of one text, and padding is masked.
        """
        windows = [list(self._windows(text, part)) for part in parts]
        flat = [window for each in windows for window in each]
        scores = iter(self._scores([ids for ids, _ in flat]))
        found = []
        for each in windows:
            words: list[Word] = []
            rows: list[Any] = []
            for _, (places, first, last) in each:
                probabilities = next(scores)
                for word, at in places[first:last]:
                    words.append(word)
                    rows.append(probabilities[at])
            table = np.stack(rows) if rows else np.zeros((0, len(self._order)), dtype=np.float32)
            found.append({head: Tagged(words, table) for head in heads})
        return found

    def _windows(self, text: str, part: Span) -> Iterator[tuple[list[int], tuple[list[tuple[Word, int]], int, int]]]:
        """Token ids with both marks; the words with the place of their first token; which of them count."""
        coded = self._tokenizer(part.of(text), add_special_tokens=False, return_offsets_mapping=True)
        ids, offsets = coded["input_ids"], coded["offset_mapping"]
        size, step = self._longest - 2, self._longest - 2 - OVERLAP
        words = _words(text, part.start, offsets)
        for start in range(0, max(1, len(ids) - OVERLAP), step):
            end = min(len(ids), start + size)
            begin = len(self._before) - start
            places = [(word, at + begin) for word, at in words if start <= at < end]
            low = 0 if start == 0 else start + OVERLAP // 2
            high = len(ids) if end == len(ids) else end - OVERLAP // 2
            first = sum(at - begin < low for _, at in places)
            last = sum(at - begin < high for _, at in places)
            yield [*self._before, *ids[start:end], *self._after], (places, first, last)

    def _scores(self, windows: Sequence[list[int]]) -> list[Any]:
        found: dict[int, Any] = {}
        for batch in _batches(windows):
            with torch.inference_mode():
                logits = self._model(**_padded([windows[at] for at in batch], self._tokenizer.pad_token_id)).logits
            probabilities = functional.softmax(logits.float(), dim=-1)[..., self._order].numpy()
            for row, at in enumerate(batch):
                found[at] = probabilities[row]
        return [found[at] for at in range(len(windows))]


def fine_tune(  # noqa: PLR0913 - what, from what, on what, how, where to
    source: str | Path,
    documents: Sequence[Document],
    labels: Sequence[str],
    schedule: Schedule,
    folder: Path,
    *,
    seed: int = 1,
    online: bool = False,
    watch: Callable[[Epoch], None] | None = None,
) -> None:
    """A token classifier over any encoder, trained on documents and kept in `folder`, for `HuggingFaceTagger`.

    source  an encoder: a folder, or an id of the hub
    labels  names of entities, without B- and I-
    raises  SetupError as `HuggingFaceTagger`
    """
    ours = labels_of(labels)
    torch.manual_seed(seed)
    numbers = {label: number for number, label in enumerate(ours)}
    tokenizer, model = _loaded(source, online, dict(enumerate(ours)))
    rows = [row for one in documents for row in _rows(tokenizer, one, numbers)]

    def batches(epoch: int) -> Iterator[dict[str, torch.Tensor]]:
        generator = torch.Generator().manual_seed(seed * 1000 + epoch)
        for batch in by_length([len(ids) for ids, _ in rows], TOKENS // 4, generator):
            padded = _padded([rows[at][0] for at in batch], tokenizer.pad_token_id)
            longest = padded["input_ids"].shape[1]
            padded["labels"] = torch.tensor(
                [[*rows[at][1], *[_SKIPPED] * (longest - len(rows[at][1]))] for at in batch]
            )
            yield padded

    train(model, batches, lambda batch: model(**batch).loss, schedule, watch=watch)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _loaded(source: str | Path, online: bool, labels: Mapping[int, str] | None = None) -> tuple[Any, Any]:
    named: dict[str, Any] = {"local_files_only": not online}
    given = {} if labels is None else {"id2label": labels, "label2id": {name: at for at, name in labels.items()}}
    try:
        # A folder, or the hub where a person asked for it by --online: then the newest revision is what was asked for.
        tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True, **named)  # nosec B615
        model = AutoModelForTokenClassification.from_pretrained(source, **given, **named)  # nosec B615
    except (OSError, ValueError) as error:
        raise SetupError(
            f"the encoder does not load: {type(error).__name__}",
            "Name a folder that holds a model of transformers, or allow the hub by --online.",
        ) from None
    if not tokenizer.is_fast:
        raise SetupError("the tokenizer of the encoder gives no offsets", "Choose an encoder with tokenizer.json.")
    return tokenizer, model


def _marks(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The tokens that an encoder wants before and behind a text."""
    plain, marked = (tokenizer("a", add_special_tokens=told)["input_ids"] for told in (False, True))
    at = next(at for at in range(len(marked)) if marked[at : at + len(plain)] == plain)
    return marked[:at], marked[at + len(plain) :]


def _words(text: str, start: int, offsets: Sequence[tuple[int, int]]) -> list[tuple[Word, int]]:
    """Words as runs of tokens that touch and are letters or digits, with the place of the first token of each."""
    found: list[tuple[Word, int]] = []
    for at, (low, high) in enumerate(offsets):
        if low == high:
            continue
        while low < high and text[start + low].isspace():
            low += 1
        last = found[-1][0] if found else None
        if (
            last is not None
            and last.end == start + low
            and text[last.end - 1].isalnum()
            and text[start + low].isalnum()
        ):
            found[-1] = (Word(last.start, start + high, 0), found[-1][1])
        elif low < high:
            found.append((Word(start + low, start + high, 0), at))
    return found


def _rows(tokenizer: Any, document: Document, numbers: Mapping[str, int]) -> Iterator[tuple[list[int], list[int]]]:
    before, after = _marks(tokenizer)
    for sentence in sentences(document.text):
        coded = tokenizer(sentence.of(document.text), add_special_tokens=False, return_offsets_mapping=True)
        labels = [_SKIPPED] * len(coded["input_ids"])
        for word, at in _words(document.text, sentence.start, coded["offset_mapping"]):
            hit = next((one for one in document.gold if one[0] < word.end and word.start < one[1]), None)
            labels[at] = 0 if hit is None else numbers[("B-" if word.start <= hit[0] else "I-") + hit[2]]
        size = LONGEST - 2
        for start in range(0, len(labels), size):
            ids = coded["input_ids"][start : start + size]
            part = labels[start : start + size]
            yield [*before, *ids, *after], [*[_SKIPPED] * len(before), *part, *[_SKIPPED] * len(after)]


def _padded(rows: Sequence[Sequence[int]], pad: int) -> dict[str, torch.Tensor]:
    longest = max(len(row) for row in rows)
    ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return {"input_ids": ids, "attention_mask": mask}


def _batches(windows: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    batch: list[int] = []
    for at in sorted(range(len(windows)), key=lambda at: len(windows[at])):
        if batch and (len(batch) + 1) * len(windows[at]) > TOKENS:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch
