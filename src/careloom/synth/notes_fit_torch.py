"""The note generator from scratch: learns notes, is saved as arrays and plain values, and comes back.

What is learnt, in order: words and names that enough patients share (`notes_material`), short memories of what follows
what (`notes_grams`), a small causal language model (`notes_gpt_torch`), and the runs of words that must not be written
again (`notes_verbatim`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from careloom.errors import FormatError
from careloom.synth.engine import State, Watch
from careloom.synth.notes_alphabet import of_words
from careloom.synth.notes_facts import SourceNote
from careloom.synth.notes_generate import NoteGenerator
from careloom.synth.notes_gpt_torch import NoteModel, Scores, Shape, Training, fit_model, model_of, state_of
from careloom.synth.notes_grams import Grams, MixedScores
from careloom.synth.notes_material import ENOUGH, Material, gather
from careloom.synth.notes_public import Public, as_lists
from careloom.synth.notes_slots import blocks
from careloom.synth.notes_verbatim import Guard

RUN = 7
"""Words of a run that is never written again: six in a row may be."""
_GUARD, _GRAMS = "guard", "grams"


@dataclass(frozen=True, slots=True)
class NotesAsk:
    """How notes are learnt.

    enough    patients that have to share what is kept of words
    run       words of the shortest run that is forbidden
    weights   corpus -> how often an epoch reads its notes; once where it is not named
    public    label -> names that no patient lends: what stands in where too few patients share one
    """

    training: Training = field(default_factory=Training)
    width: int = 128
    layers: int = 3
    heads: int = 4
    length: int = 224
    enough: int = ENOUGH
    run: int = RUN
    weights: dict[str, int] = field(default_factory=dict)
    public: Public = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class FittedNotes:
    """A generator that learnt notes."""

    material: Material
    model: NoteModel
    guard: Guard
    grams: Grams

    def generator(self) -> NoteGenerator:
        """What writes."""
        alphabet = of_words(self.material)
        scores = MixedScores(Scores(self.model), self.grams, alphabet)
        return NoteGenerator(self.material, alphabet, scores, self.guard)

    def state(self) -> State:
        """Arrays and plain values; with the guard, which tells of training notes: keep it where these are kept."""
        held = state_of(self.model)
        told = {**held.told, "material": self.material.as_json(), "run": self.guard.length}
        return State({**held.tensors, _GUARD: self.guard.array(), _GRAMS: self.grams.table()}, told)


def fit_notes(notes: Sequence[SourceNote], ask: NotesAsk, watch: Watch | None = None) -> FittedNotes:
    """A generator of notes; the same notes, ask and machine give the same one. raises ValueError without notes"""
    its = [blocks(note) for note in notes]
    material = gather(notes, its, ask.enough, as_lists(ask.public))
    alphabet = of_words(material)
    own = [(note, alphabet.numbers(block)) for note, parts in zip(notes, its, strict=True) for block in parts]
    every = [symbols for note, symbols in own for _ in range(ask.weights.get(note.corpus, 1))]
    grams = Grams.of(((note.patient, symbols) for note, symbols in own), alphabet, ask.enough)
    shape = Shape(len(alphabet.pieces), ask.width, ask.layers, ask.heads, ask.length)
    model = fit_model(every, shape, ask.training, watch or Watch())
    return FittedNotes(material, model, Guard.of((note.text for note in notes), ask.run), grams)


def load_notes(state: State) -> FittedNotes:
    """The inverse of `FittedNotes.state`. raises FormatError"""
    try:
        material, run = Material.of(state.told["material"]), int(state.told["run"])
        guard = Guard(run, np.asarray(state.tensors[_GUARD]).tolist())
        grams = Grams.from_table(np.asarray(state.tensors[_GRAMS]))
    except (KeyError, TypeError):
        raise FormatError("this is no generator of notes", "Fit it anew.") from None
    return FittedNotes(material, model_of(state), guard, grams)
