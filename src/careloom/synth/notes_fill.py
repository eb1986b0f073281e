"""What fills the slots of one note: facts of its record, or, where the record is silent, what enough patients share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, time, timedelta
from typing import Any

import numpy as np

from careloom.synth.notes_dates import written
from careloom.synth.notes_facts import PARTS, RECORDED, Fact, NoteRecord
from careloom.synth.notes_material import FREE, Material, is_head, is_identifier, known
from careloom.synth.notes_public import can_stand_in, is_rare, stand_in

HEAD_OF = {
    "DOSAGE": "MEDICATION", "ROUTE": "MEDICATION", "FREQUENCY": "MEDICATION", "FORM": "MEDICATION",
    "TEST_VALUE": "TEST", "UNIT": "TEST",
}  # fmt: skip
_BIRTH = ("birth", "born", "dob")
_TRIES = 20
_STAND_INS = 3
_YEARS_BACK = 6


@dataclass(frozen=True, slots=True)
class Told:
    """A slot of the plan with what may be written there.

    fact     what it tells of; None for what is no fact of the record
    options  words, or formats of dates, the likeliest first by lot
    """

    slot: str
    options: tuple[str, ...]
    fact: Fact | None = None


def weighted(counts: Mapping[str, int], draw: np.random.Generator) -> list[str]:
    """The keys in an order drawn by their counts: the first is a fair draw."""
    names = list(counts)
    lots = np.log(np.array([counts[name] for name in names], float)) + draw.gumbel(size=len(names))
    return [names[at] for at in np.argsort(-lots)]


@dataclass(slots=True)
class Teller:
    """What one note has told so far, and what it may tell next.

    given  the record is whole: what RECORDED names comes from it alone
    """

    material: Material
    style: str
    record: NoteRecord
    given: bool
    draw: np.random.Generator
    said: set[str] = field(default_factory=set)
    said_parts: set[tuple[str, str]] = field(default_factory=set)
    here: set[str] = field(default_factory=set)
    heads: dict[str, tuple[Fact, set[str]]] = field(default_factory=dict)
    age: int = 0
    sex: str = ""
    asked: tuple[Fact, ...] = ()

    def __post_init__(self) -> None:
        self.asked = self.record.facts
        self.age = self.record.age if self.record.age is not None else int(self.draw.integers(22, 88))
        self.sex = self.record.sex or ("female", "male")[int(self.draw.integers(2))]

    @property
    def corpus(self) -> str:
        """Whose pool is drawn from."""
        return self.style.split(".")[0]

    def told(self) -> NoteRecord:
        """The record with everything that was added to it."""
        return replace(self.record, age=self.age, sex=self.sex)

    def new_block(self) -> None:
        """A block begins: what was said here may be said again."""
        self.here.clear()
        self.heads.clear()

    def left(self) -> list[Fact]:
        """Facts that no block has told yet; of a given record also those of which a part is not told."""
        given = {id(fact) for fact in self.asked}
        return [
            fact
            for fact in self.record.facts
            if _key(fact) not in self.said
            or (id(fact) in given and any((_key(fact), part) not in self.said_parts for part in fact.parts))
        ]

    def has_said(self, fact: Fact) -> bool:
        """Whether a block has told it, if not all of its parts."""
        return _key(fact) in self.said

    def as_told(self, fact: Fact) -> Fact:
        """A fact with the parts that were told."""
        return replace(fact, parts={part: x for part, x in fact.parts.items() if (_key(fact), part) in self.said_parts})

    def unsay(self, facts: Iterable[Fact | None]) -> None:
        """What was planned and not written is to be told still."""
        again = {_key(fact) for fact in facts if fact is not None}
        self.said -= again
        self.said_parts = {one for one in self.said_parts if one[0] not in again}

    def may(self, slot: str) -> bool:
        """Whether there is something to say in this slot now."""
        if is_head(slot):
            return bool(self._candidates(slot)) or (self._grows(slot) and self._is_open(slot))
        if slot in PARTS and self._part(slot):
            return True
        if slot in FREE:
            return bool(self._free(slot))
        return is_identifier(slot)

    def take(self, slot: str, fact: Fact | None = None) -> Told:
        """The next slot of the plan; `fact` where it is settled already. `may` has said yes."""
        if is_head(slot):
            chosen = fact or self._chosen(slot)
            self.said.add(_key(chosen))
            self.here.add(chosen.concept)
            self.heads[chosen.label] = (chosen, set())
            return Told(slot, self._names(chosen), chosen)
        if slot in PARTS and (words := self._part(slot)):
            head, used = self.heads[HEAD_OF[slot]]
            used.add(slot)
            self.said_parts.add((_key(head), slot))
            return Told(slot, (words,), head)
        if slot in FREE:
            return Told(slot, tuple(weighted(self._free(slot), self.draw)[:8]))
        return Told(slot, (f"[{slot}]",))

    def words_of(self, told: Told, option: str, before: str, is_first_date: bool) -> str:
        """An option as it is written after `before`."""
        if told.slot == "AGE":
            return option.replace("{age}", str(self.age))
        if told.slot != "DATE_TIME" or "%" not in option:
            return option
        clock = time(int(self.draw.integers(7, 21)), int(self.draw.integers(60)))
        return written(option, self._day(before, is_first_date), clock)

    def _day(self, before: str, is_first: bool) -> date:
        day = self.record.day
        if any(word in before[-30:].lower() for word in _BIRTH):
            return day - timedelta(days=int(self.age * 365.25 + self.draw.integers(1, 360)))
        if is_first or self.draw.random() < 0.4:
            return day
        return day - timedelta(days=int(self.draw.integers(1, 365 * _YEARS_BACK)))

    def _part(self, slot: str) -> str:
        head, used = self.heads.get(HEAD_OF[slot], (None, set()))
        return head.parts.get(slot, "") if head is not None and slot not in used else ""

    def _free(self, slot: str) -> dict[str, int]:
        found = self.material.free.get(self.style, {}).get(slot, {})
        if found:
            return found
        alike = [each for style, each in self.material.free.items() if style.split(".")[0] == self.corpus]
        every = [each[slot] for each in alike if slot in each] or [
            each[slot] for each in self.material.free.values() if slot in each
        ]
        return {words: count for each in every for words, count in each.items()}

    def _is_open(self, slot: str) -> bool:
        """Whether something new may be said here."""
        return bool(self._pool(slot)) or can_stand_in(self.material, self.corpus, slot.split(":", maxsplit=1)[0])

    def _pool(self, slot: str) -> dict[str, int]:
        return self.material.pool.get(self.corpus, {}).get(slot, {})

    def _grows(self, slot: str) -> bool:
        label, _, status = slot.partition(":")
        return not (self.given and label in RECORDED and status in ("present", "conditional", "historical"))

    def _candidates(self, slot: str) -> list[Fact]:
        label, _, status = slot.partition(":")
        return [
            fact
            for fact in self.record.facts
            if fact.label == label and fact.status == status and fact.concept not in self.here
        ]

    def _chosen(self, slot: str) -> Fact:
        known_ones = self._candidates(slot)
        unsaid = [fact for fact in known_ones if _key(fact) not in self.said]
        if unsaid:
            return unsaid[int(self.draw.integers(len(unsaid)))]
        grows = self._grows(slot) and self._is_open(slot)
        repeated, all_ = self.material.again.get(self.corpus, {}).get(slot, (0, 1))
        if known_ones and (not grows or self.draw.random() * all_ < repeated):
            return known_ones[int(self.draw.integers(len(known_ones)))]
        made = self._new(slot)
        self.record = replace(self.record, facts=(*self.record.facts, made))
        return made

    def _new(self, slot: str) -> Fact:
        """A fact of the pool, or what stands in for it, that contradicts nothing."""
        label, _, status = slot.partition(":")
        taken = {fact.concept for fact in self.record.facts} | {fact.name.casefold() for fact in self.record.facts}
        pool = self._pool(slot)
        if not pool or is_rare(self.material, self.corpus, slot, self.draw):
            made = [stand_in(self.material, self.corpus, slot, self.draw) for _ in range(_STAND_INS)]
            new = [one for one in made if not {one.concept, one.name.casefold()} & taken]
            if new or not pool:
                return replace((new or made)[0], parts=self._parts((new or made)[0]))
        order = weighted(pool, self.draw)
        concept = next((one for one in order[:_TRIES] if one not in taken), order[0])
        fact = Fact(label, concept, status, concept if "|" in concept else "")
        return replace(fact, name=self._names(fact)[0], parts=self._parts(fact))

    def _parts(self, fact: Fact) -> dict[str, str]:
        """What is said of a fact: of its concept, here or in other corpora, or else what is usual for its label."""
        parts, usual = self.material.parts, self.material.usual
        corpora = [self.corpus, *(each for each in sorted({*parts, *usual}) if each != self.corpus)]
        every = [parts.get(corpus, {}).get(known(fact), {}) for corpus in corpora]
        found = max(every, key=len)
        said: dict[str, Any] = {}
        for corpus in corpora:
            for part, words in usual.get(corpus, {}).get(fact.label, {}).items():
                if part not in found and not (fact.label == "TEST" and found):
                    said.setdefault(part, {"words": words})
        return {part: self._said(each) for part, each in {**found, **said}.items()}

    def _said(self, each: Mapping[str, Any]) -> str:
        """Words of a part, or a shape with numbers between those that were seen."""
        shapes = each.get("shapes", {})
        if not shapes:
            return weighted(each["words"], self.draw)[0]
        shape = weighted({shape: len(columns[0]) for shape, columns in shapes.items()}, self.draw)[0]
        return str(shape).format(*(np.quantile(column, self.draw.random()) for column in shapes[shape]))

    def _names(self, fact: Fact) -> tuple[str, ...]:
        """What it may be called in this style."""
        key = known(fact)
        own = self.material.forms.get(self.style, {}).get(key, {})
        shared = self.material.forms.get(self.corpus, {}).get(key, {})
        names = weighted(own, self.draw) + [one for one in weighted(shared, self.draw) if one not in own]
        if fact.name not in names and not ("|" in fact.name and names):
            names.append(fact.name)
        return tuple(names)


def _key(fact: Fact) -> str:
    return f"{fact.label}:{fact.status}:{fact.concept}"


def slots_for(facts: Sequence[Fact]) -> list[tuple[str, Fact]]:
    """The slots that tell facts, one after the other."""
    made = []
    for fact in facts:
        made.append((f"{fact.label}:{fact.status}", fact))
        made += [(part, fact) for part in PARTS if part in fact.parts]
    return made
