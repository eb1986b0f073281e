"""What the OpenAPI document promises is what the application does, whatever is sent: schemathesis finds nothing."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
import requests
from schemathesis.core.transport import Response
from schemathesis.engine.recorder import Interaction, Request
from schemathesis.generation import GenerationMode

from careloom.api import job_events
from careloom.services.changes import Change
from careloom.services.deidentify import deidentify
from careloom.services.write import write
from tests.api.campaign import PATIENCE_SECONDS, campaign, is_minimal, listening
from tests.api.kit import OBSERVATION, PATIENT, Installation
from tests.architecture.routes import ROUTES

EXAMPLES = int(os.environ.get("CARELOOM_EXAMPLES", "2"))
REFUSED = OBSERVATION | {"id": "o2", "status": "unheard-of"}


@contextmanager
def opened(folder: Path) -> Iterator[Installation]:
    """With tokens and rates that outlast a campaign, and streams of jobs that are soon over."""
    api = {"token_seconds": 3600, "client_rate": "1000000000/minute"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_events, "LOOK_SECONDS", 0.01)
        patch.setattr(job_events, "STREAM_SECONDS", 0.05)
        with Installation(folder, api=api) as made:
            yield made


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with opened(tmp_path_factory.mktemp("campaign")) as made:
        yield made


@pytest.fixture(scope="module")
def known(installation: Installation) -> dict[str, list[str]]:
    return known_of(installation)


def known_of(installation: Installation) -> dict[str, list[str]]:
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


def parts() -> dict[str, set[str]]:
    """Beginning of the path -> names of its operations: all of them, in campaigns that take minutes."""
    found: dict[str, set[str]] = {}
    for route in ROUTES:
        beginning = re.match(r"(/api/v1)?/[^/]+", route.name.split()[1])
        assert beginning is not None
        found.setdefault(beginning[0], set()).add(route.name)
    return dict(sorted(found.items()))


PARTS = parts()
READS = {
    "/fhir/{zone}/{type}/{id}": {"path.type": 0, "path.id": 0},
    "/api/v1/ingestions/{run_id}": {"path.run_id": 1},
    "/api/v1/deidentifications/{run_id}": {"path.run_id": 0},
    "/api/v1/deidentifications/{run_id}/report": {"path.run_id": 0},
}
"""Route -> which of the known values of a parameter is of it."""
UNCONDITIONAL = {
    "header.Accept": ["application/fhir+json"],
    "header.If-None-Match": ['W/"0"'],
    "query._format": ["json"],
}
"""So that nothing of a valid request may make its answer 304 or 406."""


@pytest.mark.parametrize("path", READS)
def test_a_campaign_gets_as_far_as_an_answer(
    installation: Installation, known: dict[str, list[str]], path: str
) -> None:
    """Before the campaign of all: there somebody may have erased the patient, or stopped the client, meanwhile."""
    own = known | UNCONDITIONAL | {name: [known[name][position]] for name, position in READS[path].items()}
    found = campaign(
        installation.app, installation.bearer(), examples=4, known=own, sure=1, coverage=False,
        modes=[GenerationMode.POSITIVE], only=f"^GET {re.escape(path)}$",
    )  # fmt: skip
    assert not found.failures, found.shown()
    assert set(found.operations) == {f"GET {path}"}
    assert found.statuses[f"GET {path} 200"]


def test_a_campaign_with_every_right_finds_nothing(installation: Installation, known: dict[str, list[str]]) -> None:
    """The phase of boundaries belongs to the long campaigns."""
    found = campaign(installation.app, installation.bearer(), examples=EXAMPLES, known=known, coverage=False)
    assert not found.failures, found.shown()
    assert set(found.operations) == {route.name for route in ROUTES}
    assert not any(name.endswith(" 429") for name in found.statuses), "refused for how often it asked, not for what"


@pytest.mark.long
@pytest.mark.parametrize("examples", [100, 500])
def test_a_long_campaign_finds_nothing(installation: Installation, known: dict[str, list[str]], examples: int) -> None:
    found = campaign(installation.app, installation.bearer(), examples=examples, known=known, seed=None)
    print(found.summary())
    assert not found.failures, found.shown()
    assert found.statuses["POST /oauth2/token 200"]
    assert not any(name.endswith(" 429") for name in found.statuses), "refused for how often it asked, not for what"


@pytest.mark.long
@pytest.mark.parametrize("part", PARTS)
def test_300_examples_of_every_operation_of_a_part_find_nothing(tmp_path: Path, part: str) -> None:
    """A part at a time, so that it ends within an hour on a crowded machine, and a finding shows early."""
    with opened(tmp_path) as made:
        found = campaign(
            made.app, made.bearer(), examples=300, known=known_of(made), seed=None, only=rf" {re.escape(part)}(/|$)"
        )
    print(part, found.summary())
    assert not found.failures, found.shown()
    assert set(found.operations) == PARTS[part]
    assert not any(name.endswith(" 429") for name in found.statuses), "refused for how often it asked, not for what"


@pytest.mark.long
def test_a_campaign_without_a_token_is_answered_well(installation: Installation) -> None:
    """Only what anybody may reach answers with success; nothing fails."""
    found = campaign(installation.app, {}, examples=15)
    assert not found.failures, found.shown()


def test_only_a_write_that_asked_for_no_body_may_be_answered_by_none(installation: Installation) -> None:
    """Else an answer without a media type is a finding."""
    minimal, whole = {"Prefer": "respond-async, return=minimal"}, {"Prefer": "return=representation"}
    lab = {"resourceType": "Organization", "name": "Lab"}
    made = write(
        installation.platform, installation.operator, "identified", Change("create", "Organization", resource=dict(lab))
    )
    named = lab | {"id": made.id, "name": "Laboratory"}
    table: list[tuple[str, str, dict[str, str], dict[str, str], int, bool]] = [
        ("POST", "", minimal, lab, 201, True),
        ("POST", "", whole, lab, 201, False),
        ("PUT", f"/{made.id}", minimal, named, 200, True),
        ("PUT", f"/{made.id}", {}, named, 200, False),
        ("PUT", f"/{made.id}", minimal, named | {"id": "other"}, 400, False),
        ("GET", f"/{made.id}", minimal, {}, 200, False),
        ("DELETE", f"/{made.id}", minimal, {}, 204, False),  # the document knows that it has no body
    ]
    headers = installation.bearer() | {"Content-Type": "application/fhir+json"}
    with listening(installation.app) as url:
        for method, path, asked, sent, status, expected in table:
            answer = requests.request(
                method, f"{url}/fhir/identified/Organization{path}", data=orjson.dumps(sent) if sent else None,
                headers=headers | asked, timeout=PATIENCE_SECONDS,
            )  # fmt: skip
            seen = Interaction(
                Request.from_prepared_request(answer.request), Response.from_requests(answer, verify=False)
            )
            assert (answer.status_code, is_minimal(seen)) == (status, expected), (method, path, asked)


def test_the_campaign_would_notice(installation: Installation) -> None:
    """A promise that is broken on purpose: an answer that the document does not know."""
    view = installation.app.view_functions["health.live"]
    installation.app.view_functions["health.live"] = lambda: ({"status": "perhaps"}, 200)
    try:
        found = campaign(installation.app, {}, examples=1, only=" /healthz$")
    finally:
        installation.app.view_functions["health.live"] = view
    assert any(name.startswith("GET /healthz response_schema_conformance") for name in found.failures), found.shown()
