"""A model card: made from the registry, kept beside the version, refused for promotion where it is out of date.

    made = card(facts, now)                  the document, of what is known now
    refusals(made, facts, now)               empty where a version may be promoted by it
    as_html(made), as_xml(made), made.as_json()

source  45 CFR 170.315(b)(11)(iv)(B) (HTI-1); CHAI applied model card, schema v0.2; TRIPOD+AI, BMJ 2024;385:e078378
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from careloom.errors import FormatError
from careloom.mlops.card_answers import NAMES, Answer, answers, further_answers
from careloom.mlops.card_attributes import attributes, freshness, notice, rule
from careloom.mlops.card_computed import words
from careloom.mlops.card_declared import digest
from careloom.mlops.card_facts import CardFacts, Judged, moment
from careloom.mlops.card_tripod import Item, coverage

FORMAT = 1
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stale:
    """An attribute that cannot be relied on, and why.

    is_computable  what is kept could fill it: making the card anew, or judging the version anew, mends it; else a
                   person has to look at a text
    """

    id: str
    number: int
    why: str
    is_computable: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A card of one version as of a moment.

    basis        what attributes rest on -> its state
    answers      the 31 attributes in the order of the rule
    further      what other cards ask for
    evaluations  same source, external, local: reports as plain data, those that there are
    monitoring   as plain data; None before the version is served
    tripod       coverage of TRIPOD+AI, sub-item by sub-item
    stale        what was out of date when the card was made
    texts        SHA-256 of what people declare, of what was registered of it with the version (empty: none was), and
                 the ids that differ
    """

    name: str
    version: int
    digest: str
    registered_at: datetime
    made_at: datetime
    model: Json
    lineage: Json
    basis: Mapping[str, str]
    answers: tuple[Answer, ...]
    further: tuple[Answer, ...]
    evaluations: Mapping[str, Json]
    monitoring: Json | None
    tripod: tuple[Item, ...]
    stale: tuple[Stale, ...]
    texts: Json

    def of(self, name: str) -> Answer:
        """The answer of an attribute, or of what else may be declared. raises KeyError for another name"""
        return {one.id: one for one in (*self.answers, *self.further)}[name]

    @property
    def filled(self) -> int:
        """How many of the 31 attributes have a value."""
        return sum(one.is_filled for one in self.answers)

    @property
    def unavailable(self) -> int:
        """How many of the 31 say that there is no such information, as the rule lets eleven of them."""
        return sum(one.state == "unavailable" for one in self.answers)

    @property
    def missing(self) -> tuple[str, ...]:
        """Ids of those of the 31 that nothing is told of: neither a value, nor that there is none."""
        return tuple(one.id for one in self.answers if not one.is_filled and one.state != "unavailable")

    @property
    def counts(self) -> Json:
        """How many of the 31 are answered, and how: ``answered`` is ``computed``, ``declared`` and ``unavailable``
        together, ``filled`` the first two."""
        states = [one.state for one in self.answers]
        return {
            "asked": len(states), "answered": len(states) - len(self.missing), "filled": self.filled,
            "computed": states.count("computed"), "declared": states.count("declared"),
            "unavailable": self.unavailable, "missing": len(self.missing), "stale": len(self.stale),
        }  # fmt: skip

    @property
    def told(self) -> str:
        """The counts as a sentence."""
        found = self.counts
        return (
            f"{found['answered']} of {found['asked']} attributes are answered: {found['computed']} computed, "
            f"{found['declared']} declared, {found['unavailable']} said to be not available; "
            f"{found['missing']} missing."
        )

    def as_json(self) -> Json:
        """The card as plain data; times in ISO 8601."""
        return {
            "format": FORMAT, "rule": rule(), "notice": notice(), "name": self.name, "version": self.version,
            "digest": self.digest, "registered_at": self.registered_at.isoformat(),
            "made_at": self.made_at.isoformat(), "model": self.model, "lineage": self.lineage,
            "basis": dict(self.basis),
            "counts": self.counts, "texts": self.texts,
            "attributes": [one.as_json() for one in self.answers],
            "further": [one.as_json() for one in self.further],
            "evaluations": dict(self.evaluations), "monitoring": self.monitoring,
            "tripod_ai": [asdict(one) for one in self.tripod],
            "stale": [asdict(one) for one in self.stale],
        }  # fmt: skip


def card(facts: CardFacts, now: datetime) -> Card:
    """The card of a version from what is known of it now (UTC-aware)."""
    found, more = answers(facts), further_answers(facts)
    judgements = {"evaluation": facts.same_source, "external": facts.external, "local": facts.local}
    return Card(
        name=facts.name, version=facts.version, digest=facts.digest, registered_at=facts.registered_at, made_at=now,
        model=_told_of_model(facts), lineage=dict(facts.lineage), basis=facts.basis, answers=found, further=more,
        evaluations={name: _judged(one) for name, one in judgements.items() if one is not None},
        monitoring=_plain(facts.monitoring) if facts.monitoring else None,
        tripod=coverage(facts, {one.id: one for one in (*found, *more)}),
        stale=tuple(_stale({one.id: one for one in found}, facts, now)), texts=_texts(facts),
    )  # fmt: skip


def stale(made: Card | Mapping[str, Any], facts: CardFacts, now: datetime) -> list[Stale]:
    """What of a card cannot be relied on: what it rests on moved on since, is too old, or is of another version.

    made    a card, or one as it was kept (`Card.as_json`)
    facts   what is known of the version now
    raises  FormatError for a document that is no card
    """
    found = made.answers if isinstance(made, Card) else _kept(made)
    return _stale({one.id: one for one in found}, facts, now)


def refusals(made: Card | Mapping[str, Any], facts: CardFacts, now: datetime) -> list[Stale]:
    """Stale attributes that could be computed: they keep a version from being promoted. raises as `stale`"""
    return [one for one in stale(made, facts, now) if one.is_computable]


def _stale(found: Mapping[str, Answer], facts: CardFacts, now: datetime) -> list[Stale]:
    told = []
    for one in attributes():
        answer = found.get(one.id)
        reasons = ["the card does not know it: make it anew"] if answer is None else _reasons(answer, facts, now)
        is_declared = answer is not None and "declared" in answer.basis
        told += [Stale(one.id, one.number, why, not is_declared) for why in reasons]
    return told


def _reasons(answer: Answer, facts: CardFacts, now: datetime) -> list[str]:
    if answer.state == "not computed":
        return [f"nothing is kept to make it from: {answer.source}"]
    told = []
    if answer.state == "computed":
        for name, then in answer.basis.items():
            told += _moved(name, then, facts) or _aged(name, facts, now)
    elif "declared" in answer.basis:
        told += _said(answer, facts, now)
    if answer.state != "computed" and _can_be_computed(answer.id, facts):
        told.append("it can be computed by now: make the card anew")
    return told


def _moved(name: str, then: str, facts: CardFacts) -> list[str]:
    today = facts.basis.get(name)
    if today is None:
        return [f"{NAMES[name]}: there is none any more"]
    return [f"{NAMES[name]} moved on since the card was made"] if today != then else []


def _aged(name: str, facts: CardFacts, now: datetime) -> list[str]:
    one = facts.dated(name)
    if one is None:
        return []
    if one.of != facts.digest:
        return [f"{NAMES[name]} is of another version"]
    days, limit = (now - one.at).days, freshness()[name]
    return [f"{NAMES[name]} is {days} days old, {limit} are allowed"] if days > limit else []


def _said(answer: Answer, facts: CardFacts, now: datetime) -> list[str]:
    said, limit = facts.declared.of(answer.id), freshness()["declared"]
    if said is None:
        return ["the text was taken out of card.toml"]
    if said.on.isoformat() != answer.basis.get("declared") or said.text != answer.text:
        return ["the text in card.toml is another: make the card anew"]
    days = (now.date() - said.on).days
    return [f"a person looked at it {days} days ago, {limit} are allowed"] if days > limit else []


def _can_be_computed(name: str, facts: CardFacts) -> bool:
    return any(one.id == name and one.state == "computed" for one in answers(facts))


def _told_of_model(facts: CardFacts) -> Json:
    told = facts.model
    return {
        "kind": str(told.get("kind", "")), "outcome": words(told.get("outcome")),
        "horizon_days": told.get("horizon_days"), "features": len(told.get("features") or ()),
        "concepts": list(dict.fromkeys(one.get("concept", "") for one in told.get("features") or ())),
    }  # fmt: skip


def _texts(facts: CardFacts) -> Json:
    """What is declared, as hashes: now, and with the version."""
    now, then = facts.declared, facts.registered
    moved = [name for name, said in now.texts.items() if then.texts and said != then.of(name)]
    return {"sha256": digest(now), "registered_sha256": digest(then), "changed": sorted(moved)}


def _judged(one: Judged) -> Json:
    return _plain(one) | {"subgroups": [dict(row) for row in one.subgroups]}


def _plain(one: Any) -> Json:
    return asdict(one) | {"at": one.at.isoformat()}


def _kept(document: Mapping[str, Any]) -> tuple[Answer, ...]:
    if document.get("format") != FORMAT or not isinstance(document.get("attributes"), list):
        raise FormatError("model card", "Take it as it was written, or make it anew: careloom models card.")
    moment(document.get("made_at"), "model card: made_at")
    try:
        return tuple(Answer(**one) for one in document["attributes"])
    except TypeError as error:
        raise FormatError("model card: attributes", "Make it anew: careloom models card.") from error
