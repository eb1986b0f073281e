"""Groups words by the words that they stand beside, so that a word which the section model never met still says much.

    CARELOOM_SUITES=... python tools/make_word_classes.py [--out src/careloom/nlp/models/word-classes.json.gz]

Counts neighbours up to three words away in biomedical sentences, visit notes and dialogues, weighs them by positive
pointwise mutual information (Levy & Goldberg 2014, context distribution smoothed by 0.75), takes 64 singular vectors
and groups them by k-means twice, coarse and fine. The same data gives the same bytes on one machine.
"""

import argparse
import gzip
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from sklearn.cluster import MiniBatchKMeans
from sklearn.utils.extmath import randomized_svd

OUT = Path("src/careloom/nlp/models/word-classes.json.gz")
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
WORDS_AT_MOST, SEEN_LEAST = 22_000, 4
NEIGHBOURS, REACH = 8_000, 3
WIDTH, GROUPS = 64, (100, 300)
SMOOTHED = 0.75
SOURCES = [
    {"name": "raw_text_biomed", "licence": "CC BY 4.0 and as its parts"},
    {"name": "ACI-Bench", "licence": "CC BY 4.0"},
    {"name": "MTS-Dialog, train and valid", "licence": "CC BY 4.0"},
]


def texts(suites: Path) -> Iterator[str]:
    """Every sentence or line that is counted."""
    with gzip.open(suites / "raw_text_biomed" / "sentences.txt.gz", "rt", encoding="utf-8", errors="ignore") as lines:
        yield from lines
    for part in ("train", "valid", "test1"):
        for line in (suites / "aci_bench" / f"{part}.jsonl").read_text("utf-8").splitlines():
            visit = json.loads(line)
            yield from visit["note"].split("\n")
            yield from visit["dialogue"].split("\n")
    for part in ("train", "valid"):
        for line in (suites / "mts_dialog" / f"{part}.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            yield row["section_text"]
            yield from row["dialogue"].split("\n")


def counted(lines: Sequence[Sequence[int]], size: int) -> Any:
    """How often each word has each neighbour: near ones and farther ones, before and behind, apart."""
    rows, columns = [], []
    for distance in range(1, REACH + 1):
        left = np.array([word for line in lines for word in line[:-distance]])
        right = np.array([word for line in lines for word in line[distance:]])
        known = (left >= 0) & (right >= 0)
        left, right = left[known], right[known]
        near = NEIGHBOURS if distance == 1 else 0
        for word, neighbour, offset in ((left, right, near), (right, left, near + 2 * NEIGHBOURS)):
            frequent = neighbour < NEIGHBOURS
            rows.append(word[frequent])
            columns.append(neighbour[frequent] + offset)
    places = (np.concatenate(rows), np.concatenate(columns))
    table = coo_matrix((np.ones(len(places[0]), np.float32), places), shape=(size, 4 * NEIGHBOURS)).tocsr()
    table.sum_duplicates()
    return table


def weighed(table: Any) -> Any:
    """Positive pointwise mutual information of counts."""
    words = np.asarray(table.sum(axis=1)).ravel()
    neighbours = np.asarray(table.sum(axis=0)).ravel() ** SMOOTHED
    cells = table.tocoo()
    value = np.log(cells.data / (words[cells.row] * (neighbours / neighbours.sum())[cells.col]))
    kept = value > 0
    return coo_matrix((value[kept], (cells.row[kept], cells.col[kept])), shape=table.shape).tocsr()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    lines = [WORD.findall(text.lower()) for text in texts(Path(os.environ["CARELOOM_SUITES"]))]
    seen = Counter(word for line in lines for word in line)
    names = [word for word, amount in seen.most_common(WORDS_AT_MOST) if amount >= SEEN_LEAST]
    place = {word: number for number, word in enumerate(names)}
    table = weighed(counted([[place.get(word, -1) for word in line] for line in lines], len(names)))
    left, strength, _ = randomized_svd(table, WIDTH, n_iter=3, random_state=0)
    vectors = left * np.sqrt(strength)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9
    groups = [
        MiniBatchKMeans(count, random_state=0, n_init=2, batch_size=4096).fit_predict(vectors) for count in GROUPS
    ]
    classes = {word: [int(group[number]) for group in groups] for word, number in sorted(place.items())}
    content = json.dumps({"sources": SOURCES, "classes": classes}, ensure_ascii=False, separators=(",", ":")).encode()
    asked.out.write_bytes(gzip.compress(content, 9, mtime=0))
    print(f"{asked.out}: {len(classes)} words, {asked.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
