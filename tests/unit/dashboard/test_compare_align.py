"""Which element of a resource stands beside which of what came out of it."""

from typing import Any

import pytest

from careloom.dashboard.compare_align import at_place, elements

LOST = {"system": "urn:local", "code": "x"}
LOINC = {"system": "http://loinc.org", "code": "8867-4"}
CASES: list[tuple[str, Any, Any, list[tuple[str, str | None, str | None]]]] = [
    ("kept", {"a": 1}, {"a": 1}, [("a", "1", "1")]),
    ("changed", {"a": "2024-03-05"}, {"a": "2024"}, [("a", "2024-03-05", "2024")]),
    ("removed", {"a": {"b": True}}, {}, [("a.b", "true", None)]),
    ("added", {}, {"_a": {"x": 1}}, [("_a.x", None, "1")]),
    ("nothing came out", {"a": ["b"]}, None, [("a[0]", "b", None)]),
    ("an item was lost", {"c": [LOST, LOINC]}, {"c": [LOINC]}, [
        ("c[0].system", "urn:local", None), ("c[0].code", "x", None),
        ("c[1].system", LOINC["system"], LOINC["system"]), ("c[1].code", "8867-4", "8867-4"),
    ]),
    ("changed items keep their order", {"c": ["a", "b", "c"]}, {"c": ["b", "x"]}, [
        ("c[0]", "a", None), ("c[1]", "b", "b"), ("c[2]", "c", "x"),
    ]),
    ("meta is the platform's", {"meta": {"a": 1}, "b": {"meta": 2}}, {}, [("b.meta", "2", None)]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "found"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_elements_find_each_other(old: Any, new: Any, found: list[tuple[str, str | None, str | None]]) -> None:
    assert [(one.place, one.old, one.new) for one in elements(old, new)] == found


def test_a_place_leads_to_its_string() -> None:
    resource = {"note": [{"text": "a"}, {"text": "b"}], "code": {"text": "c"}}
    places = ("note[1].text", "code.text", "note[0]", "note[2].text", "x[3].y")
    assert [at_place(resource, f"Observation.{place}") for place in places] == ["b", "c", None, None, None]


def test_long_lists_within_lists_find_each_other_without_comparing_all_with_all() -> None:
    """Each value with each would be a thousand million comparisons."""
    old = [{"part": [{"value": f"{item}-{at}"} for at in range(1000)]} for item in range(31)]
    found = list(elements({"c": old}, {"c": old[1:]}))
    assert [one.place for one in found if one.new is None] == [f"c[0].part[{at}].value" for at in range(1000)]
