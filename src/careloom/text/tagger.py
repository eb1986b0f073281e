"""Tags the words of a text by a trained model: ONNX with weights of 8 bits on one thread, no torch, no network.

A model is a zip of four members:

    model.onnx   inputs ``pieces`` and ``looks`` (texts, places); one output (texts, places, labels) a head
    vocab.txt    the word pieces, one a line (`careloom.text.pieces`)
    heads.json   head -> its labels, the first of which is ``O``: nothing; then ``B-NAME``, ``I-NAME`` and so on
    card.json    name, version, what it was trained on and by which command, licences
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
from careloom.text.note import Annotation, Span
from careloom.text.pieces import Pieces, Window, Word

MEMBERS = ("model.onnx", "vocab.txt", "heads.json", "card.json")
_MOST, _PADDED = 4096, 1.15
"""Places a run computes at once, which keeps memory small; how much longer its last window may be than its first."""

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
            self.heads: Mapping[str, tuple[str, ...]] = {k: tuple(v) for k, v in json.loads(heads).items()}
            self.card: Mapping[str, Any] = json.loads(card)
            self._pieces = Pieces(vocabulary.decode().split("\n"))
            self._session = onnxruntime.InferenceSession(model, _options(threads), providers=["CPUExecutionProvider"])
        except (KeyError, ValueError, zipfile.BadZipFile, *_REFUSALS) as error:
            raise SetupError(
                f"a tagger model does not load: {type(error).__name__}",
                "Install Careloom again, or train the model anew.",
            ) from None

    def tag(self, text: str, head: str, parts: Sequence[Span] | None = None) -> list[Tagged]:
        """The words of `text` with what each may be.

        parts  the places to look at, in order; each is read alone. The whole text unless told
        """
        spans = [Span(0, len(text))] if parts is None else parts
        windows = [window for part in spans for window in self._pieces.windows(text, part.start, part.end)]
        results: dict[int, Tagged] = {}
        for batch in _batches(windows):
            scores = self._run([windows[place] for place in batch], head)
            for row, place in enumerate(batch):
                window = windows[place]
                results[place] = Tagged(window.words, _softmax(scores[row, list(window.first)]))
        return [results[place] for place in range(len(windows))]

    def _run(self, windows: Sequence[Window], head: str) -> Scores:
        longest = max(len(window.pieces) for window in windows)
        pieces, looks = np.zeros((2, len(windows), longest), dtype=np.int64)
        for row, window in enumerate(windows):
            pieces[row, : len(window.pieces)] = window.pieces
            looks[row, : len(window.looks)] = window.looks
        (scores,) = self._session.run([head], {"pieces": pieces, "looks": looks})
        return np.asarray(scores, dtype=np.float32)


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


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # The fused layer norm of the higher levels takes an eighth more time than its parts.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _softmax(scores: Scores) -> Scores:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)


def _batches(windows: Sequence[Window]) -> Iterator[list[int]]:
    """Places of windows of like lengths, so that little is padding: a run of its own costs less than what is padded."""
    batch: list[int] = []
    for place in sorted(range(len(windows)), key=lambda place: len(windows[place].pieces)):
        length = len(windows[place].pieces)
        if batch and ((len(batch) + 1) * length > _MOST or length > len(windows[batch[0]].pieces) * _PADDED):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
