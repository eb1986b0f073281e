"""Feeds that arrive message by message: who may send, what is answered, what is kept."""

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from careloom.cli.main import app
from careloom.errors import SetupError
from careloom.hl7v2.frames import frame
from careloom.mllp import networks, refuse_open
from careloom.settings_served import Mllp
from tests.journeys.hospital import CommandLine
from tests.mllp_kit import ask, authority, certificate, free_port, heard, listening
from tests.mllp_senders import message

NO_PATIENT = b"MSH|^~\\&|LAB|NORTH|X|Y|20240102||ADT^A01|N1|P|2.5.1\rEVN|A01|20240102\r"


def with_header(tail: str) -> bytes:
    """A message whose MSH goes on after MSH-12."""
    return message(1).replace(b"|P|2.5.1\r", f"|P|2.5.1|||{tail}\r".encode(), 1)


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """(folder, port) of a listener as it is set up by default."""
    folder, port = tmp_path_factory.mktemp("ward"), free_port()
    with listening(folder, port, ingest__max_record_bytes=20000, mllp__frame_seconds=1):
        yield folder, port


@pytest.fixture
def connection(ward: tuple[Path, int]) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", ward[1]), timeout=120) as made:
        yield made


def test_a_message_is_accepted_and_its_facts_are_found(ward: tuple[Path, int], connection: socket.socket) -> None:
    (answer,) = ask(connection, message(4711))
    msa = answer.first("MSA")
    assert msa is not None
    assert (msa.value(1), msa.value(2)) == ("AA", "C4711")
    assert (answer.header.value(3), answer.header.value(5)) == ("CARELOOM", "LAB")
    line = CommandLine(ward[0])
    found = line.json("search", "Observation?code=http://loinc.org|2345-7&patient=Patient/NORTH-none&_summary=count")
    assert found["total"] == 0
    assert line.json("search", "Observation?code=http://loinc.org|2345-7&_summary=count")["total"] >= 1


def test_a_message_that_is_refused_is_told_why_and_stands_in_quarantine(
    ward: tuple[Path, int], connection: socket.socket
) -> None:
    (answer,) = ask(connection, NO_PATIENT)
    msa, err = answer.first("MSA"), answer.first("ERR")
    assert msa is not None
    assert err is not None
    assert (msa.value(1), err.value(5)) == ("AE", "hl7v2.segment-missing")
    waiting = CommandLine(ward[0]).json("quarantine", "list", "--code", "hl7v2.segment-missing")
    assert len(waiting) == 1


def test_what_is_no_message_is_rejected_and_kept(ward: tuple[Path, int], connection: socket.socket) -> None:
    (answer,) = ask(connection, b"good morning")
    msa = answer.first("MSA")
    assert msa is not None
    assert msa.value(1) == "AR"
    assert len(CommandLine(ward[0]).json("quarantine", "list", "--code", "hl7v2.msh-missing")) == 1


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("AL|NE", ["CA"]),
        ("AL|AL", ["CA", "AA"]),
        ("NE|AL", ["AA"]),
        ("SU|ER", ["CA"]),
        ("al|", ["CA"]),
        ("|", ["AA"]),
    ],
)
def test_the_header_says_which_acknowledgements_are_wanted(
    connection: socket.socket, tail: str, expected: list[str]
) -> None:
    answers = ask(connection, with_header(tail), len(expected))
    assert [answer.all("MSA")[0].value(1) for answer in answers] == expected


def test_a_sender_that_wants_no_answer_gets_none_and_the_next_message_is_answered(connection: socket.socket) -> None:
    connection.sendall(frame(with_header("NE|NE")) + frame(message(2)))
    (answer,) = heard(connection, 1)
    assert answer.all("MSA")[0].value(2) == "C2"


def test_an_acknowledgement_is_kept_and_not_answered(ward: tuple[Path, int], connection: socket.socket) -> None:
    answer = b"MSH|^~\\&|LAB|NORTH|X|Y|20240102||ACK^A01|K1|P|2.5.1\rMSA|AA|C1\r"
    connection.sendall(frame(answer) + frame(message(3)))
    (heard_first,) = heard(connection, 1)
    assert heard_first.all("MSA")[0].value(2) == "C3"
    found = CommandLine(ward[0]).json("records", "list", "--control-id", "K1")
    assert [(one["type"], one["state"]) for one in found["items"]] == [("ACK^A01", "waiting")]


def test_messages_sent_without_waiting_are_answered_in_their_order(connection: socket.socket) -> None:
    connection.sendall(b"".join(frame(message(number)) for number in range(50)))
    answers = heard(connection, 50)
    assert [answer.all("MSA")[0].value(2) for answer in answers] == [f"C{number}" for number in range(50)]


def test_a_message_that_is_too_long_is_rejected_and_the_next_one_is_taken(connection: socket.socket) -> None:
    connection.sendall(b"\x0b" + message(1) + b"Z" * 30000 + b"\x1c\r")
    (answer,) = heard(connection, 1)
    assert answer.all("MSA")[0].value(1) == "AR"
    assert answer.all("ERR")[0].value(5) == "hl7v2.frame-too-large"
    (answer,) = ask(connection, message(5))
    assert answer.all("MSA")[0].value(1) == "AA"


def test_a_message_that_never_ends_ends_the_connection_after_a_while(connection: socket.socket) -> None:
    connection.sendall(b"\x0bMSH|^~")
    assert connection.recv(100) == b""


def test_a_connection_may_rest_between_messages(connection: socket.socket) -> None:
    ask(connection, message(3))
    connection.settimeout(1.5)
    with pytest.raises(TimeoutError):
        connection.recv(1)


def test_only_senders_with_a_certificate_of_the_authority_come_in_over_tls(tmp_path: Path) -> None:
    ours, theirs = authority(tmp_path, "ours"), authority(tmp_path, "theirs")
    certificate(tmp_path, "server", ours)
    certificate(tmp_path, "lab", ours)
    certificate(tmp_path, "stranger", theirs)
    port = free_port()
    files = {"mllp__certificate": "server.crt", "mllp__key": "server.key", "mllp__client_ca": "ours.crt"}

    def talk(name: str) -> list[str]:
        context = ssl.create_default_context(cafile=str(tmp_path / "ours.crt"))
        if name:
            context.load_cert_chain(tmp_path / f"{name}.crt", tmp_path / f"{name}.key")
        plain = socket.create_connection(("127.0.0.1", port), timeout=120)
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
            return [answer.all("MSA")[0].value(1) for answer in ask(secure, message(1))]

    with listening(tmp_path, port, **{name: tmp_path / file for name, file in files.items()}):
        assert talk("lab") == ["AA"]
        for name in ("stranger", ""):
            with suppress(ssl.SSLError, ConnectionError):
                assert talk(name) == []
        with socket.create_connection(("127.0.0.1", port), timeout=120) as plain:
            plain.sendall(frame(message(2)))
            assert not received(plain).startswith(b"\x0b")
    assert CommandLine(tmp_path).json("search", "Patient?_summary=count")["total"] == 1


def received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1000)
    except ConnectionError:
        return b""


def test_senders_of_other_networks_are_turned_away_and_refusals_can_be_told_as_accepted(tmp_path: Path) -> None:
    port = free_port()
    place = ("127.0.0.1", port)
    with listening(tmp_path, port, mllp__senders="10.0.0.0/8"), socket.create_connection(place, 20) as stranger:
        assert received(stranger) == b""
    kind = {"mllp__senders": "10.0.0.0/8, 127.0.0.1", "mllp__refused": "AA"}
    with listening(tmp_path, port, **kind), socket.create_connection(place, 20) as lab:
        (answer,) = ask(lab, NO_PATIENT)
    assert answer.all("MSA")[0].value(1) == "AA"
    assert answer.all("ERR")[0].value(5) == "hl7v2.segment-missing"


@pytest.mark.parametrize(
    "told",
    [
        {"host": "0.0.0.0"},
        {"host": "hospital.example"},
        {"host": "0.0.0.0", "certificate": Path("a.crt"), "key": Path("a.key")},
        {"certificate": Path("a.crt")},
        {"client_ca": Path("a.crt")},
        {"host": "0.0.0.0", "senders": "everybody"},
    ],
)
def test_nothing_that_lets_in_anybody_is_served(told: dict[str, object]) -> None:
    with pytest.raises(SetupError):
        refuse_open(Mllp.model_validate(told))


@pytest.mark.parametrize(
    "told", [{}, {"host": "::1"}, {"host": "0.0.0.0", "senders": "10.1.2.0/24"}, {"host": "localhost"}]
)
def test_what_says_who_may_send_is_served(told: dict[str, object]) -> None:
    refuse_open(Mllp.model_validate(told))
    assert len(networks("10.1.2.3/24, fd00::/8")) == 2


def test_the_feed_shows_as_a_run_once_its_hour_or_the_listener_ends(tmp_path: Path) -> None:
    port = free_port()
    with listening(tmp_path, port), socket.create_connection(("127.0.0.1", port), timeout=120) as lab:
        ask(lab, message(1))
        ask(lab, NO_PATIENT)
    (run,) = (tmp_path / "data" / "runs").glob("*Z-??????.json")
    told = json.loads(run.read_bytes())
    assert (told["actor"], told["files"][0]["stored"], told["files"][0]["quarantined"]) == ("mllp", 1, 1)
    assert told["files"][0]["root"]
    assert "mllp" in {command.name or command.callback.__name__ for command in app.registered_commands}
