"""Scopes: text to verbs and back, and never more than was granted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.errors import QueryError
from careloom.services.access import ROLES, ZONES, Scope
from careloom.services.scopes import (
    LONGEST_TEXT,
    OF_PLATFORM,
    SUPPORTED,
    narrowed,
    parse,
    permitted,
    space_for,
    text_of,
)

READ, SEARCH = Scope("read"), Scope("search")
PATIENTS = {Scope("read", "Patient"), Scope("search", "Patient")}
MEANT = [
    ("", set(), ""),
    ("   ", set(), ""),
    ("system/*.rs", {READ, SEARCH}, "system/*.rs"),
    ("system/*.read", {READ, SEARCH}, "system/*.rs"),
    ("user/*.rs", {READ, SEARCH}, "system/*.rs"),
    ("system/Patient.r", {Scope("read", "Patient")}, "system/Patient.r"),
    ("system/Patient.s", {Scope("search", "Patient")}, "system/Patient.s"),
    ("system/Patient.s system/Patient.r", PATIENTS, "system/Patient.rs"),
    ("user/Patient.read", PATIENTS, "system/Patient.rs"),
    ("system/*.r system/Patient.rs", {READ, Scope("search", "Patient")}, "system/*.r system/Patient.s"),
    ("careloom/ingest", {Scope("ingest")}, "careloom/ingest"),
    ("system/*.c", {Scope("create")}, "system/*.c"),
    (
        "user/Patient.cruds",
        {Scope(verb, "Patient") for verb in ("create", "read", "update", "delete", "search")},
        "system/Patient.cruds",
    ),
    ("system/*.*", {Scope(verb) for verb in ("create", "read", "update", "delete", "search")}, "system/*.cruds"),
    ("system/Patient.write", {Scope(verb, "Patient") for verb in ("create", "update", "delete")}, "system/Patient.cud"),
    (
        "system/*.rs system/Patient.ud",
        {READ, SEARCH, Scope("update", "Patient"), Scope("delete", "Patient")},
        "system/*.rs system/Patient.ud",
    ),
    ("system/*.s  careloom/monitor", {SEARCH, Scope("monitor")}, "careloom/monitor system/*.s"),
]


@pytest.mark.parametrize(("text", "scopes", "canonical"), MEANT, ids=[row[0] or "empty" for row in MEANT])
def test_a_text_means_these_scopes_and_has_one_canonical_form(text: str, scopes: set[Scope], canonical: str) -> None:
    assert parse(text) == scopes
    assert text_of(parse(text)) == canonical


UNKNOWN = [
    "openid", "launch/patient", "offline_access", "patients/*.rs", "patient/patient.read",
    "system/*", "system/*.", "system/*.**", "system/*.sr", "system/*.crudss", "system/*.uc", "system/*.writes",
    "system/patient.rs", "system/Patients.rs", "system/Patient.RS", "system//Patient.rs", "SYSTEM/Patient.rs",
    "system/Observation.rs?category=laboratory", "system/Pati\u00ebnt.rs", "system/Patient.rs\n", "\tsystem/*.rs",
    "careloom/read", "careloom/search", "careloom/create", "careloom/", "careloom/*", "careloom/ingest.",
    "careloom/Ingest", "*",
]  # fmt: skip


@pytest.mark.parametrize("word", UNKNOWN)
def test_what_means_nothing_here_is_refused_by_its_number_and_never_repeated(word: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse(f"system/*.rs {word}")
    assert refused.value.where == "scope 2 means nothing here"
    assert word not in refused.value.where


def test_a_text_longer_than_any_meaning_is_refused() -> None:
    with pytest.raises(QueryError):
        parse("system/*.rs " * LONGEST_TEXT)


SPACES = [
    ("", False, "system"), ("", True, "patient"), ("careloom/monitor", False, "system"),
    ("system/*.rs", False, "system"), ("user/*.rs", False, "user"), ("user/*.rs careloom/monitor", False, "user"),
    ("user/*.r system/*.s", False, "system"), ("patient/*.rs", True, "patient"), ("patient/*.rs", False, None),
    ("system/*.rs", True, None), ("user/*.rs", True, None), ("patient/*.r system/*.s", True, None),
    ("patient/*.r system/*.s", False, None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "is_bound", "space"), SPACES)
def test_patient_scopes_are_for_who_is_bound_to_a_patient_and_for_nobody_else(
    text: str, is_bound: bool, space: str | None
) -> None:
    if space is None:
        with pytest.raises(QueryError):
            space_for(text, is_bound=is_bound)
    else:
        assert space_for(text, is_bound=is_bound) == space


def test_every_scope_that_is_offered_is_understood() -> None:
    assert all(text_of(parse(word), word.partition("/")[0]) == word for word in SUPPORTED)
    assert {f"careloom/{verb}" for verb in OF_PLATFORM} == {word for word in SUPPORTED if word.startswith("careloom/")}


TYPES = st.sampled_from(["*", "Patient", "Observation", "Encounter"])
ENDINGS = ["r", "s", "rs", "read", "c", "cud", "write", "us", "cruds", "*"]
WORDS = st.one_of(
    st.builds(
        "{}/{}.{}".format,
        st.sampled_from(["system", "user"]),
        TYPES,
        st.sampled_from(ENDINGS),
    ),
    st.sampled_from([f"careloom/{verb}" for verb in sorted(OF_PLATFORM)]),
)
TEXTS = st.lists(WORDS, max_size=8).map(" ".join)


@given(TEXTS)
def test_the_canonical_text_means_the_same_scopes(text: str) -> None:
    assert parse(text_of(parse(text))) == parse(text)


def allows(scopes: frozenset[Scope], verb: str, kind: str) -> bool:
    return not scopes.isdisjoint({Scope(verb, "*"), Scope(verb, kind)})  # type: ignore[arg-type]


@given(TEXTS, TEXTS)
def test_narrowing_allows_exactly_what_both_allow(asked: str, granted: str) -> None:
    one, other = parse(asked), parse(granted)
    both = narrowed(one, other)
    for verb in ("create", "read", "update", "delete", "search", *OF_PLATFORM):
        for kind in ("*", "Patient", "Observation", "Encounter"):
            assert allows(both, verb, kind) == (allows(one, verb, kind) and allows(other, verb, kind))
    assert narrowed(other, one) == both
    assert narrowed(both, both) == both


PERMITTED = [
    (
        ["clinician"],
        ["identified"],
        "careloom/approve careloom/break-glass careloom/correct careloom/monitor system/*.rs",
    ),
    (["record-author"], ["identified"], "careloom/monitor system/*.cruds"),
    (["record-author"], ["research", "synthetic"], ""),
    (["clinician"], ["research"], ""),
    (["clinician"], [], ""),
    ([], ["identified"], ""),
    (["nobody-knows-it"], ["identified"], ""),
    (["administrator"], ["identified"], "careloom/administer careloom/introspect careloom/monitor"),
    (["data-engineer"], ["landing"], "careloom/ingest careloom/monitor careloom/operate careloom/quarantine"),
]


@pytest.mark.parametrize(("roles", "zones", "text"), PERMITTED)
def test_roles_permit_only_where_their_zones_were_granted(roles: list[str], zones: list[str], text: str) -> None:
    assert text_of(permitted(roles, zones)) == text


def test_all_roles_in_all_zones_permit_every_scope_that_is_offered() -> None:
    assert permitted(list(ROLES), list(ZONES)) == parse(" ".join(SUPPORTED))
