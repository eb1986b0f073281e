"""Whole notes of nobody: sections one after the other, from records that are given or grow while they are told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from careloom.synth.notes_alphabet import Alphabet
from careloom.synth.notes_facts import Fact, Mention, NoteRecord
from careloom.synth.notes_fill import Teller, slots_for, weighted
from careloom.synth.notes_manner import Draft, Manner, Plan, Scores, Written
from careloom.synth.notes_material import START, STOP, Material
from careloom.synth.notes_tally import Tally
from careloom.synth.notes_verbatim import Guard
from careloom.synth.notes_write import Writer

TOGETHER = 48
"""Notes that are written at once."""
USUAL = Manner()
MOST_BLOCKS = 40
_FACTS_A_BLOCK = 6
_SIGNATURE = "sec:signature"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A note to write.

    style   None: drawn as the training notes have them; kind: empty: drawn as well
    record  None: it grows while it is told
    """

    style: str = ""
    kind: str = ""
    record: NoteRecord | None = None


@dataclass(frozen=True, slots=True, eq=False)
class NoteGenerator:
    """Material, a language model over its alphabet, and what must not be repeated."""

    material: Material
    alphabet: Alphabet
    scores: Scores
    guard: Guard
    manner: Manner = USUAL

    def write(
        self, wanted: Sequence[Wanted], draw: np.random.Generator, told: Callable[[float], None] | None = None
    ) -> list[Written]:
        """The notes, in order; the same for the same generator of chance."""
        made: list[Written] = []
        tally = Tally(self.material, self.manner.steering, self.manner.most_steering)
        writer = Writer(self.alphabet, self.scores, self.guard, self.manner, draw, tally)
        for at in range(0, len(wanted), TOGETHER):
            made += self._together(writer, [self._draft(one, draw) for one in wanted[at : at + TOGETHER]])
            if told is not None:
                told(len(made) / len(wanted))
        return made

    def _draft(self, wanted: Wanted, draw: np.random.Generator) -> Draft:
        styles = {style: sum(kinds.values()) for style, kinds in self.material.styles.items()}
        style = wanted.style or weighted(styles, draw)[0]
        kind = wanted.kind or weighted(self.material.styles[style], draw)[0]
        teller = Teller(self.material, style, wanted.record or NoteRecord(), wanted.record is not None, draw)
        return Draft(style, kind, teller, self._places(style, kind, draw))

    def _places(self, style: str, kind: str, draw: np.random.Generator) -> list[str]:
        """The blocks of a note: a walk over what follows what; a section begins once."""
        chain = self.material.chain.get(f"{style} {kind}", {})
        places: list[str] = []
        now = START
        while len(places) < MOST_BLOCKS:
            onward = {place: n for place, n in chain.get(now, {}).items() if place not in places or place[:4] == "more"}
            if not onward or (now := weighted(onward, draw)[0]) == STOP:
                break
            places.append(now)
        return places

    def _together(self, writer: Writer, drafts: list[Draft]) -> list[Written]:
        ends = {id(draft): draft.places.pop() for draft in drafts if draft.places[-1:] == [_SIGNATURE]}
        for number in range(max((len(draft.places) for draft in drafts), default=0)):
            here = [draft for draft in drafts if number < len(draft.places)]
            _write(writer, here, [draft.places[number] for draft in here])
        for _ in range(2):
            self._rest(writer, drafts)
        last = [draft for draft in drafts if id(draft) in ends]
        _write(writer, last, [_SIGNATURE] * len(last))
        return [_whole(draft) for draft in drafts]

    def _rest(self, writer: Writer, drafts: Sequence[Draft]) -> None:
        """Blocks for facts that no block has told."""
        waiting = {id(draft): self._plans(draft) for draft in drafts}
        while here := [draft for draft in drafts if waiting[id(draft)]]:
            next_ones = [waiting[id(draft)].pop(0) for draft in here]
            _write(writer, here, [place for place, _ in next_ones], [plan for _, plan in next_ones])

    def _plans(self, draft: Draft) -> list[tuple[str, Plan]]:
        by_home: dict[str, list[Fact]] = {}
        for fact in draft.teller.left():
            homes = self.material.homes.get(draft.style, {}).get(f"{fact.label}:{fact.status}", {})
            seen = {section: n for section, n in homes.items() if self._knows(draft, f"sec:{section}")}
            if seen or homes:
                by_home.setdefault(max(seen or homes, key=lambda one: (seen or homes)[one]), []).append(fact)
        return [
            (self._place(draft, home), slots_for(facts[at : at + _FACTS_A_BLOCK]))
            for home, facts in sorted(by_home.items())
            for at in range(0, len(facts), _FACTS_A_BLOCK)
        ]

    def _place(self, draft: Draft, home: str) -> str:
        goes_on = f"more:{home}"
        return goes_on if f"sec:{home}" in draft.places and f"<{goes_on}>" in self.alphabet.controls else f"sec:{home}"

    def _knows(self, draft: Draft, place: str) -> bool:
        chain = self.material.chain.get(f"{draft.style} {draft.kind}", {})
        return any(place in onward for onward in chain.values())


def _write(writer: Writer, drafts: Sequence[Draft], places: Sequence[str], plans: Sequence[Plan] | None = None) -> None:
    if drafts:
        writer.write(drafts, places, plans if plans is not None else [None] * len(drafts))


def _whole(draft: Draft) -> Written:
    """The note with its record; what was added to a record and not told is taken back."""
    told, teller = draft.teller.told(), draft.teller
    given = {id(fact) for fact in teller.asked}
    left = [fact for fact in teller.left() if not teller.has_said(fact)]
    facts = [
        fact if id(fact) in given else teller.as_told(fact)
        for fact in told.facts
        if id(fact) in given or fact not in left
    ]
    record = replace(told, facts=tuple(facts))
    lost = tuple(fact for fact in left if id(fact) in given)
    return Written(draft.style, draft.kind, draft.text.lstrip("\n"), record, _moved(draft), lost)


def _moved(draft: Draft) -> tuple[Mention, ...]:
    cut = len(draft.text) - len(draft.text.lstrip("\n"))
    return tuple(replace(one, start=one.start - cut, end=one.end - cut) for one in draft.mentions)
