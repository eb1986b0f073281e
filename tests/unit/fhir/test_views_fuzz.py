"""Views and resources that nobody meant: every one is compiled and run, or refused with a place and a remedy."""

import copy
import random
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careloom.fhir.views import compile_view
from careloom.fhir.views_definition import ViewError
from careloom.fhir.views_phi import phi_of
from careloom.runtime import packaged, packaged_names

FOLDERS = ("ready_views", "derived_views", "omop_views")
NAMES = [name for folder in FOLDERS for name in packaged_names("fhir", folder, ".json")]
VIEWS = [orjson.loads(packaged("fhir", name)) for name in NAMES]
KEYS = (
    "column select forEach forEachOrNull repeat unionAll name path type collection resource where constant valueString "
    "valueDecimal description tag nonsense"
).split()
WORDS = [
    *"id Patient Observation x.y %rowIndex %loinc name.given getResourceKey() value.ofType(Quantity) (((".split(),
    *"' $this repeat(item) item.item iif(true,id) %resource now() where( descendants() boolean".split(),
    *("", "extension('u').value", "1 +", "a" * 5000, "é\0", "decimal", "http://hl7.org/fhirpath/String"),
]
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 10**20), st.floats(allow_nan=False), st.sampled_from(WORDS),
    st.text(max_size=8),
)  # fmt: skip
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)),
    max_leaves=25,
)
RESOURCES: list[Any] = [
    None, [], {}, {"resourceType": 7}, {"resourceType": "Patient"},
    {"resourceType": "Patient", "id": 5, "name": "no list", "address": [None, 3], "extension": {"url": 1}},
    {"resourceType": "Observation", "id": "o", "code": {"coding": [[], {"code": None}]}, "component": [{"code": 1}]},
    {"resourceType": "Observation", "subject": {"reference": None}, "valueQuantity": {"value": "1e999"}},
    {"resourceType": "Patient", "multipleBirthInteger": 2**63, "name": [{"given": ["a", None, 3]}, None]},
    {"resourceType": "Observation", "valueInteger": -(2**63) - 1, "referenceRange": [{"low": {"value": 2**64 - 1}}]},
    {"resourceType": "Encounter", "class": [], "period": {"start": {"a": 1}}, "hospitalization": "x"},
]  # fmt: skip


def mutated(view: Any, draw: random.Random) -> Any:
    """The view with something in it replaced, doubled, dropped or renamed, one to four times."""
    made = copy.deepcopy(view)
    for _ in range(draw.randint(1, 4)):
        places = list(_places(made))
        holder, key = draw.choice(places)
        act = draw.choice(["replace", "drop", "double", "wrap", "rename", "swap"])
        if act == "replace":
            holder[key] = draw.choice([None, 0, -1.5, True, [], {}, [[]], *WORDS])
        elif act == "drop":
            del holder[key]
        elif act == "double" and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        elif act == "wrap":
            holder[key] = draw.choice([[holder[key]], {"select": [holder[key]]}, {"path": holder[key]}])
        elif act == "rename" and isinstance(holder, dict):
            holder[draw.choice(KEYS)] = holder.pop(key)
        elif act == "swap":
            other, at = draw.choice(places)
            if isinstance(other, dict) and at in other:
                holder[key] = copy.deepcopy(other[at])
        if not isinstance(made, (dict, list)) or not made:
            break
    return made


def _places(node: Any) -> Any:
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(pairs):
        yield node, key
        yield from _places(value)


def judge(refusal: ViewError) -> None:
    assert refusal.where
    assert refusal.remedy


def run(view: Any) -> None:
    try:
        compiled = compile_view(view)
    except ViewError as error:
        judge(error)
        return
    assert set(phi_of(compiled.definition)) == set(compiled.schema())
    for resource in RESOURCES:
        try:
            compiled.frame(compiled.rows(resource))
        except ViewError as error:
            judge(error)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(JSON, st.fixed_dictionaries({"resource": st.sampled_from(WORDS), "select": JSON})))
def test_any_json_is_a_view_or_is_refused(view: Any) -> None:
    run(view)


def campaign(seed: int, count: int) -> None:
    draw = random.Random(seed)
    for _ in range(count):
        run(mutated(draw.choice(VIEWS), draw))


def test_views_with_faults_are_run_or_refused() -> None:
    campaign(1, 200)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
def test_many_views_with_faults_are_run_or_refused(seed: int) -> None:
    campaign(100 + seed, 4_000)


def test_an_integer_that_no_column_holds_does_not_fit() -> None:
    view = compile_view(
        {"resource": "Patient", "select": [{"column": [{"name": "n", "path": "multipleBirth.ofType(integer)"}]}]}
    )
    assert view.rows({"resourceType": "Patient", "multipleBirthInteger": 2**63 - 1}) == [(2**63 - 1,)]
    with pytest.raises(ViewError):
        view.rows({"resourceType": "Patient", "multipleBirthInteger": 2**63})


@pytest.mark.parametrize("kind", ["string", "boolean", "code"])
def test_the_number_of_a_row_is_an_integer_or_the_view_is_refused(kind: str) -> None:
    column = {"name": "n", "path": "%rowIndex", "type": kind}
    with pytest.raises(ViewError):
        compile_view({"resource": "Patient", "select": [{"forEach": "name", "column": [column]}]})
