"""CDA data types: a table of what each becomes."""

from typing import Any

import pytest

from tests.unit.ingest.ccda_support import codes, converted, document, entry, faults, only

UCUM = "http://unitsofmeasure.org"
OBSERVATION = (
    '<observation classCode="OBS" moodCode="EVN"><id root="1.2.9" extension="O"/>'
    '<code code="1-8" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/>{}</observation>'
)
VALUES: list[tuple[str, dict[str, Any]]] = [
    ('<value xsi:type="PQ" value="7.2" unit="%"/>',
     {"valueQuantity": {"value": 7.2, "unit": "%", "system": UCUM, "code": "%"}}),
    ('<value xsi:type="PQ" value="100"/>', {"valueQuantity": {"value": 100}}),
    ('<value xsi:type="PQ" value="1" unit="each one"/>', {"valueQuantity": {"value": 1, "unit": "each one"}}),
    ('<value xsi:type="PQ" nullFlavor="OTH"><translation value="30" code="EA" codeSystem="1.2.3"><originalText>each'
     '</originalText></translation></value>',
     {"valueQuantity": {"value": 30, "unit": "each", "system": "urn:oid:1.2.3", "code": "EA"}}),
    ('<value xsi:type="PQ" value="positive" unit="x"/>', {"valueString": "positive"}),
    ('<value xsi:type="INT" value="5"/>', {"valueInteger": 5}),
    ('<value xsi:type="INT" value="99999999999"/>', {"valueString": "99999999999"}),
    ('<value xsi:type="REAL" value="1.5e2"/>', {"valueQuantity": {"value": 150.0}}),
    ('<value xsi:type="BL" value="true"/>', {"valueBoolean": True}),
    ('<value xsi:type="ST">light  yellow</value>', {"valueString": "light yellow"}),
    ('<value xsi:type="ED"><reference value="#t1"/></value>', {"valueString": "told in words"}),
    ('<value xsi:type="TS" value="20240101"/>', {"valueDateTime": "2024-01-01"}),
    ('<value xsi:type="TS" value="2024010110"/>', {"valueDateTime": "2024-01-01T10:00:00-05:00"}),
    ('<value xsi:type="IVL_TS"><low value="2023"/><high value="2024"/></value>',
     {"valuePeriod": {"start": "2023", "end": "2024"}}),
    ('<value xsi:type="IVL_PQ"><low value="1" unit="g"/><high value="2" unit="g"/></value>',
     {"valueRange": {"low": {"value": 1, "unit": "g", "system": UCUM, "code": "g"},
                     "high": {"value": 2, "unit": "g", "system": UCUM, "code": "g"}}}),
    ('<value xsi:type="IVL_PQ"><low value="0" unit="g"/><high value="2" unit="g" inclusive="false"/></value>',
     {"valueQuantity": {"value": 2, "comparator": "<", "unit": "g", "system": UCUM, "code": "g"}}),
    ('<value xsi:type="IVL_PQ"><low value="500" unit="g"/><high nullFlavor="PINF"/></value>',
     {"valueQuantity": {"value": 500, "comparator": ">=", "unit": "g", "system": UCUM, "code": "g"}}),
    ('<value xsi:type="RTO_PQ_PQ"><numerator value="1" unit="mg"/><denominator value="2" unit="mL"/></value>',
     {"valueRatio": {"numerator": {"value": 1, "unit": "mg", "system": UCUM, "code": "mg"},
                     "denominator": {"value": 2, "unit": "mL", "system": UCUM, "code": "mL"}}}),
    ('<value xsi:type="CD" nullFlavor="UNK"/>',
     {"dataAbsentReason": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason",
                                       "code": "unknown"}]}}),
    ('<value xsi:type="CD" code="A" codeSystem="2.16.840.1.113883.5.4">'
     '<translation code="B" codeSystem="1.2"/></value>',
     {"valueCodeableConcept": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "A"},
                                          {"system": "urn:oid:1.2", "code": "B"}]}}),
    ('<value xsi:type="CD" nullFlavor="OTH"><originalText>odd</originalText></value>',
     {"valueCodeableConcept": {"text": "odd"}}),
    ('<value xsi:type="CD" code="A" codeSystem="local codes"/>',
     {"valueCodeableConcept": {"coding": [{"system": "urn:careloom:ccda:root:local%20codes", "code": "A"}]}}),
    ('<value code="A"/>', {"valueCodeableConcept": {"coding": [{"code": "A"}]}}),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=lambda value: value[:40] if isinstance(value, str) else "")
def test_values_of_observations(value: str, expected: dict[str, Any]) -> None:
    text = document(
        '<code code="30954-2" codeSystem="2.16.840.1.113883.6.1"/><text><paragraph ID="t1">told in '
        f"<content>words</content></paragraph></text><entry>{OBSERVATION.format(value)}</entry>"
    )
    found = converted(text)
    observation = only(found, "Observation")
    assert {name: held for name, held in observation.items() if name[:5] in ("value", "dataA")} == expected
    assert faults(found.drafts) == []


IDS: list[tuple[str, list[dict[str, Any]]]] = [
    ('<id root="2.16.840.1.113883.4.1" extension="1"/>', [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": "1"}]),
    ('<id root="1.2.3" extension="1"/>', [{"system": "urn:oid:1.2.3", "value": "1"}]),
    ('<id root="1.2.3"/>', [{"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"}]),
    ('<id root="67265ED2-35BB-43F8-B9DE-91C5935625E0"/>',
     [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:67265ed2-35bb-43f8-b9de-91c5935625e0"}]),
    ('<id root="67265ED2-35BB-43F8-B9DE-91C5935625E0" extension="a"/>',
     [{"system": "urn:uuid:67265ed2-35bb-43f8-b9de-91c5935625e0", "value": "a"}]),
    ('<id extension="Z"/>', [{"value": "Z"}]),
    ('<id root="2.16.840.1.113883.4.873" extension="http://a.org/p/1"/>', [{"system": "http://a.org/p", "value": "1"}]),
    ('<id nullFlavor="NI"/>', []),
    ('<id root="2.16.840.1.113883.4.6"/>', []),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), IDS)
def test_ids_become_identifiers_as_the_guide_says(given: str, expected: list[dict[str, Any]]) -> None:
    found = entry("30954-2", OBSERVATION.format("").replace('<id root="1.2.9" extension="O"/>', given))
    assert only(found, "Observation").get("identifier", []) == expected
    assert faults(found.drafts) == []


def test_a_time_without_a_zone_takes_the_documents() -> None:
    found = entry("30954-2", OBSERVATION.format('<effectiveTime value="202401011030"/>'))
    assert only(found, "Observation")["effectiveDateTime"] == "2024-01-01T10:30:00-05:00"


def test_without_any_zone_the_sources_counts_and_then_utc_with_a_word() -> None:
    text = document().replace("20240311081500-0500", "202401011030")
    assert only(converted(text, timezone="Europe/Berlin"), "Composition")["date"] == "2024-01-01T10:30:00+01:00"
    found = converted(text)
    assert only(found, "Composition")["date"] == "2024-01-01T10:30:00Z"
    assert "ccda.timezone-assumed" in codes(found)


def test_dates_that_do_not_exist_are_left_out_with_a_word() -> None:
    found = entry("30954-2", OBSERVATION.format('<effectiveTime value="20240230"/>'))
    assert "effectiveDateTime" not in only(found, "Observation")
    assert "ccda.date-invalid" in codes(found)


def test_equal_bounds_are_one_time_and_reversed_ones_lose_the_end() -> None:
    one = entry("30954-2", OBSERVATION.format('<effectiveTime><low value="2024"/><high value="2024"/></effectiveTime>'))
    assert only(one, "Observation")["effectiveDateTime"] == "2024"
    two = entry("30954-2", OBSERVATION.format('<effectiveTime><low value="2024"/><high value="2023"/></effectiveTime>'))
    assert only(two, "Observation")["effectivePeriod"] == {"start": "2024"}
    assert "ccda.period-reversed" in codes(two)


PERIODS = [
    ("20240311", "202403101200", {"start": "2024-03-11"}, "ccda.period-reversed"),
    ("202403", "20240310", {"start": "2024-03", "end": "2024-03"}, "ccda.period-imprecise"),
    ("202403101200-0500", "20240310", {"start": "2024-03-10", "end": "2024-03-10"}, "ccda.period-imprecise"),
    ("202403101200-0500", "202403101100-0500", {"start": "2024-03-10T12:00:00-05:00"}, "ccda.period-reversed"),
]


@pytest.mark.parametrize(("low", "high", "expected", "code"), PERIODS)
def test_an_end_before_its_start_is_left_out_and_unequal_precision_cut(
    low: str, high: str, expected: dict[str, str], code: str
) -> None:
    times = f'<effectiveTime><low value="{low}"/><high value="{high}"/></effectiveTime>'
    found = entry("30954-2", OBSERVATION.format(times))
    assert only(found, "Observation")["effectivePeriod"] == expected
    assert code in codes(found)


NAMES: list[tuple[str, list[dict[str, Any]]]] = [
    ("<name><given>A</given><given>B</given><family>C</family><suffix>MD</suffix></name>",
     [{"given": ["A", "B"], "family": "C", "suffix": ["MD"]}]),
    ('<name use="L">Ann Bee</name>', [{"use": "usual", "text": "Ann Bee"}]),
    ('<name nullFlavor="UNK"/>', []),
    ("<name><family>C</family></name><name><family>C</family></name>", [{"family": "C"}]),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), NAMES)
def test_names(given: str, expected: list[dict[str, Any]]) -> None:
    found = converted(document(patient=f"<patient>{given}</patient>"))
    assert only(found, "Patient").get("name", []) == expected


TELECOMS = [
    ('<telecom use="HP" value="tel:+1(555)5"/>', {"system": "phone", "value": "+1(555)5", "use": "home"}),
    ('<telecom use="PG" value="tel:5"/>', {"system": "pager", "value": "5", "use": "mobile"}),
    ('<telecom value="mailto:a@b.org"/>', {"system": "email", "value": "a@b.org"}),
    ('<telecom value="a@b.org"/>', {"system": "email", "value": "a@b.org"}),
    ('<telecom value="x-text-fax:5"/>', {"system": "fax", "value": "5"}),
    ('<telecom value="http://a.org/x"/>', {"system": "url", "value": "http://a.org/x"}),
    ('<telecom value="555-1"/>', {"system": "phone", "value": "555-1"}),
]


@pytest.mark.parametrize(("given", "expected"), TELECOMS)
def test_telecoms(given: str, expected: dict[str, str]) -> None:
    assert only(converted(document(patient=given)), "Patient")["telecom"] == [expected]


@pytest.mark.parametrize("given", ['<telecom nullFlavor="NI"/>', '<telecom value="tel:"/>', '<telecom value=" "/>'])
def test_telecoms_that_say_nothing_are_none(given: str) -> None:
    assert "telecom" not in only(converted(document(patient=given)), "Patient")
