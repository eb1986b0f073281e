"""Tags the words of a text by a trained model: ONNX with weights of 8 bits on one thread, no torch, no network.

A model is a zip of four members:

    model.onnx   inputs ``pieces`` and ``looks`` (texts, places); one output (texts, places, labels) a head. One with
                 an input ``kept`` (1, words), the places of the words' first pieces and of the mark behind them,
                 reads one text at a time, and its outputs are (1, words, labels)
    vocab.txt    the word pieces, one a line (`careloom.text.pieces`)
    heads.json   head -> its labels, the first of which is ``O``: nothing; then ``B-NAME``, ``I-NAME`` and so on
    card.json    name, version, what it was trained on and by which command, licences
    names.txt    kind, a tab, a name: its gazetteer (`careloom.text.gazetteer`); left out where it has none
"""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as refusals

from careloom.errors import SetupError
from careloom.text.gazetteer import Gazetteer
from careloom.text.note import Annotation, Span
from careloom.text.pieces import LONGEST, Hinter, Pieces, Window, Word

MEMBERS, NAMES = ("model.onnx", "vocab.txt", "heads.json", "card.json"), "names.txt"
OVERLAP = LONGEST // 4
"""Pieces that two windows of one long part share."""
_MOST, _PADDED = 256, 1.15
"""Places of a run, long windows being as fast alone; how much longer its last window may be than its first."""
_SLOW = ("SkipLayerNormFusion",)
"""What ONNX Runtime does to a graph that takes more time than it saves: its joined layer norm takes twice its parts."""

_KEPT = "kept"
_REFUSALS = (refusals.Fail, refusals.InvalidArgument, refusals.InvalidGraph, refusals.InvalidProtobuf)
"""What the run time raises for bytes that are no model; it has no common class for them."""

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tagged:
    """Words of one window with the probability (words, labels) of each label of a head."""

    words: Sequence[Word]
    probabilities: Scores


class Tagger:
    """A loaded model. Keeps nothing of a text between calls but which pieces a word falls into.

    raises  SetupError where the archive is no model of this kind
    """

    def __init__(self, archive: bytes, threads: int = 1) -> None:
        try:
            with zipfile.ZipFile(io.BytesIO(archive)) as members:
                model, vocabulary, heads, card = (members.read(name) for name in MEMBERS)
                names = members.read(NAMES).decode() if NAMES in members.namelist() else ""
            self.heads: Mapping[str, tuple[str, ...]] = {k: tuple(v) for k, v in json.loads(heads).items()}
            self.card: Mapping[str, Any] = json.loads(card)
            self.pieces = Pieces(vocabulary.decode().split("\n"), _hinter(names))
            self._session = onnxruntime.InferenceSession(
                model, _options(threads), providers=["CPUExecutionProvider"], disabled_optimizers=_SLOW
            )
            self._session._model_bytes = None  # 17 MB that only another provider would need again
            self._by_words = _KEPT in (one.name for one in self._session.get_inputs())
        except (KeyError, ValueError, zipfile.BadZipFile, *_REFUSALS) as error:
            raise SetupError(
                f"a tagger model does not load: {type(error).__name__}",
                "Install Careloom again, or train the model anew.",
            ) from None

    def tag(self, text: str, head: str, parts: Sequence[Span] | None = None) -> list[Tagged]:
        """The words of `text` with what each may be, window by window.

        parts  the places to look at, in order; each is read alone. The whole text unless told
        """
        spans = [Span(0, len(text))] if parts is None else parts
        windows = [window for part in spans for window in self.pieces.windows(text, part.start, part.end)]
        return [
            Tagged(window.words, scores[0]) for window, scores in zip(windows, self._read(windows, [head]), strict=True)
        ]

    def tag_heads(self, text: str, heads: Sequence[str], parts: Sequence[Span]) -> list[dict[str, Tagged]]:
        """For each part of `text` its words with what each may be by every head: the text is read once.

        Of a part that is longer than the model reads, windows overlap by a quarter, and of what both see the one counts
        that has the word farther from its edge.
        """
        windows = [self.pieces.windows(text, part.start, part.end, OVERLAP) for part in parts]
        scores = iter(self._read([window for each in windows for window in each], heads))
        found = []
        for each in windows:
            read = [next(scores) for _ in each]
            kept = list(_kept(each))
            words = [
                word for window, (first, last) in zip(each, kept, strict=True) for word in window.words[first:last]
            ]
            found.append(
                {
                    head: Tagged(words, _joined([rows[at][a:b] for rows, (a, b) in zip(read, kept, strict=True)]))
                    for at, head in enumerate(heads)
                }
            )
        return found

    def _read(self, windows: Sequence[Window], heads: Sequence[str]) -> list[list[Scores]]:
        """For each window and head the probabilities (words, labels)."""
        results: dict[int, list[Scores]] = {}
        for batch in _batches(windows, 0 if self._by_words else _MOST):
            scores = self._run([windows[place] for place in batch], heads)
            for row, place in enumerate(batch):
                first = range(len(windows[place].first)) if self._by_words else list(windows[place].first)
                results[place] = [_softmax(each[row, first]) for each in scores]
        return [results[place] for place in range(len(windows))]

    def _run(self, windows: Sequence[Window], heads: Sequence[str]) -> list[Scores]:
        longest = max(len(window.pieces) for window in windows)
        pieces, looks = np.zeros((2, len(windows), longest), dtype=np.int64)
        for row, window in enumerate(windows):
            pieces[row, : len(window.pieces)] = window.pieces
            looks[row, : len(window.looks)] = window.looks
        given = {"pieces": pieces, "looks": looks}
        if self._by_words:
            given[_KEPT] = np.array([(*windows[0].first, longest - 1)], dtype=np.int64)
        return [np.asarray(each, dtype=np.float32) for each in self._session.run(list(heads), given)]


def _kept(windows: Sequence[Window]) -> Iterator[tuple[int, int]]:
    """Of each window of a part the words that count, by place: of those that two share the nearer half."""
    first = 0
    for number, window in enumerate(windows):
        last, following = len(window.words), 0
        if number + 1 < len(windows):
            shared = sum(word.start >= windows[number + 1].words[0].start for word in window.words)
            last -= shared // 2
            following = shared - shared // 2
        yield first, last
        first = following


def _joined(rows: Sequence[Scores]) -> Scores:
    return np.concatenate(rows) if rows else np.zeros((0, 1), dtype=np.float32)


def spans_of(tagged: Tagged, labels: Sequence[str], least: float, source: str = "") -> list[Annotation]:
    """Runs of words that are something with a probability of at least `least`, in order.

    A word belongs to the run before it unless it begins one of its own or is labelled otherwise. The label of a run is
    the one of the highest mean probability, its score that of the surest word not to be nothing.
    """
    found: list[Annotation] = []
    run: list[int] = []
    something = tagged.probabilities[:, 1:]
    total = something.sum(axis=1)
    places = np.flatnonzero(total >= least).tolist()
    if not places:
        return found
    names, by_name, begins = _kinds(tuple(labels))
    best = (something @ by_name.T).argmax(axis=1)
    is_begin = (something * begins).sum(axis=1) > (something * ~begins).sum(axis=1)

    def close() -> None:
        if run:
            mean = (something[run] @ by_name.T).mean(axis=0)
            span = Span(tagged.words[run[0]].start, tagged.words[run[-1]].end)
            found.append(Annotation(span, names[int(mean.argmax())], source, float(total[run].max())))
            run.clear()

    for place in places:
        if run and (place != run[-1] + 1 or is_begin[place] or best[place] != best[run[-1]]):
            close()
        run.append(place)
    close()
    return found


@lru_cache(64)
def _kinds(labels: tuple[str, ...]) -> tuple[list[str], Scores, npt.NDArray[np.bool_]]:
    """What labels but the first are about, sorted; which of them each label is about; which begin something."""
    kinds = [label[2:] for label in labels[1:]]
    names = sorted(set(kinds))
    by_name = np.array([[kind == name for kind in kinds] for name in names], dtype=np.float32)
    return names, by_name, np.array([label.startswith("B-") for label in labels[1:]])


def _hinter(names: str) -> Hinter | None:
    if not names:
        return None
    pairs = (line.partition("\t") for line in names.split("\n"))
    return Gazetteer((kind, name) for kind, _, name in pairs).of


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _softmax(scores: Scores) -> Scores:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)


def _batches(windows: Sequence[Window], most: int) -> Iterator[list[int]]:
    """Places of windows of like lengths, so that little is padding: a run of its own costs less than what is padded.

    most  places of a batch of more than one window
    """
    batch: list[int] = []
    for place in sorted(range(len(windows)), key=lambda place: len(windows[place].pieces)):
        length = len(windows[place].pieces)
        if batch and ((len(batch) + 1) * length > most or length > len(windows[batch[0]].pieces) * _PADDED):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
