"""The examples of CDS Hooks that others wrote, each sent as what it is: taken, or refused at the place that is wrong.

The files of the suite that are no strict JSON are fragments and commented examples of the specification's pages.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import pytest
from pydantic import ValidationError

from careloom.api.cds_cards_schemas import (
    CdsAction,
    CdsCard,
    CdsCards,
    CdsReason,
    CdsService,
    CdsServices,
    CdsSource,
)
from careloom.api.cds_hooks_schemas import CdsAuthorization
from careloom.runtime import Runtime
from tests.api.kit import Clock, Installation
from tests.api.test_scores import AT
from tests.architecture.score_routes import CALL, champion
from tests.score_kit import NAME

pytestmark = pytest.mark.skipif("CARELOOM_SUITES" not in os.environ, reason="CARELOOM_SUITES names no folder of suites")
Kind = Literal["call", "context", "cards", "card", "services", "feedback", "part", "fragment"]
VIEW = f"/cds-services/{NAME}.patient-view"
SPEC = "spec_snippets/specification_current-{}.json"
LOOSE = "spec_snippets_not_strict_json/{}.json"
OTHER_HOOK = "cds: hook"

# file -> what it is, and what is wrong with it: a place, or words of the refusal; empty where it is taken
CASES: dict[str, tuple[Kind, str]] = {
    "cdshooks-request-order-select-good.json": ("call", ""),
    "cdshooks-request-order-select-extensions.json": ("call", "context.draftOrders is missing"),
    "cdshooks-request-order-sign-bad-2.json": ("call", "context.patientId"),
    "cdshooks-request-patient-view-bad.json": ("call", "context.encounterId, context.patientId"),
    "cdshooks-response-link.json": ("cards", ""),
    "cdshooks-response-no-link.json": ("cards", ""),
    "cdshooks-response-source-link.json": ("cards", "cards.0.links.0.type, cards.0.summary"),
    "cdshooks-services-order-select-extensions.json": ("services", ""),
    "spec_snippets/examples-0.json": ("call", "member 1 of prefetch is no resource"),  # of the first draft, FHIR DSTU2
    "spec_snippets/examples-1.json": ("card", "source"),
    "spec_snippets/hooks_allergyintolerance-create-0.json": ("context", OTHER_HOOK),
    "spec_snippets/hooks_allergyintolerance-create-1.json": ("context", OTHER_HOOK),
    "spec_snippets/hooks_medication-prescribe-0.json": ("context", OTHER_HOOK),
    "spec_snippets/hooks_medication-prescribe-1.json": ("context", OTHER_HOOK),
    "spec_snippets/hooks_order-select-0.json": ("context", ""),
    "spec_snippets/hooks_order-sign-0.json": ("context", ""),
    "spec_snippets/hooks_problem-list-item-create-0.json": ("context", OTHER_HOOK),
    "spec_snippets/hooks_problem-list-item-create-1.json": ("context", OTHER_HOOK),
    "spec_snippets/quickstart-0.json": ("services", ""),
    "spec_snippets/quickstart-1.json": ("cards", "cards.0.indicator"),  # success is none of its three
    "spec_snippets/quickstart-2.json": ("call", ""),
    SPEC.format(0): ("services", ""),
    SPEC.format(1): ("call", ""),
    SPEC.format(2): ("part", ""),  # prefetch of a service
    SPEC.format(4): ("context", "context.patientId, context.userId"),
    SPEC.format(8): ("part", ""),  # fhirAuthorization
    SPEC.format(10): ("part", ""),  # source
    SPEC.format(11): ("part", ""),  # actions
    SPEC.format(12): ("part", ""),
    SPEC.format(13): ("part", ""),
    SPEC.format(14): ("part", ""),  # overrideReasons
    SPEC.format(16): ("cards", ""),
    SPEC.format(17): ("cards", "cards.0.indicator"),  # it has none
    SPEC.format(23): ("services", ""),
    LOOSE.format("hooks_appointment-book-0"): ("fragment", OTHER_HOOK),
    LOOSE.format("hooks_appointment-book-1"): ("fragment", OTHER_HOOK),
    LOOSE.format("hooks_encounter-start-0"): ("fragment", OTHER_HOOK),
    LOOSE.format("hooks_order-select-2"): ("fragment", "draftOrders.entry[1] is no resource of FHIR R4"),  # of DSTU2
    LOOSE.format("hooks_template-0"): ("fragment", "context.userId"),
    LOOSE.format("specification_current-18"): ("feedback", ""),
    LOOSE.format("specification_current-19"): ("feedback", ""),
    LOOSE.format("specification_current-20"): ("feedback", ""),
    LOOSE.format("specification_current-24"): ("fragment", ""),
    LOOSE.format("specification_current-26"): ("fragment", "context.patientId, context.userId"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("cds"), Runtime(clock=Clock(AT)), api={"token_seconds": 3600}) as one:
        champion(one)
        yield one


def folder() -> Path:
    return Path(os.environ["CARELOOM_SUITES"]) / "cds_hooks"


def strict(file: str) -> Any:
    """A file as JSON; what the specification's pages add to theirs (an address, comments) is taken away."""
    text = (folder() / file).read_text("utf-8")
    bare = re.sub(r"^POST .*$", "", re.sub(r"(?m)\s//.*$", "", text), flags=re.MULTILINE).strip()
    return json.loads(bare if bare.startswith("{") else f"{{{bare}}}")


def hook_of(file: str) -> str:
    found = re.search(r"hooks_([a-z-]+)-\d", file)
    return found[1] if found and found[1] != "template" else "patient-view"


def sent(place: Installation, told: Any) -> str:
    """What a call is refused with; empty where it got as far as its patient, whom nobody knows here."""
    service = f"/cds-services/order-check.{told['hook']}" if told["hook"] in ("order-select", "order-sign") else VIEW
    answer = place.client.post(service, json=told, headers=place.bearer())
    if answer.status_code == 412:
        return ""
    assert answer.status_code == 400, answer.text
    return str(answer.json["detail"])


def test_every_file_of_the_suite_is_tried() -> None:
    found = {str(one.relative_to(folder())) for one in folder().rglob("*.json")}
    assert set(CASES) == found
    assert len(CASES) == 44
    assert {kind for kind, _ in CASES.values()} == set(get_args(Kind))


@pytest.mark.parametrize("file", [file for file, (kind, _) in CASES.items() if kind == "call"])
def test_a_call_is_understood_or_refused_where_it_is_wrong(place: Installation, file: str) -> None:
    said = sent(place, strict(file))
    assert CASES[file][1] in said if CASES[file][1] else not said


@pytest.mark.parametrize("file", [file for file, (kind, _) in CASES.items() if kind in ("context", "fragment")])
def test_a_context_is_understood_where_its_hook_is_served(place: Installation, file: str) -> None:
    said = sent(place, CALL | {"hook": hook_of(file)} | strict(file))
    assert CASES[file][1] in said if CASES[file][1] else not said


@pytest.mark.parametrize("file", [file for file, (kind, _) in CASES.items() if kind in ("fragment", "feedback")])
def test_what_is_no_json_is_refused_as_it_is(place: Installation, file: str) -> None:
    raw = (folder() / file).read_bytes()
    headers = place.bearer() | {"Content-Type": "application/json"}
    answer = place.client.post(VIEW + "/feedback" * (CASES[file][0] == "feedback"), data=raw, headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize("file", [file for file, (kind, _) in CASES.items() if kind == "feedback"])
def test_feedback_is_taken_and_of_no_card_here(place: Installation, file: str) -> None:
    answer = place.client.post(f"{VIEW}/feedback", json=strict(file), headers=place.bearer())
    assert (answer.status_code, answer.json) == (200, {"answers": 0, "unknown": 1})


@pytest.mark.parametrize("file", [file for file, (kind, _) in CASES.items() if kind in ("cards", "card", "services")])
def test_answers_of_others_keep_the_rules_that_ours_keep(file: str) -> None:
    kind, wrong = CASES[file]
    model = {"cards": CdsCards, "card": CdsCard, "services": CdsServices}[kind]
    try:
        model.model_validate(strict(file))
        found = ""
    except ValidationError as error:
        found = ", ".join(sorted(".".join(map(str, one["loc"])) for one in error.errors()))
    assert found == wrong


@pytest.mark.parametrize("file", [file for file, (kind, _) in CASES.items() if kind == "part"])
def test_parts_of_calls_and_answers_keep_the_rules(file: str) -> None:
    told = strict(file)
    if "type" in told:
        assert CdsAction.model_validate(told).type == told["type"]
    elif "overrideReasons" in told:
        assert [CdsReason.model_validate(one).model_dump() for one in told["overrideReasons"]]
    elif "source" in told:
        assert CdsSource.model_validate(told["source"]).model_dump(exclude_unset=True) == told["source"]
    elif "fhirAuthorization" in told:
        assert CdsAuthorization.model_validate(told["fhirAuthorization"]).expires_in == 300
    else:
        service = {"id": "x", "hook": "patient-view", "description": "x"} | told
        assert CdsService.model_validate(service).prefetch == told["prefetch"]
