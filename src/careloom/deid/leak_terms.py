"""What a scan for leaks looks for: the identifiers of people in the forms in which they are written.

The rule, so that a hit means something:

- *Anywhere*, in any spacing and punctuation: what has eight or more letters and digits and is one person's alone: full
  names (given and family name in both orders, with the middle name and its initial), telephone numbers (those of ten
  digits also behind a country code: 1, 001, or + and up to three digits), mail and web addresses, record, insurance and
  social security numbers, the street with its number.
- *As a whole word*: identifiers of six and seven letters and digits with a digit among them, and single names of five
  letters or more that are no word of English or medicine and no name of the shipped lists.
- *Birth dates*, as eight digits in each order and with the month in words.
- *Not at all*: shorter numbers, other single names (``Hill`` in a display of a code is nobody), towns, states and ZIP
  codes; leading zeros of a number do not count as digits. They are counted, so that a report says how many.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from careloom.deid.canaries import plain
from careloom.deid.leak_search import HEAD
from careloom.deid.leaks import SHORTEST, TELEPHONES, national_number
from careloom.deid.name_lists import folded, names, words
from careloom.deid.text_known import Known, KnownName
from careloom.deid.text_spans import EMAIL, LOCATION, NAME, ORGANIZATION, URL

BIRTH_DATE = "BIRTH_DATE"
ANYBODY = -1
"""The owner of what nobody knows whose it is."""
SHORTEST_UNIQUE_NAME = 5
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip

Owned = tuple[str, int]
"""(label of `careloom.deid.text_spans` or `BIRTH_DATE`, owner)."""


@dataclass(slots=True)
class LeakTerms:
    """Terms by their plain letters and digits.

    anywhere    term -> whose it is and what
    words       the same for whole words
    telephones  those anywhere that are also found behind a country code
    counted     label -> identifiers that are looked for
    left_out    reason -> identifiers that are not
    """

    anywhere: dict[bytes, set[Owned]] = field(default_factory=dict)
    words: dict[bytes, set[Owned]] = field(default_factory=dict)
    telephones: set[bytes] = field(default_factory=set)
    counted: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def add_person(self, owner: int, known: Known) -> None:
        """Everything that the record knows of a person and those around."""
        for name in known.names:
            self._add_name(owner, name)
        for label, value in dict.fromkeys(known.values):
            if label != ORGANIZATION:
                self.add_value(owner, label, value)
        for address in known.addresses:
            for line in address.lines:
                self._add_street(owner, line)
            self.left_out["town, state or ZIP code: of many people"] += bool(address.city) + bool(address.postal_code)
        for birth in known.birth_dates:
            self.counted[BIRTH_DATE] += 1
            for form in birth_forms(birth):
                self._put(self.anywhere, form, BIRTH_DATE, owner)

    def add_value(self, owner: int, label: str, value: str) -> None:
        """A number, an address of the net or another identifier in one piece."""
        forms = {one for one in _plain_forms(value) if len(one.lstrip(b"0")) >= SHORTEST}
        if label in TELEPHONES:
            bare = {number.encode() for one in forms if (number := national_number(one.decode()))}
            self.telephones |= bare
            forms |= bare
        if label not in (EMAIL, URL):
            forms = {one for one in forms if any(48 <= letter <= 57 for letter in one)}
        if not forms:
            self.left_out["number or identifier that is too short"] += 1
            return
        forms = self._new(owner, forms)
        self.counted[label] += bool(forms)
        for form in forms:
            self._put(self.anywhere if len(form) >= HEAD else self.words, form, label, owner)

    def add_name(self, owner: int, text: str) -> None:
        """A name as it stands in a text: several words, or one. An initial in its end tells nobody apart."""
        said = text.replace(",", " ").split()
        while said and len(said[-1].strip(".")) < 2:
            said.pop()
        *given, family = said or [""]
        self._add_name(owner, KnownName(tuple(given), family))

    def _add_name(self, owner: int, name: KnownName) -> None:
        full = {form for form in _full_names(name) if len(form) >= HEAD}
        unique = {form for word in name.words() for form in _plain_forms(word) if _is_unique(word)}
        if not (full or unique):
            self.left_out["name that is short, alone or in no Latin letters"] += 1
            return
        full, unique = self._new(owner, full), self._new(owner, unique)
        self.counted[NAME] += bool(full or unique)
        for form in full:
            self._put(self.anywhere, form, NAME, owner)
        for form in unique:
            self._put(self.words, form, NAME, owner)

    def _new(self, owner: int, forms: set[bytes]) -> set[bytes]:
        """Of what nobody knows whose it is only what is not looked for already: each hit counts once."""
        return forms if owner != ANYBODY else forms - self.anywhere.keys() - self.words.keys()

    def _add_street(self, owner: int, line: str) -> None:
        forms = {one for one in _plain_forms(line) if len(one) >= HEAD and any(48 <= letter <= 57 for letter in one)}
        if not forms:
            self.left_out["street without a number"] += 1
            return
        self.counted[LOCATION] += 1
        for form in forms:
            self._put(self.anywhere, form, LOCATION, owner)

    @staticmethod
    def _put(where: dict[bytes, set[Owned]], form: bytes, label: str, owner: int) -> None:
        where.setdefault(form, set()).add((label, owner))


def birth_forms(birth: date) -> Iterator[bytes]:
    """A date as eight digits, year first, month first and day first, and with the month in words."""
    year, month, day = f"{birth.year:04d}", f"{birth.month:02d}", f"{birth.day:02d}"
    for numeric in (year + month + day, month + day + year, day + month + year):
        yield numeric.encode()
    name = _MONTHS[birth.month - 1]
    for said in {name, name[:3]}:
        for number in {day, str(birth.day)}:
            for form in (said + number + year, number + said + year, f"{number}{_ordinal(birth.day)}{said}{year}",
                         f"{said}{number}{_ordinal(birth.day)}{year}"):  # fmt: skip
                if len(form) >= HEAD:
                    yield form.encode()


def _ordinal(day: int) -> str:
    return "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _plain_forms(text: str) -> set[bytes]:
    """Its plain letters and digits, with accents taken off and with accented letters left out as `plain` does."""
    return {form for form in (plain(text.encode()), plain(folded(text).encode())) if form}


def _full_names(name: KnownName) -> Iterator[bytes]:
    given = [word for part in name.given for word in part.split()]
    if not given or not name.family:
        return
    initial = f"{given[0]} {given[1][:1]}" if len(given) > 1 else given[0]
    for said in {given[0], " ".join(given), initial}:
        yield from _plain_forms(f"{said} {name.family}")
        yield from _plain_forms(f"{name.family} {said}")


def _is_unique(word: str) -> bool:
    """True for a name that is no word and no name of the lists: it can be nobody else's."""
    known = folded(word).strip(".,'’")
    return len(known) >= SHORTEST_UNIQUE_NAME and known.isalpha() and known not in words() and known not in names()
