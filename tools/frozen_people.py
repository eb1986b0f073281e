"""Simulated people and places under frozen names, and what frozen templates may say of them beside the record.

`renamed_hospital` and `rename` put names of `frozen_names` in place of those of the simulator before a note is
written, so gold cannot drift from the text. `Surroundings` invents once a patient who and what else stands in notes:
relatives, neighbours, employers, schools, numbers of other systems, dates in many forms. Telephone numbers are 555-01xx
(for fiction), addresses of mail and hosts end in example (RFC 2606), IP addresses are of RFC 5737 and RFC 3849.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TypeVar

from careloom.simulate.draw import Draw
from careloom.simulate.history import Address, Person
from careloom.simulate.hospital import Hospital
from careloom.simulate.narrative.people import person_name, phi, phone_ways, placed, said
from careloom.simulate.narrative.render import Saying, Value, Voice
from careloom.simulate.narrative.times import years_between
from tools.frozen_names import Names

_T = TypeVar("_T")
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_TENS = {9: "ninety", 10: "one hundred"}
_ONES = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_AREAS = ("207", "308", "402", "413", "531", "620", "785", "802", "913")
DAYS = (
    "{m}/{d}/{y}", "{m}/{d}", "{mon} {d}", "{month} {d}, {yyyy}", "{d} {mon} {yyyy}", "{mm}.{dd}.{y}",
    "{month} {d}{th}", "{m}-{d}-{yyyy}", "{weekday}, {month} {d}", "{wd} {m}/{d}", "{d}{th} of {month}",
    "{MON} {dd} {yyyy}", "{mm}-{dd}-{y}", "{yyyy}/{mm}/{dd}", "{mon} {d}{th}, {yyyy}", "{dd}{MON}{yyyy}",
)  # fmt: skip
"""Forms of a day."""
MONTHS = ("{month} {yyyy}", "{m}/{yyyy}", "{mon} {yyyy}", "{month} of {yyyy}", "{mon} '{y}", "{month}")
"""Forms of a month: Safe Harbor keeps the year alone."""
RELATIVES = ("mother", "daughter", "son", "sister", "brother", "grandson", "niece", "cousin")
STAFF = (
    "np", "nurse", "aide", "scribe", "medic", "tech", "reader", "pathologist", "specialist", "old_doctor", "pharmacist",
    "therapist", "dentist", "interpreter", "case_manager", "operator",
)  # fmt: skip
OTHERS = ("neighbor", "friend", "landlord", "pastor", "boss", "coworker", "teacher", "coach", "officer", "roommate")


ORGANIZATIONS = {
    "employer": (
        "{f} & Sons Roofing", "{here} Grain Cooperative", "{f} Trucking", "{f} Dairy", "{f}-{other} Machine Works",
        "{old} Feed and Seed",
    ),
    "school": (
        "{f} Elementary School", "{here} High School", "{here} Middle School", "{f} Academy", "Saint {g} School",
        "{old} Community College",
    ),
    "pharmacy": ("{f} Drug", "{here} Pharmacy", "{f}'s Apothecary"),
    "church": ("{here} Lutheran Church", "{f} Chapel", "First Baptist of {here}"),
    "agency": ("{f} Home Care", "{here} Visiting Nurses", "{old} Area Hospice"),
    "facility": ("{f} Manor", "{here} Care Center", "{f} House"),
    "ems": ("{here} Fire and Rescue", "{f} Ambulance"),
    "lab": ("{f} Reference Laboratory", "{old} Pathology Associates"),
}  # fmt: skip
"""What is called after a family (f, other), a given name (g) or a town (here, old)."""
ROADS = ("County Road {n}", "{f} Hollow Road", "Old {f} Road", "RR 2 Box {n}", "P.O. Box 5{n}")
NUMBERS = {
    "mrn": ("MRN", "#######", "###-##-###", "M########"),
    "visit": ("ACCOUNT", "##########", "V#########", "########-###"),
    "guarantor": ("ACCOUNT", "G######", "#########"),
    "member": ("HEALTH_PLAN", "#??#-??#-??##", "???#########", "#########-##", "W#### #####"),
    "group": ("HEALTH_PLAN", "######", "??-#####"),
    "drivers": ("LICENSE", "K##-##-####", "?########"),
    "dea": ("LICENSE", "??#######"),
    "rn_license": ("LICENSE", "RN-######", "##-#####-###"),
    "plate": ("VEHICLE", "??? ###", "###-???", "##-?###"),
    "vin": ("VEHICLE", "1????##???#######"),
    "serial": ("DEVICE", "???######?", "####-#####", "SN########"),
    "udi": ("DEVICE", "(01)0#############(21)?######"),
    "claim": ("OTHER_ID", "####-WC-#####", "CL########"),
    "run": ("OTHER_ID", "##-######", "########"),
    "rx": ("OTHER_ID", "#######", "######-#####"),
    "auth": ("OTHER_ID", "A#########", "########"),
    "report": ("OTHER_ID", "##-#####", "PR#######"),
    "ticket": ("OTHER_ID", "MSG-#######", "??######"),
    "ssn4": ("SSN", "####"),
}
"""Numbers of other systems: label, and forms with # for a digit and ? for a capital."""


def renamed_hospital(hospital: Hospital, names: Names, draw: Draw) -> Hospital:
    """The same hospital with sites, clinicians and addresses of the frozen names."""
    sites = tuple(
        replace(site, name=draw.pick(names.organizations), address=_address(names, draw), phone=_phone(draw))
        for site in hospital.sites
    )
    clinicians = tuple(
        replace(one, given=draw.pick(names.given), family=draw.pick(names.family)) for one in hospital.clinicians
    )
    return replace(hospital, name=sites[0].name, sites=sites, clinicians=clinicians)


def rename(person: Person, names: Names, draw: Draw) -> None:
    """Gives a simulated person other names, homes, telephone and mail."""
    person.given, person.middle, person.family = (
        draw.pick(names.given), draw.pick(names.given), draw.pick(names.family),
    )  # fmt: skip
    if draw.hit(0.08):
        person.family = f"{person.family}-{draw.pick(names.family)}"
    person.phone = _phone(draw)
    person.email = _mail(person.given, person.family, draw)
    person.addresses = [(since, _address(names, draw)) for since, _ in person.addresses]
    _, _, relation = person.contact
    kept = draw.hit(0.5)
    person.contact = (draw.pick(names.given), person.family if kept else draw.pick(names.family), relation)


def _address(names: Names, draw: Draw) -> Address:
    place = draw.pick(names.places)
    return Address(draw.pick(names.streets), place.city, "", place.state, place.postal_code)


def _phone(draw: Draw) -> str:
    return f"{draw.pick(_AREAS)}-555-01{draw.whole(0, 99):02d}"


def _plain(name: str) -> str:
    """The letters of a name that an address of mail may have, without their accents."""
    letters = unicodedata.normalize("NFKD", name.lower())
    return "".join(letter for letter in letters if letter.isascii() and letter.isalnum()) or "mail"


def _mail(given: str, family: str, draw: Draw) -> str:
    first, last = _plain(given), _plain(family)
    user = draw.pick(
        (f"{first}.{last}", f"{first[0]}{last}{draw.whole(1, 99)}", f"{last}_{first}", f"{first}{draw.whole(40, 99)}")
    )
    return f"{user}@{draw.pick(('example.net', 'mail.example.org', 'example.com', 'rural.example'))}"


class Surroundings:
    """Who and what stands around one patient, the same in all notes of the patient.

    Called with the time of a note it gives the scope ``x`` of the templates.
    """

    def __init__(self, person: Person, names: Names, draw: Draw) -> None:
        self.person, self.names, self.draw = person, names, draw
        people: dict[str, Value] = {}
        for word in RELATIVES:
            family = person.family if draw.hit(0.5) else draw.pick(names.family)
            people[word] = self._somebody(word, "relative", family)
        for word in STAFF:
            people[word] = self._somebody(word, "clinician", draw.pick(names.family))
        for word in OTHERS:
            people[word] = self._somebody(word, "other", draw.pick(names.family))
        self.fixed: dict[str, Value] = {**people, **self._self(), **self._places(), **self._numbers(), **self._ways()}

    def __call__(self, time: datetime) -> Mapping[str, Value]:
        """The names that templates may ask for at that time."""
        grown = years_between(self.person.birth, time) >= 18
        return {"x": {**self.fixed, **self._days(time), "grown": "yes" if grown else None}}

    def _pick(self, options: Sequence[_T]) -> _T:
        return self.draw.pick(options)

    def _somebody(self, word: str, role: str, family: str) -> dict[str, Value]:
        given = self._pick(self.names.given)
        title = "Dr." if word in {"specialist", "old_doctor", "reader", "pathologist", "dentist"} else ""
        return {
            **person_name(given, "", family, role, title),
            "phone": said("PHONE", phone_ways(_phone(self.draw))),
            "email": phi(_mail(given, family, self.draw), "EMAIL"),
            "signed": phi(f"{given[0]}. {family}", "NAME", ("role", role)),
            "late": said("NAME", (f"{family} {given}", f"{family.upper()}, {given.upper()}"), ("role", role)),
        }

    def _self(self) -> dict[str, Value]:
        """The patient under further names and in further forms."""
        person, who = self.person, ("role", "patient")
        given, middle, family = person.given, person.middle, person.family

        def name(*ways: str) -> Value:
            return said("NAME", ways, who)

        nick = name(self._pick(self.names.given))
        letters = given[0], middle[0], family[0]
        return {
            "nick": nick,
            "quoted": [name(given), ' "', nick, '" ', name(family)],
            "maiden": name(self._pick(self.names.family)),
            "three": name("".join(letters), "".join(f"{letter}." for letter in letters)),
            "short": name(f"{given[0]}. {family}"),
            "upper": name(f"{family.upper()}, {given.upper()} {middle[0]}"),
            "caret": name(f"{family.upper()}^{given.upper()}"),
            "spaced": name(f"{family} {given}"),
        }

    def _places(self) -> dict[str, Value]:
        """Employers, schools, shops, parishes by a name and what they are; towns and roads."""
        here, old = self._pick(self.names.places).city, self._pick(self.names.places).city

        def called(*ways: str) -> str:
            words = {"f": self._pick(self.names.family), "g": self._pick(self.names.given), "here": here, "old": old}
            return self._pick(ways).format(**words, other=self._pick(self.names.family), n=self.draw.whole(2, 90))

        out: dict[str, Value] = {
            what: phi(called(*ways), "ORGANIZATION", ("what", what)) for what, ways in ORGANIZATIONS.items()
        }
        home = _address(self.names, self.draw)
        return {
            **out,
            "elsewhere": phi(self._pick(self.names.organizations), "ORGANIZATION", ("what", "hospital")),
            "town": phi(here, "LOCATION", ("part", "city")),
            "old_town": phi(old, "LOCATION", ("part", "city")),
            "county": phi(called("{f} County"), "LOCATION", ("part", "county")),
            "road": phi(called(*ROADS), "LOCATION", ("part", "street")),
            "address": placed(home.line, home.city, home.state, home.postal_code),
            "street": phi(home.line, "LOCATION", ("part", "street")),
            "zip": phi(home.postal_code, "LOCATION", ("part", "zip")),
        }

    def _masked(self, *masks: str) -> str:
        """One of the masks, with digits for # and capitals for ?."""
        signs = {"#": lambda: str(self.draw.whole(0, 9)), "?": lambda: self._pick(_LETTERS)}
        return "".join(signs[sign]() if sign in signs else sign for sign in self._pick(masks))

    def _numbers(self) -> dict[str, Value]:
        return {what: phi(self._masked(*masks), label) for what, (label, *masks) in NUMBERS.items()}

    def _ways(self) -> dict[str, Value]:
        """How to reach the patient and others; ages of the old."""
        draw, person = self.draw, self.person
        cell, work, host = _phone(draw), _phone(draw), _plain(self._pick(self.names.family))
        age = draw.whole(90, 104)
        return {
            "cell": said("PHONE", (*phone_ways(cell), f"+1 {cell}", f"1-{cell}")),
            "local": phi(self._masked("555-01##"), "PHONE"),
            "work_phone": said("PHONE", (self._masked(f"{work} x###"), self._masked(f"{work} ext. ##"))),
            "ext": phi(self._masked("####"), "PHONE"),
            "fax": said("FAX", phone_ways(_phone(draw))),
            "email": phi(_mail(person.given, person.family, draw), "EMAIL"),
            "work_email": phi(f"{_plain(person.given)}{_plain(person.family)[:1]}@{host}.example", "EMAIL"),
            "url": phi(f"https://{host}.example/share/{self._masked('???#####').lower()}", "URL"),
            "www": phi(f"www.{host}-family.example", "URL"),
            "ip": phi(self._masked("203.0.113.1##", "198.51.100.##", "2001:db8:#a##::##"), "IP"),
            "elder": said("AGE_OVER_89", _old(draw.whole(90, 102))),
            "elder_adjective": said("AGE_OVER_89", (f"{age}-year-old", f"{age} year old", f"{age} y.o.")),
        }

    def _days(self, time: datetime) -> dict[str, Value]:
        """Dates around a note, each in one of many forms whenever it is said."""
        chance = Draw(int(time.timestamp()), self.person.patient_id, "days")

        def away(low: int, high: int, forms: Sequence[str] = DAYS) -> Saying:
            return _dated(time.date() + timedelta(days=chance.whole(low, high)), forms)

        return {
            "today": _dated(time.date(), DAYS),
            "lately": away(-20, -2),
            "before": away(-90, -21),
            "next": away(3, 60),
            "later": away(61, 200),
            "past_month": away(-2400, -120, MONTHS),
            "long_ago": away(-9000, -2500, MONTHS[:5]),
            "lost": away(-6000, -30),
        }


def _old(age: int) -> tuple[str, ...]:
    words = _TENS[age // 10] + (f"-{_ONES[age % 10]}" if age % 10 and age < 100 else f" {_ONES[age % 10]}".rstrip())
    return (str(age), f"{age} years old", words, f"{age}")


def _ordinal(number: int) -> str:
    return "th" if number in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _dated(day: date, forms: Sequence[str]) -> Saying:
    month = f"{day:%B}"
    words = {
        "d": day.day, "dd": f"{day.day:02}", "m": day.month, "mm": f"{day.month:02}", "y": f"{day.year % 100:02}",
        "yyyy": day.year, "mon": month[:3], "MON": month[:3].upper(), "month": month, "weekday": f"{day:%A}",
        "wd": f"{day:%a}", "th": _ordinal(day.day),
    }  # fmt: skip

    def say(voice: Voice, form: str) -> Value:
        return phi(voice.pick(forms).format(**words), "DATE")

    return say
