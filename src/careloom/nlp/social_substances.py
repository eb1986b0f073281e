"""What a sentence says of tobacco, alcohol and drugs: triggers, and the cues around them that tell the status."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from careloom.nlp.social_rules import PLAN, Form, Statement, alternatives, is_of_another
from careloom.runtime import packaged

LABELS = ("TOBACCO", "ALCOHOL", "DRUG_USE")
ORDER = ("never", "none", "past", "current")
_WORD = re.compile(r"[\w'-]+|[^\w\s]")
_USED = re.compile(
    r"\b(?:us(?:e|es|ed|ing)|tak(?:e|es|en|ing)|no|den(?:ies|ied)|does|inject\w*)(?: (?:of|any|no|other|or|with))* ?$"
)
_THEN_QUIT = re.compile(r"(?:but|yet|however|,| and)+,? (?:and |he |she |has |now )*(?:quit|stopped)")
_UNKNOWN = re.compile(r"\bunknown(?: (?:history|use|if|whether|any|about|of))* ?$")
_DIAGNOSIS = re.compile(r"(?:use )?disorder|dependence|dependency|dep\b")
_LIFELONG = re.compile(r"\b(?:life-?long|lifetime) ?$")
_SAME = re.compile(r"(?: (?!no\b|not\b|and\b|or\b|but\b|denies\b)[\w/.-]+){0,4} ?")
_QUIT = re.compile(r"(?<![\w,] )\bquit(?=,? (?:\d+|in (?:19|20)\d\d|x ?\d|about|approximately|over|more than|many) ?)")
_NEAR, _CLOSE = 60, 24
_PRE, _POST = 70, 60


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


_ANEW = re.compile(r",? and (?:\w+ly )?(?:drinks|smokes|uses|vapes)\b")
"""A verb of its own begins a statement of its own: ``never smoked and drinks``."""


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


@cache
def _time() -> re.Pattern[str]:
    return alternatives(_file()["time"]["patterns"], {})


@cache
def _heavy() -> re.Pattern[str]:
    return re.compile(_file()["ALCOHOL"]["heavy"])


def statements(sentence: str, labels: set[str], *, in_social: bool) -> list[Statement]:
    """What a folded sentence says of the substances of which it has signs, by place."""
    triggers = _triggers(sentence, labels, in_social=in_social)
    groups: list[list[_Trigger]] = []
    link = _breaks()[2]
    for one in triggers:
        end = groups[-1][-1].end if groups else 0
        is_linked = bool(groups) and link.issuperset(_WORD.findall(sentence, end, one.start))
        if is_linked and not _ANEW.match(sentence, end):
            groups[-1].append(one)
        else:
            groups.append([one])
    out: list[Statement] = []
    for number, group in enumerate(groups):
        low = groups[number - 1][-1].end if number else 0
        high = groups[number + 1][0].start if number + 1 < len(groups) else len(sentence)
        past = {each.label for each in out if each.status == "past"}
        out += _of_group(sentence, group, low, high, past)
    return _joined(out)


def _triggers(sentence: str, labels: set[str], *, in_social: bool) -> list[_Trigger]:
    found = [_Trigger("TOBACCO", *match.span()) for match in _QUIT.finditer(sentence)] if in_social else []
    for one in substances():
        if one.label in labels:
            found += _of_substance(sentence, one, is_told=in_social or bool(found))
    kept: list[_Trigger] = []
    for each in sorted(found, key=lambda each: (each.start, -each.end)):
        last = kept[-1] if kept else None
        if last is None or each.start >= last.end:
            if last and last.label == each.label and _SAME.fullmatch(sentence, last.end, each.start):
                kept[-1] = _Trigger(last.label, last.start, each.end)
            else:
                kept.append(each)
    return kept


def _of_substance(sentence: str, one: Substance, *, is_told: bool) -> list[_Trigger]:
    """Triggers of one substance; "drugs" alone is one only beside others, in a social history, or where it is used."""
    taken = [match.span() for match in one.unless.finditer(sentence)]
    places = [match.span() for match in one.trigger.finditer(sentence)]
    places += [match.span() for match in one.amount.finditer(sentence) if one.label == "TOBACCO"]
    return [
        _Trigger(one.label, start, end)
        for start, end in places
        if not any(start < there[1] and there[0] < end for there in taken)
        and (sentence[start:end] != "drugs" or is_told or _USED.search(sentence[:start]))
    ]


def _of_group(sentence: str, group: list[_Trigger], low: int, high: int, past: set[str]) -> list[Statement]:
    """`past`: labels of which the sentence has said that it is over: an amount behind it is of that time."""
    strong, subject, _, advice = _breaks()
    start, end = group[0].start, group[-1].end
    low = max(low, start - _PRE)
    high = min(high, end + _POST)
    for found in strong.finditer(sentence, low, start):
        low = found.end()
    before = sentence[low:start]
    for breaker in (strong, subject):
        stop = breaker.search(sentence, end, high)
        if stop is not None and not _THEN_QUIT.match(sentence, stop.start()):
            high = stop.start()
    after = sentence[end:high]
    if is_of_another(sentence[max(0, start - _PRE) : start]) or advice.search(before) or _UNKNOWN.search(before):
        return []
    whole = _status(before, sentence[start:end], after)
    if after.lstrip().startswith(":"):
        whole = "current" if PLAN.match(after.lstrip(" :")) else _denied_after(after)
        before = ""
        if not whole:
            return []
    out = []
    for number, one in enumerate(group):
        words = sentence[one.start : one.end]
        reach = next((other.start for other in group[number + 1 :] if other.label != one.label), high)
        begin = group[number - 1].end if number else low
        status = whole
        if len(group) > 1 and whole not in ("never", "none"):
            status = _status(sentence[begin : one.start], words, sentence[one.end : reach]) or whole
        is_amount = one.label in past and words[:1].isdigit()
        out.append(_told(sentence, one, status or ("past" if is_amount else "current"), low=begin, high=reach))
    return out


def _denied_after(after: str) -> str:
    """The status behind a colon that no form knows; presence alone says nothing: a heading may stand there."""
    status = _status("", "", after)
    return "" if status == "current" else status


def _status(before: str, words: str, after: str) -> str:
    """The status that the nearest cue tells; denial before past before presence where they are as near."""
    found: list[tuple[float, int, str]] = []
    is_diagnosis = _DIAGNOSIS.search(words) is not None or _DIAGNOSIS.match(after.lstrip()) is not None
    if before.endswith(("+", "+ ")) or after.startswith(("+", " +")):
        return "current"
    if _LIFELONG.search(before):
        return "never" if _cues()["inside"][1][1].search(words) else "current"
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
    reach = {"never": 0.1, "none": 0.15, "past": 0.6, "current": 1.0}[status]
    base = {"never": 0, "none": 0, "past": 1, "current": 8}[status]
    return base + far * reach + (3 if place == "after" else 0) + (2 if place == "inside" and status == "current" else 0)


def _told(sentence: str, one: _Trigger, status: str, *, low: int, high: int) -> Statement:
    start, end = one.start, one.end
    amount = time = None
    if status not in ("never", "none"):
        pattern = next(each.amount for each in substances() if each.label == one.label)
        amount = _beside(pattern, sentence, one, low=low, high=high)
        time = _beside(_time(), sentence, one, low=low, high=high)
    if time is not None and amount is not None and time.start() < amount.end() and amount.start() < time.end():
        time = None
    for each in (amount, time):
        if each is not None:
            start, end = min(start, each.start()), max(end, each.end())
    if status == "current" and one.label == "ALCOHOL":
        is_heavy = _heavy().search(sentence, max(low, start - _CLOSE), min(high, end + _CLOSE))
        status = "heavy" if is_heavy else status
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
    found = [
        match for match in pattern.finditer(sentence, first, min(high, one.end + _NEAR)) if match.end() > match.start()
    ]
    behind = next((match for match in found if match.end() > one.start), None)
    return behind if behind is not None else (found[-1] if found else None)


def _joined(found: list[Statement]) -> list[Statement]:
    """Statements of one label and status in one sentence as one, from the first to the last where they are near."""
    out: list[Statement] = []
    for one in found:
        at = next((at for at in range(len(out) - 1, -1, -1) if out[at].label == one.label), None)
        if at is not None and one.start - out[at].end <= _NEAR and _is_same(out[at].status, one.status):
            out[at] = _both(out[at], one)
        else:
            out.append(one)
    return out


def _is_same(status: str, other: str) -> bool:
    return status == other or {status, other} == {"heavy", "current"}


def _both(first: Statement, second: Statement) -> Statement:
    return replace(
        first,
        status="heavy" if "heavy" in (first.status, second.status) else first.status,
        end=max(first.end, second.end),
        value=first.value or second.value,
        amount=first.amount or second.amount,
        time=first.time or second.time,
    )
