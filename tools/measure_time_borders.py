"""What could be gained at the borders of time expressions, and how far annotators agree on them: MACCROBAT 2020.

    python tools/measure_time_borders.py [--suites DIR] [--final]

Prints, of the documents that the rules were written on (`seen.toml`): strict F1 of the rules, of borders that a
logistic model moves (ten folds by document), and how often two annotated expressions of different documents, found by
the same rule between the same two words, have the same borders. Then, of the documents that neither the rules nor the
tagger have seen, strict and overlap F1 of rules, tagger, and both together. With `--final` the logistic model is
trained on the former documents and scored on the others, once.
"""

import argparse
import os
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from careloom.nlp.corpora import Document, brat
from careloom.nlp.entities import MODEL, Entities, PackagedTagger
from careloom.nlp.evaluation import scored
from careloom.nlp.ner_material import fingerprint
from careloom.nlp.times import LABELS, Times
from careloom.nlp.times_rules import matches
from careloom.nlp.times_tokens import Token, tokenized
from careloom.runtime import packaged
from careloom.services.evaluate_nlp_corpora import seen_by_rules
from careloom.text.note import Note

TYPES = {"Date": "TIME", "Time": "TIME", "Duration": "TIME"}
FOLDS, SEED = 10, 1
FURTHEST = 6
"""Tokens that a border is moved by at most."""
Place = tuple[int, int]


@dataclass(frozen=True)
class Found:
    """An expression of a rule: its tokens, and those of the gold that overlaps it, None where none does."""

    document: str
    tokens: Sequence[Token]
    first: int
    last: int
    rule: str
    gold: Place | None

    def word(self, at: int) -> str:
        return self.tokens[at].text if 0 <= at < len(self.tokens) else ""

    def span(self, first: int, last: int) -> Place:
        return self.tokens[first].start, self.tokens[last - 1].end

    @property
    def moved(self) -> Place | None:
        """By how many tokens the annotator's borders lie elsewhere."""
        return None if self.gold is None else (self.gold[0] - self.first, self.gold[1] - self.last)

    def features(self) -> dict[str, bool]:
        """The rule, and the words beside the borders and inside them."""
        a, b, word = self.first, self.last, self.word
        shown = {
            "before": word(a - 1), "before that": f"{word(a - 2)} {word(a - 1)}", "first": word(a), "last": word(b - 1),
            "after": word(b), "after that": f"{word(b)} {word(b + 1)}", "around": f"{word(a - 1)} | {word(b)}",
        }  # fmt: skip
        plain = {f"{name}: {value}": True for name, value in shown.items()}
        return plain | {f"{self.rule}: {name}": True for name in plain} | {self.rule: True}


def found_in(document: Document, times: Times) -> list[Found]:
    tokens = tokenized(document.text)
    starts = {one.start: place for place, one in enumerate(tokens)}
    ends = {one.end: place + 1 for place, one in enumerate(tokens)}
    rules = {tokens[one.first].start: one.rule.name for one in matches(tokens) if one.rule.read}
    out = []
    for one in times.times(Note("", document.text)):
        gold = next((g for g in document.gold if g[0] < one.span.end and one.span.start < g[1]), None)
        place = (
            None if gold is None or gold[0] not in starts or gold[1] not in ends else (starts[gold[0]], ends[gold[1]])
        )
        out.append(Found(document.id, tokens, starts[one.span.start], ends[one.span.end], rules[one.span.start], place))
    return out


def model_of(some: Sequence[Found]) -> Callable[[Found], Place]:
    """Two logistic models, one a border; the classes are how far it moves."""
    told = [one for one in some if one.moved is not None and max(map(abs, one.moved)) <= FURTHEST]
    rows = [one.features() for one in told]
    both = [
        make_pipeline(DictVectorizer(), LogisticRegression(C=1.0, max_iter=300)).fit(
            rows, [one.moved[side] for one in told]
        )
        for side in (0, 1)
    ]

    def borders(one: Found) -> Place:
        start, end = (int(model.predict([one.features()])[0]) for model in both)
        first, last = one.first + start, one.last + end
        return one.span(first, last) if 0 <= first < last <= len(one.tokens) else one.span(one.first, one.last)

    return borders


def shown(name: str, documents: Sequence[Document], spans: Sequence[Sequence[Place]]) -> None:
    made = scored(documents, [[(*one, "TIME") for one in sorted(set(some))] for some in spans])
    print(f"{name:58} strict F1 {made.strict.total.f1:.3f}  overlap F1 {made.overlap.total.f1:.3f}")


def by_folds(documents: Sequence[Document], found: dict[str, list[Found]]) -> list[list[Place]]:
    ids = [one.id for one in documents]
    random.Random(SEED).shuffle(ids)
    out: dict[str, list[Place]] = {}
    for fold in range(FOLDS):
        out_of = set(ids[fold::FOLDS])
        borders = model_of([each for name in ids if name not in out_of for each in found[name]])
        out |= {name: [borders(each) for each in found[name]] for name in out_of}
    return [out[one.id] for one in documents]


def agreement(found: Sequence[Found]) -> tuple[int, float]:
    """Pairs of expressions of two documents in the same place of a sentence, and the share with the same borders."""
    groups: dict[tuple[str, ...], list[Found]] = defaultdict(list)
    for one in found:
        if one.gold is not None:
            groups[one.rule, one.word(one.first - 1), one.word(one.last)].append(one)
    pairs = [
        a.moved == b.moved for some in groups.values() for a, b in combinations(some, 2) if a.document != b.document
    ]
    return len(pairs), sum(pairs) / len(pairs)


def together(rules: Sequence[Place], tagger: Sequence[Place], *, takes_borders: bool, is_strict: bool) -> list[Place]:
    """The rules' spans: with the tagger's borders where one span of each meets; without those that it does not meet."""

    def met(one: Place, others: Sequence[Place]) -> list[Place]:
        return [other for other in others if other[0] < one[1] and one[0] < other[1]]

    out = []
    for one in rules:
        near = met(one, tagger)
        if near or not is_strict:
            is_pair = takes_borders and len(near) == 1 and len(met(near[0], rules)) == 1
            out.append(near[0] if is_pair else one)
    return out


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--suites", type=Path, default=Path(os.environ.get("CARELOOM_SUITES", "suites")))
    asked.add_argument("--final", action="store_true")
    given = asked.parse_args()
    paths = sorted((given.suites / "maccrobat2020").glob("*.ann"))
    texts = [
        (path.stem, path.with_suffix(".txt").read_text(encoding="utf-8"), path.read_text(encoding="utf-8"))
        for path in paths
    ]
    documents, known = [brat(*one, TYPES) for one in texts], seen_by_rules("times")
    times = Times()
    found = {one.id: found_in(one, times) for one in documents}
    spans = {name: [each.span(each.first, each.last) for each in some] for name, some in found.items()}
    seen, others = [one for one in documents if one.id in known], [one for one in documents if one.id not in known]
    print(f"{len(seen)} documents that the rules were written on")
    shown("rules", seen, [spans[one.id] for one in seen])
    shown("rules, borders by a logistic model, ten folds", seen, by_folds(seen, found))
    for name, some in (("these", seen), ("all", documents)):
        pairs, share = agreement([each for one in some for each in found[one.id]])
        print(f"same rule, word before and word after, of {name}: {pairs} pairs, same borders {share:.3f}")
    if given.final:
        borders = model_of([each for one in seen for each in found[one.id]])
        shown("rules, the other documents", others, [spans[one.id] for one in others])
        shown(
            "borders by a logistic model, the others",
            others,
            [[borders(each) for each in found[one.id]] for one in others],
        )
    by_tagger(documents, known, spans)


def by_tagger(documents: Sequence[Document], known: frozenset[str], spans: dict[str, list[Place]]) -> None:
    archive = packaged("nlp", MODEL)
    tagger = PackagedTagger(archive)
    unseen = [one for one in documents if fingerprint(one.text) not in set(tagger.card["seen"]) and one.id not in known]
    reader = Entities(tagger, "", "case_report")
    told = [
        [(each.span.start, each.span.end) for each in reader.find(one.text) if each.label in LABELS] for one in unseen
    ]
    rules = [spans[one.id] for one in unseen]
    print(f"{len(unseen)} documents that neither the rules nor the tagger have seen")
    shown("rules", unseen, rules)
    shown("tagger", unseen, told)
    for name, takes, strict in (
        ("rules with the tagger's borders", True, False),
        ("rules that the tagger meets", False, True),
        ("rules that the tagger meets, with its borders", True, True),
    ):
        both = [together(a, b, takes_borders=takes, is_strict=strict) for a, b in zip(rules, told, strict=True)]
        shown(name, unseen, both)


if __name__ == "__main__":
    main()
