"""Decides between the meanings that were found: a linear model over the features, and how sure that is.

A model is a zip of two members: ``weights.npz`` and ``card.json`` (what it was trained on, its threshold, the features
it knows). Each name is worth a weighted sum of its features; a meaning is worth what its best name is worth. How sure
the best meaning is, a logistic function of `SURENESS` says: calibrated, so that of all answers of .8 eight in ten are
right.
"""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from careloom.errors import SetupError
from careloom.nlp.linking_features import FEATURES, Candidate, Rows
from careloom.nlp.linking_table import NameTable

SURENESS = (
    "share", "lead", "cosine", "same_form", "same_words", "mention_covered", "name_covered", "mention_covered_softly",
    "name_covered_softly", "is_short", "is_expanded", "is_listed", "is_reduced", "share_of_form",
)  # fmt: skip
_TAKEN = [FEATURES.index(name) for name in SURENESS[2:]]
_MOST_LEAD = 10.0
Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A meaning by rank.

    meaning  its number in the table
    worth    as the model says
    share    of all candidates' probability
    name     the number of its best name
    row      the features of that name, as `FEATURES`
    """

    meaning: int
    worth: float
    share: float
    name: int
    row: Numbers


def ranked(table: NameTable, candidates: Sequence[Candidate], rows: Rows, worths: Numbers) -> list[Ranked]:
    """The meanings of the candidates, the best first."""
    best: dict[int, int] = {}
    for place in np.argsort(-worths, kind="stable").tolist():
        best.setdefault(table.meaning[candidates[place].number], place)
    if not best:
        return []
    powers = {meaning: float(np.exp(worths[place] - worths.max())) for meaning, place in best.items()}
    total = sum(powers.values())
    return [
        Ranked(meaning, float(worths[place]), powers[meaning] / total, candidates[place].number, rows[place])
        for meaning, place in best.items()
    ]


def sureness(found: Sequence[Ranked]) -> Numbers:
    """[SURENESS] of a ranking that is not empty."""
    first = found[0]
    lead = min(first.worth - found[1].worth, _MOST_LEAD) if len(found) > 1 else _MOST_LEAD
    return np.concatenate([[first.share, lead / _MOST_LEAD], first.row[_TAKEN]]).astype(np.float32)


class Scorer:
    """A loaded model.

    card    how it was made; ``threshold``: below it the best meaning counts as none
    features  of a row, in order
    raises  SetupError where the archive is no model for these features
    """

    def __init__(self, archive: bytes, features: Sequence[str] = FEATURES) -> None:
        try:
            with zipfile.ZipFile(io.BytesIO(archive)) as members:
                self.card: Mapping[str, Any] = json.loads(members.read("card.json"))
                arrays = np.load(io.BytesIO(members.read("weights.npz")), allow_pickle=False)
            if tuple(self.card["features"]) != tuple(features) or tuple(self.card["sureness"]) != SURENESS:
                raise ValueError("other features")
            self._weights = arrays["weights"]
            self._sure, self._sure_bias = arrays["sure"], float(arrays["sure_bias"])
            self.threshold = float(self.card["threshold"])
            if self._weights.shape != (len(features),) or self._sure.shape != (len(SURENESS),):
                raise ValueError("weights and features differ in number")
        except (KeyError, ValueError, zipfile.BadZipFile) as error:
            raise SetupError(
                f"a model of linking does not load: {type(error).__name__}",
                "Install Careloom again, or train the model anew.",
            ) from None

    def worths(self, rows: Rows) -> Numbers:
        """[candidates] what each name is worth; only differences within one mention mean something."""
        return np.asarray(rows @ self._weights, dtype=np.float32)

    def certainty(self, found: Sequence[Ranked]) -> float:
        """Probability that the best meaning is meant; 0 where there is none."""
        if not found:
            return 0.0
        return float(1 / (1 + np.exp(-(sureness(found) @ self._sure + self._sure_bias))))


def packed(
    arrays: Mapping[str, npt.NDArray[Any]], card: Mapping[str, Any], more: Mapping[str, bytes] = MappingProxyType({})
) -> bytes:
    """The archive that `Scorer` loads, the same bytes for the same model.

    arrays  weights [FEATURES], sure [SURENESS], sure_bias []
    card    with ``version`` and ``threshold``; with ``features`` where they are others
    more    further members
    """
    weights = io.BytesIO()
    np.savez(
        weights,
        weights=np.asarray(arrays["weights"], dtype=np.float32),
        sure=np.asarray(arrays["sure"], dtype=np.float32),
        sure_bias=np.asarray(arrays["sure_bias"], dtype=np.float32),
    )
    whole = {"features": FEATURES, "sureness": SURENESS, **card}
    members = {"weights.npz": weights.getvalue(), "card.json": json.dumps(whole, indent=1, ensure_ascii=False).encode()}
    members |= more
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()
