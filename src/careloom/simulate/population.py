"""Who a patient is before anything happens: age, sex, name, home, payer, risk factors; by census."""

import tomllib
from datetime import date, timedelta
from functools import cache
from typing import Any

from careloom.runtime import packaged
from careloom.simulate.draw import Draw
from careloom.simulate.history import Address, Code, Person, RecordNumber
from careloom.simulate.hospital import Hospital, names
from careloom.simulate.rules import Rule, probability
from careloom.terminology import systems

V3_MARITAL_STATUS = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"
_MARITAL = {
    "S": Code(V3_MARITAL_STATUS, "S", "Never Married"),
    "M": Code(V3_MARITAL_STATUS, "M", "Married"),
    "D": Code(V3_MARITAL_STATUS, "D", "Divorced"),
    "W": Code(V3_MARITAL_STATUS, "W", "Widowed"),
}
_HISPANIC = Code(systems.CDC_RACE, "2135-2", "Hispanic or Latino")
_NOT_HISPANIC = Code(systems.CDC_RACE, "2186-5", "Not Hispanic or Latino")


@cache
def census() -> dict[str, Any]:
    """``population/census.toml``."""
    return tomllib.loads(packaged("simulate", "population/census.toml").decode())


@cache
def risk_rules() -> dict[str, Rule]:
    """The rule of each risk factor, in the order of the file."""
    return {
        name: probability({key: value for key, value in spec.items() if key != "source"}, f"census.toml risk.{name}")
        for name, spec in census()["risk"].items()
    }


def by_age(bands: list[tuple[float, float]], age: float) -> float:
    """The value of the last band that begins at or below an age; 0 below the first."""
    found = 0.0
    for start, value in bands:
        if age < start:
            break
        found = value
    return found


def draw_person(draw: Draw, number: int, hospital: Hospital, present: date, survival: list[float]) -> Person:
    """A person as of the present.

    survival  [111] probability to have lived through the years that the hospital saw, by age at the present: who died
              among them is drawn too, so that those alive have the census's ages
    """
    age = _draw_age(draw, survival)
    birth = present - timedelta(days=int(age * 365.25) + 1)
    is_female = draw.hit(by_age(census()["female"]["by_age"], age))
    race = draw.weighted(census()["race"]["values"], [value["share"] for value in census()["race"]["values"]])
    hispanic = draw.hit(census()["hispanic"]["by_race"][race["code"]])
    given, middle, family = _draw_name(draw, is_female=is_female, hispanic=hispanic, asian=race["code"] == "2028-9")
    group = "hispanic" if hispanic else "asian" if race["code"] == "2028-9" else "other"
    tongues = census()["language"][group]
    language = draw.weighted(tongues, [entry[2] for entry in tongues])
    homes = _draw_homes(draw, birth, present)
    relation, spouse = _draw_contact(draw, age)
    return Person(
        patient_id=f"sim-{number:07d}",
        sex="female" if is_female else "male",
        given=given,
        middle=middle,
        family=family,
        suffix="" if is_female or not draw.hit(0.03) else draw.pick(("Jr", "II", "III")),
        birth=birth,
        race=Code(systems.CDC_RACE, race["code"], race["display"]),
        ethnicity=_HISPANIC if hispanic else _NOT_HISPANIC,
        language=Code(systems.BCP_47, language[0], language[1]),
        marital_status=_MARITAL[_draw_marital(draw, age, with_spouse=spouse)],
        ssn=f"9{draw.whole(0, 99):02d}-{draw.whole(1, 99):02d}-{draw.whole(1, 9999):04d}",
        phone=f"{draw.pick((508, 774, 978, 351))}-555-01{draw.whole(0, 99):02d}",
        email=f"{given}.{family}{number}@example.com".lower().replace("'", ""),
        addresses=homes,
        record_numbers=[
            RecordNumber(site.site_id, f"{draw.whole(10, 99)}{_six_digits(number, place):06d}")
            for place, site in enumerate(hospital.sites)
        ],
        contact=(draw.pick(names()["given_male"] if is_female else names()["given_female"]), family, relation),
    )


def _six_digits(number: int, place: int) -> int:
    """Six digits that no other patient below a million has at a site: both factors are prime to the modulus."""
    return number * 386_717 * pow(7, place, 1_000_000) % 1_000_000


def _draw_age(draw: Draw, survival: list[float]) -> float:
    """An age in years at the present, by census among those alive."""
    bands = census()["age"]["bands"]
    weights = [
        millions / (sum(survival[int(low) : int(high)]) / (high - low)) for low, high, millions in bands
    ]  # more are drawn where more die
    low, high, _ = draw.weighted(bands, weights)
    if high - low > 5:  # the oldest thin out: half as many every four years
        return float(min(high - 0.01, low + draw.exponential(5.8)))
    return draw.uniform(low, high)


def _draw_name(draw: Draw, *, is_female: bool, hispanic: bool, asian: bool) -> tuple[str, str, str]:
    given = names()["given_female" if is_female else "given_male"]
    family = names()["family_hispanic" if hispanic else "family_asian" if asian and draw.hit(0.8) else "family"]
    return draw.pick(given), draw.pick(given), draw.pick(family)


def _draw_homes(draw: Draw, birth: date, present: date) -> list[tuple[date, Address]]:
    """Where a person lived; three in ten moved in the last ten years within the region."""
    homes = [(birth, _draw_address(draw))]
    if draw.hit(0.3):
        moved = present - timedelta(days=draw.whole(200, 3400))
        if moved > birth:
            homes.append((moved, _draw_address(draw)))
    return homes


def _draw_address(draw: Draw) -> Address:
    places = names()["places"]
    place = draw.weighted(places, [entry["weight"] for entry in places])
    line = f"{draw.whole(1, 999)} {draw.pick(names()['streets'])}"
    if draw.hit(0.25):
        line += f" Apt {draw.whole(1, 40)}"
    return Address(line, place["city"], place["county"], place["state"], draw.pick(place["postal_codes"]))


def _draw_contact(draw: Draw, age: float) -> tuple[str, bool]:
    """The next of kin's relationship (HL7 table 0063), and whether it is a spouse."""
    if age < 18:
        return draw.pick(("MTH", "FTH")), False
    if draw.hit(0.2 if age < 30 else 0.55):
        return "SPO", True
    return draw.pick(("SIB", "CHD", "FND") if age > 50 else ("SIB", "MTH", "FTH", "FND")), False


def _draw_marital(draw: Draw, age: float, *, with_spouse: bool) -> str:
    if with_spouse:
        return "M"
    if age < 18:
        return "S"
    return draw.weighted(("S", "D", "W"), (0.55, 0.25, 0.2) if age > 70 else (0.75, 0.23, 0.02))
