"""Terminology: load releases of code systems, and ask what codes mean. Nothing here concerns a patient."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from careloom.errors import NotFound, QueryError
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit, note
from careloom.services.platform import STORED_ZONES, Platform
from careloom.store import terminology_copies
from careloom.store.terminology import Loaded
from careloom.store.terminology_copies import Examined
from careloom.store.terminology_files import files_of
from careloom.terminology import ucum, ucum_spellings
from careloom.terminology.concepts import Concept, Match, Release, Translation
from careloom.terminology.expansion import Expander, Member
from careloom.terminology.molar_mass import convert_measured, substance_of
from careloom.terminology.operations import Subsumption, Validation, known, subsumes, translate, validate_code
from careloom.terminology.reading import readings
from careloom.terminology.systems import canonical

LONGEST_TEXT = 200
MOST_MATCHES = 100
Kind = Literal["CodeSystem", "ConceptMap", "ValueSet"]
"""The resource type whose scope covers a question."""


@dataclass(frozen=True, slots=True)
class Known:
    """A concept, how its release stands today, and what it is called elsewhere."""

    concept: Concept
    release: Release | None
    is_expired: bool
    children: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Converted:
    """A value in another unit.

    unit       the UCUM code that the unit which came stands for
    substance  whose molar mass was at hand; empty where the LOINC code names none that is known
    issue      a code where the unit was no UCUM, or none that was meant; empty otherwise
    """

    value: Decimal
    unit: str
    to: str
    substance: str
    issue: str


def system_of(name: str) -> str:
    """The URI of a code system named by URI, OID or short name.

    raises  NotFound if nothing is called so
    """
    found = canonical(name) if len(name) <= LONGEST_TEXT else None
    if found is None:
        raise NotFound("no code system is called so", "Name its URI, or SNOMED, LOINC, RxNorm, ICD-10-CM, CVX.")
    return found


def _zone(who: Principal, kind: Kind) -> Zone:
    """A zone in which `who` may read: terminologies lie in none, so any will do."""
    return next((zone for zone in STORED_ZONES if who.may("read", zone, kind)), "identified")


def _ask(platform: Platform, who: Principal, kind: Kind, operation: str) -> Zone:
    zone = _zone(who, kind)
    admit(platform, who, "read", zone, kind, operation=operation)
    return zone


def load(
    platform: Platform,
    who: Principal,
    path: Path,
    *,
    version: str = "",
    expires: date | None = None,
    watch: Callable[[Release], None] | None = None,
) -> list[Loaded]:
    """Keeps every release that the files hold, in place of the same version; each wholly or not at all.

    version  where the files do not name theirs
    expires  the first day on which the release holds no longer
    watch    told of each release before it is read
    raises   AccessError; NotFound, FormatError, TooLarge for files that cannot be read: releases before are kept
    """  # fmt: skip
    admit(platform, who, "operate", "identified", operation="terminology-load")
    found: list[Loaded] = []
    store = platform.terminologies.store
    try:
        for reading in readings(files_of(path), version):
            if expires is not None:
                reading.release = replace(reading.release, expires=expires)
            if watch is not None:
                watch(reading.release)
            found.append(store.load(reading, platform.runtime.now()))
    finally:
        detail = {"releases": len(found), "rows": sum(sum(each.rows.values()) for each in found)}
        outcome: Any = "success" if found else "failed"
        note(platform, who, "terminology-load", "identified", action="create", outcome=outcome, detail=detail)
    if not found:
        raise NotFound("the files hold no release that can be read", "See docs/how-to/load-a-terminology.md.")
    return found


def remove(platform: Platform, who: Principal, system: str, version: str) -> None:
    """Forgets a loaded release. raises AccessError, NotFound."""
    admit(platform, who, "operate", "identified", operation="terminology-remove")
    platform.terminologies.store.remove(system_of(system), version)
    note(platform, who, "terminology-remove", "identified", action="delete")


def back_up(platform: Platform, who: Principal, target: Path) -> Examined:
    """Copies what was loaded to a new file, also while somebody loads; the copy is looked through.

    raises  AccessError; NotFound if nothing was loaded; Conflict, SetupError, IntegrityError
    """
    admit(platform, who, "operate", "identified", operation="terminology-backup")
    found = terminology_copies.snapshot(platform.terminologies.store.file, target)
    note(platform, who, "terminology-backup", "identified", detail={"releases": len(found.releases)})
    return found


def restore(platform: Platform, who: Principal, copy: Path, *, replace: bool = False) -> Examined:
    """Puts a backup in place of what was loaded; whoever asks meanwhile is answered from the one or the other.

    replace  forgets loaded releases that the backup lacks
    raises   AccessError; NotFound, FormatError, SetupError, IntegrityError for a bad backup; Conflict
    """  # fmt: skip
    admit(platform, who, "operate", "identified", operation="terminology-restore")
    found = terminology_copies.restore(copy, platform.terminologies.store.file, replace=replace)
    detail = {"releases": len(found.releases)}
    note(platform, who, "terminology-restore", "identified", action="create", detail=detail)
    return found


def check(platform: Platform, who: Principal, file: Path | None = None) -> Examined:
    """What a backup, or the file in use, holds, and what is wrong with it.

    raises  AccessError; NotFound, FormatError, SetupError
    """
    admit(platform, who, "operate", "identified", operation="terminology-check")
    if file is None and not platform.terminologies.store.exists():
        found = Examined((), ())
    else:
        found = terminology_copies.examine(file or platform.terminologies.store.file)
    detail = {"problems": len(found.problems)}
    note(platform, who, "terminology-check", "identified", action="execute", detail=detail)
    return found


def releases(platform: Platform, who: Principal) -> list[tuple[Release, bool]]:
    """Every release that is known, and whether it has ended; last, what maps and value sets were loaded."""
    zone = _ask(platform, who, "CodeSystem", "terminology-list")
    today = platform.runtime.now().date()
    held = platform.terminologies
    known = [*held.all.releases(), *(each for each in held.store.loaded() if not each.concepts)]
    found = [(each, each.is_expired(today)) for each in known]
    note(platform, who, "terminology-list", zone)
    return found


def lookup(platform: Platform, who: Principal, system: str, code: str, version: str | None = None) -> Known:
    """What a code means. raises AccessError; NotFound."""
    zone = _ask(platform, who, "CodeSystem", "terminology-lookup")
    terminology, uri = platform.terminologies.all, system_of(system)
    concept = known(terminology, uri, code, version)
    release = next(
        (each for each in terminology.releases() if (each.system, each.version) == (uri, concept.version)), None
    )
    ended = release is not None and release.is_expired(platform.runtime.now().date())
    found = Known(concept, release, ended, terminology.children(uri, code, concept.version))
    note(platform, who, "terminology-lookup", zone)
    return found


def validate(
    platform: Platform, who: Principal, system: str, code: str, display: str = "", version: str | None = None
) -> Validation:
    """Whether a code is in its system and a display is one of its names. raises AccessError; NotFound."""
    zone = _ask(platform, who, "CodeSystem", "terminology-validate")
    today = platform.runtime.now().date()
    found = validate_code(
        platform.terminologies.all, system_of(system), code, display=display, version=version, today=today
    )
    note(platform, who, "terminology-validate", zone)
    return found


def compare(
    platform: Platform, who: Principal, system: str, first: str, second: str, version: str | None = None
) -> Subsumption:
    """How two codes stand to each other. raises AccessError; NotFound."""
    zone = _ask(platform, who, "CodeSystem", "terminology-subsumes")
    found = subsumes(platform.terminologies.all, system_of(system), first, second, version)
    note(platform, who, "terminology-subsumes", zone)
    return found


def translations(
    platform: Platform, who: Principal, system: str, code: str, target: str = ""
) -> list[tuple[Translation, Concept | None]]:
    """What a code says in another system, or in all; each with the concept where it is known.

    raises  AccessError; NotFound
    """
    zone = _ask(platform, who, "ConceptMap", "terminology-translate")
    terminology = platform.terminologies.all
    found = translate(terminology, system_of(system), code, system_of(target) if target else None)
    note(platform, who, "terminology-translate", zone)
    return [(each, terminology.find(each.system, each.code)) for each in found]


def search(platform: Platform, who: Principal, text: str, system: str = "", limit: int = 10) -> Sequence[Match]:
    """The concepts whose names fit a text, best first. raises AccessError; NotFound; QueryError."""
    zone = _ask(platform, who, "CodeSystem", "terminology-search")
    if not text.strip() or len(text) > LONGEST_TEXT or not 0 < limit <= MOST_MATCHES:
        raise QueryError(
            f"a search has 1 to {LONGEST_TEXT} characters and 1 to {MOST_MATCHES} answers",
            "Shorten it, or ask for fewer.",
        )
    found = platform.terminologies.all.search(text, system_of(system) if system else None, limit)
    note(platform, who, "terminology-search", zone)
    return found


def expand(platform: Platform, who: Principal, url: str, text: str = "") -> list[Member]:
    """The codes of a value set, those whose name holds a text. raises AccessError; NotFound; QueryError; TooLarge."""
    zone = _ask(platform, who, "ValueSet", "terminology-expand")
    held = platform.terminologies
    members = Expander(held.all, held.value_set).named(url)
    note(platform, who, "terminology-expand", zone)
    return [member for member in members if text.casefold() in member.name.casefold()]


def convert(platform: Platform, who: Principal, value: Decimal, unit: str, to: str, loinc: str = "") -> Converted:
    """A value in another unit, by UCUM; between mass and amount too where a LOINC code names the substance.

    unit    UCUM, or a known spelling of it
    raises  AccessError; UnitError if a unit is not known, or the two measure different things
    """
    zone = _ask(platform, who, "CodeSystem", "terminology-convert")
    read = ucum_spellings.read(unit, "the unit")
    if read.code is None:
        raise ucum.UnitError("the unit", "Write it in UCUM: https://ucum.org.")
    substance = (substance_of(loinc) if loinc else None) or ""
    found = convert_measured(value, read.code, to, substance or None)
    note(platform, who, "terminology-convert", zone)
    return Converted(found, read.code, to, substance, read.issue.code if read.issue else "")
