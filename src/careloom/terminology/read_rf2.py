"""SNOMED CT in Release Format 2: full or snapshot, of any edition.

source  SNOMED CT Release File Specifications, 2024: concept, description, relationship and reference set files;
        concept enumerations of the core metadata
"""

import re
from collections.abc import Iterator
from datetime import date

from careloom.errors import FormatError
from careloom.terminology.concepts import Release
from careloom.terminology.release_rows import ConceptRow, Files, MapRow, NameRow, ParentRow, PropertyRow, Reading, Row
from careloom.terminology.systems import ICD_10, ICD_10_CM, SNOMED_CT

FULLY_SPECIFIED, SYNONYM = "900000000000003001", "900000000000013009"
PREFERRED = "900000000000548007"
IS_A = "116680003"
LANGUAGES = ("900000000000509007", "900000000000508004")
"""Language reference sets, US English before GB English; of another edition, all are taken."""
MAPS = {"6011000124106": ICD_10_CM, "447562003": ICD_10}
"""Reference sets of extended maps -> target system."""
REPLACEMENTS = {"900000000000526001": "replaced-by", "900000000000527005": "same-as"}
_DATE = re.compile(r"_(\d{8})\.txt$")
_STATED = "900000000000010007"


def is_rf2(names: list[str]) -> bool:
    """True where a concept file of RF2 is among the files."""
    return any("sct2_Concept_" in name for name in names)


class _Edition:
    """The files of one edition, the snapshot before the full history."""

    def __init__(self, files: Files, language: str) -> None:
        self.files = files
        self._names = [name for name in files.names() if name.endswith(".txt")]
        self.is_snapshot = any("sct2_Concept_Snapshot" in name for name in self._names)
        self._kind = "Snapshot" if self.is_snapshot else "Full"
        self.language = language

    def named(self, pattern: str) -> list[str]:
        wanted = re.compile(pattern.replace("KIND", self._kind))
        return [name for name in self._names if wanted.search(name)]

    def rows(self, reading: Reading, pattern: str, columns: int) -> Iterator[list[str]]:
        """The current row of each component, as cells; of a full history the last one of each id."""
        for name in self.named(pattern):
            rows = self._cells(reading, name, columns)
            if self.is_snapshot:
                yield from rows
                continue
            last: dict[str, list[str]] = {}
            for cells in rows:
                if cells[0] not in last or cells[1] >= last[cells[0]][1]:
                    last[cells[0]] = cells
            yield from last.values()

    def _cells(self, reading: Reading, name: str, columns: int) -> Iterator[list[str]]:
        lines = self.files.lines(name)
        next(lines, None)  # the header
        for line in lines:
            cells = line.split("\t")
            if len(cells) >= columns and cells[0]:
                yield cells
            elif line:
                reading.leave_out(name)


def read_rf2(files: Files, language: str = "en") -> Reading:
    """One edition: concepts, names in a language, is-a, maps to ICD-10 and ICD-10-CM, replacements of retired codes.

    raises  FormatError if the names of the files do not tell the date of the release
    """
    edition = _Edition(files, language)
    dates = {found[1] for name in edition.named("sct2_Concept_KIND") if (found := _DATE.search(name))}
    if not dates:
        raise FormatError("no sct2_Concept file names its date", "Keep the names that the publisher gave the files.")
    version = max(dates)
    effective = date(int(version[:4]), int(version[4:6]), int(version[6:]))
    release = Release(SNOMED_CT, version, "SNOMED CT", effective, licence="SNOMED CT Affiliate License")
    reading = Reading(release, iter(()))
    reading.rows = _rows(edition, reading)
    return reading


def _rows(edition: _Edition, reading: Reading) -> Iterator[Row]:
    for cells in edition.rows(reading, r"sct2_Concept_KIND", 5):
        yield ConceptRow(cells[0], "", cells[2] == "1", False, (("effective", cells[1]),))
    yield from _names(edition, reading)
    for cells in edition.rows(reading, r"sct2_Relationship_KIND", 10):
        if cells[7] == IS_A and cells[2] == "1" and cells[8] != _STATED:
            yield ParentRow(cells[4], cells[5])
    yield from _reference_sets(edition, reading)


def _preferred(edition: _Edition, reading: Reading) -> set[int]:
    """The ids of preferred descriptions: those of US English where it says so, else of GB, else of any."""
    found: dict[str, set[int]] = {}
    for cells in edition.rows(reading, r"der2_cRefset_Language", 7):
        if cells[2] == "1" and cells[6] == PREFERRED:
            found.setdefault(cells[4], set()).add(int(cells[5]))
    for language in LANGUAGES:
        if language in found:
            return found[language]
    return set().union(*found.values()) if found else set()


def _names(edition: _Edition, reading: Reading) -> Iterator[Row]:
    preferred = _preferred(edition, reading)
    for cells in edition.rows(reading, r"sct2_Description_KIND", 9):
        if cells[2] != "1" or not cells[5].startswith(edition.language):
            continue
        if cells[6] == FULLY_SPECIFIED:
            yield NameRow(cells[4], cells[7], "full")
        elif cells[6] == SYNONYM:
            is_preferred = cells[0].isdigit() and int(cells[0]) in preferred
            yield NameRow(cells[4], cells[7], "preferred" if is_preferred else "synonym")


def _reference_sets(edition: _Edition, reading: Reading) -> Iterator[Row]:
    for cells in edition.rows(reading, r"der2_iisssccRefset_ExtendedMap", 13):
        target = MAPS.get(cells[4])
        if target is not None and cells[2] == "1" and cells[10]:
            # One rule of several holds for a patient; a map without a rule or with the last one is the general case.
            is_general = cells[8] in ("TRUE", "OTHERWISE TRUE") and cells[6] == "1"
            yield MapRow(SNOMED_CT, cells[5], target, cells[10], "wider" if is_general else "inexact", cells[4])
    for cells in edition.rows(reading, r"der2_cRefset_Association", 7):
        if cells[4] in REPLACEMENTS and cells[2] == "1":
            yield PropertyRow(cells[5], REPLACEMENTS[cells[4]], cells[6])
