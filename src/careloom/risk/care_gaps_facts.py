"""A patient's timed facts, from FHIR R4 resources: what was found, done, given and prescribed, and when."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from careloom.terminology.packaged import lookup
from careloom.terminology.packaged_maps import mapped
from careloom.terminology.systems import CVX, ICD_10_CM, LOINC, RXNORM, SNOMED_CT

Kind = Literal["condition", "observation", "procedure", "report", "medication", "immunization"]
KEPT = {
    "Condition": "condition",
    "Observation": "observation",
    "Procedure": "procedure",
    "DiagnosticReport": "report",
    "MedicationRequest": "medication",
    "MedicationStatement": "medication",
    "Immunization": "immunization",
}
_SYSTEMS = {ICD_10_CM, SNOMED_CT, LOINC, RXNORM, CVX}
_NOT_SO = {"entered-in-error", "cancelled", "not-done", "draft", "registered", "unknown", "not-taken"}
_GONE = {"inactive", "remission", "resolved"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One dated thing that the record says.

    codes      (system, code) that name it; a diagnosis in SNOMED CT also by what it maps to in ICD-10-CM
    name       as the record prints it, in lower case
    end        when it was over; None while it holds
    value      a number in `unit` (UCUM), else None
    answers    (system, code) of a coded value
    reference  the resource, e.g. ``Observation/17``
    """

    kind: Kind
    codes: frozenset[tuple[str, str]]
    name: str
    time: datetime
    end: datetime | None
    value: float | None
    unit: str
    answers: frozenset[tuple[str, str]]
    reference: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the record says of one patient.

    sex      administrative gender: male, female; empty where it is another or not told
    undated  resources left out because they carry no time
    """

    birth: date | None
    sex: str
    facts: tuple[Fact, ...]
    undated: int


def facts_of(resources: Iterable[Mapping[str, Any]]) -> Facts:
    """The facts of one patient's resources, in order of time.

    Left out: what is refuted, in error or was not done, and what has no time (counted in `undated`). A prescription
    that is stopped or completed without an end counts as over from its start on.
    """
    told = list(resources)
    drugs = {f"Medication/{one.get('id')}": one for one in told if one.get("resourceType") == "Medication"}
    birth, sex, found, undated = None, "", [], 0
    for one in told:
        kind = one.get("resourceType", "")
        if kind == "Patient":
            birth = _day(one.get("birthDate"))
            sex = one.get("gender", "") if one.get("gender") in ("male", "female") else ""
        elif kind in KEPT and not _is_void(one):
            made = list(_facts(one, KEPT[kind], drugs))  # type: ignore[arg-type]
            undated += not made
            found += made
    return Facts(birth, sex, tuple(sorted(found, key=lambda fact: (fact.time, fact.reference))), undated)


def _is_void(one: Mapping[str, Any]) -> bool:
    verified = _words(one.get("verificationStatus"))
    return one.get("status") in _NOT_SO or bool(verified & {"refuted", "entered-in-error"})


def _facts(one: Mapping[str, Any], kind: Kind, drugs: Mapping[str, Any]) -> Iterator[Fact]:
    start, end = _times(one, kind)
    if start is None:
        return
    reference = f"{one['resourceType']}/{one.get('id', '')}"
    named = [one.get("vaccineCode") or one.get("code") or drug_concept(one, drugs)]
    parts = [one, *one.get("component", [])] if kind == "observation" else [one]
    for number, part in enumerate(parts):
        concept = named[0] if number == 0 else part.get("code")
        quantity = part.get("valueQuantity") or {}
        yield Fact(
            kind,
            _codes(concept, kind),
            _name(concept),
            start,
            end,
            quantity.get("value"),
            quantity.get("code") or quantity.get("unit") or "",
            _codes(part.get("valueCodeableConcept"), kind),
            reference,
        )


def drug_concept(one: Mapping[str, Any], drugs: Mapping[str, Any]) -> Any:
    """The CodeableConcept of what is prescribed or taken; None where it is not told.

    drugs  ``Medication/<id>`` -> Medication
    """
    if "medicationCodeableConcept" in one:
        return one["medicationCodeableConcept"]
    reference = (one.get("medicationReference") or {}).get("reference", "")
    inside = {f"#{drug.get('id')}": drug for drug in one.get("contained", [])}
    return (inside.get(reference) or drugs.get(reference) or {}).get("code")


def _times(one: Mapping[str, Any], kind: Kind) -> tuple[datetime | None, datetime | None]:
    period = one.get("performedPeriod") or one.get("effectivePeriod") or one.get("onsetPeriod") or {}
    names = ("onsetDateTime", "recordedDate", "effectiveDateTime", "performedDateTime", "occurrenceDateTime",
             "authoredOn", "dateAsserted", "issued")  # fmt: skip
    start = next((one[name] for name in names if one.get(name)), None) or period.get("start")
    began = _moment(start)
    if kind == "condition":
        over = _moment(one.get("abatementDateTime"))
        return began, over or (began if _words(one.get("clinicalStatus")) & _GONE else None)
    if kind == "medication":
        over = _moment(((one.get("dispenseRequest") or {}).get("validityPeriod") or period).get("end"))
        is_over = one.get("status") in ("stopped", "completed", "ended")
        return began, over or (began if is_over else None)
    return began, None


def _codes(concept: Any, kind: Kind) -> frozenset[tuple[str, str]]:
    told = {
        (coding["system"], str(coding["code"]))
        for coding in (concept or {}).get("coding", [])
        if coding.get("system") in _SYSTEMS and coding.get("code")
    }
    if kind == "condition":
        told |= {
            (ICD_10_CM, found.code)
            for system, code in list(told)
            if system == SNOMED_CT
            for found in mapped(system, code)
            if found.system == ICD_10_CM
            and found.equivalence in ("equal", "equivalent", "wider")
            and "-" not in found.code
        }
    if kind == "medication":
        told |= {
            (RXNORM, ingredient)
            for system, code in list(told)
            if system == RXNORM and (drug := lookup(system, code)) is not None
            for ingredient in drug.properties.get("ingredient", ())
        }
    return frozenset(told)


def _name(concept: Any) -> str:
    told = concept or {}
    return " ".join([told.get("text", ""), *(coding.get("display", "") for coding in told.get("coding", []))]).lower()


def _words(concept: Any) -> set[str]:
    return {coding.get("code", "") for coding in (concept or {}).get("coding", [])}


_TIME = re.compile(r"\d{4}(-\d\d(-\d\d)?)?(T.+)?")


def _moment(text: Any) -> datetime | None:
    """The first moment that a FHIR date or dateTime allows, in UTC; None for none or a malformed one."""
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        return None
    whole = text + "-01-01"[3 * (len(text) == 7) :] if len(text) < 10 else text
    try:
        moment = datetime.fromisoformat(whole)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _day(text: Any) -> date | None:
    moment = _moment(text)
    return moment.date() if moment else None
