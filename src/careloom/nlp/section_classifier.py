"""Tells from a text alone which section of a note it is: a linear model over section_features.py.

The model knows the twenty headers of MTS-Dialog; `KINDS` says which of our kinds each of them is. Family and social
history are one header there: which of the two a text is, words for relatives and for habits decide.
How well it does: docs/datasheets/nlp-context.md.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from careloom.nlp.section_features import cues, features
from careloom.runtime import packaged
from careloom.text.linear import LinearModel

MODEL = "models/sections.zip"
FAMILY_OR_SOCIAL = "FAM/SOCHX"
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "ALLERGY": "allergies",
        "ASSESSMENT": "assessment",
        "CC": "chief_complaint",
        "DIAGNOSIS": "diagnosis",
        "DISPOSITION": "disposition",
        "EDCOURSE": "emergency_course",
        "EXAM": "physical_examination",
        FAMILY_OR_SOCIAL: "social_history",
        "GENHX": "history_of_present_illness",
        "GYNHX": "gynecologic_history",
        "IMAGING": "imaging",
        "IMMUNIZATIONS": "immunizations",
        "LABS": "results",
        "MEDICATIONS": "medications",
        "OTHER_HISTORY": "other_history",
        "PASTMEDICALHX": "past_medical_history",
        "PASTSURGICAL": "past_surgical_history",
        "PLAN": "plan",
        "PROCEDURES": "procedures",
        "ROS": "review_of_systems",
    }
)
"""Header of MTS-Dialog -> kind of a section; of `FAMILY_OR_SOCIAL` where the text is about habits and life."""


class SectionClassifier:
    """A model of what sections look like.

    card     how the model was made
    version  of the model, as its card says
    """

    def __init__(self, model: LinearModel) -> None:
        self._model = model
        self.card: Mapping[str, Any] = model.card
        self.version = str(model.card["version"])

    def header(self, text: str) -> tuple[str, float]:
        """The header of MTS-Dialog that `text` most probably stands below, and its probability."""
        scores = self._model.scores(features(text))
        best = int(scores.argmax())
        return self._model.labels[best], float(scores[best])

    def kind(self, text: str) -> tuple[str, float]:
        """The kind of section that `text` most probably is, and its probability."""
        header, score = self.header(text)
        if header == FAMILY_OR_SOCIAL:
            relatives, habits = (len(cues()[name].findall(text)) for name in ("relative", "social"))
            return ("family_history" if relatives > habits else "social_history"), score
        return KINDS[header], score


@cache
def packaged_classifier() -> SectionClassifier:
    """The model of the package."""
    return SectionClassifier(LinearModel(packaged("nlp", MODEL)))
