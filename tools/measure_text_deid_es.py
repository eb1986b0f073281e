"""How well Spanish clinical cases are de-identified (MEDDOCAN): the rules as they are, which were written for English.

    python -m tools.measure_text_deid_es SUITES [--split dev|train]

by our labels        what Safe Harbor lets stay (an age below 90, sex, kin by word, occupation) counts for neither side
whatever the label   every place that people marked counts; merged: as the second measure of the task's sub-track 2
"""

import argparse
from pathlib import Path

from careloom.deid.text import TextScrubber
from tools.meddocan import Row, Tag, Tagged, in_our_labels, ours, rows, typed, untyped
from tools.text_deid_scores import Scores


def rules() -> Tag:
    """The detectors of `careloom.deid.text`, answering in our labels."""
    scrubber = TextScrubber()

    def tag(text: str) -> list[Tagged]:
        return [(one.span.start, one.span.end, one.label) for one in scrubber.find(text)]

    return tag


def measured(gold: list[Row], tag: Tag, *, by_theirs: bool = False) -> dict[str, Scores]:
    """Scores of a tagger that answers in our labels; `by_theirs`: in those of MEDDOCAN, on which it was trained."""
    tags = {text: list(tag(text)) for text, _ in gold}
    again = tags.__getitem__
    result = {"by the labels of MEDDOCAN": typed(gold, again)} if by_theirs else {}
    return result | {
        "by our labels": typed(ours(gold), in_our_labels(again) if by_theirs else again),
        "whatever the label": untyped(gold, again, merged=False),
        "whatever the label, neighbours merged": untyped(gold, again, merged=True),
    }


def report(scores: Scores, what: str) -> None:
    """Prints recall, precision and F1, whole and by label."""
    low, high = scores.interval()
    print(f"{what}: {scores.texts} texts, {scores.found.total() + scores.missed.total()} identifying tokens")
    print(f"  token recall {scores.recall():.4f} ({low:.4f}-{high:.4f}), precision {scores.precision():.4f}")
    print(f"  texts with a token missed: {scores.leaky} of {scores.texts}; strict span F1 {scores.f1():.4f}")
    for label in sorted(set(scores.found) | set(scores.missed)):
        tokens = scores.found[label] + scores.missed[label]
        print(f"  {label:34} recall {scores.recall([label]):.4f} of {tokens:5}  F1 {scores.f1(label):.4f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("suites", type=Path)
    parser.add_argument("--split", choices=("dev", "train"), default="dev")
    told = parser.parse_args()
    for what, scores in measured(rows(told.suites, told.split), rules()).items():
        report(scores, f"MEDDOCAN {told.split}, {what}")


if __name__ == "__main__":
    main()
