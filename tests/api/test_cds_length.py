"""A call of CDS Hooks may be longer than other bodies: up to a limit of its own, packed or not."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.kit import Installation

MOST = 2_000_000
SERVICE = "/cds-services/order-check.order-sign"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("length"), cds={"max_call_bytes": MOST}) as installation:
        yield installation


def call(length: int) -> bytes:
    """A call of so many bytes, for somebody who is not here."""
    patient: dict[str, Any] = {"resourceType": "Patient", "id": "p1", "text": {"status": "empty", "div": ""}}
    told = {
        "hook": "order-sign", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {
            "userId": "Practitioner/1", "patientId": "p1",
            "draftOrders": {"resourceType": "Bundle", "type": "collection"},
        },
        "prefetch": {"patient": patient},
    }  # fmt: skip
    patient["text"]["div"] = "x" * (length - len(json.dumps(told)))
    return json.dumps(told).encode()


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize(("length", "is_taken"), [(MOST, True), (MOST + 1, False)])
def test_a_call_is_taken_up_to_its_own_limit(made: Installation, length: int, is_taken: bool, is_packed: bool) -> None:
    assert made.platform.settings.api.max_body_bytes < MOST
    raw = call(length)
    assert len(raw) == length
    headers = made.bearer() | {"Content-Type": "application/json"} | ({"Content-Encoding": "gzip"} if is_packed else {})
    answer = made.client.post(SERVICE, headers=headers, data=gzip.compress(raw) if is_packed else raw)
    assert (answer.status_code != 413) is is_taken, answer.json


def test_other_bodies_keep_their_limit(made: Installation) -> None:
    answer = made.client.post("/api/v1/clients", headers=made.bearer(), json={"name": "x" * MOST})
    assert answer.status_code == 413
