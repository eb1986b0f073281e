"""An annotated note as the makers of facts look at it: relations followed, codes chosen, times and numbers read."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from careloom.fhir.drafts import Resource
from careloom.terminology.systems import ICD_10_CM, LOINC, SNOMED_CT, UCUM, is_icd10cm
from careloom.terminology.ucum_spellings import read as read_unit
from careloom.text.note import AnnotatedNote, Annotation, Assertion, Concept

Json = dict[str, Any]
Standing = Literal["confirmed", "provisional", "refuted", "none"]
HL7 = "http://terminology.hl7.org/CodeSystem/"
CERTAIN = Assertion()
_MOMENT = re.compile(r"(\d{4}(?:-\d\d(?:-\d\d)?)?)(T[\d:.]{2,20}(?:Z|[+-]\d\d:\d\d)?)?")
_CLOCK = re.compile(r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d)")
_NUMBER = re.compile(r"([<>≤≥]=?)?\s*(-?\d{1,9}(?:\.\d{1,6})?)\s*(.*)", re.DOTALL)
_COMPARATORS = {"<": "<", ">": ">", "<=": "<=", ">=": ">=", "≤": "<=", "≥": ">="}
_WORDS = re.compile(r"\w+(?:[-'./]\w+)*")
_BEFORE = 160
"""Characters before a drug in which it is said to be an allergen."""
_SENTENCE = re.compile(r"[.;!?]\s+|\n\s*\n|\bbut\b|\b(?:so|takes?|taking|given|started|treated)\b", re.IGNORECASE)
_ALLERGIC = re.compile(
    r"\b(?:allerg(?:y|ies|ic)(?:\s+reactions?)?\s+(?:to|:)|(?:intoleran(?:t|ce)|sensitiv(?:e|ity)|hypersensitiv(?:e|ity))\s+(?:to|of)"
    r"|anaphyla\w+\s+(?:to|with|after|from)|allergic)(?:(?!\ballerg)[^:\n]|\n(?!\n))*\Z",
    re.IGNORECASE,
)
_AT_ONE_TIME = frozenset({"TEST", "PROCEDURE"})
_A_YEAR, _TWO_MONTHS = 365, 60
_LEAST = 0.5
"""What is more likely not meant than meant is no fact, and no code of one."""
_NO_NAMES = frozenset("a an the in on at of to for by from with and or is was his her their this that it as".split())
_FROM_TEXT = 200
"""Characters of a text that stands in a resource at most."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a note says of a patient, as a resource without an id.

    key          the same for what is the same fact of one patient, whichever note says so
    annotations  ids of what it rests on, the one that names it first
    standing     ``refuted``: the note says that it is not so
    needs        keys of facts that it refers to: their references stand as ``#<key>``
    score        of the least sure of what it rests on; None where all were found by rules
    """

    key: str
    resource: Resource
    annotations: tuple[str, ...]
    standing: Standing = "confirmed"
    needs: tuple[str, ...] = ()
    score: float | None = None


class View:
    """Looks at one annotated note."""

    def __init__(self, annotated: AnnotatedNote) -> None:
        self.annotated = annotated
        self.note = annotated.note
        self.by_id: Mapping[str, Annotation] = {one.id: one for one in annotated.annotations}
        self._labelled: dict[tuple[str, ...], list[Annotation]] = {}
        self._tails: dict[tuple[str, str], list[str]] = {}
        self._heads: dict[tuple[str, str], list[str]] = {}
        for one in annotated.relations:
            self._tails.setdefault((one.head, one.type), []).append(one.tail)
            self._heads.setdefault((one.tail, one.type), []).append(one.head)

    def labelled(self, *labels: str) -> list[Annotation]:
        """Annotations of these labels, by place, but for those that are more likely none."""
        if labels not in self._labelled:
            self._labelled[labels] = [
                one
                for one in self.annotated.annotations
                if one.label in labels and (one.score is None or one.score >= _LEAST)
            ]
        return list(self._labelled[labels])

    def tails(self, head: Annotation, *types: str) -> list[Annotation]:
        """What relations of these types say about an annotation."""
        return [self.by_id[tail] for kind in types for tail in self._tails.get((head.id, kind), ())]

    def heads(self, tail: Annotation, *types: str) -> list[Annotation]:
        """Whatever these relations say an annotation about."""
        return [self.by_id[head] for kind in types for head in self._heads.get((tail.id, kind), ())]

    def is_allergen(self, one: Annotation) -> bool:
        """True for a drug that the patient is said to be allergic to, or that stands in a section on allergies."""
        if one.section == "allergies":
            return True
        text, start = self.note.text, one.span.start
        before = _SENTENCE.split(text[max(0, start - _BEFORE) : start])[-1]
        return _ALLERGIC.search(before) is not None

    @property
    def subject(self) -> Json:
        """Whom the note is about."""
        return reference_to(self.note.patient_id)

    @property
    def encounter(self) -> Json:
        """The visit as a part of a resource; empty where nobody said."""
        return {"encounter": {"reference": f"Encounter/{self.note.encounter_id}"}} if self.note.encounter_id else {}

    @property
    def written(self) -> str:
        """When the note was written, as dateTime; empty where nobody said."""
        return moment(self.note.time)

    def when(self, one: Annotation, *types: str) -> tuple[str, tuple[Annotation, ...]]:
        """When something was, as dateTime, and what says so; empty where nothing does.

        A date that is related to the annotation comes first, then what the timeline tells of it: of a test or procedure
        the date of its clause, of all others how long it has lasted, as exactly as such a length is meant. A date that
        only stands nearest is not when a problem began. What the timeline has from the section alone, the day of the
        note, is when something was so, not when it began: it is no answer here.
        """
        for told in self.tails(one, *types):
            value = moment(told.attributes.get("value", ""))
            if value:
                return value, (told,)
        told_by, start, end = (one.attributes.get(name, "") for name in ("time_from", "start", "end"))
        if told_by == "clause" and one.label in _AT_ONE_TIME and start == end:
            return moment(start), ()
        return (_as_exactly(moment(start), moment(end)) if told_by == "duration" else ""), ()


@dataclass(slots=True)
class Grounds:
    """What a fact rests on, in the order in which it was used."""

    used: dict[str, Annotation] = field(default_factory=dict)

    def add(self, *ones: Annotation) -> None:
        """Notes that these were used."""
        for one in ones:
            self.used.setdefault(one.id, one)

    @property
    def ids(self) -> tuple[str, ...]:
        """Their ids."""
        return tuple(self.used)

    @property
    def score(self) -> float | None:
        """Of the least sure one."""
        scores = [one.score for one in self.used.values() if one.score is not None]
        return round(min(scores), 4) if scores else None


def _as_exactly(start: str, end: str) -> str:
    """The start of what lasted until `end`: to the year where that is years, to the month where it is months."""
    if not start or not end:
        return ""
    days = (date.fromisoformat(end[:10]) - date.fromisoformat(start[:10])).days
    return start[:4] if days >= _A_YEAR else start[:7] if days >= _TWO_MONTHS else start


def reference_to(patient_id: str) -> Json:
    """A reference to a patient; in words where nobody said which."""
    return {"reference": f"Patient/{patient_id}"} if patient_id else {"display": "the patient of the text"}


def standing_of(one: Annotation) -> Standing:
    """Whether something may be told as a fact of the patient; ``none`` for what is not, or not yet, so."""
    told = one.assertion or CERTAIN
    if told.presence in ("hypothetical", "conditional") or told.temporality == "future":
        return "none"
    if told.presence == "absent":
        return "refuted"
    if told.presence == "possible" or told.certainty in ("positivePossible", "neutralPossible", "negativePossible"):
        return "provisional"
    return "confirmed"


def is_named(one: Annotation) -> bool:
    """True for what has a code or a word for a name: a single letter names nothing, nor do words such as ``in the``."""
    if one.codes:
        return True
    said = "".join(word for word in _WORDS.findall(one.text) if word.lower() not in _NO_NAMES)
    return sum(character.isalnum() for character in said) > 1


def is_of_patient(one: Annotation) -> bool:
    """True for what is said of the patient, not of a relative."""
    return (one.assertion or CERTAIN).experiencer == "patient"


def is_historical(one: Annotation) -> bool:
    """True for what was over before the visit."""
    return (one.assertion or CERTAIN).temporality == "historical"


def _meant(one: Annotation) -> list[Concept]:
    """The codes that are more likely meant than not, by rank."""
    return sorted((code for code in one.codes if code.score >= _LEAST), key=lambda code: code.rank)


def concept(one: Annotation) -> Json:
    """A CodeableConcept: the best code of each system, in order of rank, and the words of the note."""
    codings: dict[str, Json] = {}
    for code in _meant(one):
        if code.system == ICD_10_CM and not is_icd10cm(code.code):
            continue  # a block such as E08-E13 helps to search, and is no diagnosis
        coding = {"system": code.system, "code": code.code}
        codings.setdefault(code.system, coding | ({"display": code.display} if code.display else {}))
    if one.attributes.get("loinc") and LOINC not in codings:  # a test that a rule knows by name
        codings[LOINC] = {"system": LOINC, "code": one.attributes["loinc"]}
    return ({"coding": list(codings.values())} if codings else {}) | {"text": words(one.text)}


def coded(system: str, code: str, display: str) -> Json:
    """A CodeableConcept of one code."""
    return {"coding": [{"system": system, "code": code, "display": display}]}


def words(text: str) -> str:
    """A text on one line, as a resource holds it; cut where it is no phrase any more."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_FROM_TEXT] or "?"


def identity(one: Annotation) -> str:
    """What is the same for two annotations that mean the same: the best code, else the words."""
    best: dict[str, str] = {}
    for code in _meant(one):
        best.setdefault(code.system, code.code)
    if one.attributes.get("loinc"):
        best.setdefault(LOINC, one.attributes["loinc"])
    for system in (SNOMED_CT, ICD_10_CM, *best):
        if system in best:
            return f"{system}|{best[system]}"
    return " ".join(_WORDS.findall(one.text.lower())) or one.text


def key_of(*parts: str) -> str:
    """The key of a fact: its parts, none of which can run into another."""
    return "".join(f"{len(part)}:{part}" for part in parts)


def moment(value: str) -> str:
    """An ISO 8601 value as FHIR's dateTime: to the day where its time lacks seconds or offset; empty for none."""
    found = _MOMENT.fullmatch(value)
    if found is None or not _is_day(found[1]):
        return ""
    return value if found[2] and _CLOCK.fullmatch(found[2]) and len(found[1]) == 10 else found[1]


def _is_day(text: str) -> bool:
    """True for a day, month or year of the calendar."""
    try:
        date.fromisoformat((text + "-01-01")[:10])
    except ValueError:
        return False
    return True


def quantity(number: str, unit: str) -> Json | None:
    """A Quantity of a text that is one number, perhaps with a comparator and the unit behind it; None for others."""
    found = _NUMBER.fullmatch(number.strip().replace(",", ""))
    if found is None:
        return None
    told = unit.strip() or found[3].strip()
    if not unit.strip() and len(told.split()) > 2:
        return None
    value: float | int = float(found[2]) if "." in found[2] else int(found[2])
    made: Json = {"value": value}
    comparator = _COMPARATORS.get(found[1] or "")
    if comparator:
        made["comparator"] = comparator
    if told:
        code = read_unit(told, "").code
        made["unit"] = words(told)
        made |= {"system": UCUM, "code": code} if code is not None else {}
    return made


def joined(ones: Iterable[Annotation]) -> str:
    """The words of several annotations, in order of place; those that stand inside another one are told by it."""
    every = list({one.span: one for one in ones}.values())
    ordered = sorted(every, key=lambda one: one.span)
    outer = [one for one in ordered if not any(other is not one and other.span.covers(one.span) for other in every)]
    return words(" ".join(one.text for one in outer))
