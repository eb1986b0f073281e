"""One frozen tree of settings, from ``careloom.toml`` and ``CARELOOM__*`` variables; unknown keys are refused.

Variables win over the file: ``CARELOOM__INGEST__BATCH_RECORDS=500`` sets ``[ingest] batch_records``.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from careloom.errors import SetupError
from careloom.settings_served import Api, Jobs, Mllp, Positive, Section, Traces, Words

PREFIX = "CARELOOM__"
FILE_VARIABLE = "CARELOOM_CONFIG"


class Data(Section):
    """Where things are kept.

    directory  everything Careloom keeps lies below it: one folder per zone, keys apart
    database   empty for SQLite files below `directory`, or a SQLAlchemy URL of PostgreSQL
               (``postgresql+psycopg://host/name``; credentials come from the environment, never from a file)
    """

    directory: Path = Path("careloom-data")
    database: str = ""


class Keys(Section):
    """Where keys come from. `directory` is empty for ``<data.directory>/keys``."""

    provider: Literal["local"] = "local"
    directory: Path | None = None


class Ingest(Section):
    """How feeds are read.

    source              name of the sending system: the same id from the same source is the same thing
    timezone            of times in HL7 v2 messages that name none: an offset (``+01:00``) or IANA name
                        (``Europe/Berlin``); empty reads them as UTC and says so in the run's issues
    batch_records       records per transaction, from one or several files
    batch_bytes         a transaction holds no more source bytes than this, unless one record is longer
    processes           worker processes; 1 works in the calling process
    max_record_bytes    a longer record is quarantined unread
    max_bundle_bytes    a longer FHIR Bundle file is quarantined unread
    max_archive_bytes   total bytes that one archive may unpack to
    max_archive_ratio   unpacked to packed bytes above which an archive is refused as a bomb
    """

    source: str = "default"
    timezone: str = ""
    batch_records: Positive = 2000
    batch_bytes: Positive = 16 * 1024 * 1024
    processes: Positive = 1
    max_record_bytes: Positive = 64 * 1024 * 1024
    max_bundle_bytes: Positive = 256 * 1024 * 1024
    max_archive_bytes: Positive = 64 * 1024 * 1024 * 1024
    max_archive_ratio: Positive = 200


class Search(Section):
    """How much one search may return: the default and the largest ``_count``."""

    default_count: Positive = 50
    max_count: Positive = 1000


class Fhir(Section):
    """What clients may write through the FHIR API.

    update_creates         an update of an id that was never here makes it; the id is then the client's own word, and
                           stands in plain in the database and in addresses
    referential_integrity  a write whose literal references lead nowhere is refused, and so is deleting what others
                           point to
    max_bundle_entries     entries of one batch or transaction
    max_bundle_bytes       a longer batch or transaction is refused
    """

    update_creates: bool = False
    referential_integrity: bool = True
    max_bundle_entries: Positive = 5000
    max_bundle_bytes: Positive = 32 * 1024 * 1024


class Access(Section):
    """How access is decided.

    emergency_minutes  that an emergency lasts at most, in which a clinician broke the glass
    invitation_hours   for which an invitation lets a person choose a password
    idle_minutes       after which a browser that was not used has to sign in again
    session_hours      after which every browser has to
    grant_days         for which an application that stays signed in does (offline_access)
    issuers            a TOML file of other issuers whose access tokens are accepted, such as Entra ID
    key_overlap_hours  for which a new key that signs tokens is only shown, before it signs
    key_days           after which health calls such a key old: NIST SP 800-57 Part 1 recommends one to three years
    providers          a TOML file of other providers by whom people sign in here, such as Entra ID
    """

    emergency_minutes: Annotated[int, Field(ge=1, le=1440)] = 60
    invitation_hours: Annotated[int, Field(ge=1, le=720)] = 72
    idle_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
    session_hours: Annotated[int, Field(ge=1, le=24)] = 12
    grant_days: Annotated[int, Field(ge=1, le=365)] = 30
    issuers: Path | None = None
    key_overlap_hours: Annotated[int, Field(ge=1, le=720)] = 24
    key_days: Annotated[int, Field(ge=1, le=1095)] = 365
    providers: Path | None = None


class Export(Section):
    """How a bulk export is kept: resources of one file, and how long files stay until they are removed."""

    file_resources: Positive = 100_000
    keep_hours: Positive = 24


class Lake(Section):
    """How Delta tables lie on the disk.

    encryption  ``sealed``: data files are encrypted under the zone's keys; ``plain``: any Delta reader opens them
    keep_hours  for how long a version of a table that is no longer the newest stays readable, unless rows had to leave
    """

    encryption: Literal["sealed", "plain"] = "sealed"
    keep_hours: Annotated[int, Field(ge=0)] = 168


class Linkage(Section):
    """Which patients are one person.

    trusted_sources  source systems whose values the golden record prefers, the most trusted first
    memory_bytes     what comparing may take; 0 leaves it to DuckDB (four fifths of the machine). Nothing spills to disk
    """

    trusted_sources: Words = Field(default=[])
    memory_bytes: Annotated[int, Field(ge=0)] = 0


class Deidentify(Section):
    """Which policy makes the research zone, the project whose pseudonyms it carries, and how they are reversed.

    four_eyes      nobody learns who is behind a pseudonym before another person approved it
    approval_days  how long an approval holds
    detectors      what looks for identity in texts; a run does not begin unless all of them can be loaded
    azure_endpoint           service URL of a de-identification service of Azure Health Data Services, for ``azure``
    azure_may_receive_texts  true where texts of patients may be sent to it
    presidio_recognizers     of Presidio, for ``presidio``; empty for those of no country and of the United States
    """

    policy: str = "first"
    project: str = "research"
    detectors: Words = Field(default=["rules", "classifier"])
    azure_endpoint: str = ""
    azure_may_receive_texts: bool = False
    presidio_recognizers: Words = Field(default=[])
    four_eyes: bool = True
    approval_days: Positive = 7


class Quality(Section):
    """A TOML file of rules that hold beside the packaged ones, and how many looks are kept for each zone."""

    rules: Path | None = None
    keep_runs: Positive = 200


class Normalize(Section):
    """A TOML file that says what is rewritten, in place of the packaged policy."""

    policy: Path | None = None


class Retention(Section):
    """A TOML file of rules in place of some of those that ship (``services/retention.toml``)."""

    rules: Path | None = None


class Annotate(Section):
    """How notes are read.

    batch_notes     notes that are read at once and committed together
    max_text_bytes  a longer text is refused, and a longer note left unread with an issue
    warm            the server loads the reader before it opens its port, and its processes share it, some 150 MB, so
                    that nobody waits for it; else each process with the first text that it reads, some 200 MB each
    rerank          the likeliest names of problems and symptoms are ranked anew by the encoder: a little better, and
                    slower (docs/datasheets/nlp-linking.md); facts of notes are then made by another version
    tagger          the model of the registry whose champion finds entities, where it has one; empty: always what ships
    """

    batch_notes: Positive = 32
    max_text_bytes: Positive = 5_000_000
    warm: bool = True
    rerank: bool = False
    tagger: str = "clinical-entities"


class Models(Section):
    """How trained models are kept.

    tracking_uri   of the MLflow registry that shows them: empty for a SQLite file in the data directory, or a server
                   (``https://...``; ``azureml://...`` needs azureml-mlflow, which is in no extra); credentials come
                   from the environment, never from a file
    gates          a folder with gates of your own, NAME.toml, in place of those that ship (``mlops/gates``)
    cards          a folder with what this installation says in model cards over what comes with a version: any.toml and
                   NAME.toml, and NAME@3.external.json, NAME@3.local.json (docs/how-to/make-a-model-card.md)
    tainted_days   for how long the champion may go on answering after somebody whom it learnt from left, while another
                   version is trained; 0 takes it out at once
    """

    tracking_uri: str = ""
    gates: Path | None = None
    cards: Path | None = None
    tainted_days: Annotated[int, Field(ge=0, le=90)] = 0


class Monitor(Section):
    """How models that predict are watched, and who is told.

    every_hours     the worker looks at every version that predicted, so often; 0 for never
    thresholds      a TOML file that changes some of ``mlops/monitors/default.toml``
    keep_runs       looks that are kept of each version
    retrain         drift queues a retraining, which goes through the same gates and never to patients by itself
    retrain_after_days  so long a retraining that its gates kept back, or that is done, is followed by no other
    quiet_hours     the same alarm is not told again before
    webhook         https address that alarms are sent to; empty for none. CARELOOM_WEBHOOK_KEY (environment) signs them
    webhook_hosts   hosts that `webhook` may name
    webhook_private true where such a host may lie in a private network
    mail_to, mail_from, mail_host, mail_port  who is written to, by which server; empty for nobody. CARELOOM_MAIL_USER
                    and CARELOOM_MAIL_PASSWORD (environment) sign in
    mail_tls        ``starttls`` or ``tls``; ``none`` for a server on this machine alone
    azure           numbers and alarms go to Azure Monitor (extra azure; APPLICATIONINSIGHTS_CONNECTION_STRING)
    otlp            address of a collector of OpenTelemetry that takes OTLP over HTTP, to which numbers and alarms go;
                    empty for none. OTEL_EXPORTER_OTLP_HEADERS (environment) is sent along
    """

    every_hours: Annotated[int, Field(ge=0, le=8760)] = 24
    thresholds: Path | None = None
    keep_runs: Positive = 400
    retrain: bool = True
    retrain_after_days: Positive = 7
    quiet_hours: Annotated[int, Field(ge=0)] = 24
    webhook: str = ""
    webhook_hosts: Words = Field(default=[])
    webhook_private: bool = False
    mail_to: Words = Field(default=[])
    mail_from: str = ""
    mail_host: str = ""
    mail_port: Annotated[int, Field(ge=1, le=65535)] = 587
    mail_tls: Literal["starttls", "tls", "none"] = "starttls"
    azure: bool = False
    otlp: str = ""


class Cds(Section):
    """What services of CDS Hooks take, and fetch back from the FHIR server of who calls them for patients not here.

    max_call_bytes  a longer call is refused: the record that an EHR sends along as prefetch counts in
    fhir_hosts    hosts that `fhirServer` of a call may name, each by https; none: nothing is fetched
    fhir_private  true where such a host may lie in a private network
    fhir_seconds  how long all fetches of one call may take together
    fhir_bytes    how many bytes they may bring together
    """

    max_call_bytes: Positive = 16 * 1024 * 1024
    fhir_hosts: Words = Field(default=[])
    fhir_private: bool = False
    fhir_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    fhir_bytes: Positive = 16 * 1024 * 1024


class Logs(Section):
    """What is logged as JSON lines: to standard error, and in files that operators read over HTTP (`/api/v1/logs`).

    level           of what goes to standard error
    keep_level      of what is kept in ``logs/`` of the data directory by the server and its worker; ``off`` for nothing
    keep_days       days that are kept
    keep_day_bytes  more lines of one day are not
    """

    level: Literal["debug", "info", "warning", "error"] = "warning"
    keep_level: Literal["debug", "info", "warning", "error", "off"] = "info"
    keep_days: Positive = 7
    keep_day_bytes: Positive = 256 * 1024 * 1024


class Settings(Section):
    """The whole tree."""

    data: Data = Data()
    keys: Keys = Keys()
    ingest: Ingest = Ingest()
    search: Search = Search()
    fhir: Fhir = Fhir()
    access: Access = Access()
    export: Export = Export()
    lake: Lake = Lake()
    linkage: Linkage = Linkage()
    deidentify: Deidentify = Deidentify()
    quality: Quality = Quality()
    normalize: Normalize = Normalize()
    annotate: Annotate = Annotate()
    models: Models = Models()
    retention: Retention = Retention()
    monitor: Monitor = Monitor()
    api: Api = Api()
    jobs: Jobs = Jobs()
    mllp: Mllp = Mllp()
    traces: Traces = Traces()
    cds: Cds = Cds()
    logs: Logs = Logs()

    @property
    def keys_directory(self) -> Path:
        """The folder of the local keys."""
        return self.keys.directory or self.data.directory / "keys"

    @property
    def logs_directory(self) -> Path:
        """Where lines of the log are kept."""
        return self.data.directory / "logs"

    @property
    def base_url(self) -> str:
        """What clients call this installation, without a slash at its end."""
        scheme = "https" if self.api.certificate else "http"
        host = f"[{self.api.host}]" if ":" in self.api.host else self.api.host
        return self.api.public_url.rstrip("/") or f"{scheme}://{host}:{self.api.port}"


def load(file: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this installation.

    file         the TOML file; by default the one `CARELOOM_CONFIG` names, else ``careloom.toml`` here if there is one
    environment  the variables; by default the process's own
    raises       SetupError naming the file or variable and the key, if one is unknown, malformed or out of range
    """
    variables = os.environ if environment is None else environment
    named = file or (Path(variables[FILE_VARIABLE]) if variables.get(FILE_VARIABLE) else None)
    tree = _read(named) if named else _read(Path("careloom.toml")) if Path("careloom.toml").is_file() else {}
    for name, value in sorted(variables.items()):
        if name.startswith(PREFIX):
            _set(tree, name, value)
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SetupError(
            f"settings: {key}: {first['msg']}",
            f"Correct the key in {named or 'careloom.toml'} or the variable {PREFIX}{key.upper().replace('.', '__')}; "
            "careloom.toml of the project lists them all.",
        ) from None


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise SetupError(f"settings: there is no file {file}", f"Name an existing file in {FILE_VARIABLE}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"settings: {file} is no TOML: {error}", "Correct the file at that place.") from None


def _set(tree: dict[str, Any], name: str, value: str) -> None:
    section, _, key = name.removeprefix(PREFIX).lower().partition("__")
    branch = tree.setdefault(section, {})
    if not key or not isinstance(branch, dict):
        raise SetupError(f"settings: {name} names no key", f"Write it as {PREFIX}SECTION__KEY.")
    branch[key] = value
