"""Trains the model of relations that ships: src/careloom/nlp/models/relations.zip. Needs `make ml`.

    OMP_NUM_THREADS=1 python -m tools.train_relation_model SUITES [--out FILE] [--work FOLDER]

learns from  tools/relation_data.py: simulated notes, MACCROBAT2020 (CC BY 4.0), BC5CDR (public domain), own sentences
writes       an archive for `careloom.text.linear`: one label, ``related``; features are named ``TYPE FEATURE``
"""

import argparse
import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from careloom.nlp.evaluate_relations import Known, place_of
from careloom.nlp.labels import RELATIONS
from careloom.nlp.relation_features import Words, features
from careloom.nlp.relation_pairs import pairs_of, rows_of
from careloom.nlp.relations import MODEL
from careloom.text.linear import packed
from tools.relation_data import everything

PATIENTS, SEED = 60, 5150
STRENGTH, SEEN, LEAST_WEIGHT = 0.3, 3, 0.02
"""Inverse of the penalty; how often a feature must have been seen; weights below it are 0."""
TIMES: Mapping[str, int] = {"templates": 6}
"""How often a source counts; once unless told."""
LENT: Mapping[str, str] = {"problem-severity": "problem-course", "drug-route": "drug-form"}
"""Types whose case reports also teach a type of which these say nothing: it is written in the same places."""
LEAST: Mapping[str, float] = {}
"""Types whose pairs are related from another probability on than one half."""
DEFAULT = Path("src/careloom/nlp") / MODEL
Example = tuple[list[str], bool, int]
"""Features, whether related, how often it counts."""


def examples(known: Iterable[Known]) -> Iterator[Example]:
    """Every pair of notes with every type that its source knows of."""
    for one in known:
        text, rows = one.note.note.text, rows_of(one.note)
        words = [Words.of(row, text) for row in rows]
        for pair in pairs_of(rows, text):
            seen: list[str] = []
            ends = place_of(pair.head), place_of(pair.tail)
            for kind in pair.types:
                if kind not in one.types or kind == "test-reference" or _is_unknown(one, kind, *ends):
                    continue
                seen = seen or features(pair, rows[pair.row], words[pair.row], text)
                is_related = (kind, *ends) in one.links
                for name in (kind, LENT.get(kind, "")) if one.source == "case reports" else (kind,):
                    if name:
                        yield [f"{name} {each}" for each in seen], is_related, TIMES.get(one.source, 1)


def _is_unknown(one: Known, kind: str, head: tuple[int, int], tail: tuple[int, int]) -> bool:
    """Simulated notes say when a vaccine was given, and of other drugs nothing; a reference range is no finding."""
    if kind == "drug-date" and one.source == "simulated":
        return not any(link[0] == "drug-date" and link[1] == head for link in one.links)
    return ("test-reference", head, tail) in one.links


def fitted(known: Iterable[Known], card: Mapping[str, object]) -> bytes:
    """The archive of a model that learnt from `known`."""
    counted: Counter[str] = Counter()
    rows: list[Example] = []
    for row in examples(known):
        rows.append(row)
        counted.update(row[0])
    names = sorted(name for name, count in counted.items() if count >= SEEN)
    places = {name: place for place, name in enumerate(names)}
    found = [[places[name] for name in row if name in places] for row, _, _ in rows]
    ends = np.cumsum([0, *map(len, found)])
    columns = np.array([place for row in found for place in row], dtype=np.int32)
    matrix = csr_matrix((np.ones(len(columns)), columns, ends), shape=(len(rows), len(names)))
    decided = np.array([is_related for _, is_related, _ in rows])
    weight = np.array([times for _, _, times in rows], dtype=float)
    model = LogisticRegression(C=STRENGTH, solver="liblinear", fit_intercept=False, random_state=0)
    model.fit(matrix, decided, sample_weight=weight)
    weights = np.where(np.abs(model.coef_[0]) < LEAST_WEIGHT, 0, model.coef_[0])
    whole = {"labels": ["related"], "kind": "many", "least": dict(LEAST), "examples": len(rows), **card}
    return packed(names, weights[:, None].astype(np.float32), np.zeros(1, dtype=np.float32), whole)


def card_of(known: Sequence[Known]) -> dict[str, object]:
    """What the model was made of."""
    notes = Counter(one.source for one in known)
    return {
        "name": "relations",
        "version": "1",
        "types": sorted(set(RELATIONS) - {"test-reference"}),
        "data": {
            "simulated": {"notes": notes["simulated"], "patients": PATIENTS, "seed": SEED, "licence": "own"},
            "case reports": {
                "corpus": "MACCROBAT2020, the part that is developed on",
                "documents": notes["case reports"],
                "licence": "CC BY 4.0 (Caufield and others, doi:10.6084/m9.figshare.9764942)",
            },
            "abstracts": {
                "corpus": "BC5CDR train and devel",
                "sentences": notes["abstracts"],
                "licence": "public domain (Li and others, 2016, doi:10.1093/database/baw068)",
            },
            "templates": {"sentences": notes["templates"], "licence": "own"},
        },
        "command": "python -m tools.train_relation_model SUITES",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", type=Path)
    parser.add_argument("--out", type=Path, default=DEFAULT)
    parser.add_argument("--work", type=Path, help="folder with the simulated hospital; made where it is empty")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        known = list(everything(told.suites, told.work or Path(place) / "simulated", PATIENTS, SEED))
    archive = fitted(known, card_of(known))
    told.out.parent.mkdir(parents=True, exist_ok=True)
    told.out.write_bytes(archive)
    print(f"{told.out}: {len(archive):,} bytes, sha256 {hashlib.sha256(archive).hexdigest()}")


if __name__ == "__main__":
    main()
