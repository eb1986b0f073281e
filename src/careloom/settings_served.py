"""Settings of what is served: sections for the REST API, the dashboard and the listener, and what a section is."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Positive = Annotated[int, Field(gt=0)]


def _words(value: object) -> object:
    """A list as a variable holds it: words divided by commas."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


Words = Annotated[list[str], BeforeValidator(_words)]


class Section(BaseModel):
    """Frozen, and closed to keys that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Api(Section):
    """How the REST API and the dashboard are served.

    host, port              where the server listens
    public_url              what clients call it: base of every link, and the audience of tokens; empty for the address
                            it listens on. It begins with https unless the host is this machine alone
    certificate, key        PEM files for TLS; without them a proxy in front does TLS, or only this machine is served
    proxies                 how many proxies in front are believed when they say who asks (X-Forwarded-For)
    processes, threads      workers, and requests that each handles at a time
    token_seconds           how long an access token lasts
    session_seconds         how long a person stays signed in
    sign_in_rate            requests for a token from one address, as flask-limiter writes it
    client_rate             units that one client may use (``100000/minute``); empty for no limit. A request costs one,
                            dear ones more (``api/rates.toml``)
    rate_storage            where they are counted: ``redis://host:6379/0`` for all processes together, its password in
                            CARELOOM_REDIS_PASSWORD (environment); empty counts in each process
    origins                 of web pages that may read answers (``https://app.example.org``); empty for none. No cookies
    max_body_bytes          a longer request body is refused, but for uploads, Bundles and calls of CDS
    max_upload_bytes        a longer upload is refused
    min_upload_bytes_per_second  a slower upload is ended, after half a minute of grace
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8080
    public_url: str = ""
    certificate: Path | None = None
    key: Path | None = None
    proxies: Annotated[int, Field(ge=0, le=10)] = 0
    processes: Positive = 2
    threads: Positive = 8
    token_seconds: Annotated[int, Field(ge=30, le=3600)] = 300
    session_seconds: Annotated[int, Field(ge=60, le=43200)] = 3600
    sign_in_rate: str = "60/minute"
    client_rate: str = "100000/minute"
    rate_storage: str = ""
    origins: Words = Field(default=[])
    max_body_bytes: Positive = 1024 * 1024
    max_upload_bytes: Positive = 16 * 1024 * 1024 * 1024
    min_upload_bytes_per_second: Positive = 1024


class Traces(Section):
    """Spans of requests, jobs and steps of the store.

    otlp   address of a collector of OpenTelemetry that takes OTLP over HTTP (``http://localhost:4318``), or empty.
           OTEL_EXPORTER_OTLP_HEADERS (environment) is sent along
    azure  True sends them to Azure Monitor (extra azure; APPLICATIONINSIGHTS_CONNECTION_STRING)
    share  of the traces that begin here, 0 to 1; a request that its caller traces is traced
    """

    otlp: str = ""
    azure: bool = False
    share: Annotated[float, Field(ge=0, le=1)] = 1.0


class Mllp(Section):
    """How the listener for HL7 v2 messages is served.

    host, port        where it listens; 2575 is the port that IANA assigns to HL7
    certificate, key  PEM files for TLS
    client_ca         PEM file of the authorities whose certificates let a sender in; needs TLS
    senders           networks that may connect, ``10.1.2.0/24, 10.9.0.7``; empty for whoever reaches the port. Beyond
                      this machine alone, either `client_ca` or `senders` must say who may
    refused           what a message is answered that stands in quarantine: ``AE``, or ``AA`` for senders that stop at
                      an error
    max_connections   more at a time are closed at once
    frame_seconds     a message that has begun and is not whole after so long ends its connection
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 2575
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    senders: str = ""
    refused: Literal["AE", "AA"] = "AE"
    max_connections: Positive = 1000
    frame_seconds: Positive = 60


class Jobs(Section):
    """How long work is queued.

    queue  where its messages wait: ``redis://host:6379/0``, one number for each installation, its password in
           CARELOOM_REDIS_PASSWORD (environment); empty for the file of the jobs
    """

    queue: str = ""
