"""A registered model made ready to score patients: checked against its signature, unpacked, with its cohort.

What is unpacked is kept by the digest of its manifest: an alias is looked up at every use, the files are not.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import polars as pl

from careloom.errors import CareloomError, Conflict, InputError, StateError
from careloom.mlops.drift_profile import Profile
from careloom.mlops.manifest import require_name
from careloom.risk.cohorts_any import AnyCohort
from careloom.risk.cohorts_definition import Definition, shipped
from careloom.risk.cohorts_one import Judge
from careloom.risk.cohorts_windows_now import WindowJudge, why_not_asked
from careloom.risk.definition_texts import (
    FORETOLD,
    INDEX_KIND,
    NOTE,
    Texts,
    foretold,
    observed_days,
    outcome_of,
    reads_notes,
    texts_of,
)
from careloom.risk.features import built
from careloom.risk.features_definition import Feature, FeatureSet, shipped_features
from careloom.risk.features_one import FeatureReader, OneRow, columns_of
from careloom.risk.models import Model
from careloom.risk.models_package import unpack
from careloom.risk.models_sequence_told import SequenceReader, telling_of
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit
from careloom.services.models import open_version
from careloom.services.models_kept import resolve, traffic_of
from careloom.services.models_traffic import routed_by
from careloom.services.monitor_profiles import manifest_in
from careloom.services.platform import Platform
from careloom.store.predictions import Role

OPERATION = "score"
PROFILE = "profile.json"
"""The file of a version in which its profile lies."""
_KEPT_AT_MOST = 16
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Served:
    """A version that may answer.

    name, number  ``readmission-30d``, ``3``
    digest        of its signed manifest
    profile       what its inputs looked like when it was judged; None for a version without
    texts         of the cohort and the features that it was trained by; None for a version without
    manifest      of the training set; empty for a version without
    """

    name: str
    number: str
    digest: str
    model: Model
    profile: Profile | None = None
    texts: Texts | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """``readmission-30d@3``."""
        return f"{self.name}@{self.number}"


@dataclass(frozen=True, slots=True)
class Scorer:
    """A version that can be asked about patients of a zone: it knows when they are predicted for, and from what.

    reads_notes  what annotated notes say decides something: a feature, the cohort, or a token of a sequence
    """

    served: Served
    judge: Judge | WindowJudge
    reader: FeatureReader | SequenceReader
    reads_notes: bool = False

    @property
    def features(self) -> FeatureSet:
        """The features that the model is told, as far as they are made of facts."""
        return self.reader.features

    def row(self, one: OneRow) -> Json:
        """What the model is told."""
        return {feature.name: one.values[feature.name] for feature in self.served.model.features}

    def frame(self, index: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
        """The same of many: [n] the model's columns for the rows of an index, as `careloom.risk.features.built`."""
        if isinstance(self.reader, SequenceReader):
            return self.reader.frame(index, events)
        cohort = self.judge.definition
        if isinstance(self.judge, WindowJudge):
            return built(self.features, index, events, self.judge.index_kind, is_bounded=True).frame
        kind = cohort.events[cohort.index.event].kind if isinstance(cohort, Definition) and cohort.index.event else ""
        return built(self.features, index, events, kind).frame


class _Kept:
    """The newest versions that were opened, by digest; threads share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._served: OrderedDict[str, Served] = OrderedDict()
        self._scorers: dict[str, Scorer] = {}
        self._warm: set[str] = set()

    def find(self, digest: str) -> Served | None:
        with self._lock:
            found = self._served.get(digest)
            if found is not None:
                self._served.move_to_end(digest)
            return found

    def keep(self, one: Served) -> None:
        with self._lock:
            self._served[one.digest] = one
            while len(self._served) > _KEPT_AT_MOST:
                digest, gone = self._served.popitem(last=False)
                self._scorers.pop(digest, None)
                self._warm.discard(gone.label)

    def find_scorer(self, digest: str) -> Scorer | None:
        with self._lock:
            return self._scorers.get(digest)

    def keep_scorer(self, one: Scorer) -> None:
        with self._lock:
            if one.served.digest in self._served:
                self._scorers[one.served.digest] = one

    def clear(self) -> None:
        with self._lock:
            self._served.clear()
            self._scorers.clear()
            self._warm.clear()

    def is_warm(self, label: str) -> bool:
        with self._lock:
            was = label in self._warm
            self._warm.add(label)
            return was


_KEPT = _Kept()


def forget() -> None:
    """Drops what is unpacked: the next use opens it, and checks its signature, anew."""
    _KEPT.clear()


def served(platform: Platform, version: str) -> Served:
    """A version that may answer; ask for access first.

    version  ``NAME@3``, ``NAME@champion`` or ``NAME``
    raises   NotFound, QueryError; IntegrityError where anything is not as it was signed; Conflict where it is retired;
             FormatError for files that are no risk model
    """
    work = resolve(platform, version)
    found = _KEPT.find(work.body["digest"]) if work.state != "retired" else None
    if found is None:
        work, files = open_version(platform, version)
        profile = Profile.read(files[PROFILE]) if PROFILE in files else None
        manifest = manifest_in(files)
        found = Served(
            work.parent, str(work.body["number"]), work.body["digest"], unpack(files), profile, texts_of(manifest),
            {name: manifest[name] for name in (FORETOLD, INDEX_KIND) if name in manifest},
        )  # fmt: skip
        _KEPT.keep(found)
    return found


def approved(platform: Platform, version: str) -> Served:
    """A version that may answer for patients: `served`, where another person than its registrar approved it.

    raises  as `served`; Conflict where nobody approved it, and for the shadow, whose answers nobody is shown
    """
    if version.endswith("@shadow"):
        raise Conflict("a shadow answers for nobody", "Ask the champion: what a shadow says is logged beside it.")
    one = resolve(platform, version)
    if one.state not in ("approved", "retired"):
        raise Conflict(f"{one.name} is {one.state}", f"Another person has to: careloom models approve {one.name}.")
    return served(platform, one.name)


@dataclass(frozen=True, slots=True)
class Use:
    """What a version is asked for.

    trial  a version that nobody approved may answer, too: for who may train, and never written
    """

    who: Principal
    zone: Zone
    trial: bool = False
    write: bool = False


def tried(platform: Platform, version: str, use: Use) -> Served | None:
    """The version that nobody approved, where it is asked for by its number and may be tried; None: it is no trial.

    It may be tried outside the identified zone, and within by who says so.
    raises  AccessError for who may not train in the zone; InputError for a trial that is to be written; as `served`
    """
    if use.trial and use.write:
        raise InputError("score: trial", "What a trial says is not written: leave write away, or trial.")
    if use.write or not version.partition("@")[2].isdecimal() or (use.zone == "identified" and not use.trial):
        return None
    one = resolve(platform, version)
    if one.state in ("approved", "retired"):
        return None
    admit(platform, use.who, "train", use.zone, operation=OPERATION)
    return served(platform, one.name)


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answers for a patient, in which role, and who only listens; nobody of them is opened yet.

    number     None where the name leads to nobody, which opening it tells
    listens    the number of the shadow; None for none
    trial      nobody approved the version: what it says is for who tries it, and is not logged
    is_routed  the traffic led here
    since      when the newest step of the traffic was taken; empty for none
    """

    name: str
    number: int | None
    label: str
    role: Role
    listens: int | None = None
    trial: bool = False
    is_routed: bool = False
    since: str = ""


def answering(platform: Platform, version: str, subject: str, use: Use) -> Answering:
    """Who answers for one patient: of a model's champion, whoever the traffic leads to; else the version that is named.

    version  ``NAME`` or ``NAME@champion`` for the traffic; ``NAME@3`` and ``NAME@challenger`` are as they are
    subject  keyed pseudonym
    raises   as `tried`; NotFound where the model has no champion
    """
    name, _, which = version.partition("@")
    require_name(name)
    if (found := tried(platform, version, use)) is not None:
        return Answering(name, int(found.number), version, "batch", trial=True)
    traffic = traffic_of(platform, name)
    since = str(traffic["last"].get("time", ""))
    if which not in ("", "champion"):
        number = int(which) if which.isdecimal() else traffic.get(which)
        return Answering(name, number, version, "challenger" if which == "challenger" else "batch", since=since)
    arms = routed_by(platform, name, traffic, subject)
    role: Role = "challenger" if arms.arm == "challenger" else "champion"
    label = f"{name}@{arms.answers}"
    return Answering(name, arms.answers, label, role, arms.listens, is_routed=True, since=since)


def opened(platform: Platform, one: Answering) -> Scorer:
    """Who answers, opened. raises as `approved`, for a trial as `served`; and as `scorer`"""
    return scorer((served if one.trial else approved)(platform, one.label))


def is_warm(label: str) -> bool:
    """Whether a version answered in this process before; from now on it did."""
    return _KEPT.is_warm(label)


def scorer(one: Served) -> Scorer:
    """The same with its cohort and features.

    raises  StateError for a model that was not trained on facts of patients, whose cohort has changed since, or asks
            for what nobody can know of a patient of today
    """
    found = _KEPT.find_scorer(one.digest)
    if found is None:
        found = _made(one)
        _KEPT.keep_scorer(found)
    return found


def _made(one: Served) -> Scorer:
    training = one.model.training
    if not (found := definitions_of(one.model, one.texts)):
        raise _no_cohort(one)
    definition, features = found
    judge = _judge(one, definition)
    (_, digest), (_, features_digest) = _named(training.get("cohort")), _named(training.get("features"))
    sequence, days = telling_of(one.model), observed_days(training)
    try:
        needed = tuple({feature.name.removesuffix("_missing") for feature in one.model.features})
        own = features.only(needed if sequence is None else ())
    except CareloomError:
        raise _no_cohort(one) from None
    changed = digest not in ("", definition.digest) or features_digest not in ("", features.digest)
    if one.texts is None and changed:
        raise StateError(
            f"the cohort or the features of {one.label} are others since", "Train it again: careloom train."
        )
    if sequence is not None:
        is_told = reads_notes(definition) or any(token.startswith(f"{NOTE}:") for token in sequence.book.levels)
        told = (outcome_of(definition),) if isinstance(definition, Definition) else foretold(one.manifest)
        return Scorer(one, judge, SequenceReader(sequence, told, days), is_told)
    if not {feature.name for feature in one.model.features} <= set(columns_of(own)):
        raise _no_cohort(one)
    return Scorer(one, judge, FeatureReader(own.within(days)), reads_notes(definition, own))


def _judge(one: Served, definition: AnyCohort) -> Judge | WindowJudge:
    """Who says whom the version is asked about. raises StateError for a cohort by windows that cannot be asked"""
    if isinstance(definition, Definition):
        return Judge(definition)
    remedy = "Ask it for rows: careloom models serve, /invocations; or write the cohort by rules and train on that."
    ahead = one.model.horizon_days
    if why := why_not_asked(definition, ahead):
        raise StateError(f"{one.label}: its cohort {definition.name} cannot be asked of today: {why}", remedy)
    told = {feature.name for feature in one.model.features}
    own = {each.name for each in _of_index(one)}
    if INDEX_KIND not in one.manifest and told & (own | {f"{name}_missing" for name in own}):
        raise StateError(
            f"{one.label}: its training set does not say of which kind its index events are",
            f"Train it again, which says so: careloom train. {remedy}",
        )
    return WindowJudge(definition, str(one.manifest.get(INDEX_KIND, "")), ahead)


def _of_index(one: Served) -> tuple[Feature, ...]:
    """Features that the index event itself tells."""
    found = definitions_of(one.model, one.texts)
    own = () if found is None else found[1].features
    return tuple(each for each in own if each.aggregation in ("index_value", "index_detail"))


def definitions_of(model: Model, texts: Texts | None) -> tuple[AnyCohort, FeatureSet] | None:
    """The cohort and the features that a model answers by: those of its files, else those that it names.

    returns  None where it names no cohort, or none that can be read: it answers rows alone
    """
    (cohort, _), (name, _) = _named(model.training.get("cohort")), _named(model.training.get("features"))
    if not cohort:
        return None
    try:
        return (shipped(cohort), shipped_features(name or "general")) if texts is None else texts.read()
    except CareloomError:
        return None


def _named(told: Any) -> tuple[str, str]:
    """Name and digest of what a training names, as a word or as an object with both."""
    if isinstance(told, Mapping):
        return str(told.get("name", "")), str(told.get("digest", ""))
    return (told, "") if isinstance(told, str) else ("", "")


def _no_cohort(one: Served) -> StateError:
    return StateError(
        f"{one.label} was not trained on facts of patients", "Ask it for rows: careloom models serve, /invocations."
    )
