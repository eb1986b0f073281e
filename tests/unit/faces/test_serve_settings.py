"""What the server refuses before it opens a port, and what it tells the job worker."""

import socket
from pathlib import Path

import pytest

from careloom.errors import SetupError
from careloom.serve import environment_of, is_local, refuse_plain, run
from careloom.settings import Api, Data, Linkage, Settings, load

SAFE = [
    ("this machine alone", {}),
    ("this machine by name", {"host": "localhost"}),
    ("this machine, IPv6", {"host": "::1"}),
    ("TLS here", {"host": "0.0.0.0", "certificate": Path("a.crt"), "key": Path("a.key")}),
    ("TLS in front", {"host": "0.0.0.0", "public_url": "https://careloom.example.org"}),
]
UNSAFE = [
    ("every network in the clear", {"host": "0.0.0.0"}),
    ("every network in the clear, IPv6", {"host": "::"}),
    ("a public name in the clear", {"host": "careloom.example.org"}),
    ("an address that begins with http", {"host": "0.0.0.0", "public_url": "http://careloom.example.org"}),
    ("an address for others that begins with http", {"public_url": "http://careloom.example.org"}),
    ("a certificate without its key", {"certificate": Path("a.crt")}),
    ("a key without its certificate", {"key": Path("a.key")}),
]


@pytest.mark.parametrize(("what", "api"), SAFE, ids=[row[0] for row in SAFE])
def test_a_safe_address_is_served(what: str, api: dict[str, object]) -> None:
    refuse_plain(Settings(api=Api(**api)))


@pytest.mark.parametrize(("what", "api"), UNSAFE, ids=[row[0] for row in UNSAFE])
def test_an_address_where_others_could_read_along_is_refused(what: str, api: dict[str, object]) -> None:
    with pytest.raises(SetupError) as refused:
        refuse_plain(Settings(api=Api(**api)))
    assert "api." in refused.value.remedy


def test_a_name_of_this_machine_is_told_from_others() -> None:
    assert all(is_local(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"))
    assert not any(is_local(host) for host in ("10.0.0.1", "0.0.0.0", "::", "example.org", ""))


def test_a_certificate_that_does_not_load_is_refused_before_the_port_opens(tmp_path: Path) -> None:
    broken = tmp_path / "tls.pem"
    broken.write_text("no certificate\n")
    settings = Settings(data=Data(directory=tmp_path / "data"), api=Api(certificate=broken, key=broken))
    with pytest.raises(SetupError, match="does not load"):
        run(settings)


def test_a_taken_port_is_told_at_once(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        settings = Settings(data=Data(directory=tmp_path / "data"), api=Api(port=holder.getsockname()[1]))
        with pytest.raises(SetupError, match="cannot be opened"):
            run(settings)


def test_the_job_worker_sees_the_settings_of_the_server_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "careloom.toml"
    elsewhere.write_text('[data]\ndatabase = "postgresql+psycopg://db.example.org/other"\n[ingest]\nsource = "other"\n')
    monkeypatch.setenv("CARELOOM_CONFIG", str(elsewhere))
    monkeypatch.setenv("CARELOOM__DATA__DATABASE", "postgresql+psycopg://db.example.org/third")
    monkeypatch.setenv("CARELOOM__KEYS__DIRECTORY", str(tmp_path / "other keys"))
    settings = Settings(
        data=Data(directory=tmp_path / "data of the demo"),
        api=Api(port=9443, public_url="https://careloom.example.org"),
        linkage=Linkage(trusted_sources=["main-hospital", "clinic"]),
    )
    assert load(environment=environment_of(settings)) == settings


ADDRESSES = [
    ({}, "http://127.0.0.1:8080"),
    ({"host": "::1"}, "http://[::1]:8080"),
    ({"certificate": Path("a"), "key": Path("b"), "host": "careloom.example.org"}, "https://careloom.example.org:8080"),
    ({"public_url": "https://careloom.example.org/"}, "https://careloom.example.org"),
]


@pytest.mark.parametrize(("api", "url"), ADDRESSES)
def test_an_installation_knows_what_clients_call_it(api: dict[str, object], url: str) -> None:
    assert Settings(api=Api(**api)).base_url == url
