"""Each attribute with its value, where the value comes from, and what it rests on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from careloom.mlops.card_attributes import Attribute, attributes, further
from careloom.mlops.card_computed import COMPUTED
from careloom.mlops.card_declared import Declared
from careloom.mlops.card_facts import CardFacts

State = Literal["computed", "declared", "unavailable", "not declared", "not computed"]
FILLED: tuple[State, ...] = ("computed", "declared")
NAMES = {
    "version": "package and lineage",
    "evaluation": "evaluation on held-out data of the same source",
    "external": "evaluation on data of another source",
    "local": "evaluation in the data of the place of use",
    "monitoring": "monitoring",
}
"""What an attribute rests on, in words."""


MEASURED = ("evaluation",)
"""What rests on this alone is measured and never declared in its place."""


NOTHING_KEPT = "Not available: no such evaluation is kept with this version."
"""What the registry says of what the rule lets be shown as not available, where nobody declared more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One attribute of a card.

    state   computed; declared; unavailable (a person, or the registry, says that there is no such
            information); not declared; not
            computed (nobody measured what every version has to show)
    text    the value; empty where there is none
    source  computed from what, or declared by whom and when; else what would fill it
    basis   what it rests on -> the state of that when the card was made; ``declared`` -> day
    remark  what a person added to a computed value
    """

    id: str
    number: int
    paragraph: str
    group: str
    title: str
    state: State
    text: str = ""
    source: str = ""
    basis: Mapping[str, str] = field(default_factory=dict)
    remark: str = ""

    @property
    def is_filled(self) -> bool:
        """True for a value, computed or declared."""
        return self.state in FILLED

    def as_json(self) -> dict[str, Any]:
        """The answer as plain data."""
        return {name: getattr(self, name) for name in self.__slots__} | {"basis": dict(self.basis)}


def answers(facts: CardFacts) -> tuple[Answer, ...]:
    """The 31 attributes of HTI-1 in their order."""
    return tuple(_answer(one, facts) for one in attributes())


def further_answers(facts: CardFacts) -> tuple[Answer, ...]:
    """What else people may declare."""
    return tuple(_declared(Attribute(one.id, 0, "", "", one.title), facts) for one in further())


def _answer(one: Attribute, facts: CardFacts) -> Answer:
    text = COMPUTED[one.id](facts) if one.is_computable else None
    remark = facts.declared.of(one.id)
    added = f"{remark.text} ({_who(remark)})" if remark else ""
    if text is None and one.rests_on == MEASURED:
        return _of(one, "not computed", "", f"computed from {NAMES[MEASURED[0]]}", None, added)
    if text is None:
        return _declared(one, facts)
    rests = ("local",) if "local" in one.rests_on and facts.local else one.rests_on
    basis = {name: state for name, state in facts.basis.items() if name in rests}
    names = " and ".join(_named(name, facts) for name in basis)
    return _of(one, "computed", text.strip(), f"computed from {names}", basis, added)


def _named(name: str, facts: CardFacts) -> str:
    one = facts.dated(name)
    return NAMES[name] if one is None else f"{NAMES[name]} of {_day(one.at)}"


def _declared(one: Attribute, facts: CardFacts) -> Answer:
    said = facts.declared.of(one.id)
    if said is not None:
        state: State = "declared" if said.is_available else "unavailable"
        return _of(one, state, said.text, f"declared by {_who(said)}", {"declared": said.on.isoformat()})
    means = f"{' or '.join(NAMES[name] for name in one.rests_on)}, or " if one.rests_on else ""
    if one.rests_on and one.may_be_unavailable:
        return _of(one, "unavailable", NOTHING_KEPT, f"the registry; {means}[{one.id}] in card.toml would tell it")
    return _of(one, "not declared", "", f"{means}[{one.id}] in card.toml")


def _of(
    one: Attribute, state: State, text: str, source: str, basis: Mapping[str, str] | None = None, remark: str = ""
) -> Answer:
    return Answer(
        one.id, one.number, one.paragraph, one.group, one.title, state, text, source, dict(basis or {}), remark
    )


def _who(said: Declared) -> str:
    return f"{said.by} on {said.on.isoformat()}"


def _day(at: datetime) -> str:
    return at.date().isoformat()
