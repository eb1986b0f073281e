"""An evaluation of a version that somebody made elsewhere or later, as a file beside it: written out, and checked.

A file is JSON: ``of`` (digest of the version), ``at``, ``data``, ``party``, ``process``, ``measures``, ``counts``,
``subgroups``, ``operating``. What ``careloom models show`` tells as ``lineage.evaluation`` of the same files, measured
in another installation by ``careloom models register --evaluate-on``, has the numbers.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches
from math import isfinite
from typing import Any, Literal

import orjson

from careloom.errors import FormatError
from careloom.mlops.card_declared import is_plain
from careloom.mlops.card_facts import COUNTS, PARTS, Judged, judged

Kind = Literal["external", "local"]
KINDS: tuple[Kind, ...] = ("external", "local")
LEAST = 11
"""Patients of a group that numbers are told of, as everywhere in the project."""
SHARES = ("auroc", "auprc", "brier", "ece", "prevalence")
"""Measures between 0 and 1."""
REAL = ("slope", "intercept", "in_the_large")
KNOWN = ("of", "at", "data", "party", "process", "measures", "counts", "subgroups", "operating")
IGNORED = ("report", "by", "against")
"""What reports of the platform hold beside; it is not read."""
Json = dict[str, Any]


def template(of: str, measures: Mapping[str, Any]) -> Json:
    """The file to be filled in, with the measures of risk that the version has on held-out data of its own source.

    of  digest of the version
    """
    wanted = [name for name in (*SHARES, *REAL) if name in measures] or ["auroc"]
    row = {"attribute": "sex", "group": "", "n": None, "patients": None, "events": None, "auroc": None}
    return {
        "of": of, "at": "", "data": "", "party": "", "process": "",
        "measures": {name: dict.fromkeys(PARTS) for name in wanted}, "counts": dict.fromkeys(COUNTS),
        "subgroups": [row],
    }  # fmt: skip


def evaluation(content: bytes, where: str, kind: Kind, of: str, now: datetime) -> Judged:
    """What a file says, checked.

    where   what the file is called in an error
    of      digest of the version that it has to be of
    raises  FormatError that names the member and what to do
    """
    told = _object(content, where)
    for member, remedy in _problems(told, kind, of):
        raise FormatError(f"{where}: {member}", remedy)
    try:
        found = judged({name: one for name, one in told.items() if name in KNOWN})
    except FormatError as error:
        raise FormatError(f"{where}: {error.where}", error.remedy) from error
    if found.at > now:
        raise FormatError(f"{where}: at", "It lies in the future: say when it was measured.")
    return found


def _object(content: bytes, where: str) -> Json:
    try:
        told = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        place = f"{where}: line {error.lineno}, column {error.colno}"
        raise FormatError(place, "Mend it there: it is no JSON.") from error
    if not isinstance(told, dict):
        raise FormatError(where, "Write one object: careloom models card-evaluation writes one to be filled in.")
    return told


def _problems(told: Json, kind: Kind, of: str) -> Iterator[tuple[str, str]]:
    """Member -> what to do, the first first."""
    for name in told:
        if name not in (*KNOWN, *IGNORED):
            near = get_close_matches(name, KNOWN, 1)
            yield name, f"Did you mean {near[0]}?" if near else f"Name one of {', '.join(KNOWN)}."
    if told.get("of") != of:
        yield "of", f"It is of another version: this one has the digest {of}."
    for name in ("at", "data", *(("party", "process") if kind == "external" else ())):
        if not _is_words(told.get(name)):
            yield name, _REMEDIES[name]
    for name in ("party", "process"):
        if told.get(name) and not _is_words(told[name]):
            yield name, "It is words without control characters."
    yield from _of_measures(told.get("measures"))
    yield from _of_counts(told.get("counts", {}), "counts")
    rows = told.get("subgroups", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        yield "subgroups", "It is a list of objects, each with attribute and group."
        return
    for number, row in enumerate(rows):
        yield from _of_group(row, f"subgroups[{number}]")


_REMEDIES = {
    "at": "Say when it was measured, with the offset from UTC: 2026-11-30T12:00:00+00:00.",
    "data": "Say which data: source, setting and period.",
    "party": "Say who tested: the rule asks for the party that conducted the external testing.",
    "process": "Say how it was done: whether the model was applied as it is, and how the intervals were made.",
}


def _is_words(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and is_plain(value)


def _of_measures(told: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(told, dict) or not told:
        yield "measures", "Give at least one: name, then value, low and high."
        return
    for name, one in told.items():
        parts = {part: one.get(part) for part in PARTS} if isinstance(one, dict) else {}
        if not parts or not all(each is None or _is_number(each) for each in parts.values()):
            yield f"measures.{name}", "It has value, low and high: numbers, or null where there is none."
            return
        given = [each for each in (parts["low"], parts["value"], parts["high"]) if each is not None]
        if given != sorted(given):
            yield f"measures.{name}", "value lies between low and high."
        if name in SHARES and any(not 0 <= each <= 1 for each in given):
            yield f"measures.{name}", "It lies between 0 and 1."
    if all(one.get("value") is None for one in told.values()):
        yield "measures", "Give at least one its value; take out what was not measured."


def _of_counts(told: Any, place: str) -> Iterator[tuple[str, str]]:
    if not isinstance(told, dict):
        yield place, "It has n, patients and events."
        return
    for name in COUNTS:
        if told.get(name) is not None and (type(told[name]) is not int or told[name] < 0):
            yield f"{place}.{name}", "It is a whole number, 0 or more; take it out where it was not counted."
            return
    rows = told.get("n")
    for name in ("patients", "events"):
        if rows is not None and told.get(name) is not None and told[name] > rows:
            yield f"{place}.{name}", "There are no more of them than rows (n)."


def _of_group(row: Json, place: str) -> Iterator[tuple[str, str]]:
    for name in ("attribute", "group"):
        if not _is_words(row.get(name)):
            yield f"{place}.{name}", "Say it in words, or take the row out."
            return
    yield from _of_counts(row, place)
    numbers = {name: value for name, value in row.items() if name not in ("attribute", "group") and value is not None}
    if any(not _is_number(value) for value in numbers.values()):
        yield place, "Everything but attribute and group is a number, or null."
    people = [row[name] for name in ("n", "patients") if isinstance(row.get(name), int)]
    if numbers and (not people or min(people) < LEAST):
        yield place, f"Numbers are told of groups of {LEAST} patients or more, with n: null for those of a smaller one."


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
