"""Leak scan: every byte under the data directory, searched for every identifier of every patient who is known.

What is sealed in the identified zone, and what was learnt from it, is the one thing that is not opened. What is looked
for, and what is too common to be looked for, is told in `careloom.deid.leak_terms`.

The research zone is opened, its resources and rows compared patient by patient. Where a policy writes surrogates, a
name or a telephone number of somebody else may be one: there these count only in the record of whom they belong to. A
birth date counts in what is told of its own patient (resource, row, texts): a date that was moved may be anybody's.
The synthetic zone is opened, too, with models and samples of the research zone that lie sealed: it is of nobody.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

import orjson
import polars as pl

import careloom
from careloom.deid.canaries import plain
from careloom.deid.leak_search import TermSearch, tokens
from careloom.deid.leak_terms import ANYBODY, BIRTH_DATE, LeakTerms, Owned, birth_forms
from careloom.deid.leak_views import MOST_UNPACKED_BYTES, Unpacking, gathered, is_packed, views
from careloom.deid.leaks import has_name, names_of, strings_of
from careloom.deid.policy import SHIPPED, packaged_policy
from careloom.deid.text_known import Known
from careloom.deid.text_spans import NAME, PHONE
from careloom.fhir.references import patients_of
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit, note
from careloom.services.deidentify_known import KnownPeople
from careloom.services.leak_answers import take_answers
from careloom.services.leak_sealed import sealed_works
from careloom.services.platform import STORED_ZONES, Platform
from careloom.services.vault_epochs import naming, unretired
from careloom.store.engine import is_url
from careloom.store.written import WHOLE_BYTES, WrittenFile, file_values, table_rows, written_files, zone_values
from careloom.store.zone_policy import policies_of

OPERATION = "scan-leaks"
ZONES: tuple[Zone, ...] = ("identified", "research")
OWN_ID = "RECORD_ID"
"""The id of a patient in the identified zone: it links, so it stands nowhere in the research zone."""
MOST_TOLD = 200
LAKE_ZONES: tuple[Literal["research", "synthetic"], ...] = ("research", "synthetic")
_AT_ONCE_BYTES = 1 << 24
_DATE = re.compile(r"\b(1[89][0-9]{2}|20[0-9]{2})-([01][0-9])-([0-3][0-9])\b")
_YOUNG = timedelta(days=366)
Watch = Callable[[int, int], None]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ScanAsk:
    """What to search for beside what the identified zone knows.

    answers              the ``answers`` folder of a simulated hospital: its identifiers and marked spans of its notes
    most_unpacked_bytes  what one file or value may hold, unpacked
    """

    answers: Path | None = None
    most_unpacked_bytes: int = MOST_UNPACKED_BYTES


@dataclass(slots=True)
class ScanReport:
    """What was searched for what, and what was found. No value of anybody stands in it.

    people      patients whose identifiers were looked for
    looked_for  label -> identifiers
    left_out    reason -> identifiers that are too common or too short to tell anybody
    values      bytes of values that were read from databases, tables and sealed resources and samples
    resources   versions of resources of the research and synthetic zones
    unopened    files and values that were not read to their end: packed too large, too deep or in a way that is not
                read, broken, a pipe or a device, behind a link that leads out of the data directory
    found       (place, label) -> how often
    """

    started: str
    people: int = 0
    looked_for: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    files: int = 0
    bytes: int = 0
    values: int = 0
    resources: int = 0
    unopened: int = 0
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    ended: str = ""

    @property
    def hits(self) -> int:
        """How many finds there are: each identifier once for each place."""
        return self.found.total()

    def as_json(self) -> Json:
        """The report as plain JSON; of many places the first `MOST_TOLD`."""
        found = sorted(self.found.items())[:MOST_TOLD]
        return {
            "started": self.started,
            "ended": self.ended,
            "people": self.people,
            "looked_for": dict(sorted(self.looked_for.items())),
            "left_out": dict(sorted(self.left_out.items())),
            "files": self.files,
            "bytes": self.bytes,
            "values": self.values,
            "resources": self.resources,
            "unopened": self.unopened,
            "hits": self.hits,
            "found": [{"place": place, "label": label, "count": count} for (place, label), count in found],
        }


def scan_for_leaks(platform: Platform, who: Principal, ask: ScanAsk, watch: Watch | None = None) -> ScanReport:
    """Searches everything under the data directory, and the zones' databases where they lie elsewhere.

    watch   (bytes done, bytes in all), after each file
    raises  AccessError; NotFound or FormatError for answers that cannot be read
    """
    for zone in ZONES:
        admit(platform, who, "audit", zone, operation=OPERATION)
    scan = _Scan(platform, ask)
    report = scan.run(watch)
    detail = {"files": report.files, "hits": report.hits, "people": report.people}
    note(platform, who, OPERATION, "identified", action="execute", detail=detail)
    return report


class _Scan:
    """One scan: what is looked for, and what was found so far."""

    def __init__(self, platform: Platform, ask: ScanAsk) -> None:
        self._platform = platform
        self.report = ScanReport(platform.runtime.now().isoformat(timespec="seconds"))
        self._root = platform.settings.data.directory
        self._most_unpacked_bytes = ask.most_unpacked_bytes
        self._known: list[Known] = []
        self._owners: dict[str, int] = {}  # pseudonym in the research zone -> number of the patient
        self._terms = LeakTerms()
        self._take_people()
        if ask.answers is not None:
            take_answers(self._terms, ask.answers)
        self.report.looked_for, self.report.left_out = self._terms.counted, self._terms.left_out
        self._drop_common_dates()
        self._search = TermSearch(self._terms.anywhere, self._terms.telephones)
        policies = [packaged_policy(name) for name in _policies_of_zone(platform)]
        self._has_surrogates = any(one.reads_text and one.text == "surrogate" for one in policies)
        self._keeps_dates = any(one.moments == "keep" for one in policies)

    def run(self, watch: Watch | None) -> ScanReport:
        files = written_files(self._root)
        total, done = sum(one.size_bytes for one in files), 0
        for file in files:
            self._file(file)
            done += file.size_bytes
            if watch is not None:
                watch(done, total)
        if is_url(self._platform.settings.data.database or ""):
            self._databases()
        if self._platform.has_store("research"):
            self._resources()
        self._synthetic()
        self.report.files, self.report.bytes = sum(one.kind == "file" for one in files), done
        self.report.ended = self._platform.runtime.now().isoformat(timespec="seconds")
        return self.report

    def _take_people(self) -> None:
        store = self._platform.store("identified")
        people = KnownPeople(store)
        names = [naming(self._platform, epoch) for epoch in unretired(self._platform)]
        for stored in store.scan(["Patient"]):
            known, owner = people.patient(stored.id), len(self._known)
            self._known.append(known)
            self._terms.add_person(owner, known)
            for form in {plain(stored.id.encode())}:
                self._terms.anywhere.setdefault(form, set()).add((OWN_ID, owner))
            self._owners |= {one.rename("Patient", stored.id): owner for one in names}
        self.report.people = len(self._known)

    def _drop_common_dates(self) -> None:
        """Birth dates that stand in files for other reasons: of the last year, and those that Careloom itself says."""
        young = self._platform.runtime.now().date() - _YOUNG
        births = {birth for known in self._known for birth in known.birth_dates}
        said = own_dates() if births else frozenset()
        for birth in births:
            if birth >= young or birth.isoformat() in said:
                self.report.left_out["birth date within the last year, or the date of a standard"] += 1
                for form in birth_forms(birth):
                    owned = self._terms.anywhere.get(form, set())
                    owned -= {one for one in owned if one[0] == BIRTH_DATE}
                    if not owned:
                        self._terms.anywhere.pop(form, None)

    def _file(self, file: WrittenFile) -> None:
        name_on_disk = os.fsencode(file.place)
        shown = name_on_disk.decode("utf-8", "replace")
        named = self._found_in(name_on_disk)
        if named:
            folder, _, name = shown.rpartition("/")
            shown = f"{folder}/(a name of {len(name)} letters)" if not self._found_in(folder.encode()) else "(a name)"
            self._count(f"{shown}: its name", named, self._counts_outside(file.place))
        counts = self._counts_in_bulk if _is_of_research(file.place) else self._counts_outside(file.place)
        unpacking, found = Unpacking(self._most_unpacked_bytes), set[Owned]()
        is_cut = file.is_closed or (file.size_bytes > WHOLE_BYTES and is_packed(file.start))
        try:
            for content in file.contents():
                found |= self._found_in(content, unpacking)
        except OSError:
            is_cut = True
        self.report.unopened += is_cut or unpacking.is_cut
        self._count(shown, found, counts)
        if file.is_database:
            self._tables(shown, file_values(file.path), counts)
        if file.is_table:
            for about, rows in table_rows(file.path, ("patient_id", "patient_ids"), table_reader(self._platform, file)):
                if rows is None:
                    self.report.unopened += 1
                    continue
                self._about(f"{shown}, rows", about, rows, rows if "/patients/" in f"/{file.place}" else (), ())

    def _tables(
        self, shown: str, tables: Iterable[tuple[str, list[bytes] | None]], counts: Callable[[str, int], bool]
    ) -> None:
        """The values of a database; each identifier counts once for each table."""
        self._places(((f"{shown}, table {table}", values) for table, values in tables), counts)

    def _places(self, places: Iterable[tuple[str, list[bytes] | None]], counts: Callable[[str, int], bool]) -> None:
        """Values of places; each identifier counts once for each place."""
        found: dict[str, set[Owned]] = {}
        for place, values in places:
            if values is None:
                self.report.unopened += 1
            else:
                found.setdefault(place, set()).update(self._found_in_values(values))
        for place, there in found.items():
            self._count(place, there, counts)

    def _databases(self) -> None:
        for zone in STORED_ZONES:
            with self._platform.store(zone).connect() as connection:
                counts = self._counts_outside(zone) if zone == "identified" else self._counts_in_bulk
                self._tables(f"database of the zone {zone}", zone_values(connection), counts)

    def _resources(self) -> None:
        """Every version of every resource of the research zone, unsealed, patient by patient."""
        waiting: dict[str, _Told] = {}
        size = 0
        for stored in self._platform.store("research").scan(every_version=True):
            resource = orjson.loads(stored.content)
            about = "".join(patients_of(resource)[:1])
            waiting.setdefault(about, _Told()).take(stored.content, resource)
            size += len(stored.content)
            self.report.resources += 1
            if size > _AT_ONCE_BYTES:
                self._flush(waiting)
                waiting, size = {}, 0
        self._flush(waiting)

    def _synthetic(self) -> None:
        """Every version of every resource of the synthetic zone, and what was made of the research zone and lies sealed
        beside it: whoever is found there should be nobody.
        """

        def opened() -> Iterator[tuple[str, list[bytes] | None]]:
            if self._platform.has_store("synthetic"):
                for stored in self._platform.store("synthetic").scan(every_version=True):
                    self.report.resources += 1
                    yield "synthetic zone, resources", [stored.content]
            yield from sealed_works(self._platform)

        self._places(opened(), self._counts_in_bulk)

    def _flush(self, waiting: Mapping[str, "_Told"]) -> None:
        for about, told in waiting.items():
            self._about("research zone, resources", about, told.contents, told.own, told.texts)

    def _about(
        self, place: str, about: str, values: Iterable[bytes], told: Iterable[bytes], texts: Iterable[str]
    ) -> None:
        """What is told of one patient of the research zone.

        told   the part in which the birth date counts
        texts  in which a single name of the patient counts
        """
        owner = self._owners.get(about, ANYBODY)

        def counts(label: str, of: int) -> bool:
            is_own = of == owner and owner != ANYBODY
            if label == BIRTH_DATE:
                return False
            return is_own or not (self._has_surrogates and label in (NAME, PHONE))

        self._count(place, self._found_in_values(values), counts)
        if owner == ANYBODY:
            return
        if told and not self._keeps_dates:
            found = {one for piece in gathered(told) for one in self._found_in(piece, is_whole=False)}
            self._count(place, found, lambda label, of: label == BIRTH_DATE and of == owner)
        own = names_of(self._known[owner])
        self.report.found[place, NAME] += sum(has_name(text, own) for text in texts)
        self.report.found += Counter()  # without zeros

    def _counts_outside(self, place: str) -> Callable[[str, int], bool]:
        is_near_research = place.startswith("research/")
        return lambda label, of: label != OWN_ID or is_near_research

    def _counts_in_bulk(self, label: str, of: int) -> bool:
        """In bytes of the research zone of which nobody can tell whom they are about, or that are about nobody."""
        return label != BIRTH_DATE and not (self._has_surrogates and label in (NAME, PHONE))

    def _found_in(self, data: bytes, unpacking: Unpacking | None = None, *, is_whole: bool = True) -> set[Owned]:
        """What stands in the bytes, however they are packed; `is_whole`: the terms that count as words too."""
        found: set[Owned] = set()
        words = self._terms.words if is_whole else {}
        for view in views(data, unpacking or Unpacking(self._most_unpacked_bytes)):
            for term in self._search.find(view):
                found |= self._terms.anywhere[term]
            if words:
                for token in tokens(view) & words.keys():
                    found |= words[token]
        return found

    def _found_in_values(self, values: Iterable[bytes]) -> set[Owned]:
        """What stands in any of the values, each unpacked by itself."""
        found: set[Owned] = set()
        for piece in gathered(values):
            unpacking = Unpacking(self._most_unpacked_bytes)
            found |= self._found_in(piece, unpacking)
            self.report.values += len(piece)
            self.report.unopened += unpacking.is_cut
        return found

    def _count(self, place: str, found: set[Owned], counts: Callable[[str, int], bool]) -> None:
        for label, owner in found:
            if counts(label, owner):
                self.report.found[place, label] += 1


@dataclass(slots=True)
class _Told:
    """What the research zone tells of one patient: all, the patient's own resource and texts, and the texts."""

    contents: list[bytes] = field(default_factory=list)
    own: list[bytes] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def take(self, content: bytes, resource: Json) -> None:
        self.contents.append(content)
        texts = [text for text in strings_of(resource) if " " in text]
        self.texts += texts
        self.own += [text.encode("utf-8", "replace") for text in texts]
        if resource.get("resourceType") == "Patient":
            self.own.append(content)


def table_reader(platform: Platform, file: WrittenFile) -> Callable[[Path], pl.DataFrame]:
    """What opens a Parquet file: the zone's lake where it is one of its files, which may be sealed."""
    zone = next((one for one in LAKE_ZONES if file.place.startswith(f"{one}/lake/")), None)
    return pl.read_parquet if zone is None else platform.lake(zone).rows_of_file


def _is_of_research(place: str) -> bool:
    return place.startswith("research/lake/") or place.startswith("research/store.db")


def _policies_of_zone(platform: Platform) -> list[str]:
    """Under which policies the research zone may have been written; all that ship where nobody can tell."""
    if not platform.has_store("research"):
        return []
    with platform.store("research").connect() as connection:
        names = [one.name for one in policies_of(connection)]
    return names if set(names) <= set(SHIPPED) else list(SHIPPED)


@cache
def own_dates() -> frozenset[str]:
    """Dates that Careloom's own code and rules say: editions of standards, days on which a list was made."""
    root = Path(careloom.__file__).parent
    files = (path for kind in ("*.py", "*.toml") for path in root.rglob(kind))
    return frozenset(match[0] for path in files for match in _DATE.finditer(path.read_text("utf-8", "replace")))
