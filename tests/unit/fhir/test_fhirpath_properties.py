"""Laws of FHIRPath: any text ends with an answer or an error that names a column; logic, order and sums agree."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from careloom.fhir.fhirpath import compile_fhirpath
from careloom.fhir.fhirpath_errors import PathError, PathMeaningError
from careloom.fhir.fhirpath_functions import FUNCTIONS, LAZY, TO
from careloom.fhir.fhirpath_scope import Environment

RESOURCE: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "a",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "1"}, {"code": "2"}], "text": "Weight"},
    "valueQuantity": {"value": 1.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    "effectivePeriod": {"start": "2024-01", "end": "2024-03-01T10:00:00Z"},
    "_issued": {"extension": [{"url": "u", "valueTime": "10:30:00"}]},
    "component": [{"valueString": "a"}, {"valueBoolean": True}, {"valueInteger": 3}],
}
ENVIRONMENT = Environment(now=datetime(2024, 6, 1, tzinfo=UTC), steps=20_000)

NAMES = st.sampled_from("id code coding value text component effective start end issued extension Observation".split())
LITERALS = st.sampled_from(
    [
        "1", "0", "-1", "1.50", "{}", "'a'", "''", "'1'", "'(a+)+$'", "true", "false", "@2024", "@2024-02-29T10:00:00Z",
        "@T10:30", "4 'g'", "1 year", "3 days", "2 'Cel'", "1 'no unit'", "$this", "$index", "$total", "%resource",
        "2147483647", "99999999999", "'2024-01-01'",
    ]
)  # fmt: skip
SIGNS = st.sampled_from(
    "+ - * / div mod & | = != ~ !~ < <= > >= and or xor implies in contains".split()  # every binary operator
)
CALLABLE = {**FUNCTIONS, **LAZY, **TO}


@st.composite
def calls(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    name = draw(st.sampled_from(sorted(CALLABLE)))
    _, fewest, most = CALLABLE[name]
    arguments = draw(st.lists(inner, min_size=fewest, max_size=min(most, 3)))
    return f"({draw(inner)}).{name}({', '.join(arguments)})"


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, inner, SIGNS, inner),
        st.builds("({}).{}".format, inner, NAMES),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({} is {})".format, inner, st.sampled_from(["string", "System.Integer", "Quantity", "Element"])),
        st.builds("-({})".format, inner),
        calls(inner),
    )


EXPRESSIONS = st.recursive(st.one_of(LITERALS, NAMES), larger, max_leaves=12)


def refused_at(text: str, of: str = "", *, strict: bool = False) -> int | None:
    """The column of the error; None for an answer."""
    try:
        compile_fhirpath(text, of, strict=strict).evaluate(RESOURCE, ENVIRONMENT)
    except PathError as error:
        return error.column
    return None


@given(EXPRESSIONS, st.sampled_from(["", "Observation"]), st.booleans())
@settings(max_examples=400)
def test_an_expression_has_an_answer_or_an_error_with_its_column(text: str, of: str, strict: bool) -> None:
    assert refused_at(text, of, strict=strict) != 0


@given(st.text(alphabet="ab1.()[]{}'`\"@T-:%$|=<>~!+*/& \n\\", max_size=40))
@settings(max_examples=300)
@example("``")
def test_any_text_is_read_or_refused(text: str) -> None:
    assert refused_at(text) != 0


def answer(text: str) -> list[Any]:
    return compile_fhirpath(text).evaluate(RESOURCE, ENVIRONMENT)


@given(EXPRESSIONS, EXPRESSIONS)
@settings(max_examples=100)
def test_what_the_types_allow_the_evaluation_finds(one: str, other: str) -> None:
    """Types only ever refuse: an expression that compiles with them finds what it finds without."""
    text = f"({one}).combine({other})"
    try:
        typed = compile_fhirpath(text, "Observation")
    except PathMeaningError:
        return
    try:
        found = typed.evaluate(RESOURCE, ENVIRONMENT)
    except PathError:
        return
    assert found == answer(text)


TRUTHS = st.sampled_from(["true", "false", "{}"])


@given(TRUTHS, TRUTHS)
def test_logic_in_three_values_obeys_de_morgan(one: str, other: str) -> None:
    assert answer(f"({one} and {other}).not()") == answer(f"({one}).not() or ({other}).not()")
    assert answer(f"{one} implies {other}") == answer(f"({one}).not() or {other}")
    assert answer(f"{one} xor {other}") == answer(f"({one}) != ({other})")


DAYS = st.dates().map(lambda day: f"@{day.isoformat()}")


@given(DAYS, DAYS, st.integers(-5000, 5000))
def test_days_are_ordered_and_sums_go_back(one: str, other: str, days: int) -> None:
    assert answer(f"{one} < {other}") == answer(f"{other} > {one}")
    there = f"({one} {'+' if days >= 0 else '-'} {abs(days)} days)"
    if answer(there):
        assert answer(f"{there} {'-' if days >= 0 else '+'} {abs(days)} days = {one}") == [True]


@given(st.decimals("-1e6", "1e6", places=3), st.integers(0, 10))
def test_a_number_lies_between_its_boundaries(number: Any, places: int) -> None:
    low, high = answer(f"({number}).lowBoundary({places})"), answer(f"({number}).highBoundary({places})")
    if abs(number) >= 10**-places:
        assert low[0] <= number <= high[0]
