"""The page of issue codes finds codes however they reach an issue."""

from pathlib import Path

import pytest

from tools.list_issue_codes import Found, find

ISSUE = "from careloom.issues import Issue\n"

THROUGH_A_FUNCTION = """
def say(code, message):
    return Issue(code, "fatal", "", message)
say("fhir.late", "it is late")
"""
BEHIND_A_PREFIX = """
def say(code, message):
    return Issue(f"fhir.{code}", "error", "", message)
say("late", "it is late")
"""
THROUGH_A_METHOD = """
class Speaker:
    def say(self, place, code):
        return Issue(code, "error", place, "it is late")
Speaker().say("P", "fhir.late")
"""
THROUGH_TWO_FUNCTIONS = """
def inner(code):
    return Issue(code, "error", "", "it is late")
def outer(code):
    return inner(code)
outer("fhir.late")
"""
WAYS = [
    ("written out", 'Issue("fhir.late", "error", "P", "it is late", "be early")', "fhir.late", {"error"}),
    ("as keywords", 'Issue(code="fhir.late", severity="warning", place="P", message="m")', "fhir.late", {"warning"}),
    ("one of two", 'Issue("fhir.late" if x else "fhir.early", "error", "P", "m m")', "fhir.early", {"error"}),
    ("through a function", THROUGH_A_FUNCTION, "fhir.late", {"fatal"}),
    ("behind a prefix", BEHIND_A_PREFIX, "fhir.late", {"error"}),
    ("through a method", THROUGH_A_METHOD, "fhir.late", {"error"}),
    ("through two functions", THROUGH_TWO_FUNCTIONS, "fhir.late", {"error"}),
    ("from a table", 'TABLE = {"a": ("fhir.late", "it is late")}', "fhir.late", set()),
]


def found_in(folder: Path, source: str) -> dict[str, Found]:
    """The codes found in a package of one file."""
    (folder / "fhir").mkdir()
    (folder / "fhir" / "some.py").write_text(ISSUE + source, "utf-8")
    return {found.code: found for found in find(folder)}


@pytest.mark.parametrize(("way", "source", "code", "severities"), WAYS, ids=[row[0] for row in WAYS])
def test_a_code_is_found(tmp_path: Path, way: str, source: str, code: str, severities: set[str]) -> None:
    found = found_in(tmp_path, source)
    assert code in found, way
    assert found[code].severities == severities
    assert found[code].files == {"fhir/some.py"}


def test_a_message_in_a_local_name_is_the_one_given_last_before_the_issue(tmp_path: Path) -> None:
    source = (
        "def f(n):\n"
        '    message = "the first"\n    a = Issue("fhir.one", "error", "", message)\n'
        '    message = f"the second of {n}"\n    return a, Issue("fhir.two", "error", "", message)\n'
    )
    found = found_in(tmp_path, source)
    assert found["fhir.one"].messages == ["the first"]
    assert found["fhir.two"].messages == ["the second of {n}"]


def test_names_of_files_and_modules_are_no_codes(tmp_path: Path) -> None:
    assert found_in(tmp_path, 'open("fhir.zdict"); x = "careloom.fhir"; y = "other.thing"') == {}
