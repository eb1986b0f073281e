"""How well mentions are given codes, cross-validated.

    python tools/measure_nlp_linking.py SUITES [--errors N]

The mentions are those of diseases in BC5CDR and NCBI disease, by document: those of a fold are looked for in a
vocabulary, and ranked by weights, that know the other folds' mentions only. A distinct pair of mention and concept
counts once a fold; any accepted DO or MONDO id is right. The reader as it is: `careloom evaluate nlp`, tasks
normalization_gold and codes.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

from linking_folds import FOLDS, Corpus, corpus, examples, ids_of, table_without
from train_linking import Fold, fit, fit_sureness, judged, ranking

from careloom.nlp.evaluate_linking import Answer, accuracy, calibration_error, refusals
from careloom.nlp.evaluation import interval
from careloom.nlp.linking_codes import Coder
from careloom.nlp.linking_scorer import sureness
from careloom.nlp.linking_table import NameTable
from careloom.terminology.packaged import PACKAGED
from careloom.terminology.systems import ICD_10_CM, SNOMED_CT

Told = dict[str, list[Answer]]


def shown(name: str, answers: list[Answer]) -> None:
    score = accuracy(answers)
    first, five = score.at_1, score.at_5
    print(
        f"{name:32} n={first.trials:5}  at 1 {first.share or 0:.3f} [{first.low:.3f}, {first.high:.3f}]"
        f"  at 5 {five.share or 0:.3f}  weighted {score.weighted or 0:.3f}"
    )


def _answers(table: NameTable, fold: Fold, weights: object, sure: tuple, coder: Coder) -> dict[str, Told]:
    """measure -> corpus -> answers of a fold."""
    found: dict[str, Told] = defaultdict(lambda: defaultdict(list))
    for example in fold[1]:
        best = ranking(table, example, weights)
        score = float(1 / (1 + pow(2.718281828, -(float(sureness(best) @ sure[0]) + sure[1])))) if best else 0.0
        meanings = [table.meaning_of(each.meaning) for each in best[:5]]
        ids = tuple(frozenset(ids_of(table, each.meaning)[0]) for each in best[:5])
        own = tuple(frozenset((*ids_of(table, each.meaning)[0], *ids_of(table, each.meaning)[1])) for each in best[:5])
        coded = [coder.codes(meaning, "PROBLEM") for meaning in meanings]

        def of(system: str, coded: list = coded) -> tuple[frozenset[str], ...]:
            return tuple(frozenset(code for each, code, _ in codes if each == system) for codes in coded)

        gold, times = example.gold, example.times
        found["DO or MONDO"][example.source].append(Answer(ids, gold.ids, score, times))
        found["SNOMED CT"][example.source].append(Answer(of(SNOMED_CT), gold.snomed, score, times))
        icd10cm = of(ICD_10_CM)
        found["ICD-10-CM"][example.source].append(Answer(icd10cm, gold.icd10cm, score, times))
        short = tuple(frozenset(code[:3] for code in codes) for codes in icd10cm)
        found["ICD-10-CM category"][example.source].append(
            Answer(short, frozenset(code[:3] for code in gold.icd10cm if "-" not in code), score, times)
        )
        found["any"][example.source].append(Answer(own, gold.ids or frozenset((example.concept,)), score, times))
    return found


def corpora(suites: Path, errors: int) -> None:
    held: Corpus = corpus(suites)
    folds = []
    for number in range(FOLDS):
        table = table_without(suites, held, number)
        folds.append((table, list(examples(table, held, number))))
    coder = Coder(PACKAGED)
    told: dict[str, Told] = defaultdict(lambda: defaultdict(list))
    per_fold, misses = [], []
    for place, (table, made) in enumerate(folds):
        others = [fold for number, fold in enumerate(folds) if number != place]
        weights = fit([each for _, those in others for each in those])
        rankings = [one for other, those in others for one in judged(other, those, weights)]
        found = _answers(table, (table, made), weights, fit_sureness(rankings), coder)
        for name, by_source in found.items():
            for source, answers in by_source.items():
                told[name][source] += answers
        per_fold.append([each for answers in found["DO or MONDO"].values() for each in answers if each.gold])
        for example in made:
            best = ranking(table, example, weights)
            if example.gold.ids and not (best and ids_of(table, best[0].meaning)[0] & example.gold.ids):
                names = [table.meaning_of(each.meaning).display for each in best[:3]]
                misses.append((example.mention, example.concept, any(example.hits), names))
    for name, by_source in told.items():
        if name != "any":
            shown(name, [each for answers in by_source.values() for each in answers])
            for source, answers in sorted(by_source.items()):
                shown(f"  {source}", answers)
    print("folds:", " ".join(f"{accuracy(each).at_1.share:.3f}/{accuracy(each).at_5.share:.3f}" for each in per_fold))
    every = [each for answers in told["any"].values() for each in answers]
    print(f"calibration error {calibration_error(every):.3f}")
    for level in (0.1, 0.2, 0.3, 0.4, 0.5):
        of = refusals(every, level)
        print(
            f"threshold {level}: refusals right {of.precision.share:.3f}, wrong ones refused {of.recall.share:.3f},"
            f" right ones kept {of.kept.share:.3f}"
        )
    ends = interval([(each.is_right(), 1) for each in every if each.gold])
    print(f"bootstrap over mentions, with findings outside DO and MONDO: {ends}")
    for mention, concept, is_found, names in misses[:: max(1, len(misses) // errors)] if errors else []:
        print(f"  {mention} ({concept}{'' if is_found else ', not found'}): {'; '.join(names)}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure how well mentions are given codes.")
    parser.add_argument("suites", type=Path)
    parser.add_argument("--errors", type=int, default=0, metavar="N")
    asked = parser.parse_args()
    corpora(asked.suites, asked.errors)
    return 0


if __name__ == "__main__":
    sys.exit(main())
