"""The decision: a table of cases, and that nothing ever widens."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.services import purposes
from careloom.services.access import ROLES, VERBS, ZONES, Emergency, Principal, Scope, Verb, Zone
from careloom.services.access_decision import Ask, Reason, decide

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
LATER, EARLIER = NOW + timedelta(minutes=1), NOW - timedelta(minutes=1)
RS = frozenset({Scope("read"), Scope("search")})
BTG: dict[str, Any] = {"purpose": "BTG"}


def opened(patient: str = "p1", until: datetime = LATER, zone: Zone = "identified") -> Emergency:
    return Emergency("e1", zone, patient, until)


def of(*roles: str, **given_: Any) -> Principal:
    return replace(Principal("somebody", frozenset(roles), ZONES), **given_)


def ask(verb: Verb, zone: Zone = "identified", kind: str = "", **more: Any) -> Ask:
    people = {name: frozenset(more.pop(name)) for name in ("patients", "withheld") if name in more}
    return Ask(verb, zone, kind, **people, at=more.pop("at", NOW))


BOUND = {"patient": "p1", "purpose": "PATRQT"}
AUDIT = {"audit"}
CONSENTS = {"audit", "consents"}
INSIDE = {"audit", "compartment"}
CASES: list[tuple[Principal, Ask, str, set[str] | None]] = [
    # roles and zones
    (of("clinician"), ask("read", kind="Patient"), "permitted", CONSENTS),
    (of("clinician"), ask("search", kind="Patient"), "permitted", CONSENTS),
    (of("clinician"), ask("correct"), "permitted", AUDIT),
    (of("clinician"), ask("read", "research"), "role-missing", None),
    (of("clinician"), ask("create", kind="Observation"), "role-missing", None),
    (of("clinician"), ask("erase"), "role-missing", None),
    (of("clinician"), ask("audit"), "role-missing", None),
    (of("clinician", zones=frozenset({"research"})), ask("read"), "zone-not-granted", None),
    (of("clinician", zones=frozenset()), ask("read"), "zone-not-granted", None),
    (of(), ask("read"), "role-missing", None),
    (of("nobody knows it"), ask("read"), "role-missing", None),
    (of("researcher"), ask("read", "research"), "permitted", CONSENTS),
    (of("researcher"), ask("read"), "role-missing", None),
    (of("researcher"), ask("annotate", "research"), "permitted", CONSENTS),
    (of("data-scientist"), ask("search", "synthetic"), "permitted", CONSENTS),
    (of("auditor"), ask("audit"), "permitted", AUDIT),
    (of("auditor"), ask("audit", "research"), "permitted", AUDIT),
    (of("auditor"), ask("read"), "role-missing", None),
    (of("auditor"), ask("erase"), "role-missing", None),
    (of("privacy-officer"), ask("erase"), "permitted", AUDIT),
    (of("admin"), ask("administer"), "permitted", AUDIT),
    (of("administrator"), ask("administer", "research"), "permitted", AUDIT),
    (of("admin"), ask("read"), "role-missing", None),
    (of("service"), ask("create", kind="Observation"), "permitted", AUDIT),
    (of("service"), ask("ingest", "landing"), "permitted", AUDIT),
    (of("service"), ask("delete", kind="Observation"), "role-missing", None),
    (of("service"), ask("read", "research"), "role-missing", None),
    (of("auditor", "clinician"), ask("read"), "permitted", CONSENTS),
    # scopes
    (of("clinician", scopes=RS), ask("read", kind="Patient"), "permitted", CONSENTS),
    (of("clinician", scopes=RS), ask("read"), "permitted", CONSENTS),
    (of("clinician", scopes=RS), ask("monitor"), "scope-missing", None),
    (of("clinician", scopes=frozenset()), ask("read", kind="Patient"), "scope-missing", None),
    (of("clinician", scopes={Scope("read", "Patient")}), ask("read", kind="Patient"), "permitted", CONSENTS),
    (of("clinician", scopes={Scope("read", "Patient")}), ask("read", kind="Observation"), "scope-missing", None),
    (of("clinician", scopes={Scope("read", "Patient")}), ask("read"), "scope-missing", None),
    (of("clinician", scopes={Scope("read", "Patient")}), ask("search", kind="Patient"), "scope-missing", None),
    (of("clinician", scopes={Scope("erase")}), ask("erase"), "role-missing", None),
    # purposes of use
    (of("clinician", purpose="TREAT"), ask("read"), "permitted", CONSENTS),
    (of("clinician", purpose="COC"), ask("read"), "permitted", CONSENTS),
    (of("clinician", purpose="HRESCH"), ask("read"), "purpose-not-allowed", None),
    (of("clinician", purpose="CLINTRCH"), ask("read"), "purpose-not-allowed", None),
    (of("clinician", purpose="HMARKT"), ask("read"), "purpose-not-allowed", None),
    (of("clinician", purpose="UNK"), ask("read"), "purpose-unknown", None),
    (of("clinician", purpose=""), ask("read"), "purpose-unknown", None),
    (of("clinician", purpose="treat"), ask("read"), "purpose-unknown", None),
    (of("clinician", purpose="PurposeOfUse"), ask("read"), "purpose-unknown", None),
    (of("clinician", purpose="TREAT", purposes={"TREAT"}), ask("read"), "permitted", CONSENTS),
    (of("clinician", purpose="COC", purposes={"TREAT"}), ask("read"), "permitted", CONSENTS),
    (of("clinician", purpose="TREAT", purposes={"COC"}), ask("read"), "purpose-not-allowed", None),
    (of("clinician", purpose="HRESCH", purposes={"HRESCH"}), ask("read"), "purpose-not-allowed", None),
    (of("clinician", purposes=frozenset()), ask("read"), "purpose-not-allowed", None),
    (of("researcher", purpose="CLINTRCH"), ask("read", "research"), "permitted", CONSENTS),
    (of("researcher", purpose="TREAT"), ask("read", "research"), "purpose-not-allowed", None),
    (of("auditor", purpose="HCOMPL"), ask("audit"), "permitted", AUDIT),
    (of("auditor", "clinician", purpose="TREAT"), ask("audit"), "purpose-not-allowed", None),
    (of("privacy-officer", purpose="PATRQT"), ask("audit"), "permitted", AUDIT),
    (of("service", purpose="ETREAT"), ask("read"), "purpose-not-allowed", None),
    # bound to one patient
    (of("patient", **BOUND), ask("read", kind="Observation"), "permitted", INSIDE),
    (of("patient", **BOUND), ask("search", kind="Observation"), "permitted", INSIDE),
    (of("patient", **BOUND), ask("read", kind="Observation", patients={"p1"}), "permitted", AUDIT),
    (of("patient", **BOUND), ask("read", kind="Observation", patients={"p2"}), "compartment-other", None),
    (of("patient", **BOUND), ask("read", kind="Observation", patients={"p1", "p2"}), "compartment-other", None),
    (of("patient", **BOUND), ask("read", kind="Observation", patients=()), "compartment-other", None),
    (of("patient", **BOUND), ask("read", kind="Practitioner", patients=()), "permitted", AUDIT),
    (of("patient", **BOUND), ask("read", kind="Practitioner", patients={"p2"}), "compartment-other", None),
    (of("patient", **BOUND), ask("read", "research"), "role-missing", None),
    (of("patient", **BOUND), ask("create", kind="Observation"), "role-missing", None),
    (of("patient", **BOUND), ask("monitor"), "role-missing", None),
    (of("patient", purpose="PATRQT"), ask("read", kind="Observation"), "role-missing", None),
    (of("patient", patient="p1", purpose="TREAT"), ask("read"), "purpose-not-allowed", None),
    (of("clinician", patient="p1"), ask("monitor"), "compartment-verb", None),
    (of("clinician", patient="p1"), ask("correct"), "compartment-verb", None),
    (of("privacy-officer", patient="p1"), ask("audit"), "compartment-verb", None),
    (of("data-scientist", patient="p1"), ask("read", "research"), "compartment-zone", None),
    (of("clinician", patient="p1"), ask("read", kind="Patient"), "permitted", {"audit", "compartment", "consents"}),
    (of("record-author", patient="p1"), ask("create", kind="Observation", patients={"p1"}), "permitted", AUDIT),
    (of("record-author", patient="p1"), ask("create", kind="Observation", patients={"p2"}), "compartment-other", None),
    (of("record-author", patient="p1"), ask("create", kind="Location", patients=()), "compartment-other", None),
    # consents
    (of("clinician"), ask("read", patients={"p1"}), "permitted", AUDIT),
    (of("clinician"), ask("read", patients={"p1"}, withheld={"p1"}), "consent-denied", None),
    (of("clinician"), ask("search", patients={"p1"}, withheld={"p1"}), "consent-denied", None),
    (of("clinician"), ask("read", patients={"p1", "p2"}, withheld={"p2"}), "consent-denied", None),
    (of("data-engineer"), ask("annotate", patients={"p1"}, withheld={"p1"}), "consent-denied", None),
    (of("clinician"), ask("correct", patients={"p1"}, withheld={"p1"}), "permitted", AUDIT),
    (of("privacy-officer"), ask("erase", patients={"p1"}, withheld={"p1"}), "permitted", AUDIT),
    (of("patient", **BOUND), ask("read", patients={"p1"}, withheld={"p1"}), "permitted", AUDIT),
    (of("clinician", patient="p1"), ask("read", patients={"p1"}, withheld={"p1"}), "consent-denied", None),
    (of("patient", **BOUND), ask("read", patients={"p2"}, withheld={"p2"}), "compartment-other", None),
    # break-glass
    (of("clinician", **BTG), ask("read"), "purpose-needs-emergency", None),
    (of("clinician", purpose="ETREAT"), ask("read", patients={"p1"}), "permitted", AUDIT),
    (
        of("clinician", purpose="ETREAT"),
        ask("read", patients={"p1"}, withheld={"p1"}),
        "consent-denied",
        None,
    ),
    (of("clinician", emergency=opened(), **BTG), ask("read"), "permitted", {"audit", "consents", "alert"}),
    (
        of("clinician", emergency=opened(), **BTG),
        ask("read", patients={"p1"}, withheld={"p1"}),
        "permitted-in-emergency",
        {"audit", "alert"},
    ),
    (
        of("clinician", emergency=opened("p2"), **BTG),
        ask("read", patients={"p1"}, withheld={"p1"}),
        "consent-denied",
        None,
    ),
    (
        of("clinician", emergency=opened(), **BTG),
        ask("read", patients={"p1", "p2"}, withheld={"p1", "p2"}),
        "consent-denied",
        None,
    ),
    (
        of("clinician", emergency=opened(), purpose="TREAT"),
        ask("read", patients={"p1"}, withheld={"p1"}),
        "consent-denied",
        None,
    ),
    (of("clinician", emergency=opened(until=EARLIER), **BTG), ask("read", patients={"p1"}), "emergency-over", None),
    (of("clinician", emergency=opened(until=NOW), **BTG), ask("read", patients={"p1"}), "emergency-over", None),
    (of("clinician", emergency=opened(), **BTG), ask("read", patients={"p1"}, at=None), "emergency-over", None),
    (of("clinician", emergency=opened(zone="research"), **BTG), ask("read"), "emergency-elsewhere", None),
    (of("clinician", emergency=opened(), **BTG), ask("erase"), "role-missing", None),
    (of("clinician", emergency=opened(), **BTG), ask("create", kind="Observation"), "role-missing", None),
    (of("clinician", emergency=opened(), **BTG), ask("read", "research"), "role-missing", None),
    (
        of("clinician", emergency=opened(), zones=frozenset({"research"}), **BTG),
        ask("read", patients={"p1"}, withheld={"p1"}),
        "zone-not-granted",
        None,
    ),
    (
        of("clinician", emergency=opened(), scopes=frozenset(), **BTG),
        ask("read", patients={"p1"}, withheld={"p1"}),
        "scope-missing",
        None,
    ),
    (of("researcher", emergency=opened(), **BTG), ask("read", "research"), "purpose-not-allowed", None),
    (of("record-author", emergency=opened(), **BTG), ask("read"), "purpose-not-allowed", None),
    (
        of("data-engineer", "clinician", emergency=opened(), **BTG),
        ask("annotate", patients={"p1"}, withheld={"p1"}),
        "purpose-not-allowed",
        None,
    ),
]


@pytest.mark.parametrize(("who", "asked", "reason", "obligations"), CASES)
def test_each_case_is_decided_with_its_reason(
    who: Principal, asked: Ask, reason: Reason, obligations: set[str] | None
) -> None:
    decision = decide(who, asked)
    assert decision.reason == reason
    assert decision.is_permit == (obligations is not None)
    assert decision.obligations == (obligations or AUDIT)


def test_the_table_is_long_and_names_every_reason() -> None:
    assert len(CASES) >= 100
    assert {reason for _, _, reason, _ in CASES} == {*get_args(Reason)} - {"obligation-unmet"}


PEOPLE = st.sampled_from(["p1", "p2", "p3"])
SOME = st.frozensets(PEOPLE, max_size=2)
KINDS = st.sampled_from(["", "Patient", "Observation", "Practitioner"])
SCOPES = st.frozensets(
    st.builds(Scope, st.sampled_from(sorted(VERBS)), st.sampled_from(["*", "Patient", "Observation"])), max_size=4
)
PURPOSES = st.sampled_from([*sorted(purposes.known()), "UNK", ""])
PRINCIPALS = st.builds(
    Principal,
    st.just("somebody"),
    st.frozensets(st.sampled_from(sorted(ROLES)), max_size=3),
    st.frozensets(st.sampled_from(sorted(ZONES))),
    st.none() | SCOPES,
    PURPOSES,
    st.just(""),
    st.just("") | PEOPLE,
    st.just(frozenset()),
    st.none() | st.frozensets(PURPOSES, max_size=2),
    st.none() | st.builds(Emergency, st.just("e"), st.sampled_from(["identified", "research"]), PEOPLE,
                          st.sampled_from([EARLIER, LATER])),
)  # fmt: skip
ASKS = st.builds(
    Ask, st.sampled_from(sorted(VERBS)), st.sampled_from(sorted(ZONES)), KINDS, st.none() | SOME, SOME, st.just(NOW)
)


@given(PRINCIPALS, ASKS, SCOPES)
def test_no_scope_widens(who: Principal, asked: Ask, scopes: frozenset[Scope]) -> None:
    if decide(replace(who, scopes=scopes), asked).is_permit:
        assert decide(replace(who, scopes=None), asked).is_permit
        assert decide(replace(who, scopes=scopes | {Scope("erase")}), asked).is_permit


@given(PRINCIPALS, ASKS, st.frozensets(PURPOSES, max_size=3))
def test_no_list_of_purposes_widens(who: Principal, asked: Ask, listed: frozenset[str]) -> None:
    if decide(replace(who, purposes=listed), asked).is_permit:
        assert decide(replace(who, purposes=None), asked).is_permit


@given(PRINCIPALS, ASKS)
def test_no_purpose_gives_more_than_the_roles(who: Principal, asked: Ask) -> None:
    if decide(who, asked).is_permit:
        assert who.may(asked.verb, asked.zone, asked.resource_type)


@given(PRINCIPALS, ASKS, SOME)
def test_no_consent_widens_and_a_denial_wins(who: Principal, asked: Ask, more: frozenset[str]) -> None:
    if decide(who, replace(asked, withheld=asked.withheld | more)).is_permit:
        assert decide(who, replace(asked, withheld=frozenset())).is_permit


@given(PRINCIPALS, ASKS, PEOPLE)
def test_to_be_bound_to_a_patient_never_widens(who: Principal, asked: Ask, patient: str) -> None:
    bound = decide(replace(who, patient=patient, roles=who.roles - {"patient"}), asked)
    if bound.is_permit:
        assert decide(replace(who, patient="", roles=who.roles - {"patient"}), asked).is_permit
        assert asked.patients in (None, frozenset(), frozenset({patient}))


@given(PRINCIPALS, ASKS)
def test_break_glass_lifts_the_consent_of_its_one_patient_and_nothing_else(who: Principal, asked: Ask) -> None:
    decision = decide(who, asked)
    if decision.reason == "permitted-in-emergency":
        assert who.emergency is not None
        assert asked.withheld == {who.emergency.patient}
        assert asked.verb in ("read", "search")
        assert "alert" in decision.obligations
        assert decide(replace(who, emergency=None), asked).reason in ("consent-denied", "purpose-needs-emergency")
        assert decide(replace(who, emergency=None, purpose="TREAT"), replace(asked, withheld=frozenset())).is_permit


@given(PRINCIPALS, ASKS)
def test_a_denial_obliges_to_nothing_but_its_own_record(who: Principal, asked: Ask) -> None:
    decision = decide(who, asked)
    assert "audit" in decision.obligations
    assert decision.is_permit or decision.obligations == AUDIT


@pytest.mark.parametrize("role", sorted(ROLES))
def test_every_role_may_name_the_purpose_of_requests_that_name_none(role: str) -> None:
    default = "PATRQT" if role == "patient" else "HOPERAT"
    assert purposes.may_name({role}, None, default)
    assert not purposes.may_name({role}, None, "HMARKT")


TOLD = [
    ("TREAT", "TREAT"), (" TREAT ", "TREAT"), (f"{purposes.SYSTEM}|TREAT", "TREAT"), ("urn:x|TREAT", "UNK"),
    ("|TREAT", "UNK"), ("treat", "UNK"), ("", "UNK"), ("TREAT,BTG", "UNK"), ("PurposeOfUse", "UNK"), ("\x00", "UNK"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code"), TOLD)
def test_a_purpose_is_told_by_its_code_or_with_its_system(text: str, code: str) -> None:
    assert purposes.told(text) == code
