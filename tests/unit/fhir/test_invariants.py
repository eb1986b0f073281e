import pytest

from careloom.fhir.moments import order
from careloom.fhir.validate_tables import human, resource_types, type_table

UCUM = "http://unitsofmeasure.org"
ITEM = {"linkId": "a"}

BROKEN = [
    ("per-1", "Period", {"start": "2020-02-02", "end": "2020-02-01"}),
    ("per-1", "Period", {"start": "2020-02-01T10:00:00Z", "end": "2020-02-01T10:30:00+01:00"}),
    ("qty-3", "Quantity", {"value": 1, "code": "kg"}),
    ("age-1", "Age", {"value": -1, "code": "a", "system": UCUM}),
    ("drt-1", "Duration", {"value": 1, "code": "h", "system": "urn:x"}),
    ("cpt-2", "ContactPoint", {"value": "1"}),
    ("att-1", "Attachment", {"data": "aGVsbG8="}),
    ("rng-2", "Range", {"low": {"value": 2}, "high": {"value": 1}}),
    ("rat-1", "Ratio", {"numerator": {"value": 1}}),
    ("tim-1", "Timing.repeat", {"duration": 1}),
    ("tim-2", "Timing.repeat", {"period": 1}),
    ("tim-4", "Timing.repeat", {"duration": -1, "durationUnit": "s"}),
    ("tim-9", "Timing.repeat", {"offset": 5, "when": ["C"]}),
    ("tim-10", "Timing.repeat", {"timeOfDay": ["10:00:00"], "when": ["AC"]}),
    ("trd-3", "TriggerDefinition", {"type": "periodic"}),
    ("ext-1", "Extension", {"url": "http://a.b"}),
    ("exp-1", "Expression", {"language": "text/cql"}),
    ("obs-3", "Observation.referenceRange", {"appliesTo": [{"text": "x"}]}),
    ("obs-6", "Observation", {"valueString": "x", "dataAbsentReason": {"text": "y"}}),
    (
        "obs-7",
        "Observation",
        {
            "valueString": "x",
            "code": {"coding": [{"system": "s", "code": "c"}]},
            "component": [{"code": {"coding": [{"system": "s", "code": "c"}]}}],
        },
    ),
    ("con-4", "Condition", {"abatementDateTime": "2020"}),
    (
        "con-5",
        "Condition",
        {
            "clinicalStatus": {"text": "x"},
            "verificationStatus": {
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "entered-in-error"}
                ]
            },
        },
    ),
    ("ait-1", "AllergyIntolerance", {"resourceType": "AllergyIntolerance"}),
    ("pat-1", "Patient.contact", {"gender": "male"}),
    ("org-1", "Organization", {"active": True}),
    ("org-2", "Organization", {"name": "x", "address": [{"use": "home"}]}),
    ("ras-2", "RiskAssessment.prediction", {"probabilityDecimal": 101}),
    ("inv-1", "Parameters.parameter", {"name": "x", "valueString": "y", "part": [{"name": "z"}]}),
    ("mdd-1", "MedicationDispense", {"whenPrepared": "2020-02-02", "whenHandedOver": "2020-02-01"}),
    ("app-2", "Appointment", {"start": "2020-02-02T10:00:00Z"}),
    ("app-3", "Appointment", {"status": "booked"}),
    ("cmp-1", "Composition.section", {"title": "x"}),
    ("que-1", "Questionnaire.item", {**ITEM, "type": "group"}),
    ("que-2", "Questionnaire", {"item": [ITEM, {"linkId": "b", "item": [ITEM]}]}),
    ("que-3", "Questionnaire.item", {**ITEM, "type": "display", "code": [{"code": "x"}]}),
    ("que-5", "Questionnaire.item", {**ITEM, "type": "boolean", "answerValueSet": "http://a.b"}),
    ("que-7", "Questionnaire.item.enableWhen", {"question": "a", "operator": "exists", "answerString": "x"}),
    ("que-11", "Questionnaire.item", {**ITEM, "type": "choice", "answerOption": [{}], "initial": [{}]}),
    ("que-12", "Questionnaire.item", {**ITEM, "type": "string", "enableWhen": [{}, {}, {}]}),
    ("que-13", "Questionnaire.item", {**ITEM, "type": "string", "initial": [{}, {}]}),
    ("csd-1", "CodeSystem", {"concept": [{"code": "a", "concept": [{"code": "a"}]}]}),
    ("vsd-1", "ValueSet.compose.include", {"concept": [{"code": "a"}]}),
    ("cpb-14", "CapabilityStatement", {"kind": "instance"}),
    ("cpb-9", "CapabilityStatement.rest", {"resource": [{"type": "Patient"}, {"type": "Patient"}]}),
    ("spd-1", "SearchParameter", {"xpath": "x"}),
    ("eld-2", "ElementDefinition", {"path": "A", "min": 2, "max": "1"}),
    ("eld-13", "ElementDefinition", {"path": "A", "type": [{"code": "string"}, {"code": "string"}]}),
    ("eld-19", "ElementDefinition", {"path": "a b"}),
    ("sdf-8a", "StructureDefinition", {"type": "Patient", "differential": {"element": [{"path": "Group"}]}}),
    ("sdf-4", "StructureDefinition", {"abstract": False}),
    ("tst-1", "TestScript.setup.action", {"operation": {}, "assert": {}}),
]


@pytest.mark.parametrize(("key", "path", "node"), BROKEN, ids=[f"{k}-{i}" for i, (k, _, _) in enumerate(BROKEN)])
def test_a_broken_invariant_is_seen(key, path, node):
    rule = next(rule for rule in type_table(path).rules if rule.key == key)

    assert not rule.holds(node)


def test_every_rule_belongs_to_a_type_and_has_the_words_of_the_specification():
    from careloom.fhir.validate_tables import _elements, _rules

    known = _elements()["types"]
    assert [path for path in _rules() if path not in known] == []
    assert [r.key for rules in _rules().values() for r in rules if human(r.key) == "breaks an invariant"] == []


def test_all_146_concrete_resource_types_have_tables():
    assert len(resource_types()) == 146
    assert all(type_table(name).properties for name in resource_types())


@pytest.mark.parametrize(
    ("start", "end", "answer"),
    [
        ("2020", "2020", -1),
        ("2020-01", "2020-02", -1),
        ("2020-02", "2020-01", 1),
        ("2020", "2020-02", 1),
        ("2020-02-01", "2020-02-01T10:00:00Z", 1),
        ("2020-02-01", "2020-02-02T10:00:00Z", -1),
        ("2020-02-01T10:00:00Z", "2020-02-01T11:00:00+01:00", -1),
        ("2020-02-01T10:00:00Z", "2020-02-01T10:59:59+01:00", 1),
        ("2020-02-01T10:00:00.500Z", "2020-02-01T10:00:00.400Z", 1),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", -1),
        (None, "2020", -1),
        ("x", "y", -1),
    ],
)
def test_times_are_ordered_as_fhirpath_orders_them(start, end, answer):
    assert order(start, end) == answer
