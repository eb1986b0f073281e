"""What a text looks like as counted features, to tell the section it comes from when no title says so.

Words and pairs of words (numbers are one word), beginnings and ends of words, how the text begins and ends, how long it
is, cues by group (section_cues.toml: relatives, doses, organs examined, plans...) by presence and by share, verbs,
person, capitals, numbers and marks, and groups of words that stand beside the same words in other texts. The same
function serves training and use.
"""

import gzip
import json
import math
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from functools import cache
from itertools import pairwise

from careloom.runtime import packaged

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+|[^\w\s]")
_VERB = re.compile(r"\b(?:is|has|was|had|were|are|will|would|denies|states|does|did|been|have)\b")
_THIRD = re.compile(r"\b(?:he|she|patient|his|her)\b")
_FIRST = re.compile(r"\b(?:i|we|my|me|our)\b")
_CAPITALS = re.compile(r"\b[A-Z]{2,}\b")
_ITEM = re.compile(r"(?:^|\s)\d+\.\s")
_LONGEST = 4000
"""Characters that are looked at: what follows says no more about the kind."""


@cache
def cues() -> Mapping[str, re.Pattern[str]]:
    """The groups of cue words of the package."""
    table = tomllib.loads(packaged("nlp", "section_cues.toml").decode())["cues"]
    return {name: re.compile(words, re.IGNORECASE) for name, words in table.items()}


@cache
def word_classes() -> Mapping[str, tuple[int, ...]]:
    """Word -> its coarse and its fine group, of words that stand beside the same words (tools/make_word_classes.py)."""
    table = json.loads(gzip.decompress(packaged("nlp", "models/word-classes.json.gz")))
    return {word: tuple(groups) for word, groups in table["classes"].items()}


def features(text: str) -> dict[str, float]:
    """How much there is of each feature in `text`: of words about 1 in all, of the others at most 1.5 each."""
    text = text[:_LONGEST]
    lower = text.lower()
    tokens = ["0" if token[0].isdigit() else token for token in _TOKEN.findall(lower)]
    words = [token for token in tokens if token[0].isalnum()]
    found = _grams(tokens, words)
    found |= _shape(text, lower, words)
    found |= _classes(words)
    count = max(1, len(words))
    for name, pattern in cues().items():
        hits = len(pattern.findall(text))
        if hits:
            found[f"cue {name}"] = 0.5
            found[f"share {name}"] = min(1.5, 6 * hits / count)
            found[f"count {name}"] = min(1.0, math.log1p(hits) / 3)
    return found


def _grams(tokens: list[str], words: list[str]) -> dict[str, float]:
    counted = Counter(f"w {token}" for token in tokens)
    counted.update(f"w {first} {second}" for first, second in pairwise(tokens))
    parts: Counter[str] = Counter()
    for word in set(words):
        if len(word) > 4:
            parts[f"p {word[:4]}"] += 1
            parts[f"e {word[-4:]}"] += 1
    found: dict[str, float] = {}
    for group in (counted, parts):
        weighed = {name: 1 + math.log(amount) for name, amount in group.items()}
        norm = math.sqrt(sum(amount * amount for amount in weighed.values())) or 1.0
        found |= {name: amount / norm for name, amount in weighed.items()}
    return found


def _classes(words: list[str]) -> dict[str, float]:
    known = word_classes()
    found: dict[str, float] = {}
    groups = [known[word] for word in words if word in known]
    for level, prefix in enumerate(("k", "l")):
        weighed = {f"{prefix} {group}": 1 + math.log(n) for group, n in Counter(one[level] for one in groups).items()}
        norm = math.sqrt(sum(amount * amount for amount in weighed.values())) or 1.0
        found |= {name: amount / norm for name, amount in weighed.items()}
    return found


def _shape(text: str, lower: str, words: list[str]) -> dict[str, float]:
    count = max(1, len(words))
    verbs = _VERB.findall(lower)
    shape = {
        f"starts {' '.join(words[:1])}": 0.5,
        f"starts {' '.join(words[:2])}": 0.5,
        f"starts {' '.join(words[:3])}": 0.5,
        f"ends {' '.join(words[-2:])}": 0.3,
        f"length {int(math.log2(count))}": 0.5,
        "capitals": min(1.0, len(_CAPITALS.findall(text)) / count),
        "digits": min(1.0, 3 * sum(map(str.isdigit, text)) / max(1, len(text))),
        "commas": min(1.0, 2 * text.count(",") / count),
        "colons": min(1.0, 3 * text.count(":") / count),
        "items": min(1.0, len(_ITEM.findall(text)) / 4),
        "no verb": 0.0 if verbs else 0.6,
        "third person": min(0.6, 5 * len(_THIRD.findall(lower)) / count),
        "first person": min(0.6, 8 * len(_FIRST.findall(lower)) / count),
    }
    if len(words) <= 5:
        shape[f"whole {' '.join(words)}"] = 1.5
    for verb in ("was", "is", "has", "will", "had"):
        shape[f"verb {verb}"] = min(0.6, 6 * verbs.count(verb) / count)
    return {name: amount for name, amount in shape.items() if amount}
