"""Whether synthetic notes tell whose notes were learnt: attacks by what they share with a patient's own notes.

An attacker holds the notes of a patient and asks whether they were learnt. Each attack gives a patient one score,
higher where the synthetic notes look as if they had been; patients whom no generator saw say what chance gives.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from careloom.errors import InputError
from careloom.synth.notes_fidelity import WordModel
from careloom.synth.notes_slots import words_in
from careloom.synth.privacy_membership import SEEN_BELOW
from careloom.synth.privacy_scores import Told, told
from careloom.synth.privacy_text import Verbatim, verbatim

Floats = npt.NDArray[np.float64]
Notes = Mapping[str, Sequence[str]]
"""Patient -> texts."""
GRAM_WORDS = 4
FEWEST = 5
"""Patients of each side below whom no attack is tried."""
ATTACKS = ("grams", "rare_grams", "likelihood")


@dataclass(frozen=True, slots=True)
class NotesPrivacy:
    """What the attacks tell.

    membership  attack -> how well it tells members from controls
    weak        attacks that would not see the members' own notes released as they are
    copied      runs of words from members' notes, beside those from as many words of controls
    """

    membership: Mapping[str, Told]
    weak: tuple[str, ...]
    copied: Verbatim

    @property
    def seen(self) -> tuple[str, ...]:
        """Attacks that tell more than chance."""
        return tuple(name for name, each in self.membership.items() if each.chance < SEEN_BELOW)


def judge_notes_privacy(members: Notes, controls: Notes, shown: Sequence[str], *, seed: int) -> NotesPrivacy:
    """Membership by three attacks, and runs of words that are copied.

    grams       share of a patient's runs of four words that the synthetic notes have
    rare_grams  the same, each run counted by how few patients have it
    likelihood  mean log odds of a patient's words under a model of three words learnt from the synthetic notes
    raises      InputError for fewer than `FEWEST` patients on a side, or notes without words
    """
    if min(len(members), len(controls)) < FEWEST or not shown:
        raise InputError("notes: there are too few patients", f"Learn from {FEWEST} at least, and set as many aside.")
    rare = _rarity([*members.values(), *controls.values()])
    own = [text for texts in members.values() for text in texts]
    found = {name: _told(members, controls, shown, rare, name, seed) for name in ATTACKS}
    known = {name: _told(members, controls, own, rare, name, seed) for name in ATTACKS}
    weak = tuple(name for name, each in known.items() if each.chance >= SEEN_BELOW)
    sides = [[words_in(text) for texts in side.values() for text in texts] for side in (members, controls)]
    return NotesPrivacy(found, weak, verbatim([words_in(text) for text in shown], sides[0], sides[1]))


def _told(
    members: Notes, controls: Notes, shown: Sequence[str], rare: Mapping[tuple[str, ...], float], attack: str, seed: int
) -> Told:
    score = _scorer(shown, rare, attack)
    sides = [np.array([score(texts) for texts in side.values()]) for side in (members, controls)]
    return told(sides[0], sides[1], np.random.default_rng([seed, ATTACKS.index(attack)]))


def _scorer(
    shown: Sequence[str], rare: Mapping[tuple[str, ...], float], attack: str
) -> Callable[[Sequence[str]], float]:
    """What gives a patient's notes their score, by what the synthetic ones are."""
    if attack == "likelihood":
        model = WordModel(shown)
        return lambda texts: -float(np.log(model.perplexity(texts)))
    held = {gram for text in shown for gram in _grams(text)}

    def shared(texts: Sequence[str]) -> float:
        own = {gram for text in texts for gram in _grams(text)}
        weights = {gram: rare[gram] if attack == "rare_grams" else 1.0 for gram in own}
        whole = sum(weights.values())
        return sum(weights[gram] for gram in own & held) / whole if whole else 0.0

    return shared


def _rarity(people: Sequence[Sequence[str]]) -> dict[tuple[str, ...], float]:
    """Run of words -> one over the patients who have it."""
    counts: dict[tuple[str, ...], int] = {}
    for texts in people:
        for gram in {gram for text in texts for gram in _grams(text)}:
            counts[gram] = counts.get(gram, 0) + 1
    return {gram: 1 / count for gram, count in counts.items()}


def _grams(text: str) -> list[tuple[str, ...]]:
    words = words_in(text)
    return list(zip(*(words[at:] for at in range(GRAM_WORDS)), strict=False))
