"""Everything a use case needs, opened once: settings, keys, the zones' stores and lakes, run folder, input files."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock, RLock
from typing import TYPE_CHECKING, BinaryIO

import orjson

from careloom.crypto.client_secrets import SecretHasher
from careloom.crypto.keys import KeyProvider
from careloom.crypto.keys_local import LocalKeys
from careloom.crypto.pseudonyms import KeyedNames, name_of
from careloom.errors import FormatError, NotFound, SetupError
from careloom.pipeline.manifest import RunManifest, as_openlineage
from careloom.pipeline.registry import load
from careloom.runtime import Runtime
from careloom.services.score_shadow import Shadows
from careloom.settings import Settings
from careloom.store.accounts import Accounts
from careloom.store.blind_index import BlindIndex
from careloom.store.clients import Clients
from careloom.store.engine import private_folder
from careloom.store.grants import Grants
from careloom.store.jobs_tables import FILE_NAME as JOBS_NAME
from careloom.store.kept_answers import KeptAnswers
from careloom.store.signing_keys import KeptKeys
from careloom.store.uploads import FOLDER_NAME as UPLOADS_NAME
from careloom.store.uploads import Spools
from careloom.store.zone_store import ANCHOR_NAME, Zone, ZoneStore

if TYPE_CHECKING:
    from careloom.crypto.access_tokens import TokenSigner
    from careloom.nlp.reader import NoteReader
    from careloom.services.consents import ConsentBook
    from careloom.services.explore_columns import ColumnsHeld
    from careloom.services.issuer_keys import IssuerKeys
    from careloom.services.issuers import Issuer
    from careloom.services.known_terminologies import Terminologies
    from careloom.services.note_corpus_rows import CorporaHeld
    from careloom.services.provider_fetch import ProviderDocuments
    from careloom.services.providers import Provider
    from careloom.store.identities import Identities
    from careloom.store.jobs import Jobs
    from careloom.store.lake import Lake
    from careloom.store.passkeys import Passkeys

STORED_ZONES: tuple[Zone, ...] = ("identified", "research", "synthetic")


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that was named, found below a folder that was named, or sent.

    name    relative to that folder; it may identify a patient, so it is only ever kept sealed
    opener  a context whose value is the file's bytes, from the start
    """

    name: str
    size_bytes: int
    opener: Callable[[], AbstractContextManager[BinaryIO]]

    def open(self) -> AbstractContextManager[BinaryIO]:
        """The file's bytes, from the start."""
        return self.opener()


class Platform:
    """One installation, opened; threads may share it. Stores open when asked for; `close` closes what was opened."""

    def __init__(self, settings: Settings, runtime: Runtime | None = None, keys: KeyProvider | None = None) -> None:
        self.settings = settings
        self.runtime = runtime or Runtime()
        self.keys: KeyProvider = keys or LocalKeys.open(settings.keys_directory, runtime=self.runtime)
        self.clients = Clients(settings.data.database or settings.data.directory, self.runtime)
        self.kept_answers = KeptAnswers(settings.data.database or settings.data.directory, self.runtime)
        self._stores: dict[Zone, ZoneStore] = {}
        self._blind: dict[Zone, BlindIndex] = {}
        self._consents: dict[Zone, ConsentBook] = {}
        self._opening = RLock()
        self._loading = Lock()

    def __enter__(self) -> "Platform":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes every store that was opened, once the shadows are done."""
        if "shadows" in self.__dict__:
            self.shadows.close()
        for store in self._stores.values():
            store.close()
        self._stores.clear()
        self._consents.clear()
        self.clients.close()
        self.kept_answers.close()
        if "terminologies" in self.__dict__:
            self.terminologies.close()

    @cached_property
    def shadows(self) -> Shadows:
        """What shadows are still to be asked, after answers are out."""
        return Shadows()

    @cached_property
    def accounts(self) -> Accounts:
        """Accounts of people, in the registry of clients."""
        return Accounts(self.clients.registry)

    @cached_property
    def grants(self) -> Grants:
        """Applications in which people sign in, and what they let them do, in the registry of clients."""
        return Grants(self.clients.registry)

    @cached_property
    def issuers(self) -> "dict[str, Issuer]":
        """Other issuers whose access tokens are accepted. raises SetupError if their file is not usable"""
        from careloom.services.issuers import read_issuers  # noqa: PLC0415 - commands need none

        return read_issuers(self.settings.access.issuers)

    @cached_property
    def issuer_keys(self) -> "IssuerKeys":
        """Their public keys."""
        from careloom.services.issuer_keys import IssuerKeys  # noqa: PLC0415 - commands need none

        return IssuerKeys()

    @cached_property
    def identities(self) -> "Identities":
        """Whom other providers call what, in the registry of clients."""
        from careloom.store.identities import Identities  # noqa: PLC0415 - commands need none

        return Identities(self.clients.registry)

    @cached_property
    def passkeys(self) -> "Passkeys":
        """Passkeys of people, in the registry of clients."""
        from careloom.store.passkeys import Passkeys  # noqa: PLC0415 - commands need none

        return Passkeys(self.clients.registry)

    @cached_property
    def providers(self) -> "dict[str, Provider]":
        """Other providers by whom people sign in. raises SetupError if their file is not usable"""
        from careloom.services.providers import read_providers  # noqa: PLC0415 - commands need none

        return read_providers(self.settings.access.providers)

    @cached_property
    def provider_documents(self) -> "ProviderDocuments":
        """What they say of themselves."""
        from careloom.services.provider_fetch import ProviderDocuments  # noqa: PLC0415 - commands need none

        return ProviderDocuments()

    @cached_property
    def names_key(self) -> bytes:
        """The secret under which ids of stored resources are keyed."""
        return self.keys.derive("names", "resources")

    @cached_property
    def names(self) -> KeyedNames:
        """Keyed names of resources."""
        return KeyedNames(self.names_key)

    @cached_property
    def secret_hasher(self) -> SecretHasher:
        """Hashes and checks the secrets of clients."""
        return SecretHasher()

    @cached_property
    def signing_keys(self) -> KeptKeys:
        """Keys that sign tokens, in the registry of clients."""
        return KeptKeys(self.clients.registry)

    @cached_property
    def token_signers(self) -> "dict[str, TokenSigner]":
        """What signs and reads access tokens, by kid, as far as this process knows; the registry says what holds."""
        return {}

    @cached_property
    def terminologies(self) -> "Terminologies":
        """The code systems that are known: loaded ones before those that ship."""
        from careloom.services import known_terminologies  # noqa: PLC0415 - most commands need no codes

        return known_terminologies.Terminologies(self.settings.data.directory / known_terminologies.FOLDER_NAME)

    @cached_property
    def note_reader(self) -> "NoteReader":
        """Reads notes by the components that ship. raises SetupError where a model does not load."""
        with self._loading:  # two threads would load it twice
            if "note_reader" not in self.__dict__:
                rerank = self.settings.annotate.rerank
                self.__dict__["note_reader"] = load("reader.nlp")(self.terminologies.all, rerank=rerank)
            made: NoteReader = self.__dict__["note_reader"]
        return made

    @cached_property
    def reranking_reader(self) -> "NoteReader":
        """The same that ranks names anew by the encoder, whatever the settings say. raises SetupError likewise"""
        reader = self.note_reader
        if self.settings.annotate.rerank:
            return reader
        return reader.with_finder(load("linker.nlp")(self.terminologies.all, rerank=True))

    @cached_property
    def explored(self) -> "ColumnsHeld":
        """Columns of the lake that were looked at a moment ago."""
        from careloom.services.explore_columns import ColumnsHeld  # noqa: PLC0415 - tables cost 100 MB

        return ColumnsHeld()

    @cached_property
    def note_corpora(self) -> "CorporaHeld":
        """What notes of the research zone said a moment ago, without a word of them."""
        from careloom.services.note_corpus_rows import CorporaHeld  # noqa: PLC0415 - it needs numpy

        return CorporaHeld()

    def index_key(self, zone: Zone) -> bytes:
        """The secret under which a zone's search index hashes."""
        return self.keys.derive("index", zone)

    def blind_index(self, zone: Zone) -> BlindIndex:
        """The search index's keyed hashes in a zone."""
        with self._opening:
            if zone not in self._blind:
                self._blind[zone] = BlindIndex(self.index_key(zone))
            return self._blind[zone]

    def store(self, zone: Zone) -> ZoneStore:
        """The opened store of a zone, made if it is not there.

        raises  SetupError if it cannot be opened
        """
        with self._opening:
            if zone not in self._stores:
                data = self.settings.data
                self._stores[zone] = ZoneStore.open(
                    data.database or data.directory,
                    zone=zone,
                    keys=self.keys,
                    runtime=self.runtime,
                    indexer=self.blind_index(zone).index,
                    anchor=data.directory / zone / ANCHOR_NAME,
                )
                self._stores[zone].index_own_by(self.blind_index(zone).rows)
            return self._stores[zone]

    def consents(self, zone: Zone) -> "ConsentBook":
        """What the consents of a zone withhold."""
        with self._opening:
            if zone not in self._consents:
                from careloom.services.consents import ConsentBook  # noqa: PLC0415 - it reads this module's stores

                self._consents[zone] = ConsentBook(self.store(zone))
            return self._consents[zone]

    def has_store(self, zone: Zone) -> bool:
        """True when the zone's store was made before; looking does not make it."""
        return bool(self.settings.data.database) or (self.settings.data.directory / zone / "store.db").is_file()

    def has_anchor(self, zone: Zone) -> bool:
        """True when the zone has had an audit chain, whatever became of its store."""
        return (self.settings.data.directory / zone / ANCHOR_NAME).is_file()

    def lake(self, zone: Zone) -> "Lake":
        """The Delta tables of a zone. raises SetupError for the identified zone, which has none by design."""
        if zone == "identified":
            raise SetupError("lake: the identified zone has none", "Identified tables are views over the sealed store.")
        from careloom.store.lake import Lake  # noqa: PLC0415 - tables cost 100 MB that most commands do not need
        from careloom.store.lake_seal import LakeSeal  # noqa: PLC0415 - the same

        is_sealed = self.settings.lake.encryption == "sealed"
        return Lake(self.settings.data.directory / zone / "lake", LakeSeal(self.keys, zone), is_sealed=is_sealed)

    def has_jobs(self) -> bool:
        """True when something was queued before; looking does not make the queue."""
        return (self.settings.data.directory / "jobs" / JOBS_NAME).is_file()

    @contextmanager
    def jobs(self) -> "Iterator[Jobs]":
        """The queue of long work."""
        from careloom.store.jobs import Jobs  # noqa: PLC0415 - few commands queue anything, and the library loads slowly

        jobs = Jobs(self.settings.data.directory / "jobs", self.runtime, queue=self.settings.jobs.queue)
        try:
            yield jobs
        finally:
            jobs.close()

    @cached_property
    def spools(self) -> Spools:
        """Where uploads lie sealed until they are ingested."""
        return Spools(self.settings.data.directory / UPLOADS_NAME, self.runtime.random_bytes)

    @property
    def runs_folder(self) -> Path:
        """Where manifests of finished runs lie; it need not be there."""
        return self.settings.data.directory / "runs"

    def run_id(self) -> str:
        """A new run's name: its start in UTC and six random characters, so that names sort by time."""
        suffix = name_of(self.runtime.random_bytes(16))[:6]
        return f"{self.runtime.now():%Y%m%dT%H%M%SZ}-{suffix}"

    def keep_run(self, manifest: RunManifest) -> Path:
        """Writes a finished run's manifest, OpenLineage events and FHIR Provenance; returns the manifest's file."""
        folder = self.runs_folder
        private_folder(folder)
        file = folder / f"{manifest.run_id}.json"
        provenance = orjson.dumps(manifest.as_provenance(), option=orjson.OPT_INDENT_2)
        _write_whole(folder / f"{manifest.run_id}.provenance.json", provenance)
        events = b"".join(orjson.dumps(event) + b"\n" for event in as_openlineage(manifest))
        _write_whole(folder / f"{manifest.run_id}.openlineage.ndjson", events)
        _write_whole(file, orjson.dumps(manifest.as_json(), option=orjson.OPT_INDENT_2))
        return file

    def read_text(self, path: Path) -> str:
        """A small text file that the operator named, such as a mapping.

        raises  NotFound; FormatError if it cannot be read or is not UTF-8
        """
        try:
            return path.read_text("utf-8")
        except FileNotFoundError:
            raise NotFound(f"there is no file {path.name}", "Check the path.") from None
        except OSError as error:
            raise FormatError(f"{path.name} cannot be read ({type(error).__name__})", "Name a readable file.") from None
        except UnicodeDecodeError:
            raise FormatError(f"{path.name} is no UTF-8 text", "Save it as UTF-8.") from None

    def inputs(self, paths: Iterable[Path]) -> list[InputFile]:
        """Every file named or below a named folder, in a stable order; hidden files are left out.

        raises  NotFound if a path is not there; FormatError if it is no regular file or folder
        """
        found: list[InputFile] = []
        for number, path in enumerate(paths, 1):
            if path.is_dir():
                below = sorted(p for p in path.rglob("*") if p.is_file() and not _is_hidden(p.relative_to(path)))
                found += [_named(p, str(p.relative_to(path))) for p in below]
            elif path.is_file():
                found.append(_named(path, path.name))
            elif path.exists():
                raise FormatError(f"path {number} is neither file nor folder", "Name regular files or folders.")
            else:
                raise NotFound(f"path {number} of the command does not exist", "Check its spelling.")
        return found


def _named(path: Path, name: str) -> InputFile:
    return InputFile(name, path.stat().st_size, lambda: path.open("rb"))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _write_whole(file: Path, content: bytes) -> None:
    """All of the file or none of it, durable when this returns."""
    draft = file.with_suffix(file.suffix + ".part")
    with draft.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
