"""Letting clients in, stopping them, renewing what they sign in with: by an administrator, on record, or not at all."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from careloom.errors import AccessError, CareloomError, Conflict, NotFound, QueryError
from careloom.runtime import Runtime
from careloom.services.access import Principal, local_operator
from careloom.services.clients import (
    ClientAsk,
    disable_client,
    enable_client,
    list_clients,
    register_client,
    rotate_secret,
    show_client,
)
from careloom.services.platform import Platform
from careloom.settings import Data, Settings
from tests.store_kit import START

WARD = ClientAsk("ward", ["clinician"], ["identified"])
ADMINISTRATOR = Principal("admin", frozenset({"administrator"}), frozenset({"identified"}))
CLINICIAN = Principal("doctor", frozenset({"clinician"}), frozenset({"identified"}))
ELSEWHERE = Principal("remote", frozenset({"administrator"}), frozenset({"research"}))


class Faulty:
    """A clock that stops giving the time when it is broken."""

    def __init__(self) -> None:
        self.looks_left = 1_000_000

    def __call__(self) -> datetime:
        self.looks_left -= 1
        if self.looks_left < 0:
            raise OSError("the clock is broken")
        return START


@pytest.fixture
def clock() -> Faulty:
    return Faulty()


@pytest.fixture
def platform(tmp_path: Path, clock: Faulty) -> Iterator[Platform]:
    with Platform(Settings(data=Data(directory=tmp_path)), Runtime(clock=clock)) as opened:
        yield opened


def events(platform: Platform) -> list[dict[str, Any]]:
    with platform.store("identified").connect() as connection:
        rows = connection.exec_driver_sql("SELECT body FROM audit ORDER BY seq").fetchall()
    return [orjson.loads(body) for (body,) in rows]


def test_a_client_calls_itself_by_its_name_and_may_all_that_its_roles_permit(platform: Platform) -> None:
    registered = register_client(platform, ADMINISTRATOR, WARD)
    assert registered.secret
    assert show_client(platform, ADMINISTRATOR, "ward") == {
        "client_id": "ward", "name": "ward", "kind": "client", "state": "active", "roles": ["clinician"],
        "zones": ["identified"],
        "scopes": ["careloom/approve", "careloom/break-glass", "careloom/correct", "careloom/monitor", "system/*.rs"],
        "signs_in_with": "secret", "keys": [],
        "created": START.isoformat(), "expires": None, "disabled": None,
        "is_bound_to_a_patient": False, "actors": [], "purposes": [],
    }  # fmt: skip
    assert [client["name"] for client in list_clients(platform, ADMINISTRATOR)] == ["ward"]


CANNOT = [
    ("no name", {"name": ""}),
    ("a name with a space", {"name": "a b"}),
    ("a name with a line's end", {"name": "ward\n"}),
    ("a name too long", {"name": "a" * 65}),
    ("a name that begins with a dash", {"name": "-rf"}),
    ("a name not ASCII", {"name": "w\u00e4rd"}),
    ("the name of nobody", {"name": "unknown"}),
    ("a client_id with a space", {"client_id": "a b"}),
    ("a client_id too long", {"client_id": "a" * 257}),
    ("no role", {"roles": []}),
    ("an unknown role", {"roles": ["clinician", "king"]}),
    ("no zone", {"zones": []}),
    ("an unknown zone", {"zones": ["gold"]}),
    ("a zone where its roles permit nothing", {"zones": ["research"]}),
    ("an unknown scope", {"scopes": "openid"}),
    ("a scope beyond its roles", {"scopes": "system/*.rs careloom/erase"}),
    ("an unknown kind", {"kind": "robot"}),
    ("a day in the past", {"expires": START - timedelta(days=1)}),
    ("keys of a person", {"kind": "person", "jwks": {"keys": []}}),
]


@pytest.mark.parametrize(("what", "differs"), CANNOT, ids=[row[0] for row in CANNOT])
def test_who_cannot_be_let_in_is_not(platform: Platform, what: str, differs: dict[str, Any]) -> None:
    with pytest.raises(QueryError):
        register_client(platform, ADMINISTRATOR, replace(WARD, **differs))
    assert platform.clients.listed() == []


def test_a_name_is_given_once(platform: Platform) -> None:
    register_client(platform, ADMINISTRATOR, WARD)
    with pytest.raises(Conflict):
        register_client(platform, ADMINISTRATOR, WARD)


Use = Callable[[Platform, Principal], object]
USES: dict[str, Use] = {
    "register-client": lambda platform, who: register_client(platform, who, replace(WARD, name="other")),
    "list-clients": list_clients,
    "show-client": lambda platform, who: show_client(platform, who, "ward"),
    "disable-client": lambda platform, who: disable_client(platform, who, "ward"),
    "enable-client": lambda platform, who: enable_client(platform, who, "ward"),
    "rotate-secret": lambda platform, who: rotate_secret(platform, who, "ward"),
}


@pytest.mark.parametrize("operation", USES)
def test_every_use_is_an_administrators_and_is_audited(platform: Platform, operation: str) -> None:
    register_client(platform, ADMINISTRATOR, WARD)
    for who in (CLINICIAN, ELSEWHERE):
        before = platform.clients.listed()
        with pytest.raises(AccessError):
            USES[operation](platform, who)
        assert platform.clients.listed() == before
        event = events(platform)[-1]
        assert (event["actor"], event["operation"], event["outcome"]) == (who.name, operation, "refused")
    USES[operation](platform, ADMINISTRATOR)
    event = events(platform)[-1]
    assert (event["actor"], event["operation"], event["outcome"]) == ("admin", operation, "success")


@pytest.mark.parametrize("operation", ["register-client", "disable-client", "enable-client", "rotate-secret"])
def test_a_change_that_cannot_be_audited_does_not_happen(platform: Platform, clock: Faulty, operation: str) -> None:
    register_client(platform, ADMINISTRATOR, WARD)
    before, told = platform.clients.listed(), len(events(platform))
    clock.looks_left = 1 if operation in ("register-client", "disable-client") else 0  # one is for the change itself
    with pytest.raises((OSError, CareloomError)):
        USES[operation](platform, ADMINISTRATOR)
    clock.looks_left = 1_000_000
    assert platform.clients.listed() == before
    assert len(events(platform)) == told


@pytest.mark.parametrize("operation", ["show-client", "disable-client", "enable-client", "rotate-secret"])
def test_nobody_of_that_name_is_changed(platform: Platform, operation: str) -> None:
    with pytest.raises(NotFound):
        USES[operation](platform, local_operator("op"))


def test_who_may_not_make_a_secret_costs_no_hash_and_hears_nothing_of_keys(platform: Platform) -> None:
    register_client(platform, ADMINISTRATOR, WARD)
    with pytest.raises(AccessError):
        rotate_secret(platform, CLINICIAN, "ward", {"keys": "none"})


def test_a_client_with_a_secret_is_not_given_keys(platform: Platform) -> None:
    register_client(platform, ADMINISTRATOR, WARD)
    before = platform.clients.listed()
    with pytest.raises(QueryError):
        rotate_secret(platform, ADMINISTRATOR, "ward", {"keys": []})
    assert platform.clients.listed() == before


def test_each_stop_and_each_new_secret_outdates_the_tokens_before_it(platform: Platform) -> None:
    register_client(platform, ADMINISTRATOR, WARD)
    generations = [platform.clients.named("ward").generation]
    for operation in ("rotate-secret", "disable-client", "disable-client", "enable-client", "rotate-secret"):
        USES[operation](platform, ADMINISTRATOR)
        generations.append(platform.clients.named("ward").generation)
    assert generations == [1, 2, 3, 4, 4, 5]
