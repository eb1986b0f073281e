"""Who is behind pseudonyms: asked with a reason, approved by another, revealed to who asked; all of it audited."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from careloom.errors import AccessError, CareloomError, Conflict, Erased, InputError, NotFound
from careloom.services.access import Principal
from careloom.services.erase import erase
from careloom.services.search import search
from careloom.services.vault import LONGEST_REASON, MOST_NAMES, Question, ask, decide, list_requests, reveal, show
from careloom.services.vault_epochs import epochs, retire, rotate
from careloom.services.vault_states import approved as approve
from careloom.services.vault_steps import found
from careloom.store.rows import Write
from tests.store_kit import event
from tests.vault_kit import (
    HERE,
    MRN,
    OFFICER,
    OTHER_STEWARD,
    REASON,
    SECOND_OFFICER,
    STEWARD,
    Hospital,
    hospital,
)

Json = dict[str, Any]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Hospital]:
    with hospital(tmp_path) as installation:
        yield installation


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """For tests that change nothing which another could see."""
    with hospital(tmp_path_factory.mktemp("vault")) as installation:
        yield installation


def approved(made: Hospital, *originals: str, who: Principal = STEWARD, **more: Any) -> str:
    """The id of a request that an officer approved."""
    request: str = ask(made.platform, who, made.question(*originals, **more))["id"]
    decide(made.platform, OFFICER, request, "approve")
    return request


def test_a_question_is_approved_by_another_and_answered_to_who_asked(made: Hospital) -> None:
    asked = ask(made.platform, STEWARD, made.question("Patient/p1", "Observation/o2", "Organization/g1"))
    assert (asked["state"], asked["count"], asked["decider"]) == ("asked", 3, "")
    done = decide(made.platform, OFFICER, asked["id"], "approve", "seen the ward's letter")
    assert (done["state"], done["decider"], done["remark"]) == ("approved", "petra.privacy", "seen the ward's letter")
    person, pulse, clinic = reveal(made.platform, STEWARD, asked["id"])["answers"]
    stored = {kind: made.stored_id(*kind.split("/")) for kind in ("Patient/p1", "Patient/p2", "Observation/o2")}
    assert person["resource"] == f"Patient/{stored['Patient/p1']}"
    assert person["identifiers"] == [{"system": MRN, "value": "MRN-730014"}]
    assert person["source"] == "default"
    assert (pulse["resource"], pulse["patient"]) == (
        f"Observation/{stored['Observation/o2']}", f"Patient/{stored['Patient/p2']}",
    )  # fmt: skip
    assert (pulse["identifiers"], clinic["patient"], clinic["days"]) == ([], None, None)


def test_the_days_are_those_by_which_the_zone_moved_the_dates(made: Hospital) -> None:
    request = approved(made, "Observation/o1")
    (told,) = reveal(made.platform, STEWARD, request)["answers"]
    (_, name) = made.name("Observation", "o1").split("/")
    moved = made.platform.store("research").read("Observation", name).resource()["effectiveDateTime"]

    assert date.fromisoformat(moved[:10]) - timedelta(days=told["days"]) == date(2026, 1, 2)


def test_it_says_how_many_names_were_made_again_and_for_how_long(made: Hospital) -> None:
    asked = ask(made.platform, STEWARD, made.question("Patient/p1", "Patient/p2", "Patient/p3"))
    assert (asked["looked"], asked["seconds"] >= 0) == (3, True)


# -- who may --------------------------------------------------------------------------------------------------------

PEOPLE = {
    "engineer": Principal("e", frozenset({"data-engineer"}), HERE),
    "clinician": Principal("c", frozenset({"clinician"}), HERE),
    "administrator": Principal("a", frozenset({"administrator"}), HERE),
    "scientist with research only": Principal("r", frozenset({"data-scientist"}), frozenset({"research"})),
    "steward": OTHER_STEWARD,
    "scientist with the identified zone": Principal("d", frozenset({"data-scientist"}), HERE),
    "officer": SECOND_OFFICER,
}
ASKERS = {"steward", "scientist with the identified zone", "officer"}
DECIDERS = {"officer"}
ACTS: dict[str, tuple[Callable[[Hospital, Principal, str], Any], set[str]]] = {
    "ask": (lambda h, who, _: ask(h.platform, who, h.question()), ASKERS),
    "list": (lambda h, who, _: list_requests(h.platform, who), ASKERS),
    "show another's": (lambda h, who, request: show(h.platform, who, request), DECIDERS),
    "refuse": (lambda h, who, request: decide(h.platform, who, request, "refuse"), DECIDERS),
    "approve": (lambda h, who, request: decide(h.platform, who, request, "approve"), DECIDERS),
    "reveal another's": (lambda h, who, request: reveal(h.platform, who, request), set()),
    "see epochs": (lambda h, who, _: epochs(h.platform, who), DECIDERS),
}


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("act", ACTS)
def test_who_may_does_it_and_who_may_not_is_refused_and_told_of(shared: Hospital, act: str, person: str) -> None:
    request = ask(shared.platform, STEWARD, shared.question())["id"]
    do, may = ACTS[act]
    if person in may:
        do(shared, PEOPLE[person], request)
        assert shared.last_event()["outcome"] == "success"
    else:
        with pytest.raises(AccessError):
            do(shared, PEOPLE[person], request)
        assert (shared.last_event()["outcome"], shared.last_event()["actor"]) == ("refused", PEOPLE[person].name)


@pytest.mark.parametrize(
    "act", [lambda h: rotate(h.platform, STEWARD), lambda h: retire(h.platform, STEWARD, "research", 1)]
)
def test_keys_are_rotated_and_retired_by_an_officer_only(shared: Hospital, act: Callable[[Hospital], Any]) -> None:
    with pytest.raises(AccessError):
        act(shared)
    assert shared.last_event()["outcome"] == "refused"


def test_nobody_decides_what_they_asked_themselves(made: Hospital) -> None:
    request = ask(made.platform, OFFICER, made.question())["id"]
    for decision in ("approve", "refuse"):
        with pytest.raises(AccessError):
            decide(made.platform, OFFICER, request, decision)  # type: ignore[arg-type]
        assert made.last_event()["outcome"] == "refused"
    decide(made.platform, SECOND_OFFICER, request, "approve")
    assert len(reveal(made.platform, OFFICER, request)["answers"]) == 1


def test_who_asks_sees_their_own_requests_and_an_officer_everybodys(made: Hospital) -> None:
    mine, theirs = (ask(made.platform, who, made.question())["id"] for who in (STEWARD, OTHER_STEWARD))
    assert [one["id"] for one in list_requests(made.platform, STEWARD)["items"]] == [mine]
    assert {one["id"] for one in list_requests(made.platform, OFFICER)["items"]} == {mine, theirs}
    assert "names" not in list_requests(made.platform, OFFICER)["items"][0]
    assert show(made.platform, STEWARD, mine)["reason"] == REASON


def test_pages_follow_each_other(made: Hospital) -> None:
    ids = []
    for _ in range(3):
        made.clock.move(seconds=1)
        ids.append(ask(made.platform, STEWARD, made.question())["id"])
    first = list_requests(made.platform, STEWARD, limit=2)
    second = list_requests(made.platform, STEWARD, limit=2, cursor=first["next"])
    assert [one["id"] for one in first["items"] + second["items"]] == ids[::-1]
    assert second["next"] is None
    with pytest.raises(InputError):
        list_requests(made.platform, STEWARD, cursor="x:y")


# -- four eyes and time ---------------------------------------------------------------------------------------------


def test_nothing_is_revealed_before_it_is_approved(made: Hospital) -> None:
    request = ask(made.platform, STEWARD, made.question())["id"]
    with pytest.raises(Conflict):
        reveal(made.platform, STEWARD, request)
    assert (made.last_event()["outcome"], len(made.last_event()["subjects"])) == ("failed", 1)


def test_a_refused_request_stays_refused(made: Hospital) -> None:
    request = ask(made.platform, STEWARD, made.question())["id"]
    assert decide(made.platform, OFFICER, request, "refuse", "no")["state"] == "refused"
    for act in (
        lambda: decide(made.platform, OFFICER, request, "approve"),
        lambda: reveal(made.platform, STEWARD, request),
    ):
        with pytest.raises(Conflict):
            act()


def test_an_approval_is_taken_back_by_a_refusal(made: Hospital) -> None:
    request = approved(made)
    decide(made.platform, SECOND_OFFICER, request, "refuse", "the ward found her")
    with pytest.raises(Conflict):
        reveal(made.platform, STEWARD, request)


@pytest.mark.parametrize(("settings", "days"), [({}, 7), ({"approval_days": 2}, 2)])
def test_an_approval_holds_for_so_many_days(tmp_path: Path, settings: Json, days: int) -> None:
    with hospital(tmp_path, deidentify=settings) as made:
        request = approved(made)
        made.clock.move(days=days, seconds=-1)
        assert reveal(made.platform, STEWARD, request)["reveals"] == 1
        assert reveal(made.platform, STEWARD, request)["reveals"] == 2
        made.clock.move(seconds=1)
        assert show(made.platform, STEWARD, request)["state"] == "expired"
        with pytest.raises(Conflict):
            reveal(made.platform, STEWARD, request)
        with pytest.raises(Conflict):
            decide(made.platform, OFFICER, request, "approve")


def test_without_four_eyes_who_may_approve_asks_and_reveals_alone(tmp_path: Path) -> None:
    with hospital(tmp_path, deidentify={"four_eyes": False}) as made:
        mine = ask(made.platform, OFFICER, made.question())
        assert (mine["state"], mine["decider"]) == ("approved", "")
        assert reveal(made.platform, OFFICER, mine["id"])["answers"][0]["state"] == "current"
        assert [one["operation"] for one in made.events()[-2:]] == ["vault-ask", "vault-reveal"]
        theirs = ask(made.platform, STEWARD, made.question())
        assert theirs["state"] == "asked"
        with pytest.raises(Conflict):
            reveal(made.platform, STEWARD, theirs["id"])
        with pytest.raises(InputError):
            ask(made.platform, OFFICER, made.question(reason=" "))


def test_what_nobody_approved_waits_once_four_eyes_are_asked_for(tmp_path: Path) -> None:
    with hospital(tmp_path, deidentify={"four_eyes": False}) as made:
        request = ask(made.platform, OFFICER, made.question())["id"]
        rules = made.platform.settings.deidentify.model_copy(update={"four_eyes": True})
        made.platform.settings = made.platform.settings.model_copy(update={"deidentify": rules})
        with pytest.raises(Conflict):
            reveal(made.platform, OFFICER, request)
        decide(made.platform, SECOND_OFFICER, request, "approve")
        assert reveal(made.platform, OFFICER, request)["reveals"] == 1


# -- what is asked --------------------------------------------------------------------------------------------------

NAME = "Patient/" + "a" * 26
WRONG: list[tuple[str, Question, type[CareloomError]]] = [
    ("no name", Question((), "why", "TREAT"), InputError),
    ("too many names", Question(tuple(f"Patient/{'a' * 24}{x}{y}" for x in "abcdefghijk" for y in "abcdefghijk"),
                                "why", "TREAT"), InputError),
    ("what is no name", Question(("Quillfeather",), "why", "TREAT"), InputError),
    ("a stored id of no type", Question(("a" * 26,), "why", "TREAT"), InputError),
    ("no reason", Question((NAME,), "  ", "TREAT"), InputError),
    ("too long a reason", Question((NAME,), "x" * (LONGEST_REASON + 1), "TREAT"), InputError),
    ("no purpose", Question((NAME,), "why", ""), InputError),
    ("a purpose that is none", Question((NAME,), "why", "curiosity"), InputError),
    ("a name that nothing has", Question((NAME,), "why", "TREAT"), NotFound),
    ("another project", Question((NAME,), "why", "TREAT", "other"), NotFound),
    ("an epoch that never was", Question((NAME,), "why", "TREAT", "", 7), NotFound),
]  # fmt: skip


@pytest.mark.parametrize(("what", "question", "error"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_asked_wrongly_is_refused_without_a_value(
    shared: Hospital, what: str, question: Question, error: type[CareloomError]
) -> None:
    with pytest.raises(error) as refused:
        ask(shared.platform, STEWARD, question)
    assert "Quillfeather" not in str(refused.value)
    assert (shared.last_event()["operation"], shared.last_event()["outcome"]) == ("vault-ask", "failed")


def test_as_many_names_as_are_allowed_are_answered_and_each_once(made: Hospital) -> None:
    made.ingest([{"resourceType": "Patient", "id": f"many-{at}"} for at in range(MOST_NAMES)])
    request = approved(made, *(f"Patient/many-{at}" for at in range(MOST_NAMES)), "Patient/many-0")
    assert len(reveal(made.platform, STEWARD, request)["answers"]) == MOST_NAMES


def test_a_pseudonym_of_another_project_means_nothing_here(made: Hospital) -> None:
    mine = made.name("Patient", "p1")
    rules = made.platform.settings.deidentify.model_copy(update={"project": "other"})
    made.platform.settings = made.platform.settings.model_copy(update={"deidentify": rules})
    with pytest.raises(NotFound):
        ask(made.platform, STEWARD, Question((mine,), "why", "TREAT", "other"))
    assert ask(made.platform, STEWARD, Question((mine,), "why", "TREAT", "research"))["project"] == "research"


# -- privacy --------------------------------------------------------------------------------------------------------

VALUES = (b"Quillfeather", b"MRN-730014", b"potassium")


def test_no_event_and_no_list_holds_a_value_a_pseudonym_or_a_stored_id(made: Hospital) -> None:
    request = approved(made)
    reveal(made.platform, STEWARD, request)
    secret = (*VALUES, *(name.split("/")[1].encode() for name in (
        made.name("Patient", "p1"), f"/{made.stored_id('Patient', 'p1')}")))  # fmt: skip
    told = str([made.events()[-6:], list_requests(made.platform, OFFICER)]).encode()
    assert [word for word in secret if word in told] == []
    assert [word for word in VALUES if word in made.bytes_kept()] == []


def test_every_step_names_the_patient_by_the_keyed_pseudonym_and_for_the_purpose(made: Hospital) -> None:
    request = approved(made)
    show(made.platform, STEWARD, request)
    reveal(made.platform, STEWARD, request)
    with pytest.raises(AccessError):
        reveal(made.platform, OTHER_STEWARD, request)
    events = [one for one in made.events() if one["operation"].startswith("vault-")]
    keyed = made.platform.store("identified").pseudonym(made.stored_id("Patient", "p1"))
    assert [one["operation"] for one in events] == [
        "vault-ask", "vault-approve", "vault-show", "vault-reveal", "vault-reveal",
    ]  # fmt: skip
    assert {tuple(one["subjects"]) for one in events} == {(keyed,)}
    assert {one["purpose"] for one in events} == {"TREAT"}
    assert {one["detail"]["reidentification"] for one in events} == {request}
    assert made.platform.store("identified").verify_audit().is_whole


def test_the_erasure_of_a_patient_forgets_what_was_asked(made: Hospital) -> None:
    request = approved(made, "Patient/p1", "Patient/p2")
    other = approved(made, "Patient/p2")
    with pytest.raises(Conflict):
        decide(made.platform, OFFICER, request, "approve")
    name = made.name("Patient", "p1").removeprefix("Patient/")
    assert erase(made.platform, made.operator, "Patient/p1")["removed"]["vault requests"] == 1
    shown = show(made.platform, STEWARD, request)
    assert (shown["state"], shown["names"], shown["reason"], shown["remark"]) == ("erased", [], "", "")
    for act in (
        lambda: reveal(made.platform, STEWARD, request),
        lambda: decide(made.platform, OFFICER, request, "refuse"),
    ):
        with pytest.raises(Erased):
            act()
    assert len(reveal(made.platform, STEWARD, other)["answers"]) == 1
    with pytest.raises(NotFound):
        ask(made.platform, STEWARD, Question((f"Patient/{name}",), "why", "TREAT"))
    assert [word for word in (b"potassium", name.encode()) if word in made.bytes_kept()] == []
    assert made.platform.store("identified").check().is_whole


def test_a_reason_that_names_a_patient_goes_with_the_patient_even_where_it_is_about_nobody(made: Hospital) -> None:
    about = "the clinic of MRN-730014"
    named = ask(made.platform, STEWARD, made.question("Organization/g1", reason=about))["id"]
    plain = ask(made.platform, STEWARD, made.question("Organization/g1", reason="an audit of clinics"))["id"]
    assert erase(made.platform, made.operator, "Patient/p1")["removed"]["vault requests"] == 1
    assert show(made.platform, STEWARD, named)["state"] == "erased"
    assert show(made.platform, STEWARD, plain)["reason"] == "an audit of clinics"


def test_a_deleted_resource_is_told_as_deleted(made: Hospital) -> None:
    question = made.question("Patient/p3")
    store = made.platform.store("identified")
    with store.transaction(event()) as step:
        step.write([Write("Patient", made.stored_id("Patient", "p3"), b"", action="delete")])
    request = ask(made.platform, STEWARD, question)["id"]
    assert len(made.last_event()["subjects"]) == 1
    decide(made.platform, OFFICER, request, "approve")
    (told,) = reveal(made.platform, STEWARD, request)["answers"]
    assert (told["state"], told["identifiers"][0]["value"]) == ("deleted", "MRN-730016")


def test_a_request_that_somebody_changed_meanwhile_is_not_overwritten(made: Hospital) -> None:
    request = ask(made.platform, STEWARD, made.question())["id"]
    late = found(made.platform, SECOND_OFFICER, "vault-approve", request)
    decide(made.platform, OFFICER, request, "refuse")
    with pytest.raises(Conflict):
        late.change(approve(late.request, "paul.privacy", now=made.clock.now, days=7))
    assert show(made.platform, STEWARD, request)["state"] == "refused"


def test_the_research_zone_knows_nothing_of_the_vault(made: Hospital) -> None:
    approved(made)
    scientist = Principal("r", frozenset({"data-scientist"}), frozenset({"research"}))
    assert "Quillfeather" not in str(search(made.platform, scientist, "research", "Patient"))
