"""The texts of a cohort and of features as a trained model carries them: whoever has the model can score with them.

A model of a cohort of one's own is scored by that cohort, and one of a cohort that ships by the cohort as it was then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from careloom.errors import FormatError
from careloom.risk.cohorts_definition import Definition, Expand, from_toml
from careloom.risk.features_definition import FeatureSet, features_from_toml

PLACE = "definitions"
"""Where they stand in the manifest of a training set."""
NOTE = "note"
"""The kind of facts that annotated notes say."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Texts:
    """A cohort and a set of features, as written.

    value_sets  URL -> the codes by system that it stood for when the model was trained
    """

    cohort: str
    features: str
    value_sets: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def as_json(self) -> Json:
        """What `texts_of` reads."""
        sets = {url: {system: list(codes) for system, codes in one.items()} for url, one in self.value_sets.items()}
        return {"cohort": self.cohort, "features": self.features, "value_sets": sets}

    def read(self) -> tuple[Definition, FeatureSet]:
        """The cohort and the features. raises FormatError"""
        return from_toml(self.cohort, self._expanded), features_from_toml(self.features, self._expanded)

    def _expanded(self, url: str) -> Mapping[str, tuple[str, ...]]:
        if url not in self.value_sets:
            raise FormatError("definitions: a value set that was not kept", "Train the model again.")
        return self.value_sets[url]


def reads_notes(definition: Definition, features: FeatureSet | None = None) -> bool:
    """Whether what notes say decides who is in, what came of it, or a feature."""
    own = () if features is None else (one.event for one in features.features if one.event is not None)
    return any(one.kind == NOTE for one in (*definition.events.values(), *own))


def texts_of(manifest: Mapping[str, Any]) -> Texts | None:
    """The texts in the manifest of a training set; None for a set that was made before they were kept."""
    told = manifest.get(PLACE)
    if not isinstance(told, Mapping):
        return None
    sets = {
        url: {system: tuple(codes) for system, codes in one.items()} for url, one in told.get("value_sets", {}).items()
    }
    return Texts(str(told.get("cohort", "")), str(told.get("features", "")), sets)


def recorded(expand: Expand, into: dict[str, Mapping[str, tuple[str, ...]]]) -> Expand:
    """The same expansion, which notes each value set that it is asked for."""

    def asked(url: str) -> Mapping[str, tuple[str, ...]]:
        into[url] = expand(url)
        return into[url]

    return asked
