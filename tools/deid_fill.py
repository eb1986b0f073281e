"""Sentences with identifiers whose places are known: templates of our own, filled by a source of random numbers.

    python -m tools.deid_fill --sample 20 [--seed 1] [--genre admission] [--clean]

A template (tools/deid_templates/*.toml) is text with slots in braces: ``{full}`` is somebody new each time,
``{full#a}`` and ``{family#a}`` are one person. SLOTS says which label a slot has; a slot without one stays in the text.
"""

import argparse
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from careloom.deid import text_spans as labels
from tools import deid_fill_names as names
from tools import deid_fill_numbers as numbers
from tools import deid_fill_organizations as organizations
from tools import deid_fill_places as places
from tools import deid_fill_times as times
from tools import deid_fill_words as words
from tools.deid_fill_noise import Spans, noisy

FOLDER = Path(__file__).parent / "deid_templates"
_SLOT = re.compile(r"\{([a-zA-Z_0-9]+)(?:#(\w))?\}")
# Genres of sentences that hold no identifier, or something that only looks like one.
NEGATIVE = "negative_"

Maker = Callable[[Random], str]
Namer = Callable[[Random, names.Person], str]


@dataclass(frozen=True, slots=True)
class Template:
    """A text with slots, and the kind of text that it is."""

    genre: str
    text: str


_NAMES: Mapping[str, tuple[str, Namer]] = {
    "given": (labels.NAME, lambda rng, who: who.given),
    "middle": (labels.NAME, lambda rng, who: who.middle),
    "family": (labels.NAME, lambda rng, who: who.family),
    "full": (labels.NAME, names.full),
    "plain": (labels.NAME, lambda rng, who: f"{who.given} {who.family}"),
    "full_suffix": (labels.NAME, names.with_suffix),
    "last_first": (labels.NAME, names.last_first),
    "initials": (labels.NAME, names.initials),
    "initial_family": (labels.NAME, names.initial_family),
    "given_initial": (labels.NAME, names.given_initial),
    "nickname": (labels.NAME, names.nickname),
    "spaced": (labels.NAME, names.spaced),
    "broken": (labels.NAME, names.broken),
    "file_name": (labels.NAME, names.file_name),
    "email": (labels.EMAIL, numbers.email),
    "username": (labels.OTHER_ID, numbers.username),
    "he": ("", lambda rng, who: "she" if who.female else "he"),
    "He": ("", lambda rng, who: "She" if who.female else "He"),
    "his": ("", lambda rng, who: "her" if who.female else "his"),
    "His": ("", lambda rng, who: "Her" if who.female else "His"),
    "him": ("", lambda rng, who: "her" if who.female else "him"),
    "man": ("", lambda rng, who: "woman" if who.female else "man"),
    "boy": ("", lambda rng, who: "girl" if who.female else "boy"),
    "male": ("", lambda rng, who: "female" if who.female else "male"),
    "mr": ("", lambda rng, who: rng.choice(words.LISTS["mrs" if who.female else "mr"])),
}
_OTHERS: Mapping[str, tuple[str, Maker]] = {
    "street": (labels.LOCATION, places.street),
    "street_name": (labels.LOCATION, places.street_name),
    "city": (labels.LOCATION, places.city),
    "zip": (labels.LOCATION, places.zip_code),
    "country": (labels.LOCATION, places.country),
    "county": (labels.LOCATION, places.county),
    "landmark": (labels.LOCATION, places.landmark),
    "street_city": (labels.LOCATION, places.street_city),
    "address_line": (labels.LOCATION, places.address_line),
    "address_lines": (labels.LOCATION, places.address_lines),
    "org": (labels.ORGANIZATION, organizations.org),
    "brand": (labels.ORGANIZATION, organizations.brand),
    "company": (labels.ORGANIZATION, organizations.company),
    "employer": (labels.ORGANIZATION, organizations.employer),
    "hospital": (labels.ORGANIZATION, organizations.hospital),
    "clinic": (labels.ORGANIZATION, organizations.clinic),
    "school": (labels.ORGANIZATION, organizations.school),
    "church": (labels.ORGANIZATION, organizations.church),
    "bank": (labels.ORGANIZATION, organizations.bank),
    "insurer": (labels.ORGANIZATION, organizations.insurer),
    "agency": (labels.ORGANIZATION, organizations.agency),
    "team": (labels.ORGANIZATION, organizations.team),
    "date": (labels.DATE, times.any_date),
    "date_numbers": (labels.DATE, times.date_numbers),
    "date_words": (labels.DATE, times.date_words),
    "short_date": (labels.DATE, times.short_date),
    "month_year": (labels.DATE, times.month_year),
    "month": (labels.DATE, times.month),
    "weekday": (labels.DATE, times.weekday),
    "holiday": (labels.DATE, times.holiday),
    "expiry": (labels.DATE, times.expiry),
    "stamp": (labels.DATE, times.stamp),
    "age_over_89": (labels.AGE_OVER_89, words.age_over_89),
    "phone": (labels.PHONE, numbers.phone),
    "extension": (labels.PHONE, numbers.extension),
    "fax": (labels.FAX, numbers.phone),
    "url": (labels.URL, numbers.url),
    "domain": (labels.URL, numbers.domain),
    "ip": (labels.IP, numbers.ip),
    "mac": (labels.IP, numbers.mac),
    "ssn": (labels.SSN, numbers.ssn),
    "mrn": (labels.MRN, numbers.mrn),
    "plan": (labels.HEALTH_PLAN, numbers.plan),
    "account": (labels.ACCOUNT, numbers.account),
    "card": (labels.ACCOUNT, numbers.card),
    "iban": (labels.ACCOUNT, numbers.iban),
    "licence": (labels.LICENSE, numbers.licence),
    "npi": (labels.LICENSE, numbers.npi),
    "dea": (labels.LICENSE, numbers.dea),
    "vin": (labels.VEHICLE, numbers.vin),
    "plate": (labels.VEHICLE, numbers.plate),
    "serial": (labels.DEVICE, numbers.serial),
    "biometric": (labels.BIOMETRIC, numbers.biometric),
    "other_id": (labels.OTHER_ID, numbers.other_id),
    "diagnosis": ("", words.diagnosis),
    "test": ("", words.laboratory_test),
    "vaccine": ("", words.vaccine),
    "word": ("", words.plain),
    "heading": ("", words.heading),
    "state": ("", places.state),
    "state_code": ("", places.state_code),
    "time": ("", times.clock),
    "year": ("", times.year),
    "age": ("", words.age),
    "number": ("", words.number),
}
SLOTS: Mapping[str, str] = {slot: label for slot, (label, _) in (*_NAMES.items(), *_OTHERS.items())} | dict.fromkeys(
    words.LISTS, ""
)
"""Slot -> its label, or "" where what it says stays."""


@cache
def templates() -> tuple[Template, ...]:
    """All templates, in the order of their files."""
    found = []
    for file in sorted(FOLDER.glob("*.toml")):
        for genre, texts in tomllib.loads(file.read_text("utf-8")).items():
            found += [Template(genre, text.strip("\n")) for text in texts]
    return tuple(found)


@cache
def _of(genre: str | None) -> tuple[Template, ...]:
    return tuple(one for one in templates() if genre in (None, one.genre))


def slots(template: str) -> list[str]:
    """The slots of a template in order."""
    return [slot[1] for slot in _SLOT.finditer(template)]


def fill(template: str, rng: Random) -> tuple[str, Spans]:
    """The text of a template, and where in it identifiers stand: start, end (half-open), label."""
    people: dict[str, names.Person] = {}
    pieces: list[str] = []
    spans: Spans = []
    at = length = 0
    for found in _SLOT.finditer(template):
        before = template[at : found.start()]
        value = _value(found[1], found[2], people, rng)
        length += len(before)
        if value.endswith(".") and template.startswith(".", found.end()):
            value = value[:-1]  # one full stop ends both
        if SLOTS[found[1]]:
            spans.append((length, length + len(value), SLOTS[found[1]]))
        pieces += [before, value]
        length += len(value)
        at = found.end()
    return "".join(pieces) + template[at:], spans


def _value(slot: str, whose: str | None, people: dict[str, names.Person], rng: Random) -> str:
    if slot in _NAMES:
        who = names.person(rng) if whose is None else people.get(whose) or people.setdefault(whose, names.person(rng))
        return _NAMES[slot][1](rng, who)
    return _OTHERS[slot][1](rng) if slot in _OTHERS else words.word(slot, rng)


def sample(rng: Random, *, clean: bool = False, genre: str | None = None) -> tuple[Template, str, Spans]:
    """A template drawn at random, filled, with noise unless `clean`."""
    drawn = rng.choice(_of(genre))
    text, spans = fill(drawn.text, rng)
    return (drawn, text, spans) if clean else (drawn, *noisy(text, spans, rng))


def marked(text: str, spans: Spans) -> str:
    """`text` with each span in brackets and its label."""
    for start, end, label in sorted(spans, reverse=True):
        text = f"{text[:start]}[{text[start:end]}|{label}]{text[end:]}"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--genre", choices=sorted({one.genre for one in templates()}))
    parser.add_argument("--clean", action="store_true", help="without noise")
    chosen = parser.parse_args()
    rng = Random(chosen.seed)
    for _ in range(chosen.sample):
        template, text, spans = sample(rng, clean=chosen.clean, genre=chosen.genre)
        print(f"--- {template.genre}\n{marked(text, spans)}\n")


if __name__ == "__main__":
    main()
