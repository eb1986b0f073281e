"""Who may not learns nothing: the same words for a name that there is and for one that there is not."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from careloom.errors import AccessError, CareloomError, NotFound
from careloom.services.access import Principal
from careloom.services.admission import event
from careloom.services.platform import Platform
from careloom.services.synthesize_discard import discard
from careloom.services.synthesize_fhir_jobs import FhirSampleAsk, submit_fhir_sample
from careloom.services.synthesize_jobs import submit_release, submit_sample
from careloom.services.synthesize_judge import FhirJudgeAsk
from careloom.services.synthesize_notes_draw import NotesSampleAsk
from careloom.services.synthesize_notes_draw import sample as write_notes
from careloom.services.synthesize_notes_judge import judge_notes
from careloom.services.synthesize_records import RecordsSampleAsk
from careloom.services.synthesize_records import sample as draw_records
from careloom.services.synthesize_records_judge import judge_whole
from careloom.services.synthesize_release import ReleaseAsk, release, withdraw
from careloom.services.synthesize_rows import JudgeAsk, SampleAsk, judge, sample
from careloom.services.synthesize_shown import models, show
from tests.synthesis_kit import OFFICER, SCIENTIST, Place

MODEL, DRAWN, OTHER = (f"20261130T090000Z-{letter * 6}" for letter in "abc")
HIDDEN = {MODEL: "20261130T090000Z-dddddd", DRAWN: "20261130T090000Z-eeeeee"}
"""Of the identified zone."""
STRANGER = Principal("sam", frozenset({"auditor"}), OFFICER.zones)
CARE = Principal("cleo", frozenset({"clinician"}), OFFICER.zones)
"""Who may in the identified zone, and not in that of research."""
Act = Callable[[Platform, Principal, str], object]
OF_MODEL: dict[str, Act] = {
    "rows": lambda platform, who, name: sample(platform, who, SampleAsk(name, 3)),
    "records": lambda platform, who, name: draw_records(platform, who, RecordsSampleAsk(name, 3)),
    "notes": lambda platform, who, name: write_notes(platform, who, NotesSampleAsk(name, 3)),
    "rows by a job": lambda platform, who, name: submit_sample(platform, who, SampleAsk(name, 3), JudgeAsk("")),
    "notes by a job": lambda platform, who, name: submit_fhir_sample(platform, who, "notes", FhirSampleAsk(name)),
    "discard it": discard,
}
OF_SAMPLE: dict[str, Act] = {
    "judge rows": lambda platform, who, name: judge(platform, who, JudgeAsk(name)),
    "judge records": lambda platform, who, name: judge_whole(platform, who, FhirJudgeAsk(name)),
    "judge notes": lambda platform, who, name: judge_notes(platform, who, FhirJudgeAsk(name)),
    "release": lambda platform, who, name: release(platform, who, ReleaseAsk(name, "out")),
    "release by a job": lambda platform, who, name: submit_release(platform, who, ReleaseAsk(name, "out")),
    "withdraw": withdraw, "discard": discard, "show": show,
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An installation whose catalogue holds a model and a sample of either zone."""
    made = Place(tmp_path_factory.mktemp("admitted"))
    body: dict[str, Any] = {"engine": "marginals", "training": "", "report": None, "release": None}
    noted = event(made.platform, OFFICER, "test", "identified", action="create")
    with made.platform.store("identified").transaction(noted) as step:
        for model, drawn, account in ((MODEL, DRAWN, "research"), (*HIDDEN.values(), "identified")):
            step.synthesis.add(model, "model", "", "fitted", {**body, "account": account})
            step.synthesis.add(drawn, "sample", model, "staged", {**body, "account": account})
    yield made
    made.platform.close()


def refused(act: Act, place: Place, who: Principal, name: str) -> tuple[type[CareloomError], str, str]:
    with pytest.raises(CareloomError) as error:
        act(place.platform, who, name)
    return type(error.value), error.value.where, error.value.remedy


@pytest.mark.parametrize("name", [*OF_MODEL, *OF_SAMPLE])
def test_a_name_that_there_is_and_one_that_there_is_not_look_alike(place: Place, name: str) -> None:
    act, own = (OF_MODEL[name], MODEL) if name in OF_MODEL else (OF_SAMPLE[name], DRAWN)
    for who in (STRANGER, CARE):
        told = {refused(act, place, who, one) for one in (own, OTHER)}
        assert [error for error, _, _ in told] == [AccessError]
    hidden = refused(act, place, SCIENTIST, HIDDEN[own])
    assert hidden == refused(act, place, SCIENTIST, OTHER)
    assert hidden[0] is NotFound


def test_models_are_listed_with_their_samples_for_who_may_see_them(place: Place) -> None:
    assert [(one["model"], one["samples"]) for one in models(place.platform, SCIENTIST)] == [(MODEL, [DRAWN])]
