"""Trains the model of the order of two events on MACCROBAT 2020: `careloom/nlp/models/timeline.zip`.

    python tools/train_nlp_timeline.py [--suites DIR] [--score]

BEFORE and AFTER are pairs of the corpus; of an OVERLAP set, which lists any number of events, each and the next in the
text are a pair. The pair is turned so that the first stands first in the text. With `--score` nothing is written: the
model is trained on the first 100 documents of the development part and scored on the other 50, and so are two
baselines: everything overlaps, and what stands first comes first.
"""

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from careloom.nlp.evaluate_times import relation_scores
from careloom.nlp.timeline_pairs import MODEL, features, said
from careloom.text.linear import LinearModel, packed
from careloom.text.note import Span

LABELS = {
    "Sign_symptom": "SYMPTOM", "Disease_disorder": "PROBLEM", "Diagnostic_procedure": "TEST", "History": "PROBLEM",
    "Therapeutic_procedure": "PROCEDURE", "Medication": "MEDICATION", "Date": "DATE_TIME", "Time": "DATE_TIME",
    "Duration": "DURATION", "Lab_value": "TEST_VALUE", "Biological_structure": "ANATOMY",
}  # fmt: skip
TURNED = {"before": "after", "after": "before"}
LEAST = 2
"""A feature of fewer pairs is left out."""
Pair = tuple[str, tuple[Span, str], tuple[Span, str], str]


def pairs(document: Path) -> Iterator[Pair]:
    """Text in small letters, two events with their labels, and how the first lies to the second."""
    text = document.with_suffix(".txt").read_text(encoding="utf-8").lower()
    rows = [line.split("\t") for line in document.read_text(encoding="utf-8").splitlines()]
    spans, events = {}, {}
    for row in rows:
        if row[0].startswith("T"):
            label, start, *_, end = row[1].split()
            spans[row[0]] = (Span(int(start), int(end)), LABELS.get(label, "OTHER"))
        elif row[0].startswith("E"):
            events[row[0]] = row[1].split()[0].split(":")[1]
    for row in rows:
        kind, *parts = row[1].split()
        if row[0].startswith("R") and kind in {"BEFORE", "AFTER"}:
            names = [part.split(":")[1] for part in parts[:2]]
            one, other = (spans[events.get(name, name)] for name in names)
            relation = kind.lower()
            if one[0].start > other[0].start:
                one, other, relation = other, one, TURNED[relation]
            yield text, one, other, relation
        elif row[0].startswith("*"):
            some = sorted((spans[events.get(name, name)] for name in parts), key=lambda each: each[0].start)
            yield from ((text, one, other, "overlap") for one, other in pairwise(some))


def trained(some: list[Pair], documents: int) -> bytes:
    """The packed model."""
    from nlp_model_cards import timeline_card  # noqa: PLC0415 - a sibling of the script; tests import its pairs alone

    vectors = DictVectorizer()
    matrix = vectors.fit_transform([features(text, one, other) for text, one, other, _ in some])
    kept = np.flatnonzero(np.asarray((matrix > 0).sum(axis=0)).ravel() >= LEAST)
    names = [str(name) for name in vectors.get_feature_names_out()[kept]]
    model = LogisticRegression(C=0.3, max_iter=400).fit(matrix[:, kept], [relation for *_, relation in some])
    card = timeline_card([str(one) for one in model.classes_], documents, len(some))
    weights = model.coef_.T.astype(np.float32)
    return packed(names, weights, model.intercept_.astype(np.float32), card)


def scored(train: list[Path], test: list[Path]) -> None:
    """Prints how the model and the baselines do on documents that it was not trained on."""
    model = LinearModel(trained([pair for one in train for pair in pairs(one)], len(train)))
    gold, found = [], []
    for document in test:
        for text, one, other, relation in pairs(document):
            gold.append(relation)
            found.append(said(text, one, other, model)[0])
    print(Counter(gold))
    for name, answers in (("model", found), ("overlap", ["overlap"] * len(gold)), ("before", ["before"] * len(gold))):
        scores = relation_scores(gold, answers)
        print(f"{name:8}", " ".join(f"{label} {value:.3f}" for label, value in scores.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains the model of the order of events.")
    parser.add_argument("--suites", type=Path, default=Path(os.environ.get("CARELOOM_SUITES", "")))
    parser.add_argument("--score", action="store_true")
    asked = parser.parse_args()
    documents = sorted((asked.suites / "maccrobat2020").glob("*.ann"))
    if asked.score:
        scored(documents[:100], documents[100:])
        return
    target = Path(__file__).parents[1] / "src/careloom/nlp" / MODEL
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(trained([pair for one in documents for pair in pairs(one)], len(documents)))
    print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
