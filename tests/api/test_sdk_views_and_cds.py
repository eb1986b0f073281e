"""The SDK exports views and speaks CDS Hooks as the addresses do."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.client.pace import Pace
from careloom.errors import InputError, NotFound, Precondition, QueryError
from careloom.services.jobs import work
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Installation
from tests.api.test_fhir_views import VIEW

SERVICE = "order-check.order-sign"
INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"


def call(patient: str) -> dict[str, Any]:
    """An order that is about to be signed."""
    draft = {"resourceType": "ServiceRequest", "id": "d1", "status": "draft", "intent": "order",
             "code": {"text": "Chest X-ray"}, "subject": {"reference": f"Patient/{patient}"}}  # fmt: skip
    orders = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft}]}
    context = {"userId": "Practitioner/1", "patientId": patient, "draftOrders": orders}
    return {"hook": "order-sign", "hookInstance": INSTANCE, "context": context}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("sdk-views")) as installation:
        installation.ingest([PATIENT, OBSERVATION])
        yield installation


@pytest.fixture(scope="module")
def api(made: Installation) -> Iterator[Careloom]:
    transport = httpx.WSGITransport(app=made.app)
    with Careloom(BASE_URL, Bearer(made.token()), transport=transport, pace=Pace(attempts=1)) as client:
        yield client


def test_views_are_exported_watched_fetched_and_cancelled(made: Installation, api: Careloom) -> None:
    exports, patient = api.view_exports("identified"), made.stored_id("Patient", "p1")
    status = exports.begin({"people": VIEW, "shipped": "patient"}, form="csv", patients=[patient])
    assert exports.look(status) is None
    work(made.platform, once=True)
    whole = exports.wait(status)
    assert (whole.format, sorted(whole.files)) == ("csv", ["people", "shipped"])
    assert exports.file(whole.files["people"][0]) == b"family,born\nQuillfeather,1961-04-05\n"
    exports.cancel(status)
    with pytest.raises(NotFound):
        exports.look(status)
    with pytest.raises(NotFound):
        exports.begin({"x": "no-such-view"})
    with pytest.raises(QueryError):
        exports.begin({"x": VIEW}, form="xls")


def test_cds_services_are_listed_called_and_told(made: Installation, api: Careloom) -> None:
    assert SERVICE in {one["id"] for one in api.cds.services()}
    here = call(made.stored_id("Patient", "p1"))
    assert api.cds.call(SERVICE, here) == []
    with pytest.raises(Precondition):
        api.cds.call(SERVICE, call("nobody"))
    with pytest.raises(NotFound):
        api.cds.call("nothing.patient-view", here | {"hook": "patient-view"})
    with pytest.raises(InputError):
        api.cds.call(SERVICE, {"hook": "order-sign"})
    told = {"card": INSTANCE, "outcome": "accepted", "outcomeTimestamp": "2026-11-22T10:00:00Z"}
    assert api.cds.feedback(SERVICE, [told]) == (0, 1)
