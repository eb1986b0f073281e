"""A collector of OpenTelemetry reads what is sent, and what it does not take is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from careloom.errors import SetupError
from careloom.services.monitor_numbers import Number
from careloom.services.monitor_otlp import HEADERS, logs_of, metrics_of, send_message, send_numbers
from careloom.services.monitor_tell import ways_of
from careloom.settings import Monitor

AT = datetime(2026, 11, 30, 8, 0, 0, 250_000, tzinfo=UTC)
NUMBERS = [
    Number("careloom_model_alarms", (("model", "readmission-30d@3"),), 2.0),
    Number("careloom_model_drift_psi", (("model", "readmission-30d@3"), ("feature", "sodium_last")), 0.31),
    Number("careloom_model_drift_psi", (("model", "readmission-30d@3"), ("feature", "age")), 0.02),
]
MESSAGE: dict[str, Any] = {
    "model": "readmission-30d@3", "run": "20261130T080000Z-abcdef", "since": "2026-10-31T08:00:00Z",
    "until": "2026-11-30T08:00:00Z", "alarms": [{"kind": "values", "place": "sodium_last", "level": "large"},
        {"kind": "mix", "place": "sex", "level": "medium", "event": "resolved"}],
}  # fmt: skip


def test_opentelemetrys_own_messages_read_the_numbers() -> None:
    service = pytest.importorskip("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")
    from google.protobuf.json_format import ParseDict

    read = ParseDict(metrics_of(NUMBERS, AT), service.ExportMetricsServiceRequest())
    (resource,) = read.resource_metrics
    assert resource.resource.attributes[0].value.string_value == "careloom"
    (scope,) = resource.scope_metrics
    found = {
        (metric.name, *(each.value.string_value for each in point.attributes)): (point.as_double, point.time_unix_nano)
        for metric in scope.metrics
        for point in metric.gauge.data_points
    }
    assert found == {
        (one.name, *(value for _, value in one.labels)): (one.value, 1_796_025_600_250_000_000) for one in NUMBERS
    }


def test_opentelemetrys_own_messages_read_the_alarms() -> None:
    service = pytest.importorskip("opentelemetry.proto.collector.logs.v1.logs_service_pb2")
    from google.protobuf.json_format import ParseDict

    read = ParseDict(logs_of(MESSAGE), service.ExportLogsServiceRequest())
    (record,) = read.resource_logs[0].scope_logs[0].log_records
    assert (record.severity_text, record.severity_number) == ("WARN", 13)
    assert record.body.string_value == "values sodium_last large; mix sex resolved"
    assert {each.key: each.value.string_value for each in record.attributes}["model"] == "readmission-30d@3"
    assert record.time_unix_nano == 1_796_025_600_000_000_000


@contextmanager
def collector(status: int = 200, answer: bytes = b"{}") -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """The address of a server that answers so, and what it got: path, kind of content, a header."""
    got: list[tuple[str, str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, self.headers["Content-Type"], self.headers.get("api-key", "")))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/otlp", got
    finally:
        server.shutdown()
        server.server_close()


def test_numbers_and_alarms_go_to_the_collector_with_the_headers_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(HEADERS, "api-key=a%20secret, other=1")
    with collector() as (address, got):
        send_numbers(address, NUMBERS, AT)
        ways_of(Monitor(otlp=address))["otlp"](MESSAGE)
    kind = "application/json"
    assert got == [(f"/otlp/v1/{name}", kind, "a secret") for name in ("metrics", "logs")]


REFUSALS = {
    "it is refused": (503, b""),
    "some points are left out": (200, b'{"partialSuccess": {"rejectedDataPoints": "2"}}'),
    "it sends elsewhere": (307, b""),
}


@pytest.mark.parametrize(("status", "answer"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_a_collector_does_not_take_is_an_error(status: int, answer: bytes) -> None:
    with collector(status, answer) as (address, _):
        with pytest.raises(SetupError):
            send_numbers(address, NUMBERS, AT)
        if b"rejectedDataPoints" not in answer:
            with pytest.raises(SetupError):
                send_message(address, MESSAGE)


@pytest.mark.parametrize(
    "answer",
    [b'{"partialSuccess": {"rejectedDataPoints": null}}', b'{"partialSuccess": null}', b'{"partialSuccess": [1]}',
     b'{"partialSuccess": {"rejectedDataPoints": "x"}}', b'{"partialSuccess": {"rejectedDataPoints": [1]}}', b"[]"],
)  # fmt: skip
def test_an_answer_that_says_of_nothing_that_it_was_left_out_is_no_error(answer: bytes) -> None:
    with collector(200, answer) as (address, got):
        send_numbers(address, NUMBERS, AT)
    assert len(got) == 1


@pytest.mark.parametrize(
    "address",
    [
        "",
        "localhost:4318",
        "ftp://host",
        "http://user:{}@host".format("secret"),
        "http://127.0.0.1:1",
        "http://[secret",
    ],
)
def test_an_address_where_no_collector_is_is_an_error_that_tells_no_secret(address: str) -> None:
    with pytest.raises(SetupError) as caught:
        send_numbers(address, NUMBERS, AT)
    assert "secret" not in str(caught.value)
