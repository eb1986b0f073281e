"""The page of issue codes finds codes however they reach an issue."""

from pathlib import Path

import pytest

from tools.list_issue_codes import Found, find

ISSUE = "from careloom.issues import Issue\n"

WAYS = [
    ("written out", 'Issue("fhir.late", "error", "P", "it is late", "be early")', "fhir.late", {"error"}),
    ("as keywords", 'Issue(code="fhir.late", severity="warning", place="P", message="it is late")', "fhir.late", {"warning"}),
    ("one of two", 'Issue("fhir.late" if x else "fhir.early", "error", "P", "m m")', "fhir.early", {"error"}),
    ("through a function", 'def say(code, message):\n    return Issue(code, "fatal", "", message)\nsay("fhir.late", "it is late")', "fhir.late", {"fatal"}),
    ("behind a prefix", 'def say(code, message):\n    return Issue(f"fhir.{code}", "error", "", message)\nsay("late", "it is late")', "fhir.late", {"error"}),
    ("through a method", 'class A:\n    def say(self, place, code):\n        return Issue(code, "error", place, "m m")\nA().say("P", "fhir.late")', "fhir.late", {"error"}),
    ("through two functions", 'def a(code):\n    return Issue(code, "error", "", "m m")\ndef b(code):\n    return a(code)\nb("fhir.late")', "fhir.late", {"error"}),
    ("from a table", 'TABLE = {"a": ("fhir.late", "it is late")}', "fhir.late", set()),
]  # fmt: skip


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
