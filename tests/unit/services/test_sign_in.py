"""Invitations, passwords, second factors, and what becomes of guessing; all of it on record."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from careloom.crypto import one_time_codes
from careloom.errors import AccessError, CareloomError, Conflict, QueryError, StateError, Unauthenticated
from careloom.runtime import Runtime
from careloom.services import enrolment, people, sign_in
from careloom.services.access import Principal
from careloom.services.clients import ClientAsk, disable_client, rotate_secret
from careloom.services.sign_in import Knock
from tests.api.kit import Clock, Installation

PASSWORD = "three lamps over the harbour"  # pragma: allowlist secret
ASK = ClientAsk("mara.lind", ["clinician"], ["identified"], kind="person")
HERE = Knock("mara.lind", "192.0.2.7")
STRANGER = Knock("mara.lind", "203.0.113.99")
CLINICIAN = Principal("doctor", frozenset({"clinician"}), frozenset({"identified"}))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(tmp_path: Path, clock: Clock) -> Iterator[Installation]:
    with Installation(tmp_path, Runtime(clock=clock)) as installation:
        yield installation


def now_code(made: Installation, secret: str) -> str:
    from base64 import b32decode

    return one_time_codes.code_at(b32decode(secret.replace(" ", "")), int(made.platform.runtime.now().timestamp()))


def enrolled(made: Installation, ask: ClientAsk = ASK) -> tuple[str, list[str]]:
    """(secret of the authenticator, recovery codes) of somebody who accepted an invitation."""
    invitation = people.invite(made.platform, made.operator, ask, "Mara Lind").code
    begun = enrolment.begin(made.platform, Knock(ask.name, "192.0.2.7"), invitation, PASSWORD)
    _, codes = enrolment.finish(made.platform, begun.draft, now_code(made, begun.secret))
    return begun.secret, codes


def signed_in(made: Installation, clock: Clock, secret: str, knock: Knock = HERE) -> str:
    clock.move(seconds=30)
    sign_in.check_password(made.platform, knock, PASSWORD)
    return sign_in.check_second_factor(made.platform, knock, now_code(made, secret)).name


def test_a_person_is_invited_chooses_a_password_and_signs_in_with_two_factors(made: Installation, clock: Clock) -> None:
    secret, codes = enrolled(made)
    assert len(set(codes)) == 10
    assert signed_in(made, clock, secret) == "mara.lind"
    told = people.show_person(made.platform, made.operator, "mara.lind")
    assert (told["account"], told["recovery_codes_left"], told["full_name"]) == ("ready", 10, "Mara Lind")
    assert told["signed_in"] == clock.now.isoformat()
    done = [(event["operation"], event["outcome"]) for event in made.events()]
    assert done == [
        ("invite-person", "success"), ("accept-invitation", "success"), ("sign-in", "success"),
        ("show-person", "success"),
    ]  # fmt: skip


def test_nothing_that_a_person_signs_in_with_lies_in_plain_on_the_disk(made: Installation, clock: Clock) -> None:
    secret, codes = enrolled(made)
    signed_in(made, clock, secret)
    plain = secret.replace(" ", "")
    from base64 import b32decode

    kept = b"".join(file.read_bytes() for file in (made.folder / "data").rglob("*") if file.is_file())
    for word in (PASSWORD, plain, b32decode(plain).hex(), *codes, codes[0].replace("-", "")):
        assert word.encode() not in kept
    assert b32decode(plain) not in kept


@pytest.mark.parametrize("lacks", ["name", "password", "invitation not yet accepted"])
def test_whatever_is_wrong_sounds_the_same(made: Installation, lacks: str) -> None:
    if lacks == "invitation not yet accepted":
        people.invite(made.platform, made.operator, ASK)
    else:
        enrolled(made)
    knock = Knock("nobody" if lacks == "name" else "mara.lind", "192.0.2.7")
    with pytest.raises(Unauthenticated) as refused:
        sign_in.check_password(made.platform, knock, "not " + PASSWORD if lacks == "password" else PASSWORD)
    assert str(refused.value).startswith("name, password or code do not fit")
    last = made.events()[-1]
    assert (last["operation"], last["outcome"], last["detail"]) == ("sign-in", "refused", {"reason": "password"})
    assert last["actor"] == ("unknown" if lacks == "name" else "mara.lind")


def test_a_one_time_code_and_a_recovery_code_hold_once(made: Installation, clock: Clock) -> None:
    secret, codes = enrolled(made)
    clock.move(seconds=30)
    code = now_code(made, secret)
    sign_in.check_second_factor(made.platform, HERE, code)
    for used in (code, codes[3]):
        if used == codes[3]:
            sign_in.check_second_factor(made.platform, HERE, used.upper().replace("-", " "))
        with pytest.raises(Unauthenticated):
            sign_in.check_second_factor(made.platform, HERE, used)
    assert people.show_person(made.platform, made.operator, "mara.lind")["recovery_codes_left"] == 9


def test_the_code_that_enrolled_does_not_sign_in(made: Installation) -> None:
    secret, _ = enrolled(made)
    with pytest.raises(Unauthenticated):
        sign_in.check_second_factor(made.platform, HERE, now_code(made, secret))


def guess(made: Installation, knock: Knock, times: int) -> list[type[CareloomError]]:
    seen: list[type[CareloomError]] = []
    for number in range(times):
        with pytest.raises(CareloomError) as refused:
            sign_in.check_password(made.platform, knock, f"guess number {number} of many")
        seen.append(type(refused.value))
    return seen


@pytest.mark.parametrize("name", ["mara.lind", "nobody"])
def test_guessing_has_to_wait_for_names_that_are_there_and_that_are_not(made: Installation, name: str) -> None:
    enrolled(made)
    seen = guess(made, Knock(name, "203.0.113.99"), 9)
    assert seen == [Unauthenticated] * 6 + [StateError] * 3
    assert [event["detail"].get("reason") for event in made.events()[-3:]] == ["waiting"] * 3


def test_while_one_has_to_wait_the_right_password_is_refused_too(made: Installation, clock: Clock) -> None:
    secret, _ = enrolled(made)
    guess(made, STRANGER, 6)
    with pytest.raises(StateError):
        sign_in.check_password(made.platform, HERE, PASSWORD)
    clock.move(seconds=31)
    assert signed_in(made, clock, secret) == "mara.lind"


def test_who_signed_in_from_a_browser_before_is_not_kept_out_by_guessing_elsewhere(
    made: Installation, clock: Clock
) -> None:
    secret, _ = enrolled(made)
    client = made.platform.clients.named("mara.lind")
    known = Knock("mara.lind", "203.0.113.99", sign_in.device_mark(made.platform, client))
    for _ in range(12):
        guess(made, STRANGER, 1)
        clock.move(hours=2)
        guess(made, STRANGER, 1)
    assert signed_in(made, clock, secret, known) == "mara.lind"
    assert guess(made, known, 7)[-1] is StateError


@pytest.mark.parametrize("device", ["x", ".", "x.y", "ü.ü", "a" * 5000])
def test_a_made_up_mark_of_a_browser_is_none(made: Installation, device: str) -> None:
    enrolled(made)
    guess(made, STRANGER, 6)
    with pytest.raises(StateError):
        sign_in.check_password(made.platform, Knock("mara.lind", "192.0.2.7", device), PASSWORD)


def test_one_address_that_guesses_at_many_names_has_to_wait(made: Installation) -> None:
    seen = [guess(made, Knock(f"name-{number}", "203.0.113.99"), 1)[0] for number in range(62)]
    assert seen == [Unauthenticated] * 60 + [StateError] * 2
    assert guess(made, Knock("name-1", "203.0.113.98"), 1) == [Unauthenticated]


def test_who_knows_the_password_cannot_guess_the_code_for_free(made: Installation) -> None:
    enrolled(made)
    seen: list[type[CareloomError]] = []
    for number in range(8):
        try:
            sign_in.check_password(made.platform, STRANGER, PASSWORD)
            sign_in.check_second_factor(made.platform, STRANGER, f"{number:06}")
        except CareloomError as refused:
            seen.append(type(refused))
    assert seen[:3] == [Unauthenticated] * 3
    assert seen[3:] == [StateError] * 5


def test_an_administrator_lets_somebody_try_at_once(made: Installation, clock: Clock) -> None:
    secret, _ = enrolled(made)
    guess(made, STRANGER, 7)
    people.unlock(made.platform, made.operator, "mara.lind")
    assert signed_in(made, clock, secret) == "mara.lind"


def test_a_reset_ends_all_that_was_and_gives_a_new_invitation(made: Installation, clock: Clock) -> None:
    secret, codes = enrolled(made)
    before = made.platform.clients.named("mara.lind")
    known = Knock("mara.lind", "192.0.2.7", sign_in.device_mark(made.platform, before))
    invitation = people.reset(made.platform, made.operator, "mara.lind").code
    assert made.platform.clients.named("mara.lind").generation == before.generation + 1
    for code in (now_code(made, secret), codes[0]):
        with pytest.raises(Unauthenticated):
            sign_in.check_second_factor(made.platform, known, code)
    with pytest.raises(Unauthenticated):
        sign_in.check_password(made.platform, known, PASSWORD)
    begun = enrolment.begin(made.platform, HERE, invitation, PASSWORD + " again")
    enrolment.finish(made.platform, begun.draft, now_code(made, begun.secret))
    clock.move(seconds=30)
    sign_in.check_password(made.platform, HERE, PASSWORD + " again")


def test_an_invitation_holds_once_and_for_its_hours(made: Installation, clock: Clock) -> None:
    invitation = people.invite(made.platform, made.operator, ASK).code
    first, second = (enrolment.begin(made.platform, HERE, invitation, PASSWORD) for _ in range(2))
    enrolment.finish(made.platform, first.draft, now_code(made, first.secret))
    with pytest.raises(Unauthenticated):
        enrolment.finish(made.platform, second.draft, now_code(made, second.secret))
    with pytest.raises(Unauthenticated):
        enrolment.begin(made.platform, HERE, invitation, PASSWORD)
    late = people.reset(made.platform, made.operator, "mara.lind").code
    clock.move(hours=72)
    with pytest.raises(Unauthenticated):
        enrolment.begin(made.platform, HERE, late, PASSWORD)


def test_an_enrolment_is_none_of_another_installation_and_none_after_half_an_hour(
    made: Installation, clock: Clock, tmp_path: Path
) -> None:
    invitation = people.invite(made.platform, made.operator, ASK).code
    begun = enrolment.begin(made.platform, HERE, invitation, PASSWORD)
    with Installation(tmp_path / "other") as other, pytest.raises(Unauthenticated):
        enrolment.finish(other.platform, begun.draft, "000000")
    clock.move(minutes=31)
    with pytest.raises(Unauthenticated):
        enrolment.finish(made.platform, begun.draft, now_code(made, begun.secret))


def test_guessing_at_an_invitation_has_to_wait(made: Installation) -> None:
    people.invite(made.platform, made.operator, ASK)
    seen = []
    for _ in range(12):
        with pytest.raises(CareloomError) as refused:
            enrolment.begin(made.platform, STRANGER, "aaaa-bbbb-cccc-dddd", PASSWORD)
        seen.append(type(refused.value))
    assert seen == [Unauthenticated] * 10 + [StateError] * 2


def test_a_password_with_the_person_in_it_is_refused_and_the_invitation_stays_good(made: Installation) -> None:
    invitation = people.invite(made.platform, made.operator, ASK, "Mara Lind").code
    with pytest.raises(QueryError):
        enrolment.begin(made.platform, HERE, invitation, "Mara-Lind-2026")
    assert enrolment.begin(made.platform, HERE, invitation, PASSWORD).secret


def test_who_is_stopped_does_not_sign_in(made: Installation) -> None:
    enrolled(made)
    disable_client(made.platform, made.operator, "mara.lind")
    with pytest.raises(Unauthenticated):
        sign_in.check_password(made.platform, HERE, PASSWORD)
    assert made.events()[-1]["detail"] == {"reason": "stopped"}


def test_an_account_never_gets_a_secret_that_signs_in_without_a_second_factor(made: Installation) -> None:
    enrolled(made)
    with pytest.raises(QueryError):
        rotate_secret(made.platform, made.operator, "mara.lind")


def test_a_name_is_given_once_and_only_an_administrator_invites(made: Installation) -> None:
    people.invite(made.platform, made.operator, ASK)
    with pytest.raises(Conflict):
        people.invite(made.platform, made.operator, ASK)
    for act in (
        lambda: people.invite(made.platform, CLINICIAN, ASK),
        lambda: people.reset(made.platform, CLINICIAN, "mara.lind"),
        lambda: people.unlock(made.platform, CLINICIAN, "mara.lind"),
        lambda: people.list_people(made.platform, CLINICIAN),
        lambda: people.show_person(made.platform, CLINICIAN, "mara.lind"),
    ):
        with pytest.raises(AccessError):
            act()
        assert made.events()[-1]["outcome"] == "refused"


def test_who_signed_in_with_a_secret_gets_an_account_by_a_reset(made: Installation, clock: Clock) -> None:
    made.register(["clinician"], ["identified"], name="mara.lind", kind="person")
    invitation = people.reset(made.platform, made.operator, "mara.lind").code
    begun = enrolment.begin(made.platform, HERE, invitation, PASSWORD)
    enrolment.finish(made.platform, begun.draft, now_code(made, begun.secret))
    assert signed_in(made, clock, begun.secret) == "mara.lind"
    assert made.platform.clients.named("mara.lind").secret_hash == ""


def test_a_program_is_no_person(made: Installation) -> None:
    made.register(name="ward")
    for act in (people.reset, people.unlock, people.show_person):
        with pytest.raises(QueryError):
            act(made.platform, made.operator, "ward")
