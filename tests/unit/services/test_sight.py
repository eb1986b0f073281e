"""Who is bound to a patient sees that compartment and learns of nobody else: each way in, against a slow oracle."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest

from careloom.errors import AccessError, CareloomError, NotFound
from careloom.fhir.references import patients_of
from careloom.services.access import ZONES, Principal
from careloom.services.access_decision import COMMON
from careloom.services.changes import Change
from careloom.services.export_ask import ExportAsk
from careloom.services.exports import submit
from careloom.services.history import HistoryOf, history
from careloom.services.raw_records import raw_bytes
from careloom.services.records import read, read_version
from careloom.services.search import search
from careloom.services.view import ViewAsk, view_zone
from careloom.services.write import write
from careloom.store.rows import Stored
from tests.api.kit import OBSERVATION, PATIENT, Installation

Json = dict[str, Any]


def about(kind: str, own: str, patient: str = "", **more: Any) -> Json:
    subject = {"subject": {"reference": f"Patient/{patient}"}} if patient else {}
    return {"resourceType": kind, "id": own, **subject, **more}


TEXT = {"text": "x"}
HOSPITAL: list[Json] = [
    *({**PATIENT, "id": name, "generalPractitioner": [{"reference": "Practitioner/d1"}]}
      for name in ("p1", "p2", "p3")),
    *({**OBSERVATION, "id": f"o{n}", "subject": {"reference": f"Patient/p{1 + n % 3}"},
       "performer": [{"reference": "Practitioner/d1"}]} for n in range(9)),
    about("Observation", "shared", "p1", status="final", code=TEXT, performer=[{"reference": "Patient/p2"}]),
    about("Observation", "nobody", status="final", code=TEXT),
    about("Encounter", "e1", "p1", status="finished", **{"class": {"code": "AMB"}}),
    about("Encounter", "e2", "p2", status="finished", **{"class": {"code": "AMB"}}),
    about("Condition", "c1", "p1", code=TEXT, encounter={"reference": "Encounter/e1"}),
    about("Condition", "c2", "p2", code=TEXT, encounter={"reference": "Encounter/e2"}),
    about("Group", "g", type="person", actual=True, member=[
        {"entity": {"reference": "Patient/p1"}}, {"entity": {"reference": "Patient/p2"}}]),
    about("Practitioner", "d1", name=[{"family": "Doctor"}]),
    about("Organization", "org", name="Ward"),
    about("Device", "dev", status="active"),
]  # fmt: skip


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("sight")) as made:
        made.ingest(HOSPITAL)
        made.ingest([{**OBSERVATION, "id": "o1", "status": "amended", "subject": {"reference": "Patient/p2"}}])
        made.ingest([{**OBSERVATION, "id": "o0", "status": "amended", "subject": {"reference": "Patient/p1"}}])
        moved = {**OBSERVATION, "id": "o4", "status": "amended", "subject": {"reference": "Patient/p1"}}
        made.ingest([moved])  # it was p2's
        gone = [{"request": {"method": "DELETE", "url": f"Observation/{name}"}} for name in ("o7", "o3")]
        made.ingest(orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": gone}))
        yield made


@pytest.fixture(scope="module")
def mary(installation: Installation) -> Principal:
    return Principal("mary", frozenset({"patient"}), ZONES, None, "PATRQT", patient=own_id(installation))


def own_id(installation: Installation) -> str:
    return installation.stored_id("Patient", "p1")


def is_mary_s(installation: Installation, one: Json) -> bool:
    patients = patients_of(one)
    return patients == (own_id(installation),) or (not patients and one["resourceType"] in COMMON)


def everything(installation: Installation) -> list[Stored]:
    return [one for one in installation.platform.store("identified").scan() if one.type != "Provenance"]


def test_each_resource_is_read_exactly_if_it_is_in_the_compartment(installation: Installation, mary: Principal) -> None:
    seen = 0
    for one in everything(installation):
        if is_mary_s(installation, one.resource()):
            assert read(installation.platform, mary, "identified", one.type, one.id).id == one.id
            seen += 1
        else:
            with pytest.raises(NotFound) as refused:
                read(installation.platform, mary, "identified", one.type, one.id)
            with pytest.raises(NotFound) as missing:
                read(installation.platform, mary, "identified", one.type, "never-was")
            assert (refused.value.where, refused.value.remedy) == (missing.value.where, missing.value.remedy)
    assert 5 <= seen < len(everything(installation)) - 5


@pytest.mark.parametrize("kind", sorted({one["resourceType"] for one in HOSPITAL}))
def test_a_search_of_each_type_finds_counts_and_pages_the_compartment_alone(
    installation: Installation, mary: Principal, kind: str
) -> None:
    own = {one.id for one in everything(installation) if one.type == kind and is_mary_s(installation, one.resource())}
    page = search(installation.platform, mary, "identified", f"{kind}?_total=accurate&_count=1")
    found = [one.id for one in page.found]
    assert page.total == len(own)
    while page.next_cursor:
        page = search(
            installation.platform, mary, "identified", f"{kind}?_total=accurate&_count=1", cursor=page.next_cursor
        )
        found += [one.id for one in page.found]
    assert sorted(found) == sorted(own)
    counted = search(installation.platform, mary, "identified", f"{kind}?_summary=count")
    assert counted.total == len(own)


QUERIES = [
    "Patient?gender=female", "Patient?_id={p2}", "Patient?_id={p1},{p2}", "Patient?name=quill",
    "Patient?_has:Observation:patient:status=final", "Patient?_has:Condition:patient:encounter={e2}",
    "Observation?patient={p2}", "Observation?patient={p1}", "Observation?subject:Patient.name=quill",
    "Observation?subject:Patient._id={p2}", "Observation?performer:Patient.gender=female", "Observation?status=final",
    "Observation?status:not=final", "Observation?code=8867-4&_sort=-_lastUpdated", "Observation?_sort=date",
    "Observation?value-quantity=71", "Observation?code:text=x", "Observation?date=ge2020",
    "Condition?encounter.patient={p2}", "Encounter?_has:Condition:encounter:patient={p2}",
    "Practitioner?_has:Observation:performer:patient={p2}",
    "Practitioner?_has:Patient:general-practitioner:_id={p2}",
    "Practitioner?name=doctor&_revinclude=Observation:performer&_revinclude=Patient:general-practitioner",
    "Observation?_include=*",
    "Observation?_include=Observation:performer&_include:iterate=Patient:general-practitioner",
    "Patient?_revinclude=Observation:patient&_revinclude=Group:member&_revinclude=Provenance:target",
    "Group?member={p1}", "Provenance?target=Patient/{p2}", "Provenance?target=Patient/{p1}", "Provenance?",
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_no_search_chain_or_inclusion_tells_of_anybody_else(
    installation: Installation, mary: Principal, query: str
) -> None:
    names = {name: installation.stored_id("Patient", name) for name in ("p1", "p2", "p3")}
    text = query.format(**names, e2=installation.stored_id("Encounter", "e2"))
    page = search(installation.platform, mary, "identified", text + "&_total=accurate")
    shown = [one.resource() for one in (*page.found, *page.included)]
    assert all(is_mary_s(installation, one) or one["resourceType"] == "Provenance" for one in shown)
    others = [*(names[name] for name in ("p2", "p3")), installation.stored_id("Encounter", "e2")]
    told = b"".join(one.content for one in (*page.found, *page.included)).decode()
    assert not any(other in told for other in others)
    whole = search(installation.platform, installation.operator, "identified", text + "&_count=500")
    own = [one.id for one in whole.found if is_mary_s(installation, one.resource())]
    if not text.startswith(("Provenance", "Practitioner?_has", "Encounter?_has", "Patient?_has")):
        assert page.total == len(own)
        assert sorted(own) == sorted(one.id for one in page.found)


def test_a_link_through_others_finds_nothing(installation: Installation, mary: Principal) -> None:
    other = installation.stored_id("Patient", "p2")
    for query in (
        f"Practitioner?_has:Observation:performer:patient={other}",
        f"Observation?subject:Patient._id={other}",
    ):
        assert search(installation.platform, mary, "identified", query + "&_total=accurate").total == 0


def test_a_history_shows_versions_of_the_own_compartment_alone(installation: Installation, mary: Principal) -> None:
    platform = installation.platform
    moved = installation.stored_id("Observation", "o4")
    versions = history(platform, mary, "identified", HistoryOf("Observation", moved))
    assert [one.number for one in versions.versions] == [2]
    assert versions.total is None
    with pytest.raises(NotFound):
        read_version(platform, mary, "identified", "Observation", moved, "1")
    for ask in (HistoryOf("Observation"), HistoryOf()):
        page = history(platform, mary, "identified", replace(ask, count=50))
        shown = [one.found.resource() for one in page.versions if one.found]
        assert shown
        assert all(is_mary_s(installation, one) for one in shown)
        deleted = {one.id for one in page.versions if not one.found}
        assert deleted <= {installation.stored_id("Observation", "o3")}
    for name in ("o1", "o7", "never-was"):
        with pytest.raises(NotFound):
            history(platform, mary, "identified", HistoryOf("Observation", installation.stored_id("Observation", name)))


def test_the_deletion_of_another_s_resource_is_none_to_who_is_bound(
    installation: Installation, mary: Principal
) -> None:
    with pytest.raises(NotFound):
        read(installation.platform, mary, "identified", "Observation", installation.stored_id("Observation", "o7"))


BEYOND: list[tuple[str, Callable[[Installation, Principal], object]]] = [
    ("export", lambda made, who: submit(made.platform, who, ExportAsk("identified"))),
    ("view", lambda made, who: view_zone(made.platform, who, "identified", ViewAsk("condition"))),
    ("records", lambda made, who: raw_bytes(made.platform, who, "0" * 32)),
]


@pytest.mark.parametrize(("name", "act"), BEYOND, ids=[name for name, _ in BEYOND])
def test_what_is_not_narrowed_to_a_patient_is_refused(
    installation: Installation, mary: Principal, name: str, act: Callable[[Installation, Principal], object]
) -> None:
    for who in (mary, replace(installation.operator, patient=mary.patient)):
        with pytest.raises((AccessError,)):
            act(installation, who)
    assert installation.events()[-1]["outcome"] == "refused", name


def author(mary: Principal) -> Principal:
    return replace(mary, roles=frozenset({"record-author"}), purpose="TREAT")


def test_who_is_bound_writes_into_the_own_compartment_alone(installation: Installation, mary: Principal) -> None:
    platform, who = installation.platform, author(mary)
    own = about("Observation", "", mary.patient, status="final", code=TEXT)
    del own["id"]
    done = write(platform, who, "identified", Change("create", "Observation", resource=own))
    other = {**own, "subject": {"reference": f"Patient/{installation.stored_id('Patient', 'p2')}"}}
    with pytest.raises(AccessError):
        write(platform, who, "identified", Change("create", "Observation", resource=other))
    moved = {**other, "id": done.id}
    with pytest.raises(AccessError):
        write(platform, who, "identified", Change("update", "Observation", done.id, resource=moved))
    foreign = installation.stored_id("Observation", "o1")
    told = []
    for name in (foreign, "never-was"):
        for method in ("update", "delete"):
            resource = {**own, "id": name} if method == "update" else None
            with pytest.raises(CareloomError) as refused:
                write(platform, who, "identified", Change(method, "Observation", name, resource=resource))  # type: ignore[arg-type]
            told.append((type(refused.value), refused.value.where))
    assert len(set(told)) == 1
    condition = f"patient={installation.stored_id('Patient', 'p2')}"
    gone = write(platform, who, "identified", Change("delete", "Condition", condition=condition))
    assert gone.became == "absent"
    assert write(platform, who, "identified", Change("delete", "Observation", done.id)).became == "deleted"


def test_over_http_another_s_resource_is_like_one_that_never_was(installation: Installation) -> None:
    bound = installation.bearer(["patient"], ["identified"], patient="Patient/p1")
    client = installation.client
    answers = []
    for name in (installation.stored_id("Observation", "o1"), "never-was"):
        for path in (f"Observation/{name}", f"Observation/{name}/_history", f"Observation/{name}/_history/1"):
            for extra in ({}, {"If-None-Match": 'W/"1"'}, {"If-Modified-Since": "Sun, 29 Nov 2026 00:00:00 GMT"}):
                answer = client.get(f"/fhir/identified/{path}", headers=bound | extra)
                answers.append((path.count("/"), answer.status_code, answer.get_data(), "ETag" in answer.headers))
    assert {status for _, status, _, _ in answers} == {404}
    half = len(answers) // 2
    assert answers[:half] == answers[half:]
    found = client.get("/fhir/identified/Observation?_total=accurate&_count=2", headers=bound).get_json()
    own = [one for one in everything(installation) if one.type == "Observation"]
    assert found["total"] == sum(is_mary_s(installation, one.resource()) for one in own)


@pytest.mark.parametrize("query", ["_type=Patient,Observation,Group&_total=accurate", "_total=accurate", "_count=3"])
def test_a_search_of_several_types_finds_the_compartment_alone(installation: Installation, query: str) -> None:
    bound = installation.bearer(["patient"], ["identified"], patient="Patient/p1")
    answer = installation.client.get(f"/fhir/identified?{query}", headers=bound)
    assert answer.status_code == 200
    shown = [one["resource"] for one in answer.get_json()["entry"] if one["search"]["mode"] == "match"]
    assert shown
    told = [one for one in shown if one["resourceType"] != "Provenance"]
    assert all(is_mary_s(installation, one) for one in told)
    others = [installation.stored_id("Patient", name) for name in ("p2", "p3")]
    assert not any(other in answer.text for other in others)


def test_a_token_of_who_is_bound_says_patient_scopes_and_whose(installation: Installation) -> None:
    registered = installation.register(["patient"], ["identified"], patient="Patient/p1")
    form = {
        "grant_type": "client_credentials",
        "client_id": registered.client.id,
        "client_secret": registered.secret,
        "scope": "patient/Observation.rs",
    }
    answer = installation.client.post("/oauth2/token", data=form).get_json()
    assert (answer["scope"], answer["patient"]) == ("patient/Observation.rs", own_id(installation))
    refused = installation.client.post("/oauth2/token", data=form | {"scope": "system/Observation.rs"}).get_json()
    assert refused["error"] == "invalid_scope"
    token = {"Authorization": f"Bearer {answer['access_token']}"}
    assert installation.client.get("/fhir/identified/Condition", headers=token).status_code == 403
    me = installation.client.get("/api/v1/me", headers=token).get_json()
    assert (me["scopes"], me["purpose"]) == (["patient/Observation.rs"], "PATRQT")


PURPOSES = [
    ({}, 200, "HOPERAT"), ({"X-Purpose-Of-Use": "TREAT"}, 200, "TREAT"),
    ({"X-Purpose-Of-Use": "HRESCH"}, 403, "HRESCH"),
    ({"X-Purpose-Of-Use": "http://terminology.hl7.org/CodeSystem/v3-ActReason|COC"}, 200, "COC"),
    ({"X-Purpose-Of-Use": "<script>"}, 403, "UNK"), ({"X-Purpose-Of-Use": "TREAT, BTG"}, 403, "UNK"),
    ({"X-Purpose-Of-Use": "BTG"}, 403, "BTG"), ({"X-Purpose-Of-Use": ""}, 403, "UNK"),
    ({"X-Purpose-Of-Use": "T" * 5000}, 403, "UNK"),
]  # fmt: skip


@pytest.mark.parametrize(("header", "status", "purpose"), PURPOSES)
def test_a_request_says_what_it_is_for_and_the_audit_chain_keeps_it(
    installation: Installation, header: dict[str, str], status: int, purpose: str
) -> None:
    bearer = installation.bearer(["clinician"], ["identified"])
    answer = installation.client.get("/fhir/identified/Observation", headers=bearer | header)
    assert answer.status_code == status
    assert installation.events()[-1]["purpose"] == purpose


def test_a_token_for_one_purpose_serves_its_kinds_alone(installation: Installation) -> None:
    registered = installation.register(["clinician"], ["identified"])
    form = {"grant_type": "client_credentials", "client_id": registered.client.id, "client_secret": registered.secret}
    answer = installation.client.post("/oauth2/token", data=form | {"purpose_of_use": "TREAT"}).get_json()
    token = {"Authorization": f"Bearer {answer['access_token']}"}
    path = "/fhir/identified/Observation"
    assert installation.client.get(path, headers=token).status_code == 200
    assert installation.events()[-1]["purpose"] == "TREAT"
    assert installation.client.get(path, headers=token | {"X-Purpose-Of-Use": "COC"}).status_code == 200
    assert installation.client.get(path, headers=token | {"X-Purpose-Of-Use": "HOPERAT"}).status_code == 403
    wrong = installation.client.post("/oauth2/token", data=form | {"purpose_of_use": "FUN"})
    assert wrong.get_json()["error"] == "invalid_scope"
