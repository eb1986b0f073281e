"""An installation served in this process: a platform in a folder of its own, its application, and clients that may."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import orjson
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI

from careloom.crypto.client_secrets import Cost, SecretHasher
from careloom.pipeline.manifest import RunManifest
from careloom.runtime import Runtime
from careloom.services.access import ROLES, ZONES, Principal, local_operator
from careloom.services.clients import ClientAsk, Registered, register_client
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.platform import Platform
from careloom.services.tokens import issue
from careloom.settings import Settings
from tests.api.applications import UNLIMITED, lent, taken_back

BASE_URL = "http://127.0.0.1:8080"
CHEAP = Cost(memory_kib=8, iterations=1, lanes=1)
"""A hash in microseconds: the suite registers thousands of clients, and tests/unit/crypto what a hash has to cost."""
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "active": True,
    "name": [{"family": "Quillfeather", "given": ["Oda"]}],
    "gender": "female",
    "birthDate": "1961-04-05",
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2026-01-02T03:04:05Z",
    "valueQuantity": {"value": 71, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
}


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


class Installation:
    """A Careloom of its own below `folder`. Close it when done.

    platform  the opened installation, where hashing a secret costs next to nothing
    client    a Flask test client of its application, which is made when first asked for, as `app` is
    settings  sections that differ from the defaults, e.g. ``api={"sign_in_rate": "3/minute"}``
    """

    def __init__(self, folder: Path, runtime: Runtime | None = None, **settings: Mapping[str, Any]) -> None:
        given = {"data": {"directory": folder / "data"}, "api": {"sign_in_rate": UNLIMITED}}
        merged = {name: {**given.get(name, {}), **settings.get(name, {})} for name in {*given, *settings}}
        self.folder = folder
        self.platform = Platform(Settings.model_validate(merged), runtime)
        self.platform.secret_hasher = SecretHasher(cost=CHEAP)
        self.operator: Principal = local_operator("tester")
        self._numbers = count(1)
        self._events: dict[str, dict[int, dict[str, Any]]] = {}

    @cached_property
    def app(self) -> OpenAPI:
        """The application over the platform; nobody else has it as long as this is open."""
        return lent(self.platform)

    @cached_property
    def client(self) -> FlaskClient:
        """A Flask test client of the application."""
        return self.app.test_client()

    def __enter__(self) -> "Installation":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if "app" in self.__dict__:
            taken_back(self.app)
        self.platform.close()

    def register(
        self,
        roles: Collection[str] = tuple(ROLES),
        zones: Collection[str] = tuple(ZONES),
        scopes: str | Collection[str] = (),
        name: str = "",
        **ask: Any,
    ) -> Registered:
        """A client that may come in; by default with every role and zone, and all that those permit."""
        asked = ClientAsk(name or f"client-{next(self._numbers)}", roles, zones, scopes, **ask)
        return register_client(self.platform, self.operator, asked)

    def token(self, roles: Collection[str] = tuple(ROLES), **ask: Any) -> str:
        """An access token of a new client; see `register`."""
        return issue(self.platform, self.register(roles, **ask).client).token

    def bearer(
        self,
        roles: Collection[str] = tuple(ROLES),
        zones: Collection[str] = tuple(ZONES),
        scopes: str | Collection[str] = (),
        **ask: Any,
    ) -> dict[str, str]:
        """The header of a new client's requests; see `register`."""
        return {"Authorization": f"Bearer {self.token(roles, zones=zones, scopes=scopes, **ask)}"}

    def ingest(
        self, data: Path | bytes | Iterable[Mapping[str, Any]] = (PATIENT, OBSERVATION), record_format: str = "auto"
    ) -> RunManifest:
        """Brings data in: a file, bytes, or resources that become one NDJSON file."""
        if not isinstance(data, Path):
            raw = data if isinstance(data, bytes) else b"".join(orjson.dumps(dict(one)) + b"\n" for one in data)
            data = self.folder / f"feed-{next(self._numbers)}.ndjson"
            data.write_bytes(raw)
        return ingest(self.platform, self.operator, IngestAsk((data,), record_format))

    def stored_id(self, resource_type: str, original_id: str, source: str = "") -> str:
        """The id under which an ingested resource is kept."""
        named = source or self.platform.settings.ingest.source
        return self.platform.names.resource_id(named, resource_type, original_id)

    def events(self, zone: str = "identified") -> list[dict[str, Any]]:
        """Every event of the zone's audit chain, oldest first, as the chain holds it."""
        held = self._events.setdefault(zone, {})
        sql = f"SELECT seq, body FROM audit WHERE seq > {max(held, default=0)} ORDER BY seq"
        with self.platform.store(zone).connect() as connection:  # type: ignore[arg-type]
            held |= {seq: orjson.loads(body) for seq, body in connection.exec_driver_sql(sql).fetchall()}
        return list(held.values())
