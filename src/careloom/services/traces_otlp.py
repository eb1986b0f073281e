"""Spans for a collector of OpenTelemetry (OTLP over HTTP in its JSON encoding), for Azure Monitor, or for both.

source  OpenTelemetry Protocol 1.x, OTLP/HTTP and JSON Protobuf encoding (ids in hexadecimal)
"""

import logging
from collections.abc import Sequence
from typing import Any

from careloom import traces
from careloom.errors import SetupError
from careloom.logs import log
from careloom.pipeline.registry import load
from careloom.services.monitor_otlp import RESOURCE, address_of, post
from careloom.settings import Settings

KINDS = {"internal": 1, "server": 2, "consumer": 5}
"""SpanKind of OpenTelemetry."""
_FAILED = 2
"""StatusCode of OpenTelemetry: error."""
_SETTING = "traces.otlp"


def configure(settings: Settings) -> None:
    """Sends spans to where the settings say; to nobody where they name none.

    raises  SetupError for no address of a collector, and for Azure Monitor without its extra or connection string
    """
    collector, ways = settings.traces.otlp, list[traces.Send]()
    if collector:
        address_of(collector, _SETTING)
        ways.append(lambda spans: post(collector, "/v1/traces", spans_of(spans), _SETTING))
    if settings.traces.azure:
        ways.append(load("traces.azure")())
    traces.collect(traces.Collector(lambda spans: _send(ways, spans), settings.traces.share) if ways else None)


def spans_of(spans: Sequence[traces.Span]) -> dict[str, Any]:
    """An ExportTraceServiceRequest."""
    scope = {"scope": {"name": "careloom"}, "spans": [_span(one) for one in spans]}
    return {"resourceSpans": [{"resource": RESOURCE, "scopeSpans": [scope]}]}


def _send(ways: Sequence[traces.Send], spans: Sequence[traces.Span]) -> None:
    for way in ways if spans else ():
        try:
            way(spans)
        except Exception as error:  # noqa: BLE001 - a trace that is lost stops no work, whatever an exporter raises
            code = error.code if isinstance(error, SetupError) else type(error).__name__
            log(__name__, "spans were not taken", level=logging.WARNING, error_code=code, count=len(spans))


def _span(one: traces.Span) -> dict[str, Any]:
    told: dict[str, Any] = {
        "traceId": one.trace_id, "spanId": one.span_id, "name": one.name, "kind": KINDS[one.kind],
        "startTimeUnixNano": str(one.started), "endTimeUnixNano": str(one.ended),
        "attributes": [{"key": name, "value": _value(value)} for name, value in one.attributes.items()],
    }  # fmt: skip
    if one.parent_id:
        told["parentSpanId"] = one.parent_id
    if one.queued_by:
        told["links"] = [{"traceId": one.queued_by[0], "spanId": one.queued_by[1]}]
    return told | ({"status": {"code": _FAILED}} if one.is_failed else {})


def _value(value: str | int) -> dict[str, str]:
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}
