"""A campaign of schemathesis against an application in this process: every phase, every check, every operation."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from hypothesis import strategies
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transport import Response
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.schemas import BaseSchema
from schemathesis.transport.serialization import Binary

from careloom.api.bodies import MEDIA_TYPES

DOCUMENT = "/openapi/openapi.json"


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
        return "\n\n".join([*self.failures.values(), self.summary()])

    def summary(self) -> str:
        """How much was tried, in one line."""
        phases = ", ".join(f"{name} {number}" for name, number in sorted(self.phases.items()))
        return (
            f"{len(self.operations)} operations, {sum(self.operations.values())} requests ({phases}), "
            f"{len(self.failures)} failures, {self.seconds:.0f} s"
        )


def campaign(
    app: Any, headers: dict[str, str], *, examples: int, seed: int | None = 1, path: str = "", **generation: Any
) -> Campaign:
    """Runs examples, coverage, fuzzing and stateful phases with all checks.

    examples  per operation, of valid and of invalid requests alike
    seed      None for another course each time
    path      of the only operations that are tried, all if empty
    """
    config = SchemathesisConfig.from_dict({})
    if seed is not None:
        config.update(seed=seed, max_failures=None)
    schema = schemathesis.openapi.from_wsgi(DOCUMENT, app, config=config)
    schema.config.update(headers=headers, continue_on_failure=True)
    for told in (schema.config.generation, schema.config.phases.stateful.generation):
        told.update(max_examples=examples, deterministic=seed is not None, no_shrink=True, **generation)
    return run(schema.include(path=path) if path else schema)


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
                key = f"{case.operation.label} {check.name} {failure.title}"
                response = recorder.interactions[case_id].response
                text = f"{case.operation.label}: {check.name}: {failure.title}\n{failure.message}"
                found.failures.setdefault(key, f"{text}\n{check.failure_info.code_sample}\n{_answer(response)}")


def _answer(response: Response | None) -> str:
    return "no answer" if response is None else f"{response.status_code} {response.content[:400]!r}"
