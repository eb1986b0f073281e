"""The audit chains over HTTP: who did what, a page at a time, whether they are whole, checkpoints and proofs."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from careloom.client.audit import EventFilter
from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.errors import AccessError, CareloomError, NotFound, QueryError
from careloom.services.jobs import work
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Installation

EVENTS = "/api/v1/audit/events"


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("audit")) as made:
        made.ingest([PATIENT, {**PATIENT, "id": "p2"}, OBSERVATION])
        yield made


def sdk(
    served: Installation, *roles: str, zones: tuple[str, ...] = ("identified", "research", "synthetic")
) -> Careloom:
    registered = served.register(roles, zones)
    credential = ClientSecret(registered.client.id, registered.secret)
    return Careloom(BASE_URL, credential, transport=httpx.WSGITransport(app=served.app))


def read_by(served: Installation, name: str, patient: str = "p1") -> None:
    reader = served.bearer(["clinician"], ["identified"], name=name)
    path = f"/fhir/identified/Patient/{served.stored_id('Patient', patient)}"
    assert served.client.get(path, headers=reader).status_code == 200


def listed(served: Installation, headers: dict[str, str], **asked: Any) -> list[dict[str, Any]]:
    answer = served.client.get(EVENTS, headers=headers, query_string=asked)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.get_json()["items"]
    return items


@pytest.mark.parametrize("role", ["privacy-officer", "auditor"])
def test_who_may_audit_sees_events_newest_first_and_the_look_itself(served: Installation, role: str) -> None:
    officer = served.bearer([role], ["identified"], name="officer")
    read_by(served, "dr.weber")
    events = listed(served, officer)
    assert [event["seq"] for event in events] == list(range(events[0]["seq"], events[-1]["seq"] - 1, -1))
    assert (events[0]["actor"], events[0]["operation"], events[0]["detail"]["events"]) == ("officer", "audit", True)
    assert "Quillfeather" not in str(events)


def test_each_filter_keeps_what_it_names_and_nothing_else(served: Installation) -> None:
    officer = served.bearer(["auditor"], ["identified"])
    read_by(served, "dr.weber")
    read_by(served, "dr.web_r", "p2")
    stranger = served.bearer(["data-steward"], ["identified"], name="dr.x")
    assert served.client.get(EVENTS, headers=stranger).status_code == 403
    reads = listed(served, officer, actor="dr.weber", operation="read")
    assert {(event["actor"], event["operation"]) for event in reads} == {("dr.weber", "read")}
    assert {event["actor"] for event in listed(served, officer, actor="dr.web_r")} == {"dr.web_r"}
    assert listed(served, officer, actor="dr.web%") == []
    assert {event["actor"] for event in listed(served, officer, outcome="refused")} == {"dr.x"}
    about = listed(served, officer, patient="Patient/p1", operation="read")
    assert [event["actor"] for event in about] == ["dr.weber"]
    assert served.client.get("/api/v1/ingestions", headers=stranger).status_code == 403
    assert {
        (event["zone"], event["actor"]) for event in listed(served, officer, about="landing", outcome="refused")
    } == {("landing", "dr.x")}
    assert listed(served, officer, until="2020-01-01T00:00:00Z") == []
    assert listed(served, officer, since="2020-01-01T00:00:00Z", actor="dr.weber", operation="read") == reads


def test_a_filter_is_not_met_by_what_a_detail_says(served: Installation) -> None:
    officer = served.bearer(["auditor"], ["identified"], name="officer")
    listed(served, officer, actor="nobody")
    assert listed(served, officer, actor="nobody") == []


def test_pages_go_on_behind_what_comes_meanwhile_and_cursors_belong_to_their_filters(served: Installation) -> None:
    officer = served.bearer(["auditor"], ["identified"])
    for number in range(5):
        read_by(served, f"dr.{number}")
    answer = served.client.get(f"{EVENTS}?operation=read&limit=2", headers=officer)
    seen, cursor = answer.get_json()["items"], answer.get_json()["next"]
    assert 'rel="next"' in answer.headers["Link"]
    read_by(served, "dr.late")
    while cursor:
        page = served.client.get(f"{EVENTS}?operation=read&limit=2&cursor={cursor}", headers=officer).get_json()
        seen, cursor = [*seen, *page["items"]], page["next"]
    assert [event["actor"] for event in seen] == [f"dr.{number}" for number in range(4, -1, -1)]
    stolen = served.client.get(f"{EVENTS}?limit=2", headers=officer).get_json()["next"]
    assert served.client.get(f"{EVENTS}?operation=read&cursor={stolen}", headers=officer).status_code == 400
    with sdk(served, "auditor") as api:
        assert len(list(api.audit.all(EventFilter(operation="read")))) == 6
        with pytest.raises(QueryError):
            api.audit.events(cursor="AAAA")


def test_a_check_says_that_the_chains_are_whole_and_which_row_was_changed(served: Installation) -> None:
    read_by(served, "dr.weber")
    with sdk(served, "privacy-officer") as api:
        queued = api.audit.verify()
        assert (queued.state, queued.report) == ("waiting", None)
        work(served.platform, once=True)
        told = api.audit.wait(queued.id).report
        assert told is not None
        assert told.verified
        assert [chain.zone for chain in told.chains][:1] == ["identified"]
        with served.platform.store("identified").connect() as connection:
            connection.exec_driver_sql("DROP TRIGGER audit_keeps_values")
            connection.exec_driver_sql("UPDATE audit SET body = replace(body, 'dr.weber', 'dr.nobod')")
            connection.commit()
        queued = api.audit.verify("identified")
        work(served.platform, once=True)
        found = api.audit.wait(queued.id)
        assert found.report is not None
        assert (found.zones, found.report.verified) == (("identified",), False)
        assert "was changed" in found.report.chains[0].detail
        with pytest.raises(NotFound):
            api.audit.verification("20261122T010203Z-abc234")


def test_who_may_audit_one_zone_checks_that_one_alone(served: Installation) -> None:
    with sdk(served, "auditor", zones=("identified",)) as api:
        assert api.audit.verify("identified").zones == ("identified",)
        with pytest.raises(AccessError):
            api.audit.verify()
        with pytest.raises(AccessError):
            api.audit.checkpoint("research")


def test_a_kept_checkpoint_holds_the_chain_and_proves_an_event(served: Installation) -> None:
    with sdk(served, "auditor") as api:
        kept = api.audit.checkpoint()
        read_by(served, "dr.weber")
        proof = api.audit.prove(3, held=kept.checkpoint)
        assert proof["checkpoint"] == kept.checkpoint
        checked = api.audit.check(proof)
        assert (checked.kind, checked.signed, checked.held) == ("proof", True, True)
        assert checked.event is not None
        assert checked.event["operation"] == served.events()[2]["operation"]
        plain = api.audit.check(kept.checkpoint)
        assert (plain.kind, plain.signed, plain.held, plain.event) == ("checkpoint", True, True, None)
        forged = {**kept.checkpoint, "root": "00" * 32}
        assert not api.audit.check(forged).signed
        with pytest.raises(CareloomError, match="not of the chain"):
            api.audit.prove(3, held=forged)
        with pytest.raises(NotFound):
            api.audit.prove(10**9)
        with pytest.raises(NotFound, match="no audit chain"):
            api.audit.checkpoint("synthetic")
        forged_row = {**proof, "row": {**proof["row"], "body": proof["row"]["body"].replace("read", "seen")}}
        assert forged_row == proof or not api.audit.check(forged_row).signed


def test_a_chain_of_another_zone_that_is_cut_is_told_by_a_check(served: Installation) -> None:
    with sdk(served, "auditor") as api:
        served.platform.store("research")
        for _ in range(2):
            api.audit.events(EventFilter(zone="research"))
        with served.platform.store("research").connect() as connection:
            connection.exec_driver_sql("DROP TRIGGER audit_keeps_rows")
            connection.exec_driver_sql("DELETE FROM audit WHERE seq = 2")
            connection.commit()
        queued = api.audit.verify("research")
        work(served.platform, once=True)
        report = api.audit.wait(queued.id).report
        assert report is not None
        assert not report.verified
        assert "its end was cut off" in report.chains[0].detail
