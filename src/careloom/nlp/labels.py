"""What a reader of notes may find: labels of annotations and types of relations, with what each means."""

ENTITIES = {
    "PROBLEM": "a disease, a diagnosis, an injury",
    "SYMPTOM": "what the patient feels or an examiner sees: a symptom or a sign",
    "MEDICATION": "a drug, by name or class; a vaccine",
    "DOSAGE": "how much of a drug at a time, with its unit",
    "ROUTE": "the way into the body",
    "FREQUENCY": "how often",
    "DURATION": "how long",
    "FORM": "tablet, inhaler, cream",
    "TEST": "a laboratory test, a vital sign, an examination, an image",
    "TEST_VALUE": "what a test found, without its unit",
    "UNIT": "unit of a test's value",
    "PROCEDURE": "an operation or another treatment that is no drug",
    "DEVICE": "what is worn or implanted",
    "ANATOMY": "a part of the body",
    "SEVERITY": "how bad",
    "COURSE": "better, worse, stable, recurrent",
    "ALLERGEN": "what an allergy is to",
    "DATE_TIME": "a date or a time of the day, absolute or relative",
    "AGE": "an age",
    "SEX": "woman, man, male, female",
    "FAMILY_RELATION": "a relative",
}
"""Entities: spans of one label never overlap."""

SOCIAL = {
    "TOBACCO": "smoking and other use of tobacco",
    "ALCOHOL": "drinking",
    "DRUG_USE": "use of other substances",
    "EMPLOYMENT": "work, loss of work, retirement, disability",
    "HOUSING": "where somebody lives, and whether it is safe to last",
    "FOOD": "enough to eat",
    "TRANSPORT": "a way to the hospital and back",
    "RELATIONSHIP": "married, divorced, widowed, partner",
    "SUPPORT": "who helps, or that nobody does",
    "EDUCATION": "schooling and literacy",
    "LANGUAGE": "language, need of an interpreter",
    "EXERCISE": "physical activity",
    "SAFETY": "violence, abuse, weapons",
    "PARENT": "children, and whether one is under age",
}
"""Social determinants. Attributes: ``status``, ``amount``, ``time``, ``adverse`` (``true`` or ``false``)."""

TONE = {
    "SENTIMENT": "how what the patient says feels; ``value``: positive, negative",
    "PAIN": "pain that is there or denied; ``presence``, ``score`` (0 to 10), ``severity``",
    "STANCE": "how the author speaks of the patient; ``value``: stigmatizing, doubting, positive",
}
"""Tone: an annotation for each sentence, label and value; the span is the words that tell it."""

RELATIONS = {
    "drug-dose": ("MEDICATION", "DOSAGE"),
    "drug-route": ("MEDICATION", "ROUTE"),
    "drug-frequency": ("MEDICATION", "FREQUENCY"),
    "drug-duration": ("MEDICATION", "DURATION"),
    "drug-form": ("MEDICATION", "FORM"),
    "drug-date": ("MEDICATION", "DATE_TIME"),
    "drug-reason": ("MEDICATION", "PROBLEM"),
    "drug-adverse-event": ("MEDICATION", "PROBLEM"),
    "allergen-reaction": ("ALLERGEN", "PROBLEM"),
    "test-result": ("TEST", "TEST_VALUE"),
    "test-reference": ("TEST", "TEST_VALUE"),
    "test-unit": ("TEST", "UNIT"),
    "test-date": ("TEST", "DATE_TIME"),
    "problem-anatomy": ("PROBLEM", "ANATOMY"),
    "problem-severity": ("PROBLEM", "SEVERITY"),
    "problem-course": ("PROBLEM", "COURSE"),
    "problem-date": ("PROBLEM", "DATE_TIME"),
    "problem-age": ("PROBLEM", "AGE"),
    "problem-relative": ("PROBLEM", "FAMILY_RELATION"),
    "procedure-date": ("PROCEDURE", "DATE_TIME"),
    "procedure-anatomy": ("PROCEDURE", "ANATOMY"),
}
"""Type -> labels of head and tail; where PROBLEM stands, SYMPTOM may."""

TEMPORAL = ("before", "after", "overlap")
"""Between two events of a note: how their times lie."""
