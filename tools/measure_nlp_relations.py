"""Cross-validates the model of relations between known annotations, by type and source. Needs `make ml`.

    python -m tools.measure_nlp_relations SUITES      five trainings, each measured on what it left out

A fold leaves out one template family of the simulated notes, and a fifth of the case reports, abstracts and templates.
A model as it is: `careloom evaluate nlp`, tasks ade_corpus_v2 and relations.
"""

import argparse
import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from careloom.nlp.evaluate_relations import Known, Link, found, scores
from careloom.nlp.evaluation import Scores
from careloom.nlp.relations import Relations
from tools.relation_data import everything
from tools.train_relation_model import PATIENTS, SEED, fitted

FOLDS = 5


def fold_of(one: Known, families: Sequence[str]) -> int:
    """Which fold leaves a note out."""
    if one.source == "simulated":
        return families.index(one.family) % FOLDS
    return (
        int(hashlib.sha256((one.family + one.note.note.note_id * (one.source == "templates")).encode()).hexdigest(), 16)
        % FOLDS
    )


def cross_validated(known: Sequence[Known]) -> Mapping[str, Scores]:
    """Source -> scores over all folds; of simulated notes also each family by itself."""
    families = sorted({one.family for one in known if one.source == "simulated"})
    gold: dict[str, list[frozenset[Link]]] = {}
    told: dict[str, list[set[Link]]] = {}
    for fold in range(FOLDS):
        model = Relations(fitted((one for one in known if fold_of(one, families) != fold), {}))
        left_out = [one for one in known if fold_of(one, families) == fold]
        for one, links in zip(left_out, found(model, left_out), strict=True):
            for name in {one.source, f"simulated: {one.family}" if one.source == "simulated" else one.source}:
                gold.setdefault(name, []).append(one.links)
                told.setdefault(name, []).append(links)
    return {name: scores(gold[name], told[name]) for name in sorted(gold)}


def shown(results: Mapping[str, Scores]) -> None:
    """Prints a line for each source and type, with the interval of all over documents drawn anew."""
    for source, scores_of in results.items():
        print(f"\n{source}\n{'':20} {'gold':>6} {'P':>6} {'R':>6} {'F1':>6}")
        for name, tally in {**scores_of.labels, "all": scores_of.total}.items():
            numbers = " ".join(
                "     -" if n is None else f"{n:6.3f}" for n in (tally.precision, tally.recall, tally.f1)
            )
            print(f"{name:20} {tally.right + tally.missed:6d} {numbers}")
        print(f"{'':20} {scores_of.interval}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", type=Path)
    parser.add_argument("--work", type=Path, help="folder with the simulated hospital; made where it is empty")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        known = list(everything(told.suites, told.work or Path(place) / "simulated", PATIENTS, SEED))
    shown(cross_validated(known))


if __name__ == "__main__":
    main()
