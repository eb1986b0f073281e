"""What a sentence says of tobacco, alcohol and drugs: triggers, and the cues around them that tell the status."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from careloom.nlp.social_rules import Form, Statement, alternatives
from careloom.runtime import packaged

LABELS = ("TOBACCO", "ALCOHOL", "DRUG_USE")
ORDER = ("never", "none", "past", "current")
_OTHERS = re.compile(
    r"(?:^|[,;(.] ?|\b(?:his|her|their|both|patient's|family|the|by|from|maternal|paternal|in|a|and) )(?:[\w-]+ )?"
    r"(?:husband|wife|spouse|mother|father|mom|dad|parents|brother|sister|siblings|son|daughter|grandfather|uncle|aunt|"
    r"grandmother|family history|family|boyfriend|girlfriend|roommates?|household|relatives?|partner)(?:'s)?"
    r"(?: (?!lives?\b|patient|pt\b|he\b|she\b|but\b)[\w'-]+){0,4} ?$"
)
_TIME = re.compile(
    r"(?:for|x|since|over|times)(?: (?:the )?(?:past|last|about|approximately|over|more than|at least|greater than|nearly))*"
    r" ?(?:age (?:of )?)?(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|twenty|thirty|forty|fifty|many|several)"
    r"(?: ?(?:-|to) ?\d+)? ?(?:years?|months?|weeks?|decades?|days?|y\b)?"
    r"|(?:in |since |until )?(?:19|20)\d\d\b"
    r"|(?:about |approximately |over |more than |nearly |almost )?(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|"
    r"twenty|thirty|many|several|a few)(?: ?- ?\d+)?[- ](?:years?|months?|weeks?|days?|decades?)(?: (?:ago|previous|prior|old"
    r"|use|history|of use|of smoking))?"
    r"|(?:at|since) (?:the )?age(?: of)? \d+|since (?:high school|college|childhood|adolescence)"
)
_WORD = re.compile(r"[\w'-]+|[^\w\s]")
_DIAGNOSIS = re.compile(r"(?:use )?disorder|dependence|dependency|dep\b")
_QUIT = re.compile(r"(?<![\w,] )\bquit(?=,? (?:\d+|in (?:19|20)\d\d|x ?\d|about|approximately|over|more than|many) ?)")
_NEAR, _CLOSE = 60, 24
_PRE, _POST = 70, 60
_HEAVY = re.compile(
    r"heav(?:y|ily)|binge|abuse|dependen|addict|alcoholi(?:c\b(?! (?:drink|bev))|sm)|disorder|withdraw|excessive|problem drink"
    r"|significant|daily.{0,20}(?:vodka|liquor|whiskey)|(?:\b(?:[4-9]|1\d|2\d)|four|five|six|seven|eight|ten|twelve)(?: ?- ?\d+)?"
    r" (?:beers?|drinks?|glasses|shots|cans)(?: \w+){0,2} (?:a|per|every|each) (?:day|night)|pint|fifth|bottle of|case of|liter"
)


@dataclass(frozen=True, slots=True)
class Substance:
    """The patterns of one substance."""

    label: str
    trigger: re.Pattern[str]
    unless: re.Pattern[str]
    amount: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _Trigger:
    label: str
    start: int
    end: int


@cache
def _file() -> Mapping[str, Any]:
    return tomllib.loads(packaged("nlp", "social_substances.toml").decode())


@cache
def substances() -> tuple[Substance, ...]:
    """The three."""
    return tuple(
        Substance(label, *(alternatives(_file()[label][part], {}) for part in ("trigger", "unless", "amount")))
        for label in LABELS
    )


@cache
def forms() -> Mapping[str, Form]:
    """Label -> how a form tells it."""
    values = tuple((status, re.compile(f"(?:{pattern})")) for status, pattern in _file()["forms"].items())
    return {label: Form(label, re.compile(rf"(?:{_file()[label]['keys']})$"), values, "") for label in LABELS}


@cache
def _cues() -> Mapping[str, tuple[tuple[str, re.Pattern[str]], ...]]:
    wrapped = {"before": r"(?<![\w])(?:{})(?!\w)", "after": r"(?<![\w])(?:{})(?!\w)", "inside": "{}"}
    return {
        place: tuple((status, re.compile(wrapped[place].format(pattern))) for status, pattern in entry.items())
        for place, entry in _file()["cues"].items()
    }


@cache
def _breaks() -> tuple[re.Pattern[str], re.Pattern[str], frozenset[str], re.Pattern[str]]:
    breaks = _file()["breaks"]
    return (
        re.compile(breaks["strong"]),
        re.compile(breaks["subject"]),
        frozenset(breaks["link"].split()),
        re.compile(rf"\b{_file()['advice']['pattern']}"),
    )


def statements(sentence: str, labels: set[str], *, in_social: bool) -> list[Statement]:
    """What a folded sentence says of the substances of which it has signs, by place."""
    triggers = _triggers(sentence, labels, in_social=in_social)
    groups: list[list[_Trigger]] = []
    link = _breaks()[2]
    for one in triggers:
        if groups and link.issuperset(_WORD.findall(sentence, groups[-1][-1].end, one.start)):
            groups[-1].append(one)
        else:
            groups.append([one])
    out: list[Statement] = []
    for number, group in enumerate(groups):
        low = groups[number - 1][-1].end if number else 0
        high = groups[number + 1][0].start if number + 1 < len(groups) else len(sentence)
        out += _of_group(sentence, group, low, high)
    return _joined(out)


def _triggers(sentence: str, labels: set[str], *, in_social: bool) -> list[_Trigger]:
    found: list[_Trigger] = []
    if in_social:
        found += [_Trigger("TOBACCO", *match.span()) for match in _QUIT.finditer(sentence)]
    for one in substances():
        if one.label not in labels:
            continue
        taken = [match.span() for match in one.unless.finditer(sentence)]
        places = [match.span() for match in one.trigger.finditer(sentence)]
        places += [match.span() for match in one.amount.finditer(sentence) if one.label == "TOBACCO"]
        for start, end in places:
            if any(start < there[1] and there[0] < end for there in taken):
                continue
            if sentence[start:end] == "drugs" and not (in_social or found or re.search(r"\bus(?:e|es|ing)\b", sentence)):
                continue
            found.append(_Trigger(one.label, start, end))
    found.sort(key=lambda each: (each.start, -each.end))
    kept: list[_Trigger] = []
    for one in found:
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def _of_group(sentence: str, group: list[_Trigger], low: int, high: int) -> list[Statement]:
    strong, subject, _, advice = _breaks()
    start, end = group[0].start, group[-1].end
    low = max(low, start - _PRE)
    high = min(high, end + _POST)
    for found in strong.finditer(sentence, low, start):
        low = found.end()
    before = sentence[low:start]
    if stop := strong.search(sentence, end, high):
        high = stop.start() if not re.match(r"but (?:has )?(?:quit|stopped)|(?:but|yet|however),? (?:he |she )?(?:quit|stopped)", sentence[stop.start() :]) else high
    if stop := subject.search(sentence, end, high):
        high = stop.start() if not re.match(r"(?:,| and)+ (?:and )?(?:quit|now quit)", sentence[stop.start() :]) else high
    after = sentence[end:high]
    if _OTHERS.search(sentence[max(0, start - _PRE) : start]) or advice.search(before):
        return []
    if after.lstrip().startswith(":") and not after.strip(" :"):
        return []
    whole = _status(before, sentence[start:end], after)
    out = []
    for number, one in enumerate(group):
        words = sentence[one.start : one.end]
        reach = group[number + 1].start if number + 1 < len(group) else high
        begin = group[number - 1].end if number else low
        status = whole
        if len(group) > 1 and whole not in ("never", "none"):
            status = _status(sentence[begin : one.start], words, sentence[one.end : reach]) or whole
        out.append(_told(sentence, one, status or "current", low=begin, high=reach))
    return out


def _status(before: str, words: str, after: str) -> str:
    """The status that the nearest cue tells; denial before past before presence where they are as near."""
    found: list[tuple[float, int, str]] = []
    is_diagnosis = _DIAGNOSIS.search(words) is not None or _DIAGNOSIS.match(after.lstrip()) is not None
    if before.endswith(("+", "+ ")) or after.startswith(("+", " +")):
        return "current"
    for place, text in (("before", before), ("inside", words), ("after", after)):
        for status, pattern in _cues()[place]:
            for match in pattern.finditer(text):
                if is_diagnosis and place == "before" and match[0].startswith("history"):
                    continue
                far = {"before": len(text) - match.end(), "inside": 0, "after": match.start() + 4}[place]
                found.append((_weight(status, place, far), ORDER.index(status), status))
    return min(found)[2] if found else ""


def _weight(status: str, place: str, far: int) -> float:
    """How far a cue seems: denials reach over a list, a cue of presence only next to what it stands by."""
    reach = {"never": 0.2, "none": 0.35, "past": 0.6, "current": 1.0}[status]
    base = {"never": 0, "none": 0, "past": 1, "current": 8}[status]
    return base + far * reach + (3 if place == "after" else 0) + (2 if place == "inside" and status == "current" else 0)


def _told(sentence: str, one: _Trigger, status: str, *, low: int, high: int) -> Statement:
    start, end = one.start, one.end
    amount = time = None
    if status not in ("never", "none"):
        pattern = next(each.amount for each in substances() if each.label == one.label)
        amount = _beside(pattern, sentence, one, low=low, high=high)
        time = _beside(_TIME, sentence, one, low=low, high=high)
    if time is not None and amount is not None and time.start() < amount.end() and amount.start() < time.end():
        time = None
    for each in (amount, time):
        if each is not None:
            start, end = min(start, each.start()), max(end, each.end())
    if status == "current" and one.label == "ALCOHOL" and _HEAVY.search(sentence, max(low, start - 20), min(high, end + 20)):
        status = "heavy"
    return Statement(
        one.label,
        status,
        start,
        end,
        value=sentence[one.start : one.end] if one.label == "DRUG_USE" else "",
        amount=amount[0].strip() if amount else "",
        time=time[0].strip() if time else "",
    )


def _beside(pattern: re.Pattern[str], sentence: str, one: _Trigger, *, low: int, high: int) -> re.Match[str] | None:
    """The nearest match that overlaps the trigger or follows it; else the last one close before it."""
    first = max(low, one.start - _CLOSE)
    found = [match for match in pattern.finditer(sentence, first, min(high, one.end + _NEAR)) if match.end() > match.start()]
    behind = next((match for match in found if match.end() > one.start), None)
    return behind if behind is not None else (found[-1] if found else None)


def _joined(found: list[Statement]) -> list[Statement]:
    """Statements of one label and status in one sentence as one, from the first to the last where they are near."""
    out: list[Statement] = []
    for one in found:
        last = next((at for at in range(len(out) - 1, -1, -1) if out[at].label == one.label), None)
        if last is not None and (out[last].status == one.status or "heavy" in (out[last].status, one.status) and "current" in (out[last].status, one.status)):
            other = out[last]
            status = "heavy" if "heavy" in (other.status, one.status) else one.status
            out[last] = Statement(
                one.label,
                status,
                other.start,
                max(other.end, one.end),
                value=other.value or one.value,
                amount=other.amount or one.amount,
                time=other.time or one.time,
            )
        else:
            out.append(one)
    return out
