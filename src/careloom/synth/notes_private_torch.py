"""Notes learnt under differential privacy, the patient as unit: DP-SGD of the language model over public material.

What is public: the material (words, names, sequences of sections), the memories and the weights to start from, learnt
from notes that may be told of, e.g. simulated ones. What private notes teach is in the weights alone, clipped for each
patient and noised. Nothing of them goes into the guard: what a model refuses to write tells of what it has read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

from careloom.errors import InputError
from careloom.synth.accounting_mechanisms import Mechanism
from careloom.synth.dpsgd import course
from careloom.synth.dpsgd_torch import PrivateGradients
from careloom.synth.engine import Privacy, Step, Watch
from careloom.synth.notes_alphabet import of_words
from careloom.synth.notes_facts import SourceNote
from careloom.synth.notes_fit_torch import FittedNotes
from careloom.synth.notes_gpt_torch import NoteModel, load_weights, state_of
from careloom.synth.notes_slots import blocks


@dataclass(frozen=True, slots=True)
class PrivateAsk:
    """A private training, fixed before a private note is read.

    rate     probability that a patient is in a batch
    blocks   of a patient that are learnt at most, drawn by lot; symbols: of a block
    at_once  patients that go through the model together
    """

    privacy: Privacy
    steps: int = 200
    rate: float = 0.2
    clip: float = 1.0
    learning_rate: float = 1e-3
    blocks: int = 16
    symbols: int = 128
    at_once: int = 8


def untied(public: FittedNotes) -> NoteModel:
    """The public model with weights of its own for what it puts out: DP-SGD tells layers apart."""
    shape = replace(public.model.shape, tied=False, dropout=0.0)
    model = NoteModel(shape)
    held = state_of(public.model)
    load_weights(model, replace(held, tensors={"scores.weight": held.tensors["symbols.weight"], **held.tensors}))
    return model


def fit_notes_privately(
    notes: Sequence[SourceNote], public: FittedNotes, ask: PrivateAsk, watch: Watch
) -> tuple[FittedNotes, Mechanism]:
    """A generator that learnt private notes, and what its training did to each patient.

    notes    their styles, kinds, sections and slots are read where `public` knows them, and are left out elsewhere
    watch    `noise` is needed: seeded by nobody who may guess the seed; `told` hears of steps, never of losses
    raises   InputError without noise
    """
    if watch.noise is None:
        raise InputError("a private training needs noise", "Give a generator that is seeded by the system.")
    model = untied(public).train()
    symbols = _by_patient(notes, public, ask, watch.noise)
    way = course(ask.privacy, rate=ask.rate, steps=ask.steps, clip=ask.clip)
    grads = PrivateGradients(model, way, watch.noise)
    optimizer = torch.optim.Adam(model.parameters(), lr=ask.learning_rate)

    def losses(rows: torch.Tensor) -> torch.Tensor:
        batch = symbols[rows]
        scores = model(batch[..., :-1])
        aims = batch[..., 1:]
        costs = functional.cross_entropy(scores.flatten(0, -2), aims.flatten(), reduction="none").view(aims.shape)
        kept = aims > 1  # neither padding nor unknown
        return (costs * kept).sum((1, 2)) / kept.sum((1, 2)).clamp(min=1)

    for number in range(ask.steps):
        optimizer.zero_grad(set_to_none=True)
        grads.step(losses, len(symbols), at_once=ask.at_once)
        optimizer.step()
        if watch.told is not None:
            watch.told(Step((number + 1) / ask.steps, number + 1, {}))
    return FittedNotes(public.material, model.eval(), public.guard, public.grams), way.mechanism()


def _by_patient(
    notes: Sequence[SourceNote], public: FittedNotes, ask: PrivateAsk, noise: np.random.Generator
) -> torch.Tensor:
    """[patients, blocks, symbols], padded; drawn by lot where a patient has more blocks."""
    alphabet = of_words(public.material)
    found: dict[str, list[list[int]]] = {}
    for note in notes:
        for block in blocks(note):
            its = found.setdefault(note.patient, [])
            if all(f"<slot:{slot}>" in alphabet.controls for slot, _ in block.slots):
                its.append(alphabet.numbers(block)[: ask.symbols])
    made = torch.zeros(len(found), ask.blocks, ask.symbols, dtype=torch.int64)
    for at, patient in enumerate(sorted(found)):
        every = found[patient]
        chosen = noise.permutation(len(every))[: ask.blocks]
        for place, number in enumerate(chosen):
            made[at, place, : len(every[number])] = torch.tensor(every[number])
    return made
