"""What was found, in the shape of Text Analytics for health: code that reads its answers reads ours.

Offsets and lengths count Unicode code points (``stringIndexType`` UnicodeCodePoint). What that service has no category
or relation for is left out: devices, most social determinants, reasons and adverse events of drugs. What was found by a
rule, without a probability, has confidence 1.

source  Azure AI Language, Text Analytics for health, entity categories, relation extraction and assertion detection,
        API version 2023-04-01
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from careloom.nlp.annotation_json import Place, same
from careloom.terminology.systems import CVX, ICD_10_CM, LOINC, RXNORM, SNOMED_CT
from careloom.text.note import AnnotatedNote, Annotation

Json = dict[str, Any]
CATEGORIES: Mapping[str, str] = MappingProxyType(
    {
        "PROBLEM": "Diagnosis",
        "SYMPTOM": "SymptomOrSign",
        "MEDICATION": "MedicationName",
        "DOSAGE": "Dosage",
        "ROUTE": "MedicationRoute",
        "FREQUENCY": "Frequency",
        "DURATION": "Time",
        "FORM": "MedicationForm",
        "TEST": "ExaminationName",
        "TEST_VALUE": "MeasurementValue",
        "UNIT": "MeasurementUnit",
        "PROCEDURE": "TreatmentName",
        "ANATOMY": "BodyStructure",
        "SEVERITY": "ConditionQualifier",
        "COURSE": "Course",
        "ALLERGEN": "Allergen",
        "DATE_TIME": "Date",
        "AGE": "Age",
        "SEX": "Gender",
        "FAMILY_RELATION": "FamilyRelation",
        "TOBACCO": "SubstanceUse",
        "ALCOHOL": "SubstanceUse",
        "DRUG_USE": "SubstanceUse",
        "EMPLOYMENT": "Employment",
        "HOUSING": "LivingStatus",
    }
)
"""Label -> category of that service."""
RELATIONS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "drug-dose": ("DosageOfMedication", "Medication", "Dosage"),
        "drug-route": ("RouteOfMedication", "Medication", "Route"),
        "drug-frequency": ("FrequencyOfMedication", "Medication", "Frequency"),
        "drug-duration": ("TimeOfMedication", "Medication", "Time"),
        "drug-date": ("TimeOfMedication", "Medication", "Time"),
        "drug-form": ("FormOfMedication", "Medication", "Form"),
        "test-result": ("ValueOfExamination", "Examination", "Value"),
        "test-unit": ("UnitOfExamination", "Examination", "Unit"),
        "test-date": ("TimeOfExamination", "Examination", "Time"),
        "problem-anatomy": ("BodySiteOfCondition", "Condition", "BodySite"),
        "problem-severity": ("QualifierOfCondition", "Condition", "Qualifier"),
        "problem-course": ("CourseOfCondition", "Condition", "Course"),
        "problem-date": ("TimeOfCondition", "Condition", "Time"),
        "procedure-date": ("TimeOfTreatment", "Treatment", "Time"),
        "procedure-anatomy": ("BodySiteOfTreatment", "Treatment", "BodySite"),
    }
)
"""Type -> relation of that service, and the roles of head and tail."""
SOURCES: Mapping[str, str] = MappingProxyType(
    {SNOMED_CT: "SNOMEDCT_US", ICD_10_CM: "ICD10CM", RXNORM: "RXNORM", LOINC: "LNC", CVX: "CVX"}
)
"""Code system -> its name in UMLS; others stand under their URI."""
_TEMPORALITY = {"historical": "past", "future": "future"}


def as_text_analytics(annotated: AnnotatedNote, version: str, place: Place = same, document: str = "") -> Json:
    """The answer to one document.

    version   of the reader, as ``modelVersion``
    document  its id; the note's where empty, ``1`` where that is empty, too
    """
    told = [one for one in annotated.annotations if _category(one)]
    numbers = {one.id: number for number, one in enumerate(told)}
    relations = [
        _relation(one.type, numbers[one.head], numbers[one.tail], one.score)
        for one in annotated.relations
        if one.type in RELATIONS and one.head in numbers and one.tail in numbers
    ]
    found = {
        "id": document or annotated.note.note_id or "1",
        "entities": [_entity(one, place) for one in told],
        "relations": relations,
        "warnings": [],
    }
    results = {"documents": [found], "errors": [], "modelVersion": version}
    return {"kind": "HealthcareLROResults", "results": results}


def _category(one: Annotation) -> str:
    if one.label == "DATE_TIME" and one.attributes.get("type", "").lower() in ("time", "duration", "set"):
        return "Time"
    return CATEGORIES.get(one.label, "")


def _entity(one: Annotation, place: Place) -> Json:
    span = place(one.span)
    made: Json = {
        "offset": span.start, "length": len(span), "text": one.text, "category": _category(one),
        "confidenceScore": _confidence(one.score),
    }  # fmt: skip
    assertion = _assertion(one)
    made |= {"assertion": assertion} if assertion else {}
    if one.codes:
        best = min(one.codes, key=lambda code: code.rank)
        made |= {"name": best.display} if best.display else {}
        made["links"] = [{"dataSource": SOURCES.get(code.system, code.system), "id": code.code} for code in one.codes]
    return made


def _assertion(one: Annotation) -> Json:
    told = one.assertion
    if told is None:
        return {}
    made: Json = {} if told.certainty == "positive" else {"certainty": told.certainty}
    if told.presence in ("hypothetical", "conditional"):
        made["conditionality"] = told.presence
    if told.experiencer != "patient":
        made["association"] = "other"
    if told.temporality in _TEMPORALITY:
        made["temporality"] = _TEMPORALITY[told.temporality]
    return made


def _relation(kind: str, head: int, tail: int, score: float | None) -> Json:
    name, one, other = RELATIONS[kind]
    ends = [{"ref": _ref(head), "role": one}, {"ref": _ref(tail), "role": other}]
    return {"relationType": name, "confidenceScore": _confidence(score), "entities": ends}


_ref: Callable[[int], str] = "#/results/documents/0/entities/{}".format


def _confidence(score: float | None) -> float:
    return 1.0 if score is None else round(min(max(score, 0.0), 1.0), 2)
