"""Names of people and places that the shipped lists were not made from and that the simulator does not use.

    python -m tools.frozen_names SUITES      (how many of each)

Read at run time from data of others, nothing of which is kept here: Synthea (patients, practitioners, organizations;
Apache-2.0), MEDDOCAN (CC BY 4.0) and the templates of EDS-Pseudo (BSD-3-Clause) for people. Sorted, so that the same
data give the same lists. What `simulate/population/names.toml` has is left out.
"""

import argparse
import csv
import gzip
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from careloom.simulate.hospital import names

_NAME = re.compile(r"[A-ZÀ-Ý][a-zà-ÿ]+(?:['’-]?[A-ZÀ-Ý][a-zà-ÿ]+)?|O['’][A-Z][a-z]+|Mc[A-Z][a-z]+")
_STREET = re.compile(r"\d+ [A-Z][A-Za-z.']+(?: [A-Z][A-Za-z.']+){1,3}(?: (?:Apt|Suite|Unit) \d+)?")
_MARKED = re.compile(r"\[([^\]]+)\]\((NOM|PRENOM)\)")
_SMALL = {"and", "of", "the", "for", "at", "in", "on"}
_NO_PLACE_OF_CARE = re.compile(r"\b(?:inc|llc|pc|corp|md|p\.c)\b|[\d&/(]", re.IGNORECASE)


class Place(NamedTuple):
    """A city with its state and postal code."""

    city: str
    state: str
    postal_code: str


@dataclass(frozen=True, slots=True)
class Names:
    """What people and places are called, sorted."""

    given: tuple[str, ...]
    family: tuple[str, ...]
    streets: tuple[str, ...]
    places: tuple[Place, ...]
    organizations: tuple[str, ...]


def collect(suites: Path) -> Names:
    """The names of the data sets below `suites`.

    raises  FileNotFoundError where a data set is not there
    """
    given: set[str] = set()
    family: set[str] = set()
    for first, last in [*_synthea_people(suites), *_meddocan(suites), *_eds(suites)]:
        given.update(word for word in (_titled(first),) if _NAME.fullmatch(word) and len(word) > 2)
        family.update(word for word in (_titled(last),) if _NAME.fullmatch(word) and len(word) > 2)
    used = names()
    own_places = {place["city"] for place in used["places"]}
    given -= {*used["given_female"], *used["given_male"]}
    family -= {name for key in ("family", "family_hispanic", "family_asian") for name in used[key]}
    streets, places, organizations = _where(suites)
    return Names(
        tuple(sorted(given)),
        tuple(sorted(family - given)),
        tuple(sorted(streets)),
        tuple(sorted(place for place in places if place.city not in own_places)),
        tuple(sorted(organizations)),
    )


def _titled(name: str) -> str:
    """A name as in a sentence: ``ROMAIN`` is ``Romain``; digits that Synthea adds are left out."""
    plain = re.sub(r"\d+", "", name).strip(" .,")
    return plain.title() if plain.isupper() and len(plain) > 2 else plain


def _synthea_people(suites: Path) -> Iterator[tuple[str, str]]:
    for row in _table(suites / "synthea_csv/patients.csv"):
        yield row["FIRST"], row["LAST"]
        yield row["FIRST"], row["MAIDEN"]
    for row in _table(suites / "synthea_csv_111/patients.csv.gz"):
        yield row["FIRST"], row["LAST"]
    for row in _table(_either(suites / "synthea_csv/providers.csv")):
        first, _, last = row["NAME"].partition(" ")
        yield first, last
    for size in ("10", "100", "1000"):
        for kind in ("Patient", "Practitioner"):
            for row in _rows(suites / f"synthea_bulk_ndjson/{size}-patients/{kind}.000.ndjson.gz", is_optional=True):
                for name in row.get("name", []):
                    yield name["given"][0], name["family"]


def _meddocan(suites: Path) -> Iterator[tuple[str, str]]:
    """Spanish people: the first word of a whole name, and its last."""
    for row in _rows(suites / "phi_meddocan_es/notes.jsonl.gz"):
        for span in row["spans"]:
            words = row["text"][span["start"] : span["end"]].split()
            if span["label"] == "NOMBRE_PERSONAL_SANITARIO" and len(words) == 3:
                yield words[0], words[1]
                yield words[0], words[2]


def _eds(suites: Path) -> Iterator[tuple[str, str]]:
    """French people: their names are marked apart, so each is given with nothing."""
    for name, label in _MARKED.findall((suites / "phi_eds_pseudo_templates_fr/templates.txt").read_text("utf-8")):
        yield (name, "") if label == "PRENOM" else ("", name)


def _where(suites: Path) -> tuple[set[str], set[Place], set[str]]:
    streets: set[str] = set()
    places: set[Place] = set()
    organizations: set[str] = set()
    for file, states in (
        ("synthea_csv/patients.csv", {"Massachusetts": "MA"}),
        ("synthea_csv_111/patients.csv.gz", {}),
    ):
        for row in _table(suites / file):
            streets.add(row["ADDRESS"])
            places.add(Place(row["CITY"], states.get(row["STATE"], "NE"), row["ZIP"]))
    for row in _table(suites / "synthea_csv/organizations.csv"):
        streets.add(row["ADDRESS"].title())
        places.add(Place(row["CITY"].title(), row["STATE"], row["ZIP"]))
        organizations.add(_organization(row["NAME"]))
    for size in ("10", "100", "1000"):
        for row in _rows(suites / f"synthea_bulk_ndjson/{size}-patients/Patient.000.ndjson.gz", is_optional=True):
            for home in row.get("address", []):
                streets.update(home.get("line", []))
                places.add(Place(home.get("city", ""), home.get("state", ""), home.get("postalCode", "")))
        for row in _rows(suites / f"synthea_bulk_ndjson/{size}-patients/Organization.000.ndjson.gz", is_optional=True):
            organizations.add(_organization(row["name"]))
    good = {place for place in places if _is_complete(place)}
    kept = {name for name in organizations if 2 <= len(name.split()) <= 5 and not _NO_PLACE_OF_CARE.search(name)}
    return {street for street in streets if _STREET.fullmatch(street)}, good, kept


def _is_complete(place: Place) -> bool:
    has_code = re.fullmatch(r"\d{5}", place.postal_code) is not None and place.postal_code != "00000"
    return has_code and re.fullmatch(r"[A-Z]{2}", place.state) is not None and bool(place.city)


def _organization(name: str) -> str:
    """A name as on a letterhead, not in capitals."""
    words = name.split()
    if not name.isupper():
        return " ".join(words)
    return " ".join(word.lower() if at and word.lower() in _SMALL else word.title() for at, word in enumerate(words))


def _either(file: Path) -> Path:
    return file if file.exists() else file.with_suffix(f"{file.suffix}.gz")


def _table(file: Path) -> Iterator[dict[str, str]]:
    with _opened(file) as lines:
        yield from csv.DictReader(lines)


def _rows(file: Path, *, is_optional: bool = False) -> Iterator[dict[str, Any]]:
    if is_optional and not file.exists():
        return
    with _opened(file) as lines:
        yield from map(json.loads, lines)


def _opened(file: Path) -> Any:
    return gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8")


def _shown(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in list(values)[::60])


def main() -> None:
    parser = argparse.ArgumentParser(description="Counts the names of the frozen source.")
    parser.add_argument("suites", type=Path)
    found = collect(parser.parse_args().suites)
    for what in ("given", "family", "streets", "places", "organizations"):
        print(f"{what:14} {len(getattr(found, what)):5}  {_shown(getattr(found, what))}")


if __name__ == "__main__":
    main()
