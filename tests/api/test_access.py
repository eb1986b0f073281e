"""Break-glass, who saw a patient and disclosures over HTTP; and headers and scopes that mean harm."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.errors import AccessError, InputError, NotFound
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Installation

REASON = "unconscious, allergies unknown"
SHUT: dict[str, Any] = {
    "resourceType": "Consent", "id": "c", "status": "active", "scope": {"coding": [{"code": "patient-privacy"}]},
    "category": [{"coding": [{"code": "x"}]}], "patient": {"reference": "Patient/p1"},
    "policy": [{"uri": "urn:policy"}], "provision": {"type": "deny"},
}  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("access")) as made:
        other = {**OBSERVATION, "id": "o2", "subject": {"reference": "Patient/p2"}}
        made.ingest([PATIENT, {**PATIENT, "id": "p2"}, OBSERVATION, other, SHUT])
        yield made


def sdk(served: Installation, *roles: str) -> Careloom:
    registered = served.register(roles, ["identified"])
    transport = httpx.WSGITransport(app=served.app)
    credential = ClientSecret(registered.client.id, registered.secret)
    return Careloom(BASE_URL, credential, transport=transport)


def test_the_glass_is_broken_watched_and_acknowledged(served: Installation) -> None:
    patient = served.stored_id("Patient", "p1")
    doctor = served.bearer(["clinician"], ["identified"], name="dr.weber")
    path = f"/fhir/identified/Patient/{patient}"
    assert served.client.get(path, headers=doctor).status_code == 404
    ask = {"patient": f"Patient/{patient}", "reason": REASON}
    opened = served.client.post("/api/v1/emergencies", json=ask, headers=doctor)
    assert opened.status_code == 201
    under = doctor | {"X-Break-Glass": opened.get_json()["id"]}
    assert served.client.get(path, headers=under).status_code == 200
    other = served.bearer(["clinician"], ["identified"])
    assert served.client.get(path, headers=other | {"X-Break-Glass": under["X-Break-Glass"]}).status_code == 403
    assert served.client.get(path, headers=under | {"X-Purpose-Of-Use": "TREAT"}).status_code == 404
    metrics = served.client.get("/metrics", headers=served.bearer()).text
    assert "careloom_emergencies_waiting 1.0" in metrics
    with sdk(served, "privacy-officer") as officer:
        (waiting,) = officer.access.emergencies(waiting=True)
        assert (waiting.actor, waiting.reason, waiting.patient) == ("dr.weber", REASON, f"Patient/{patient}")
        assert officer.access.acknowledge(waiting.id).acknowledged is not None
        assert officer.access.emergencies(waiting=True) == ()
        views = officer.access.patient_views("p1")
        assert any(one.emergency == waiting.id and one.purpose == "BTG" for one in views.views)
        assert officer.access.disclosures("p1").rule == "45 CFR 164.528"
        with pytest.raises(NotFound):
            officer.access.acknowledge("a" * 26)
        with pytest.raises(AccessError):
            officer.access.break_glass("Patient/p1", REASON)
    with sdk(served, "clinician") as colleague:
        mine = colleague.access.break_glass("Patient/p1", REASON, minutes=5)
        assert mine.acknowledged is None
        with pytest.raises(NotFound):
            colleague.asking(purpose="TREAT").fhir("identified").read("Patient", patient)
        under = colleague.asking(emergency=mine.id)
        assert under.fhir("identified").read("Patient", patient)["id"] == patient
        assert (colleague.me().purpose, under.me().purpose) == ("HOPERAT", "BTG")
        with pytest.raises(InputError):
            colleague.asking(purpose="TREAT\r\nX-Evil: 1")
        with pytest.raises(AccessError):
            colleague.access.emergencies()


@pytest.mark.parametrize(("form", "kind"), [("csv", "text/csv"), ("html", "text/html"), ("json", "application/json")])
def test_disclosures_come_as_they_are_asked_for(served: Installation, form: str, kind: str) -> None:
    reader = served.bearer(["service"], ["identified"]) | {"X-Purpose-Of-Use": "PUBHLTH"}
    served.client.get(f"/fhir/identified/Patient/{served.stored_id('Patient', 'p2')}", headers=reader)
    path = f"/api/v1/audit/patients/{served.stored_id('Patient', 'p2')}/disclosures?format={form}"
    answer = served.client.get(path, headers=served.bearer(["auditor"], ["identified"]))
    assert answer.status_code == 200
    assert answer.mimetype == kind
    assert "public health" in answer.text
    assert "Quillfeather" not in answer.text


HEADERS = st.dictionaries(
    st.sampled_from(["X-Purpose-Of-Use", "X-Break-Glass", "If-None-Match", "If-Modified-Since", "Prefer", "Accept"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40)
    | st.sampled_from(["TREAT", "BTG", "HRESCH", "*", 'W/"1"', "handling=lenient", "a" * 26, "../..", "%00",
                       "' OR 1=1--"]),
)  # fmt: skip
SCOPES = st.lists(
    st.sampled_from(["patient/*.rs", "patient/*.cruds", "system/*.rs", "user/*.rs", "careloom/audit", "launch",
                     "patient/*"])
    | st.from_regex(r"\A(system|user|patient|careloom)/[A-Za-z*]{0,12}(\.[a-z*]{0,6})?\Z"),
    max_size=4,
)  # fmt: skip
PATHS = [
    "Patient/{p2}", "Patient/{p2}/_history", "Patient/{p2}/_history/1", "Observation/{o2}",
    "Patient?_id={p2}&_total=accurate",
    "Observation?patient={p2}&_total=accurate", "Patient?_has:Observation:patient:_id={o2}", "_history?_count=50",
    "Observation?subject:Patient._id={p2}&_summary=count", "Observation?_include=*&_count=100",
]  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HEADERS, SCOPES, st.sampled_from(PATHS))
def test_no_header_and_no_scope_gets_another_patient_out(
    served: Installation, headers: dict[str, str], scopes: list[str], path: str
) -> None:
    if "mary" not in served.__dict__:
        served.__dict__["mary"] = served.register(["patient"], ["identified"], patient="Patient/p1")
    mary = served.__dict__["mary"]
    form = {"grant_type": "client_credentials", "client_id": mary.client.id, "client_secret": mary.secret}
    issued = served.client.post("/oauth2/token", data=form | {"scope": " ".join(scopes)}).get_json()
    assert issued.get("error") in (None, "invalid_scope")
    token = issued.get("access_token") or served.client.post("/oauth2/token", data=form).get_json()["access_token"]
    names = {"p2": served.stored_id("Patient", "p2"), "o2": served.stored_id("Observation", "o2")}
    answer = served.client.get(
        f"/fhir/identified/{path.format(**names)}", headers=headers | {"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code in (200, 304, 400, 403, 404, 406)
    told = answer.text.replace(path.format(**names), "")
    if answer.status_code == 200 and answer.is_json:
        bundle = answer.get_json()
        assert bundle.get("total", 0) == 0 or path.startswith(("_history", "Observation?_include"))
        assert all(names["p2"] not in str(one.get("resource")) for one in bundle.get("entry", ()))
    assert "Quillfeather" not in told or names["p2"] not in told
