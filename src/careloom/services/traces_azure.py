"""Spans for Azure Monitor, by its exporter for OpenTelemetry, of the extra azure."""

from collections.abc import Sequence

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from careloom.errors import SetupError
from careloom.services.monitor_azure import connection
from careloom.traces import Send, Span

_RESOURCE = Resource.create({"service.name": "careloom"})
_SCOPE = InstrumentationScope("careloom")


def sender(to: SpanExporter | None = None) -> Send:
    """What sends spans to Azure Monitor.

    to      in its place, for another collector
    raises  SetupError where the extra azure is not installed, or no connection string is there; the sender raises it
            where not all spans were taken
    """
    exporter = to or _azure()

    def send(spans: Sequence[Span]) -> None:
        if spans and exporter.export([_readable(one) for one in spans]).name != "SUCCESS":
            raise SetupError("traces.azure: the spans were not taken", "See what Azure Monitor says, and its network.")

    return send


def _azure() -> SpanExporter:
    address = connection("traces.azure")
    try:
        from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter  # noqa: PLC0415 - of the extra alone
    except ModuleNotFoundError:
        raise SetupError("traces.azure: the extra azure is not installed", "pip install careloom[azure].") from None
    made: SpanExporter = AzureMonitorTraceExporter(
        connection_string=address, tracer_provider=TracerProvider(resource=_RESOURCE, shutdown_on_exit=False)
    )
    return made


def _readable(one: Span) -> ReadableSpan:
    return ReadableSpan(
        one.name,
        _context(one.trace_id, one.span_id),
        _context(one.trace_id, one.parent_id) if one.parent_id else None,
        _RESOURCE,
        one.attributes,
        links=[Link(_context(*one.queued_by))] if one.queued_by else [],
        kind=SpanKind[one.kind.upper()],
        status=Status(StatusCode.ERROR if one.is_failed else StatusCode.UNSET),
        start_time=one.started,
        end_time=one.ended,
        instrumentation_scope=_SCOPE,
    )


def _context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
