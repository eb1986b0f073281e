"""RxNorm in Rich Release Format, and LOINC as comma-separated table.

source  RxNorm Technical Documentation (US National Library of Medicine), RXNCONSO, RXNREL, RXNSAT, RXNSAB; LOINC Users'
        Guide (Regenstrief Institute), Loinc.csv and MapTo.csv
"""

import csv
import re
from collections.abc import Iterator
from datetime import date

from careloom.terminology.concepts import Release
from careloom.terminology.release_rows import ConceptRow, Files, MapRow, NameRow, ParentRow, PropertyRow, Reading, Row
from careloom.terminology.systems import LOINC, NDC, RXNORM

OTHER_NAMES = frozenset({"SY", "TMSY", "PSN", "ET"})
"""Term types that name a concept beside its own name: synonym, tall man, prescribable name, entry term."""
_VERSION = re.compile(r"(\d{2})(\d{2})(\d{2})F?$")  # RXNORM_26AA_261102F
_LOINC_VERSION = re.compile(r"(?i)loinc[_-]?(\d+\.\d+)")


def _named(files: Files, ending: str) -> str | None:
    return next((name for name in files.names() if name.lower().rpartition("/")[2] == ending.lower()), None)


def is_rxnorm(names: list[str]) -> bool:
    """True where RXNCONSO.RRF is among the files."""
    return any(name.upper().endswith("RXNCONSO.RRF") for name in names)


def is_loinc_table(names: list[str]) -> bool:
    """True where Loinc.csv is among the files."""
    return any(name.lower().rpartition("/")[2] == "loinc.csv" for name in names)


def _cells(files: Files, reading: Reading, ending: str, columns: int) -> Iterator[list[str]]:
    name = _named(files, ending)
    for line in files.lines(name) if name else ():
        cells = line.split("|")
        if len(cells) >= columns:
            yield cells
        elif line:
            reading.leave_out(name or ending)


def read_rxnorm(files: Files, version: str = "") -> Reading:
    """RxNorm's own concepts: names, is-a, ingredients, National Drug Codes; its source vocabularies left out."""
    release = Release(RXNORM, version or "unknown", "RxNorm", licence="UMLS; RxNorm's own content is public domain")
    reading = Reading(release, iter(()))
    for cells in _cells(files, reading, "RXNSAB.RRF", 10):
        if cells[3] == "RXNORM" and (found := _VERSION.search(cells[2]) or _VERSION.search(cells[6])):
            effective = date(2000 + int(found[1]), int(found[2]), int(found[3]))
            release = Release(RXNORM, version or effective.isoformat(), "RxNorm", effective, licence=release.licence)
    reading.release = release
    reading.rows = _rxnorm_rows(files, reading)
    return reading


def _rxnorm_rows(files: Files, reading: Reading) -> Iterator[Row]:
    for cells in _cells(files, reading, "RXNCONSO.RRF", 18):
        if cells[11] != "RXNORM":
            continue
        if cells[12] in OTHER_NAMES:
            yield NameRow(cells[0], cells[14], "synonym")
        else:
            yield ConceptRow(cells[0], cells[14], cells[16] not in ("O", "E"), False, (("tty", cells[12]),))
    yield from _rxnorm_relations(files, reading)
    for cells in _cells(files, reading, "RXNSAT.RRF", 12):
        if cells[8] == "NDC" and cells[9] == "RXNORM" and cells[11] not in ("O", "E"):
            yield MapRow(NDC, cells[10], RXNORM, cells[0], "wider", "RxNorm NDC")


def _rxnorm_relations(files: Files, reading: Reading) -> Iterator[Row]:
    """is-a, and ingredients: of a component or form its own, of a drug those of what it consists of.

    In a row of RXNREL the second concept stands in the relation to the first.
    """
    ingredients: dict[str, dict[str, None]] = {}
    parts: list[tuple[str, str]] = []
    for cells in _cells(files, reading, "RXNREL.RRF", 11):
        if cells[10] != "RXNORM" or not cells[0] or not cells[4]:
            continue
        if cells[7] == "isa":
            yield ParentRow(cells[4], cells[0])
        elif cells[7] == "has_ingredient":
            ingredients.setdefault(cells[4], {})[cells[0]] = None
        elif cells[7] == "consists_of":
            parts.append((cells[4], cells[0]))
    for drug, component in parts:
        ingredients.setdefault(drug, {}).update(ingredients.get(component, {}))
    for code, found in ingredients.items():
        for ingredient in found:
            yield PropertyRow(code, "ingredient", ingredient)
            yield MapRow(RXNORM, code, RXNORM, ingredient, "wider", "RxNorm has_ingredient")


def read_loinc(files: Files, version: str = "") -> Reading:
    """The LOINC table: names, status, axes, example units; what replaces a deprecated code."""
    name = _named(files, "Loinc.csv") or ""
    found = next((match for each in files.names() if (match := _LOINC_VERSION.search(each))), None)
    known = version or (found[1] if found else _last_version(files, name))
    reading = Reading(Release(LOINC, known, "LOINC", licence="LOINC licence, https://loinc.org/license"), iter(()))
    reading.rows = _loinc_rows(files, reading, name)
    return reading


def _last_version(files: Files, name: str) -> str:
    """The newest version that a row names as its last change; the file itself names none."""
    versions = {row.get("VersionLastChanged") or "" for row in csv.DictReader(files.lines(name))}
    numbers = [tuple(int(part) for part in each.split(".")) for each in versions if re.fullmatch(r"\d+(\.\d+)+", each)]
    return ".".join(str(part) for part in max(numbers)) if numbers else "unknown"


AXES = {
    "COMPONENT": "component",
    "PROPERTY": "property",
    "TIME_ASPCT": "time",
    "SYSTEM": "specimen",
    "SCALE_TYP": "scale",
    "METHOD_TYP": "method",
    "CLASS": "class",
    "STATUS": "status",
    "EXAMPLE_UCUM_UNITS": "unit",
    "ORDER_OBS": "order-or-observation",
}
"""Columns of the table -> properties of the concept."""


def _loinc_rows(files: Files, reading: Reading, name: str) -> Iterator[Row]:
    for row in csv.DictReader(files.lines(name)):
        code, long_name = row.get("LOINC_NUM") or "", row.get("LONG_COMMON_NAME") or ""
        if not code or not long_name:
            reading.leave_out(name)
            continue
        properties = tuple((key, row[column]) for column, key in AXES.items() if row.get(column))
        yield ConceptRow(code, long_name, row.get("STATUS") != "DEPRECATED", False, properties)
        others = (row.get("SHORTNAME"), row.get("CONSUMER_NAME"), row.get("DisplayName"))
        for other in dict.fromkeys(filter(None, others)):
            if other != long_name:
                yield NameRow(code, other, "synonym")
    replaced = _named(files, "MapTo.csv")
    for row in csv.DictReader(files.lines(replaced)) if replaced else ():
        if row.get("LOINC") and row.get("MAP_TO"):
            yield PropertyRow(row["LOINC"], "replaced-by", row["MAP_TO"])
