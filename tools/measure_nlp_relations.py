"""How well relations are found between known annotations, by type and source. Needs `make ml` for ``--folds``.

    python -m tools.measure_nlp_relations SUITES --folds            five trainings, each measured on what it left out
    python -m tools.measure_nlp_relations SUITES [--model FILE]     a model as it is: on ade_corpus_v2, and its time

A fold leaves out one template family of the simulated notes, and a fifth of the case reports, abstracts and templates.
"""

import argparse
import hashlib
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from careloom.nlp.evaluate_relations import Link, Score, scores
from careloom.nlp.relations import MODEL, Relations
from careloom.runtime import packaged
from tools.ade_data import in_part, positives
from tools.relation_data import Known, as_known, everything, found
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


def cross_validated(known: Sequence[Known]) -> Mapping[str, Mapping[str, Score]]:
    """Source -> type -> score over all folds; of simulated notes also each family by itself."""
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


def adverse(suites: Path, component: Relations) -> Mapping[str, Mapping[str, Score]]:
    """How the model, which saw none of it, does on the sentences of ade_corpus_v2, and on the part to report on."""
    folder = suites / "ade_corpus_v2"
    all_of_it = positives(folder / "drug_ae.jsonl", folder / "drug_dose.jsonl")
    parts = {"ade_corpus_v2": all_of_it, "ade_corpus_v2, report": [s for s in all_of_it if in_part(s.pmid, "report")]}
    told = {}
    for name, sentences in parts.items():
        known = [as_known(one) for one in sentences if one.text.strip()]
        told[name] = scores([one.links for one in known], found(component, known))
    return told


def milliseconds(component: Relations, known: Sequence[Known]) -> tuple[float, float]:
    """Of a core for a simulated note, and for 250 words."""
    notes = [one.note for one in known if one.source == "simulated"]
    for note in notes[:50]:
        component.read(note)
    started = time.process_time()
    for note in notes:
        component.read(note)
    spent = (time.process_time() - started) * 1000
    return spent / len(notes), spent * 250 / sum(len(note.note.text.split()) for note in notes)


def shown(results: Mapping[str, Mapping[str, Score]]) -> None:
    """Prints a line for each source and type."""
    for source, each in results.items():
        print(f"\n{source}\n{'':20} {'gold':>6} {'P':>6} {'R':>6} {'F1':>6}")
        for name, score in each.items():
            numbers = " ".join(
                "     -" if n is None else f"{n:6.3f}" for n in (score.precision, score.recall, score.f1)
            )
            print(f"{name:20} {score.right + score.missed:6d} {numbers}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", type=Path)
    parser.add_argument("--folds", action="store_true")
    parser.add_argument("--model", type=Path, help="an archive; the one that ships unless told")
    parser.add_argument("--work", type=Path, help="folder with the simulated hospital; made where it is empty")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        known = list(everything(told.suites, told.work or Path(place) / "simulated", PATIENTS, SEED))
    if told.folds:
        shown(cross_validated(known))
        return
    component = Relations(told.model.read_bytes() if told.model else packaged("nlp", MODEL))
    shown(adverse(told.suites, component))
    note, words = milliseconds(component, known)
    print(f"\n{note:.2f} ms a simulated note, {words:.2f} ms for 250 words")


if __name__ == "__main__":
    main()
