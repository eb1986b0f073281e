"""People who do not exist, each with the records that a hospital made of them, some of them twice: the answer is known.

Names follow Zipf's law; households share a family name, an address and a telephone; there are twins, and fathers and
sons of one name. A second record has what registration desks do to it: short names, slips, married names, exchanged
days and months, moves, numbers left out. Seeded; nothing is taken from any person.
"""

import random
import tomllib
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from careloom.runtime import packaged

SSN = "http://hl7.org/fhir/sid/us-ssn"
_FRONT = "Ash Black Bridge Brook Clay Cold Day Dun East Fair Gold Gray Hart Hay High Hill King Lang Long Mar Mill Moor New North Oak Pem Red Rock Rose Rush Sand Shel South Stan Stone Thorn Wake Wal Wash West White Wild Win Wood".split()  # noqa: E501
_BACK = "bourne bridge burn bury by combe cott dale den don field ford gate grove ham hart holm hurst land ley low man mere mont more over port ridge sey shaw son stead stone ton wall ward water way well wick wood worth".split()  # noqa: E501
_COMMON = "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis Robinson Walker Young Allen King Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera Campbell Mitchell Carter Roberts O'Brien De-La-Cruz Kim Patel".split()  # noqa: E501
_STREETS = "Maple Oak Cedar Pine Elm Washington Lake Hill Walnut Spring North Ridge Church Willow Mill Park Sunset Railroad Jefferson Center".split()  # noqa: E501
_KINDS = ("Street", "St", "Avenue", "Road", "Drive", "Lane", "Court")
_CITIES = [(f"{front}{back}", f"{at:05d}") for at, (front, back) in enumerate(zip(_FRONT, _BACK, strict=False), 10001)]


@dataclass
class Person:
    key: str
    given: str
    middle: str
    family: str
    birth: date
    sex: str
    ssn: str
    house: int
    street: str
    city: tuple[str, str]
    phone: str
    suffix: str = ""
    maiden: str = ""
    noise: dict[str, str] = field(default_factory=dict)


class People:
    """A population of households, and the records that were made of it."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        names = tomllib.loads(packaged("quality", "linkage/nicknames.toml").decode())["nicknames"]
        self._short = {name: short.split() for name, short in names.items()}
        self._given = list(names)
        self._random.shuffle(self._given)
        tail = [front + back for front in _FRONT for back in _BACK]
        self._random.shuffle(tail)
        self._families = _COMMON + tail
        self._given_weights = [1 / (rank + 4) for rank in range(len(self._given))]
        self._family_weights = [1 / (rank + 12) for rank in range(len(self._families))]

    def records(self, people: int, share_twice: float = 0.15) -> list[tuple[str, dict[str, Any]]]:
        """(key of the person, Patient) for at least so many people, shuffled."""
        made: list[tuple[str, dict[str, Any]]] = []
        count = 0
        while count < people:
            for person in self._household(count):
                count += 1
                made.append((person.key, self._patient(self._worn(person, 0.25), len(made))))
                while self._random.random() < share_twice:
                    made.append((person.key, self._patient(self._worn(person, 1.0), len(made))))
        self._random.shuffle(made)
        return made

    def _household(self, first: int) -> list[Person]:
        pick = self._random
        family = pick.choices(self._families, self._family_weights)[0]
        house, street = pick.randint(1, 2999), f"{pick.choice(_STREETS)} {pick.choice(_KINDS)}"
        city, phone = pick.choice(_CITIES), f"555{pick.randint(1000000, 9999999)}"
        size = pick.choices((1, 2, 3, 4, 5), (30, 30, 15, 15, 10))[0]
        found: list[Person] = []
        for at in range(size):
            sex = pick.choice(("male", "female")) if at > 1 else ("male", "female")[at]
            years = pick.randint(28, 85) if at < 2 else pick.randint(0, 30)
            born = date(2026, 1, 1) - timedelta(days=years * 365 + pick.randint(0, 364))
            given, middle = self._one_given(), self._one_given()
            suffix = ""
            if at == 2 and pick.random() < 0.05:
                given, sex, suffix = found[0].given, found[0].sex, pick.choice(("Jr.", "", ""))
            ssn = f"{pick.randint(1, 665):03d}{pick.randint(1, 99):02d}{pick.randint(1, 9999):04d}"
            if at == 3 and pick.random() < 0.12:
                born = found[2].birth
                ssn = found[2].ssn[:8] + str((int(found[2].ssn[8]) + 1) % 10) if pick.random() < 0.3 else ssn
            person = Person(str(first + at), given, middle, family, born, sex, ssn, house, street, city, phone, suffix)
            found.append(person)
        return found

    def _one_given(self) -> str:
        return self._random.choices(self._given, self._given_weights)[0].capitalize()

    def _worn(self, person: Person, wear: float) -> Person:
        """The person as a desk wrote them down: `wear` times the errors of a second registration."""
        happens = lambda share: self._random.random() < share * wear  # noqa: E731
        worn = replace(person, noise={})
        if happens(0.12) and person.given.lower() in self._short:
            worn.given = self._random.choice(self._short[person.given.lower()]).capitalize()
        if happens(0.02):
            worn.given, worn.middle = person.middle, person.given
        if happens(0.07):
            worn.given = self._slip(worn.given)
        if happens(0.07):
            worn.family = self._slip(worn.family)
        if happens(0.08) and person.sex == "female":
            worn.family = self._random.choices(self._families, self._family_weights)[0]
            worn.maiden = person.family if happens(0.4) else ""
        if happens(0.01):
            worn.given, worn.family = worn.family, worn.given
        if happens(0.25):
            worn.house = self._random.randint(1, 2999)
            worn.street = f"{self._random.choice(_STREETS)} {self._random.choice(_KINDS)}"
            worn.city = self._random.choice(_CITIES)
        if happens(0.25):
            worn.phone = f"555{self._random.randint(1000000, 9999999)}"
        if happens(0.04):
            worn.ssn = self._slip_digit(worn.ssn)
        self._worn_birth(worn, happens)
        gone = {"middle": 0.5, "phone": 0.2, "address": 0.08, "sex": 0.02, "suffix": 0.5}
        worn.noise = {what: "gone" for what, share in gone.items() if happens(share)}
        if self._random.random() < 0.3:
            worn.noise["ssn"] = "gone"
        return worn

    def _worn_birth(self, worn: Person, happens: Any) -> None:
        born = worn.birth
        if happens(0.03) and born.day <= 12:
            worn.birth = date(born.year, born.day, born.month)
        elif happens(0.03):
            worn.birth = born.replace(year=born.year + self._random.choice((-10, -1, 1, 10)), day=min(born.day, 28))
        elif happens(0.01):
            worn.birth = date(born.year, 1, 1)

    def _slip(self, name: str) -> str:
        at = self._random.randrange(max(len(name) - 1, 1))
        letter = self._random.choice("aeiorstnl")
        return self._random.choice(
            (
                name[:at] + name[at + 1 : at + 2] + name[at : at + 1] + name[at + 2 :],
                name[:at] + name[at + 1 :],
                name[:at] + letter + name[at:],
                name[:at] + letter + name[at + 1 :],
            )
        )

    def _slip_digit(self, number: str) -> str:
        at = self._random.randrange(len(number))
        return number[:at] + self._random.choice("0123456789") + number[at + 1 :]

    def _patient(self, person: Person, number: int) -> dict[str, Any]:
        gone = person.noise
        given = [person.given] + ([] if "middle" in gone else [person.middle])
        name: dict[str, Any] = {"use": "official", "family": person.family, "given": given}
        if person.suffix and "suffix" not in gone:
            name["suffix"] = [person.suffix]
        names = [name] + ([{"use": "maiden", "family": person.maiden}] if person.maiden else [])
        identifiers = [{"system": "urn:oid:1.2.3", "value": f"M{number:07d}"}]
        if "ssn" not in gone:
            identifiers.append({"system": SSN, "value": person.ssn})
        patient = {"resourceType": "Patient", "id": f"p{number}", "identifier": identifiers, "name": names}
        patient["birthDate"] = person.birth.isoformat()
        if "sex" not in gone:
            patient["gender"] = person.sex
        if "phone" not in gone:
            patient["telecom"] = [{"system": "phone", "value": person.phone}]
        if "address" not in gone:
            line = f"{person.house} {person.street}"
            patient["address"] = [{"line": [line], "city": person.city[0], "postalCode": person.city[1], "state": "MA"}]
        return patient
