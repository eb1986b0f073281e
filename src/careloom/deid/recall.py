"""Recall on planted identifiers: how many of those that are put into copies of a run's own notes its detectors find.

Copies lie in memory only. What is planted is drawn from the project's key, the run and the note, so a run can be
repeated: names, addresses, dates and numbers of nobody, in sentences between those of the note. No record knows them,
so the figure is that of patterns, lists, context and models, without the help of the record. It says how the detectors
do on these sentences within these notes: what is written in a way that no sentence here is written is not measured.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import ceil
from typing import Any

from careloom.deid.name_lists import pools
from careloom.deid.surrogates import Draw
from careloom.deid.text import TextScrubber
from careloom.deid.text_known import Known
from careloom.deid.text_spans import (
    ACCOUNT,
    AGE_OVER_89,
    DATE,
    DEVICE,
    EMAIL,
    HEALTH_PLAN,
    IP,
    LICENSE,
    LOCATION,
    MRN,
    NAME,
    PHONE,
    SSN,
    URL,
    VEHICLE,
)  # fmt: skip
from careloom.metrics import wilson_interval
from careloom.text.note import Span

MOST_NOTES = 200
LONGEST = 4000
"""Letters of a note that are read; a note of fewer than `SHORTEST` is none."""
SHORTEST = 80
MOST_PLANTS = 800
LEAST_PLANTS_A_NOTE = 4
CONFIDENCE = 0.95
Number = Callable[[str, int], int]
"""(what for, below) -> a number from 0."""


def _digits(number: Number, kind: str, count: int) -> str:
    return "".join(str(number(f"{kind}{at}", 10)) for at in range(count))


def _letters(number: Number, kind: str, count: int) -> str:
    return "".join("ABCDEFGHJKLMNPRSTUVWXYZ"[number(f"{kind}{at}", 23)] for at in range(count))


def _one(number: Number, kind: str, values: tuple[str, ...]) -> str:
    return values[number(kind, len(values))]


def _given(number: Number, kind: str) -> str:
    return _one(number, kind, pools()[("male", "female")[number(f"{kind} gender", 2)]])


def _name(number: Number) -> str:
    given, family = _given(number, "given"), _one(number, "family", pools()["family"])
    forms = (f"{given} {family}", f"{family}, {given}", f"{given} {given[0]}. {family}", family)
    return forms[number("form of name", len(forms))]


def _date(number: Number) -> str:
    day = date(1935, 1, 1) + timedelta(days=number("day", 90 * 365))
    forms = ("%m/%d/%Y", "%Y-%m-%d", "%B %d, %Y", "%d %b %Y", "%m/%d/%y")
    return day.strftime(forms[number("form of date", len(forms))])


def _phone(number: Number) -> str:
    area, exchange, line = 201 + number("area", 789), 200 + number("exchange", 800), _digits(number, "line", 4)
    forms = ("({}) {}-{}", "{}-{}-{}", "{}.{}.{}", "+1 {} {} {}")
    return forms[number("form of phone", len(forms))].format(area, exchange, line)


def _place(number: Number) -> str:
    street = _one(number, "street", pools()["family"])
    kind = _one(number, "kind of street", ("Street", "Avenue", "Road", "Drive", "Lane"))
    city, state = _one(number, "city", pools()["city"]), _one(number, "state", ("MA", "OH", "TX", "CA", "GA"))
    return f"{1 + number('house', 1999)} {street} {kind}, {city}, {state} {10000 + number('zip', 89999)}"


def _ssn(number: Number) -> str:
    return f"{100 + number('ssn', 560)}-{10 + number('group', 89)}-{1000 + number('serial', 8999)}"


PLANTS: Mapping[str, tuple[Callable[[Number], str], tuple[str, ...]]] = {
    NAME: (_name, ("Discussed with {} by the bedside.", "Contact person: {}.", "{} was present during the visit.",
                   "Referred by Dr. {} for a second opinion.")),
    LOCATION: (_place, ("Lives at {} with family.", "New address: {}.", "Discharged to {}.")),
    DATE: (_date, ("Seen again on {} without complaints.", "Last tetanus shot {}.", "Follow-up planned for {}.")),
    PHONE: (_phone, ("Can be reached at {}.", "Phone: {}.", "Please call {} with the results.")),
    EMAIL: (lambda n: f"{_given(n, 'mail')}.{_one(n, 'box', pools()['family'])}{n('mail', 99)}@mail.example".lower(),
            ("E-mail: {}.", "Send the letter to {} please.")),
    SSN: (_ssn, ("SSN: {}.", "Social security number {} on file.")),
    MRN: (lambda n: _digits(n, "mrn", 8), ("MRN: {}.", "Medical record number {} was merged.")),
    HEALTH_PLAN: (lambda n: _letters(n, "plan", 3) + _digits(n, "plan", 9),
                  ("Member ID: {}.", "Insurance policy number {} verified.")),
    ACCOUNT: (lambda n: _digits(n, "account", 10), ("Account number: {}.", "Billed to account no. {}.")),
    LICENSE: (lambda n: _letters(n, "license", 1) + _digits(n, "license", 7),
              ("Driver's license: {}.", "License number {} was checked.")),
    VEHICLE: (lambda n: f"{_letters(n, 'plate', 3)}-{_digits(n, 'plate', 4)}",
              ("License plate {}.", "Arrived by car, license plate: {}.")),
    DEVICE: (lambda n: f"{_letters(n, 'device', 2)}-{_digits(n, 'device', 7)}",
             ("Serial number: {}.", "Pacemaker, serial number {}, interrogated.")),
    URL: (lambda n: f"https://www.{_one(n, 'host', pools()['family']).lower()}.example/{_digits(n, 'page', 5)}",
          ("See {} for pictures.", "Blog: {}.")),
    IP: (lambda n: ".".join(str(1 + n(f"ip{at}", 254)) for at in range(4)),
         ("Portal login from {}.", "IP address {}.")),
    AGE_OVER_89: (lambda n: str(90 + n("age", 12)), ("The patient's mother is {} years old.", "Aged {} years.")),
}  # fmt: skip
"""Label -> (draws one, sentences of which one is taken)."""


@dataclass(slots=True)
class Recall:
    """Plants identifiers in copies of some notes, and counts what is found.

    key    of the project
    run    the run that is measured: another run takes other notes and plants others
    notes  how many notes there will be, about
    left_out  detectors that are not measured: what is planted, and the note around it, is not sent to a service
    """

    key: bytes
    run: str
    notes: int
    left_out: tuple[str, ...] = ()
    read: int = 0
    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)

    def offer(self, name: str, text: str, known: Known, scrubber: TextScrubber) -> None:
        """Takes a note or leaves it, as key, run and `name` decide; `MOST_NOTES` at most."""
        if self.read >= MOST_NOTES or len(text) < SHORTEST:
            return
        draw = Draw(self.key, f"recall/{self.run}/{name}")
        if draw.number("take", "", max(1, self.notes // MOST_NOTES)):
            return
        self.read += 1
        copy, plants = planted(text[:LONGEST], draw, self._plants_a_note())
        spans = [one.span for one in scrubber.find(copy, known)]
        for label, span in plants:
            self.planted[label] += 1
            self.found[label] += _is_covered(copy, span, spans)

    def _plants_a_note(self) -> int:
        expected = min(MOST_NOTES, max(1, self.notes))
        return min(len(PLANTS), max(LEAST_PLANTS_A_NOTE, ceil(MOST_PLANTS / expected)))

    def as_json(self) -> dict[str, Any] | None:
        """Counts, and recall with its Wilson interval, over all and by label; None where no note was read."""
        if not self.read:
            return None
        rows = [_row(label, self.found[label], self.planted[label]) for label in PLANTS if self.planted[label]]
        whole = _row("", self.found.total(), self.planted.total())
        return {"notes": self.read, "confidence": CONFIDENCE} | {k: v for k, v in whole.items() if k != "label"} | {
            "by_label": rows
        } | ({"left_out": list(self.left_out)} if self.left_out else {})  # fmt: skip


def planted(text: str, draw: Draw, count: int) -> tuple[str, list[tuple[str, Span]]]:
    """A copy of `text` with so many sentences put between its own, and where each identifier stands in it."""
    labels = sorted(PLANTS, key=lambda label: draw.number("order", label, 1 << 32))[:count]
    gaps = [at + 1 for at in range(len(text) - 1) if text[at] in ".\n" and text[at + 1].isspace()] or [len(text)]
    wanted = sorted((gaps[draw.number("gap", label, len(gaps))], label) for label in labels)
    parts: list[str] = []
    found: list[tuple[str, Span]] = []
    last, length = 0, 0
    for at, label in wanted:
        write, sentences = PLANTS[label]
        value = write(lambda kind, below, label=label: draw.number(f"{label} {kind}", "", below))  # type: ignore[misc]
        before, after = sentences[draw.number("sentence", label, len(sentences))].split("{}")
        lead = f"{text[last:at]} {before}"
        start = length + len(lead)
        parts.append(f"{lead}{value}{after}")
        found.append((label, Span(start, start + len(value))))
        length += len(parts[-1])
        last = at
    return "".join([*parts, text[last:]]), found


def _is_covered(text: str, span: Span, spans: list[Span]) -> bool:
    """True where every letter and digit of the span lies in one of `spans`."""
    return all(
        any(one.start <= at < one.end for one in spans) for at in range(span.start, span.end) if text[at].isalnum()
    )


def _row(label: str, found: int, planted: int) -> dict[str, Any]:
    measured = wilson_interval(found, planted, CONFIDENCE)
    return {"label": label, "planted": planted, "found": found, "recall": found / planted, "low": measured.low,
            "high": measured.high}  # fmt: skip
