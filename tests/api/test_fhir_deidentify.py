"""``$de-identify`` under a FHIR base: what comes out, and who may ask."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from werkzeug.test import TestResponse

from careloom.fhir.validate import check
from tests.api.kit import OBSERVATION, PATIENT, Installation

TEXT = "Ms. Quillfeather was seen on 2024-03-05."


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("de-identify")) as installation:
        installation.ingest([PATIENT, OBSERVATION])
        yield installation


def ask(
    made: Installation, path: str, sent: Any = None, headers: dict[str, str] | None = None, zone: str = "identified"
) -> TestResponse:
    more: dict[str, Any] = {} if sent is None else {"data": orjson.dumps(sent), "content_type": "application/fhir+json"}
    method = "GET" if sent is None else "POST"
    return made.client.open(f"/fhir/{zone}/{path}", method=method, headers=headers or made.bearer(), **more)


def parts(answer: TestResponse) -> dict[str, Any]:
    """Name -> part of the Parameters that came back; the last of several."""
    told = answer.get_json(force=True)
    assert (answer.status_code, told["resourceType"], check(told)) == (200, "Parameters", [])
    return {one["name"]: one for one in told["parameter"]}


def with_parts(**named: str | dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": name, ("resource" if isinstance(part, dict) else "valueString"): part}
            for name, part in named.items()
        ],
    }


def test_a_resource_comes_back_without_identity(made: Installation) -> None:
    for policy, sent in (("first", PATIENT), ("safe-harbor", with_parts(resource=PATIENT, policy="safe-harbor"))):
        found = parts(ask(made, "$de-identify", sent))
        assert check(found["return"]["resource"]) == []
        assert "Quillfeather" not in str(found)
        assert found["return"]["resource"]["id"] != "p1"
        assert found["policy"]["valueString"] == f"{policy}|1"


def test_a_text_comes_back_without_identity(made: Installation) -> None:
    found = parts(ask(made, "$de-identify", with_parts(text=TEXT, style="tag")))
    assert found["text"]["valueString"] == "Ms. [NAME] was seen on [DATE]."


def test_a_stored_resource_is_de_identified_and_both_uses_are_audited(made: Installation) -> None:
    patient = made.stored_id("Patient", "p1")
    found = parts(ask(made, f"Patient/{patient}/$de-identify?policy=safe-harbor"))
    assert "Quillfeather" not in str(found)
    assert patient not in str(found)
    assert [event["operation"] for event in made.events()[-2:]] == ["read", "deidentify-one"]


REFUSED: list[tuple[str, Any, int]] = [
    ("$de-identify", with_parts(text=TEXT, resource=PATIENT), 400),
    ("$de-identify", with_parts(), 400),
    ("$de-identify", with_parts(text=TEXT, style="loud"), 400),
    ("$de-identify", with_parts(text=TEXT, policy="unheard-of"), 400),
    ("$de-identify", with_parts(text=TEXT, wish="x"), 400),
    ("$de-identify", PATIENT | {"gender": "Zephyrine"}, 400),
    ("Patient/nobody/$de-identify", None, 404),
    ("Wish/nobody/$de-identify", None, 404),
]


@pytest.mark.parametrize(("path", "sent", "status"), REFUSED)
def test_what_cannot_be_done_is_told_as_an_outcome(made: Installation, path: str, sent: Any, status: int) -> None:
    answer = ask(made, path, sent)
    assert (answer.status_code, answer.get_json(force=True)["resourceType"]) == (status, "OperationOutcome")
    assert "Zephyrine" not in answer.text
    assert made.events()[-1]["outcome"] == "failed"


def test_it_is_for_the_identified_zone_and_who_may_preview(made: Installation) -> None:
    assert ask(made, "$de-identify", PATIENT, zone="research").status_code == 405
    stored = f"Patient/{made.stored_id('Patient', 'p1')}/$de-identify"
    for path, sent in (("$de-identify", PATIENT), (stored, None)):
        assert ask(made, path, sent, made.bearer(scopes="system/*.cruds")).status_code == 403
        assert ask(made, path, sent, made.bearer(zones=["identified"])).status_code == 403
    assert ask(made, stored, None, made.bearer(scopes="careloom/preview")).status_code == 403
