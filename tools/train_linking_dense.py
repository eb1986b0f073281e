"""Trains the option of linking that ranks the likeliest names anew by the encoder: `models/linking-dense.zip`.

    python tools/train_linking_dense.py SUITES [--out FILE] [--vectors FILE]

A linear map of the encoder's vectors is learnt from pairs of names of one meaning of the vocabulary of diseases (its
own names and synonyms; no mention of a corpus), each against the other pairs of its batch. Then the weights of the
features and of the two that the map adds are learnt as tools/train_linking.py does, from the names that it puts
first. Prints, by fold, how often the best meaning is right with the option and without. `--vectors` keeps the vectors
of all names, so that they are not made anew: a minute of a core.
"""

import argparse
import io
import sys
import zipfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from linking_folds import FOLDS, Example, corpus
from nlp_model_cards import linking_card
from train_linking import Fold, fit, fit_sureness, folds_of, judged, threshold

from careloom.nlp.entities import MODEL
from careloom.nlp.linking_dense import DENSE, LOOKED_AT, Map
from careloom.nlp.linking_features import FEATURES
from careloom.nlp.linking_scorer import packed, sureness
from careloom.nlp.linking_table import KINDS, NameTable
from careloom.runtime import packaged
from careloom.text.vectors import Encoder, model_digest

OUTPUT = Path(__file__).parents[1] / "src/careloom/nlp/models/linking-dense.zip"
WIDTH, EPOCHS, BATCH, RATE, TEMPERATURE, SEED = 128, 6, 512, 1e-3, 0.05, 0
LAYER_FROM_LAST = 3
"""The layer norm whose output is taken: what follows serves the tagger more than names. Chosen of four by folds."""
Vectors = Mapping[str, np.ndarray]


def tensor_of(archive: bytes) -> str:
    """The name of the tensor that is taken."""
    with zipfile.ZipFile(io.BytesIO(archive)) as members:
        graph = onnx.load_from_string(members.read("model.onnx")).graph
    return [node.output[0] for node in graph.node if node.op_type == "LayerNormalization"][-LAYER_FROM_LAST]


def vectors_of(texts: Sequence[str], encoder: Encoder, kept: Path | None) -> Vectors:
    """Text -> what the encoder makes of it, in batches: rounding to 8 bits differs a little from that of each alone."""
    known: dict[str, np.ndarray] = {}
    if kept is not None and kept.exists():
        with np.load(kept) as held:
            known = dict(zip(held["texts"].tolist(), held["vectors"], strict=True))
    missing = [text for text in texts if text not in known]
    known |= dict(zip(missing, encoder.vectors(missing), strict=True)) if missing else {}
    if kept is not None:
        np.savez(kept, texts=np.array(list(known)), vectors=np.array(list(known.values())))
    return known


def map_of(table: NameTable, vectors: Vectors) -> dict[str, np.ndarray]:
    """mean, weights and scales of the map that brings the names of one meaning together."""
    groups: dict[int, list[str]] = defaultdict(list)
    for name, meaning, kind in zip(table.names, table.meaning, table.kinds, strict=True):
        if KINDS[kind] != "m" and name in vectors:
            groups[meaning].append(name)
    several = [names for _, names in sorted(groups.items()) if len(names) > 1]
    mean = np.mean([vectors[name] for names in groups.values() for name in names], axis=0)
    chance = np.random.default_rng(SEED)
    torch.manual_seed(SEED)
    layer = torch.nn.Linear(len(mean), WIDTH, bias=False)
    steps = torch.optim.Adam(layer.parameters(), lr=RATE)
    for _ in range(EPOCHS):
        chance.shuffle(several)
        for start in range(0, len(several) - BATCH // 2, BATCH):
            pairs = [chance.choice(names, 2, replace=False) for names in several[start : start + BATCH]]
            one, other = (_unit(layer(_rows([pair[side] for pair in pairs], vectors, mean))) for side in (0, 1))
            likeness, right = one @ other.T / TEMPERATURE, torch.arange(len(pairs))
            loss = torch.nn.functional.cross_entropy(likeness, right)
            loss = (loss + torch.nn.functional.cross_entropy(likeness.T, right)) / 2
            steps.zero_grad()
            loss.backward()
            steps.step()
    weights = layer.weight.detach().numpy().T
    scales = np.abs(weights).max(axis=0) / 127
    return {
        "mean": mean.astype(np.float16),
        "weights": np.rint(weights / scales).astype(np.int8),
        "scales": scales.astype(np.float32),
    }


def _rows(names: Sequence[str], vectors: Vectors, mean: np.ndarray) -> torch.Tensor:
    return _unit(torch.tensor(np.array([vectors[name] for name in names]) - mean, dtype=torch.float32))


def _unit(rows: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(rows, dim=1)


def first_ones(table: NameTable, example: Example, weights: np.ndarray, mapped: Vectors) -> Example:
    """An example with the names that `weights` put first, and the features that the map adds."""
    if not example.found:
        return replace(example, rows=np.zeros((0, len(FEATURES) + len(DENSE)), dtype=np.float32))
    best = np.argsort(-(example.rows @ weights), kind="stable")[:LOOKED_AT]
    found = [example.found[at] for at in best]
    nothing = np.zeros(WIDTH, dtype=np.float32)
    near = np.array(
        [
            mapped.get(example.query.forms[each.variant], nothing) @ mapped.get(table.names[each.number], nothing)
            for each in found
        ]
    )
    rows = np.concatenate([example.rows[best], np.stack([near, near.max() - near], axis=1)], axis=1)
    return replace(example, found=found, rows=rows.astype(np.float32), hits=[example.hits[at] for at in best])


def texts_of(folds: Sequence[Fold]) -> list[str]:
    """Every form that is looked for, every name that is found for one, and every name of the vocabulary."""
    found = {form for _, made in folds for each in made for form in each.query.forms}
    found |= {table.names[each.number] for table, made in folds for one in made for each in one.found}
    return sorted(found | set(folds[0][0].names))


def weights_without(folds: Sequence[Fold]) -> list[np.ndarray]:
    """For each fold the weights that the others teach."""
    return [
        fit([each for number, (_, those) in enumerate(folds) if number != place for each in those])
        for place in range(FOLDS)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Train the option of linking that ranks anew.")
    parser.add_argument("suites", type=Path)
    parser.add_argument("--out", type=Path, default=OUTPUT)
    parser.add_argument("--vectors", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    archive = packaged("nlp", MODEL)
    tensor = tensor_of(archive)
    folds = folds_of(asked.suites, corpus(asked.suites))
    vectors = vectors_of(texts_of(folds), Encoder(archive, tensor), asked.vectors)
    arrays = map_of(folds[0][0], vectors)
    linear = Map(arrays["mean"], arrays["weights"], arrays["scales"])
    mapped = {text: linear.of(vector) for text, vector in vectors.items()}
    plain = weights_without(folds)
    anew = [
        (table, [first_ones(table, each, weights, mapped) for each in made])
        for (table, made), weights in zip(folds, plain, strict=True)
    ]
    out_of_fold = scored(folds, plain, anew)
    sure, bias = fit_sureness(out_of_fold)
    scores = np.array(
        [1 / (1 + np.exp(-(sureness(found) @ sure + bias))) if found else 0.0 for found, _ in out_of_fold]
    )
    answerable = np.array([any(each.hits) for _, made in anew for each in made])
    level = threshold(scores, np.array([right for _, right in out_of_fold]), answerable)
    card = linking_card(level, len(out_of_fold)) | {
        "name": "linking-dense-en", "script": "tools/train_linking_dense.py",
        "command": "python tools/train_linking_dense.py SUITES", "features": (*FEATURES, *DENSE),
        "encoder": model_digest(archive), "tensor": tensor,
    }  # fmt: skip
    held = io.BytesIO()
    np.savez(held, **arrays)
    weights = fit([each for _, made in anew for each in made])
    content = packed(
        {"weights": weights, "sure": sure, "sure_bias": np.array(bias)}, card, {"map.npz": held.getvalue()}
    )
    asked.out.write_bytes(content)
    print(f"{asked.out.name}: {len(content):,} bytes")
    return 0


def scored(folds: Sequence[Fold], plain: Sequence[np.ndarray], anew: Sequence[Fold]) -> list:
    """Rankings anew, each by weights that were learnt without its fold; prints how often the best is right."""
    out, total, right = [], 0, [0, 0]
    for place, weights in enumerate(weights_without(anew)):
        told = [judged(*folds[place], plain[place]), judged(*anew[place], weights)]
        out += told[1]
        known = [bool(each.gold.ids) for each in folds[place][1]]
        hits = [sum(is_right for (_, is_right), has in zip(some, known, strict=True) if has) for some in told]
        total, right = total + sum(known), [right[0] + hits[0], right[1] + hits[1]]
        print(f"fold {place}: {sum(known)} pairs, right at 1 without {hits[0]}, with {hits[1]}", flush=True)
    print(f"all: {total} pairs, at 1 without {right[0] / total:.4f}, with {right[1] / total:.4f}", flush=True)
    return out


if __name__ == "__main__":
    sys.exit(main())
