"""Identifiers put into notes that hold none on purpose: sentences with blanks, filled from names of another source."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

SENTENCES = (
    "{family} was reassured that the findings are benign.",
    "I discussed the plan with {given} today.",
    "{title} {family} tolerated the procedure well.",
    "The patient, {full}, was accompanied by {relative}, {given2}.",
    "{given} {family} is well known to this clinic.",
    "Patient name: {inverted}",
    "PATIENT: {caps}   MRN: {mrn}",
    "{relative} ({full2}) can be reached at {phone}.",
    "Referred by Dr. {family2} for further evaluation.",
    "cc: {full2}, MD",
    "Electronically signed by {full2}, RN on {date}.",
    "Dictated by: {full2}",
    "{full} was last seen on {date}.",
    "Symptoms began {date} and worsened after {date2}.",
    "Follow up {date} with Dr. {family2}.",
    "DOB: {date}   Account #: {account}",
    "She lives at {street} in {city}.",
    "He moved here from {city} in {monthyear}.",
    "Please fax records to {fax} or e-mail {email}.",
    "Medical record number {mrn} was reviewed; SSN {ssn}.",
    "Insurance member ID {plan}.",
    "Pacemaker serial number {serial} interrogated.",
    "Her grandmother is {old} years old and healthy.",
    "{given}'s mood has improved; {given} sleeps well.",
    "Spoke with {given2} {family} by phone ({phone}).",
    "NPI {npi}. Driver's license {licence}.",
    "Results are on {url} for {family}.",
    "{family}, {given} was seen with {relative}.",
    "Next of kin: {full2}, {phone}",
    "Thank you for referring {full}. Sincerely, {full2}",
)
RELATIVES = ("his wife", "her husband", "her daughter", "his son", "her sister", "his mother", "a neighbor")
MONTHS = "January February March April May June July August September October November December".split()


@dataclass(frozen=True)
class Source:
    """Where values come from: (given, family) pairs, streets, cities."""

    people: Sequence[tuple[str, str]]
    streets: Sequence[str]
    cities: Sequence[str]


def filled(note: str, source: Source, seed: str, sentences: int = 6) -> tuple[str, list[tuple[int, int, str]]]:
    """`note` with sentences put between its sentences, and gold of what they hold."""
    chance = random.Random(seed)
    places = sorted(chance.sample(_places(note), min(sentences, len(_places(note)))))
    given, family = chance.choice(source.people)
    given2, family2 = chance.choice(source.people)
    parts: list[str] = []
    gold: list[tuple[int, int, str]] = []
    length = at = 0
    for place in places:
        before = note[at:place]
        sentence, spans = _sentence(chance, source, (given, family, given2, family2))
        start = length + len(before) + 1
        gold += [(start + a, start + b, label) for a, b, label in spans]
        parts += [before, " " + sentence + " "]
        length = start + len(sentence) + 1
        at = place
    return "".join([*parts, note[at:]]), gold


def _places(note: str) -> list[int]:
    return [
        i + 1 for i in range(1, len(note) - 1) if note[i] in ".\n" and note[i + 1].isspace() and note[i - 1].islower()
    ]


def _sentence(chance: random.Random, source: Source, names: tuple[str, ...]) -> tuple[str, list[tuple[int, int, str]]]:
    template = chance.choice(SENTENCES)
    values = _values(chance, source, names)
    text, gold, at = "", [], 0
    while at < len(template):
        if template[at] != "{":
            text += template[at]
            at += 1
            continue
        end = template.index("}", at)
        label, value = values[template[at + 1 : end]]
        if label:
            gold.append((len(text), len(text) + len(value), label))
        text += value
        at = end + 1
    return text, gold


def _values(chance: random.Random, source: Source, names: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    given, family, given2, family2 = names
    digits = lambda n: "".join(chance.choice("0123456789") for _ in range(n))  # noqa: E731
    phone = f"{chance.randint(201, 989)}{chance.choice('-. ')}{chance.randint(200, 999)}-{digits(4)}"
    values = {name: ("DATE", _date(chance)) for name in ("date", "date2")}
    return values | {
        "given": ("NAME", given), "family": ("NAME", family), "given2": ("NAME", given2), "family2": ("NAME", family2),
        "full": ("NAME", f"{given} {family}"), "full2": ("NAME", f"{given2} {family2}"),
        "inverted": ("NAME", f"{family}, {given}"), "caps": ("NAME", f"{given} {family}".upper()),
        "title": ("", chance.choice(("Mr.", "Mrs.", "Ms."))), "relative": ("", chance.choice(RELATIVES)),
        "mrn": ("MRN", digits(8)), "phone": ("PHONE", phone), "fax": ("FAX", phone),
        "account": ("ACCOUNT", f"{digits(3)}-{digits(6)}"), "street": ("LOCATION", chance.choice(source.streets)),
        "city": ("LOCATION", chance.choice(source.cities)),
        "monthyear": ("DATE", f"{chance.choice(MONTHS)} {chance.randint(1990, 2024)}"),
        "email": ("EMAIL", f"{given}.{family}@mail.com".replace(" ", "").lower()),
        "ssn": ("SSN", f"{chance.randint(100, 665)}-{chance.randint(10, 99)}-{chance.randint(1000, 9999)}"),
        "plan": ("HEALTH_PLAN", f"{chance.choice('ABCDEFGH')}{digits(8)}"), "serial": ("DEVICE", f"SN{digits(7)}"),
        "old": ("AGE_OVER_89", str(chance.randint(90, 104))), "npi": ("LICENSE", f"1{digits(9)}"),
        "licence": ("LICENSE", f"S{digits(8)}"), "url": ("URL", f"https://portal.clinic.org/{digits(8)}"),
    }  # fmt: skip


def _date(chance: random.Random) -> str:
    day, month, year = chance.randint(1, 28), chance.randint(1, 12), chance.randint(1935, 2024)
    name = MONTHS[month - 1]
    return chance.choice(
        (
            f"{month}/{day}/{year}",
            f"{month:02d}/{day:02d}/{year % 100:02d}",
            f"{name} {day}, {year}",
            f"{day} {name} {year}",
            f"{day:02d}-{name[:3]}-{year}",
            f"{year}-{month:02d}-{day:02d}",
            f"{name[:3]} {day}",
            f"{day}th of {name}",
            f"{month}.{day}.{year}",
        )
    )
