"""The registry of who may come in, on each kind of database."""

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from careloom.errors import Conflict, NotFound, SetupError
from careloom.runtime import Runtime
from careloom.store import access_tables
from careloom.store.accounts import Accounts
from careloom.store.clients import Client, Clients
from tests.store_kit import START, Clock

WARD = Client(
    id="https://ward.example.org", name="ward", kind="client", roles="clinician", zones="identified",
    scopes="system/*.rs", secret_hash="$argon2id", jwks="", generation=1, created=START, expires=None, disabled=None,
)  # fmt: skip
OF_THE_FIRST_VERSION = {"client", "assertion_seen", "token_revoked", "access_version"}
LATER = START + timedelta(days=1)
Open = Callable[[], Clients]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_again(place: Path | str, clock: Clock) -> Iterator[Open]:
    opened: list[Clients] = []

    def make() -> Clients:
        opened.append(Clients(place, Runtime(clock=clock)))
        return opened[-1]

    yield make
    for clients in opened:
        clients.close()


@pytest.fixture
def clients(open_again: Open) -> Clients:
    return open_again()


def add(clients: Clients, *added: Client) -> None:
    with clients.change() as change:
        for client in added:
            change.add(client)


def test_who_was_let_in_is_found_by_id_and_by_name_also_when_opened_again(clients: Clients, open_again: Open) -> None:
    whole = replace(WARD, expires=LATER, disabled=START, jwks='{"keys":[]}', kind="person", generation=7)
    add(clients, whole)
    for registry in (clients, open_again()):
        assert registry.find(whole.id) == whole
        assert registry.named("ward") == whole
        assert registry.find_with_token(whole.id, "none", "none") == (whole, False, False)


def test_who_was_never_let_in_is_not_found(clients: Clients) -> None:
    assert clients.find("nobody") is None
    assert clients.find_with_token("nobody", "none", "none") is None
    assert clients.listed() == []
    with pytest.raises(NotFound):
        clients.named("nobody")


@pytest.mark.parametrize("taken", [{"id": "other"}, {"name": "other"}], ids=["name", "id"])
def test_an_id_and_a_name_are_given_once(clients: Clients, taken: dict[str, str]) -> None:
    add(clients, WARD)
    with pytest.raises(Conflict):
        add(clients, replace(WARD, **taken))  # type: ignore[arg-type]
    assert clients.listed() == [WARD]


def test_a_change_that_raises_never_happened(clients: Clients) -> None:
    add(clients, WARD)

    def fail() -> None:
        with clients.change() as change:
            change.replace(replace(WARD, disabled=START))
            change.add(replace(WARD, id="b", name="b"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert clients.listed() == [WARD]


def test_a_change_is_seen_at_once_by_who_has_it_open(clients: Clients, open_again: Open) -> None:
    other = open_again()
    add(clients, WARD, replace(WARD, id="a", name="a"))
    assert [client.name for client in other.listed()] == ["a", "ward"]
    with clients.change() as change:
        change.replace(replace(change.named("ward"), disabled=START, generation=2))
    assert other.find(WARD.id) == replace(WARD, disabled=START, generation=2)
    assert other.find("a") == replace(WARD, id="a", name="a")


ACTIVE = [
    (WARD, True),
    (replace(WARD, expires=LATER), True),
    (replace(WARD, expires=START), False),
    (replace(WARD, disabled=START), False),
]


@pytest.mark.parametrize(("client", "expected"), ACTIVE)
def test_a_client_is_active_until_it_is_disabled_or_expires(client: Client, expected: bool) -> None:
    assert client.is_active(START) is expected


def test_an_assertion_is_used_once_by_each_client(clients: Clients, open_again: Open) -> None:
    uses = [("a", "1"), ("a", "1"), ("b", "1"), ("a", "2"), ("a1", ""), ("a", "1")]
    registries = [clients, open_again()]
    got = [registries[number % 2].is_first_use(*use, LATER) for number, use in enumerate(uses)]
    assert got == [True, False, True, True, True, False]


def test_of_many_uses_at_once_exactly_one_is_the_first(clients: Clients, open_again: Open) -> None:
    registries = [clients, open_again()]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda number: registries[number % 2].is_first_use("a", "same", LATER), range(24)))
    assert sum(got) == 1


def test_an_assertion_is_forgotten_when_it_could_not_be_used_again_anyway(clients: Clients, clock: Clock) -> None:
    assert clients.is_first_use("a", "1", clock.now + timedelta(seconds=90))
    assert clients.is_first_use("a", "2", clock.now + timedelta(seconds=600))
    clock.now += timedelta(seconds=300)
    assert clients.is_first_use("a", "1", clock.now + timedelta(seconds=90))
    assert not clients.is_first_use("a", "2", clock.now + timedelta(seconds=90))


def test_a_revoked_token_stays_revoked_until_it_would_have_expired(clients: Clients, clock: Clock) -> None:
    add(clients, WARD)
    clients.revoke("t1", clock.now + timedelta(seconds=60))
    clients.revoke("t1", clock.now + timedelta(seconds=60))
    assert clients.find_with_token(WARD.id, "t1", "none") == (WARD, True, False)
    assert clients.find_with_token(WARD.id, "t2", "none") == (WARD, False, False)
    clock.now += timedelta(seconds=300)
    clients.revoke("t2", clock.now + timedelta(seconds=60))
    assert clients.find_with_token(WARD.id, "t1", "none") == (WARD, False, False)
    assert clients.find_with_token(WARD.id, "t2", "none") == (WARD, True, False)


def test_opened_by_many_at_once_it_is_made_once(open_again: Open) -> None:
    registries = [open_again() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda registry: registry.listed(), registries)) == [[]] * 8


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_forked_process_opens_its_own_connections(clients: Clients) -> None:
    add(clients, WARD)
    parents = clients.registry._engine
    child = os.fork()
    if child == 0:
        code = 1
        try:
            add(clients, replace(WARD, id="child", name="child"))
            code = 0 if len(clients.listed()) == 2 and clients.registry._engine is not parents else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [client.name for client in clients.listed()] == ["child", "ward"]


def test_only_its_owner_can_read_it_and_nothing_is_made_before_it_is_asked(tmp_path: Path) -> None:
    clients = Clients(tmp_path, Runtime())
    assert list(tmp_path.iterdir()) == []
    add(clients, WARD)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "access").iterdir()}
    assert "access.db" in modes
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "access").stat().st_mode) == 0o700
    clients.close()


def test_a_registry_of_another_version_is_left_alone(tmp_path: Path) -> None:
    first = Clients(tmp_path, Runtime())
    add(first, WARD)
    first.close()
    with closing(sqlite3.connect(tmp_path / "access" / "access.db")) as raw:
        raw.execute("UPDATE access_version SET version = 99")
        raw.commit()
    with pytest.raises(SetupError):
        Clients(tmp_path, Runtime()).listed()


def test_a_registry_of_the_first_version_gets_what_it_lacks(place: Path | str, open_again: Open) -> None:
    first = open_again()
    add(first, WARD)
    with first.registry.opened().connect() as connection, connection.begin():
        for name in access_tables.metadata.tables.keys() - OF_THE_FIRST_VERSION:
            connection.exec_driver_sql(f"DROP TABLE {name}")
        for name in ("patient", "actors", "purposes"):
            connection.exec_driver_sql(f"ALTER TABLE client DROP COLUMN {name}")
        connection.exec_driver_sql("UPDATE access_version SET version = 1")
    first.close()
    assert open_again().listed() == [WARD]
    bound = replace(WARD, id="mary", name="mary", patient="p1", actors="Patient/p1", purposes="PATRQT")
    again = open_again()
    add(again, bound)
    assert again.find("mary") == bound
    assert not Accounts(again.registry).listed()


def test_who_was_bound_to_an_erased_patient_is_stopped_and_nobody_s_any_more(
    clients: Clients, place: Path | str
) -> None:
    one = "3bd2rvugk3xogvjzf4yjyli4um"
    bound = [replace(WARD, id=name, name=name, patient=one) for name in ("mary", "mary-app")]
    add(clients, WARD, *bound, replace(WARD, id="joe", name="joe", patient="other"))
    assert (clients.unbind(one), clients.unbind(one)) == (2, 0)
    told = {client.name: (client.patient, client.disabled is not None) for client in clients.listed()}
    assert told == {
        "ward": ("", False),
        "mary": ("erased", True),
        "mary-app": ("erased", True),
        "joe": ("other", False),
    }
    if isinstance(place, Path):
        assert not any(one.encode() in file.read_bytes() for file in (place / "access").iterdir())
