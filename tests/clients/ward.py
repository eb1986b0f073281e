"""A ward with a known number of observations behind a running server, and the clients that may read it."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, RSAKey

from careloom.services.access import local_operator
from careloom.services.clients import ClientAsk, register_client
from careloom.services.platform import Platform
from careloom.settings import Data, Settings
from tests.journeys.hospital import CommandLine
from tests.journeys.server import Server, serving

PULSE = "http://loinc.org|8867-4"
PULSES, WARMTHS = 53, 12
PAGE = 10
PAGES = [10, 10, 10, 10, 10, 3]
MISSING = "nobody-is-called-so"
FORBIDDEN = "Condition"
SCOPES = "system/Patient.rs system/Observation.rs"


@dataclass(frozen=True)
class Ward:
    """What a foreign client is asked to find, and the truth that it must find.

    patient   the id under which the ward's one patient is stored
    pulses    the ids of all stored heart rates, read from the store itself
    resource  the patient as stored
    """

    server: Server
    platform: Platform
    patient: str
    pulses: frozenset[str]
    resource: dict[str, Any]

    @cached_property
    def fhir(self) -> str:
        return self.server.fhir()

    def client(self) -> tuple[str, str]:
        """The id and the secret of a new client that may read and search patients and observations."""
        return self._register()

    def client_with_key(self, algorithm: str) -> tuple[str, dict[str, str]]:
        """The same for a client that signs with its own key: its id and its private JWK."""
        named = {"kid": f"key-{secrets.token_hex(4)}", "alg": algorithm, "use": "sig"}
        key = (
            RSAKey.generate_key(2048, named, private=True)
            if algorithm == "RS384"
            else ECKey.generate_key("P-384", named, private=True)
        )
        name, _ = self._register(jwks={"keys": [key.as_dict(private=False)]})
        return name, key.as_dict(private=True)  # type: ignore[return-value]

    def _register(self, jwks: dict[str, Any] | None = None) -> tuple[str, str]:
        ask = ClientAsk(f"reader-{secrets.token_hex(4)}", ["clinician"], ["identified"], SCOPES, jwks=jwks)
        registered = register_client(self.platform, local_operator("operator"), ask)
        return registered.client.id, registered.secret


@contextmanager
def ward(folder: Path) -> Iterator[Ward]:
    """A server over a new data directory with the ward's records."""
    line = CommandLine(folder)
    line.json("ingest", _write_feed(folder / "ward.ndjson"))
    with Platform(Settings(data=Data(directory=line.data))) as platform:
        store = platform.store("identified")
        (patient,) = [stored.resource() for stored in store.scan(["Patient"])]
        observations = [stored.resource() for stored in store.scan(["Observation"])]
        pulses = frozenset(found["id"] for found in observations if found["code"]["coding"][0]["code"] == "8867-4")
        assert (len(pulses), len(observations)) == (PULSES, PULSES + WARMTHS)
        with serving(line) as server:
            yield Ward(server, platform, patient["id"], pulses, patient)


def _write_feed(file: Path) -> Path:
    patient = {
        "resourceType": "Patient",
        "id": "ada",
        "active": True,
        "name": [{"family": "Quillfeather", "given": ["Aldasine"]}],
        "gender": "female",
        "birthDate": "1951-03-17",
    }
    pulses = [_measured(n, "8867-4", "Heart rate", "/min") for n in range(PULSES)]
    warmths = [_measured(100 + n, "8310-5", "Body temperature", "Cel") for n in range(WARMTHS)]
    file.write_text("\n".join(map(json.dumps, [patient, *pulses, *warmths])) + "\n")
    return file


def _measured(number: int, code: str, display: str, unit: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": display}]},
        "subject": {"reference": "Patient/ada"},
        "effectiveDateTime": f"2024-03-{1 + number % 28:02}T{number % 24:02}:08:09Z",
        "valueQuantity": {"value": 37 + number, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }
