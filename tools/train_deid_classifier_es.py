"""How the classifier carries to another language: trained on the Spanish notes of MEDDOCAN, measured on its dev notes.

    python -m tools.train_deid_classifier_es SUITES [--out FILE] [--epochs 5] [--threads 1]

The recipe of tools/train_deid_classifier.py, with its English base model, over MEDDOCAN's own labels; nothing ships.
"""

import argparse
import random
from pathlib import Path

import torch

from careloom.deid.text_classifier import HEAD, LEAST
from careloom.learn_torch import Schedule
from careloom.text import tagger as run_time
from careloom.text.encoder_torch import Tagger
from careloom.text.minilm_torch import minilm
from careloom.text.pieces import Pieces
from careloom.text.training_torch import encoded, encoder_of, examples_of, fit, labels_of, packed, vocabulary_of
from tools.measure_text_deid_es import measured, report
from tools.meddocan import Row, rows
from tools.train_deid_classifier import INNER, LAYERS, SEED


def train(gold: list[Row], epochs: int) -> bytes:
    """A model over the labels of `gold`, packed."""
    weights, names = minilm()
    vocabulary = vocabulary_of((text for text, _ in gold), names, 1)
    labels = labels_of(sorted({label for _, spans in gold for _, _, label in spans}))
    pieces, chance = Pieces(vocabulary), random.Random(SEED)
    windows = list(encoded((one for row in gold for one in examples_of(row, chance)), pieces, labels))
    torch.manual_seed(SEED)
    tagger = Tagger(encoder_of(weights, names, vocabulary, LAYERS, INNER), {HEAD: labels})

    def watch(epoch: object) -> None:
        print(epoch, flush=True)

    fit(tagger, HEAD, lambda epoch: windows, Schedule(epochs, 5e-4), SEED, watch=watch)
    return packed(tagger, vocabulary, {"name": "phi-es", "version": "1", "data": "MEDDOCAN, train (CC BY 4.0)"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    told = parser.parse_args()
    torch.set_num_threads(told.threads)
    archive = train(rows(told.suites, "train"), told.epochs)
    if told.out:
        told.out.write_bytes(archive)
    tagger = run_time.Tagger(archive)

    def tag(text: str) -> list[tuple[int, int, str]]:
        found = (
            one for window in tagger.tag(text, HEAD) for one in run_time.spans_of(window, tagger.heads[HEAD], LEAST)
        )
        return [(one.span.start, one.span.end, one.label) for one in found]

    for what, scores in measured(rows(told.suites, "dev"), tag, by_theirs=True).items():
        report(scores, f"MEDDOCAN dev, {what}")


if __name__ == "__main__":
    main()
