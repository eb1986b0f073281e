"""How well mentions are given codes.

    python tools/measure_nlp_linking.py SUITES [--simulated PATIENTS] [--errors N] [--only corpora|simulated]

normalization_gold  disease mentions of BC5CDR and NCBI disease, cross-validated by document: the mentions of a fold
                    are looked for in a vocabulary, and ranked by weights, that know the other folds' mentions only. A
                    distinct pair of mention and concept counts once a fold; any accepted DO or MONDO id is right
simulated notes     gold spans in notes of simulated patients, family by family. SNOMED CT and ICD-10-CM: the codes of
                    the record, of ICD-10-CM also the category; RxNorm: an ingredient of the drug; LOINC: a code of the
                    test
"""

import argparse
import sys
import time
from collections import defaultdict
from pathlib import Path

from linking_folds import FOLDS, Corpus, corpus, examples, ids_of, table_without
from train_linking import Fold, fit, fit_sureness, judged, ranking

from careloom.nlp.evaluate_linking import Answer, accuracy, bootstrapped, calibration_error, refusals
from careloom.nlp.linking import Linker
from careloom.nlp.linking_codes import Coder
from careloom.nlp.linking_scorer import sureness
from careloom.nlp.linking_table import NameTable
from careloom.simulate.draw import Draw
from careloom.simulate.hospital import build_hospital
from careloom.simulate.narrative.family import families
from careloom.simulate.notes import NotePlan, SimulatedNote, notes_of
from careloom.simulate.patients import simulate_patient
from careloom.terminology.packaged import PACKAGED, lookup
from careloom.terminology.systems import CVX, ICD_10_CM, LOINC, RXNORM, SNOMED_CT
from careloom.text.note import AnnotatedNote, Annotation, Note, Span

LABELS = {
    "problem": "PROBLEM", "symptom": "SYMPTOM", "finding": "SYMPTOM", "test": "TEST", "drug": "MEDICATION",
    "procedure": "PROCEDURE", "vaccine": "MEDICATION",
}  # fmt: skip
WANTED = (
    ("problem", "SNOMED CT"), ("problem", "ICD-10-CM"), ("problem", "category"), ("symptom", "category"),
    ("finding", "category"), ("drug", "ingredient"), ("vaccine", "CVX"), ("test", "LOINC"), ("procedure", "SNOMED CT"),
)  # fmt: skip
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
    low, high = bootstrapped(
        [[each] for each in every if each.gold], lambda some: accuracy(some).at_1.share or 0, 200, 0
    )
    print(f"bootstrap over mentions, with findings outside DO and MONDO: [{low:.3f}, {high:.3f}]")
    for mention, concept, is_found, names in misses[:: max(1, len(misses) // errors)] if errors else []:
        print(f"  {mention} ({concept}{'' if is_found else ', not found'}): {'; '.join(names)}")


def _ingredients(code: str) -> set[str]:
    """A drug's code and those of its ingredients, salts among them."""
    concept = lookup(RXNORM, code)
    return {code, *(concept.properties.get("ingredient", ()) if concept else ())}


def _gold(label: str, want: str, codes: tuple[tuple[str, str], ...]) -> frozenset[str]:
    systems = {"SNOMED CT": SNOMED_CT, "ICD-10-CM": ICD_10_CM, "category": ICD_10_CM, "LOINC": LOINC, "CVX": CVX,
               "ingredient": RXNORM}  # fmt: skip
    held = {code for system, code in codes if system == systems[want]}
    if want == "category":
        return frozenset(code[:3] for code in held)
    if want == "ingredient":
        return frozenset(each for code in held for each in _ingredients(code) if each != code)
    return frozenset(held)


def _told(annotation: Annotation, gold_codes: tuple[tuple[str, str], ...], label: str, want: str) -> Answer | None:
    gold = _gold(label, want, gold_codes)
    if not gold:
        return None
    ranks: dict[int, set[tuple[str, str]]] = defaultdict(set)
    for each in annotation.codes:
        ranks[each.rank].add((each.system, each.code))
    answered = tuple(
        _gold(label, want, tuple(ranks[rank]))
        | frozenset(code for system, code in ranks[rank] if want == "ingredient" and system == RXNORM)
        for rank in sorted(ranks)
    )
    return Answer(answered, gold, annotation.codes[0].score if annotation.codes else 0.0)


def _annotated(note: SimulatedNote) -> tuple[AnnotatedNote, list[tuple[str, tuple[tuple[str, str], ...]]]]:
    spans = [span for span in note.gold.spans if span.kind == "entity" and span.label in LABELS and span.codes]
    made = tuple(Annotation(Span(span.start, span.end), LABELS[span.label]) for span in spans)
    return AnnotatedNote(Note("n", note.text), annotations=made), [(span.label, tuple(span.codes)) for span in spans]


def simulated(patients: int, seed: int, errors: int) -> None:
    began = time.process_time()
    linker = Linker.packaged()
    linker.link("fever", "SYMPTOM")
    print(f"loaded and first answer: {time.process_time() - began:.2f} s")
    hospital = build_hospital(seed)
    for family in families():
        answers: Told = defaultdict(list)
        wrong: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        spent, notes, mentions = 0.0, 0, 0
        for number in range(1, patients + 1):
            history = simulate_patient(number, seed, hospital=hospital)
            for note in notes_of(history, hospital, Draw(seed, number, "notes"), NotePlan(families=(family,))):
                annotated, gold = _annotated(note)
                began = time.process_time()
                read = linker.read(annotated)
                spent, notes, mentions = spent + time.process_time() - began, notes + 1, mentions + len(gold)
                for annotation, (label, codes) in zip(read.annotations, gold, strict=True):
                    for want_label, want in WANTED:
                        told = _told(annotation, codes, label, want) if label == want_label else None
                        if told is not None:
                            answers[f"{label} {want}"].append(told)
                            if not told.is_right():
                                text = annotation.span.of(note.text).lower()
                                wrong[f"{label} {want}"][text] += [each.display for each in annotation.codes[:1]] or [
                                    "-"
                                ]
        print(
            f"\n{family}: {notes} notes, {mentions / notes:.1f} mentions and {1000 * spent / notes:.2f} ms CPU a note"
        )
        for name, told_ones in answers.items():
            shown(f"  {name}", told_ones)
            most = sorted(wrong[name].items(), key=lambda item: -len(item[1]))[:errors]
            if most:
                print("     ", "; ".join(f"{text} -> {those[0]} ({len(those)})" for text, those in most))


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure how well mentions are given codes.")
    parser.add_argument("suites", type=Path)
    parser.add_argument("--simulated", type=int, default=40, metavar="PATIENTS")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--errors", type=int, default=0, metavar="N")
    parser.add_argument("--only", choices=("corpora", "simulated"))
    asked = parser.parse_args()
    if asked.only != "simulated":
        corpora(asked.suites, asked.errors)
    if asked.only != "corpora":
        simulated(asked.simulated, asked.seed, asked.errors)
    return 0


if __name__ == "__main__":
    sys.exit(main())
