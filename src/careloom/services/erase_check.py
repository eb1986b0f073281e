"""The search for one patient in every byte under the data directory: files unpacked, rows of databases and tables.

Before an erasure, and at its end, the patient's identifiers are known and are searched for in any spacing. Later only
their marks are: keyed hashes that the certificate holds. By them words are found, one or several in a row, that are the
whole of an identifier; a part of a longer word is not.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from typing import Any, Protocol

from careloom.deid.canaries import plain
from careloom.deid.leak_search import TermSearch, tokens
from careloom.deid.leak_terms import BIRTH_DATE, LeakTerms
from careloom.deid.leak_views import MOST_UNPACKED_BYTES, Unpacking, gathered, is_packed, views
from careloom.services.deidentify_known import KnownPeople
from careloom.services.leak_scan import OWN_ID, own_dates, table_reader
from careloom.services.platform import STORED_ZONES, Platform
from careloom.services.vault_epochs import naming, unretired
from careloom.store.engine import is_url
from careloom.store.export_scan import numbers_of
from careloom.store.written import WHOLE_BYTES, WrittenFile, file_values, table_rows, written_files, zone_values
from careloom.store.zone_store import ZoneStore

RESEARCH_ID = "RESEARCH_ID"
MARK_BYTES = 16
_YOUNG = timedelta(days=366)
_PRINTED = re.compile(rb"[\t\n\r\x20-\x7e]{6,}")
_WORD = re.compile(rb"[a-z0-9]+")
Watch = Callable[[int, int], None]
Json = dict[str, Any]


@dataclass(slots=True)
class Sought:
    """What is searched for, by its plain letters and digits.

    anywhere    form -> label
    words       the same for whole words
    telephones  those anywhere that are also found behind a country code
    counted     label -> identifiers; left_out: reason -> identifiers that are too common or too short
    """

    anywhere: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    telephones: list[str] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> Json:
        """As plain JSON, of which `Sought(**...)` makes it again."""
        return {name: getattr(self, name) for name in self.__slots__}


class Finder(Protocol):
    """Finds identifiers in bytes."""

    def find(self, view: bytes) -> set[str]:
        """The labels of those that stand there."""


class ByTerms:
    """Finds identifiers that are known."""

    def __init__(self, sought: Sought) -> None:
        self._anywhere = {form.encode(): label for form, label in sought.anywhere.items()}
        self._words = {form.encode(): label for form, label in sought.words.items()}
        self._search = TermSearch(self._anywhere, [form.encode() for form in sought.telephones])

    def find(self, view: bytes) -> set[str]:
        """As `Finder`."""
        found = {self._anywhere[term] for term in self._search.find(view)}
        return found | {self._words[word] for word in tokens(view) & self._words.keys()} if self._words else found


class ByMarks:
    """Finds identifiers of which only marks are known: label, letters and keyed hash of each."""

    def __init__(self, key: bytes, marks: Sequence[Mapping[str, Any]]) -> None:
        self._key = key
        self._labels = {bytes.fromhex(one["mark"]): str(one["label"]) for one in marks}
        self._lengths = frozenset(int(one["letters"]) for one in marks)
        self._longest = max(self._lengths, default=0)

    def find(self, view: bytes) -> set[str]:
        """As `Finder`."""
        seen: set[bytes] = set()
        for run in _PRINTED.findall(view) + (_PRINTED.findall(view.replace(b"\0", b"")) if b"\0" in view else []):
            self._gather(_WORD.findall(run.lower()), seen)
        marks = (mark_of(self._key, form) for form in seen)
        return {self._labels[mark] for mark in marks if mark in self._labels}

    def _gather(self, words: Sequence[bytes], seen: set[bytes]) -> None:
        """Words and words in a row, as long together as an identifier is."""
        for start in range(len(words)):
            form = b""
            for word in words[start:]:
                form += word
                if len(form) > self._longest:
                    break
                if len(form) in self._lengths:
                    seen.add(form)


@dataclass(slots=True)
class CheckReport:
    """What was searched, and where something was found. No identifier stands in it.

    values    bytes of rows of databases and tables that were read
    unopened  files and values that were not read to their end
    found     (place, label) -> how often
    """

    files: int = 0
    bytes: int = 0
    values: int = 0
    unopened: int = 0
    found: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def hits(self) -> int:
        """How many finds there are: each label once for each place."""
        return self.found.total()

    def as_json(self) -> Json:
        """As plain JSON."""
        return {
            "files": self.files, "bytes": self.bytes, "values": self.values, "unopened": self.unopened,
            "hits": self.hits,
            "found": [{"place": place, "label": label} for place, label in sorted(self.found)],
        }  # fmt: skip


def sought(platform: Platform, patient_id: str) -> Sought:
    """All that tells this patient of the identified zone: what the record knows, and ids in every zone."""
    store = platform.store("identified")
    terms = LeakTerms()
    known = KnownPeople(store).patient(patient_id)
    terms.add_person(0, known)
    made = Sought({}, {}, sorted(one.decode() for one in terms.telephones))
    for where, forms in ((made.anywhere, terms.anywhere), (made.words, terms.words)):
        where.update({form.decode(): min(owned)[0] for form, owned in forms.items()})
    _drop_common_dates(platform, made)
    ids = _ids(store, patient_id)
    made.anywhere |= {plain(name.encode()).decode(): OWN_ID for _, name in ids if len(plain(name.encode())) >= 8}
    for epoch in unretired(platform) if platform.has_store("research") else ():
        rename = naming(platform, epoch).rename
        made.anywhere |= {plain(rename(kind, name).encode()).decode(): RESEARCH_ID for kind, name in ids}
    made.counted = dict(sorted(Counter((*made.anywhere.values(), *made.words.values())).items()))
    made.left_out = dict(sorted(terms.left_out.items()))
    return made


def _ids(store: ZoneStore, patient_id: str) -> list[tuple[str, str]]:
    """(type, id) of everything under a key of the patient."""
    with store.connect() as connection:
        numbers = numbers_of(connection, [store.pseudonym(patient_id)])
        marks = ", ".join(map(str, numbers)) or "0"
        rows = connection.exec_driver_sql(f"SELECT type, id FROM resource WHERE subject IN ({marks})")  # noqa: S608
        return sorted({("Patient", patient_id), *((kind, name) for kind, name in rows)})


def _drop_common_dates(platform: Platform, made: Sought) -> None:
    """Birth dates of the last year, and those that Careloom itself says: they stand in files for other reasons."""
    youngest = (platform.runtime.now() - _YOUNG).strftime("%Y%m%d")
    said = {date.replace("-", "") for date in own_dates()}
    dates = {form for form, label in made.anywhere.items() if label == BIRTH_DATE}
    if any(form.isdigit() and (form >= youngest or form in said) for form in dates if form[:2] in ("19", "20")):
        for form in dates:
            del made.anywhere[form]


def marks_of(platform: Platform, what: Sought) -> list[Json]:
    """The marks of identifiers, those of ids but the patient's own left out: keyed, so that they lead to nobody."""
    key = marks_key(platform)
    forms = {**what.anywhere, **what.words}
    return sorted(
        (
            {"label": label, "letters": len(form), "mark": mark_of(key, form.encode()).hex()}
            for form, label in forms.items() if label not in (OWN_ID, RESEARCH_ID)
        ),
        key=lambda one: (one["label"], one["mark"]),
    )  # fmt: skip


def marks_key(platform: Platform) -> bytes:
    """The key of marks, of nothing else."""
    return platform.keys.derive("erasure", "marks")


def mark_of(key: bytes, form: bytes) -> bytes:
    """The mark of plain letters and digits."""
    return blake2b(form, digest_size=MARK_BYTES, key=key).digest()


def search_bytes(platform: Platform, finder: Finder, watch: Watch | None = None) -> CheckReport:
    """Searches everything under the data directory, and the zones' databases where they lie elsewhere."""
    scan = _Scan(platform, finder)
    files = written_files(platform.settings.data.directory)
    total, done = sum(one.size_bytes for one in files), 0
    for file in files:
        scan.file(file)
        done += file.size_bytes
        if watch is not None:
            watch(done, total)
    if is_url(platform.settings.data.database or ""):
        for zone in STORED_ZONES:
            with platform.store(zone).connect() as connection:
                scan.tables(f"database of the zone {zone}", zone_values(connection))
    scan.report.files, scan.report.bytes = sum(one.kind == "file" for one in files), done
    return scan.report


class _Scan:
    def __init__(self, platform: Platform, finder: Finder) -> None:
        self._platform, self._finder = platform, finder
        self.report = CheckReport()

    def file(self, file: WrittenFile) -> None:
        """One file: its name, its bytes and what is packed in them, its rows."""
        in_name = self._found_in(os.fsencode(file.place), Unpacking(MOST_UNPACKED_BYTES))
        shown = "(a name)" if in_name else os.fsencode(file.place).decode("utf-8", "replace")
        self._count(shown, in_name)
        unpacking, found = Unpacking(MOST_UNPACKED_BYTES), set[str]()
        is_cut = file.is_closed or (file.size_bytes > WHOLE_BYTES and is_packed(file.start))
        try:
            for content in file.contents():
                found |= self._found_in(content, unpacking)
        except OSError:
            is_cut = True
        self.report.unopened += is_cut or unpacking.is_cut
        self._count(shown, found)
        if file.is_database:
            self.tables(shown, file_values(file.path))
        if file.is_table:
            for _, rows in table_rows(file.path, ("patient_id", "patient_ids"), table_reader(self._platform, file)):
                self.report.unopened += rows is None
                self._count(f"{shown}, rows", self._found_in_values(rows or ()))

    def tables(self, shown: str, tables: Iterable[tuple[str, list[bytes] | None]]) -> None:
        """The values of a database."""
        for table, values in tables:
            self.report.unopened += values is None
            self._count(f"{shown}, table {table}", self._found_in_values(values or ()))

    def _found_in(self, data: bytes, unpacking: Unpacking) -> set[str]:
        return set().union(*(self._finder.find(view) for view in views(data, unpacking)))

    def _found_in_values(self, values: Iterable[bytes]) -> set[str]:
        found: set[str] = set()
        for piece in gathered(values):
            unpacking = Unpacking(MOST_UNPACKED_BYTES)
            found |= self._found_in(piece, unpacking)
            self.report.values += len(piece)
            self.report.unopened += unpacking.is_cut
        return found

    def _count(self, place: str, labels: set[str]) -> None:
        """A birth date counts outside the research zone alone: there a date that was moved may be anybody's."""
        for label in labels:
            if label != BIRTH_DATE or not place.startswith(("research/", "synthetic/", "database of the zone re")):
                self.report.found[place, label] = 1
