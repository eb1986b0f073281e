"""Traits of a de-identified Patient by which somebody may know a person: read, and told less exactly."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import polars as pl

from careloom.deid.policy_targets import DECEASED, TRAITS
from careloom.deid.risk_hierarchies import (
    ANY,
    AS_IT_IS,
    NONE,
    Hierarchy,
    bands,
    race_category,
    races,
    untouched,
    whole_or_none,
)

Json = dict[str, Any]
PATIENT = "patient"
STATE = "state and country"
_EXTENSIONS = {
    name: f"http://hl7.org/fhir/us/core/StructureDefinition/us-core-{name.replace('_', '')}"
    for name in ("race", "ethnicity", "birth_sex")
}
_CARRIED = {"resourceType", "id", "meta", "link", "identifier", "deceasedBoolean", "deceasedDateTime"}
_READ = {"birthDate", "_birthDate", "gender", "maritalStatus", "address", "extension"}
_RACE_SYSTEM = "urn:oid:2.16.840.1.113883.6.238"
_PLACES = ("state", "country")


def traits_of(patient: Json, *, with_death: bool) -> tuple[Any, ...]:
    """[traits and deceased] What a Patient says, in the order of `TRAITS`, then whether the person died.

    with_death  whether the date of death is a trait: not where it moved by secret days
    """
    birth = patient.get("birthDate")
    died = patient.get("deceasedDateTime")
    rest = {key: value for key, value in patient.items() if key not in _CARRIED | _READ}
    unknown = [one for one in patient.get("extension", ()) if one.get("url") not in _EXTENSIONS.values()]
    rest |= {"extension": unknown} if unknown else {}
    return (
        int(birth[:4]) if birth is not None else None,
        "true" if birth is None and "_birthDate" in patient else None,
        patient.get("gender"),
        _codes(patient, "birth_sex"),
        _codes(patient, "race"),
        _codes(patient, "ethnicity"),
        _text(patient["maritalStatus"]) if "maritalStatus" in patient else None,
        _text(sorted(patient["address"], key=_text)) if patient.get("address") else None,
        died if with_death else None,
        _text(rest) if rest else None,
        "true" if died is not None else _said(patient.get("deceasedBoolean")),
    )


def frame_of(people: Mapping[str, tuple[Any, ...]]) -> pl.DataFrame:
    """One row for each patient: `PATIENT` and the traits."""
    kinds: dict[str, Any] = {
        PATIENT: pl.String,
        **dict.fromkeys((*TRAITS, DECEASED), pl.String),
        "birth_year": pl.Int64,
    }
    return pl.DataFrame([(name, *values) for name, values in sorted(people.items())], schema=kinds, orient="row")


def hierarchies_of(frame: pl.DataFrame, sensitive: Iterable[str]) -> dict[str, Hierarchy | tuple[Hierarchy, ...]]:
    """How each trait that is not sensitive may be said less exactly; one that is the same for everybody stays."""
    special: dict[str, Hierarchy | tuple[Hierarchy, ...]] = {
        "birth_year": tuple(bands(one) for one in ((1, 5, 10, 20), (1, 2, 10, 20))),
        "race": races(),
        "address": Hierarchy((AS_IT_IS, STATE, NONE), (lambda values: values, _states, _nothing)),
    }
    some = [name for name in TRAITS if name not in set(sensitive)]
    return {name: special.get(name, whole_or_none()) if frame[name].n_unique() > 1 else untouched() for name in some}


def say_less(patient: Json, levels: Mapping[str, str]) -> None:
    """Rewrites a Patient in place, so that it says each trait at its level and no more; of a date of birth the year."""
    for name, level in levels.items():
        if level == NONE:
            _leave_out(patient, name)
    birth = patient.get("birthDate")
    if birth is not None:
        width = int(level.split()[0]) if (level := levels.get("birth_year", AS_IT_IS)) != AS_IT_IS else 1
        patient["birthDate"] = f"{max(int(birth[:4]) // width * width, 1):04d}"
    if levels.get("race") == "category":
        patient["extension"] = [_category(one) for one in patient.get("extension") or ()] or None
    if levels.get("address") == STATE:
        patient["address"] = orjson.loads(_places(_text(patient.get("address") or []))) or None
    elif patient.get("address"):
        patient["address"] = sorted(patient["address"], key=_text)
    for key in [key for key, value in patient.items() if value is None]:
        del patient[key]


def as_shown(values: pl.Series) -> pl.Series:
    """A trait as the resource shows it: what is left out looks as if it had never been said."""
    return values.cast(pl.String).replace({ANY: None})


def _leave_out(patient: Json, name: str) -> None:
    if name == "birth_year":
        patient.pop("birthDate", None)
    elif name == "age_over_89":
        patient.pop("_birthDate", None)
    elif name == "gender":
        patient.pop("gender", None)
    elif name == "marital_status":
        patient.pop("maritalStatus", None)
    elif name == "address":
        patient.pop("address", None)
    elif name == "death":
        if patient.pop("deceasedDateTime", None) is not None:
            patient["deceasedBoolean"] = True
    elif name in _EXTENSIONS:
        _keep_extensions(patient, lambda url: url != _EXTENSIONS[name])
    else:
        _keep_extensions(patient, lambda url: url in _EXTENSIONS.values())
        for key in patient.keys() - _CARRIED - _READ:
            del patient[key]


def _keep_extensions(patient: Json, passes: Any) -> None:
    kept = [one for one in patient.get("extension") or () if passes(one.get("url"))]
    patient["extension"] = kept or None


def _category(extension: Json) -> Json:
    """An extension of race with the categories of its codes alone; another as it is."""
    if extension.get("url") != _EXTENSIONS["race"]:
        return extension
    parts: dict[str, Json] = {}
    for part in extension.get("extension", ()):
        coding = part["valueCoding"]
        code = race_category(coding["code"])
        system = coding["system"] if code == coding["code"] else _RACE_SYSTEM
        parts.setdefault(code, {"url": "ombCategory", "valueCoding": {"system": system, "code": code}})
    return {"url": extension["url"], "extension": [parts[code] for code in sorted(parts)]}


def _codes(patient: Json, name: str) -> str | None:
    """The code, or the sorted codes, of an extension."""
    codes: set[str] = set()
    for extension in patient.get("extension", ()):
        if extension.get("url") == _EXTENSIONS[name]:
            codes |= {extension["valueCode"]} if "valueCode" in extension else set()
            codes |= {part["valueCoding"]["code"] for part in extension.get("extension", ())}
    return ",".join(sorted(codes)) or None


def _states(values: pl.Series) -> pl.Series:
    return pl.Series(values.name, [None if one is None else _places(one) for one in values], dtype=pl.String)


def _places(addresses: str) -> str:
    """Of addresses their states and countries, each once."""
    found = {_text({key: one[key] for key in _PLACES if key in one}) for one in orjson.loads(addresses)} - {"{}"}
    return f"[{','.join(sorted(found))}]"


def _nothing(values: pl.Series) -> pl.Series:
    return pl.Series(values.name, [ANY], dtype=pl.String).new_from_index(0, values.len())


def _text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _said(value: bool | None) -> str | None:
    return None if value is None else "true" if value else "false"
