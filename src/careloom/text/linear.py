"""Decides between labels by counted features: weights of a linear model in 8 bits, read with numpy alone.

A model is a zip of three members:

    features.txt  one feature a line
    weights.npz   ``weights`` (features, labels) int8, ``scale`` (labels) float32, ``bias`` (labels) float32
    card.json     ``labels``; ``kind``: ``one`` (softmax) or ``many`` (a sigmoid each); what it was trained on, licences
"""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from careloom.errors import SetupError

MEMBERS = ("features.txt", "weights.npz", "card.json")
Weights = npt.NDArray[np.float32]


class LinearModel:
    """A loaded model.

    labels  in the order of the scores
    card    how it was made
    raises  SetupError where the archive is no model of this kind
    """

    def __init__(self, archive: bytes) -> None:
        try:
            with zipfile.ZipFile(io.BytesIO(archive)) as members:
                features, weights, card = (members.read(name) for name in MEMBERS)
            self.card: Mapping[str, Any] = json.loads(card)
            self.labels: tuple[str, ...] = tuple(self.card["labels"])
            self._is_one = {"one": True, "many": False}[self.card["kind"]]
            arrays = np.load(io.BytesIO(weights), allow_pickle=False)
            self._weights, self._scale, self._bias = arrays["weights"], arrays["scale"], arrays["bias"]
            self._places = {name: place for place, name in enumerate(features.decode().split("\n"))}
            if self._weights.shape != (len(self._places), len(self.labels)):
                raise ValueError("features and weights differ in number")
        except (KeyError, ValueError, zipfile.BadZipFile) as error:
            raise SetupError(
                f"a linear model does not load: {type(error).__name__}",
                "Install Careloom again, or train the model anew.",
            ) from None

    def scores(self, features: Mapping[str, float]) -> Weights:
        """Probability (labels) of each label, from how much there is of each feature; unknown ones count nothing."""
        known = [(place, amount) for name, amount in features.items() if (place := self._places.get(name)) is not None]
        total = self._bias.astype(np.float32)
        if known:
            amounts = np.array([amount for _, amount in known], dtype=np.float32)
            total = total + (amounts @ self._weights[[place for place, _ in known]].astype(np.float32)) * self._scale
        return self._probabilities(total)

    def scores_of(self, rows: Sequence[Sequence[str]]) -> Weights:
        """Probability (rows, labels) of each label for several at once, each with its features, one of each."""
        places = self._places
        found = [[place for name in row if (place := places.get(name)) is not None] for row in rows]
        counts = np.array([len(row) for row in found], dtype=np.int64)
        total = np.zeros((len(rows), len(self.labels)), dtype=np.float32)
        together = [place for row in found for place in row]
        if together:
            rows_with = np.repeat(np.arange(len(rows)), counts)
            np.add.at(total, rows_with, self._weights[together].astype(np.float32))
        return self._probabilities(total * self._scale + self._bias.astype(np.float32))

    def _probabilities(self, total: Weights) -> Weights:
        if self._is_one:
            powers = np.exp(total - total.max(axis=-1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)
        return np.asarray(1 / (1 + np.exp(-total)), dtype=np.float32)


def packed(features: Sequence[str], weights: Weights, bias: Weights, card: Mapping[str, Any]) -> bytes:
    """The archive that `LinearModel` loads, the same bytes for the same model; features of no weight are left out.

    weights  (features, labels)
    bias     (labels)
    card     with ``labels`` and ``kind``
    raises   ValueError where a feature holds a line end
    """
    if any("\n" in name for name in features):
        raise ValueError("a feature is one line")
    scale = np.maximum(np.abs(weights).max(axis=0), 1e-9) / 127
    small = np.rint(weights / scale).astype(np.int8)
    kept = np.flatnonzero(np.abs(small).sum(axis=1))
    arrays = io.BytesIO()
    np.savez(arrays, weights=small[kept], scale=scale.astype(np.float32), bias=bias.astype(np.float32))
    members = {
        "features.txt": "\n".join(features[int(place)] for place in kept).encode(),
        "weights.npz": arrays.getvalue(),
        "card.json": json.dumps(card, indent=1, ensure_ascii=False).encode(),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()
