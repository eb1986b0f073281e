"""What a feature is, as data: which facts, how far back, what is made of them, and what a clinician calls it.

The grammar stands at the head of ``features/general.toml``.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Literal, get_args

import orjson

from careloom.errors import FormatError, NotFound
from careloom.risk.cohorts_definition import EventSet, Expand, event_set, number, one_of, only, table, word
from careloom.runtime import packaged, packaged_names
from careloom.terminology.ucum import is_valid

Aggregation = Literal[
    "count", "distinct", "ever", "last", "min", "max", "mean", "slope", "days_since", "age", "sex", "index_value",
    "index_detail", "last_detail",
]  # fmt: skip
COUNTS = ("count", "distinct", "ever")
"""Where no fact is there, these are 0 or false: nothing was done."""
NUMBERS = ("last", "min", "max", "mean", "slope", "days_since")
"""Where no fact is there, these are null, and a column ``NAME_missing`` says so."""
OF_PEOPLE = ("age", "sex", "index_value", "index_detail")
"""What needs no event set."""
VALUED = ("last", "min", "max", "mean", "slope")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Feature:
    """One column.

    concept      what a clinician calls it: features of one concept are explained together
    modifiable   somebody can change it between now and the outcome
    event        None for what is of the person or of the index
    window_days  how far before the index time; 0: the whole record
    unit         UCUM; values in units that cannot be brought to it are left out and counted
    at_least, at_most  values beyond are taken for errors and left out
    is_          for sex: the code that is true
    same_encounter  facts of the encounter of the index only
    """

    name: str
    concept: str
    meaning: str
    aggregation: Aggregation
    modifiable: bool = False
    event: EventSet | None = None
    window_days: float = 0.0
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    is_: str = ""
    same_encounter: bool = False

    @property
    def has_indicator(self) -> bool:
        """True where a second column says that there was no fact."""
        return self.aggregation in NUMBERS


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """Features that go together."""

    name: str
    title: str
    features: tuple[Feature, ...]

    @property
    def digest(self) -> str:
        """32 hexadecimal digits of all that decides the columns and their values."""
        return sha256(orjson.dumps(self, option=orjson.OPT_SORT_KEYS, default=dict)).hexdigest()[:32]

    def only(self, names: tuple[str, ...]) -> "FeatureSet":
        """The set with these features, in its order. raises NotFound"""
        unknown = sorted(set(names) - {one.name for one in self.features})
        if unknown:
            raise NotFound(f"there is no feature {unknown[0]}", "See the features of the set.")
        return FeatureSet(self.name, self.title, tuple(one for one in self.features if one.name in names))

    def within(self, days: float) -> "FeatureSet":
        """The set of which no feature looks further back than so many days; 0: as it is.

        Of a feature that looks less far for it, the meaning says so: it is what clinicians read.
        """
        if not days:
            return self
        return FeatureSet(self.name, self.title, tuple(_shortened(one, days) for one in self.features))


def _shortened(one: Feature, days: float) -> Feature:
    if one.event is None or 0 < one.window_days <= days:
        return one
    meaning = f"{one.meaning.rstrip('.')} (facts of the last {days:g} days alone)"
    return replace(one, window_days=days, meaning=meaning)


def ready_features() -> list[str]:
    """Names of the sets that ship."""
    return sorted(
        name.rpartition("/")[2].removesuffix(".toml") for name in packaged_names("risk", "features", ".toml")
    )  # fmt: skip


def shipped_features(name: str, expand: Expand | None = None) -> FeatureSet:
    """A set that ships. raises NotFound"""
    return features_from_toml(shipped_features_text(name), expand)


def shipped_features_text(name: str) -> str:
    """The text of a set that ships. raises NotFound"""
    if name not in ready_features():
        raise NotFound("there is no such set of features", f"Name a file, or one of {', '.join(ready_features())}.")
    return packaged("risk", f"features/{name}.toml").decode()


def features_from_toml(text: str, expand: Expand | None = None) -> FeatureSet:
    """The set that a text says. raises FormatError, which names the place"""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FormatError(f"features: they are no TOML ({error})", "Mend the line that is named.") from None
    only(told, ("name", "title", "sources", "events", "features"), "the file")
    events = {name: event_set(name, one, expand) for name, one in table(told, "events", "the file").items()}
    made = tuple(_feature(one, f"features[{place}]", events) for place, one in enumerate(told.get("features", ())))
    names = [one.name for one in made]
    if len(set(names)) != len(names) or not names:
        raise FormatError("features: none, or two with one name", "A name is a column: give each its own.")
    return FeatureSet(word(told, "name", "the file"), word(told, "title", "the file"), made)


_KNOWN = (
    "name", "concept", "meaning", "aggregation", "modifiable", "event", "window_days", "unit", "at_least", "at_most",
    "is", "same_encounter",
)  # fmt: skip


def _feature(told: Json, place: str, events: Mapping[str, EventSet]) -> Feature:
    only(told, _KNOWN, place)
    aggregation: Aggregation = one_of(told, "aggregation", get_args(Aggregation), place)
    event, unit, name = told.get("event"), told.get("unit", ""), word(told, "name", place)
    if (event is None) is not (aggregation in OF_PEOPLE) or (event is not None and event not in events):
        raise FormatError(f"features: {place}.event", f"Name one of the events, but for {', '.join(OF_PEOPLE)}.")
    if not name.isidentifier() or not name.islower():
        raise FormatError(f"features: {place}.name", "Write a name as code has it: small letters, underscores.")
    if unit and not is_valid(unit):
        raise FormatError(f"features: {place}.unit", "Write a unit of UCUM.")
    return Feature(
        name=name,
        concept=word(told, "concept", place),
        meaning=word(told, "meaning", place),
        aggregation=aggregation,
        modifiable=bool(told.get("modifiable", False)),
        event=None if event is None else events[event],
        window_days=number(told, "window_days", place, 0.0),
        unit=unit,
        at_least=told.get("at_least"),
        at_most=told.get("at_most"),
        is_=word(told, "is", place) if aggregation == "sex" else "",
        same_encounter=bool(told.get("same_encounter", False)),
    )
