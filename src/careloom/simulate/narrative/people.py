"""Who stands in a note: the patient, relatives, clinicians, the hospital; and the numbers that would give them away.

What the record knows is written as recorded. What notes hold beside it (a fax number, a pager, an account, the serial
number of a device, a web address) is invented once, and leads nowhere: telephone numbers are 555-01xx, for fiction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from careloom.simulate.history import Clinician, Person, Site
from careloom.simulate.narrative.draft import Mark, Piece
from careloom.simulate.narrative.render import Chance, Saying, Value, Voice
from careloom.simulate.narrative.times import aged, dated, years_between

RELATIONS = {
    "SPO": ("wife", "husband", "spouse"),
    "CHD": ("daughter", "son", "child"),
    "PAR": ("mother", "father", "parent"),
    "SIB": ("sister", "brother", "sibling"),
    "FND": ("friend", "friend", "friend"),
    "GRD": ("guardian", "guardian", "guardian"),
    "MTH": ("mother", "mother", "mother"),
    "FTH": ("father", "father", "father"),
    "BRO": ("brother", "brother", "brother"),
    "SIS": ("sister", "sister", "sister"),
    "DOM": ("partner", "partner", "partner"),
    "EMC": ("contact", "contact", "contact"),
}
"""HL7 table 0063 and v3 RoleCode -> words; where the code does not say the sex, the neutral third is taken."""


def phi(text: str, label: str, *attributes: tuple[str, str]) -> Piece:
    """Characters that identify somebody."""
    return Piece(text, (Mark("phi", label, "", (), attributes),))


def person_name(given: str, middle: str, family: str, role: str, title: str = "") -> dict[str, Value]:
    """A name in its forms; the title is no part of it.

    forms by key  it, full, given, family, last_first, initials, titled
    """
    who = ("role", role)
    initial = f" {middle[0]}." if middle else ""

    def some(*ways: str) -> Saying:
        def say(voice: Voice, form: str) -> Value:
            return phi(voice.pick(ways), "NAME", who)

        return say

    titled: list[Value] = [f"{title} ", phi(family, "NAME", who)] if title else [phi(family, "NAME", who)]
    return {
        "it": some(f"{given} {family}", f"{given}{initial} {family}"),
        "full": some(f"{given} {middle} {family}" if middle else f"{given} {family}"),
        "given": some(given),
        "family": some(family),
        "last_first": some(f"{family}, {given}{initial}", f"{family}, {given}"),
        "initials": some(f"{given[0]}{family[0]}", f"{given[0]}.{family[0]}."),
        "titled": titled,
    }


@dataclass(frozen=True, slots=True)
class Invented:
    """Numbers and places of one patient that no record holds, the same in all notes."""

    account: str
    health_plan: str
    fax: str
    pager: str
    serial: str
    license: str
    plate: str
    ip: str
    doctor: tuple[str, str]
    contact_phone: str
    job: str


def invent(chance: Chance, person: Person, families: tuple[str, ...]) -> Invented:
    """The invented numbers of a patient.

    families  surnames of clinicians of the hospital, of which the family doctor gets one
    """

    def digits(count: int) -> str:
        return "".join(str(int(chance.uniform() * 10)) for _ in range(count))

    def phone() -> str:
        return f"{person.phone[:3] if person.phone[:3].isdigit() else '617'}-555-01{digits(2)}"

    letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
    letter: Callable[[], str] = lambda: letters[int(chance.uniform() * len(letters))]  # noqa: E731
    return Invented(
        account=f"{digits(3)}-{digits(6)}",
        health_plan=f"{letter()}{letter()}{letter()}{digits(9)}",
        fax=phone(),
        pager=digits(5),
        serial=f"{letter()}{letter()}-{digits(7)}",
        license=f"{letter()}{digits(7)}",
        plate=f"{digits(1)}{letter()}{letter()}{letter()} {digits(3)}",
        ip=f"10.{int(chance.uniform() * 200)}.{int(chance.uniform() * 250)}.{1 + int(chance.uniform() * 250)}",
        doctor=(letter(), families[int(chance.uniform() * len(families))] if families else "Hale"),
        contact_phone=phone(),
        job=digits(7),
    )


def phone_ways(number: str) -> tuple[str, ...]:
    """A telephone number of ten digits in several forms."""
    digits = "".join(filter(str.isdigit, number))[-10:]
    if len(digits) < 10:
        return (number,)
    area, exchange, line = digits[:3], digits[3:6], digits[6:]
    return (
        f"({area}) {exchange}-{line}",
        f"{area}-{exchange}-{line}",
        f"{area}.{exchange}.{line}",
        f"{area} {exchange} {line}",
    )


def said(label: str, ways: tuple[str, ...], *attributes: tuple[str, str]) -> Saying:
    """An identifier in one of several forms."""

    def say(voice: Voice, form: str) -> Value:
        return phi(voice.pick(ways), label, *attributes)

    return say


def phone(number: str) -> Saying:
    """A telephone number."""
    return said("PHONE", phone_ways(number))


def address_of(person: Person, at: datetime) -> list[Value]:
    """Where the person lived: street, city, state, ZIP; a state is no identifier (45 CFR 164.514(b)(2)(i)(B))."""
    lived = [address for since, address in person.addresses if since <= at.date()]
    address = lived[-1] if lived else person.addresses[0][1]
    return placed(address.line, address.city, address.state, address.postal_code)


def placed(line: str, city: str, state: str, postal_code: str) -> list[Value]:
    """An address on one line."""
    return [
        phi(line, "LOCATION", ("part", "street")),
        ", ",
        phi(city, "LOCATION", ("part", "city")),
        f", {state} ",
        phi(postal_code, "LOCATION", ("part", "zip")),
    ]


def patient_scope(person: Person, mrn: str, at: datetime, invented: Invented, plan: str) -> dict[str, Value]:
    """What a note may say of who the patient is."""
    female = person.sex == "female"
    title = ("Ms.", "Mrs.")[person.marital_status.code == "M"] if female else "Mr."
    birth = person.birth
    grown = years_between(birth, at) >= 16
    name = person_name(person.given, person.middle, person.family, "patient", title)
    nouns = ("woman", "lady", "female", "girl") if female else ("man", "gentleman", "male", "boy")
    return {
        "name": name if grown else {**name, "titled": phi(person.given, "NAME", ("role", "patient"))},
        "age": aged(birth, at, person.sex),
        "birth": dated(birth),
        "sex": "female" if female else "male",
        "noun": nouns[birth.day % 3] if grown else nouns[3],
        "letter": "F" if female else "M",
        "mrn": said("MRN", (mrn,)),
        "ssn": said("SSN", (person.ssn,)) if person.ssn else None,
        "phone": phone(person.phone) if person.phone else None,
        "email": phi(person.email, "EMAIL") if person.email else None,
        "address": address_of(person, at) if person.addresses else None,
        "language": person.language.display,
        "account": phi(invented.account, "ACCOUNT"),
        "plan": phi(plan or invented.health_plan, "HEALTH_PLAN"),
        "license": phi(invented.license, "LICENSE"),
        "plate": phi(invented.plate, "VEHICLE"),
        "ip": phi(invented.ip, "IP"),
        "serial": phi(invented.serial, "DEVICE"),
        "contact": contact_scope(person, invented),
    }


def contact_scope(person: Person, invented: Invented) -> dict[str, Value] | None:
    """Next of kin; None where nobody is known."""
    given, family, relation = person.contact
    if not given:
        return None
    words = RELATIONS.get(relation, ("relative", "relative", "relative"))
    spouse = ("husband" if person.sex == "female" else "wife") if relation == "SPO" else words[2]
    name = person_name(given, "", family, "relative")
    return {**name, "relation": spouse, "phone": phone(invented.contact_phone)}


def clinician_scope(clinician: Clinician, invented: Invented) -> dict[str, Value]:
    """Somebody who treats: name, credential, pager, identifier."""
    name = person_name(clinician.given, "", clinician.family, "clinician", "Dr.")
    nurse = "nurs" in clinician.role.display.lower()
    return {
        **name,
        "credential": "RN" if nurse else "MD",
        "npi": phi(clinician.npi, "LICENSE", ("what", "npi")),
        "pager": phi(invented.pager, "PHONE", ("what", "pager")),
    }


def site_scope(site: Site, invented: Invented) -> dict[str, Value]:
    """The place: its name, address, telephone, fax, web address."""
    address = site.address
    host = "".join(letter for letter in site.name.lower() if letter.isascii() and letter.isalpha())[:24]
    return {
        "name": phi(site.name, "ORGANIZATION", ("what", "hospital" if site.kind == "hospital" else "clinic")),
        "address": placed(address.line, address.city, address.state, address.postal_code),
        "city": phi(address.city, "LOCATION", ("part", "city")),
        "phone": phone(site.phone),
        "fax": said("FAX", phone_ways(invented.fax)),
        "url": phi(f"https://portal.{host}.example", "URL"),
        "email": phi(f"records@{host}.example", "EMAIL"),
    }


def unit_piece(name: str) -> Piece:
    """A ward or clinic within the hospital."""
    return phi(name, "ORGANIZATION", ("what", "unit"))


def document_scope(time: datetime, serial: str, invented: Invented) -> dict[str, Value]:
    """The note itself: its date, and numbers that transcription and laboratories give it."""
    return {
        "accession": phi(serial, "OTHER_ID", ("what", "accession")),
        "job": phi(f"{invented.job}{serial[-2:]}", "OTHER_ID", ("what", "job")),
        "date": dated(time),
    }
