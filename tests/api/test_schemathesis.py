"""What the OpenAPI document promises is what the application does, whatever is sent: schemathesis finds nothing."""

import os
from collections.abc import Iterator

import pytest

from careloom.services.deidentify import deidentify
from tests.api.campaign import campaign
from tests.api.kit import OBSERVATION, PATIENT, Installation
from tests.architecture.routes import ROUTES

EXAMPLES = int(os.environ.get("CARELOOM_EXAMPLES", "2"))
REFUSED = OBSERVATION | {"id": "o2", "status": "unheard-of"}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """With tokens that outlast the campaign."""
    with Installation(tmp_path_factory.mktemp("campaign"), api={"token_seconds": 3600}) as made:
        yield made


@pytest.fixture(scope="module")
def known(installation: Installation) -> dict[str, list[str]]:
    """What there is to find: two records, one that was refused, their run, a de-identification, and a client."""
    run = installation.ingest([PATIENT, OBSERVATION, REFUSED]).run_id
    deidentified = deidentify(installation.platform, installation.operator).run_id
    client = installation.register()
    return {
        "path.zone": ["identified"],
        "path.type": ["Patient", "Observation"],
        "path.id": [installation.stored_id("Patient", "p1"), installation.stored_id("Observation", "o1")],
        "path.vid": ["1"],
        "path.run_id": [deidentified, run],
        "body.client_id": [client.client.id],
        "body.client_secret": [client.secret],
    }


READS = (
    "/fhir/{zone}/{type}/{id}", "/api/v1/ingestions/{run_id}", "/api/v1/deidentifications/{run_id}",
    "/api/v1/deidentifications/{run_id}/report",
)  # fmt: skip


@pytest.mark.parametrize("path", READS)
def test_a_campaign_gets_as_far_as_an_answer(
    installation: Installation, known: dict[str, list[str]], path: str
) -> None:
    """Before the campaign of all: there somebody may have erased the patient, or stopped the client, meanwhile."""
    found = campaign(installation.app, installation.bearer(), examples=8, known=known, coverage=False, path=path)
    assert not found.failures, found.shown()
    assert found.statuses[f"GET {path} 200"]


def test_a_campaign_with_every_right_finds_nothing(installation: Installation, known: dict[str, list[str]]) -> None:
    """The phase of boundaries belongs to the long campaigns."""
    found = campaign(installation.app, installation.bearer(), examples=EXAMPLES, known=known, coverage=False)
    assert not found.failures, found.shown()
    assert set(found.operations) == {route.name for route in ROUTES}


@pytest.mark.long
@pytest.mark.parametrize("examples", [100, 500])
def test_a_long_campaign_finds_nothing(installation: Installation, known: dict[str, list[str]], examples: int) -> None:
    found = campaign(installation.app, installation.bearer(), examples=examples, known=known, seed=None)
    print(found.summary())
    assert not found.failures, found.shown()
    assert found.statuses["POST /oauth2/token 200"]


@pytest.mark.long
def test_a_campaign_without_a_token_is_answered_well(installation: Installation) -> None:
    """Only what anybody may reach answers with success; nothing fails."""
    found = campaign(installation.app, {}, examples=15)
    assert not found.failures, found.shown()


def test_the_campaign_would_notice(installation: Installation) -> None:
    """A promise that is broken on purpose: an answer that the document does not know."""
    view = installation.app.view_functions["health.live"]
    installation.app.view_functions["health.live"] = lambda: ({"status": "perhaps"}, 200)
    try:
        found = campaign(installation.app, {}, examples=1, path="/healthz")
    finally:
        installation.app.view_functions["health.live"] = view
    assert any(name.startswith("GET /healthz response_schema_conformance") for name in found.failures), found.shown()
