"""A campaign of schemathesis against an application over HTTP: every phase, every check, every operation."""

import re
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import hypothesis
import orjson
import pytest
import schemathesis
from hypothesis import strategies
from schemathesis.config import SchemathesisConfig
from schemathesis.config._checks import NEGATIVE_DATA_REJECTION_EXPECTED_STATUSES
from schemathesis.core.transport import Response
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import Interaction, ScenarioRecorder
from schemathesis.generation import GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.transport.serialization import Binary
from werkzeug.serving import WSGIRequestHandler, make_server

from careloom.api.bodies import MEDIA_TYPES
from careloom.api.idempotency import lists
from tests.architecture.operation_routes import BEYOND as OF_OPERATIONS

DOCUMENT = "/openapi/openapi.json"
REJECTIONS = [*NEGATIVE_DATA_REJECTION_EXPECTED_STATUSES, "413"]
PATIENCE_SECONDS = 600
CONFIGURATION = {
    "request-timeout": PATIENCE_SECONDS,
    "suppress-health-check": ["too_slow"],
    "checks": {"negative_data_rejection": {"expected-statuses": REJECTIONS}},
}
"""All checks are on. To them a body that is too long is refused as rightly by 413 as by 400. How long a crowded machine
takes to make up a request or to answer it is no finding."""
WRITES = (
    "POST /fhir/{zone}", "POST /fhir/{zone}/{type}", "PUT /fhir/{zone}/{type}", "PUT /fhir/{zone}/{type}/{id}",
    "PATCH /fhir/{zone}/{type}", "PATCH /fhir/{zone}/{type}/{id}", "DELETE /fhir/{zone}/{type}",
    "DELETE /fhir/{zone}/{type}/{id}",
)  # fmt: skip
NOT_WRITTEN = (400, 405, 409, 410, 412, 413, 422)
BEYOND_SCHEMAS = {
    *((write, "positive_data_acceptance", status) for write in WRITES for status in NOT_WRITTEN),
    *(
        (f"{method} /fhir/{{zone}}/{below}$export", "positive_data_acceptance", 400)
        for method in ("GET", "POST")
        for below in ("", "Group/{id}/", "Patient/")
    ),
    *OF_OPERATIONS,
    *((route, "positive_data_acceptance", 422) for route in lists()["kept"]),  # a key that stood for another request
    ("GET /fhir/{zone}/_history", "positive_data_acceptance", 400),
    ("GET /fhir/{zone}/{type}/_history", "positive_data_acceptance", 400),
    ("GET /fhir/{zone}/{type}/{id}/_history", "positive_data_acceptance", 400),
    ("PATCH /fhir/{zone}/{type}/{id}", "negative_data_rejection", 410),  # the same, before it was looked at
    ("GET /fhir/{zone}/{type}/{id}", "positive_data_acceptance", 410),  # another request deleted it
    ("GET /api/v1/users/{name}/sign-ins", "use_after_free", 200),  # the list is there after its last entry went
    ("GET /api/v1/audit/patients/{patient_id}/disclosures", "positive_data_acceptance", 400),  # a page, not of JSON
    ("POST /api/v1/audit/proofs", "positive_data_acceptance", 400),  # a checkpoint that nobody signed here
    ("POST /api/v1/scores/patient", "positive_data_acceptance", 400),  # a day that no calendar has
    ("POST /api/v1/scores/cohort", "positive_data_acceptance", 400),
    ("POST /api/v1/score-runs", "positive_data_acceptance", 400),
    ("POST /api/v1/risk/cohorts/count", "positive_data_acceptance", 400),  # neither a name nor a definition, or both
    ("POST /api/v1/risk/cohorts/why", "positive_data_acceptance", 400),
    ("POST /api/v1/risk/cohorts/compare", "positive_data_acceptance", 400),
    ("POST /api/v1/risk/training-sets/{zone}", "positive_data_acceptance", 400),
    *(
        (f"POST /api/v1/explore/{{zone}}{below}", "positive_data_acceptance", status)
        for below in ("", "/rows")
        for status in (400, 404)
    ),  # a source or column that is not there, or no number
    ("POST /api/v1/forecasts/session", "positive_data_acceptance", 400),  # a day that no calendar has
    ("POST /api/v1/forecasts/zone", "positive_data_acceptance", 400),  # a series that is too short
    ("POST /api/v1/forecasts/counts", "positive_data_acceptance", 400),
    ("POST /api/v1/forecasts/calls", "positive_data_acceptance", 400),  # a name that is there twice
    ("POST /cds-services/{service_id}", "positive_data_acceptance", 400),  # a hook that is not the service's
    ("POST /cds-services/{service_id}", "positive_data_acceptance", 412),  # CDS Hooks: the patient is not there
    ("POST /oauth2/introspect", "negative_data_rejection", 200),  # by a bearer token: no other proof is looked at
    ("POST /fhir/{zone}", "negative_data_rejection", 200),  # entries of a batch are refused one by one
    ("POST /oauth2/token", "positive_data_acceptance", 400),  # a code or refresh token that is none
    ("POST /api/v1/users", "positive_data_acceptance", 400),  # the same
    ("POST /api/v1/clients", "positive_data_acceptance", 400),  # a role gives nothing in a zone; what is a key
    ("POST /api/v1/clients/{name}/rotate", "positive_data_acceptance", 400),
    ("PUT /api/v1/clients/{name}/grants", "positive_data_acceptance", 400),
    ("POST /api/v1/emergencies", "positive_data_acceptance", 400),  # the most minutes are a setting
    ("POST /api/v1/terminology/conversions", "positive_data_acceptance", 400),
    ("POST /api/v1/subjects/rules", "positive_data_acceptance", 400),
    ("POST /api/v1/records", "positive_data_acceptance", 400),
    ("POST /api/v1/deidentify", "positive_data_acceptance", 400),
    ("POST /api/v1/nlp/analyze", "positive_data_acceptance", 400),
    ("POST /api/v1/nlp/notes/{zone}/{note_id}/correction", "positive_data_acceptance", 400),
    ("GET /api/v1/nlp/corrections", "positive_data_acceptance", 400),
    ("POST /api/v1/nlp/corpus", "positive_data_acceptance", 400),
    ("POST /api/v1/nlp/facts/search", "positive_data_acceptance", 400),
    ("POST /api/v1/nlp/facts/search", "positive_data_acceptance", 404),
    ("POST /api/v1/nlp/notes/search", "positive_data_acceptance", 400),
    ("POST /api/v1/nlp/notes/search", "positive_data_acceptance", 404),
}
"""(operation, check, status) of what is no failure: which texts are units, that one time comes before another, that a
rule names a patient or a zone, what is valid FHIR, what is text and not bytes, what fits a note, and which concepts and
pages there are, is more than a schema can say.

It stands here because the tool's own settings for one operation make it forget which operations were asked for."""
NOTHING_BACK = re.compile(r"\breturn=minimal\b")
"""What a writing request says in `Prefer` (RFC 7240) to be answered with no body, and so with no media type: that an
answer has a body or none, as a header asks, is more than a schema can say."""
LONGEST_SHOWN = 1500


@schemathesis.serializer(*(kind for kind in MEDIA_TYPES if "json" not in kind or "ndjson" in kind))
def as_they_are(_: object, value: Any) -> bytes:
    """The body of an upload as the tool made it up; for some of these media types its own way would send nothing."""
    value = value.data if isinstance(value, Binary) else value
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


# The tool's own bytes may be none, also where the document asks for one at least.
schemathesis.openapi.format("binary", strategies.binary(min_size=1, max_size=4096))


@dataclass
class Campaign:
    """What a campaign did and found.

    operations  label -> requests sent
    phases      phase -> requests sent
    statuses    "label status" -> answers
    failures    one text a failure: operation, check, what was wrong, and the request; errors of the tool stand here too
    """

    operations: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def shown(self) -> str:
        """The failures as a person reads them, and how much was tried."""
        return "\n\n".join([*(text[:LONGEST_SHOWN] for text in self.failures.values()), self.summary()])

    def summary(self) -> str:
        """How much was tried, in one line."""
        phases = ", ".join(f"{name} {number}" for name, number in sorted(self.phases.items()))
        return (
            f"{len(self.operations)} operations, {sum(self.operations.values())} requests ({phases}), "
            f"{len(self.failures)} failures, {self.seconds:.0f} s"
        )


def campaign(
    app: Any,
    headers: dict[str, str],
    *,
    examples: int,
    known: dict[str, list[str]] | None = None,
    sure: float = 0.7,
    seed: int | None = 1,
    only: str = "",
    modes: Collection[GenerationMode] = tuple(GenerationMode),
    coverage: bool = True,
) -> Campaign:
    """Runs examples, coverage, fuzzing and stateful phases with all checks.

    examples  per operation, of valid and of invalid requests alike
    known     place and name of a parameter (``path.id``) -> values that lead somewhere
    sure      how probable it is that a request has such a value, 0 to 1; with 1 every request has one
    seed      None for another course each time
    only      a regular expression of the names of the operations that are tried, all if empty
    modes     of valid requests, of invalid ones, or both
    coverage  False leaves out the phase that tries every boundary of every parameter, nine requests of ten
    """
    known = known or {}
    dictionaries = {name.replace(".", "-"): {"values": values} for name, values in known.items()}
    bindings = {name: {"dictionary": name.replace(".", "-"), "probability": sure} for name in known}
    config = SchemathesisConfig.from_dict({**CONFIGURATION, "dictionaries": dictionaries, "parameters": bindings})
    if seed is not None:
        config.update(seed=seed, max_failures=None)
    with listening(app) as url, every_example_fresh():
        schema = schemathesis.openapi.from_url(url + DOCUMENT, config=config, timeout=PATIENCE_SECONDS)
        schema.config.update(headers=headers, continue_on_failure=True)
        schema.config.phases.coverage.enabled = coverage
        for told in (schema.config.generation, schema.config.phases.stateful.generation):
            told.update(modes=[*modes], max_examples=examples, deterministic=seed is not None, no_shrink=True)
        return run(schema.include(name_regex=only) if only else schema)


@contextmanager
def every_example_fresh() -> Iterator[None]:
    """No passes in which Hypothesis makes the requests that were answered best ever smaller, and no ranks of them:
    most of a long campaign's time. Its setting, `Phase.target`, is one that schemathesis 4.32 overrules.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hypothesis, "target", lambda observation, **_: observation)
        yield


class _Silent(WSGIRequestHandler):
    """Writes no line a request."""

    def log(self, *_: object) -> None:
        pass


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """The address of the application on a free port of this machine: what is judged is what went over the wire.

    In one process the tool hands its values to Werkzeug's test client, which leaves out some that the tool judges.
    """
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(schema: BaseSchema) -> Campaign:
    """Every event of the engine, gathered."""
    found, began = Campaign(), time.monotonic()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _gather(found, event.recorder, event.phase.name.lower())
            if event.status is Status.SKIP and event.skip_reason and "operation" in event.skip_reason:
                found.failures[f"skipped {event.label}"] = f"{event.label}: {event.skip_reason}"
        elif isinstance(event, events.NonFatalError):
            found.failures[f"error {event.label} {event.info.title}"] = f"{event.label}: {event.info.format()}"
        elif isinstance(event, events.FatalError):
            raise AssertionError("schemathesis broke") from event.exception
    found.seconds = time.monotonic() - began
    return found


def _gather(found: Campaign, recorder: ScenarioRecorder, phase: str) -> None:
    for case_id, interaction in recorder.interactions.items():
        case = recorder.cases[case_id].value
        label = case.operation.label
        found.operations[label] += 1
        found.phases[phase] += 1
        if interaction.response is not None:
            found.statuses[f"{label} {interaction.response.status_code}"] += 1
    for case_id, checks in recorder.checks.items():
        case = recorder.cases[case_id].value
        for check in checks:
            if check.status is Status.FAILURE and check.failure_info is not None:
                failure = check.failure_info.failure
                response = recorder.interactions[case_id].response
                if (case.operation.label, check.name, response and response.status_code) in BEYOND_SCHEMAS:
                    continue
                if check.name == "content_type_conformance" and is_minimal(recorder.interactions[case_id]):
                    continue
                if check.name == "negative_data_rejection" and is_without_parameters(recorder.interactions[case_id]):
                    continue
                if check.name == "positive_data_acceptance" and is_of_no_list(recorder.interactions[case_id]):
                    continue
                key = f"{case.operation.label} {check.name} {failure.title}"
                text = f"{case.operation.label}: {check.name}: {failure.title}\n{failure.message}\n{_answer(response)}"
                found.failures.setdefault(key, f"{text}\n{check.failure_info.code_sample}")


def is_minimal(interaction: Interaction) -> bool:
    """Whether a request asked for no body, and was answered by success without one."""
    asked = [value for name, values in interaction.request.headers.items() if name == "Prefer" for value in values]
    answered = interaction.response
    return (
        answered is not None
        and answered.status_code in (200, 201)
        and not answered.content
        and any(NOTHING_BACK.search(value) for value in asked)
    )


def is_without_parameters(interaction: Interaction) -> bool:
    """Whether an operation of FHIR that needs none was sent Parameters that hold none: the document asks for the list
    so that a request has something in it, FHIR R4 (parameters.html) does not."""
    asked, answered = interaction.request, interaction.response
    if asked.method != "POST" or "/$" not in asked.uri.replace("%24", "$") or not asked.body:
        return False
    try:
        sent = orjson.loads(asked.body)
    except orjson.JSONDecodeError:
        return False
    is_bare = isinstance(sent, dict) and sent.get("resourceType") == "Parameters" and "parameter" not in sent
    return is_bare and answered is not None and answered.status_code in (200, 202)


def is_of_no_list(interaction: Interaction) -> bool:
    """Whether a page was asked for by a cursor that no list has given: which do is more than a schema can say."""
    answered = interaction.response
    return (
        answered is not None
        and answered.status_code == 400
        and b"this cursor is not one of this list" in answered.content
        and "cursor" in parse_qs(urlsplit(interaction.request.uri).query, keep_blank_values=True)
    )


def _answer(response: Response | None) -> str:
    return "no answer" if response is None else f"{response.status_code} {response.content[:400]!r}"
