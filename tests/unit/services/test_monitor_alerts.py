"""Alarms reach a webhook, a mail server and a collector of OpenTelemetry; no webhook leads where none may lead."""

import hmac
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from careloom.errors import SetupError
from careloom.services.monitor_alerts import SIGNATURE, WEBHOOK_KEY, mail, message_of, post
from careloom.services.monitor_numbers import Number, numbers_of
from careloom.settings import Monitor

HOST = "alerts.example"
REPORT: dict[str, Any] = {
    "id": "20260301T080000Z-abcdef", "version": "readmission-30d@1", "since": "2026-02-01T00:00:00.000Z",
    "until": "2026-03-01T00:00:00.000Z", "ended": "2026-03-01T00:00:01.000Z", "predictions": 300,
    "findings": [
        {"kind": "outside", "place": "glucose", "rows": 300, "effect": 0.9, "medium": 0.02, "large": 0.1,
         "detail": {"share": 0.9}},
        {"kind": "calibration", "place": "", "rows": 900, "effect": 0.4, "medium": 0.36, "large": 0.91,
         "detail": {"off": -0.4, "calibration_error": 0.03}},
    ],
    "alarms": [{"kind": "outside", "place": "glucose", "level": "large"}],
    "performance": {"auroc": {"value": 0.7}}, "sequential": {"up": 1.5, "down": 0.0},
}  # fmt: skip


def own_address() -> str:
    """An address of this machine in a private network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("10.255.255.255", 1))  # sends nothing: it asks the routes alone
        except OSError:
            pytest.skip("this machine has no address in a network: a webhook on this machine is refused by design")
        found = str(probe.getsockname()[0])
    if not ip_address(found).is_private or ip_address(found).is_loopback:
        pytest.skip("this machine has no private address: a webhook on this machine is refused by design")
    return found


class _Hook(BaseHTTPRequestHandler):
    """Takes what is posted; `/elsewhere` answers with a redirect."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, self.headers.get(SIGNATURE, ""), body))  # type: ignore[attr-defined]
        self.send_response(302 if self.path == "/elsewhere" else 204)
        if self.path == "/elsewhere":
            self.send_header("Location", "http://169.254.169.254/latest/meta-data")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = folder / "hook.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return pem, ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())


@contextmanager
def hook(folder: Path, address: str) -> Iterator[tuple[int, list[Any], ssl.SSLContext]]:
    pem, trusted = certificate(folder)
    server = HTTPServer((address, 0), _Hook)
    server.taken = []  # type: ignore[attr-defined]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server.server_address[1], server.taken, trusted  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def settings(**told: Any) -> Monitor:
    usual = {"webhook": f"https://{HOST}/hook", "webhook_hosts": [HOST], "webhook_private": True}
    return Monitor.model_validate(usual | told)


def test_a_webhook_gets_what_is_told_signed_and_under_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = own_address()
    monkeypatch.setenv(WEBHOOK_KEY, "shared")
    body = orjson.dumps(message_of(REPORT, REPORT["alarms"]))
    with hook(tmp_path, address) as (port, taken, trusted):
        asked = settings(webhook=f"https://{HOST}:{port}/hook?team=risk")
        assert post(asked, body, look=lambda _host, _port: [address], tls=trusted) == 204
        with pytest.raises(SetupError):  # nobody vouches for its certificate
            post(asked, body, look=lambda _host, _port: [address])
    ((path, signature, got),) = taken
    assert (path, got) == ("/hook?team=risk", body)
    assert signature == "sha256=" + hmac.digest(b"shared", body, "sha256").hex()
    assert orjson.loads(got)["alarms"][0]["effect"] == 0.9


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    address = own_address()
    with hook(tmp_path, address) as (port, taken, trusted):
        with pytest.raises(SetupError):
            post(settings(webhook=f"https://{HOST}:{port}/elsewhere"), b"{}", look=lambda *_: [address], tls=trusted)
        assert len(taken) == 1


@pytest.mark.parametrize(
    "told",
    [{"webhook": f"http://{HOST}/hook"}, {"webhook": "https://other.example/hook"}, {"webhook_hosts": []},
     {"webhook": f"https://user@{HOST}/hook"}, {"webhook": "https:///hook"}],
    ids=["no TLS", "another host", "no host allowed", "a name in it", "no host"],
)  # fmt: skip
def test_an_address_that_nobody_allowed_is_not_looked_up(told: dict[str, Any]) -> None:
    def looked_up(_host: str, _port: int) -> list[str]:
        raise AssertionError("it was looked up")

    with pytest.raises(SetupError):
        post(settings(**told), b"{}", look=looked_up)


@pytest.mark.parametrize(
    ("addresses", "private"),
    [(["127.0.0.1"], True), (["::1"], True), (["169.254.169.254"], True), (["::ffff:127.0.0.1"], True),
     (["0.0.0.0"], True), (["224.0.0.1"], True), (["10.0.0.7"], False), (["93.184.216.34", "127.0.0.1"], True),
     (["fe80::1"], True), ([], True)],
    ids=str,
)  # fmt: skip
def test_a_name_that_leads_where_no_webhook_may_lie_gets_nothing(addresses: list[str], private: bool) -> None:
    with pytest.raises(SetupError):
        post(settings(webhook_private=private), b"{}", look=lambda _host, _port: addresses)


@contextmanager
def post_office() -> Iterator[tuple[int, list[str]]]:
    """A server that speaks as much SMTP (RFC 5321) as a letter needs."""
    taken: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        line_of, is_letter = "", False
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as wire:
            wire.write(b"220 post\r\n")
            wire.flush()
            for raw in wire:
                line_of = raw.decode().rstrip("\r\n")
                taken.append(line_of)
                if is_letter and line_of != ".":
                    continue
                is_letter = line_of.upper() == "DATA"
                is_last = line_of.upper() == "QUIT"
                wire.write(b"354 go on\r\n" if is_letter else b"221 bye\r\n" if is_last else b"250 fine\r\n")
                wire.flush()
                if is_last:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1], taken
    thread.join(timeout=5)
    listener.close()


def test_a_letter_says_what_is_alarming_to_everybody_who_is_named() -> None:
    with post_office() as (port, taken):
        asked = Monitor(mail_to=["ward@hospital.example", "ml@hospital.example"], mail_from="careloom@hospital.example",
                        mail_host="127.0.0.1", mail_port=port, mail_tls="none")  # fmt: skip
        mail(asked, message_of(REPORT, REPORT["alarms"]))
    told = "\n".join(taken)
    assert "rcpt TO:<ward@hospital.example>".lower() in told.lower()
    assert "rcpt TO:<ml@hospital.example>".lower() in told.lower()
    assert "Subject: readmission-30d@1: 1 alarm(s)" in told
    assert "outside glucose is large: 0.9 (medium from 0.02)" in told


def test_no_letter_goes_unsealed_to_another_machine() -> None:
    with pytest.raises(SetupError):
        mail(Monitor(mail_to=["a@b.example"], mail_host="mail.example", mail_tls="none"), message_of(REPORT, []))


def test_a_collector_of_open_telemetry_gets_every_number_and_the_message() -> None:
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
    from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult

    from careloom.services.monitor_azure import send

    class Kept(MetricExporter):
        """Keeps what it is handed; one that is out of order takes nothing."""

        kept: Any = None
        takes = MetricExportResult.SUCCESS

        def export(self, metrics_data: Any, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
            self.kept = metrics_data
            return self.takes

        def force_flush(self, timeout_millis: float = 10_000) -> bool:
            return True

        def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
            return

    numbers, metrics = list(numbers_of(REPORT)), Kept()
    logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    send(numbers, message_of(REPORT, REPORT["alarms"]), metrics=metrics, logs=logs)
    points = {
        (metric.name, tuple(sorted(point.attributes.items()))): point.value
        for resource in metrics.kept.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics
        for point in metric.data.data_points
    }  # fmt: skip
    assert points == {(one.name, tuple(sorted(one.labels))): one.value for one in numbers}
    (record,) = logs.get_finished_logs()
    assert dict(record.log_record.attributes or {})["model"] == "readmission-30d@1"
    assert "outside glucose large" in str(record.log_record.body)
    metrics.takes = MetricExportResult.FAILURE
    with pytest.raises(SetupError):
        send(numbers, None, metrics=metrics, logs=logs)


def test_numbers_name_the_version_and_no_other_number_has_their_labels() -> None:
    found = list(numbers_of(REPORT))
    assert Number("careloom_model_calibration_shift", (("model", "readmission-30d@1"),), -0.4) in found
    assert Number("careloom_model_cusum", (("model", "readmission-30d@1"), ("direction", "up")), 1.5) in found
    assert len({(one.name, one.labels) for one in found}) == len(found)
