"""Words for what is found in notes: kinds with their labels and colours, assertions, systems of codes."""

from careloom.client.note_reports import NoteAnnotation, NoteAssertion

KINDS = {
    "problem": ("Problems", ("PROBLEM", "SYMPTOM", "ALLERGEN")),
    "drug": ("Drugs", ("MEDICATION", "DOSAGE", "ROUTE", "FREQUENCY", "DURATION", "FORM")),
    "test": ("Tests", ("TEST", "TEST_VALUE", "UNIT")),
    "procedure": ("Procedures and devices", ("PROCEDURE", "DEVICE")),
    "body": ("Where and how bad", ("ANATOMY", "SEVERITY", "COURSE")),
    "when": ("Times", ("DATE_TIME",)),
    "who": ("People", ("AGE", "SEX", "FAMILY_RELATION")),
    "social": (
        "Social determinants",
        ("TOBACCO", "ALCOHOL", "DRUG_USE", "EMPLOYMENT", "HOUSING", "FOOD", "TRANSPORT", "RELATIONSHIP", "PARENT",
         "SUPPORT", "EDUCATION", "LANGUAGE", "EXERCISE", "SAFETY"),
    ),
    "tone": ("Tone", ("SENTIMENT", "PAIN", "STANCE")),
}  # fmt: skip
"""Kind -> its name, and its labels. A kind has one colour."""
OTHER = ("other", "Other findings")
PLAIN = {
    "presence": {"present": "", "absent": "absent", "possible": "possible", "conditional": "conditional",
                 "hypothetical": "hypothetical"},
    "temporality": {"current": "", "historical": "historical", "future": "planned"},
    "experiencer": {"patient": "", "family": "family", "other": "somebody else"},
}  # fmt: skip
"""What of an assertion goes without saying is empty."""
ASSERTED = ("PROBLEM", "SYMPTOM", "MEDICATION", "TEST", "PROCEDURE", "DEVICE", "ALLERGEN")
"""Labels of what can be there or absent."""
SYSTEMS = {
    "http://snomed.info/sct": "SNOMED CT",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "http://loinc.org": "LOINC",
    "http://unitsofmeasure.org": "UCUM",
    "http://hl7.org/fhir/sid/icd-10": "ICD-10",
    "http://www.cms.gov/Medicare/Coding/ICD10": "ICD-10-PCS",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "http://www.whocc.no/atc": "ATC",
    "http://id.nlm.nih.gov/mesh": "MeSH",
    "http://purl.obolibrary.org/obo/doid.owl": "Disease Ontology",
    "http://purl.obolibrary.org/obo/mondo.owl": "Mondo",
    "http://purl.obolibrary.org/obo/symp.owl": "Symptom Ontology",
    "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl": "NCI Thesaurus",
}
TEMPORAL = {"before": "before", "after": "after", "overlap": "at the time of"}
"""Types of relations that say how times lie, in words."""


def kind_of(label: str) -> str:
    """The kind by which a label is coloured and filtered."""
    return next((kind for kind, (_, labels) in KINDS.items() if label in labels), OTHER[0])


def said_of(label: str) -> str:
    """A label as people read it: ``test value``."""
    return label.replace("_", " ").lower()


def asserted(one: NoteAnnotation) -> list[str]:
    """What is said of it beyond that it is there, now, in the patient: ``["absent", "family"]``."""
    return asserted_words(one.assertion)


def asserted_words(assertion: NoteAssertion | None) -> list[str]:
    """The same of an assertion; nothing of none."""
    if assertion is None:
        return []
    said = (told.get(getattr(assertion, name), "") for name, told in PLAIN.items())
    return [each for each in said if each]
