"""What a view needs to find in a resource's JSON: told only where no resource without it makes a row."""

import copy
import random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.fhir.views import compile_view
from careloom.fhir.views_definition import ViewError
from careloom.fhir.views_interpret import interpreted
from careloom.runtime import packaged, packaged_names
from careloom.store.rows import canonical

TEXTS = ["a", "b", "laboratory", "http://s", "http://t", "x y", "é"]
CONDITIONS = [
    "code.coding.where(system = 'http://s' and code = 'a').exists()",
    "category.coding.exists(code = 'laboratory')",
    "code.coding.where(system = 'http://t').code = 'b'",
    "'a' = code.text",
    "status = 'b' or status = 'a'",
    "code.coding.exists(code = 'a') and extension('http://s').exists()",
    "code.coding.where(code = 'a').empty()",
    "code.coding.where(code = 'a').exists().not()",
    "code.coding.first().code = %c",
    "value.ofType(string) = 'x y'",
    "meta.tag.where(code = 'a').exists()",
]


@pytest.mark.parametrize(
    ("path", "needed"),
    [
        ("code.coding.where(system = %loinc and code = 'a').exists()", '"a"'),
        ("code.coding.where(system = %loinc).exists()", '"http://loinc.org"'),
        ("code.text = 'x'", '"x"'),
        ("'x' = code.text", '"x"'),
        ("category.coding.exists(code = 'laboratory') and status = 'final'", '"laboratory"'),
        ("extension('http://e').exists()", '"http://e"'),
        ("status = 'final' or status = 'amended'", ""),
        ("status != 'final'", ""),
        ("code.coding.where(code = 'a').empty()", ""),
        ("code.coding.where(code = 'a').exists().not()", ""),
        ("code.text = 'a\\'b' and code.text = 'a\"b'", '"a\'b"'),
        ("code.text = 'é'", ""),
        ("subject.getReferenceKey(Patient) = 'Patient/1'", ""),
        ("getResourceKey() = 'Observation/1'", ""),
        ("meta.versionId = '2'", ""),
        ("meta.source = 'urn:careloom:record:1'", ""),
        ("meta.where(source = 'urn:x').exists()", ""),
        ("value.exists()", ""),
        ("code.coding.where(userSelected = true).exists()", ""),
    ],
)
def test_a_condition_needs_a_text_only_where_it_cannot_hold_without(path: str, needed: str) -> None:
    assert view_where(path).needed == needed.encode()


def test_the_view_of_laboratory_results_needs_its_category() -> None:
    assert compile_view(orjson.loads(packaged("fhir", "ready_views/labs_wide.json"))).needed == b'"laboratory"'


def view_where(*paths: str) -> Any:
    return compile_view(
        {
            "resource": "Observation",
            "constant": [{"name": "c", "valueString": "a"}],
            "where": [{"path": path} for path in paths],
            "select": [{"column": [{"name": "id", "path": "id"}]}],
        }
    )


CODING = st.fixed_dictionaries({}, optional={"system": st.sampled_from(TEXTS), "code": st.sampled_from(TEXTS)})
CONCEPT = st.fixed_dictionaries({}, optional={"coding": st.lists(CODING, max_size=3), "text": st.sampled_from(TEXTS)})
OBSERVATIONS = st.fixed_dictionaries(
    {"resourceType": st.just("Observation"), "id": st.just("o")},
    optional={
        "status": st.sampled_from(TEXTS),
        "code": st.one_of(CONCEPT, st.sampled_from(TEXTS)),
        "category": st.one_of(st.lists(CONCEPT, max_size=2), CONCEPT),
        "extension": st.lists(st.fixed_dictionaries({"url": st.sampled_from(TEXTS)}), max_size=2),
        "valueString": st.one_of(st.sampled_from(TEXTS), st.just(3)),
        "meta": st.fixed_dictionaries({}, optional={"tag": st.lists(CODING, max_size=2)}),
    },
)


@given(OBSERVATIONS, st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=2))
@settings(max_examples=200)
def test_a_resource_without_what_is_needed_makes_no_rows(resource: Any, paths: list[str]) -> None:
    check(view_where(*paths), resource)


def test_no_example_of_a_view_that_ships_or_of_anything_broken_of_it_makes_rows_without() -> None:
    draw = random.Random(7)
    views = [
        compile_view(orjson.loads(packaged("fhir", name)))
        for folder in ("ready_views", "derived_views", "omop_views")
        for name in packaged_names("fhir", folder, ".json")
    ]
    lab = {
        "resourceType": "Observation", "id": "o", "status": "final", "valueString": "x",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category",
                                  "code": "laboratory"}]}],
    }  # fmt: skip
    for _ in range(300):
        broken = copy.deepcopy(lab)
        coding = broken["category"][0]["coding"][0]  # type: ignore[index]
        coding[draw.choice(["system", "code", "display"])] = draw.choice(["laboratory", "b", None, 3, ["laboratory"]])
        for view in views:
            check(view, broken)


def check(view: Any, resource: Any) -> None:
    """It makes no rows by the interpreter if its JSON, as the store keeps it, lacks what the view needs."""
    if view.needed and view.needed not in canonical(resource):
        try:
            rows = interpreted(view.definition, resource)
        except ViewError:
            return
        assert rows == []
