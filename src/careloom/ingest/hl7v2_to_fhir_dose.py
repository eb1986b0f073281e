"""How much: dose, rate, strength and limits of the pharmacy segments."""

from careloom.fhir.drafts import Resource
from careloom.hl7v2 import fields
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build
from careloom.ingest.hl7v2_to_fhir_timing import UCUM, quantity_of
from careloom.ingest.hl7v2_to_fhir_values import Element


def amount(build: Build, segment: Segment, number_field: int, unit_field: int) -> Element | None:
    """A Quantity of a number field and a unit field; None where there is no number."""
    text = segment.value(number_field)
    value = values.number(text)
    if value is None:
        if text:
            place = f"{segment.name}-{number_field}"
            build.issue("hl7v2.number-invalid", place, "this is no number; it was left out")
        return None
    return values.quantity(value, values.unit_of(build, segment.one(unit_field)))


def dose_and_rate(build: Build, segment: Segment, *, dose: tuple[int, int, int], rate: tuple[int, int]) -> Element:
    """A Dosage with the dose (least, most and unit field) and the rate (number and unit field)."""
    low = amount(build, segment, dose[0], dose[2])
    high = amount(build, segment, dose[1], dose[2])
    entry: Element = {}
    if low is not None and high is not None and low["value"] < high["value"]:
        entry["doseRange"] = {"low": low, "high": high}
    elif low is not None:
        entry["doseQuantity"] = low
    elif high is not None:
        entry["doseRange"] = {"high": high}
    speed = amount(build, segment, *rate)
    if speed is not None:
        entry["rateQuantity"] = speed
    return {"doseAndRate": [entry]} if entry else {}


def dosage_texts(build: Build, segment: Segment, dosage: Element, numbers: tuple[int, int]) -> None:
    """The instructions to the patient or giver (first field) and to the pharmacy (second, 0 for none)."""
    words = [_words(build, raw) for raw in segment.repetitions(numbers[0])]
    concepts = [found for raw in segment.repetitions(numbers[0]) if (found := _coded(build, raw)) is not None]
    said = "\n".join(text for text in words if text)
    if concepts:
        dosage["additionalInstruction"] = concepts
    if said:
        dosage["patientInstruction"] = said
    more = "\n".join(text for raw in segment.repetitions(numbers[1]) if (text := _words(build, raw)))
    if numbers[1] and more:
        dosage["text"] = more


def _words(build: Build, raw: str) -> str:
    value = fields.coded(build.read, raw)
    return "" if value.code else value.text or value.original


def _coded(build: Build, raw: str) -> Element | None:
    value = fields.coded(build.read, raw)
    return values.concept_of(value) if value.code else None


def most_per_day(build: Build, raw: str, dosage: Element) -> None:
    """A total daily dose (CQ) as the most per day."""
    limit = quantity_of(build, raw) if raw else None
    if limit is not None:
        day = {"value": 1, "unit": "d", "system": UCUM, "code": "d"}
        dosage["maxDosePerPeriod"] = {"numerator": limit, "denominator": day}


def strength(
    build: Build, segment: Segment, medication: Resource | None, numbers: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    """The strength (number and unit) per volume (number and unit) as the drug's one ingredient, which is itself."""
    top = amount(build, segment, *numbers[0])
    if top is None or medication is None:
        return
    per = amount(build, segment, *numbers[1])
    ratio = {"numerator": top, "denominator": per if per is not None else {"value": 1}}
    entry = {"itemCodeableConcept": dict(medication["code"]), "strength": ratio}
    medication.setdefault("ingredient", []).append(entry)
