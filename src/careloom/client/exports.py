"""Bulk exports of one zone: kick off, watch, fetch line by line, cancel."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from careloom.client.address import linked, segment
from careloom.client.reports import Resource
from careloom.client.session import Session
from careloom.client.transport import FHIR_JSON, Ask
from careloom.errors import SetupError, StateError


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file of an export: its type (Bundle for deletions), address, lines, bytes and keyed hash."""

    type: str
    url: str
    count: int
    size_bytes: int
    hash: str


@dataclass(frozen=True, slots=True)
class ExportManifest:
    """An export that is whole.

    transaction_time  the moment that it shows: the next export's `since`
    """

    transaction_time: str
    output: tuple[ExportedFile, ...]
    deleted: tuple[ExportedFile, ...]


class Exports:
    """Bulk exports of one zone, as the client's token allows."""

    def __init__(self, session: Session, zone: str) -> None:
        self._session = session
        self._below = f"/fhir/{segment(zone, 'name of a zone')}/"

    def __repr__(self) -> str:
        return f"Exports({self._session.base}{self._below})"

    def begin(
        self,
        *,
        types: Iterable[str] = (),
        since: str = "",
        filters: Iterable[str] = (),
        elements: Iterable[str] = (),
        patients: bool = False,
        group: str = "",
    ) -> str:
        """Queues an export and returns the address of its status.

        patients, group  only what is in patients' compartments; only the patients of the Group with this id
        raises           AccessError; QueryError; NotFound
        """
        pairs = [("_type", ",".join(types)), ("_since", since), ("_elements", ",".join(elements))]
        asked = [pair for pair in pairs if pair[1]] + [("_typeFilter", one) for one in filters]
        level = f"Group/{segment(group, 'id')}/" if group else "Patient/" if patients else ""
        url = f"{self._session.base}{self._below}{level}$export" + (f"?{urlencode(asked)}" if asked else "")
        ask = Ask(method="GET", url=url, accept=FHIR_JSON, is_repeatable=False, headers={"Prefer": "respond-async"})
        address = self._session.answer(ask).headers.get("Content-Location", "")
        return linked(self._session.base, address, self._below)

    def look(self, status: str) -> ExportManifest | None:
        """The manifest, None while the export is made. raises NotFound when it is gone."""
        url = linked(self._session.base, status, self._below)
        response = self._session.answer(Ask(method="GET", url=url))
        return None if response.status_code == 202 else _manifest(response.content)

    def wait(self, status: str, *, timeout: float = 3600.0, poll: float = 2.0) -> ExportManifest:
        """The manifest when the export is whole. raises StateError if it is not after `timeout` seconds."""
        pace = self._session.wire.pace
        until = pace.now() + timeout
        while (found := self.look(status)) is None:
            left = until - pace.now()
            if left <= 0:
                raise StateError(f"the export is not whole after {timeout:g} seconds", "Wait for it again.")
            pace.sleep(min(poll, left))
        return found

    def lines(self, file: ExportedFile) -> Iterator[Resource]:
        """The resources of a file; all of it is held in memory while it is read."""
        url = linked(self._session.base, file.url, self._below)
        content = self._session.content(Ask(method="GET", url=url, accept="application/fhir+ndjson"))
        yield from map(json.loads, content.splitlines())

    def cancel(self, status: str) -> None:
        """Stops an export, and has its files removed. raises NotFound."""
        url = linked(self._session.base, status, self._below)
        self._session.answer(Ask(method="DELETE", url=url))


def _manifest(content: bytes) -> ExportManifest:
    try:
        told: dict[str, Any] = json.loads(content)
        return ExportManifest(
            told["transactionTime"], tuple(map(_file, told["output"])), tuple(map(_file, told["deleted"]))
        )
    except (ValueError, KeyError, TypeError):
        raise SetupError("the answer is no manifest of an export", "Look at the base URL.") from None


def _file(told: dict[str, Any]) -> ExportedFile:
    proof = told["extension"]
    return ExportedFile(told["type"], told["url"], told["count"], proof["bytes"], proof["hash"])
