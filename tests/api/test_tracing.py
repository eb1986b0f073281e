"""Spans of requests, jobs and steps of the store, as a collector of OpenTelemetry receives them."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from careloom import traces
from careloom.api.app import create_app
from careloom.client.pace import Pace
from careloom.client.transport import Ask, Manners, trace_headers
from careloom.errors import SetupError
from careloom.services.jobs import work
from careloom.services.traces_otlp import configure
from tests.api.kit import PATIENT, Installation

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Receiver(HTTPServer):
    """A collector that keeps what it takes."""

    spans: list[dict[str, Any]]
    status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path == "/v1/traces"
        for resource in told["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                self.server.spans += scope["spans"]  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver(("127.0.0.1", 0), _Handler)
    server.spans = []
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def traced(tmp_path: Path, receiver: Receiver) -> Iterator[Installation]:
    with Installation(tmp_path, traces={"otlp": receiver.url}) as made:
        made.app = create_app(made.platform)  # type: ignore[misc]
        yield made
        del made.__dict__["app"]
    traces.collect(None)


def sent(receiver: Receiver) -> list[dict[str, Any]]:
    """All spans so far."""
    collector = traces._collector
    assert collector is not None
    collector.flush()
    return receiver.spans


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}


def test_a_request_is_a_span_by_its_route_with_steps_of_the_store_below(
    traced: Installation, receiver: Receiver
) -> None:
    traced.ingest([PATIENT])
    stored = traced.stored_id("Patient", "p1")
    answer = traced.client.get(f"/fhir/identified/Patient/{stored}", headers=traced.bearer())
    assert answer.status_code == 200
    spans = sent(receiver)
    [root] = [span for span in spans if span["kind"] == 2]
    assert root["name"] == "GET /fhir/{zone}/{type}/{id}"
    assert attributes(root)["http.response.status_code"] == "200"
    assert attributes(root)["careloom.request.id"] == answer.headers["X-Request-Id"]
    assert int(root["startTimeUnixNano"]) < int(root["endTimeUnixNano"])
    below = [span for span in spans if span.get("parentSpanId") == root["spanId"]]
    assert {span["name"] for span in below} <= {"store read", "store write"}
    assert below
    assert {span["traceId"] for span in below} == {root["traceId"]}
    for secret in (stored, "Quillfeather", "client-"):
        assert secret not in json.dumps(spans)


def test_a_request_goes_on_in_the_trace_of_its_caller(traced: Installation, receiver: Receiver) -> None:
    traced.client.get("/healthz", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    [span] = sent(receiver)
    assert (span["traceId"], span["parentSpanId"]) == (TRACE, PARENT)


@pytest.mark.parametrize("parent", [f"00-{TRACE}-{PARENT}-00"])
def test_who_left_itself_out_is_left_out(traced: Installation, receiver: Receiver, parent: str) -> None:
    traced.client.get("/healthz", headers={"traceparent": parent})
    assert sent(receiver) == []


@pytest.mark.parametrize("parent", ["", "x", f"00-{'0' * 32}-{PARENT}-01", f"01-{TRACE}-{PARENT}-01\x20x", "00-a-b-01"])
def test_what_is_no_traceparent_begins_a_trace(traced: Installation, receiver: Receiver, parent: str) -> None:
    traced.client.get("/healthz", headers={"traceparent": parent})
    [span] = sent(receiver)
    assert span["traceId"] != TRACE
    assert "parentSpanId" not in span


def test_a_path_that_is_no_route_is_in_no_trace(traced: Installation, receiver: Receiver) -> None:
    traced.client.get("/Patient/Quillfeather")
    [span] = sent(receiver)
    assert (span["name"], attributes(span)["http.response.status_code"]) == ("no route", "404")
    assert "Quillfeather" not in json.dumps(span)


def test_a_job_is_a_span_of_its_kind(traced: Installation, receiver: Receiver) -> None:
    headers = traced.bearer() | {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    queued = traced.client.post("/api/v1/quality/looks", headers=headers, json={"zone": "identified"})
    assert queued.status_code == 202
    [request] = [span for span in sent(receiver) if span["kind"] == 2]
    work(traced.platform, once=True)
    [job] = [span for span in sent(receiver) if span["kind"] == 5]
    assert (job["traceId"], job["parentSpanId"]) == (TRACE, request["spanId"])
    assert job["links"] == [{"traceId": TRACE, "spanId": request["spanId"]}]
    assert job["name"] == f"job {attributes(job)['careloom.job.kind']}"
    assert [span for span in receiver.spans if span.get("parentSpanId") == job["spanId"]]


def test_a_collector_that_takes_nothing_stops_no_request(traced: Installation, receiver: Receiver) -> None:
    receiver.status = 500
    assert traced.client.get("/healthz").status_code == 200
    sent(receiver)
    receiver.shutdown()
    receiver.server_close()
    assert traced.client.get("/healthz").status_code == 200
    collector = traces._collector
    assert collector is not None
    collector.flush()


def test_how_long_a_step_took_is_told_whether_it_is_a_span_or_fails() -> None:
    found: list[str] = []
    before = traces._observe
    traces.observe(lambda name, seconds: found.append(name) if seconds >= 0 else None)
    try:
        with pytest.raises(KeyError), traces.step("score"):
            raise KeyError
    finally:
        traces.observe(before)
    assert found == ["score"]


def test_the_sdk_goes_on_in_the_trace_of_who_uses_opentelemetry() -> None:
    context = SpanContext(int(TRACE, 16), int(PARENT, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    assert trace_headers() == {}
    with use_span(NonRecordingSpan(context)):
        assert trace_headers() == {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        manners = Manners("http://x", 1.0, Pace())
        request = manners.request(Ask(method="GET", url="http://x/api/v1/me"), {}, content=None)
        assert request.headers["traceparent"] == f"00-{TRACE}-{PARENT}-01"


def test_no_span_is_made_while_nobody_collects() -> None:
    with traces.step("store read") as span:
        assert span is None


def test_an_attribute_that_is_not_allowed_does_not_leave() -> None:
    span = traces.Span("x", "server", TRACE, PARENT, "", 0)
    with pytest.raises(KeyError):
        span.tell("patient", "p1")


def test_an_address_that_is_no_collector_keeps_the_server_from_starting(tmp_path: Path) -> None:
    with Installation(tmp_path, traces={"otlp": "ftp://x"}) as made, pytest.raises(SetupError, match=r"traces\.otlp"):
        configure(made.platform.settings)


def test_of_many_that_wait_the_last_are_dropped() -> None:
    taken: list[int] = []
    collector = traces.Collector(lambda spans: taken.append(len(spans)))
    collector._owner = __import__("os").getpid()
    for _ in range(traces.MOST_WAITING + 10):
        collector.take(traces.Span("x", "server", TRACE, PARENT, "", 0))
    collector.flush()
    assert sum(taken) == traces.MOST_WAITING
    assert max(taken) <= traces.MOST_AT_ONCE


def test_azure_monitor_gets_the_same_spans_in_the_words_of_its_exporter() -> None:
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.trace.export import SpanExportResult
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from careloom.services.traces_azure import sender

    class Full(InMemorySpanExporter):
        """Takes nothing."""

        def export(self, spans: Any) -> SpanExportResult:
            return SpanExportResult.FAILURE

    kept, ended = InMemorySpanExporter(), list[traces.Span]()
    traces.collect(traces.Collector(ended.extend))
    made = traces.begin("GET /healthz", "server", f"00-{TRACE}-{PARENT}-01")
    assert made is not None
    made[0].tell("http.response.status_code", 200)
    with pytest.raises(ValueError, match="no"), traces.step("store read"):
        raise ValueError("no")
    traces.end(made)
    assert traces._collector is not None
    traces._collector.flush()
    traces.collect(None)
    sender(kept)(ended)
    step, request = kept.get_finished_spans()
    assert (f"{request.context.trace_id:032x}", f"{request.parent.span_id:016x}") == (TRACE, PARENT)
    assert (request.name, request.kind.name, dict(request.attributes or {})) == (
        "GET /healthz", "SERVER", {"http.response.status_code": 200},
    )  # fmt: skip
    assert step.parent == request.context
    assert (step.status.status_code.name, dict(step.attributes or {})) == ("ERROR", {"error.type": "ValueError"})
    assert request.start_time <= step.start_time <= step.end_time <= request.end_time
    with pytest.raises(SetupError, match="not taken"):
        sender(Full())(ended)


def test_azure_monitor_is_refused_without_a_connection_string(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.sdk")
    monkeypatch.delenv("APPLICATIONINSIGHTS_CONNECTION_STRING", raising=False)
    with Installation(tmp_path, traces={"azure": True}) as made, pytest.raises(SetupError, match="connection string"):
        create_app(made.platform)
