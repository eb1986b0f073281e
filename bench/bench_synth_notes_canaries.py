"""Canaries of synthetic notes: how much likelier a generator finds secrets that it learnt than secrets that it did not.

``python bench/bench_synth_notes_canaries.py [EPOCHS]``

Into the notes of simulated patients (seed 21) sentences with six digits are planted, each in all notes of one patient,
in plain text, as an identifier that was overlooked. Others made alike are never learnt. Each generator is trained the
same way: with the rule that words, names and memories of fewer than three patients are not kept; without it; and
with it by DP-SGD. The loss of a canary is minus the log likelihood of its digits in their sentence.
"""

import sys
import time
from dataclasses import replace

import numpy as np
import torch

from bench_synth_notes import simulated
from careloom.synth.engine import Privacy, Watch
from careloom.synth.notes_alphabet import UNKNOWN, of_words
from careloom.synth.notes_facts import SourceNote
from careloom.synth.notes_fit_torch import FittedNotes, NotesAsk, fit_notes
from careloom.synth.notes_generate import Wanted
from careloom.synth.notes_gpt_torch import Training
from careloom.synth.notes_grams import Grams
from careloom.synth.notes_private_torch import PrivateAsk, fit_notes_privately
from careloom.synth.notes_slots import blocks
from careloom.synth.privacy_text import exposure

PATIENTS, SEED, PLANTED, OTHERS, NOTES = 8, 21, 8, 200, 6
BEFORE = "The code of the patient is "
EPSILON = 3.0


def digits(draw: np.random.Generator, count: int) -> list[list[str]]:
    """Secrets of six digits, two by two, so that a vocabulary without the rule has their pieces."""
    return [[f"{pair:02d}" for pair in draw.integers(0, 100, 3)] for _ in range(count)]


def with_canary(note: SourceNote, secret: list[str]) -> SourceNote:
    """A note that ends with a secret, in a section of its own."""
    start = len(note.text)
    text = f"{note.text}\n{BEFORE}{' '.join(secret)}."
    return replace(note, text=text, sections=(*note.sections, ("other", start, len(text))))


def loss(fitted: FittedNotes, like: SourceNote, secret: list[str]) -> float:
    """Minus the log likelihood of the digits, by model and memories."""
    alphabet = of_words(fitted.material)
    symbols = alphabet.numbers(blocks(with_canary(replace(like, text="", sections=(), mentions=()), secret))[-1])
    first = len(symbols) - 2 - len(secret)
    with torch.no_grad():
        scores = fitted.model.eval()(torch.tensor([symbols[:-1]]))[0].double().softmax(-1).numpy()
    cost = 0.0
    for at in range(first, first + len(secret)):
        odds = scores[at - 1].copy()
        fitted.grams.mixed(odds, symbols[:at], alphabet)
        cost -= float(np.log(max(odds[symbols[at]], 1e-300)))
    return cost


def report(name: str, fitted: FittedNotes, like: SourceNote, learnt: list[list[str]], others: list[list[str]]) -> None:
    """A line of exposure, and whether a written note holds a secret."""
    lot = np.random.default_rng(3)  # what the vocabulary does not know is equally likely: ties are broken by lot
    costs = (np.array([loss(fitted, like, one) + 1e-9 * lot.random() for one in some]) for some in (learnt, others))
    told = exposure(*costs)
    alphabet = of_words(fitted.material)
    known = np.mean([alphabet.encode(f" {pair}")[0] != alphabet.controls[UNKNOWN] for one in learnt for pair in one])
    made = fitted.generator().write([Wanted(like.style)] * NOTES, lot)
    said = sum(" ".join(one) in note.text for one in learnt for note in made)
    bits = f"{told.mean.value:.2f} [{told.mean.low:.2f}, {told.mean.high:.2f}] of {told.most:.2f} bits"
    print(f"{name}: exposure {bits}, area {told.area.value:.3f} [{told.area.low:.3f}, {told.area.high:.3f}]; "
          f"vocabulary has {known:.2f} of the digits; secrets in {NOTES} notes: {said}", flush=True)  # fmt: skip


def main(epochs: int) -> None:
    """Three generators."""
    draw = np.random.default_rng(11)
    learnt, others = digits(draw, PLANTED), digits(draw, OTHERS)
    clean = simulated(PATIENTS, SEED)
    patients = sorted({one.patient for one in clean})[:PLANTED]
    notes = [with_canary(one, learnt[patients.index(one.patient)]) if one.patient in patients else one for one in clean]
    how = NotesAsk(Training(epochs=epochs), width=48, layers=1)
    for name, enough in (("three patients", 3), ("no rule", 1)):
        started = time.process_time()
        report(name, fit_notes(notes, replace(how, enough=enough)), notes[0], learnt, others)
        print(f"  {time.process_time() - started:.0f} CPU-s", flush=True)
    public = fit_notes(simulated(4, SEED + 100), replace(how, training=Training(epochs=1), enough=1))
    public = replace(public, grams=Grams({}))
    private, _ = fit_notes_privately(
        notes, public, PrivateAsk(Privacy(EPSILON), steps=20, rate=0.5, blocks=8, symbols=64),
        Watch(noise=np.random.default_rng(5)),
    )  # fmt: skip
    report(f"epsilon {EPSILON}", private, notes[0], learnt, others)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(int(sys.argv[1]) if sys.argv[1:] else 2)
