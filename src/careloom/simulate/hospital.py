"""The hospital: its sites, clinicians and payers, the same for every patient of a seed."""

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from careloom.runtime import packaged
from careloom.simulate.draw import Draw
from careloom.simulate.history import Address, Clinician, Code, Site
from careloom.terminology import systems

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ZONE = "America/New_York"
"""Where the hospital stands: feeds that write local times use it; the simulator plans office hours by it."""
_HL7_ARC = "2.16.840.1.113883.3.72.5.9"
"""Below HL7's arc for examples; a site adds its number."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays: a made-up plan, with its kind as HL7 v3 ActCode."""

    payer_id: str
    name: str
    kind: Code
    program: str


@dataclass(frozen=True, slots=True)
class Hospital:
    """Sites in order (the first is the main hospital), who works there, who pays."""

    name: str
    sites: tuple[Site, ...]
    clinicians: tuple[Clinician, ...]
    payers: tuple[Payer, ...]

    def clinician(self, role: str, site_id: str, choice: int) -> Clinician:
        """The clinician of a role at a site whom `choice` points at; one of another site where it has none."""
        found = [one for one in self.clinicians if one.role.code == role and one.site_id == site_id]
        found = found or [one for one in self.clinicians if one.role.code == role]
        return found[choice % len(found)]

    def site(self, site_id: str) -> Site:
        """The site of that name."""
        return next(site for site in self.sites if site.site_id == site_id)


@cache
def names() -> dict[str, Any]:
    """The lists of names, places and payers of ``population/names.toml``."""
    return tomllib.loads(packaged("simulate", "population/names.toml").decode())


def build_hospital(seed: int, sites: int = 3) -> Hospital:
    """A hospital with that many sites: the main hospital, then clinics, every third one another hospital."""
    draw = Draw(seed, "hospital")
    places = names()["places"]
    made = tuple(_site(draw, number, places) for number in range(1, sites + 1))
    clinicians = tuple(_clinicians(draw, made))
    payers = tuple(
        Payer(
            entry["id"],
            entry["name"],
            Code(entry.get("system", ACT_CODE), entry["kind"], entry["display"]),
            entry["program"],
        )
        for entry in names()["payers"]
    )
    return Hospital(names()["hospital"], made, clinicians, payers)


def _site(draw: Draw, number: int, places: list[dict[str, Any]]) -> Site:
    """Site `number`, from 1."""
    kind = "hospital" if number % 3 == 1 else "clinic"
    place = places[(number - 1) % len(places)]
    label = names()["site_names"][(number - 1) % len(names()["site_names"])]
    return Site(
        site_id=f"site-{number}",
        name=f"{label} {'Hospital' if kind == 'hospital' else 'Health Center'}",
        kind="hospital" if kind == "hospital" else "clinic",
        oid=f"{_HL7_ARC}.{number}",
        npi=npi(draw),
        address=Address(f"{100 * number} {draw.pick(names()['streets'])}", place["city"], place["county"],
                        place["state"], place["postal_codes"][0]),
        phone=f"508-555-01{number % 100:02d}",
    )  # fmt: skip


def _clinicians(draw: Draw, sites: tuple[Site, ...]) -> list[Clinician]:
    """Six family physicians a site, and for each other role two at each hospital."""
    made: list[Clinician] = []
    for site in sites:
        for role in names()["roles"]:
            everywhere = role["everywhere"]
            if not everywhere and site.kind != "hospital":
                continue
            for _ in range(6 if everywhere else 2):
                code = Code(systems.NUCC_TAXONOMY, role["code"], role["display"])
                given = draw.pick(names()["given_female"] if draw.hit(0.5) else names()["given_male"])
                family = draw.pick(names()["family"])
                made.append(Clinician(f"clinician-{len(made) + 1}", npi(draw), given, family, code, site.site_id))
    return made


def npi(draw: Draw) -> str:
    """A National Provider Identifier with a right check digit in a range that CMS never gave out (it gives 1 and 2).

    source  CMS, "Requirements for National Provider Identifier and NPI Check Digit": Luhn over 80840 and nine digits
    """
    digits = "9" + "".join(str(draw.whole(0, 9)) for _ in range(8))
    total = 24
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return f"{digits}{-total % 10}"
