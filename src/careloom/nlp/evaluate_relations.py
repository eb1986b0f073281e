"""How many relations were found: precision, recall and F1 by type, strict in both places."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Place = tuple[int, int]
Link = tuple[str, Place, Place]
"""Type, place of the head, place of the tail: half-open, in code points."""


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of one type, or of all: found and right, found and wrong, not found."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float | None:
        """Share of the found that is right; None where nothing was found."""
        found = self.right + self.wrong
        return self.right / found if found else None

    @property
    def recall(self) -> float | None:
        """Share of the gold that was found; None where there is no gold."""
        gold = self.right + self.missed
        return self.right / gold if gold else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both; None where there is neither gold nor anything found."""
        total = 2 * self.right + self.wrong + self.missed
        return 2 * self.right / total if total else None


def scores(gold: Sequence[Iterable[Link]], found: Sequence[Iterable[Link]]) -> Mapping[str, Score]:
    """The score of each type that is in either, and of ``all`` together (micro), over notes in the same order.

    A relation counts once a note. raises ValueError where there are not as many notes of both
    """
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for truth, told in zip(gold, found, strict=True):
        wanted, given = set(truth), set(told)
        right.update(link[0] for link in wanted & given)
        wrong.update(link[0] for link in given - wanted)
        missed.update(link[0] for link in wanted - given)
    names = sorted({*right, *wrong, *missed})
    each = {name: Score(right[name], wrong[name], missed[name]) for name in names}
    return {**each, "all": Score(right.total(), wrong.total(), missed.total())}
