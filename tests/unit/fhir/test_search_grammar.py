"""Search requests: understood, or refused with a remedy and without the value."""

from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.errors import QueryError
from careloom.fhir.search_grammar import parse_parameters, parse_search
from careloom.fhir.search_query import (
    MissingValue,
    NumberValue,
    QuantityValue,
    ReferenceValue,
    TextValue,
    TimeValue,
    TokenValue,
    UriValue,
    Value,
)

UCUM = "http://unitsofmeasure.org"
DAY = 86_400_000.0
FIVE = NumberValue("eq", 5.4, 5.35, 5.45)


def refusal(text: str) -> QueryError | None:
    try:
        parse_search(text)
    except QueryError as problem:
        return problem
    return None


def only(text: str) -> tuple[Value, ...]:
    (criterion,) = parse_search(text).criteria
    return criterion.values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Observation?code=http://loinc.org|8480-6", [TokenValue("http://loinc.org", "8480-6")]),
        ("Observation?code=8480-6,|x", [TokenValue(None, "8480-6"), TokenValue("", "x")]),
        (r"Observation?code=a\,b\|c\$d\\e", [TokenValue(None, "a,b|c$d\\e")]),
        (r"Observation?code=a\\,b", [TokenValue(None, "a\\"), TokenValue(None, "b")]),
        ("Observation?code=a%2Cb%7Cc", [TokenValue(None, "a"), TokenValue("b", "c")]),
        ("Observation?patient=Patient/1", [ReferenceValue(("Patient",), "1")]),
        ("Observation?patient=1", [ReferenceValue(("Patient",), "1")]),
        ("Observation?subject:Group=1", [ReferenceValue(("Group",), "1")]),
        ("Observation?subject=Patient/1/_history/4", [ReferenceValue(("Patient",), "1")]),
        ("Observation?subject=urn:uuid:7", [ReferenceValue(url="urn:uuid:7")]),
        ("Observation?subject=http://x/Patient/7", [ReferenceValue(url="http://x/Patient/7")]),
        ("Observation?subject:identifier=mrn|7", [TokenValue("mrn", "7")]),
        ("Observation?date=1970-01-02", [TimeValue("eq", DAY, 2 * DAY)]),
        ("Observation?date=ge1970-01-02T00:00:00+01:00", [TimeValue("ge", DAY - 3.6e6, DAY - 3.6e6 + 1000)]),
        ("Observation?date=ge1970-01-02T00:00:00%2B01:00", [TimeValue("ge", DAY - 3.6e6, DAY - 3.6e6 + 1000)]),
        ("Observation?value-quantity=5.4", [QuantityValue(FIVE)]),
        ("Observation?value-quantity=5.4||mg", [QuantityValue(FIVE, None, "mg")]),
        (f"Observation?value-quantity=5.4|{UCUM}|mg", [QuantityValue(FIVE, UCUM, "mg")]),
        ("RiskAssessment?probability=gt0.8", [NumberValue("gt", 0.8, 0.75, 0.85)]),
        ("Patient?name=Jo,%20Bob", [TextValue("Jo"), TextValue(" Bob")]),
        ("Patient?family:exact=O'Hara", [TextValue("O'Hara")]),
        ("Patient?active:missing=true", [MissingValue(missing=True)]),
        ("Observation?_profile=http://p", [UriValue("http://p")]),
    ],
)
def test_a_value_is_understood_by_the_kind_of_its_parameter(text: str, values: list[Value]) -> None:
    assert list(only(text)) == values


def test_controls_ids_and_updates_are_told_from_criteria() -> None:
    query = parse_search(
        "/Observation?_id=a,b&_lastUpdated=gt2024&_count=20&_sort=-_lastUpdated&_total=accurate&_format=json"
    )
    assert query.ids == (("a", "b"),)
    assert query.updated[0][0].prefix == "gt"
    assert (query.count, query.sort, query.is_descending, query.total) == (20, "_lastUpdated", True, "accurate")
    assert not query.criteria
    assert not query.is_count_only


def test_the_same_name_twice_means_both() -> None:
    query = parse_search("Observation?date=ge2024&date=lt2025&code=a&code=b")
    assert [criterion.parameter.code for criterion in query.criteria] == ["date", "date", "code", "code"]


def test_lists_of_values_mean_the_same_as_text() -> None:
    text = "Observation?code=a,b&code=c&_count=5"
    assert parse_parameters("Observation", {"code": ["a,b", "c"], "_count": ["5"]}) == parse_search(text)


@pytest.mark.parametrize("text", ["Observation?_summary=count", "Observation?_count=0"])
def test_a_count_can_be_all_that_is_asked(text: str) -> None:
    assert parse_search(text).is_count_only


REFUSED = [
    ("Observatoin?code=x", "Observation"),
    ("?code=x", "Observation?code="),
    ("Observation?cod=x", "code"),
    ("Observation?zzzzzzzz=x", "value-quantity"),
    ("Observation?code:contains=x", ":not"),
    ("Patient?name:below=x", ":exact"),
    ("Observation?code:=x", "colon"),
    ("Observation?code=", "value"),
    ("Observation?code=a,", "value"),
    ("Observation?code:not=http://loinc.org|", "system|code"),
    ("Observation?code:below=x", "system|code"),
    ("Observation?code=a|b|c", "system|code"),
    ("Observation?focus=1", "Type/id"),
    ("Observation?subject:Patient=Group/1", "once"),
    ("Observation?code.name=x", "references"),
    ("Observation?subject.nam=x", "name"),
    ("Observation?subject:Encounter.name=x", "Patient"),
    ("Observation?focus.code=x", "name it"),
    ("Observation?subject:Patient._count=1", "end it"),
    ("Observation?subject:Patient._include=*", "end it"),
    ("Observation?encounter.subject.organization.partof.name=x", "two steps"),
    ("Observation?_has:Patient:a:b=x", "link"),
    ("Observation?_has:Patient:link:name=x", "by nothing"),
    ("Patient?_has:Observation:patient=x", "_has:Observation:patient:code"),
    ("Patient?_has:Observation:patient:=x", "_has:Observation:patient:code"),
    ("Observation?_include=x", "Observation:subject:Patient"),
    ("Observation?_include=Observation:code", "subject"),
    ("Observation?_include=Observation:subject:Encounter", "Patient"),
    ("Observation?_include:recurse=Observation:subject", "iterate"),
    ("Observation?_revinclude=*", "Observation:subject:Patient"),
    ("Observation?" + "&".join(["_include=*"] * 21), "20"),
    ("Observation?code-value-quantity=x", "code$value-quantity"),
    ("Observation?code-value-quantity=x$", "code$value-quantity"),
    ("Observation?code-value-quantity:not=x$5", "none"),
    ("Observation?_elements=colour", "status"),
    ("Observation?_elements=status&_summary=true", "one of them"),
    ("Observation?_filter=x", "without"),
    ("Observation?date=yesterday", "2024-05-17"),
    ("Observation?date=ge", "2024-05-17"),
    ("Observation?value-quantity=five", "5.4"),
    ("Observation?value-quantity=5|mg", "5.4||mg"),
    ("Observation?value-quantity=5|x|", "5.4||mg"),
    ("Observation?code:missing=maybe", "true or false"),
    ("Observation?patient:missing=true", "subject:missing"),
    ("Patient?name=%20", "letter"),
    ("Patient?name=" + "x" * 33, ":exact"),
    ("Observation?_count=-1", "from 0"),
    ("Observation?_count=1&_count=2", "once"),
    ("Observation?_sort=code", "_lastUpdated"),
    ("Patient?_sort=birthdate", "death-date"),
    ("Observation?_sort=date,code", "_lastUpdated"),
    ("Observation?_total=maybe", "accurate"),
    ("Observation?_summary=some", "count"),
    ("Observation?code=%ff", "UTF-8"),
    ("Observation?" + "&".join(["code=x"] * 101), "100"),
    ("Observation?code=" + ",".join("x" * 1001), "1000"),
]


@pytest.mark.parametrize(("text", "hint"), REFUSED)
def test_what_cannot_be_answered_is_refused_with_a_remedy(text: str, hint: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_search(text)
    assert hint in caught.value.remedy


CANARY = "Zebedee"


@pytest.mark.parametrize(
    "name", ["code", "date", "value-quantity", "patient", "focus", "zz", "code:in", "code:missing"]
)
@pytest.mark.parametrize("value", [CANARY, f"{CANARY}|", f"a|{CANARY}|b|c", f"{CANARY},", f"5|{CANARY}"])
def test_no_message_repeats_a_searched_value(name: str, value: str) -> None:
    assert CANARY not in str(refusal(f"Observation?{name}={quote(value)}"))


def test_a_value_in_the_place_of_a_name_is_not_repeated_either() -> None:
    with pytest.raises(QueryError) as caught:
        parse_search(f"Patient?{CANARY}")
    assert CANARY not in str(caught.value)


@settings(max_examples=300)
@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    for query in (text, f"Observation?{text}", f"Patient?name={text}", f"Observation?value-quantity={text}"):
        problem = refusal(query)
        assert problem is None or problem.remedy


@given(
    st.dictionaries(
        st.sampled_from(["code", "date", "patient", "_id", "_count"]), st.lists(st.text(max_size=9)), max_size=3
    )
)
def test_any_parameters_are_understood_or_refused(given_parameters: dict[str, Any]) -> None:
    with suppress(QueryError):
        parse_parameters("Observation", given_parameters)


@given(st.text(min_size=1, max_size=12).filter(lambda text: text.strip() == text))
def test_escaped_text_comes_back_as_it_was(text: str) -> None:
    escaped = "".join("\\" + char if char in "\\,|$" else char for char in text)
    assert list(parse_parameters("Observation", {"code": [escaped]}).criteria[0].values) == [TokenValue(None, text)]


@pytest.mark.parametrize(
    "text",
    [
        "Observation?code=" + ",".join(["a"] * 1001),
        "Observation?" + "&".join(["code=" + ",".join(["a"] * 11)] * 99),
        "Observation?" + "&".join(["_id=" + ",".join(["a"] * 501)] * 2),
        "Observation?_lastUpdated=2024&code:not=" + ",".join(["a"] * 1000),
    ],
    ids=["of one parameter", "of many", "of ids", "of two kinds"],
)
def test_a_search_has_at_most_a_thousand_values_in_all(text: str) -> None:
    problem = refusal(text)
    assert problem is not None
    assert (problem.where, problem.remedy) == ("the search has too many values", "give at most 1000 in all")
    assert refusal(text.replace("a,a,", "a,", 1).replace("a,a", "a", 100)) is None


def test_a_comma_inside_a_value_does_not_make_it_two() -> None:
    assert refusal("Observation?code=" + r"\,".join(["a"] * 2000)) is None
