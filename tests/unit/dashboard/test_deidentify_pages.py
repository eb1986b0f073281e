"""What the pages of de-identification say before, while and after something runs, and to whom they offer what."""

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from plotly.utils import PlotlyJSONEncoder

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.dashboard import session, shell
from careloom.dashboard.address import read
from careloom.dashboard.routing import page_at
from careloom.dashboard.session import Person
from careloom.errors import AccessError, NotFound
from careloom.runtime import Runtime
from careloom.services.deidentifications import cancel_run, submit
from careloom.services.deidentify import deidentify
from careloom.services.deidentify_report import find_report, folder
from tests.api.kit import BASE_URL, PATIENT, Installation

ZONES = ("identified", "research")
NONE = "20261122T010203Z-abc234"


class Later:
    """The clock of the machine, as many seconds later as its test wants: runs of one second are listed in any order."""

    seconds = 0

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.seconds)


@pytest.fixture
def clock() -> Later:
    return Later()


@pytest.fixture
def made(tmp_path: Path, clock: Later) -> Iterator[Installation]:
    with Installation(tmp_path, Runtime(clock=clock)) as made:
        made.ingest([PATIENT])
        yield made


@pytest.fixture(autouse=True)
def _context() -> Iterator[None]:
    app = Flask("pages")
    session.install(app, b"x", seconds=60, is_secure=False, runtime=Runtime())
    with app.app_context():
        yield


def drawn(
    made: Installation, path: str, role: str = "data-engineer", zones: tuple[str, ...] = ZONES, search: str = ""
) -> str:
    token = made.token(role.split(), zones=zones)
    with Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app)) as api:
        me = api.me()
        who = Person(me.name, me.zones, frozenset(me.scopes), datetime.now(UTC) + timedelta(hours=1), token)
        page = page_at(api, who, read(f"/dashboard{path}", search))
        side = shell.side(who, "deidentify")
    return json.dumps([page.title, page.content, page.is_live, side], cls=PlotlyJSONEncoder, ensure_ascii=False)


def test_before_the_first_run_the_page_says_what_to_do(made: Installation) -> None:
    said = drawn(made, "/deidentify")
    for words in ("The research zone was never made", "Choose a policy above", "/dashboard/deidentify/policies/first"):
        assert words in said
    assert '"/dashboard/deidentify"' in said
    assert "A data engineer starts one" in drawn(made, "/deidentify", "privacy-officer")


def test_a_policy_is_read_entry_by_entry_and_started_in_two_steps(made: Installation) -> None:
    said = drawn(made, "/deidentify/policies/safe-harbor")
    for words in ("The year alone", "three digits of the ZIP code", "20,000 people", "From first", "Must be there"):
        assert words in said
    assert "/dashboard/deidentify-start/safe-harbor" in said
    assert "Summary" in said


def test_entries_are_narrowed_by_words_and_decision(made: Installation) -> None:
    every = drawn(made, "/deidentify/policies/first")
    found = drawn(made, "/deidentify/policies/first", search="?find=birthdate")
    assert "birthDate as birth-year" in found
    assert len(found) < len(every) / 4
    assert "birthDate as birth-year" not in drawn(
        made, "/deidentify/policies/first", search="?find=birthdate&decision=remove"
    )
    assert "No entry fits" in drawn(made, "/deidentify/policies/first", search="?find=quill")
    assert "All (" in drawn(made, "/deidentify/policies/first", search="?decision=nonsense")


def test_who_may_only_read_is_told_so_and_offered_no_button(made: Installation) -> None:
    waiting = submit(made.platform, made.operator)["id"]
    said = drawn(made, "/deidentify/policies/first", "privacy-officer")
    assert "not start a run" in said
    assert "deidentify-start" not in said
    assert "deidentify-cancel" not in drawn(made, f"/deidentify/{waiting}", "privacy-officer")
    assert "deidentify-cancel" in drawn(made, f"/deidentify/{waiting}")


def test_a_report_is_shown_with_every_identifier_risk_and_finding(made: Installation) -> None:
    run_id = deidentify(made.platform, made.operator, "safe-harbor").run_id
    said = drawn(made, f"/deidentify/{run_id}", "privacy-officer")
    for words in (
        "Identifiers taken out", "(A)", "(R)", "Biometric identifiers", "none was there", "smallest group",
        "as it was signed", f"deidentify-report/{run_id}.html", f"deidentify-report/{run_id}.json", "silver/patients",
    ):  # fmt: skip
        assert words in said
    assert "Quillfeather" not in said
    assert made.stored_id("Patient", "p1") not in said
    assert run_id in drawn(made, "/deidentify")


def test_recall_in_texts_is_shown_by_identifier_and_where_no_text_passes_that_it_was_not_measured(
    made: Installation,
) -> None:
    none = deidentify(made.platform, made.operator, "first").run_id
    assert "No text passed: there was nothing to measure." in drawn(made, f"/deidentify/{none}")
    made.ingest([NOTE])
    run_id = deidentify(made.platform, made.operator, "safe-harbor").run_id
    said = drawn(made, f"/deidentify/{run_id}", "privacy-officer")
    recall = find_report(made.platform, run_id).report["recall"]
    for words in ("Recall in texts", "Recall and interval", f"{recall['found']} of {recall['planted']}", "Health plan",
                  "copies of 1 note of this run", "Wilson's, at 95%"):  # fmt: skip
        assert words in said
    assert "Quillfeather" not in said


def test_a_report_that_was_changed_is_told_and_not_shown(made: Installation) -> None:
    run_id = deidentify(made.platform, made.operator).run_id
    (folder(made.platform) / f"{run_id}.json").write_bytes(b"{}")
    said = drawn(made, f"/deidentify/{run_id}")
    assert "not as it was signed" in said
    assert f"{run_id}.json" in said
    assert f"{run_id}.html" not in said
    assert "Report changed" in drawn(made, "/deidentify")


def test_what_waits_is_live_and_can_be_cancelled(made: Installation) -> None:
    run_id = submit(made.platform, made.operator)["id"]
    for page in (f"/deidentify/{run_id}", "/deidentify"):
        assert json.loads(drawn(made, page))[2] is True
    cancel_run(made.platform, made.operator, run_id)
    said = drawn(made, f"/deidentify/{run_id}")
    assert "It was cancelled" in said
    assert "two policies" in said
    assert "deidentify-cancel" not in said
    assert json.loads(said)[2] is False


def test_an_older_page_shows_no_policies_and_past_the_end_leads_back(made: Installation) -> None:
    deidentify(made.platform, made.operator)
    assert "No more runs" in drawn(made, "/deidentify", search=f"?before={NONE}")


def test_what_the_api_refuses_no_page_shows(made: Installation) -> None:
    for path in ("/deidentify", "/deidentify/policies/first", f"/deidentify/{NONE}"):
        with pytest.raises(AccessError):
            drawn(made, path, "clinician", ("identified",))
    for path in (f"/deidentify/{NONE}", "/deidentify/policies/none", "/deidentify/a/b"):
        with pytest.raises(NotFound):
            drawn(made, path)


SAID = "Oda Quillfeather was seen by Dr. Tamsin Marwick on 2024-03-05. Lungs clear. No pain, no fever."
NOTE = {
    "resourceType": "DocumentReference", "id": "n1", "status": "current", "subject": {"reference": "Patient/p1"},
    "date": "2024-03-05T10:00:00Z",
    "content": [{"attachment": {"contentType": "text/plain", "data": b64encode(SAID.encode()).decode()}}],
}  # fmt: skip


def test_a_record_stands_beside_what_a_policy_makes_of_it(made: Installation, clock: Later) -> None:
    made.ingest([NOTE])
    at = f"/deidentify/compare/DocumentReference/{made.stored_id('DocumentReference', 'n1')}"
    said = drawn(made, at)
    assert "Nothing of it passes under first" in said
    officer = drawn(made, at, "privacy-officer", search="?policy=expert")
    for words in (
        "It passes under expert",
        "Oda Quillfeather",
        "found found-person",
        "Lungs clear",
        'attachment.data-0"',
    ):
        assert words in officer
    assert "Whose names" not in officer
    named = "?policy=expert&names=project"
    both = "data-engineer privacy-officer"
    assert "It passes under expert" in drawn(made, at, both, search=named)
    deidentify(made.platform, made.operator)
    assert "It is not in the research zone" in drawn(made, at, both, search=named)
    assert "You may not read that zone" in drawn(made, at, search=named)
    clock.seconds += 1
    deidentify(made.platform, made.operator, "safe-harbor")
    assert "It stands so in the research zone" in drawn(made, at, both, search="?names=project")
    assert "It stands otherwise in" in drawn(made, at, both, search=named)
    with pytest.raises(KeyboardInterrupt):
        deidentify(made.platform, made.operator, "first", watch=stopped)
    assert "The research zone cannot be read now" in drawn(made, at, both, search="?names=project")


def stopped(done: int, total: int, so_far: dict[str, Any]) -> None:
    """As a person stops a run before its first resource: the zone stays closed."""
    raise KeyboardInterrupt


def test_elements_say_what_became_of_them(made: Installation) -> None:
    said = drawn(made, f"/deidentify/compare/Patient/{made.stored_id('Patient', 'p1')}", search="?policy=safe-harbor")
    for words in ("name[0].family", "Removed", "birthDate", "1961-04-05", "Changed", "Kept"):
        assert words in said


@pytest.mark.parametrize(
    ("role", "zones"),
    [("clinician", ("identified",)), ("data-scientist", ("research",)), ("privacy-officer", ("research",))],
)
def test_who_may_not_see_both_zones_is_refused_before_anything_is_asked(
    made: Installation, role: str, zones: tuple[str, ...]
) -> None:
    for path in ("/deidentify/compare", f"/deidentify/compare/Patient/{made.stored_id('Patient', 'p1')}"):
        with pytest.raises(AccessError, match="identified and the research zone"):
            drawn(made, path, role, zones)


def test_a_record_that_is_not_there_is_not_found(made: Installation) -> None:
    for path in ("/deidentify/compare/Patient/none", "/deidentify/compare/Patient", "/deidentify/compare/a/b/c"):
        with pytest.raises(NotFound):
            drawn(made, path)
    assert "Find a patient" in drawn(made, "/deidentify/compare")
