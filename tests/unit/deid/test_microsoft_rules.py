"""Rules together: the order, what they reach, labels, resources inside, and that nothing redacted survives."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.deid.microsoft_elements import ShapeError
from careloom.errors import FormatError
from tests.unit.deid.anonymizer_kit import anonymizer, rule

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": {"versionId": "1", "security": [{"code": "redacted"}], "tag": [{"code": "t"}]},
    "name": [{"use": "official", "family": "Quillfeather", "given": ["Alda", "Bo"],
              "_given": [None, {"extension": [{"url": "u", "valueString": "Bo-ey"}]}]}],
    "birthDate": "1990-01-02",
    "address": [{"city": "Ely", "postalCode": "12345", "country": "GB", "period": {"start": "2001-01-01"}}],
    "contained": [{"resourceType": "Organization", "id": "o1", "name": "Quillfeather House"}],
}  # fmt: skip


def after(*rules: dict[str, Any], resource: dict[str, Any] = PATIENT, **how: Any) -> dict[str, Any]:
    before = deepcopy(resource)
    made = anonymizer(*rules, **how).anonymize(resource).resource
    assert resource == before
    return made


def labels(resource: dict[str, Any]) -> list[str]:
    return [coding["code"] for coding in resource.get("meta", {}).get("security", [])]


def test_no_rule_changes_nothing_for_a_configuration_is_a_deny_list() -> None:
    assert after() == PATIENT
    assert after(rule("Patient", "keep"), rule("Patient.name", "redact")) == PATIENT


def test_the_first_rule_that_reaches_a_node_wins_and_takes_what_is_below() -> None:
    made = after(rule("nodesByType('HumanName').use", "keep"), rule("Patient.name", "redact"))
    assert made["name"] == [{"use": "official"}]
    made = after(rule("Patient.name", "redact"), rule("nodesByType('HumanName').use", "keep"))
    assert "name" not in made


def test_a_primitive_goes_with_the_extensions_beside_it() -> None:
    made = after(rule("Patient.name.given", "redact"))
    assert made["name"] == [{"use": "official", "family": "Quillfeather"}]
    made = after(rule("nodesByType('Extension')", "redact"))
    assert made["name"][0]["given"] == ["Alda", "Bo"]
    assert "_given" not in made["name"][0]


def test_paths_ask_what_earlier_rules_left() -> None:
    where = rule("Patient.address.where(city = 'Ely').country", "redact")
    assert "country" not in after(where)["address"][0]
    assert after(rule("Patient.address.city", "redact"), where)["address"][0]["country"] == "GB"


@pytest.mark.parametrize(
    "path",
    ["Patient.name", "Resource.nodesByType('HumanName')", "nodesByType('HumanName')", "nodesByName('name')",
     'nodesByName("name")', "DomainResource.name", "name"],
)  # fmt: skip
def test_the_same_element_is_reached_by_many_paths(path: str) -> None:
    assert "name" not in after(rule(path, "redact"))


def test_a_choice_is_reached_without_its_type_only() -> None:
    resource = {"resourceType": "Observation", "valueQuantity": {"value": 5}}
    assert "valueQuantity" not in after(rule("Observation.value", "redact"), resource=resource)
    assert "valueQuantity" in after(rule("Observation.valueQuantity", "redact"), resource=resource)


def test_a_union_reaches_equal_nodes_at_all_their_places() -> None:
    resource = {"resourceType": "Patient", "address": [{"country": "GB", "use": "home"}, {"country": "GB"}]}
    path = "nodesByType('Address').country | nodesByType('Address').state"
    assert after(rule(path, "redact"), resource=resource)["address"] == [{"use": "home"}]


def test_rules_of_another_type_do_not_reach_and_contained_resources_are_reached_by_their_own() -> None:
    made = after(rule("Organization.name", "redact"), rule("Observation.status", "redact"))
    assert made["contained"] == [{"resourceType": "Organization", "id": "o1"}]
    assert made["name"] == PATIENT["name"]
    made = after(rule("Patient", "redact"))
    assert made["contained"] == PATIENT["contained"]


def test_labels_tell_what_was_done_once_each_and_not_inside_contained_resources() -> None:
    made = after(rule("Organization.name", "redact"), rule("Patient.id", "cryptoHash"))
    assert labels(made) == ["redacted", "CRYTOHASH"]
    assert [*made["meta"]] == ["versionId", "security", "tag"]
    assert labels(made["contained"][0]) == []
    bare = {"resourceType": "Patient", "id": "p1", "active": True}
    assert [*after(rule("Patient.active", "redact"), resource=bare)] == ["resourceType", "id", "meta"]


@pytest.mark.parametrize(
    ("method", "settings", "label"),
    [("redact", {}, "REDACTED"), ("cryptoHash", {}, "CRYTOHASH"), ("encrypt", {}, "MASKED"),
     ("substitute", {"replaceWith": "x"}, "SUBSTITUTED"), ("generalize", {"cases": {"true": "'x'"}}, "GENERALIZED")],
)  # fmt: skip
def test_each_method_has_its_label(method: str, settings: dict[str, Any], label: str) -> None:
    resource = {"resourceType": "Patient", "address": [{"city": "Ely"}]}
    assert labels(after(rule("Patient.address.city", method, **settings), resource=resource)) == [label]


def test_a_bundle_carries_the_labels_of_its_entries_and_is_not_entered_by_its_own_rules() -> None:
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"fullUrl": "urn:x", "resource": PATIENT}]}
    made = after(rule("Bundle", "redact"), rule("Patient.address.city", "cryptoHash"), resource=bundle)
    assert labels(made) == ["REDACTED", "CRYTOHASH"]
    (entry,) = made["entry"]
    assert (entry.keys(), labels(entry["resource"])) == ({"resource"}, ["redacted", "CRYTOHASH"])


def test_an_earlier_change_survives_a_substitution_around_it() -> None:
    replacement = {"city": "Anytown", "line": ["1 Road"]}
    made = after(
        rule("Patient.address.country", "cryptoHash"), rule("Patient.address", "substitute", replaceWith=replacement)
    )
    (address,) = made["address"]
    assert (address["city"], address["line"], len(address["country"])) == ("Anytown", ["1 Road"], 64)
    assert address.keys() == {"city", "line", "country"}


@pytest.mark.parametrize(
    ("replacement", "expected"),
    [
        ({"family": "Harry", "given": ["Jim"]}, {"family": "Harry", "given": ["Jim"]}),
        ({"given": ["Jim", "Cook"]}, {"given": ["Jim", "Cook"]}),
        ({"given": list("abc"), "period": {"start": "2020", "end": ""}},
         {"given": list("abc"), "period": {"start": "2020"}}),
        ('{"family": "Harry"}', {"family": "Harry"}),
        ({}, None),
        (None, None),
    ],
)  # fmt: skip
def test_a_fragment_stands_in_the_place_of_an_element(replacement: Any, expected: Any) -> None:
    resource = {"resourceType": "Patient", "name": [PATIENT["name"][0]], "active": True}
    made = after(rule("Patient.name", "substitute", replaceWith=replacement), resource=resource)
    assert made.get("name") == (None if expected is None else [expected])


def test_what_an_earlier_rule_had_in_a_list_keeps_its_place() -> None:
    made = after(
        rule("Patient.name.given.first()", "cryptoHash"),
        rule("Patient.name", "substitute", replaceWith={"given": ["Jim", "Cook"]}),
    )
    first, second = made["name"][0]["given"]
    assert (len(first), second) == (64, "Cook")


def test_nothing_changes_what_was_substituted() -> None:
    made = after(rule("Patient.name", "substitute", replaceWith={"family": "Example"}),
                 rule("Patient.name.family", "redact"))  # fmt: skip
    assert made["name"] == [{"family": "Example"}]


@pytest.mark.parametrize(
    ("path", "replacement", "expected"),
    [("Patient.active", False, False), ("Patient.active", "true", True), ("Patient.multipleBirth", 3, 3),
     ("Patient.multipleBirth", "3", 3), ("Patient.gender", None, None), ("Patient.gender", "other", "other")],
)  # fmt: skip
def test_a_primitive_is_replaced_in_its_own_json_type(path: str, replacement: Any, expected: Any) -> None:
    resource = {"resourceType": "Patient", "active": True, "multipleBirthInteger": 2, "gender": "female"}
    made = after(rule(path, "substitute", replaceWith=replacement), resource=resource)
    key = path.split(".")[1].replace("multipleBirth", "multipleBirthInteger")
    assert made.get(key) == expected


@pytest.mark.parametrize(("path", "replacement"), [("Patient.name", {"town": "x"}), ("Patient.name", "x"),
                                                   ("Patient.birthDate", {"a": 1})])  # fmt: skip
def test_a_replacement_that_does_not_fit_is_refused(path: str, replacement: Any) -> None:
    with pytest.raises(FormatError):
        after(rule(path, "substitute", replaceWith=replacement))


@pytest.mark.parametrize(
    "resource",
    [{}, {"resourceType": "DeviceComponent"}, {"resourceType": "Patient", "animal": {}},
     {"resourceType": "Patient", "name": 5}, {"resourceType": "Patient", "birthDate": ["1990"]},
     {"resourceType": "Patient", "contained": [{"id": "Quillfeather"}]},
     {"resourceType": "Patient", "_name": {}}, {"resourceType": "Patient", "gender": {"a": "Quillfeather"}}],
)  # fmt: skip
def test_what_is_no_r4_is_refused_without_a_value(resource: dict[str, Any]) -> None:
    with pytest.raises(ShapeError) as caught:
        anonymizer(rule("Resource", "redact")).anonymize(resource)
    assert not any(word in str(caught.value) for word in ("Quillfeather", "animal", "1990"))


def test_what_nests_too_deep_is_refused() -> None:
    deep: dict[str, Any] = {"url": "u"}
    for _ in range(900):
        deep = {"url": "u", "extension": [deep]}
    with pytest.raises(ShapeError):
        anonymizer(rule("Resource", "redact")).anonymize({"resourceType": "Patient", "extension": [deep]})


def test_rules_that_found_something_are_known() -> None:
    one = anonymizer(rule("Patient.name", "redact"), rule("Patient.photo", "redact"), rule("Group.name", "keep"))
    one.anonymize(PATIENT)
    assert one.fired == {1}


SECRET = st.text("QXZ", min_size=6, max_size=12)
EXTENSIONS = st.lists(st.builds(lambda text: {"url": "u", "valueString": text}, SECRET), min_size=1, max_size=2)
NAMES = st.fixed_dictionaries(
    {"family": SECRET},
    optional={"given": st.lists(SECRET, min_size=1, max_size=3), "extension": EXTENSIONS,
              "_family": st.builds(lambda found: {"extension": found}, EXTENSIONS),
              "period": st.builds(lambda text: {"start": text}, SECRET)},
)  # fmt: skip
PEOPLE = st.builds(
    lambda names, others, inside: {
        "resourceType": "Patient", "name": names, "contact": [{"name": other, "gender": "other"} for other in others],
        "contained": [{"resourceType": "Practitioner", "name": inside}] if inside else [],
    },
    st.lists(NAMES, min_size=1, max_size=3), st.lists(NAMES, max_size=2), st.lists(NAMES, max_size=2),
)  # fmt: skip


@pytest.mark.parametrize("path", ["nodesByType('HumanName')", "nodesByName('name')", "Resource"])
@given(person=PEOPLE, partial=st.booleans())
def test_nothing_that_redact_covers_survives(path: str, person: dict[str, Any], partial: bool) -> None:
    one = anonymizer(rule(path, "redact"), enablePartialDatesForRedact=partial, enablePartialAgesForRedact=partial)
    for resource in (person, {"resourceType": "Bundle", "entry": [{"resource": person}]}):
        text = json.dumps(one.anonymize(resource).resource)
        assert not any(letter in text.replace("REDACTED", "") for letter in ("Q", "X", "Z"))


METHODS = st.sampled_from([("keep", {}), ("redact", {}), ("cryptoHash", {}), ("substitute", {"replaceWith": "s"})])
PATHS = st.sampled_from(["Patient.name.family", "nodesByType('HumanName').given", "nodesByName('family')"])
RULES = st.lists(st.builds(lambda path, how: rule(path, how[0], **how[1]), PATHS, METHODS), min_size=1, max_size=4)


@given(PEOPLE, RULES)
def test_a_rule_after_one_with_the_same_path_changes_nothing(
    person: dict[str, Any], rules: list[dict[str, Any]]
) -> None:
    once = [each for number, each in enumerate(rules) if each["path"] not in {e["path"] for e in rules[:number]}]
    assert anonymizer(*rules).anonymize(person).resource == anonymizer(*once).anonymize(person).resource


@given(PEOPLE)
def test_keeping_everything_gives_the_same_resource(person: dict[str, Any]) -> None:
    kept = anonymizer(rule("Resource", "keep"), rule("Resource", "redact")).anonymize(person).resource
    assert kept == {key: value for key, value in person.items() if value}
