"""Social determinants of a patient: from the record where it tells them, else invented once: all notes agree."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from careloom.simulate.history import Code, Condition, History, Observation
from careloom.simulate.narrative.render import Chance, Value

_ASKED = {
    "72166-2": "tobacco",
    "75626-2": "alcohol",
    "67875-5": "work",
    "71802-3": "housing",
    "88121-9": "food",
    "88122-7": "food",
    "82667-7": "drugs",
    "63512-8": "living",
    "93033-9": "housing",
    "93030-5": "transport",
}
_PATTERNS = {
    "tobacco": (("never", "never|non-?smok"), ("former", "former|ex-|quit|past"), ("current", "smok|daily|current")),
    "work": (("unemployed", "unemploy|not in labor"), ("retired", "retire"), ("working", "employ|work")),
    "housing": (
        ("homeless", "homeless|do not have"),
        ("unstable", "worr|unstable|^yes"),
        ("stable", "have housing|^no"),
    ),
    "food": (("insecure", "often|sometimes|insecur"), ("secure", "never|secure")),
    "transport": (("lacking", "^yes"), ("there", "^no")),
    "living": (("alone", "alone"), ("family", "family|spouse")),
}
_CONDITIONS = (
    ("F17", "tobacco", "current"),
    ("F10", "alcohol", "heavy"),
    ("Z59.0", "housing", "homeless"),
    ("Z56.0", "work", "unemployed"),
    ("Z59.4", "food", "insecure"),
    ("Z60.2", "living", "alone"),
    ("F11", "drugs", "current"),
    ("F19", "drugs", "current"),
    ("Z87.891", "tobacco", "former"),
)
JOBS = (
    "teacher",
    "truck driver",
    "accountant",
    "nurse",
    "electrician",
    "cook",
    "farmer",
    "bus driver",
    "carpenter",
    "librarian",
    "machinist",
    "office manager",
    "postal worker",
    "janitor",
    "software tester",
    "hairdresser",
    "welder",
    "bookkeeper",
)
_PACKS = ("half a pack per day", "1 pack per day", "1.5 packs per day", "a few cigarettes a day", "2 packs per day")
_DRINKS = ("1-2 drinks per week", "a glass of wine with dinner", "2 beers on weekends", "3-4 drinks per week")
_MANY_DRINKS = ("6 beers a day", "a pint of vodka daily", "8-10 drinks per week", "a bottle of wine every night")
_SUBSTANCES = ("marijuana", "cocaine", "heroin", "methamphetamine")


@dataclass(frozen=True, slots=True)
class Social:
    """A status for each determinant, with the words that go with it."""

    status: dict[str, str]
    words: dict[str, str]

    def scope(self) -> dict[str, Value]:
        """For each determinant its status as a key that is there, and its words."""
        out: dict[str, Value] = {}
        for name, status in self.status.items():
            about = {
                key.removeprefix(f"{name}_"): word for key, word in self.words.items() if key.startswith(f"{name}_")
            }
            out[name] = {**about, status: "yes", "status": status}
        return out


def background(chance: Chance, history: History, at: datetime) -> Social:
    """What is invented of a patient's life once; shares are plausible, not measured."""
    person = history.person
    years = at.year - person.birth.year

    def pick(options: tuple[str, ...]) -> str:
        return options[int(chance.uniform() * len(options))]

    grown = years >= 16
    status = {
        "tobacco": pick(("never", "never", "never", "former", "current")) if grown else "never",
        "alcohol": pick(("none", "some", "some", "some", "heavy") if grown else ("none",)),
        "drugs": pick(("none", "none", "none", "none", "none", "past", "current") if grown else ("none",)),
        "work": ("retired" if years > 66 else pick(("working", "working", "working", "unemployed", "disabled")))
        if grown
        else "child",
        "housing": pick(("stable",) * 12 + ("unstable", "homeless")),
        "food": pick(("secure",) * 8 + ("insecure",)),
        "transport": "there",
        "living": _living(person.marital_status.code, years, pick),
    }
    words = {
        "tobacco_amount": pick(_PACKS),
        "tobacco_years": str(5 + int(chance.uniform() * 35)),
        "alcohol_amount": pick(_DRINKS),
        "alcohol_much": pick(_MANY_DRINKS),
        "drugs_what": pick(_SUBSTANCES),
        "work_job": pick(JOBS),
    }
    return Social(status, words)


def _living(marital: str, years: int, pick: Callable[[tuple[str, ...]], str]) -> str:
    if years < 18:
        return "family"
    if marital == "M":
        return "spouse"
    return pick(("alone", "alone", "family", "facility") if years > 80 else ("alone", "family", "alone"))


def social_at(own: Social, observations: Iterable[Observation], conditions: Iterable[Condition]) -> Social:
    """The background, with what the record says by then in its place."""
    answered = {
        about: found
        for seen in observations
        for code in seen.codes
        if (about := _ASKED.get(code.code)) and (found := _read(about, seen.value))
    }
    diagnosed = {
        about: found
        for condition in conditions
        for code in condition.codes
        for prefix, about, found in _CONDITIONS
        if code.code.startswith(prefix)
    }
    return Social({**own.status, **answered, **diagnosed}, own.words)


def _read(about: str, value: float | Code | str | None) -> str:
    """The status that an answer stands for; empty where it says nothing of it."""
    if isinstance(value, int | float):
        limits = {"alcohol": (1, 4, ("none", "some", "heavy")), "drugs": (1, 3, ("none", "past", "current"))}
        if about not in limits:
            return ""
        first, second, names = limits[about]
        return names[(value >= first) + (value >= second)]
    text = value.display if isinstance(value, Code) else value or ""
    for status, pattern in _PATTERNS.get(about, ()):
        if re.search(pattern, text, re.IGNORECASE):
            return status
    return ""
