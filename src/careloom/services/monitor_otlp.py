"""Numbers and alarms of watched models for a collector of OpenTelemetry: OTLP over HTTP in its JSON encoding.

source  OpenTelemetry Protocol 1.x, OTLP/HTTP and JSON Protobuf encoding (64-bit integers are texts, enumerations
        numbers); the variable of headers: OpenTelemetry specification, Protocol Exporter
"""

import http.client
import os
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import orjson

from careloom import __version__
from careloom.errors import SetupError
from careloom.services.monitor_numbers import HELP, Number

HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
"""The variable that tells what else is sent with each call, ``name=value,name=value``: it may hold a key."""
WARN = 13
"""SeverityNumber of OpenTelemetry's logs."""
SECONDS = 10.0
MOST_BYTES = 1 << 20
"""Of an answer; what is longer is left unread, and no answer of partial success."""
Json = dict[str, Any]


def send_numbers(collector: str, numbers: Sequence[Number], at: datetime) -> None:
    """Sends every number as a gauge to ``/v1/metrics``.

    collector  address of its OTLP over HTTP: http://localhost:4318
    at         the moment of the look, UTC-aware
    raises     SetupError for an address that is none, and where the collector takes not all of it
    """
    post(collector, "/v1/metrics", metrics_of(numbers, at))


def send_message(collector: str, message: Mapping[str, Any]) -> None:
    """Sends a message (`careloom.services.monitor_alerts.message_of`) as a log record. raises as `send_numbers`"""
    post(collector, "/v1/logs", logs_of(message))


def metrics_of(numbers: Sequence[Number], at: datetime) -> Json:
    """An ExportMetricsServiceRequest: a gauge for each name, with a point for each labels."""
    points: dict[str, list[Json]] = {}
    for one in numbers:
        point = {"attributes": _attributes(dict(one.labels)), "timeUnixNano": _nanoseconds(at), "asDouble": one.value}
        points.setdefault(one.name, []).append(point)
    gauges = [
        {"name": name, "description": HELP[name], "gauge": {"dataPoints": each}} for name, each in points.items()
    ]  # fmt: skip
    return {"resourceMetrics": [{"resource": RESOURCE, "scopeMetrics": [{"scope": _SCOPE, "metrics": gauges}]}]}


def logs_of(message: Mapping[str, Any]) -> Json:
    """An ExportLogsServiceRequest: a record of severity WARN at the end of the look's days, which names the alarms."""
    told = {name: str(message[name]) for name in ("model", "run", "since", "until", "message") if name in message}
    text = "; ".join(f"{one['kind']} {one['place']} {_state_of(one)}" for one in message["alarms"])
    record = {
        "timeUnixNano": _nanoseconds(datetime.fromisoformat(message["until"])), "severityNumber": WARN,
        "severityText": "WARN", "body": {"stringValue": text}, "attributes": _attributes(told),
    }  # fmt: skip
    return {"resourceLogs": [{"resource": RESOURCE, "scopeLogs": [{"scope": _SCOPE, "logRecords": [record]}]}]}


def _state_of(one: Mapping[str, Any]) -> str:
    return "resolved" if one.get("event") == "resolved" else str(one["level"])


def _attributes(told: Mapping[str, str]) -> list[Json]:
    return [{"key": name, "value": {"stringValue": value}} for name, value in told.items()]


RESOURCE: Json = {"attributes": _attributes({"service.name": "careloom", "service.version": __version__})}
"""Who sends."""
_SCOPE: Json = {"name": "careloom.monitor"}


def _nanoseconds(at: datetime) -> str:
    return str(int(at.timestamp() * 1_000_000) * 1_000)


def post(collector: str, path: str, body: Json, setting: str = "monitor.otlp") -> None:
    """Sends one request of OTLP.

    setting  that names the collector, for errors
    raises   SetupError for an address that is none, and where the collector takes not all of it
    """
    told, host = address_of(collector, setting)
    try:
        connection = http.client.HTTPConnection(host, told.port, timeout=SECONDS)
        if told.scheme == "https":
            tls = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, told.port, timeout=SECONDS, context=tls)
        try:
            connection.request("POST", told.path.rstrip("/") + path, orjson.dumps(body), _headers())
            answer = connection.getresponse()
            status, content = answer.status, answer.read(MOST_BYTES)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SetupError(
            f"{setting}: the collector does not answer ({type(error).__name__})", "Call its operator."
        ) from None
    if status != 200 or _refused(content):
        raise SetupError(f"{setting}: the collector took not all of it ({status})", "See what its log says.")


def address_of(collector: str, setting: str = "monitor.otlp") -> tuple[SplitResult, str]:
    """The parts of an address, and its host. raises SetupError"""
    try:
        told = urlsplit(collector)
    except ValueError:
        told = urlsplit("")
    if told.scheme not in ("http", "https") or not told.hostname or told.username is not None or told.query:
        raise SetupError(f"{setting}: it is no address of a collector", "Write http://host:4318 or https://host.")
    return told, told.hostname


def _refused(content: bytes) -> bool:
    """True for an answer of partial success that says how many points or records were left out; null is none."""
    try:
        told = orjson.loads(content or b"{}").get("partialSuccess") or {}
        return any(int(told.get(name) or 0) for name in ("rejectedDataPoints", "rejectedLogRecords", "rejectedSpans"))
    except (ValueError, AttributeError, TypeError):
        return False


def _headers() -> dict[str, str]:
    """What the variable says; a pair without ``=`` is none."""
    pairs = [one.partition("=") for one in os.environ.get(HEADERS, "").split(",") if "=" in one]
    more = {name.strip(): unquote(value.strip()) for name, _, value in pairs}
    return {**more, "Content-Type": "application/json", "User-Agent": "careloom"}
