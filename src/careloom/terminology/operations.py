"""Questions that FHIR asks of terminologies: is a code valid, does one include another, what does it say elsewhere.

Each is answered over the port `Terminology`, so for what ships and for what was loaded alike.

source  FHIR R4 4.0.1, CodeSystem $validate-code and $subsumes, ConceptMap $translate
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from careloom.errors import NotFound
from careloom.issues import Issue
from careloom.terminology.concepts import Concept, Release, Terminology, Translation

Outcome = Literal["valid", "invalid", "unverifiable"]
Subsumption = Literal["equivalent", "subsumes", "subsumed-by", "not-subsumed"]
LEVELS_AT_MOST = 100
"""No hierarchy is deeper; a circle in a loaded one ends here."""


@dataclass(frozen=True, slots=True)
class Validation:
    """What became of validating a code.

    outcome  ``unverifiable`` where no release of the system is known, or only a part of it that lacks the code
    concept  what was found, None where nothing was
    issues   why it is not valid, or what a person should know though it is
    """

    outcome: Outcome
    concept: Concept | None
    issues: tuple[Issue, ...]


def newest(terminology: Terminology, system: str) -> Release | None:
    """The newest release of a system."""
    return next((release for release in terminology.releases() if release.system == system), None)


def _warn(code: str, place: str, message: str, remedy: str = "") -> Issue:
    return Issue(code, "warning", place, message, remedy)


def _display_fits(display: str, concept: Concept) -> bool:
    wanted = " ".join(display.split()).casefold()
    return any(" ".join(name.split()).casefold() == wanted for name in (concept.name, *concept.names))


def _missing(system: str, release: Release | None, version: str | None) -> Validation:
    if release is None:
        issue = _warn(
            "terminology.system-unknown",
            "system",
            "no release of this code system is known",
            "Load one, or correct it.",
        )
        return Validation("unverifiable", None, (issue,))
    if not release.is_whole:
        message = "the code is not in the part of the system that is known here; it may exist all the same"
        issue = _warn(
            "terminology.code-unverifiable", "code", message, "Load a whole release: careloom terminology load."
        )
        return Validation("unverifiable", None, (issue,))
    what = f"version {version}" if version else f"the newest release known here, {release.version}"
    issue = Issue("terminology.code-unknown", "error", "code", f"the code is not in {what}", "Correct the code.")
    return Validation("invalid", None, (issue,))


def _remarks(concept: Concept, release: Release | None, today: date) -> list[Issue]:
    """What a person should know about a code that was found."""
    found = []
    if not concept.is_active:
        message = "the publisher has retired the code"
        found.append(_warn("terminology.code-inactive", "code", message, "Use the code that replaces it."))
    if concept.is_abstract:
        message = "the code is a grouping: it stands for no single fact"
        found.append(_warn("terminology.code-abstract", "code", message, "Use one of the codes below it."))
    if release is not None and release.is_expired(today):
        message = f"version {release.version} of the code system has ended"
        found.append(_warn("terminology.release-expired", "system", message, "Load the current release."))
    return found


def validate_code(
    terminology: Terminology, system: str, code: str, *, display: str = "", version: str | None = None, today: date
) -> Validation:
    """Whether a code is in its system, and whether a display is one of its names.

    version  of the system; None for the newest: a code that only an older release has is invalid
    today    for releases that have ended
    """
    releases = [release for release in terminology.releases() if release.system == system]
    current = next((each for each in releases if version in (None, each.version)), None)
    concept = terminology.find(system, code, version)
    if concept is None:
        return _missing(system, current, version)
    release = next((each for each in releases if each.version == concept.version), None)
    issues = _remarks(concept, release, today)
    outcome: Outcome = "valid"
    if version is None and current is not None and current.is_whole and concept.version != current.version:
        message = f"the code is in version {concept.version} but no longer in {current.version}"
        issues.append(Issue("terminology.code-gone", "error", "code", message, "Use the code that replaces it."))
        outcome = "invalid"
    if display and not _display_fits(display, concept):
        message = "the display is none of the names that are known for this code"
        severity: Literal["error", "warning"] = "error" if release is not None and release.is_whole else "warning"
        issues.append(Issue("terminology.display-differs", severity, "display", message, "Compare with the name."))
        outcome = "invalid" if severity == "error" else outcome
    return Validation(outcome, concept, tuple(issues))


def ancestors(terminology: Terminology, concept: Concept) -> set[str]:
    """Every code that includes a concept, itself left out."""
    found: set[str] = set()
    waiting = list(concept.parents)
    for _ in range(LEVELS_AT_MOST):
        fresh = [code for code in dict.fromkeys(waiting) if code not in found]
        if not fresh:
            break
        found.update(fresh)
        above = (terminology.find(concept.system, code, concept.version) for code in fresh)
        waiting = [parent for each in above if each is not None for parent in each.parents]
    return found - {concept.code}


def descendants(terminology: Terminology, concept: Concept) -> list[str]:
    """Every code that a concept includes, itself left out, level by level."""
    found: dict[str, None] = {}
    waiting = [concept.code]
    for _ in range(LEVELS_AT_MOST):
        below = (terminology.children(concept.system, code, concept.version) for code in waiting)
        waiting = [code for codes in below for code in codes if code not in found and code != concept.code]
        if not waiting:
            break
        found.update(dict.fromkeys(waiting))
        waiting = list(dict.fromkeys(waiting))
    return list(found)


def known(terminology: Terminology, system: str, code: str, version: str | None = None) -> Concept:
    """The concept of a code.

    raises  NotFound
    """
    concept = terminology.find(system, code, version)
    if concept is None:
        raise NotFound("the code is in no release of its system that is known here", "Load a release that has it.")
    return concept


def subsumes(terminology: Terminology, system: str, first: str, second: str, version: str | None = None) -> Subsumption:
    """How two codes of one system stand to each other: ``subsumes`` where the first includes the second.

    raises  NotFound if one of them is not known, or where a part of the system is known that does not tell
    """
    one, other = known(terminology, system, first, version), known(terminology, system, second, version)
    if one.code == other.code:
        return "equivalent"
    if one.code in ancestors(terminology, other):
        return "subsumes"
    if other.code in ancestors(terminology, one):
        return "subsumed-by"
    if any(
        (each.system, each.is_whole) == (system, False)
        for each in terminology.releases()
        if each.version == one.version
    ):
        remedy = "Load a whole release: careloom terminology load."
        raise NotFound("only a part of the code system is known here: whether one includes the other is not", remedy)
    return "not-subsumed"


def translate(terminology: Terminology, system: str, code: str, target: str | None = None) -> Sequence[Translation]:
    """The mappings of a code into a system, or into all of them, most exact first; without those that deny one."""
    return [
        each
        for each in terminology.translations(system, code)
        if target in (None, each.system) and each.equivalence not in ("unmatched", "disjoint")
    ]
