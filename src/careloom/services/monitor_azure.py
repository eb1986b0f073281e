"""Numbers and alarms of watched models for Azure Monitor, by OpenTelemetry."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from careloom.errors import SetupError
from careloom.services.monitor_numbers import HELP, Number

CONNECTION = "APPLICATIONINSIGHTS_CONNECTION_STRING"
"""The variable that names the Application Insights resource; it is no setting, for it holds a key."""


def send(
    numbers: Sequence[Number],
    message: Mapping[str, Any] | None,
    *,
    reader: MetricReader | None = None,
    logs: LogRecordExporter | None = None,
) -> None:
    """Sends every number as a gauge, and a message as a log record of severity WARN.

    reader, logs  in place of Azure Monitor's, for another collector
    raises        SetupError where the extra azure is not installed, or no connection string is there
    """
    resource = Resource.create({"service.name": "careloom"})
    if reader is None or logs is None:
        reader, logs = _azure()
    provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    meter = provider.get_meter("careloom.monitor")
    gauges = {name: meter.create_gauge(name, description=HELP[name]) for name in {one.name for one in numbers}}
    for one in numbers:
        gauges[one.name].set(one.value, dict(one.labels))
    provider.force_flush()
    provider.shutdown()
    if message is not None:
        _log(message, logs, resource)


def _log(message: Mapping[str, Any], exporter: LogRecordExporter, resource: Resource) -> None:
    provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    told = {name: str(message[name]) for name in ("model", "run", "since", "until", "message") if name in message}
    text = "; ".join(f"{one['kind']} {one['place']} {_state_of(one)}" for one in message["alarms"])
    record = LogRecord(severity_number=SeverityNumber.WARN, severity_text="WARN", body=text, attributes=told)
    provider.get_logger("careloom.monitor").emit(record)
    provider.shutdown()


def _state_of(one: Mapping[str, Any]) -> str:
    return "resolved" if one.get("event") == "resolved" else str(one["level"])


def _azure() -> tuple[MetricReader, LogRecordExporter]:
    connection = os.environ.get(CONNECTION, "")
    if not connection:
        raise SetupError("monitor.azure: there is no connection string", f"Set {CONNECTION}.")
    try:
        from azure.monitor.opentelemetry.exporter import (  # noqa: PLC0415 - of the extra azure alone
            AzureMonitorLogExporter,
            AzureMonitorMetricExporter,
        )
    except ModuleNotFoundError:
        raise SetupError("monitor.azure: the extra azure is not installed", "pip install careloom[azure].") from None
    metrics = AzureMonitorMetricExporter(connection_string=connection)
    return PeriodicExportingMetricReader(metrics), AzureMonitorLogExporter(connection_string=connection)
