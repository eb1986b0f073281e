"""Views: rows, types of columns, what is refused and where; the written function against the interpreter."""

import copy
import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.fhir.fhirpath_errors import PathError
from careloom.fhir.views import compile_view
from careloom.fhir.views_definition import ViewError
from careloom.fhir.views_interpret import ROWS_AT_MOST, interpreted
from careloom.fhir.views_write import UNEXPECTED

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "active": True,
    "gender": "female",
    "birthDate": "1974-12",
    "multipleBirthInteger": 2,
    "extension": [{"url": "http://e/race", "extension": [{"url": "text", "valueString": "x"}]}],
    "name": [{"use": "official", "family": "A", "given": ["B", "C"]}, {"use": "usual", "family": "D"}],
    "contact": [
        {"name": {"family": "E", "given": ["F"]}, "telecom": [{"system": "phone", "value": "1"}]},
        {"gender": "male"},
    ],
    "managingOrganization": {"reference": "http://server/Organization/o/_history/2"},
    "generalPractitioner": [{"reference": "Practitioner/7"}, {"reference": "#inside"}],
}


OTHER: dict[str, Any] = {"resourceType": "Patient", "id": "q"}


def column(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "path": path, **more}


def view(*columns: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resource": "Patient", "select": [{"column": list(columns)}], **more}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("id", "p"),
        ("getResourceKey()", "Patient/p"),
        ("active", True),
        ("birthDate", "1974-12"),
        ("multipleBirth.ofType(integer)", 2),
        ("multipleBirth.ofType(boolean)", None),
        ("name.first().family", "A"),
        ("name[1].family", "D"),
        ("name[2].family", None),
        ("name.where(use = 'usual').family", "D"),
        ("name.where(use = 'official' and family = 'A').given.first()", "B"),
        ("name.where(use = 'old').exists()", False),
        ("name.exists(use = 'usual')", True),
        ("link.empty()", True),
        ("extension('http://e/race').extension('text').value.ofType(string)", "x"),
        ("managingOrganization.getReferenceKey()", "Organization/o"),
        ("managingOrganization.getReferenceKey(Patient)", None),
        ("generalPractitioner.getReferenceKey(Practitioner)", "Practitioner/7"),
        ("name.given.count()", 2),
        ("name.family.join('+')", "A+D"),
        ("birthDate.lowBoundary()", "1974-12-01"),
        ("iif(gender = 'female', 'F', 'M')", "F"),
        ("'text'", "text"),
        ("%rowIndex", 0),
        ("maritalStatus.coding.first().code", None),
        ("Patient.id", "p"),
    ],
)
def test_a_path_finds_the_same_written_and_interpreted(path: str, found: Any) -> None:
    compiled = compile_view(view(column("c", path)))
    assert compiled.rows(PATIENT) == [(found,)]
    assert interpreted(compiled.definition, PATIENT) == [(found,)]


def test_rows_of_selects_beside_and_in_each_other() -> None:
    compiled = compile_view(
        {
            "resource": "Patient",
            "select": [
                {"column": [column("id", "id")]},
                {
                    "forEachOrNull": "contact",
                    "column": [column("n", "%rowIndex"), column("family", "name.family")],
                    "unionAll": [
                        {"forEach": "telecom", "column": [column("k", "system"), column("v", "value")]},
                        {"column": [column("k", "'sex'"), column("v", "gender")]},
                    ],
                },
                {"forEach": "name", "column": [column("given", "given", collection=True)]},
            ],
        }
    )
    contacts = [(0, "E", "phone", "1"), (0, "E", "sex", None), (1, None, "sex", "male")]
    assert compiled.rows(PATIENT) == [("p", *row, given) for row in contacts for given in (["B", "C"], [])]
    alone = {"resourceType": "Patient", "id": "q", "name": [{"family": "A"}]}
    assert compiled.rows(alone) == [("q", 0, None, None, None, [])]
    assert compiled.rows({"resourceType": "Group", "id": "g"}) == []


def test_a_table_has_the_types_of_the_paths() -> None:
    compiled = compile_view(
        view(
            column("id", "id"),
            column("active", "active"),
            column("births", "multipleBirth.ofType(integer)"),
            column("given", "name.given", collection=True),
            column("any", "extension('http://none').value.first()"),
            column("when", "birthDate", type="date"),
        )
    )
    wanted = {
        "id": pl.String(), "active": pl.Boolean(), "births": pl.Int64(), "given": pl.List(pl.String()),
        "any": pl.String(), "when": pl.String(),
    }  # fmt: skip
    assert compiled.schema() == wanted
    assert dict(compiled.table([PATIENT]).schema) == wanted
    assert dict(compiled.table([]).schema) == wanted


def test_a_decimal_is_a_float_whatever_the_json_has() -> None:
    compiled = compile_view(
        {"resource": "Observation", "select": [{"column": [column("v", "value.ofType(Quantity).value")]}]}
    )
    made = [{"resourceType": "Observation", "valueQuantity": {"value": value}} for value in (1, 1.5)]
    assert compiled.table(made)["v"].to_list() == [1.0, 1.5]


@pytest.mark.parametrize(
    ("made", "place"),
    [
        (7, "the view"),
        ({"select": [{}]}, "resource"),
        (view(column("a", "id")) | {"resource": "Patients"}, "resource"),
        ({"resource": "Patient"}, "select"),
        ({"resource": "Patient", "select": []}, "select"),
        ({"resource": "Patient", "select": [{}]}, "select"),
        ({"resource": "Patient", "select": [{"columns": []}]}, "select[0].columns"),
        ({"resource": "Patient", "select": [{"forEach": 1, "column": []}]}, "select[0].forEach"),
        ({"resource": "Patient", "select": [{"forEach": "name", "repeat": ["name"]}]}, "select[0]"),
        (view(column("a", "")), "select[0].column[0].path"),
        (view(column("a", "name.")), "select[0].column[0].path, column 6"),
        (view(column("a", "nam")), "select[0].column[0].path, column 1"),
        (view(column("a b", "id")), "select[0].column[0].name"),
        (view(column("a", "id"), column("a", "id")), "select[0].column[1].name"),
        (view(column("a", "id", colection=True)), "select[0].column[0].colection"),
        (view(column("a", "id", collection="yes")), "select[0].column[0].collection"),
        (view(column("a", "name")), "select[0].column[0].path"),
        (view(column("a", "id", type="HumanName")), "select[0].column[0].type"),
        (view(column("a", "id", type="integer")), "select[0].column[0].type"),
        (view(column("a", "%nobody")), "select[0].column[0].path"),
        (view(column("a", "id"), where=[{"path": "name.family"}]), "where[0].path"),
        (view(column("a", "id"), where=[{}]), "where[0].path"),
        (view(column("a", "id"), constant=[{"name": "x"}]), "constant[0]"),
        (view(column("a", "id"), constant=[{"name": "x", "valueString": "a", "valueCode": "b"}]), "constant[0]"),
        (view(column("a", "id"), constant=[{"name": "x", "valueQuantity": {}}]), "constant[0]"),
        (view(column("a", "id"), constant=[{"name": "x", "valueInteger": True}]), "constant[0]"),
        (view(column("a", "id"), constant=[{"name": "loinc", "valueString": "a"}]), "constant[0].name"),
        (
            {
                "resource": "Patient",
                "select": [{"unionAll": [{"column": [column("a", "id")]}, {"column": [column("b", "id")]}]}],
            },
            "select[0].unionAll[1]",
        ),
    ],
)  # fmt: skip
def test_a_view_that_cannot_be_is_refused_with_its_place(made: Any, place: str) -> None:
    with pytest.raises(ViewError) as caught:
        compile_view(made)
    assert caught.value.where.partition(":")[0] == place
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("made", "resource", "place"),
    [
        (view(column("a", "name.family")), PATIENT, "select[0].column[0].path"),
        (view(column("a", "id")), {"resourceType": "Patient", "id": 7}, "select[0].column[0].path"),
        (
            view(column("a", "extension.value")),
            OTHER | {"extension": [{"valuePeriod": {}}]},
            "select[0].column[0].path",
        ),
        (
            view(column("a", "id"), where=[{"path": "extension.value"}]),
            OTHER | {"extension": [{"valueString": "x"}]},
            "where[0].path",
        ),
        (view(column("a", "name.given.upper()")), PATIENT, "select[0].column[0].path, column 12"),
    ],
)  # fmt: skip
def test_a_resource_that_does_not_fit_is_told_with_the_place_in_the_view(made: Any, resource: Any, place: str) -> None:
    with pytest.raises(ViewError) as caught:
        compile_view(made).rows(resource)
    assert caught.value.where.partition(":")[0] == place


def test_rows_that_would_have_no_end_are_refused() -> None:
    names = {"resourceType": "Patient", "name": [{"family": "A"}] * 400}
    product = {
        "resource": "Patient",
        "select": [{"forEach": "name", "column": [column(f"c{at}", "family")]} for at in range(3)],
    }
    with pytest.raises(ViewError):
        compile_view(product).rows(names)
    endless = {"resource": "Patient", "select": [{"repeat": ["%resource"], "column": [column("i", "id")]}]}
    with pytest.raises(ViewError):
        compile_view(endless).rows(PATIENT)
    assert ROWS_AT_MOST < 400**3


def test_a_deep_view_is_refused() -> None:
    select: dict[str, Any] = {"column": [column("a", "id")]}
    for _ in range(40):
        select = {"select": [select]}
    with pytest.raises(ViewError):
        compile_view({"resource": "Patient", "select": [select]})


def test_an_element_named_as_its_type_is_no_type() -> None:
    made = {"resource": "Patient", "select": [{"forEach": "id", "column": [column("a", "id")]}]}
    assert compile_view(made).rows(PATIENT) == [(None,)]


def test_a_part_without_columns_still_multiplies_rows() -> None:
    made = {"resource": "Patient", "select": [{"column": [column("a", "id")]}, {"forEach": "name"}]}
    assert compile_view(made).rows(PATIENT) == [("p",), ("p",)]


def test_repeat_goes_down_before_it_goes_on() -> None:
    items = [{"linkId": "1", "item": [{"linkId": "1.1", "item": [{"linkId": "1.1.1"}]}]}, {"linkId": "2"}]
    compiled = compile_view(
        {
            "resource": "Questionnaire",
            "select": [{"repeat": ["item"], "column": [column("link", "linkId"), column("n", "%rowIndex")]}],
        }
    )
    resource = {"resourceType": "Questionnaire", "item": items}
    assert compiled.fast is not None
    assert compiled.rows(resource) == [("1", 0), ("1.1", 1), ("1.1.1", 2), ("2", 3)]
    assert interpreted(compiled.definition, resource) == compiled.rows(resource)


PATHS = [
    "id",
    "active",
    "gender",
    "birthDate",
    "deceased.ofType(boolean)",
    "name.first().family",
    "name.given.first()",
    "name[1].given[0]",
    "name.where(use = 'a').family",
    "name.where(use = 'a' or family = 'b').given.first()",
    "name.exists()",
    "contact.name.exists()",
    "contact.where(gender = 'a').name.family.first()",
    "getResourceKey()",
    "managingOrganization.getReferenceKey(Organization)",
    "extension('u').value.ofType(string).first()",
    "name.given.count()",
    "contact.name.given.join()",
    "maritalStatus.text",
    "contact.empty()",
]
EVERYTHING = {
    "resource": "Patient",
    "where": [{"path": "active = true or name.exists(use = 'a') or gender.exists()"}],
    "select": [
        {"column": [column(f"c{at}", path) for at, path in enumerate(PATHS)]},
        {"column": [column("givens", "name.given", collection=True), column("uses", "name.use", collection=True)]},
        {
            "forEachOrNull": "name",
            "column": [column("family", "family"), column("n", "%rowIndex"), column("g", "given[1]")],
        },
        {
            "forEachOrNull": "contact.name",
            "column": [column("f", "family"), column("upper", "family.upper()")],
            "unionAll": [{"forEach": "given", "column": [column("x", "$this")]}, {"column": [column("x", "text")]}],
        },
    ],
}
COMPILED = compile_view(EVERYTHING)
WORDS = st.sampled_from(["a", "b", "", "Organization/o", "Patient/p"])
ANY = st.one_of(st.none(), st.booleans(), st.integers(0, 3), WORDS, st.lists(WORDS, max_size=2), st.just({}))


def sometimes_wrong(right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 30).flatmap(lambda roll: ANY if roll == 0 else right)


GIVEN = sometimes_wrong(st.lists(st.one_of(WORDS, st.none()), max_size=3))
NAME = st.fixed_dictionaries(
    {},
    optional={
        "use": sometimes_wrong(WORDS),
        "family": sometimes_wrong(WORDS),
        "given": GIVEN,
        "text": WORDS,
        "_given": st.lists(st.one_of(st.none(), st.just({"id": "x"})), max_size=2),
        "_family": st.just({"id": "x"}),
    },
)
CONTACT = st.fixed_dictionaries({}, optional={"name": sometimes_wrong(NAME), "gender": WORDS})
RESOURCES = st.fixed_dictionaries(
    {"resourceType": st.just("Patient")},
    optional={
        "id": sometimes_wrong(WORDS),
        "active": sometimes_wrong(st.booleans()),
        "gender": WORDS,
        "birthDate": st.just("2024"),
        "_gender": st.just({"id": "x"}),
        "deceasedBoolean": st.booleans(),
        "name": sometimes_wrong(st.lists(NAME, max_size=3)),
        "contact": sometimes_wrong(st.lists(CONTACT, max_size=2)),
        "maritalStatus": sometimes_wrong(st.just({"text": "m"})),
        "managingOrganization": sometimes_wrong(st.fixed_dictionaries({}, optional={"reference": WORDS})),
        "extension": st.lists(
            st.fixed_dictionaries({"url": st.sampled_from("uv")}, optional={"valueString": WORDS}), max_size=2
        ),
    },
)


@given(RESOURCES)
@settings(max_examples=100)
def test_the_written_function_agrees_with_the_interpreter_or_leaves_it_to_it(resource: Any) -> None:
    assert COMPILED.fast is not None
    before = copy.deepcopy(resource)
    try:
        fast = COMPILED.fast(resource)
    except (*UNEXPECTED, PathError, ViewError):
        return
    finally:
        assert resource == before
    assert fast == interpreted(COMPILED.definition, resource)


@given(RESOURCES)
@settings(max_examples=50)
def test_any_resource_makes_rows_of_the_schema_or_a_refusal(resource: Any) -> None:
    try:
        table = COMPILED.table([resource])
    except ViewError:
        return
    assert dict(table.schema) == COMPILED.schema()


TEXTS = st.sampled_from(
    ["id", "name", "name.given", "$this", "active", "'a'", "%x", "1", "name.", "given", "%rowIndex", ""]
)
COLUMNS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["a", "b", "c", "d e"]), "path": TEXTS}, optional={"collection": ANY, "type": ANY}
    ),
    max_size=2,
)
SELECTS = st.recursive(
    st.fixed_dictionaries({}, optional={"column": COLUMNS}),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "column": COLUMNS,
            "select": st.lists(inner, max_size=2),
            "unionAll": st.lists(inner, max_size=2),
            "forEach": TEXTS,
            "forEachOrNull": TEXTS,
            "repeat": st.lists(TEXTS, max_size=2),
        },
    ),
    max_leaves=4,
)


@given(
    st.fixed_dictionaries(
        {"resource": st.just("Patient"), "select": st.lists(SELECTS, min_size=1, max_size=2)},
        optional={"where": ANY, "constant": st.sampled_from([[], [{"name": "x", "valueString": "'; import os"}], 3])},
    )
)
@settings(max_examples=100)
def test_any_view_is_compiled_or_refused_and_its_function_agrees(made: Any) -> None:
    before = json.dumps(made)
    try:
        compiled = compile_view(made)
        found = compiled.rows(PATIENT)
    except ViewError:
        return
    finally:
        assert json.dumps(made) == before
    assert found == interpreted(compiled.definition, PATIENT), before
