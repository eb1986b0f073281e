"""How varied the notes of the simulator are, and how far its template families are from each other.

    python tools/measure_simulated_notes.py [--patients 300] [--seed 7]

Every family writes the notes of the same patients, so what differs is wording alone. For `wording` every entity,
identifier and time is left out and numbers are one word, so that only what the templates say is compared.

distinct-4         distinct word 4-grams over all
overlap            of the distinct 4-grams of one family, the share that another family has too; both directions
same               notes whose text is that of another note
"""

import argparse
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import permutations

from careloom.simulate.draw import Draw
from careloom.simulate.hospital import build_hospital
from careloom.simulate.narrative.family import families
from careloom.simulate.notes import NotePlan, SimulatedNote, notes_of
from careloom.simulate.patients import simulate_patient

WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+|\|")
"""Words and numbers; a bar stands where a gold span was taken out, and no 4-gram reaches over it."""
LENGTH = 4


@dataclass
class Counted:
    """What one family wrote."""

    notes: int = 0
    letters: int = 0
    spans: Counter[str] = field(default_factory=Counter)
    relations: Counter[str] = field(default_factory=Counter)
    raw: Counter[tuple[str, ...]] = field(default_factory=Counter)
    wording: Counter[tuple[str, ...]] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)

    def add(self, note: SimulatedNote) -> None:
        self.notes += 1
        self.letters += len(note.text)
        self.spans.update(span.kind for span in note.gold.spans)
        self.relations.update(relation.label for relation in note.gold.relations)
        self.texts.append(note.text)
        self.raw.update(grams(note.text))
        self.wording.update(grams(without_gold(note)))


def without_gold(note: SimulatedNote) -> str:
    """The text of a note with a bar in place of each gold span, and numbers as one word."""
    letters = list(note.text)
    for span in note.gold.spans:
        if span.kind in {"entity", "phi", "time"}:
            letters[span.start : span.end] = "|" * (span.end - span.start)
    return re.sub(r"\d+", "0", "".join(letters))


def grams(text: str) -> list[tuple[str, ...]]:
    """The word 4-grams of a text that reach over no bar."""
    words = WORD.findall(text.lower())
    found = (tuple(words[at : at + LENGTH]) for at in range(len(words) - LENGTH + 1))
    return [gram for gram in found if "|" not in gram]


def measure(patients: int, seed: int) -> dict[str, Counted]:
    """What each family makes of the same patients."""
    hospital = build_hospital(seed)
    out = {name: Counted() for name in families()}
    for number in range(1, patients + 1):
        history = simulate_patient(number, seed, hospital=hospital)
        for name, counted in out.items():
            for note in notes_of(history, hospital, Draw(seed, number, "notes"), NotePlan(families=(name,))):
                counted.add(note)
    return out


def overlap(one: Counter[tuple[str, ...]], other: Counter[tuple[str, ...]]) -> float:
    """Of the distinct 4-grams of one, the share that the other has."""
    return len(one.keys() & other.keys()) / max(1, len(one))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the variety of the simulator's notes.")
    parser.add_argument("--patients", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    found = measure(asked.patients, asked.seed)
    print("family      notes  letters  spans relations distinct-4 wording-4  same")
    for name, counted in found.items():
        notes = counted.notes
        print(
            f"{name:10} {notes:6} {counted.letters / notes:8.0f} {counted.spans.total() / notes:6.1f}",
            f"{counted.relations.total() / notes:9.1f} {len(counted.raw) / counted.raw.total():10.3f}",
            f"{len(counted.wording):9} {notes - len(set(counted.texts)):5}",
        )
    pairs = list(permutations(found, 2))
    for what in ("raw", "wording"):
        shares = {pair: overlap(getattr(found[pair[0]], what), getattr(found[pair[1]], what)) for pair in pairs}
        worst = max(shares, key=shares.__getitem__)
        print(f"overlap {what}: mean {sum(shares.values()) / len(shares):.3f}, largest {shares[worst]:.3f} {worst}")
    total: Counter[str] = sum((counted.relations for counted in found.values()), Counter())
    print("relations:", ", ".join(f"{label} {count}" for label, count in total.most_common()))


if __name__ == "__main__":
    main()
