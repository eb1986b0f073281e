"""Consents in force: what they withhold is found, counted, led through, exported and read by nobody, and noted."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from careloom.errors import AccessError, CareloomError, NotFound, QueryError
from careloom.fhir.references import patients_of
from careloom.runtime import Runtime
from careloom.services import emergencies
from careloom.services.access import ZONES, Principal
from careloom.services.changes import Change
from careloom.services.disclosures import PatientAsk, disclosures, patient_views
from careloom.services.disclosures_page import as_csv, as_html
from careloom.services.erase import erase
from careloom.services.export import export, exports_of, withheld_rows
from careloom.services.export_ask import ExportAsk
from careloom.services.health import gauges
from careloom.services.history import HistoryOf, history
from careloom.services.raw_records import raw_bytes
from careloom.services.records import read
from careloom.services.search import search
from careloom.services.view import ViewAsk, view_zone
from careloom.services.write import write
from tests.api.kit import OBSERVATION, PATIENT, Clock, Installation

Json = dict[str, Any]
TEXT = {"text": "x"}
HIV = {"coding": [{"system": "http://loinc.org", "code": "7917-8"}]}
PURPOSES = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
PEOPLE = ("open", "shut", "part", "study")


def observation(name: str, patient: str, **more: Any) -> Json:
    return {**OBSERVATION, "id": name, "subject": {"reference": f"Patient/{patient}"}, **more}


def consent(patient: str, provision: Json, **more: Any) -> Json:
    return {
        "resourceType": "Consent", "id": f"consent-{patient}", "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]}, "category": [{"coding": [{"code": "x"}]}],
        "patient": {"reference": f"Patient/{patient}"}, "policy": [{"uri": "urn:policy"}], "provision": provision,
        **more,
    }  # fmt: skip


HOSPITAL: list[Json] = [
    *({**PATIENT, "id": name} for name in PEOPLE),
    *(observation(f"{name}-{n}", name) for name in PEOPLE for n in range(3)),
    observation("part-hiv", "part", code=HIV),
    observation("both", "open", performer=[{"reference": "Patient/shut"}]),
    {"resourceType": "Encounter", "id": "e-shut", "status": "finished", "class": {"code": "AMB"},
     "subject": {"reference": "Patient/shut"}},
    {"resourceType": "Condition", "id": "c-shut", "code": TEXT, "subject": {"reference": "Patient/shut"}},
    consent("shut", {"type": "deny"}),
    consent("part", {"type": "permit", "provision": [{"type": "deny", "code": [HIV]}]}),
    consent("study", {"type": "deny", "purpose": [{"system": PURPOSES, "code": "HRESCH"}]}),
]  # fmt: skip


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock(datetime(2026, 11, 29, 10, 0, tzinfo=UTC))


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("consents"), Runtime(clock=clock)) as made:
        made.ingest(HOSPITAL)
        yield made


DOCTOR = Principal("dr.weber", frozenset({"clinician"}), ZONES, purpose="TREAT")
ENGINEER = Principal("export", frozenset({"data-engineer"}), ZONES, purpose="HRESCH")
OFFICER = Principal("petra.privacy", frozenset({"privacy-officer"}), ZONES)


def may_see(installation: Installation, who: Principal, resource: Json) -> bool:
    """The oracle: what these three consents withhold, written down anew."""
    names = {installation.stored_id("Patient", name): name for name in PEOPLE}
    about = {names[patient] for patient in patients_of(resource)}
    is_hiv = resource.get("code") == HIV
    return "shut" not in about and not ("part" in about and is_hiv) and not ("study" in about and who is ENGINEER)


@pytest.mark.parametrize("who", [DOCTOR, ENGINEER], ids=["care", "research"])
def test_reads_and_searches_show_exactly_what_nobody_withholds(installation: Installation, who: Principal) -> None:
    stored = list(installation.platform.store("identified").scan(["Patient", "Observation", "Condition", "Consent"]))
    for kind in ("Patient", "Observation", "Condition", "Consent"):
        own = [one.id for one in stored if one.type == kind and may_see(installation, who, one.resource())]
        page = search(installation.platform, who, "identified", f"{kind}?_total=accurate&_count=2")
        found = [one.id for one in page.found]
        assert page.total == len(own)
        while page.next_cursor:
            page = search(installation.platform, who, "identified", f"{kind}?_count=2", cursor=page.next_cursor)
            found += [one.id for one in page.found]
        assert sorted(found) == sorted(own)
    for one in stored:
        if may_see(installation, who, one.resource()):
            assert read(installation.platform, who, "identified", one.type, one.id).id == one.id
        else:
            with pytest.raises(NotFound):
                read(installation.platform, who, "identified", one.type, one.id)
    assert any(not may_see(installation, who, one.resource()) for one in stored)


def test_the_leaving_out_is_noted_with_its_number(installation: Installation) -> None:
    search(installation.platform, DOCTOR, "identified", "Observation?status=final&_count=100")
    assert installation.events()[-1]["detail"]["withheld"] == 5
    search(installation.platform, DOCTOR, "identified", "Observation?code=http://loinc.org|7917-8&_total=accurate")
    assert installation.events()[-1]["detail"]["withheld"] >= 1
    with pytest.raises(NotFound):
        read(installation.platform, DOCTOR, "identified", "Condition", installation.stored_id("Condition", "c-shut"))
    assert installation.events()[-1]["detail"]["withheld"] == 1


LINKED = [
    "Patient?_has:Observation:patient:code=7917-8", "Encounter?patient.gender=female",
    "Observation?subject:Patient._id={shut}", "Condition?patient={shut}", "Encounter?_id={e}",
    "Observation?_sort=-date&performer={shut}", "Observation?performer:Patient.gender=female",
]  # fmt: skip


@pytest.mark.parametrize("query", LINKED)
def test_nothing_leads_through_what_is_withheld(installation: Installation, query: str) -> None:
    names = {"shut": installation.stored_id("Patient", "shut"), "e": installation.stored_id("Encounter", "e-shut")}
    page = search(installation.platform, DOCTOR, "identified", query.format(**names) + "&_total=accurate")
    assert (page.total, page.found) == (0, ())


def test_inclusions_views_and_histories_leave_it_out_too(installation: Installation) -> None:
    platform, shut = installation.platform, installation.stored_id("Patient", "shut")
    for query in ("Observation?_include=*&_count=100", "Patient?_revinclude=Observation:patient&_count=100"):
        page = search(platform, DOCTOR, "identified", query)
        assert all(may_see(installation, DOCTOR, one.resource()) for one in (*page.found, *page.included))
        assert page.included
    assert view_zone(platform, DOCTOR, "identified", ViewAsk("condition")).rows == 0
    shown = history(platform, DOCTOR, "identified", HistoryOf(count=50)).versions
    assert shown
    assert all(one.found is None or may_see(installation, DOCTOR, one.found.resource()) for one in shown)
    with pytest.raises(NotFound):
        history(platform, DOCTOR, "identified", HistoryOf("Patient", shut))


def test_source_records_of_who_withholds_are_not_handed_out(installation: Installation) -> None:
    store = installation.platform.store("identified")
    shut, opened = (
        store.records_of("Patient", installation.stored_id("Patient", name))[0] for name in ("shut", "open")
    )
    reader = replace(ENGINEER, roles=frozenset({"data-engineer", "privacy-officer"}), purpose="HOPERAT")
    assert raw_bytes(installation.platform, reader, opened)
    with pytest.raises(NotFound):
        raw_bytes(installation.platform, reader, shut)
    assert installation.events()[-1]["detail"]["withheld"] == 1


def test_an_export_leaves_out_what_is_withheld(installation: Installation) -> None:
    with installation.platform.store("identified").connect() as connection:
        store = installation.platform.store("identified")
        rows = withheld_rows(installation.platform, ENGINEER, store, connection)
    assert rows is not None
    stored = [one for one in store.scan() if one.type != "Provenance"]
    assert {one.rid for one in stored if one.rid in rows} == {
        one.rid for one in stored if not may_see(installation, ENGINEER, one.resource())
    }
    for ask in (ExportAsk("identified"), ExportAsk("identified", types=("Observation", "Patient"))):
        export_id = installation.platform.run_id()
        export(installation.platform, ENGINEER, ask, export_id)
        folder = exports_of(installation.platform)
        state = folder.find(export_id)
        assert state is not None
        lines = [
            orjson.loads(line)
            for file in state.files
            for _, text in folder.frames(export_id, state, file)
            for line in text.splitlines()
        ]
        assert all(may_see(installation, ENGINEER, one) for one in lines)
        expected = [one for one in stored if one.rid not in rows and one.type in (ask.types or (one.type,))]
        assert len([one for one in lines if one["resourceType"] != "Provenance"]) == len(expected)
        assert installation.events()[-1]["detail"]["withheld"] is True


def test_a_consent_holds_from_its_writing_and_until_it_is_ended(installation: Installation, clock: Clock) -> None:
    platform, patient = installation.platform, installation.stored_id("Patient", "open")
    author = Principal("author", frozenset({"record-author"}), ZONES)
    made = consent(patient, {"type": "deny", "period": {"end": "2026-11-29T12:00:00Z"}})
    del made["id"]
    before = search(platform, DOCTOR, "identified", "Patient?_total=accurate").total
    done = write(platform, author, "identified", Change("create", "Consent", resource=made))
    assert search(platform, DOCTOR, "identified", "Patient?_total=accurate").total == before - 1  # type: ignore[operator]
    clock.move(hours=3)
    assert search(platform, DOCTOR, "identified", "Patient?_total=accurate").total == before
    clock.move(hours=-3)
    ended = {**made, "id": done.id, "status": "inactive"}
    write(platform, author, "identified", Change("update", "Consent", done.id, resource=ended))
    assert search(platform, DOCTOR, "identified", "Patient?_total=accurate").total == before
    write(platform, author, "identified", Change("update", "Consent", done.id, resource={**made, "id": done.id}))
    assert search(platform, DOCTOR, "identified", "Patient?_total=accurate").total == before - 1  # type: ignore[operator]
    write(platform, author, "identified", Change("delete", "Consent", done.id))
    assert search(platform, DOCTOR, "identified", "Patient?_total=accurate").total == before


def glass(installation: Installation, who: Principal = DOCTOR, patient: str = "shut", minutes: int = 0) -> Json:
    return emergencies.open_emergency(
        installation.platform, who, f"Patient/{patient}", "unconscious, allergies unknown", minutes=minutes
    )


def test_break_glass_shows_the_one_patient_for_a_while_and_says_so(installation: Installation, clock: Clock) -> None:
    platform, shut = installation.platform, installation.stored_id("Patient", "shut")
    opened = glass(installation, minutes=30)
    asking = emergencies.under_emergency(platform, replace(DOCTOR, purpose="HOPERAT"), opened["id"])
    assert asking.purpose == "BTG"
    assert read(platform, asking, "identified", "Patient", shut).id == shut
    event = installation.events()[-1]
    assert (event["purpose"], event["detail"]["emergency"]) == ("BTG", opened["id"])
    page = search(platform, asking, "identified", "Observation?_total=accurate&_count=100")
    shown = [one.resource() for one in page.found]
    assert {patients_of(one) for one in shown} >= {(shut,)}
    assert page.total == len(shown) == 13  # all but the one that part withholds
    hiv = installation.stored_id("Observation", "part-hiv")
    with pytest.raises(NotFound):
        read(platform, asking, "identified", "Observation", hiv)
    clock.move(minutes=31)
    with pytest.raises(AccessError) as over:
        read(platform, asking, "identified", "Patient", shut)
    assert over.value.reason == "emergency-over"
    clock.move(minutes=-31)


def test_an_emergency_is_of_who_opened_it_alone_and_lifts_no_role(installation: Installation) -> None:
    opened = glass(installation)
    for who in (replace(DOCTOR, name="dr.other"), ENGINEER, OFFICER):
        under = emergencies.under_emergency(installation.platform, who, opened["id"])
        with pytest.raises(AccessError):
            read(installation.platform, under, "identified", "Patient", installation.stored_id("Patient", "shut"))
    under = emergencies.under_emergency(installation.platform, DOCTOR, "never-opened")
    with pytest.raises(AccessError):
        read(installation.platform, under, "identified", "Patient", installation.stored_id("Patient", "open"))


REFUSED = [
    (ENGINEER, "Patient/shut", "a good reason indeed", 0), (DOCTOR, "Patient/shut", "short", 0),
    (DOCTOR, "Patient/shut", "x" * 501, 0), (DOCTOR, "Patient/shut", "a good reason indeed", 10_000),
    (DOCTOR, "Patient/never-was", "a good reason indeed", 0), (DOCTOR, "Observation/both", "a good reason indeed", 0),
    (DOCTOR, "", "a good reason indeed", 0),
]  # fmt: skip


@pytest.mark.parametrize(("who", "patient", "reason", "minutes"), REFUSED)
def test_an_emergency_needs_a_clinician_a_patient_and_a_reason(
    installation: Installation, who: Principal, patient: str, reason: str, minutes: int
) -> None:
    with pytest.raises(CareloomError):
        emergencies.open_emergency(installation.platform, who, patient, reason, minutes=minutes)
    assert installation.events()[-1]["outcome"] in ("refused", "failed")


def test_an_emergency_waits_until_a_privacy_officer_has_looked_at_it(installation: Installation) -> None:
    platform = installation.platform
    before = gauges(platform, installation.operator).emergencies
    opened = glass(installation)
    assert gauges(platform, installation.operator).emergencies == before + 1
    waiting = {one["id"]: one for one in emergencies.list_emergencies(platform, OFFICER, is_waiting=True)}
    assert waiting[opened["id"]]["reason"] == "unconscious, allergies unknown"
    auditor = Principal("ada", frozenset({"auditor"}), ZONES)
    assert emergencies.list_emergencies(platform, auditor)
    with pytest.raises(AccessError):
        emergencies.acknowledge(platform, auditor, opened["id"])
    assert emergencies.acknowledge(platform, OFFICER, opened["id"])["acknowledged_by"] == "petra.privacy"
    assert opened["id"] not in {one["id"] for one in emergencies.list_emergencies(platform, OFFICER, is_waiting=True)}
    assert gauges(platform, installation.operator).emergencies == before
    with pytest.raises(NotFound):
        emergencies.acknowledge(platform, OFFICER, "never-opened")


def test_who_saw_a_patient_is_told_by_actor_purpose_and_event(installation: Installation) -> None:
    platform = installation.platform
    read(platform, DOCTOR, "identified", "Patient", installation.stored_id("Patient", "study"))
    found = patient_views(platform, OFFICER, PatientAsk("Patient/study"))
    counted = {(one["actor"], one["purpose"], one["operation"]): one["count"] for one in found["actors"]}
    assert counted["dr.weber", "TREAT", "read"] >= 1
    assert found["views"][0]["actor"] == "dr.weber"
    assert found["total"] == sum(counted.values())
    assert not any(one["actor"] == "petra.privacy" for one in found["views"])
    one = installation.stored_id("Observation", "study-0")
    read(platform, DOCTOR, "identified", "Observation", one)
    told = patient_views(platform, OFFICER, PatientAsk("Observation/study-0"))
    assert (told["patient"], told["views"][0]["actor"]) == (f"Observation/{one}", "dr.weber")
    assert {one["operation"] for one in told["views"]} == {"read"}
    with pytest.raises(QueryError):
        disclosures(platform, OFFICER, PatientAsk("Observation/study-0"))
    with pytest.raises(AccessError):
        patient_views(platform, DOCTOR, PatientAsk("Patient/study"))


def test_disclosures_are_accounted_for_but_not_those_of_care(installation: Installation, clock: Clock) -> None:
    platform, patient = installation.platform, installation.stored_id("Patient", "part")
    registry = Principal("registry", frozenset({"service"}), ZONES, purpose="PUBHLTH")
    court = replace(registry, name="=court", purpose="HLEGAL")
    for who in (DOCTOR, registry, registry, court, replace(registry, purpose="HPAYMT")):
        read(platform, who, "identified", "Patient", patient)
    found = disclosures(platform, OFFICER, PatientAsk("Patient/part"))
    told = [(one["recipient"], one["purpose"], one["count"]) for one in found["disclosures"]]
    assert ("registry", "PUBHLTH", 2) in told
    assert ("=court", "HLEGAL", 1) in told
    assert not any(purpose in ("TREAT", "HPAYMT", "HOPERAT") for _, purpose, _ in told)
    assert {one["purpose"]: one["count"] > 0 for one in found["excluded"]} == {
        "TREAT": True, "HPAYMT": True, "HOPERAT": False, "PATRQT": False,
    }  # fmt: skip
    assert "'=court" in as_csv(found)
    page = as_html({**found, "disclosures": [{**found["disclosures"][0], "recipient": "<b>"}]})
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    clock.move(days=365 * 6 + 3)
    assert disclosures(platform, OFFICER, PatientAsk("Patient/part"))["disclosures"] == []
    clock.move(days=-365 * 6 - 3)


TIMES = [
    (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=20))), None), (None, datetime(3, 2, 28, tzinfo=UTC)),
    (datetime(2027, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
    (None, datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=20)))),
    (None, datetime(2024, 2, 29, tzinfo=UTC)),
]  # fmt: skip


@pytest.mark.parametrize(("since", "until"), TIMES)
def test_any_time_can_be_asked_about(
    installation: Installation, since: datetime | None, until: datetime | None
) -> None:
    found = disclosures(installation.platform, OFFICER, PatientAsk("Patient/part", since, until))
    assert isinstance(found["disclosures"], list)


def test_an_erasure_takes_the_emergencies_of_the_patient_along(installation: Installation) -> None:
    made = {**PATIENT, "id": "gone"}
    installation.ingest([made, consent("gone", {"type": "deny"})])
    opened = glass(installation, patient="gone")
    installation.register(["patient"], ["identified"], name="gone", patient="Patient/gone")
    erase(installation.platform, installation.operator, f"Patient/{installation.stored_id('Patient', 'gone')}")
    assert opened["id"] not in {one["id"] for one in emergencies.list_emergencies(installation.platform, OFFICER)}
    clients = installation.platform.clients
    assert [one.patient for one in clients.listed() if one.name == "gone"] == ["erased"]
    assert not any(one.is_active(installation.platform.runtime.now()) for one in clients.listed() if one.name == "gone")
