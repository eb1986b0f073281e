"""What a sentence says of work, home, food, ways, people and safety: the rules of social.toml."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from careloom.nlp.social_words import Words
from careloom.runtime import packaged

_NAME = re.compile(r"<([a-z]+\d?)>")
_NEGATED = re.compile(
    r"(?:\b(?:no|not|denies|denied|without|never|negative for|cannot|isn't|aren't|wasn't|doesn't|don't|free of|nor"
    r"|neither|rather than|instead of|no evidence of|no longer)"
    r"(?: (?!(?:but|lives?|has|is|currently|now|feels?|reports?|who|works?|married|single|with)\b)[\w-]+,?){0,3}? ?)$"
)
_ANOTHER = re.compile(r"\band ?\Z")
_CLAUSE = re.compile(r"(?:miss|cancel|reschedul|los)\w+\b")
"""What begins another clause: ``no car and missed two visits`` denies the car alone."""
_KIN = (
    r"(?:husband|wife|spouse|partner|mother|father|mom|dad|parents?|brothers?|sisters?|siblings?|sons?|daughters?"
    r"|children|grandfather|grandmother|grandparents|uncle|aunt|cousin|family history|family|relatives?|household"
    r"|boyfriend|girlfriend|roommates?|friends?)"
)
_OTHERS = re.compile(
    rf"(?P<with>(?:\b(?:with|by|from|to|and|for|of) )?)(?:\b(?:his|her|their|both|the|a|an|patient's|whose|another"
    rf"|maternal|paternal|of|one|in|is|that) )*(?:[\w-]+ )?\b{_KIN}(?:'s)?(?P<who>,? (?:who|that)\b|:)?"
    r"(?P<between>(?: (?!but\b|he\b|she\b|patient|pt\b|they\b)[\w'-]+){0,5}) ?$"
)
_TOGETHER = re.compile(r"\b(?:he|she|patient|they) and $")
_DENIAL = re.compile(r"(?:no|not|without|lacks?|lacking|never|nobody|nowhere|unable|does not|doesn't|cannot)\b")
_KEY_END = re.compile(r" ?(?::|\||=|\?| -+ | – ) ?")
_HEAD = re.compile(r"(?:^|[.;,:|?=(*#>•-] ?)([a-z][a-z/() ]*(?:-[a-z]+)?[a-z)])$")
_PROBLEM = re.compile(r"insecur|instab|disorder|dependen|abuse|homeless|unemploy|lack|barrier|problem|concern")
PLAN = re.compile(
    r"no (?:medication )?changes?\b|continue|cont\b|chronic|monitor|unchanged|as above|same\b|plan|refer|am labs"
)
_FORMER = frozenset({"retired", "disabled"})
FAR = 90


@dataclass(frozen=True, slots=True)
class Statement:
    """What a sentence says of one determinant.

    start, end  in the folded sentence
    rank        of two that overlap the lower one wins
    value       what was named: a job, a language; empty
    """

    label: str
    status: str
    start: int
    end: int
    rank: int = 0
    value: str = ""
    amount: str = ""
    time: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the file, compiled.

    negated  the status of what is denied; empty where a denied one says nothing
    is_bare  counts only in a social history
    others   counts whoever stands before it
    """

    label: str
    status: str
    pattern: re.Pattern[str]
    negated: str
    is_bare: bool
    others: bool
    rank: int


@dataclass(frozen=True, slots=True)
class Form:
    """A line of a form: what stands before the colon, and what the words behind it mean."""

    label: str
    key: re.Pattern[str]
    values: tuple[tuple[str, re.Pattern[str]], ...]
    otherwise: str


def written_out(pattern: str, names: Mapping[str, str]) -> str:
    """A pattern with <names> in place."""
    return _NAME.sub(lambda found: names[found[1]], pattern)


def alternatives(lines: str, names: Mapping[str, str]) -> re.Pattern[str]:
    """One pattern of many lines, between bounds of words; the first that fits counts."""
    each = [written_out(line, names) for line in lines.strip().split("\n") if line]
    return re.compile(rf"(?<![\w-])(?:{'|'.join(f'(?:{one})' for one in each)})(?!\w)")


@cache
def _file(name: str) -> Mapping[str, Any]:
    return tomllib.loads(packaged("nlp", name).decode())


@cache
def rules() -> Mapping[str, tuple[Rule, ...]]:
    """Label -> its rules in order."""
    names = _named()
    return {
        label: tuple(
            Rule(
                label,
                rule["status"],
                alternatives(rule["patterns"], names),
                rule.get("negated", ""),
                rule.get("bare", False),
                rule.get("others", False),
                rank,
            )
            for rank, rule in enumerate(entry["rule"])
        )
        for label, entry in _file("social.toml").items()
        if label != "names"
    }


@cache
def _named() -> Mapping[str, str]:
    names: dict[str, str] = {}
    for name, pattern in _file("social.toml")["names"].items():
        names[name] = written_out(pattern, names)
    return names


@cache
def forms() -> Mapping[str, Form]:
    """Label -> how a form tells it."""
    names = _named()
    return {
        label: Form(
            label,
            re.compile(rf"(?:{entry['keys']})$"),
            tuple(
                (status, re.compile(rf"(?:{written_out(pattern, names)})"))
                for status, pattern in entry["values"].items()
            ),
            entry.get("otherwise", ""),
        )
        for label, entry in _file("social.toml").items()
        if label != "names"
    }


@cache
def words() -> Words:
    """The words of all rules, and of which label each is a sign."""
    known: set[str] = set()
    signs: list[tuple[str, str]] = []
    for name in ("social.toml", "social_substances.toml"):
        for label, entry in _file(name).items():
            known |= set(re.findall(r"[a-z]{5,}", str(entry)))
            if "on" in entry:
                signs += [(word, label) for word in entry["on"].split()]
            for named in entry.get("on_names", ()):
                signs += [(word, label) for word in re.findall(r"[a-z]{3,}", _file(name)["names"][named])]
    return Words(known, signs, _file("social_words.toml")["right"].split())


def statements(sentence: str, label: str, *, in_social: bool) -> list[Statement]:
    """What the rules of a label find in a folded sentence, by place, without overlaps."""
    found = [
        one
        for rule in rules()[label]
        if in_social or not rule.is_bare
        for match in rule.pattern.finditer(sentence)
        for one in _told(rule, sentence, match)
    ]
    return without_overlaps(found)


def is_of_another(before: str) -> bool:
    """True where a relative is the subject of what follows: "her father was a", not "lives with her father and"."""
    found = _OTHERS.search(before)
    if found is None:
        return False
    if found["with"].strip() in ("with", "by", "from", "to") and not found["who"]:
        return False
    if _TOGETHER.search(before, 0, found.end("with")):
        return False
    return not re.search(r"\band\b", found["between"])


def _told(rule: Rule, sentence: str, match: re.Match[str]) -> Iterator[Statement]:
    before = sentence[max(0, match.start() - FAR) : match.start()]
    if not rule.others and is_of_another(before):
        return
    status, rank = rule.status, rule.rank
    denied = None if _DENIAL.match(match[0]) else _NEGATED.search(before)
    if denied and _ANOTHER.search(denied[0]) and _CLAUSE.match(match[0]):
        denied = None
    if denied:
        if not rule.negated:
            return
        status = rule.negated
        yield Statement(rule.label, status, match.start() - len(denied[0]), match.end(), rank)
        return
    yield Statement(rule.label, status, match.start(), match.end(), rank)


def without_overlaps(found: list[Statement]) -> list[Statement]:
    """Of statements that overlap the one of the lowest rank, then the longest; neighbours that say the same are one."""
    kept: list[Statement] = []
    for one in sorted(found, key=lambda each: (each.rank, each.start - each.end, each.start)):
        if all(one.end <= other.start or other.end <= one.start for other in kept):
            kept.append(one)
    kept.sort(key=lambda each: each.start)
    return kept


def answers(sentence: str, keys: Mapping[str, Form]) -> list[Statement]:
    """What lines of a form say, by place: the label of each key and the status of the words behind its colon."""
    found: list[tuple[int, int, Form, bool]] = []
    for colon in _KEY_END.finditer(sentence, 2):
        head = _HEAD.search(sentence, max(0, colon.start() - FAR), colon.start())
        if head is None:
            continue
        for form in keys.values():
            if form.key.fullmatch(head[1]):
                found.append((head.start(1), colon.end(), form, _PROBLEM.search(head[1]) is not None))
                break
    ends = [*(one[0] for one in found[1:]), len(sentence)][: len(found)]
    told = (
        _answer(sentence, form, start=start, end=end, is_problem=is_problem)
        for (_, start, form, is_problem), end in zip(found, ends, strict=True)
    )
    return [one for one in told if one is not None]


def _answer(sentence: str, form: Form, *, start: int, end: int, is_problem: bool) -> Statement | None:
    rest = sentence[start:end]
    start += len(rest) - len(rest.lstrip(" -([x]"))
    rest = sentence[start:end]
    if PLAN.match(rest) or (is_problem and rest.startswith("stable")):
        return None
    for status, pattern in form.values:
        if value := pattern.match(rest):
            return Statement(form.label, status, start, start + max(len(value[0].rstrip(" .;,|")), 1))
    if form.otherwise and (value := re.match(r"[^.;,(|]{2,40}", rest)):
        for status, pattern in form.values:
            if status in _FORMER and (later := pattern.search(rest, 0, FAR)):
                return Statement(form.label, status, start, start + len(later.string[: later.end()]))
        return Statement(form.label, form.otherwise, start, start + len(value[0].rstrip()))
    return None
