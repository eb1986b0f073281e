"""Numbers and alarms of watched models for Azure Monitor, by OpenTelemetry.

The SDK gathers them and the exporter is called here: readers and processors of the SDK tell nobody what it answered.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, LogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExporter
from opentelemetry.sdk.resources import Resource

from careloom.errors import SetupError
from careloom.services.monitor_numbers import HELP, Number

CONNECTION = "APPLICATIONINSIGHTS_CONNECTION_STRING"
"""The variable that names the Application Insights resource; it is no setting, for it holds a key."""
_TAKEN = "SUCCESS"
"""By name: an exporter may answer with the enumeration that the SDK had before, which equals no newer one."""


def send(
    numbers: Sequence[Number],
    message: Mapping[str, Any] | None,
    *,
    metrics: MetricExporter | None = None,
    logs: LogRecordExporter | None = None,
) -> None:
    """Sends every number as a gauge, and a message as a log record of severity WARN.

    metrics, logs  in place of Azure Monitor's, for another collector
    raises         SetupError where the extra azure is not installed, no connection string is there, or not all of it
                   was taken; whatever else the exporter raises
    """
    resource = Resource.create({"service.name": "careloom"})
    if metrics is None or logs is None:
        metrics, logs = _azure()
    try:
        if numbers:
            _gauge(numbers, metrics, resource)
        if message is not None:
            _log(message, logs, resource)
    finally:
        metrics.shutdown()
        logs.shutdown()  # type: ignore[no-untyped-call]


def _gauge(numbers: Sequence[Number], exporter: MetricExporter, resource: Resource) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    meter = provider.get_meter("careloom.monitor")
    gauges = {name: meter.create_gauge(name, description=HELP[name]) for name in {one.name for one in numbers}}
    for one in numbers:
        gauges[one.name].set(one.value, dict(one.labels))
    found = reader.get_metrics_data()
    provider.shutdown()
    if found is None or exporter.export(found).name != _TAKEN:
        raise _not_taken("numbers")


def _log(message: Mapping[str, Any], exporter: LogRecordExporter, resource: Resource) -> None:
    provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    gathered = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    provider.add_log_record_processor(SimpleLogRecordProcessor(gathered))
    told = {name: str(message[name]) for name in ("model", "run", "since", "until", "message") if name in message}
    text = "; ".join(f"{one['kind']} {one['place']} {_state_of(one)}" for one in message["alarms"])
    record = LogRecord(severity_number=SeverityNumber.WARN, severity_text="WARN", body=text, attributes=told)
    provider.get_logger("careloom.monitor").emit(record)
    found = gathered.get_finished_logs()
    provider.shutdown()
    if not found or exporter.export(found).name != _TAKEN:
        raise _not_taken("message")


def _not_taken(what: str) -> SetupError:
    return SetupError(f"monitor.azure: the {what} was not taken", "See what Azure Monitor says, and its network.")


def _state_of(one: Mapping[str, Any]) -> str:
    return "resolved" if one.get("event") == "resolved" else str(one["level"])


def connection(setting: str) -> str:
    """The connection string of the Application Insights resource. raises SetupError, by the setting, for none"""
    found = os.environ.get(CONNECTION, "")
    if not found:
        raise SetupError(f"{setting}: there is no connection string", f"Set {CONNECTION}.")
    return found


def _azure() -> tuple[MetricExporter, LogRecordExporter]:
    address = connection("monitor.azure")
    try:
        from azure.monitor.opentelemetry.exporter import (  # noqa: PLC0415 - of the extra azure alone
            AzureMonitorLogExporter,
            AzureMonitorMetricExporter,
        )
    except ModuleNotFoundError:
        raise SetupError("monitor.azure: the extra azure is not installed", "pip install careloom[azure].") from None
    metrics = AzureMonitorMetricExporter(connection_string=address)
    return metrics, AzureMonitorLogExporter(connection_string=address)
