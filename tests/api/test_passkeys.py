"""People sign in by passkeys; an answer that lies, comes twice, or comes from a copy lets nobody in."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from careloom.services import people
from careloom.services.clients import disable_client
from tests.api.kit import Clock, Installation
from tests.api.passkey_kit import (
    HOST,
    LIES,
    ORIGIN,
    PRESENT,
    SYNCABLE,
    SYNCED,
    VERIFIED,
    Browser,
    Device,
    added,
    asked_by,
    decoded,
    device,
    encoded,
    halfway,
    last,
)
from tests.api.people_kit import PASSWORD, app, at, exchanged, person


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(tmp_path: Path, clock: Clock) -> Iterator[Installation]:
    with Installation(tmp_path, at(clock), api={"public_url": ORIGIN}) as installation:
        yield installation


def test_a_person_adds_a_passkey_and_signs_in_by_password_and_passkey(made: Installation, clock: Clock) -> None:
    who, web, one = person(made, clock), Browser(made), device()
    app(made)
    assert added(web, who, one).status_code == 303
    page = web.get("/oauth2/passkeys").text
    assert "Phone" in page
    assert "added 2026-11-22, never used, on one device" in page
    web = Browser(made)
    web.ask()
    web.send(name=who.name, password=PASSWORD)
    asked = asked_by(web.page.text)
    assert (asked["rpId"], asked["userVerification"], asked["timeout"]) == (HOST, "required", 300_000)
    assert [decoded(known["id"]) for known in asked["allowCredentials"]] == [one.credential]
    assert "Allow access?" in web.post("/oauth2/passkey", answer=one.use(asked)).text
    web.send(decision="allow")
    tokens = exchanged(made, web.told()["code"]).json
    assert tokens is not None
    keys = KeySet.import_key_set(made.client.get("/oauth2/jwks").json)  # type: ignore[arg-type]
    assert jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims["amr"] == ["pwd", "pop", "mfa"]
    done = [(event["operation"], event["detail"].get("second_factor")) for event in made.events()]
    assert ("add-passkey", None) in done
    assert ("sign-in", "passkey") in done


def test_who_has_both_chooses_and_a_code_still_does(made: Installation, clock: Clock) -> None:
    who, web = person(made, clock), Browser(made)
    added(web, who, device())
    halfway(web, who)
    assert 'action="/oauth2/second-factor"' in web.page.text
    assert web.post("/oauth2/second-factor", code=who.code()).status_code == 303


ALSO: list[tuple[str, Callable[[Device], None]]] = [
    ("another key", lambda one: setattr(one, "key", device().key)),
    ("another passkey", lambda one: setattr(one, "credential", b"y" * 32)),
    ("another holder", lambda one: setattr(one, "handle", b"z" * 32)),
    ("now syncable", lambda one: setattr(one, "flags", PRESENT | VERIFIED | SYNCABLE)),
]


@pytest.mark.parametrize("lie", [row[1] for row in LIES + ALSO], ids=[row[0] for row in LIES + ALSO])
def test_an_answer_that_lies_lets_nobody_in(made: Installation, clock: Clock, lie: Callable[[Device], None]) -> None:
    who, web, one = person(made, clock), Browser(made), device()
    added(web, who, one)
    asked = halfway(web, who)
    lie(one)
    page = web.post("/oauth2/passkey", answer=one.use(asked))
    assert (page.status_code, 'role="alert"' in page.text) == (403, True)
    assert last(made)[:2] == ("sign-in", "refused")
    assert "Password" in web.get("/oauth2/sign-in").text


def test_an_answer_holds_once_in_its_browser_for_its_person_and_for_five_minutes(
    made: Installation, clock: Clock
) -> None:
    who, other, one = person(made, clock), person(made, clock, "joe"), device(counts=False)
    web = Browser(made)
    added(web, who, one)
    asked = halfway(web, who)
    answer = one.use(asked)
    stranger, joe = Browser(made), Browser(made)
    halfway(stranger, who)
    joe.get("/oauth2/sign-in")
    joe.send(name=other.name, password=PASSWORD)
    for browser in (stranger, joe):
        assert browser.post("/oauth2/passkey", answer=answer).status_code == 403
        assert last(made) == ("sign-in", "refused", "passkey-challenge")
    assert web.post("/oauth2/passkey", answer=answer).status_code == 403  # it was used up by the first of them
    answer = one.use(asked_by(web.page.text))
    assert web.post("/oauth2/passkey", answer=answer).status_code == 303
    halfway(web, who)
    assert web.post("/oauth2/passkey", answer=answer).status_code == 403
    answer = one.use(asked_by(web.page.text))
    clock.move(minutes=5)
    assert web.post("/oauth2/passkey", answer=answer).status_code == 403
    assert last(made) == ("sign-in", "refused", "passkey-challenge")


def test_a_challenge_to_add_a_passkey_signs_nobody_in(made: Installation, clock: Clock) -> None:
    who, web, one = person(made, clock), Browser(made), device()
    added(web, who, one)
    to_add = asked_by(web.get("/oauth2/passkeys").text)
    halfway(web, who)
    assert web.post("/oauth2/passkey", answer=one.use(to_add)).status_code == 403
    assert last(made) == ("sign-in", "refused", "passkey-challenge")


def test_a_count_that_does_not_grow_is_refused_as_a_copy_and_told_in_the_chain(
    made: Installation, clock: Clock
) -> None:
    who, web, one = person(made, clock), Browser(made), device(count=4)
    added(web, who, one)
    assert web.post("/oauth2/passkey", answer=one.use(halfway(web, who))).status_code == 303  # 5
    for count in (4, 3, -1):  # then 5 again, 4, and none at all
        one.count = count
        assert web.post("/oauth2/passkey", answer=one.use(halfway(web, who))).status_code == 403
        assert last(made) == ("sign-in", "refused", "passkey-count")
    kept = made.platform.passkeys.of("mara.lind")[0]
    assert made.events()[-1]["detail"]["passkey"] == kept.id
    assert kept.sign_count == 5
    made.platform.accounts.passed([], [], clock.now)
    clock.move(hours=1)
    one.count = 5
    assert web.post("/oauth2/passkey", answer=one.use(halfway(web, who))).status_code == 303


def test_a_passkey_that_does_not_count_signs_in_again_and_again(made: Installation, clock: Clock) -> None:
    who, web = person(made, clock), Browser(made)
    one = device(counts=False, flags=PRESENT | VERIFIED | SYNCABLE | SYNCED)
    added(web, who, one)
    assert "may be synced" in web.get("/oauth2/passkeys").text
    for _ in range(2):
        assert web.post("/oauth2/passkey", answer=one.use(halfway(web, who))).status_code == 303


def test_an_application_cannot_lead_a_sign_in_to_a_page_of_ours(made: Installation, clock: Clock) -> None:
    who, web = person(made, clock), Browser(made)
    app(made)
    web.ask(page="https://evil.example")
    assert "Allow access?" in web.sign_in(who).text


def test_a_reset_takes_the_passkeys_and_who_is_stopped_does_not_get_in(made: Installation, clock: Clock) -> None:
    who, web, one = person(made, clock), Browser(made), device()
    added(web, who, one)
    answer = one.use(halfway(web, who))
    disable_client(made.platform, made.operator, who.name)
    assert web.post("/oauth2/passkey", answer=answer).status_code == 403
    assert people.show_person(made.platform, made.operator, who.name)["passkeys"] == 1
    people.reset(made.platform, made.operator, who.name)
    assert made.platform.passkeys.of(who.name) == []


def test_no_key_challenge_or_answer_lies_in_plain_on_the_disk_or_in_the_log(
    made: Installation, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    who, web, one = person(made, clock), Browser(made), device()
    added(web, who, one)
    asked = halfway(web, who)
    challenge = decoded(asked["challenge"])
    kept = b"".join(file.read_bytes() for file in (made.folder / "data").rglob("*") if file.is_file())
    web.post("/oauth2/passkey", answer=one.use(asked))
    point = one.key.public_key().public_numbers().x.to_bytes(32, "big")
    for secret in (challenge, asked["challenge"].encode(), point, point.hex().encode(), encoded(point).encode()):
        assert secret not in kept
    written = caplog.text + str([getattr(record, "fields", "") for record in caplog.records]) + str(made.events())
    for secret in (asked["challenge"], encoded(one.credential), encoded(one.handle)):
        assert secret not in written


def test_guessing_by_made_up_answers_has_to_wait(made: Installation, clock: Clock) -> None:
    who, web = person(made, clock), Browser(made)
    added(web, who, device())
    halfway(web, who)
    pages = [web.post("/oauth2/passkey", answer="{}").text for _ in range(8)]
    assert "Try again in" not in pages[0]
    assert "Try again in" in pages[-1]
    assert last(made) == ("sign-in", "refused", "waiting")


def test_a_key_that_was_put_into_the_registry_by_hand_signs_nobody_in(made: Installation, clock: Clock) -> None:
    who, other, one, mine = person(made, clock), person(made, clock, "joe"), device(), device()
    added(Browser(made), who, one)
    added(Browser(made), other, mine)
    with made.platform.accounts.writing() as connection:
        sealed = made.platform.passkeys.of("joe")[0].public_key
        connection.exec_driver_sql("UPDATE passkey SET public_key = ? WHERE client = ?", (sealed, "mara.lind"))
    web = Browser(made)
    asked = halfway(web, who)
    one.key = mine.key
    answer = web.post("/oauth2/passkey", answer=one.use(asked))
    assert (answer.status_code, answer.json["code"]) == (500, "integrity")  # type: ignore[index]
    assert "Password" in web.get("/oauth2/sign-in").text


def test_a_page_runs_one_script_of_ours_and_nothing_else(made: Installation, clock: Clock) -> None:
    who, web = person(made, clock), Browser(made)
    added(web, who, device())
    seen = [web.get("/oauth2/passkeys")]
    halfway(web, who)
    seen.append(web.page)
    for page in seen:
        policy = page.headers["Content-Security-Policy"]
        assert (
            f"script-src {ORIGIN}/oauth2/passkey.js; require-trusted-types-for 'script'; trusted-types 'none'" in policy
        )
        assert page.text.count("<script") == 1
        assert '<script src="/oauth2/passkey.js" defer></script>' in page.text
    script = web.get("/oauth2/passkey.js")
    assert script.content_type == "text/javascript; charset=utf-8"
