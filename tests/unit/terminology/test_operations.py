"""Validation, subsumption, translation, expansion, over what ships and what a small terminology says."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import pytest

from careloom.errors import NotFound, QueryError, TooLarge
from careloom.terminology import expansion
from careloom.terminology.concepts import Concept, Match, Release, Translation
from careloom.terminology.expansion import Expander
from careloom.terminology.layered import Layered
from careloom.terminology.operations import ancestors, descendants, known, subsumes, translate, validate_code
from careloom.terminology.packaged import PACKAGED
from careloom.terminology.systems import ICD_10_CM, LOINC, RXNORM, SNOMED_CT

WARDS = "http://example.org/wards"
PARENTS = {"W": (), "W1": ("W",), "W2": ("W",), "W11": ("W1",), "W12": ("W1", "W2"), "X": ("Y",), "Y": ("X",)}
SUMMER = date(2026, 7, 1)


class Wards:
    """Seven wards in one or two releases; X and Y are a circle."""

    def __init__(self, *releases: Release, gone: str = "") -> None:
        self._releases = releases or (Release(WARDS, "2", "Wards", date(2026, 1, 1)),)
        self._gone = gone

    def releases(self) -> Sequence[Release]:
        return self._releases

    def find(self, system: str, code: str, version: str | None = None) -> Concept | None:
        for release in self._releases:
            lacks = code == self._gone and release is self._releases[0]
            if system == WARDS and version in (None, release.version) and code in PARENTS and not lacks:
                kind = {"kind": ("surgical" if code.endswith("2") else "medical",)}
                return Concept(
                    WARDS,
                    code,
                    f"ward {code}",
                    release.version,
                    code != "W2",
                    code == "W",
                    ("other",),
                    PARENTS[code],
                    kind,
                )
        return None

    def children(self, system: str, code: str, version: str | None = None) -> tuple[str, ...]:
        return tuple(each for each, parents in PARENTS.items() if code in parents)

    def translations(self, system: str, code: str) -> Sequence[Translation]:
        return [
            Translation("u", "1", "equal", "m"),
            Translation("u", "2", "unmatched", "m"),
            Translation("v", "3", "wider", "m"),
        ]

    def codes(self, system: str, version: str | None = None) -> Iterator[str]:
        return iter(PARENTS if system == WARDS else ())

    def search(self, text: str, system: str | None = None, limit: int = 10) -> Sequence[Match]:
        return []


VALID = [
    ("W1", "", "valid", []),
    ("W1", "Ward  w1", "valid", []),
    ("W1", "OTHER", "valid", []),
    ("W1", "kitchen", "invalid", ["display-differs"]),
    ("W", "", "valid", ["code-abstract"]),
    ("W2", "", "valid", ["code-inactive"]),
    ("Z", "", "invalid", ["code-unknown"]),
]


@pytest.mark.parametrize(("code", "display", "outcome", "issues"), VALID)
def test_a_code_is_validated(code: str, display: str, outcome: str, issues: list[str]) -> None:
    found = validate_code(Wards(), WARDS, code, display=display, today=SUMMER)
    assert found.outcome == outcome
    assert [issue.code for issue in found.issues] == [f"terminology.{issue}" for issue in issues]


def test_what_is_not_known_whole_is_unverifiable() -> None:
    for system, code, issue in [
        ("http://example.org/none", "1", "system-unknown"),
        (SNOMED_CT, "1234567", "code-unverifiable"),
    ]:
        found = validate_code(PACKAGED, system, code, today=SUMMER)
        assert (found.outcome, found.issues[0].code) == ("unverifiable", f"terminology.{issue}")


def test_a_wrong_display_in_a_part_is_a_warning() -> None:
    found = validate_code(PACKAGED, SNOMED_CT, "44054006", display="Something else", today=SUMMER)
    assert (found.outcome, [issue.severity for issue in found.issues]) == ("valid", ["warning"])


def test_a_release_that_has_ended_warns_and_still_answers() -> None:
    before = validate_code(PACKAGED, ICD_10_CM, "E11.9", today=date(2026, 9, 30))
    after = validate_code(PACKAGED, ICD_10_CM, "E11.9", today=date(2026, 10, 1))
    assert (before.outcome, before.issues) == ("valid", ())
    assert (after.outcome, [issue.code for issue in after.issues]) == ("valid", ["terminology.release-expired"])


def test_a_code_that_only_an_older_release_has_is_invalid_unless_that_one_is_asked_for() -> None:
    two = Wards(Release(WARDS, "2", "", date(2026, 1, 1)), Release(WARDS, "1", "", date(2025, 1, 1)), gone="W11")
    found = validate_code(two, WARDS, "W11", today=SUMMER)
    assert (found.outcome, [issue.code for issue in found.issues]) == ("invalid", ["terminology.code-gone"])
    assert found.concept is not None
    assert found.concept.version == "1"
    assert validate_code(two, WARDS, "W11", version="1", today=SUMMER).outcome == "valid"
    assert validate_code(two, WARDS, "W11", version="2", today=SUMMER).outcome == "invalid"


PAIRS = [
    ("W", "W", "equivalent"),
    ("W", "W11", "subsumes"),
    ("W2", "W12", "subsumes"),
    ("W12", "W", "subsumed-by"),
    ("W2", "W11", "not-subsumed"),
    ("X", "Y", "subsumes"),
]


@pytest.mark.parametrize(("first", "second", "outcome"), PAIRS)
def test_one_code_includes_another_or_not(first: str, second: str, outcome: str) -> None:
    assert subsumes(Wards(), WARDS, first, second) == outcome


def test_icd10cm_subsumes_over_all_levels() -> None:
    assert subsumes(PACKAGED, ICD_10_CM, "19", "S72.001A") == "subsumes"
    assert subsumes(PACKAGED, ICD_10_CM, "E11.9", "E08-E13") == "subsumed-by"
    assert subsumes(PACKAGED, ICD_10_CM, "E11", "E10.9") == "not-subsumed"


def test_a_part_that_does_not_tell_is_an_error_and_no_answer() -> None:
    with pytest.raises(NotFound):
        subsumes(PACKAGED, SNOMED_CT, "44054006", "73761001")
    with pytest.raises(NotFound):
        subsumes(PACKAGED, ICD_10_CM, "E11", "nothing")


def test_ancestors_and_descendants_end_in_a_circle_too() -> None:
    wards = Wards()
    assert ancestors(wards, known(wards, WARDS, "W12")) == {"W1", "W2", "W"}
    assert descendants(wards, known(wards, WARDS, "W")) == ["W1", "W2", "W11", "W12"]
    assert ancestors(wards, known(wards, WARDS, "X")) == {"Y"}
    assert descendants(wards, known(wards, WARDS, "X")) == ["Y"]


def test_translations_that_deny_a_match_are_left_out() -> None:
    assert [each.code for each in translate(Wards(), WARDS, "W")] == ["1", "3"]
    assert [each.code for each in translate(Wards(), WARDS, "W", "v")] == ["3"]


def include(*rules: dict[str, Any], exclude: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"compose": {"include": list(rules), "exclude": exclude or []}}


def by(name: str, operator: str, value: str) -> dict[str, Any]:
    return {"system": WARDS, "filter": [{"property": name, "op": operator, "value": value}]}


EXPANSIONS = [
    (include({"system": WARDS, "concept": [{"code": "W11", "display": "Eleven"}, {"code": "NEW"}]}), ["W11", "NEW"]),
    (include({"system": WARDS}), list(PARENTS)),
    (include(by("concept", "is-a", "W1")), ["W1", "W11", "W12"]),
    (include(by("concept", "descendent-of", "W1")), ["W11", "W12"]),
    (include(by("concept", "generalizes", "W12")), ["W12", "W", "W1", "W2"]),
    (include(by("concept", "is-not-a", "W")), ["X", "Y"]),
    (include(by("code", "=", "W1")), ["W1"]),
    (include(by("parent", "=", "W")), ["W1", "W2"]),
    (include(by("kind", "=", "surgical")), ["W2", "W12"]),
    (include(by("kind", "in", "surgical,other")), ["W2", "W12"]),
    (include(by("concept", "is-a", "W"), exclude=[by("concept", "is-a", "W1")]), ["W", "W2"]),
    (include({"valueSet": ["http://example.org/surgical"]}), ["W2", "W12"]),
    (include({**by("concept", "is-a", "W1"), "valueSet": ["http://example.org/surgical"]}), ["W12"]),
    ({"compose": {"inactive": False, "include": [by("concept", "descendent-of", "W")]}}, ["W1", "W11", "W12"]),
]
SURGICAL = include(by("kind", "=", "surgical"))


def sets(url: str) -> dict[str, Any] | None:
    circle = include({"valueSet": ["http://example.org/circle"]})
    return {"http://example.org/surgical": SURGICAL, "http://example.org/circle": circle}.get(url)


@pytest.mark.parametrize(("value_set", "codes"), EXPANSIONS)
def test_a_value_set_is_expanded(value_set: dict[str, Any], codes: list[str]) -> None:
    assert [member.code for member in Expander(Wards(), sets).expand(value_set)] == codes


def test_two_filters_must_both_hold() -> None:
    rule = {"system": WARDS, "filter": [*by("kind", "=", "surgical")["filter"], *by("concept", "is-a", "W1")["filter"]]}
    assert [member.code for member in Expander(Wards(), sets).expand(include(rule))] == ["W12"]


def test_listed_names_and_states_are_kept() -> None:
    (member,) = Expander(Wards(), sets).expand(
        include({"system": WARDS, "concept": [{"code": "W2", "display": "Two"}]})
    )
    assert (member.name, member.is_active, member.is_abstract) == ("Two", False, False)


NOT_EXPANDED = [
    (include(by("concept", "regex", "W.*")), QueryError),
    (include({"valueSet": ["http://example.org/none"]}), NotFound),
    (include({"valueSet": ["http://example.org/circle"]}), QueryError),
    (include({"system": "http://example.org/none"}), NotFound),
    (include(by("concept", "is-a", "nothing")), NotFound),
    ({"compose": {}}, QueryError),
    ({}, QueryError),
]


@pytest.mark.parametrize(("value_set", "error"), NOT_EXPANDED)
def test_what_cannot_be_expanded_is_an_error_and_no_smaller_answer(
    value_set: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        Expander(Wards(), sets).expand(value_set)


def test_implicit_value_sets_are_known_and_parts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    expander = Expander(PACKAGED, sets)
    assert [member.code for member in expander.named(f"{ICD_10_CM}?fhir_vs=isa/E11.0")] == ["E11.0", "E11.00", "E11.01"]
    for url in (f"{SNOMED_CT}?fhir_vs=isa/44054006", f"{LOINC}/vs", "http://example.org/none"):
        with pytest.raises(NotFound):
            expander.named(url)
    monkeypatch.setattr(expansion, "CODES_AT_MOST", 5)
    with pytest.raises(TooLarge):
        expander.named(f"{ICD_10_CM}?fhir_vs")


def test_layers_answer_in_turn_and_the_newest_release_first() -> None:
    newer = Release(ICD_10_CM, "2027", "", date(2026, 10, 1))
    both = Layered([Wards(), PACKAGED])
    assert both.find(WARDS, "W1") is not None
    found = both.find(ICD_10_CM, "E11.9")
    assert found is not None
    assert found.version == "2026-04"
    assert both.children(WARDS, "W") == ("W1", "W2")
    assert both.children(ICD_10_CM, "E11.0") == ("E11.00", "E11.01")
    assert list(both.codes(WARDS)) == list(PARENTS)
    assert both.find("http://example.org/none", "1") is None
    assert {each.origin for each in both.translations(RXNORM, "197446")} == {"m", "RxNorm has_ingredient"}
    versions = [each.version for each in Layered([PACKAGED, Wards(newer)]).releases() if each.system == ICD_10_CM]
    assert versions == ["2027", "2026-04"]
    assert both.search("diabetes", ICD_10_CM, 1)[0].concept.system == ICD_10_CM
