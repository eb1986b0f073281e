"""Texts as vectors, by the encoder of a tagger that ships: what an inner layer makes of their pieces, on average.

The model of a tagger gives the scores of its heads alone. A message of Protocol Buffers may be followed by another one
that adds to its lists, so an inner tensor becomes an output by a few bytes behind the file: nothing of it is rewritten.
"""

import io
import zipfile
from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as refusals

from careloom.errors import SetupError
from careloom.text.gazetteer import Gazetteer
from careloom.text.pieces import Pieces
from careloom.text.tagger import MEMBERS, NAMES

_GRAPH, _OUTPUT, _NAME = 7, 12, 1
"""Fields of ModelProto, GraphProto and ValueInfoProto (onnx.proto, IR version 3 and later)."""
_BATCH = 64
Vectors = npt.NDArray[np.float32]


def model_digest(archive: bytes) -> str:
    """Twelve hex digits of the model of a tagger's archive: vectors of two encoders have nothing in common."""
    with zipfile.ZipFile(io.BytesIO(archive)) as members:
        return sha256(members.read(MEMBERS[0])).hexdigest()[:12]


class Encoder:
    """A loaded encoder; each text is read alone, so that its vector does not depend on what else is read.

    archive  of a tagger (`careloom.text.tagger`)
    tensor   name of the inner tensor (texts, places, width)
    raises   SetupError where the archive is no tagger, or has no such tensor
    """

    def __init__(self, archive: bytes, tensor: str, threads: int = 1) -> None:
        try:
            with zipfile.ZipFile(io.BytesIO(archive)) as members:
                model, vocabulary = members.read(MEMBERS[0]), members.read(MEMBERS[1]).decode()
                names = members.read(NAMES).decode() if NAMES in members.namelist() else ""
            self._pieces = Pieces(vocabulary.split("\n"), _gazetteer(names).of if names else None)
            self._session = onnxruntime.InferenceSession(
                with_output(model, tensor), _options(threads), providers=["CPUExecutionProvider"]
            )
        except (KeyError, ValueError, zipfile.BadZipFile, refusals.Fail, refusals.InvalidGraph) as error:
            raise SetupError(
                f"an encoder does not load: {type(error).__name__}", "Install Careloom again, or train its model anew."
            ) from None
        self._tensor = tensor
        self._inputs = frozenset(one.name for one in self._session.get_inputs())

    def vector(self, text: str) -> Vectors | None:
        """[width] the mean over the pieces of `text`, of a long one over its beginning; None where it has no word."""
        windows = self._pieces.windows(text)
        if not windows:
            return None
        window = windows[0]
        given = {"pieces": window.pieces, "looks": window.looks, "kept": (*window.first, len(window.pieces) - 1)}
        feed = {name: np.array([given[name]], dtype=np.int64) for name in self._inputs}
        (states,) = self._session.run([self._tensor], feed)
        return np.asarray(states[0].mean(axis=0), dtype=np.float32)

    def vectors(self, texts: Sequence[str]) -> list[Vectors]:
        """[width] of each, many at once: faster, and a little apart from `vector`; 0 where a text has no word.

        Weights have 8 bits, and what stands in one run shares its rounding.
        """
        found: dict[int, Vectors] = {}
        windows = {place: each[0] for place, text in enumerate(texts) if (each := self._pieces.windows(text))}
        order = sorted(windows, key=lambda place: len(windows[place].pieces))
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            pieces, looks = np.zeros((2, len(batch), len(windows[batch[-1]].pieces)), dtype=np.int64)
            for row, place in enumerate(batch):
                pieces[row, : len(windows[place].pieces)] = windows[place].pieces
                looks[row, : len(windows[place].looks)] = windows[place].looks
            (states,) = self._session.run([self._tensor], {"pieces": pieces, "looks": looks})
            for row, place in enumerate(batch):
                found[place] = states[row, : len(windows[place].pieces)].mean(axis=0)
        nothing = np.zeros_like(next(iter(found.values()), np.zeros(0, dtype=np.float32)))
        return [found.get(place, nothing) for place in range(len(texts))]


def _gazetteer(names: str) -> Gazetteer:
    pairs = (line.partition("\t") for line in names.split("\n"))
    return Gazetteer((kind, name) for kind, _, name in pairs)


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    return options


def with_output(model: bytes, tensor: str) -> bytes:
    """The model with one more output."""
    value = _field(_NAME, tensor.encode())
    return model + _field(_GRAPH, _field(_OUTPUT, value))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
