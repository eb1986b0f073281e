"""Ranks the likeliest names of a mention anew by what the encoder makes of them: an option of linking.

The encoder is that of the tagger that ships, which reads names as it reads notes; a linear map, learnt from the
synonyms of the vocabulary of diseases, turns what it makes of two names of one meaning the same way. How near a name is
to the mention becomes two features more of the linear model. Of each mention `LOOKED_AT` names are looked at; vectors
of names are kept, those of mentions never.

A model is the zip of `careloom.nlp.linking_scorer` with one more member, ``map.npz``; its card names the encoder that
it was trained with. Made by tools/train_linking_dense.py.
"""

import io
import zipfile
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from careloom.errors import SetupError
from careloom.nlp.linking_features import FEATURES, Candidate, Query, Rows
from careloom.nlp.linking_scorer import Numbers, Scorer
from careloom.nlp.linking_table import NameTable
from careloom.text.vectors import Encoder, model_digest

DENSE = ("dense_cosine", "dense_gap")
"""Features more: cosine of the vectors of mention and name, and how far it lies below that of the nearest name."""
LOOKED_AT = 8
_MOST_KEPT = 65_536
"""Vectors of names that are kept, of 256 bytes each."""
_REMEDY = "Install Careloom again, or train it with the encoder at hand: python tools/train_linking_dense.py."


class Map:
    """A linear map of an encoder's vectors; weights have 8 bits.

    mean     [width] of the vectors of names
    weights  [width, n]; scales [n]
    """

    def __init__(self, mean: Numbers, weights: npt.NDArray[np.int8], scales: Numbers) -> None:
        self._mean = mean.astype(np.float32)
        self._weights = weights.astype(np.float32) * scales.astype(np.float32)
        self.nothing: Numbers = np.zeros(self._weights.shape[1], dtype=np.float32)
        """What has no word is near nothing."""

    def of(self, vector: Numbers) -> Numbers:
        """[n] of length 1."""
        centred = vector - self._mean
        mapped = (centred / (np.linalg.norm(centred) + 1e-6)) @ self._weights
        return np.asarray(mapped / (np.linalg.norm(mapped) + 1e-6), dtype=np.float32)


class Reranker:
    """A loaded model of ranking anew, with the encoder it was trained with.

    archive  of this model; tagger of the encoder
    raises   SetupError where they do not belong together, or one is no model
    """

    def __init__(self, archive: bytes, tagger: bytes) -> None:
        self.scorer = Scorer(archive, (*FEATURES, *DENSE))
        if self.scorer.card.get("encoder") != model_digest(tagger):
            raise SetupError("the model of ranking anew was trained with another encoder", _REMEDY)
        try:
            with zipfile.ZipFile(io.BytesIO(archive)) as members:
                arrays = np.load(io.BytesIO(members.read("map.npz")), allow_pickle=False)
            self._map = Map(arrays["mean"], arrays["weights"], arrays["scales"])
            self._encoder = Encoder(tagger, str(self.scorer.card["tensor"]))
        except (KeyError, ValueError) as error:
            raise SetupError(f"a model of ranking anew does not load: {type(error).__name__}", _REMEDY) from None
        self._known: dict[str, npt.NDArray[np.float16]] = {}

    def worths(
        self, table: NameTable, query: Query, candidates: Sequence[Candidate], rows: Rows, worths: Numbers
    ) -> Numbers:
        """[candidates] what each name is worth with what the encoder says; who is not looked at stays behind.

        rows    [candidates, FEATURES]; worths [candidates] without it
        """
        best = np.argsort(-worths, kind="stable")[:LOOKED_AT]
        near = self.features(query, [(table.names[candidates[at].number], candidates[at].variant) for at in best])
        anew = self.scorer.worths(np.concatenate([rows[best], near], axis=1))
        found = worths - worths[best[-1]] + anew.min() - 1e-3
        found[best] = anew
        return np.asarray(found, dtype=np.float32)

    def features(self, query: Query, names: Sequence[tuple[str, int]]) -> Rows:
        """[names, DENSE] of names, each with the form of the mention that found it."""
        forms = {variant: self._vector(query.forms[variant]) for variant in {variant for _, variant in names}}
        near = np.array([float(self._name(name) @ forms[variant]) for name, variant in names], dtype=np.float32)
        return np.stack([near, near.max() - near], axis=1)

    def _name(self, name: str) -> Numbers:
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            known = self._known[name] = self._vector(name).astype(np.float16)
        return known.astype(np.float32)

    def _vector(self, text: str) -> Numbers:
        vector = self._encoder.vector(text)
        return self._map.nothing if vector is None else self._map.of(vector)
