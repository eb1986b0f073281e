"""Whether a drug is taken now: stopped, on hold, completed or goes on, as the verbs around it say.

    Metoprolol was held, restarted on day 3.     metoprolol: status active
    Stopped lisinopril because of cough.         lisinopril: status stopped
    STOP TAKING: aspirin, ibuprofen              both: status stopped
    Hold metoprolol for SBP < 100.               nothing: a parameter, the drug is taken

An annotation MEDICATION gets the attributes ``status`` (stopped, on-hold, completed, active, not-taken: of a FHIR R4
MedicationStatement) and ``status_by``, the words that say so. Where no verb speaks of a drug it has neither, and its
assertion tells what can be told. Of several verbs the last one counts. Words stand in drug_status.toml.
"""

import re
import tomllib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from careloom.nlp.assertion import lead_of
from careloom.nlp.component import digest
from careloom.runtime import packaged
from careloom.text.note import AnnotatedNote, Annotation, Span
from careloom.text.sentences import sentences

_FILE = "drug_status.toml"
_RULES = "1"
_NEAR, _FAR = 40, 120
"""Characters between a verb and the drug behind it, and the drug before it."""
_BEHIND = 60
"""Characters between drugs of one list, for doses."""
_BREAK = re.compile(r"[;]|\.\s|\n\s*\n|\b(?:but|however|although|while|whereas)\b", re.IGNORECASE)
_AGAIN = re.compile(
    r"\bbut\s+(?:(?:was|were|is|has|have|been|not|never|then|later|now|subsequently)\s+){0,4}\Z", re.IGNORECASE
)
"""Words behind which a verb has still the drug before it: ``was considered but not started``."""
_PARTICIPLE = re.compile(r"(?:re-?)?\w+ed on|put (?:back )?on", re.IGNORECASE)
_OPPOSITE = {"stopped": "active", "on-hold": "active", "active": "not-taken", "started": "not-taken"}
_HALTS = frozenset({"stopped", "on-hold"})


@dataclass(frozen=True, slots=True)
class _Verb:
    """A verb in a text. form: object, passive or turns."""

    start: int
    end: int
    says: str
    form: str


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a drug: a status, and the characters of the words that say so."""

    status: str
    by: Span


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(packaged("nlp", _FILE).decode())


@cache
def _verbs() -> tuple[tuple[re.Pattern[str], str, str], ...]:
    """(pattern, says, form) of all verbs."""
    found = []
    for entry in _table()["verb"]:
        for form in ("turns", "object", "passive"):
            for written in entry.get(form, ()):
                pattern = re.compile(rf"(?<![\w/'-])(?:{written})(?![\w/'’]|-\w)".replace(" ", r"\s+"), re.IGNORECASE)
                found.append((pattern, entry["says"], form))
    return tuple(found)


@cache
def _word(name: str, form: str) -> re.Pattern[str]:
    """A pattern of [words] put into a frame, in which WORDS stands for it."""
    return re.compile(form.replace("WORDS", f"(?:{_table()['words'][name]})"), re.IGNORECASE)


def _verbs_of(text: str, span: Span) -> list[_Verb]:
    """The verbs of a stretch by place; of those that overlap the longest."""
    every = [
        _Verb(*found.span(), says, form)
        for pattern, says, form in _verbs()
        for found in pattern.finditer(text, span.start, span.end)
    ]
    kept: list[_Verb] = []
    for one in sorted(every, key=lambda verb: (verb.start - verb.end, verb.form != "turns")):
        if all(one.end <= other.start or other.end <= one.start for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda verb: verb.start)


def is_halted(text: str, span: Span) -> bool:
    """True where a stretch says that something is stopped or held."""
    return any(verb.says in _HALTS for verb in _verbs_of(text, span))


class DrugStatus:
    """The component that sets ``status`` of drugs."""

    name = "drug-status"

    def __init__(self) -> None:
        self.version = f"{_RULES}-{digest(_FILE)}"

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        """`annotated` with what its sentences say of whether drugs are taken."""
        text = annotated.note.text
        drugs = sorted((one for one in annotated.annotations if one.label == "MEDICATION"), key=lambda one: one.span)
        told: dict[Span, Told] = {}
        starts = [one.span.start for one in drugs]
        for sentence in annotated.sentences or tuple(sentences(text)):
            here = drugs[bisect_left(starts, sentence.start) : bisect_left(starts, sentence.end)]
            if here:
                told |= statuses(text, sentence, [one.span for one in here])
        made = tuple(_told(one, told.get(one.span), text) for one in annotated.annotations)
        return replace(annotated, annotations=made, readers={**annotated.readers, self.name: self.version})


def _told(one: Annotation, told: Told | None, text: str) -> Annotation:
    if told is None or one.label != "MEDICATION":
        return one
    by = " ".join(told.by.of(text).split()).lower() if told.by else ""
    return replace(one, attributes={**one.attributes, "status": told.status, "status_by": by})


def statuses(text: str, sentence: Span, drugs: Sequence[Span]) -> dict[Span, Told]:
    """What a sentence says of its drugs, by their places; of what it says nothing is not among them.

    drugs  in order
    """
    verbs = _verbs_of(text, sentence)
    if not verbs:
        return _led(text, sentence, drugs)
    told: dict[Span, Told] = {}
    for place, verb in enumerate(verbs):
        following = verbs[place + 1].start if place + 1 < len(verbs) else sentence.end
        for drug, status in _spoken_of(text, verb, drugs, following, told):
            if status:
                told[drug] = Told(status, Span(verb.start, verb.end))
    return told


def _led(text: str, sentence: Span, drugs: Sequence[Span]) -> dict[Span, Told]:
    """An item of a list takes the verb of the line that leads the list, such as ``Medications stopped:``."""
    lead = lead_of(text, sentence)
    verbs = _verbs_of(lead, Span(0, len(lead))) if lead else []
    if not verbs or verbs[-1].form == "turns" or verbs[-1].says in ("started", "active"):
        return {}
    start = text.rfind(lead, 0, sentence.start)
    by = Span(start + verbs[-1].start, start + verbs[-1].end)
    return {drug: Told(verbs[-1].says, by) for drug in drugs}


def _spoken_of(
    text: str, verb: _Verb, drugs: Sequence[Span], following: int, told: Mapping[Span, Told]
) -> Iterable[tuple[Span, str]]:
    """Drugs that a verb speaks of, each with its status; an empty one where nothing is said."""
    before = _before(text, verb, drugs)
    behind = _behind(text, verb, drugs, following)
    status = _status(text, verb, following)
    if verb.form == "turns":
        if behind:
            yield from ((one, "stopped") for one in before[-1:])
            yield from ((one, "active") for one in behind)
        return
    is_back = _word("back", r"\s+WORDS\b").match(text, verb.end) is not None
    can_be_passive = verb.form == "passive" or _PARTICIPLE.fullmatch(text, verb.start, verb.end) is not None
    is_passive = can_be_passive and (is_back or not behind or _is_passive(text, verb, before, told))
    if not is_passive and not is_back and behind:
        if verb.form == "object" and _is_parameter(text, behind[-1].end):
            return
        yield from ((one, status) for one in behind)
    elif before and (is_passive or is_back or _is_marked(text, verb, before[-1])):
        yield from ((one, status) for one in before)


def _status(text: str, verb: _Verb, following: int) -> str:
    """What a verb says; empty of what is only to come and not yet so."""
    ahead = text[max(0, verb.start - 40) : verb.start]
    clause = _BREAK.split(ahead)[-1]
    if _word("denied", r"(?:\bWORDS|n['’]t)\s+(?:\w+\s+){0,2}\Z").search(clause):
        return _OPPOSITE.get(verb.says, "")
    is_ahead = _word("ahead", r"\bWORDS\s+(?:\w+\s+){0,3}\Z").search(clause) is not None
    if is_ahead and verb.says not in _HALTS:
        return ""
    if verb.says in _HALTS and re.search(
        r"\b(?:if|when|unless|may|might|consider\w*)\s+(?:\w+\s+){0,3}\Z", clause, re.IGNORECASE
    ):
        return ""
    if re.match(r"\s+(?:if|when|unless|once)\b", text[verb.end : following], re.IGNORECASE):
        return ""
    if verb.says == "started":
        return "active" if verb.form == "passive" else ""
    return verb.says


def _is_parameter(text: str, end: int) -> bool:
    """True where a condition stands behind a drug, as in ``for SBP < 100``, ``if rash``."""
    rest = text[end : end + _BEHIND]
    if re.match(r"[^.;\n]{0,25}?\b(?:if|unless|when)\b", rest, re.IGNORECASE):
        return True
    return (
        _word("parameter", r"[^.;\n]{0,25}?\bfor\s+WORDS\b\s*(?:<|>|≤|≥|less|below|above|under|over|greater)").match(
            rest
        )
        is not None
    )


def _is_passive(text: str, verb: _Verb, before: Sequence[Span], told: Mapping[Span, Told]) -> bool:
    """True for a participle that speaks of the drug before it though one follows."""
    if not before:
        return False
    between = text[before[-1].end : verb.start]
    if _word("be", r"\b(?:WORDS)\s+(?:\w+ly\s+)?\Z").search(between):
        return True
    is_bare = re.fullmatch(r"[\s,:(–-]*", between) is not None
    return is_bare and before[-1] not in told


def _is_marked(text: str, verb: _Verb, drug: Span) -> bool:
    """True for a command behind its drug: ``aspirin 81 mg - hold``, ``aspirin (stop)``, ``aspirin: stop``."""
    between = text[drug.end : verb.start]
    return "\n" not in between and re.search(r"(?:[-–—:(]|->|→|=>)\s*(?:please\s+|now\s+)?\Z", between) is not None


def _before(text: str, verb: _Verb, drugs: Sequence[Span]) -> list[Span]:
    """The drug before a verb, and those joined with it."""
    last = bisect_right([one.end for one in drugs], verb.start) - 1
    if (
        last < 0
        or verb.start - drugs[last].end > _FAR
        or _BREAK.search(_AGAIN.sub("", text[drugs[last].end : verb.start]))
    ):
        is_it = last >= 0 and _word("back", r"\s+WORDS\b").match(text, verb.end) is not None
        return [drugs[last]] if is_it and verb.start - drugs[last].end <= _FAR else []
    first = last
    between = text[drugs[last].end : verb.start]
    if _word("be", r"\b(?:were|are|both|all)\b").search(between):
        while first > 0 and _is_joined(text, drugs[first - 1].end, drugs[first].start):
            first -= 1
    return list(drugs[first : last + 1])


def _behind(text: str, verb: _Verb, drugs: Sequence[Span], following: int) -> list[Span]:
    """The drug behind a verb, and those joined with it, up to the next verb."""
    first = bisect_left([one.start for one in drugs], verb.end)
    if first == len(drugs) or drugs[first].start - verb.end > _NEAR or drugs[first].start > following:
        return []
    if not _word("between", r"[\s:*•–-]*(?:\bWORDS\b[\s:,-]*){0,5}").fullmatch(text, verb.end, drugs[first].start):
        return []
    last = first
    while (
        last + 1 < len(drugs)
        and drugs[last + 1].start <= following
        and _is_joined(text, drugs[last].end, drugs[last + 1].start)
    ):
        last += 1
    return list(drugs[first : last + 1])


def _is_joined(text: str, start: int, end: int) -> bool:
    """True where between two drugs of a list stand marks, words that join and perhaps a dose, no clause."""
    between = text[start:end]
    if end - start > _BEHIND or _BREAK.search(between) or "\n" in between.strip(" "):
        return False
    has_mark = re.search(r"[,/&+]|\b(?:and|or|plus|as well as)\b", between, re.IGNORECASE) is not None
    words = re.findall(r"[^\W\d_]{4,}", _word("joined", r"\bWORDS\b").sub(" ", between))
    return has_mark and all(word.lower() in _OF_DOSES for word in words)


_OF_DOSES = frozenset(
    "daily twice once units tablet tablets capsule times three weekly night nightly bedtime morning evening puffs every"
    " hours oral inhaler patch needed"
    .split()
)  # fmt: skip
