"""What one Consent says about one ask: a table of cases, and that nothing unknown opens what a patient closed."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.services.consent_rules import (
    ACT_CODES,
    ACTIONS,
    CONFIDENTIALITY,
    PURPOSES,
    RESOURCE_TYPES,
    Asked,
    depends_on_content,
    next_turn,
    ruling,
    tamed,
)

Json = dict[str, Any]
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
LOINC = "http://loinc.org"
DEATH: Json = {"resourceType": "Observation", "id": "o1", "code": {"coding": [{"system": LOINC, "code": "8867-4"}]}}
LABELLED: Json = DEATH | {"meta": {"security": [{"system": CONFIDENTIALITY, "code": "R"}]}}
ORDER: Json = {"resourceType": "MedicationRequest", "id": "m1", "medicationReference": {"reference": "Medication/1"}}


def act(code: str) -> Json:
    return {"coding": [{"system": ACT_CODES, "code": code}]}


def consent(provision: Any = None, policy: str = "", **more: Any) -> Json:
    made: Json = {"resourceType": "Consent", "status": "active", "patient": {"reference": "Patient/p1"}, **more}
    made |= {"policyRule": act(policy)} if policy else {}
    return made | ({} if provision is None else {"provision": provision})


def rule(kind: str, **conditions: Any) -> Json:
    return {"type": kind, **conditions}


def actor(name: str, role: str = "IRCP") -> Json:
    return {"role": {"coding": [{"code": role}]}, "reference": {"reference": name}}


def purpose(code: str) -> list[Json]:
    return [{"system": PURPOSES, "code": code}]


def action(*codes: str) -> list[Json]:
    return [{"coding": [{"system": ACTIONS, "code": code}]} for code in codes]


def of_type(kind: str) -> list[Json]:
    return [{"system": RESOURCE_TYPES, "code": kind}]


def code(value: str) -> list[Json]:
    return [{"coding": [{"system": LOINC, "code": value}]}]


def label(value: str) -> list[Json]:
    return [{"system": CONFIDENTIALITY, "code": value}]


def asked(*actors: str, at: datetime = NOW, purpose: str = "TREAT", actions: tuple[str, ...] = ("access",)) -> Asked:
    return Asked(frozenset(actors), purpose, frozenset(actions), at)


ANYBODY = asked()
DOCTOR = asked("Practitioner/d1")
OTHER = asked("Practitioner/d2")
RESEARCH = asked(purpose="HRESCH")
EXPORT = asked(actions=("access", "disclose"))
DENY_ALL = rule("deny")
CASES: list[tuple[str, Json, Asked, Json, str | None]] = [
    ("deny everything", consent(DENY_ALL), ANYBODY, DEATH, "deny"),
    ("permit everything", consent(rule("permit")), ANYBODY, DEATH, "permit"),
    ("opt out", consent(policy="OPTOUT"), ANYBODY, DEATH, "deny"),
    ("opt out with exceptions", consent(policy="OPTOUTE"), ANYBODY, DEATH, "deny"),
    ("opt in", consent(policy="OPTIN"), ANYBODY, DEATH, "permit"),
    ("nothing that can be computed", consent(), ANYBODY, DEATH, "deny"),
    ("an unknown policy", consent(policy="HIPAA"), ANYBODY, DEATH, "deny"),
    ("both policies", consent(policyRule={"coding": [{"system": ACT_CODES, "code": c} for c in ("OPTIN", "OPTOUT")]}),
     ANYBODY, DEATH, "deny"),
    ("draft", consent(DENY_ALL, status="draft"), ANYBODY, DEATH, None),
    ("entered in error", consent(DENY_ALL, status="entered-in-error"), ANYBODY, DEATH, None),
    ("to be treated", consent(DENY_ALL, scope={"coding": [{"code": "treatment"}]}), ANYBODY, DEATH, None),
    ("advance directive", consent(DENY_ALL, scope={"coding": [{"code": "adr"}]}), ANYBODY, DEATH, None),
    ("privacy", consent(DENY_ALL, scope={"coding": [{"code": "patient-privacy"}]}), ANYBODY, DEATH, "deny"),
    ("an unknown scope", consent(DENY_ALL, scope={"coding": [{"code": "x"}]}), ANYBODY, DEATH, "deny"),
    ("research only, for care", consent(DENY_ALL, scope={"coding": [{"code": "research"}]}), ANYBODY, DEATH, None),
    ("research only", consent(DENY_ALL, scope={"coding": [{"code": "research"}]}), RESEARCH, DEATH, "deny"),
    # period
    ("over", consent(rule("deny", period={"end": "2026-11-28"})), ANYBODY, DEATH, None),
    ("on its last day", consent(rule("deny", period={"end": "2026-11-29"})), ANYBODY, DEATH, "deny"),
    ("not begun", consent(rule("deny", period={"start": "2026-11-30"})), ANYBODY, DEATH, None),
    ("in its time", consent(rule("deny", period={"start": "2026", "end": "2027-01"})), ANYBODY, DEATH, "deny"),
    ("no period at all", consent(rule("deny", period={"start": "soon"})), ANYBODY, DEATH, "deny"),
    ("opt out that is over", consent({"period": {"end": "2026-11-28"}}, "OPTOUT"), ANYBODY, DEATH, None),
    # actor
    ("this doctor", consent(rule("deny", actor=[actor("Practitioner/d1")])), DOCTOR, DEATH, "deny"),
    ("another doctor", consent(rule("deny", actor=[actor("Practitioner/d1")])), OTHER, DEATH, None),
    ("who is registered as nobody", consent(rule("deny", actor=[actor("Practitioner/d1")])), ANYBODY, DEATH, "deny"),
    ("an organization, for a doctor", consent(rule("deny", actor=[actor("Organization/h")])), DOCTOR, DEATH, "deny"),
    ("one of two", consent(rule("deny", actor=[actor("Practitioner/d1"), actor("Practitioner/d2")])), OTHER, DEATH,
     "deny"),
    ("an actor named by identifier", consent(rule("deny", actor=[{"reference": {"identifier": {}}}])), DOCTOR, DEATH,
     "deny"),
    ("a doctor in an unknown role", consent(rule("permit", actor=[actor("Practitioner/d1", "AUT")]), "OPTOUT"), DOCTOR,
     DEATH, "deny"),
    ("opt out but for the doctor", consent(rule("permit", actor=[actor("Practitioner/d1")]), "OPTOUT"), DOCTOR, DEATH,
     "permit"),
    ("opt out but for another", consent(rule("permit", actor=[actor("Practitioner/d1")]), "OPTOUT"), OTHER, DEATH,
     "deny"),
    ("opt out but for an unknown", consent(rule("permit", actor=[actor("Practitioner/d1")]), "OPTOUT"), ANYBODY, DEATH,
     "deny"),
    # action
    ("access", consent(rule("deny", action=action("access"))), ANYBODY, DEATH, "deny"),
    ("disclosure, for access", consent(rule("deny", action=action("disclose"))), ANYBODY, DEATH, None),
    ("disclosure", consent(rule("deny", action=action("disclose"))), EXPORT, DEATH, "deny"),
    ("access, for export", consent(rule("deny", action=action("access"))), EXPORT, DEATH, "deny"),
    ("an unknown action", consent(rule("deny", action=[{"text": "look"}])), ANYBODY, DEATH, "deny"),
    ("permit of access, for export", consent(rule("permit", action=action("access")), "OPTOUT"), EXPORT, DEATH, "deny"),
    ("permit of both", consent(rule("permit", action=action("access", "disclose")), "OPTOUT"), EXPORT, DEATH, "permit"),
    # purpose
    ("research", consent(rule("deny", purpose=purpose("HRESCH"))), RESEARCH, DEATH, "deny"),
    ("research, for care", consent(rule("deny", purpose=purpose("HRESCH"))), ANYBODY, DEATH, None),
    ("a kind of research", consent(rule("deny", purpose=purpose("HRESCH"))), asked(purpose="CLINTRCH"), DEATH, "deny"),
    ("a kind of what is asked", consent(rule("deny", purpose=purpose("CLINTRCH"))), RESEARCH, DEATH, "deny"),
    ("permit of a kind of it", consent(rule("permit", purpose=purpose("CLINTRCH")), "OPTOUT"), RESEARCH, DEATH, "deny"),
    ("permit of care alone", consent(rule("permit", purpose=purpose("TREAT")), "OPTOUT"), ANYBODY, DEATH, "permit"),
    ("permit of care, in an emergency", consent(rule("permit", purpose=purpose("TREAT")), "OPTOUT"),
     asked(purpose="BTG"), DEATH, "permit"),
    ("a purpose of another system", consent(rule("deny", purpose=[{"system": "urn:x", "code": "TREAT"}])), ANYBODY,
     DEATH,
     "deny"),
    # class, code, label, data
    ("this type", consent(rule("deny", **{"class": of_type("Observation")})), ANYBODY, DEATH, "deny"),
    ("another type", consent(rule("deny", **{"class": of_type("Condition")})), ANYBODY, DEATH, None),
    ("a class of documents", consent(rule("deny", **{"class": [{"system": "urn:ietf:bcp:13", "code": "x"}]})), ANYBODY,
     DEATH, "deny"),
    ("this code", consent(rule("deny", code=code("8867-4"))), ANYBODY, DEATH, "deny"),
    ("another code", consent(rule("deny", code=code("8310-5"))), ANYBODY, DEATH, None),
    ("a code in words", consent(rule("deny", code=[{"text": "heart"}])), ANYBODY, DEATH, "deny"),
    ("the code of a medication elsewhere", consent(rule("deny", code=code("1"))), ANYBODY, ORDER, "deny"),
    ("this label", consent(rule("deny", securityLabel=label("R"))), ANYBODY, LABELLED, "deny"),
    ("a lower label", consent(rule("deny", securityLabel=label("N"))), ANYBODY, LABELLED, "deny"),
    ("a higher label", consent(rule("deny", securityLabel=label("V"))), ANYBODY, LABELLED, None),
    ("no label", consent(rule("deny", securityLabel=label("R"))), ANYBODY, DEATH, None),
    ("permit of a lower label", consent(rule("permit", securityLabel=label("N")), "OPTOUT"), ANYBODY, LABELLED, "deny"),
    ("this resource", consent(rule("deny", data=[{"meaning": "instance",
     "reference": {"reference": "Observation/o1"}}])),
     ANYBODY, DEATH, "deny"),
    ("another resource", consent(rule("deny", data=[{"meaning": "instance",
     "reference": {"reference": "Observation/o2"}}])), ANYBODY, DEATH, None),
    ("what depends on another", consent(rule("deny", data=[{"meaning": "dependents",
     "reference": {"reference": "Encounter/e"}}])), ANYBODY, DEATH, "deny"),
    ("data of a time", consent(rule("deny", dataPeriod={"start": "2020"})), ANYBODY, DEATH, "deny"),
    ("permit of data of a time", consent(rule("permit", dataPeriod={"start": "2020"}), "OPTOUT"), ANYBODY, DEATH,
     "deny"),
    ("both conditions, one not met", consent(rule("deny", code=code("8867-4"), purpose=purpose("HRESCH"))),
     ANYBODY, DEATH,
     None),
    # nested
    ("all but this code", consent({**rule("permit"), "provision": [rule("deny", code=code("8867-4"))]}), ANYBODY, DEATH,
     "deny"),
    ("all but another code", consent({**rule("permit"), "provision": [rule("deny", code=code("8310-5"))]}),
     ANYBODY, DEATH,
     "permit"),
    ("opt in but for research", consent({"provision": [rule("deny", purpose=purpose("HRESCH"))]}, "OPTIN"), RESEARCH,
     DEATH, "deny"),
    ("opt in but for research, for care", consent({"provision": [rule("deny", purpose=purpose("HRESCH"))]}, "OPTIN"),
     ANYBODY, DEATH, "permit"),
    ("nobody but for research, but not this code", consent({"provision": [{**rule("permit", purpose=purpose("HRESCH")),
     "provision": [rule("deny", code=code("8867-4"))]}]}, "OPTOUT"), RESEARCH, DEATH, "deny"),
    ("three deep", consent({"provision": [{**rule("deny"), "provision": [{**rule("permit", purpose=purpose("TREAT")),
     "provision": [rule("deny", **{"class": of_type("Condition")})]}]}]}, "OPTIN"), ANYBODY, DEATH, "permit"),
    ("two beside each other", consent({"provision": [rule("permit"), rule("deny")]}, "OPTIN"), ANYBODY, DEATH, "deny"),
    ("a nested one without a type", consent({"provision": [{"purpose": purpose("TREAT")}]}, "OPTIN"), ANYBODY, DEATH,
     "deny"),
    ("an exception to opt in without a type", consent({"actor": [actor("Practitioner/d1")]}, "OPTIN"), DOCTOR, DEATH,
     "deny"),
    ("the same, for another", consent({"actor": [actor("Practitioner/d1")]}, "OPTIN"), OTHER, DEATH, "permit"),
    # what is no provision
    ("a modifier", consent(rule("permit", modifierExtension=[{"url": "urn:x"}])), ANYBODY, DEATH, None),
    ("a modifier over opt out", consent(rule("permit", modifierExtension=[{}]), "OPTOUT"), ANYBODY, DEATH, "deny"),
    ("a list for a provision", consent([rule("permit")]), ANYBODY, DEATH, "deny"),
    ("a text for a nested one", consent({**rule("permit"), "provision": ["x"]}), ANYBODY, DEATH, "deny"),
    ("an unknown type", consent(rule("maybe")), ANYBODY, DEATH, "deny"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given_", "ask", "resource", "expected"), CASES, ids=[row[0] for row in CASES])
def test_each_consent_rules_as_it_says(
    name: str, given_: Json, ask: Asked, resource: Json, expected: str | None
) -> None:
    assert ruling(given_, ask, resource) == expected, name


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers()
    | st.sampled_from(["deny", "permit", "TREAT", "Practitioner/d1", "2026", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["type", "coding", "code", "system", "reference", "actor", "action", "purpose", "class",
                         "period",
                         "start", "end", "securityLabel", "data", "meaning", "provision", "dataPeriod", "x"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(VALUES, st.sampled_from(["", "OPTIN", "OPTOUT"]))
def test_whatever_stands_in_a_provision_is_ruled_without_a_crash(provision: Any, policy: str) -> None:
    made = consent(provision, policy)
    assert ruling(made, DOCTOR, DEATH) in ("permit", "deny", None)
    assert depends_on_content(made, DOCTOR) in (True, False)
    assert next_turn([made], NOW) > NOW


@given(VALUES)
def test_nothing_that_is_not_understood_opens_what_is_closed(inner: Any) -> None:
    """An opt-out is opened by a permit whose every condition is known and met, and by nothing else."""
    strange = rule("permit", strange=inner)
    assert ruling(consent(strange, "OPTOUT"), DOCTOR, DEATH) == "deny"
    assert ruling(consent({"provision": [strange]}, "OPTOUT"), DOCTOR, DEATH) == "deny"


@given(VALUES, st.sampled_from([row[1] for row in CASES]))
def test_a_ruling_that_does_not_depend_on_content_is_the_same_for_every_resource(other: Any, made: Json) -> None:
    if not depends_on_content(made, DOCTOR):
        rulings = {
            ruling(made, DOCTOR, one) for one in ({}, DEATH, LABELLED, ORDER, {"resourceType": "X", "code": other})
        }
        assert len(rulings) == 1


def nested(depth: int, width: int = 1) -> Json:
    made = rule("permit")
    for _ in range(depth):
        made = rule("permit", provision=[made] * width)
    return made


@pytest.mark.parametrize(
    ("provision", "expected"), [(nested(3), "permit"), (nested(900), "deny"), (nested(1, 2000), "deny")]
)
def test_provisions_beyond_measure_deny(provision: Json, expected: str) -> None:
    made = tamed(consent(provision))
    assert ruling(made, DOCTOR, DEATH) == expected
    assert next_turn([made], NOW) > NOW
    assert not depends_on_content(made, DOCTOR)


WORDS = (
    st.none()
    | st.integers()
    | st.lists(st.text(max_size=3), max_size=2)
    | st.dictionaries(st.text(max_size=3), st.text())
)


@given(WORDS, WORDS, WORDS)
def test_codes_and_systems_that_are_no_texts_are_ruled_too(one: Any, two: Any, three: Any) -> None:
    concept = {"coding": [{"system": one, "code": two}, {"system": ACTIONS, "code": three}, one]}
    told = {"actor": [{"role": concept, "reference": {"reference": "Practitioner/d1"}}], "action": [concept],
            "purpose": [{"system": one, "code": two}], "code": [concept],
            "securityLabel": [{"system": one, "code": two}],
            "class": [{"system": one, "code": two}], "period": {"start": one, "end": two},
            "data": [{"meaning": one, "reference": {"reference": two}}]}  # fmt: skip
    resource = {**DEATH, "meta": {"security": [{"system": one, "code": "x"}]}, "category": concept}
    made = {**consent(rule("deny", **told)), "scope": concept, "policyRule": concept}
    assert ruling(made, DOCTOR, resource) in ("permit", "deny", None)
    assert ruling(consent(rule("permit", **told), "OPTOUT"), DOCTOR, resource) == "deny"


def test_the_next_turn_is_the_soonest_end_or_an_hour() -> None:
    soon = rule("deny", period={"end": "2026-11-29T12:10:00Z"})
    assert (next_turn([consent(soon)], NOW) - NOW).total_seconds() == 601
    assert (next_turn([consent({**DENY_ALL, "provision": [soon]})], NOW) - NOW).total_seconds() == 601
    assert (next_turn([consent(DENY_ALL)], NOW) - NOW).total_seconds() == 3600
