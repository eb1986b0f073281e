"""Two ways into an installation that is to be killed: its services in this process, and HTTP to a served one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from careloom.services.access import local_operator
from careloom.services.bundles import process
from careloom.services.changes import Change
from careloom.services.erase import erase
from careloom.services.platform import Platform
from careloom.services.write import write

WHO = local_operator("storm")
BUSY = (409, 412, 422, 429, 503)
"""Answers of a server that did not do it and said so: somebody was first, the disk is full, the patient not there."""
Told = dict[str, Any]


class Door(Protocol):
    """Whatever returns was acknowledged."""

    def put(self, change: Change) -> tuple[str, int]:
        """Id and version of what a create, update or delete wrote."""

    def transaction(self, bundle: Told) -> None:
        """All of it or nothing."""

    def erase(self, patient: str) -> None:
        """A patient, for good."""


@dataclass(frozen=True)
class Services:
    """The services of a platform that is opened here."""

    platform: Platform

    def put(self, change: Change) -> tuple[str, int]:
        """As `Door`."""
        done = write(self.platform, WHO, "identified", change)
        return done.id, int(done.version)

    def transaction(self, bundle: Told) -> None:
        """As `Door`."""
        process(self.platform, WHO, "identified", bundle)

    def erase(self, patient: str) -> None:
        """As `Door`."""
        erase(self.platform, WHO, f"Patient/{patient}")


class Refused(Exception):  # noqa: N818 - reads as what happened
    """The server answered that it did not do it."""


@dataclass(frozen=True)
class Http:
    """A client of a server; `httpx.TransportError` once that is gone.

    say  hears of answers that nobody should get
    """

    client: httpx.Client
    say: Callable[..., None]

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """An answer of 2xx. raises Refused"""
        answer = self.client.request(method, path, **more)
        if answer.is_success:
            return answer
        if answer.status_code not in BUSY:
            self.say(
                kind="broken", what=f"{method} {path.rsplit('/', 1)[-1]}: {answer.status_code} {answer.text[:300]}"
            )
        raise Refused

    def put(self, change: Change) -> tuple[str, int]:
        """As `Door`."""
        base = f"/fhir/identified/{change.resource_type}"
        if change.method == "create":
            answer = self.ask("POST", base, json=change.resource)
        elif change.method == "update":
            answer = self.ask("PUT", f"{base}/{change.resource_id}", json=change.resource)
        else:
            self.ask("DELETE", f"{base}/{change.resource_id}")
            return str(change.resource_id), 0
        return place_of(answer.headers, answer.json())

    def transaction(self, bundle: Told) -> None:
        """As `Door`."""
        self.ask("POST", "/fhir/identified", json=bundle)

    def erase(self, patient: str) -> None:
        """As `Door`."""
        self.ask("POST", "/api/v1/subjects/erasures", json={"patient": f"Patient/{patient}"})


def place_of(headers: Mapping[str, str], resource: Told) -> tuple[str, int]:
    """Id and version of what was written, by the answer."""
    return str(resource["id"]), int(headers["ETag"].removeprefix('W/"').removesuffix('"'))
