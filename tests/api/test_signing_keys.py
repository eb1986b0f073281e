"""Keys that sign tokens: a new one is shown before it signs, old tokens hold, what is revoked ends in every process."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.crypto.access_tokens import TokenSigner, kid_of
from careloom.errors import AccessError, Conflict, NotFound, Unauthenticated
from careloom.runtime import Runtime
from careloom.services.access import Principal, local_operator
from careloom.services.clients import ClientAsk, register_client
from careloom.services.platform import Platform
from careloom.services.signing_keys import USES, SigningKey, access_signer, list_keys, revoke_key, rotate_keys
from careloom.services.tokens import issue, session_of
from careloom.settings import load
from careloom.store.access_tables import VERSION, upgrade
from tests.api.kit import BASE_URL, Clock, Installation

DOCTOR = Principal("doctor", frozenset({"clinician"}), frozenset({"identified"}))
DAY = {"hours": 24}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(tmp_path: Path, clock: Clock) -> Iterator[Installation]:
    with Installation(tmp_path, Runtime(clock=clock), api={"session_seconds": 43200}) as installation:
        installation.register(["administrator"], name="admin", kind="person")
        yield installation


def states(made: Installation, use: str = "access") -> list[str]:
    return [one.state for one in list_keys(made.platform, made.operator) if one.use == use]


def shown(made: Installation) -> set[str]:
    return {key["kid"] for key in made.client.get("/oauth2/jwks").json["keys"]}  # type: ignore[index]


def token(made: Installation, name: str = "admin") -> str:
    return issue(made.platform, made.platform.clients.named(name)).token


def is_good(made: Installation, text: str) -> bool:
    return made.client.get("/api/v1/me", headers={"Authorization": f"Bearer {text}"}).status_code == 200


def of(found: list[SigningKey], state: str, use: str = "access") -> SigningKey:
    (one,) = [one for one in found if (one.state, one.use) == (state, use)]
    return one


def test_a_new_key_is_shown_before_it_signs_and_the_old_one_until_its_tokens_are_over(
    made: Installation, clock: Clock
) -> None:
    old = kid_of(token(made))
    assert states(made) == ["current"]
    found = rotate_keys(made.platform, made.operator)
    assert [states(made, use) for use in USES] == [["next", "current"]] * 2
    new = of(found, "next")
    assert new.signs_from == clock.now + timedelta(hours=24)
    assert {old, new.kid} <= shown(made)
    clock.move(hours=23.99)
    last = token(made)
    assert kid_of(last) == old
    with pytest.raises(Conflict):
        rotate_keys(made.platform, made.operator)
    clock.move(hours=0.01)
    assert (kid_of(token(made)), states(made)) == (new.kid, ["current", "retired"])
    clock.move(hours=11.98)
    assert is_good(made, last)
    clock.move(hours=12.03)
    assert (is_good(made, last), states(made), old in shown(made)) == (False, ["current"], False)
    rotate_keys(made.platform, made.operator, ["access"])
    assert [states(made, use) for use in USES] == [["next", "current"], ["current"]]


def test_nobody_but_an_administrator_does_it_and_all_is_audited_without_the_key(made: Installation) -> None:
    for refused in (lambda: list_keys(made.platform, DOCTOR), lambda: rotate_keys(made.platform, DOCTOR)):
        with pytest.raises(AccessError):
            refused()
    with pytest.raises(AccessError):
        revoke_key(made.platform, DOCTOR, kid_of(token(made)))
    found = rotate_keys(made.platform, made.operator)
    revoke_key(made.platform, made.operator, of(found, "current").kid)
    events = [one for one in made.events() if "signing-key" in one["operation"] and one["outcome"] == "success"]
    assert [one["operation"] for one in events] == ["rotate-signing-keys"] * 2 + ["revoke-signing-key"]
    assert events[-1]["detail"] == {"use": "access", "kid": of(found, "current").kid}


@pytest.mark.parametrize("is_waiting", [True, False])
def test_what_a_revoked_key_signed_is_refused_at_once_and_another_signs(made: Installation, is_waiting: bool) -> None:
    stolen = token(made)
    if is_waiting:
        rotate_keys(made.platform, made.operator)
    left = revoke_key(made.platform, made.operator, kid_of(stolen))
    assert not is_good(made, stolen)
    assert kid_of(stolen) not in shown(made)
    fresh = token(made)
    assert is_good(made, fresh)
    assert [one.state for one in left if one.use == "access"] == ["current"]
    with pytest.raises(NotFound):
        revoke_key(made.platform, made.operator, kid_of(stolen))


def test_a_key_that_waits_is_revoked_and_the_one_before_stays(made: Installation, clock: Clock) -> None:
    old = token(made)
    found = rotate_keys(made.platform, made.operator)
    left = revoke_key(made.platform, made.operator, of(found, "next").kid)
    assert (of(left, "current").kid, of(left, "current").until) == (kid_of(old), None)
    clock.move(days=3)
    assert kid_of(token(made)) == kid_of(old)
    rotate_keys(made.platform, made.operator)
    assert states(made) == ["next", "current"]


SINCE_THEN = {
    "signing_key": ("purpose", "kid", "signs"), "browser_session": ("ways", "provider", "hint"), "app_grant": ("ways",),
}  # fmt: skip


def test_tokens_of_the_version_before_hold_and_its_key_of_people_is_kept(made: Installation) -> None:
    with made.platform.clients.registry.opened().connect() as connection, connection.begin():
        for table, names in SINCE_THEN.items():
            for name in names:
                connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {name}")
        for table in ("account_identity", "provider_attempt", "passkey", "passkey_challenge"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.exec_driver_sql("UPDATE access_version SET version = 4")
        assert upgrade(connection) == VERSION
    assert access_signer(made.platform).key_id == TokenSigner(made.platform.keys.derive("tokens", "signing")).key_id
    assert is_good(made, token(made))


CHILD = """
import sys
from careloom.errors import Unauthenticated
from careloom.services.platform import Platform
from careloom.services.signing_keys import public_keys
from careloom.services.tokens import issue, session_of
from careloom.settings import load
with Platform(load()) as platform:
    for line in sys.stdin:
        verb, _, text = line.strip().partition(" ")
        if verb == "issue":
            print(issue(platform, platform.clients.named(text)).token)
        elif verb == "keys":
            print(*(key["kid"] for key in public_keys(platform)))
        else:
            try:
                print(session_of(platform, text).client.name)
            except Unauthenticated:
                print("refused")
        sys.stdout.flush()
"""


def test_another_process_goes_by_what_this_one_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARELOOM__DATA__DIRECTORY", str(tmp_path / "home"))
    operator = local_operator("tester")
    command = [sys.executable, "-c", CHILD]
    with (
        Platform(load()) as platform,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other,
    ):
        register_client(platform, operator, ClientAsk("ward", ["clinician"], ["identified"]))

        def ask(text: str) -> str:
            assert other.stdin is not None
            assert other.stdout is not None
            other.stdin.write(f"{text}\n")
            other.stdin.flush()
            return other.stdout.readline().strip()

        theirs = ask("issue ward")
        assert session_of(platform, theirs).client.name == ask(f"use {theirs}") == "ward"
        new = of(rotate_keys(platform, operator), "next")
        assert new.kid in ask("keys").split()
        assert ask(f"use {theirs}") == "ward"
        revoke_key(platform, operator, kid_of(theirs))
        assert ask(f"use {theirs}") == "refused"
        again = ask("issue ward")
        assert kid_of(again) == new.kid
        assert session_of(platform, again).client.name == "ward"


def test_over_http_and_by_the_sdk_it_is_the_same(made: Installation) -> None:
    transport = httpx.WSGITransport(app=made.app)
    with Careloom(BASE_URL, Bearer(token(made)), transport=transport) as api:
        assert {one.state for one in api.signing_keys.list()} == {"current"}
        (new,) = [one for one in api.signing_keys.rotate("access") if one.state == "next"]
        with pytest.raises(Conflict):
            api.signing_keys.rotate()
        with pytest.raises(NotFound):
            api.signing_keys.revoke("A" * 43)
        assert new.kid not in {one.kid for one in api.signing_keys.revoke(new.kid)}
        (current,) = [one for one in api.signing_keys.list() if one.use == "access"]
        api.signing_keys.revoke(current.kid)
        with pytest.raises(Unauthenticated):
            api.signing_keys.list()


def test_health_reminds_of_a_key_that_is_old(made: Installation, clock: Clock) -> None:
    def told() -> dict[str, Any]:
        answer = made.client.get("/api/v1/health", headers=made.bearer()).json
        return next(one for one in answer["dependencies"] if one["name"] == "signing-keys")  # type: ignore[index]

    assert told()["state"] == "ok"
    clock.move(days=365.5)
    assert (told()["state"], told()["reason"], told()["numbers"]) == ("degraded", "keys-old", {"oldest_days": 365.5})
    rotate_keys(made.platform, made.operator)
    assert told()["state"] == "degraded"
    clock.move(**DAY)
    assert told()["state"] == "ok"
