"""The texts of a cohort and of features as a trained model carries them: whoever has the model can score with them.

A model of a cohort of one's own is scored by that cohort, and one of a cohort that ships by the cohort as it was then.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from careloom.errors import FormatError
from careloom.risk.cohorts_aces import Predicate
from careloom.risk.cohorts_any import AnyCohort, any_from_toml
from careloom.risk.cohorts_definition import LONGEST_WINDOW_DAYS, Definition, EventSet, Expand
from careloom.risk.cohorts_windows import WindowCohort
from careloom.risk.features_definition import FeatureSet, features_from_toml

PLACE = "definitions"
"""Where they stand in the manifest of a training set."""
FORETOLD = "foretold"
"""Where the facts that an outcome is stand there."""
INDEX_KIND = "index_kind"
"""Where the kind of the index events stands there, whose own value a feature may be."""
OBSERVED = "observation_days"
"""Where the window that bounds every feature stands there, and in what a model says of its training; absent where
features look as far as each says, as all did before windows bounded them."""
NOTE = "note"
"""The kind of facts that annotated notes say."""
_NAME = re.compile(r"^(name\s*=\s*).*$", re.MULTILINE)
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

    def read(self) -> tuple[AnyCohort, FeatureSet]:
        """The cohort and the features. raises FormatError"""
        return any_from_toml(self.cohort, self._expanded), features_from_toml(self.features, self._expanded)

    def _expanded(self, url: str) -> Mapping[str, tuple[str, ...]]:
        if url not in self.value_sets:
            raise FormatError("definitions: a value set that was not kept", "Train the model again.")
        return self.value_sets[url]


def joined(text: str, more: str) -> str:
    """One text of two sets of features: the first under the names of both, with events and features of the second; the
    first as it is where it reads notes itself, or has a feature or an event of a name of the second.

    raises  FormatError where a text is no set
    """
    sets = [features_from_toml(one, lambda _url: {}) for one in (text, more)]
    names = [one.name for one in sets]
    own = {one.name for one in sets[0].features}
    told = {one.event.kind for one in sets[0].features if one.event is not None}
    events = [set(tomllib.loads(one).get("events", {})) for one in (text, more)]
    if NOTE in told or own & {one.name for one in sets[1].features} or events[0] & events[1]:
        return text
    head, _, body = text.partition("\n[")
    both = _NAME.sub(lambda found: f'{found[1]}"{"+".join(names)}"', head, count=1)
    return f"{both}\n[{body.rstrip()}\n\n[{more.partition(chr(10) + '[')[2]}"


def observed_days(told: Mapping[str, Any]) -> float:
    """Days before the index that features see, by the manifest of a training set or what a model says of its training;
    0 where each looks as far as it says.

    raises  FormatError where that is no number of days
    """
    found = told.get(OBSERVED, 0)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= LONGEST_WINDOW_DAYS:
        raise FormatError(f"training: {OBSERVED}", f"Write days from 0 to {LONGEST_WINDOW_DAYS:,}, or leave it away.")
    return float(found)


def notes_to_leave_out(foretold: Iterable[EventSet], features: FeatureSet) -> tuple[str, ...]:
    """Features of notes that mean what the outcome means: a note that tells of it says that it came already.

    They have a code that is one of the outcome's, or all of the outcome's codes are theirs.
    """
    own = [code for one in foretold for code in (*_codes(one.prefixes), *_codes(one.codes))]
    gone = []
    for one in features.features:
        if own and one.event is not None and one.event.kind == NOTE:
            said = (*_codes(one.event.prefixes), *_codes(one.event.codes))
            if any(_is_of(code, own) for code in said) or all(_is_of(code, said) for code in own):
                gone.append(one.name)
    return tuple(gone)


def outcome_of(definition: Definition) -> EventSet:
    """The facts that an outcome is."""
    return definition.events[definition.outcome.event]


def foretold_json(outcome: Iterable[EventSet]) -> list[Json]:
    """What `foretold` reads."""
    return [
        {
            "name": one.name, "kind": one.kind, "codes": {system: list(codes) for system, codes in one.codes.items()},
            "prefixes": {system: list(codes) for system, codes in one.prefixes.items()},
        }
        for one in outcome
    ]  # fmt: skip


def foretold(manifest: Mapping[str, Any]) -> tuple[EventSet, ...]:
    """The facts that the outcome of a training set is; of a cohort by rules, its outcome."""
    if FORETOLD in manifest:
        return tuple(
            EventSet(one["name"], one["kind"], _tuples(one["codes"]), _tuples(one["prefixes"]))
            for one in manifest[FORETOLD]
        )
    texts = texts_of(manifest)
    definition = None if texts is None else texts.read()[0]
    return (outcome_of(definition),) if isinstance(definition, Definition) else ()


def _tuples(told: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {system: tuple(codes) for system, codes in told.items()}


def _is_of(code: tuple[str, str], others: Iterable[tuple[str, str]]) -> bool:
    return any(code[0] == system and code[1].startswith(begin) for system, begin in others)


def _codes(told: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(system, code) for system, codes in told.items() for code in codes]


def reads_notes(definition: AnyCohort, features: FeatureSet | None = None) -> bool:
    """Whether what notes say decides who is in, what came of it, or a feature."""
    own = () if features is None else (one.event for one in features.features if one.event is not None)
    if any(one.kind == NOTE for one in own):
        return True
    if isinstance(definition, WindowCohort):
        return any(_may_be_note(one) for one in definition.task.predicates)
    return any(one.kind == NOTE for one in definition.events.values())


def _may_be_note(one: Predicate) -> bool:
    """Whether a code that a predicate means can be one that a note tells."""
    if one.pattern:
        return not one.pattern.startswith("^") or one.pattern.startswith(f"^{NOTE.upper()}")
    return any(code.startswith(f"{NOTE.upper()}//") for code in one.codes)


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
