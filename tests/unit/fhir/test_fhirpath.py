"""FHIRPath: what expressions find, what is refused and where, and that hostile ones end soon."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from careloom.fhir.fhirpath import compile_fhirpath, compile_with
from careloom.fhir.fhirpath_errors import (
    PathError,
    PathEvaluationError,
    PathMeaningError,
    PathSyntaxError,
)  # fmt: skip
from careloom.fhir.fhirpath_functions import known_names
from careloom.fhir.fhirpath_scope import Environment
from careloom.fhir.fhirpath_values import Node, resource_node

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "active": True,
    "contained": [{"resourceType": "Organization", "id": "o1", "name": "Ward"}],
    "name": [
        {"use": "official", "family": "Chalmers", "given": ["Peter", "James"]},
        {"use": "usual", "given": [None, "Jim"], "_given": [{"extension": [{"url": "http://x/y", "valueCode": "k"}]}]},
    ],
    "birthDate": "1974-12-25",
    "_birthDate": {"extension": [{"url": "http://x/t", "valueDateTime": "1974-12-25T14:35:45-05:00"}]},
    "_gender": {"extension": [{"url": "http://x/none", "valueString": "asked"}]},
    "deceasedBoolean": False,
    "managingOrganization": {"reference": "#o1"},
    "generalPractitioner": [{"reference": "Practitioner/7"}],
    "maritalStatus": {"coding": [{"system": "http://m", "code": "M"}, {"system": "http://n", "code": "N"}]},
}
WEIGHT: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "w",
    "valueQuantity": {"value": 82.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    "effectiveDateTime": "2024-03-01",
}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("name.given", ["Peter", "James", None, "Jim"]),
        ("name.given.where(hasValue())", ["Peter", "James", "Jim"]),
        ("name.given.extension('http://x/y').value", ["k"]),
        ("name.given.extension('http://x/y').value is code", [True]),
        ("birthDate.extension('http://x/t').value > @1974-12-25T14:35:44-05:00", [True]),
        ("gender.exists() and gender.hasValue().not()", [True]),
        ("gender = 'male'", []),
        ("deceased", [False]),
        ("deceased is boolean", [True]),
        ("deceased.ofType(dateTime)", []),
        ("Resource.id | DomainResource.id", ["p1"]),
        ("managingOrganization.resolve().name", ["Ward"]),
        ("contained.select(%resource.id)", ["p1"]),
        ("contained.all($this is Organization)", [True]),
        ("name.select($index)", [0, 1]),
        ("name.where($index = 1).use", ["usual"]),
        ("`birthDate`", ["1974-12-25"]),
        ("birthDate + 18 years <= @1993-01-01", [True]),
        ("birthDate.type().name", ["date"]),
        ("name.type().name.distinct()", ["HumanName"]),
        ("maritalStatus.type().namespace", ["FHIR"]),
        ("descendants().ofType(Coding).code", ["M", "N"]),
        ("generalPractitioner.getReferenceKey(Practitioner)", ["Practitioner/7"]),
        ("generalPractitioner.getReferenceKey(Patient)", []),
        ("getResourceKey()", ["Patient/p1"]),
        ("today() - 1 day = @2024-05-31", [True]),
        ("now() = @2024-06-01T12:30:00Z", [True]),
        ("%`vs-gender`", ["http://hl7.org/fhir/ValueSet/gender"]),
        ("%depth + 1", [4]),
        ("iif(active, 'yes', 1 / 0)", ["yes"]),
        ("{} and (1 = 1)", []),
        ("{} implies true", [True]),
        ("(1 | 2).combine(2).sum()", None),
        ("(1 | 2 | 3).aggregate($this + $total, 0)", [6]),
        ("4 'm' + 20 'cm' = 420 'cm'", [True]),
        ("(2 'cm' * 3 'm') = 0.06 'm2'", [True]),
        ("37 'Cel' = 310.15 'K'", [True]),
        ("1 year = 12 months", [True]),
        ("1 year = 1 'a'", []),
        ("1 year ~ 1 'a'", [True]),
        ("1 'kg' = 1 's'", []),
        ("@2020-02-29 + 1 year", ["2021-02-28"]),
        ("@2024-01-31 - 3 months", ["2023-10-31"]),
        ("@9999-12-31 + 1 day", []),
        ("@T23:30 + 45 minutes", ["00:15"]),
        ("@2014 + 24 months", ["2016"]),
        ("@2024-03-01T10:00:00Z = @2024-03-01T12:00:00+02:00", [True]),
        ("@2024-03-01T10:00:00Z < @2030-01-01T00:00:00", [True]),
        ("2147483647 + 1", []),
        ("5 mod 0", []),
        ("-5 mod 3", [-2]),
        ("-7 div 2", [-3]),
        ("0.ln()", []),
        ("(-1).sqrt()", []),
        ("'11/30/1972'.replaceMatches('(?<m>[0-9]+)/(?<d>[0-9]+)/(?<y>[0-9]+)', '${d}-${m}-${y}')", ["30-11-1972"]),
        ("'abc'.replaceMatches('(b)', '[$1]')", ["a[b]c"]),
        ("'a\\u0062\\\\'", ["ab\\"]),
        ("'\\ud83d\\ude00'.length()", [1]),
        ("('c' | 'a' | 'b').sort(-$this)", ["c", "b", "a"]),
        ("name.sort(use.length()).use", ["usual", "official"]),
    ],
)  # fmt: skip
def test_an_expression_finds(expression: str, found: list[Any] | None) -> None:
    environment = Environment(now=datetime(2024, 6, 1, 12, 30, tzinfo=UTC), variables={"depth": 3})
    if found is None:
        with pytest.raises(PathMeaningError):
            compile_fhirpath(expression, "Patient")
        return
    assert compile_fhirpath(expression, "Patient").evaluate(PATIENT, environment) == found


def test_a_quantity_of_fhir_is_one_of_fhirpath() -> None:
    ask = lambda text: compile_fhirpath(text, "Observation").evaluate(WEIGHT)  # noqa: E731
    assert ask("value > 80 'kg'") == [True]
    assert ask("value.value") == [82.5]
    assert ask("value.lowBoundary().value") == [Decimal("82.45000000")]
    assert ask("effective.highBoundary()") == ["2024-03-01T23:59:59.999-12:00"]


@pytest.mark.parametrize(
    ("expression", "error", "column"),
    [
        ("name.", PathSyntaxError, 6),
        ("name given", PathSyntaxError, 6),
        ("'open", PathSyntaxError, 1),
        ("'a\\q'", PathSyntaxError, 3),
        ("'\\ud800'", PathSyntaxError, 1),
        ("@2024-13-01", PathSyntaxError, 1),
        ("1 + ", PathSyntaxError, 5),
        ("(1", PathSyntaxError, 3),
        ("name.given1", PathMeaningError, 6),
        ("Observation.code", PathMeaningError, 1),
        ("deceasedBoolean", PathMeaningError, 1),
        ("name.frist()", PathMeaningError, 6),
        ("name.first(1)", PathMeaningError, 6),
        ("name.slice('a', 'b')", PathMeaningError, 6),
        ("name is Nobody", PathMeaningError, 6),
        ("name.matches('a')", PathMeaningError, 6),
        ("name.given.upper()", PathEvaluationError, 12),
        ("name.given < 'a'", PathEvaluationError, 12),
        ("active + 1", PathEvaluationError, 8),
        ("%nobody", PathEvaluationError, 1),
        ("today()", PathEvaluationError, 1),
        ("generalPractitioner.resolve()", PathEvaluationError, 21),
        ("maritalStatus.memberOf('http://v')", PathEvaluationError, 15),
        ("conformsTo('http://example.org/profile')", PathEvaluationError, 1),
        ("'a'.matches('(?=a)')", PathEvaluationError, 5),
        ("'a'.matches('[')", PathEvaluationError, 5),
    ],
)
def test_what_means_nothing_is_refused_at_its_column(expression: str, error: type[PathError], column: int) -> None:
    with pytest.raises(error) as caught:
        compile_fhirpath(expression, "Patient").evaluate(PATIENT)
    assert caught.value.column == column
    assert caught.value.remedy


def test_strict_refuses_what_a_narrowed_type_lacks_and_what_has_no_order() -> None:
    assert compile_fhirpath("value.as(Period).unit", "Observation").evaluate(WEIGHT) == []
    for text in ("(value as Period).unit", "children().first()", "value.ofType(Patient)"):
        with pytest.raises(PathMeaningError):
            compile_fhirpath(text, "Observation", strict=True)


def test_the_caller_hands_in_resources_codes_and_profiles() -> None:
    class Codes:
        def member_of(self, value_set: str, system: str, code: str) -> bool | None:
            return (value_set, system, code) == ("http://v", "http://n", "N")

        def subsumes(self, system: str, code: str, below: str) -> bool | None:
            return None

    told: list[Any] = []
    environment = Environment(
        resolver={"Practitioner/7": {"resourceType": "Practitioner", "id": "7"}}.get,
        terminology=Codes(),
        conforms=lambda resource, url: resource["id"] == "p1" and url == "http://profile",
        trace=lambda name, items: told.append((name, items)),
    )
    ask = lambda text: compile_fhirpath(text, "Patient").evaluate(PATIENT, environment)  # noqa: E731
    assert ask("generalPractitioner.resolve() is Practitioner") == [True]
    assert ask("maritalStatus.memberOf('http://v')") == [True]
    assert ask("maritalStatus.coding[0].subsumes(maritalStatus.coding[0])") == []
    assert ask("conformsTo('http://profile')") == [True]
    assert ask("name.trace('n', use).count()") == [2]
    assert told == [("n", ["official", "usual"])]


def test_an_entry_of_the_same_bundle_is_resolved() -> None:
    bundle = {
        "resourceType": "Bundle",
        "entry": [
            {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "1"}},
            {"resource": {"resourceType": "Observation", "subject": {"reference": "urn:uuid:1"}}},
        ],
    }
    asked = compile_fhirpath("entry.resource.ofType(Observation).subject.resolve().id", "Bundle")
    assert asked.evaluate(bundle) == ["1"]


def test_a_node_knows_where_it_hangs() -> None:
    (node,) = compile_fhirpath("name[1].given.last()", "Patient").items(Node(PATIENT, "Patient"))
    assert (node.key, node.index, node.parent.key, node.parent.index) == ("given", 1, "name", 1)


TEN = "(0|1|2|3|4|5|6|7|8|9)"
HOSTILE = {
    "parentheses": "(" * 9000 + "1" + ")" * 9000,
    "signs": "-" * 15_000 + "1",
    "steps": "name" + ".name" * 3000,
    "operators": "+".join(["1"] * 9000),
    "digits": "9" * 5000,
    "length": "1 + " * 9000,
    "lambdas": TEN + f".select({TEN}" * 12 + ")" * 12,
    "repeat": "(1).repeat($this + 1)",
    "growing text": TEN + ".aggregate($total & $total & $total & $total & 'xxxx', 'x')",
    "growing list": f"{TEN}.select({TEN}).aggregate($total.combine($total), 1)",
    "counted pattern": "'a'.matches('((((a{99}){99}){99}){99})')",
    "long pattern": f"'a'.matches('{'a?' * 900}')",
    "replacement": f"'{'a' * 1200}'.replaceMatches('a', '{'$0' * 400}')",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_expression_ends_soon_and_is_told(what: str) -> None:
    with pytest.raises(PathError):
        compile_fhirpath(HOSTILE[what]).evaluate(PATIENT, Environment(steps=50_000))


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "a*a*a*a*a*a*b", "(.*)*x"])
def test_no_pattern_backtracks(pattern: str) -> None:
    """One that did would try two to the power of five thousand ways."""
    text = "a" * 5000 + "c"
    assert compile_fhirpath(f"%text.matches('{pattern}')").evaluate({}, Environment(variables={"text": text})) == [
        False
    ]


def test_every_function_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs/explanation/fhirpath.md").read_text()
    assert [name for name in known_names() if f"`{name}" not in page] == []


ADDRESSES = {"resourceType": "Patient", "address": [{"country": "GB"}, {"country": "GB"}], "contained": [None]}


@pytest.mark.parametrize("text", ["address | address", "address.union(address)", "repeat(address)"])
@pytest.mark.parametrize(("by_place", "count"), [(False, 1), (True, 2)])
def test_equal_elements_at_different_places_stay_where_that_is_asked(text: str, by_place: bool, count: int) -> None:
    assert len(compile_fhirpath(text).evaluate(ADDRESSES, Environment(by_place=by_place))) == count


@pytest.mark.parametrize(
    ("text", "utc", "expected"),
    [
        ("@2010-01-01T00:00:00 = @2010-01-01T00:00:00Z", False, []),
        ("@2010-01-01T00:00:00 = @2010-01-01T00:00:00Z", True, [True]),
        ("@2010-01-01 < @2010-01-01T00:00:00+08:00", True, [False]),
        ("@2010 > @2010-05", True, []),
        ("@T10:00 < @T11:00", True, [True]),
    ],
)
def test_a_time_without_zone_is_one_of_utc_where_that_is_asked(text: str, utc: bool, expected: list[bool]) -> None:
    assert compile_fhirpath(text).evaluate({}, Environment(utc=utc)) == expected


def test_nodes_are_the_same_where_they_stand_at_one_place() -> None:
    root = resource_node(ADDRESSES)
    first, second = compile_fhirpath("address").items(root)
    assert {first, *compile_fhirpath("Patient.address.where($index = 0)").items(root)} == {first}
    assert first != second


def test_an_empty_place_in_a_list_of_resources_holds_nothing() -> None:
    assert compile_fhirpath("contained | descendants().where($this is Resource)").evaluate(ADDRESSES) == []


def test_functions_of_the_caller_are_called_and_checked() -> None:
    functions = {"twice": (lambda scope, items, word: [*items, *items, *word], 1, 1)}
    assert compile_with(functions, "id.twice('x').select($this.twice('y').count())").evaluate(PATIENT) == [3, 3, 3]
    for text in ("id.twice()", "id.thrice('x')"):
        with pytest.raises(PathMeaningError):
            compile_with(functions, text)
    with pytest.raises(PathMeaningError):
        compile_fhirpath("id.twice('x')")
