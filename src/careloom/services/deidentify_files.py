"""FHIR files in, the same files out, by a configuration of Microsoft's FHIR anonymizer.

Nothing of the installation is opened, unless the keys are to come from it. A file appears whole or not at all, and
takes no other file's place. Names of files may tell of patients: reports and errors count them in their order.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from careloom.crypto.keys import KeyProvider
from careloom.deid.microsoft import Configuration, Method, read_configuration
from careloom.deid.microsoft_anonymizer import Anonymizer
from careloom.deid.microsoft_elements import Json, ShapeError
from careloom.deid.microsoft_json import NotJson, read_exact, write_exact
from careloom.deid.microsoft_methods import Keys
from careloom.deid.microsoft_reach import unreachable
from careloom.errors import CareloomError, Conflict, NotFound, QueryError, SetupError
from careloom.runtime import Runtime
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import Platform

Watch = Callable[[int, int], None]
OPERATION = "deidentify-files"
_LINES = frozenset({".ndjson", ".jsonl"})
_WHOLE = frozenset({".json"})
_NEEDS: dict[str, Method] = {"date-shift": "dateShift", "crypto-hash": "cryptoHash", "encrypt": "encrypt"}
_TOLD_AT_MOST = 100
_INDENT = 2


@dataclass(frozen=True, slots=True)
class FilesAsk:
    """What is to be done: the file or folder, where it goes, the configuration."""

    source: Path
    out: Path
    configuration: Path


@dataclass(slots=True)
class FilesReport:
    """What was done.

    left           files that are neither .json nor .ndjson, and links: they were not read
    emptied        resources for which an empty one stands, because a rule failed and the configuration skips that
    changes        what was done -> elements
    refused        resources that are not in the output
    why            the first of them: file, line (0 for a whole file), reason
    silent_rules   numbers of rules that found nothing in any resource
    notes          what the configuration says in vain: settings without effect, rules that can reach nothing
    keys           key that a rule needs -> where it is from: configuration, store, or random: gone when the run ends
    """

    files: int = 0
    left: int = 0
    resources: int = 0
    emptied: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    why: list[tuple[int, int, str]] = field(default_factory=list)
    rules: int = 0
    silent_rules: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)

    def refuse(self, file: int, line: int, reason: str) -> None:
        """Counts a resource that is left out, and remembers why while there are few."""
        self.refused += 1
        if len(self.why) < _TOLD_AT_MOST:
            self.why.append((file, line, reason))

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON."""
        return {
            "files": self.files,
            "files_left": self.left,
            "resources": self.resources,
            "emptied": self.emptied,
            "changes": dict(sorted(self.changes.items())),
            "refused": self.refused,
            "refusals": [{"file": file, "line": line, "why": why} for file, line, why in self.why],
            "rules": self.rules,
            "silent_rules": self.silent_rules,
            "notes": self.notes,
            "keys": self.keys,
        }


def deidentify_files(
    ask: FilesAsk, runtime: Runtime, watch: Watch | None = None, derive: Callable[[str], bytes] | None = None
) -> FilesReport:
    """Writes every FHIR file anew as the configuration says.

    derive  what a key is for -> 32 secret bytes, for keys that the configuration does not give; None for random ones
    raises  NotFound, QueryError or Conflict for paths that cannot be used; SetupError for a bad configuration;
            FormatError where a rule fails and the configuration does not skip that: files finished before stay
    """
    configuration = read_configuration(_bytes_of(ask.configuration, "the configuration"))
    places = _places(ask)
    notes = [*configuration.notes, *unreachable(configuration)]
    report = FilesReport(rules=len(configuration.rules), notes=notes)
    keys = _keys(configuration, report, runtime, derive)
    anonymizer = Anonymizer(configuration, keys, today=runtime.now().date(), random_bytes=runtime.random_bytes)
    done, total = 0, sum(source.stat().st_size for source, _ in places.files)
    report.left = places.left
    for number, (source, target) in enumerate(places.files, 1):
        _File(anonymizer, report, number, _prefix(configuration, ask.source, source)).rewrite(source, target)
        done += source.stat().st_size
        if watch is not None:
            watch(done, total)
    report.silent_rules = sorted({rule.number for rule in configuration.rules} - anonymizer.fired)
    return report


def deidentify_files_with_store_keys(
    platform: Platform, who: Principal, ask: FilesAsk, watch: Watch | None = None
) -> FilesReport:
    """As `deidentify_files`; keys that the configuration does not give are those of the project of this installation.

    raises  AccessError, and what `deidentify_files` raises
    """
    admit(platform, who, "deidentify", "identified", operation=OPERATION)
    project, keys = platform.settings.deidentify.project, platform.keys
    report = deidentify_files(ask, platform.runtime, watch, lambda purpose: _derived(keys, purpose, project))
    detail = {"files": report.files, "resources": report.resources, "refused": report.refused}
    note(platform, who, OPERATION, "identified", action="execute", detail=detail)
    return report


def _derived(keys: KeyProvider, purpose: str, project: str) -> bytes:
    return keys.derive(f"microsoft-anonymizer/{purpose}", project)


def _keys(
    configuration: Configuration, report: FilesReport, runtime: Runtime, derive: Callable[[str], bytes] | None
) -> Keys:
    needed = {rule.method for rule in configuration.rules}

    def key(purpose: str, given: str) -> bytes:
        if _NEEDS[purpose] in needed:
            report.keys[purpose] = "configuration" if given else "random" if derive is None else "store"
        return given.encode() if given else runtime.random_bytes(32) if derive is None else derive(purpose)

    def text(purpose: str, given: str) -> str:
        found = key(purpose, given)
        return given or found.hex()

    parameters = configuration.parameters
    return Keys(
        text("date-shift", parameters.date_shift_key), text("crypto-hash", parameters.crypto_hash_key),
        key("encrypt", parameters.encrypt_key),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Places:
    files: list[tuple[Path, Path]]
    left: int


def _places(ask: FilesAsk) -> _Places:
    """Where each file goes; nothing that is there already may be in the way."""
    if ask.source.is_file():
        target = ask.out / ask.source.name if ask.out.is_dir() else ask.out
        files, left = [(ask.source, target)], 0
    elif ask.source.is_dir():
        if ask.out.resolve().is_relative_to(ask.source.resolve()):
            raise QueryError(f"{OPERATION}: OUT lies inside IN", "Name a folder elsewhere.")
        found = sorted(place for place in ask.source.rglob("*") if place.is_symlink() or place.is_file())
        fit = [place for place in found if not place.is_symlink() and place.suffix.lower() in _LINES | _WHOLE]
        files = [(place, ask.out / place.relative_to(ask.source)) for place in fit]
        left = len(found) - len(fit)
    else:
        raise NotFound(f"{OPERATION}: IN is not there", "Name a file, or a folder of files.")
    if not files:
        raise NotFound(f"{OPERATION}: IN has no FHIR file", "Files end in .json, .ndjson or .jsonl.")
    if any(target.exists() for _, target in files):
        raise Conflict(f"{OPERATION}: OUT holds a file of that name", "Name a new folder: nothing is written over.")
    return _Places(files, left)


def _prefix(configuration: Configuration, root: Path, file: Path) -> str:
    scope = configuration.parameters.date_shift_scope
    if scope == "resource":
        return ""
    whole = root.resolve()
    return file.name if scope == "file" else (whole.parent if whole.is_file() else whole).name


def _bytes_of(file: Path, what: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotFound(
            f"{OPERATION}: {what} cannot be read ({type(error).__name__})", "Check path and rights."
        ) from None


class _File:
    """Rewrites one file."""

    def __init__(self, anonymizer: Anonymizer, report: FilesReport, number: int, prefix: str) -> None:
        self._anonymizer = anonymizer
        self._report = report
        self._number = number
        self._prefix = prefix

    def rewrite(self, source: Path, target: Path) -> None:
        """Writes the file beside its place and then puts it there, if anything of it may be told."""
        partial = target.with_name(f".{self._number}.partial")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                is_of_lines = source.suffix.lower() in _LINES
                written = self._lines(source, out) if is_of_lines else self._whole(source, out)
                out.flush()
                os.fsync(out.fileno())
            if written:
                os.link(partial, target)  # unlike a rename it never takes the place of a file
                self._report.files += 1
        except FileExistsError:
            raise Conflict(f"{OPERATION}: OUT holds a file of that name", "Name a new folder.") from None
        except OSError as error:
            where = f"{OPERATION}: file {self._number} cannot be read or written ({type(error).__name__})"
            raise SetupError(where, "Check rights and disk.") from None
        finally:
            partial.unlink(missing_ok=True)

    def _whole(self, source: Path, out: IO[bytes]) -> int:
        made = self._anonymized(source.read_bytes(), 0)
        if made is None:
            return 0
        out.write(write_exact(made, _INDENT) + b"\n")
        return 1

    def _lines(self, source: Path, out: IO[bytes]) -> int:
        written = 0
        for line, raw in _filled_lines(source):
            made = self._anonymized(raw, line)
            if made is not None:
                out.write(write_exact(made) + b"\n")
                written += 1
        return written

    def _anonymized(self, raw: bytes, line: int) -> Json | None:
        try:
            done = self._anonymizer.anonymize(read_exact(raw), self._prefix)
        except NotJson as error:
            self._report.refuse(self._number, line, error.why)
            return None
        except ShapeError as error:
            self._report.refuse(self._number, line, str(error))
            return None
        except CareloomError as error:
            raise type(error)(f"{OPERATION}, {self._place(line)}: {error.where}", error.remedy) from None
        self._report.resources += 1
        self._report.emptied += done.is_skipped
        self._report.changes.update(done.changes)
        return done.resource

    def _place(self, line: int) -> str:
        return f"file {self._number}, line {line}" if line else f"file {self._number}"


def _filled_lines(source: Path) -> Iterator[tuple[int, bytes]]:
    with source.open("rb") as lines:
        for number, raw in enumerate(lines, 1):
            if raw.strip():
                yield number, raw
