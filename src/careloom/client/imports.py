"""Bulk imports into one zone: send files of resources, watch, learn what became of every record, cancel."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from careloom.client.address import linked, segment
from careloom.client.payload import Source, Upload, Watch, parts_of
from careloom.client.reports import Resource
from careloom.client.session import Session
from careloom.client.transport import FHIR_JSON, Ask
from careloom.errors import SetupError, StateError


@dataclass(frozen=True, slots=True)
class Fates:
    """What became of records: received = stored + known + quarantined + kept + erased."""

    received: int
    stored: int
    known: int
    quarantined: int
    kept: int
    erased: int


@dataclass(frozen=True, slots=True)
class ImportedType:
    """The records of one type in one file; `hash` is SHA-256 over their keyed hashes in order."""

    type: str
    manifest: str
    fates: Fates
    hash: str


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """One file: `root` is the Merkle root over its keyed record hashes; `is_whole`: what came in is accounted for."""

    manifest: str
    state: str
    size_bytes: int
    root: str
    fates: Fates
    is_whole: bool


@dataclass(frozen=True, slots=True)
class ImportReport:
    """An import that is done.

    errors  address of the refusals, empty where nothing waits in quarantine
    """

    transaction_time: str
    types: tuple[ImportedType, ...]
    files: tuple[ImportedFile, ...]
    totals: Fates
    is_whole: bool
    errors: str


class Imports:
    """Bulk imports into one zone, as the client's token allows."""

    def __init__(self, session: Session, zone: str) -> None:
        self._session = session
        self._below = f"/fhir/{segment(zone, 'name of a zone')}/"

    def __repr__(self) -> str:
        return f"Imports({self._session.base}{self._below})"

    def begin(self, what: Source | Iterable[Source], *, source: str = "", progress: Watch | None = None) -> str:
        """Sends files of resources and returns the address of the import's status.

        The platform has them durably when this returns. They are streamed: memory does not grow with them.

        what      files, folders, bytes or streams of NDJSON, packed or not
        source    the system that sent them; empty for the platform's default
        progress  as of `careloom.client.ingestions.Ingestions.upload`
        raises    NotFound, InputError for what cannot be read; TooLarge; AccessError; SetupError if it broke off
        """
        url = f"{self._session.base}{self._below}$import" + (f"?{urlencode({'source': source})}" if source else "")
        headers = {"Prefer": "respond-async"}
        body = Upload(parts_of(what), progress)
        ask = Ask(method="POST", url=url, accept=FHIR_JSON, body=body, is_repeatable=False, headers=headers)
        address = self._session.answer(ask).headers.get("Content-Location", "")
        return linked(self._session.base, address, self._below)

    def look(self, status: str) -> ImportReport | None:
        """What became of every record, None while the import runs. raises NotFound when it was cancelled."""
        url = linked(self._session.base, status, self._below)
        response = self._session.answer(Ask(method="GET", url=url))
        return None if response.status_code == 202 else _report(response.content)

    def wait(self, status: str, *, timeout: float = 3600.0, poll: float = 2.0) -> ImportReport:
        """The report when the import is done. raises StateError if it is not after `timeout` seconds."""
        pace = self._session.wire.pace
        until = pace.now() + timeout
        while (found := self.look(status)) is None:
            left = until - pace.now()
            if left <= 0:
                raise StateError(f"the import is not done after {timeout:g} seconds", "Wait for it again.")
            pace.sleep(min(poll, left))
        return found

    def errors(self, report: ImportReport) -> Iterator[Resource]:
        """An OperationOutcome for each record that was refused and waits; it names the record by its id."""
        if not report.errors:
            return
        url = linked(self._session.base, report.errors, self._below)
        content = self._session.content(Ask(method="GET", url=url, accept="application/fhir+ndjson"))
        yield from map(json.loads, content.splitlines())

    def cancel(self, status: str) -> None:
        """Stops an import; what it has stored stays. raises NotFound; Conflict if it has ended."""
        url = linked(self._session.base, status, self._below)
        self._session.answer(Ask(method="DELETE", url=url))


def _report(content: bytes) -> ImportReport:
    try:
        told: dict[str, Any] = json.loads(content)
        proof = told["extension"]
        errors = told["error"][0]["url"] if told["error"] else ""
        types, files = tuple(map(_type, told["output"])), tuple(map(_file, proof["files"]))
        return ImportReport(told["transactionTime"], types, files, _fates(proof), proof["isWhole"], errors)
    except (ValueError, KeyError, TypeError):
        raise SetupError("the answer is no report of an import", "Look at the base URL.") from None


def _type(told: dict[str, Any]) -> ImportedType:
    manifest = told["inputUrl"].removeprefix("urn:careloom:manifest:")
    return ImportedType(told["type"], manifest, _fates(told["extension"]), told["extension"]["hash"])


def _file(told: dict[str, Any]) -> ImportedFile:
    return ImportedFile(
        told["manifest"], told["state"], told["bytes"], told["root"], _fates(told), bool(told["isWhole"])
    )


def _fates(told: dict[str, Any]) -> Fates:
    return Fates(**{name: told[name] for name in Fates.__dataclass_fields__})
