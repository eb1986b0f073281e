"""People add passkeys of their own and remove them, just after a sign-in alone; administrators remove lost ones."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cbor2
import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.errors import NotFound
from tests.api.kit import Clock, Installation
from tests.api.passkey_kit import HOST, LIES, ORIGIN, Browser, Device, added, asked_by, decoded, device, halfway, last
from tests.api.people_kit import PASSWORD, Web, at, person


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(tmp_path: Path, clock: Clock) -> Iterator[Installation]:
    with Installation(tmp_path, at(clock), api={"public_url": ORIGIN}) as installation:
        yield installation


def test_what_is_asked_of_a_new_passkey_tells_nothing_and_demands_that_its_holder_is_verified(
    made: Installation, clock: Clock
) -> None:
    who, web, one = person(made, clock), Browser(made), device()
    added(web, who, one)
    asked = asked_by(web.get("/oauth2/passkeys").text)
    assert asked["rp"] == {"id": HOST, "name": "Careloom"}
    assert (asked["user"]["name"], asked["user"]["displayName"]) == ("mara.lind", "Mara Lind")
    assert len(decoded(asked["user"]["id"])) == 32
    assert b"mara" not in decoded(asked["user"]["id"])
    assert asked["attestation"] == "none"
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert [key["alg"] for key in asked["pubKeyCredParams"]] == [-7, -8, -257]
    assert [decoded(known["id"]) for known in asked["excludeCredentials"]] == [one.credential]


@pytest.mark.parametrize("lie", [row[1] for row in LIES], ids=[row[0] for row in LIES])
def test_a_new_passkey_that_lies_is_not_kept(made: Installation, clock: Clock, lie: Callable[[Device], None]) -> None:
    who, web, one = person(made, clock), Browser(made), device()
    lie(one)
    assert added(web, who, one).status_code == 403
    assert made.platform.passkeys.of("mara.lind") == []
    assert last(made)[:2] == ("add-passkey", "refused")


def test_passkeys_change_within_minutes_of_a_sign_in_alone_and_a_new_one_leads_back(
    made: Installation, clock: Clock
) -> None:
    who, web, one = person(made, clock), Browser(made), device()
    added(web, who, one)
    asked = asked_by(web.get("/oauth2/passkeys").text)
    key = made.platform.passkeys.of("mara.lind")[0].id
    carried = web.hidden()
    clock.move(minutes=5)
    page = web.get("/oauth2/passkeys").text
    assert "data-asked" not in page
    assert "Remove" not in page
    for address, typed in (
        ("/oauth2/passkeys", {"name": "x", "answer": device().make(asked)}),
        ("/oauth2/passkeys/remove", {"passkey": key}),
    ):
        answer = web.client.post(address, data=carried | typed)
        assert (answer.status_code, "too long ago" in answer.text) == (403, True)
    assert [one.id for one in made.platform.passkeys.of("mara.lind")] == [key]
    web.get("/oauth2/passkeys")
    web.send()
    web.send(name=who.name, password=PASSWORD)
    answer = web.post("/oauth2/passkey", answer=one.use(asked_by(web.page.text)))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/oauth2/passkeys")
    web.get("/oauth2/passkeys")
    assert web.post("/oauth2/passkeys/remove", passkey=key).status_code == 303
    assert made.platform.passkeys.of("mara.lind") == []
    assert last(made)[:2] == ("remove-passkey", "success")


def test_nobody_removes_a_passkey_of_another(made: Installation, clock: Clock) -> None:
    who, other, web = person(made, clock), person(made, clock, "joe"), Browser(made)
    added(web, who, device())
    key = made.platform.passkeys.of("mara.lind")[0].id
    joe = Browser(made)
    added(joe, other, device())
    joe.get("/oauth2/passkeys")
    joe.post("/oauth2/passkeys/remove", passkey=key)
    assert [one.id for one in made.platform.passkeys.of("mara.lind")] == [key]


def test_a_credential_is_one_person_s_alone_and_ten_are_enough(made: Installation, clock: Clock) -> None:
    who, other, web, one = person(made, clock), person(made, clock, "joe"), Browser(made), device()
    added(web, who, one)
    joe = Browser(made)
    assert "known already" in added(joe, other, one).text
    for number in range(9):
        asked = asked_by(web.get("/oauth2/passkeys").text)
        web.post("/oauth2/passkeys", name=f"key {number}", answer=device().make(asked))
    assert len(made.platform.passkeys.of("mara.lind")) == 10
    assert "data-asked" not in web.get("/oauth2/passkeys").text
    for name in ("", "  ", "two\nlines", "x" * 201):
        asked = asked_by(joe.get("/oauth2/passkeys").text)
        assert joe.post("/oauth2/passkeys", name=name, answer=device().make(asked)).status_code == 403
    assert made.platform.passkeys.of("joe") == []


STATEMENTS = [
    ("packed without a signature", "packed", {"alg": -7}),
    ("a made-up signature", "packed", {"alg": -7, "sig": b"x" * 70}),
    ("a security key of old", "fido-u2f", {"sig": b"x", "x5c": [b"y"]}),
    ("a format that is none", "careloom", {"a": 1}),
    ("none with something", "none", {"alg": -7}),
]


@pytest.mark.parametrize(("fmt", "told"), [row[1:] for row in STATEMENTS], ids=[row[0] for row in STATEMENTS])
def test_an_attestation_that_was_not_asked_for_does_not_make_a_passkey(
    made: Installation, clock: Clock, fmt: str, told: dict[str, Any]
) -> None:
    who, web = person(made, clock), Browser(made)
    web.get("/oauth2/sign-in")
    web.sign_in(who)
    asked = asked_by(web.get("/oauth2/passkeys").text)
    answer = web.post("/oauth2/passkeys", name="x", answer=device().make(asked, fmt=fmt, statement=told))
    assert (answer.status_code, made.platform.passkeys.of("mara.lind")) == (403, [])


def test_a_point_that_is_not_on_the_curve_is_no_key(made: Installation, clock: Clock) -> None:
    class Bent(Device):
        def cose(self) -> bytes:
            return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: b"\1" * 32, -3: b"\2" * 32})

    who, web = person(made, clock), Browser(made)
    assert added(web, who, Bent(ORIGIN, HOST)).status_code == 403
    assert made.platform.passkeys.of("mara.lind") == []


def test_an_administrator_sees_passkeys_and_removes_a_lost_one(made: Installation, clock: Clock) -> None:
    who, one, other = person(made, clock), device(), device(counts=False)
    web = Browser(made)
    added(web, who, one, "Phone")
    clock.move(seconds=1)
    added(web, who, other, "Laptop")
    client = made.register(["administrator"], ["identified"])
    transport = httpx.WSGITransport(app=made.app)
    with Careloom(ORIGIN, ClientSecret(client.client.id, client.secret), transport=transport) as api:
        phone, laptop = api.users.passkeys("mara.lind").passkeys
        assert ((phone.name, laptop.name), phone.used, phone.is_synced) == (("Phone", "Laptop"), None, False)
        assert api.users.get("mara.lind").passkeys == 2
        assert api.users.remove_passkey("mara.lind", phone.id).passkeys == (laptop,)
        event = made.events()[-1]
        assert (event["operation"], event["actor"], event["detail"]["passkey"]) == (
            "remove-passkey", client.client.name, phone.id,
        )  # fmt: skip
        with pytest.raises(NotFound):
            api.users.remove_passkey("mara.lind", phone.id)
    assert web.post("/oauth2/passkey", answer=one.use(halfway(web, who))).status_code == 403
    assert last(made)[2] == "passkey-unknown"
    assert web.post("/oauth2/passkey", answer=other.use(halfway(web, who))).status_code == 303


def test_nobody_removes_a_passkey_of_a_person_of_zones_that_they_do_not_have(made: Installation, clock: Clock) -> None:
    who = person(made, clock, "rita", roles=["data-scientist", "clinician"], zones=["research", "identified"])
    added(Browser(made), who, device())
    key = made.platform.passkeys.of("rita")[0].id
    admin = made.bearer(["administrator"], ["identified"], kind="person")
    assert made.client.delete(f"/api/v1/users/rita/passkeys/{key}", headers=admin).status_code == 403
    assert last(made)[:2] == ("remove-passkey", "refused")
    assert len(made.platform.passkeys.of("rita")) == 1


@pytest.mark.parametrize("url", ["", "http://careloom.example.org", "https://192.0.2.7", "https://[2001:db8::7]:8443"])
def test_where_browsers_know_no_passkeys_none_is_offered(tmp_path: Path, clock: Clock, url: str) -> None:
    with Installation(tmp_path, at(clock), api={"public_url": url}) as made:
        who, web = person(made, clock), Web(made)
        base = url or "http://127.0.0.1:8080"
        opened = web.client.open
        web.client.open = lambda *args, **more: opened(*args, **({"base_url": base} | more))  # type: ignore[method-assign]
        web.get("/oauth2/sign-in")
        web.sign_in(who)
        page = web.get("/oauth2/passkeys").text
        assert "data-asked" not in page
        assert "api.public_url" in page
