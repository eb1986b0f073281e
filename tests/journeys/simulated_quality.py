"""What quality and ingestion say of the simulator's dirty feeds, held against the answer key that they never see."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from careloom.ingest.containers import open_members
from careloom.pipeline.batch import Batch
from careloom.quality.rules import packaged_rulebook
from careloom.services.access import local_operator
from careloom.services.arrivals import Wanted, container_limits, records_of
from careloom.services.ingest import IngestAsk, ingest, ingest_config
from careloom.services.ingest_pipeline import RECORD, build
from careloom.services.platform import Platform
from careloom.services.quality import QualityAsk, quality, runs_of
from careloom.settings import Data, Keys, Settings
from careloom.simulate.answers import DirtAnswer
from careloom.simulate.charts import Place
from careloom.simulate.feeds import feed_files, opening_files
from careloom.simulate.hospital import build_hospital
from careloom.simulate.patients import simulate_patient
from careloom.simulate.pieces import DirtLevel, Feed, FeedOptions, Piece

CLAIMS = {rule.id for rule in packaged_rulebook().rules if rule.severity != "information"}
Name = tuple[str, str]
"""(type, stored id)"""
WARNED = {
    "impossible-date": ("hl7v2.date", "hl7v2.period", "fhir."),
    "mangled-encoding": ("hl7v2.control", "hl7v2.charset", "fhir."),
    "missing-field": ("hl7v2.patient-id", "hl7v2.segment-missing", "fhir."),
    "truncated-message": ("hl7v2.", "fhir."),
}
"""Kind of dirt -> beginnings of the issue codes by which ingestion tells the truth about it."""
SECOND_SELF = {"identifier-once", "one-record-a-person", "patient-identified"}


def write_feeds(out: Path, patients: int, seed: int, feed: Feed, dirt: DirtLevel) -> list[DirtAnswer]:
    """The feeds of a simulated hospital as files below `out`, and what is wrong in them."""
    hospital = build_hospital(seed)
    place = Place({one.site_id: one for one in hospital.sites}, {one.clinician_id: one for one in hospital.clinicians})
    options = FeedOptions(seed, (feed,), dirt)
    pieces, answers = list(opening_files(place, options)), []
    for number in range(patients):
        made, told = feed_files(simulate_patient(number, seed, hospital=hospital), place, options)
        pieces += made
        answers += told.dirt
    files: dict[str, list[Piece]] = defaultdict(list)
    for piece in pieces:
        files[piece.path].append(piece)
    for path, mine in files.items():
        file = out / path
        file.parent.mkdir(parents=True, exist_ok=True)
        opening = dict.fromkeys(one.data for one in mine if not one.order)
        rest = sorted((one for one in mine if one.order), key=lambda one: one.order)
        file.write_bytes(b"".join([*opening, *(one.data for one in rest)]))
    return answers


@dataclass
class Found:
    """One feed, ingested and looked at.

    flagged   stored resource -> rules that claim it is dirty
    warned    record id -> issue codes of its ingestion
    named     what names a record (its site before it) -> record ids
    """

    platform: Platform
    flagged: dict[Name, set[str]] = field(default_factory=lambda: defaultdict(set))
    warned: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    named: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def made_of(self, records: Iterable[str]) -> set[Name]:
        """The resources that were made of records."""
        store, found = self.platform.store("identified"), set()
        for record in records:
            for target in store.provenance(record).get("target", []):
                kind, resource_id, *_ = target["reference"].split("/")
                found.add((kind, resource_id))
        return found

    def subject_of(self, name: Name) -> Name | None:
        """The patient that a resource is about."""
        subject = self.platform.store("identified").read(*name).resource().get("subject", {})
        reference = subject.get("reference", "")
        return ("Patient", reference[8:]) if reference.startswith("Patient/") else None


def look(out: Path, feed: Feed) -> Found:
    """Ingests the feeds of each site as a source of its own, looks at the zone, and notes what ingestion said."""
    keys = Keys(directory=out.parent / "keys")  # shared, so that the same thing has the same id in both hospitals
    platform = Platform(Settings(data=Data(directory=out / "data"), keys=keys))
    who, found = local_operator("tester"), Found(platform)
    for site in sorted((out / "feeds").iterdir()):
        ingest(platform, who, IngestAsk((site / feed,), source=site.name))
        _note_warnings(found, site, feed)
    report = quality(platform, who, QualityAsk())
    store = platform.store("identified")
    for rule, places in runs_of(platform).rows(report["run_id"]).items():
        if rule in CLAIMS:
            for _, _, _, rows in places:
                for one in store.row_names(rows):
                    found.flagged[one.type, one.id].add(rule)
    return found


def _note_warnings(found: Found, site: Path, feed: Feed) -> None:
    platform = found.platform
    pipeline = build(ingest_config(platform, IngestAsk((), source=site.name)))
    settings = platform.settings.ingest
    for file in platform.inputs([site / feed]):
        with file.open() as stream:
            for member in open_members(stream, file.name, container_limits(settings)):
                for record in records_of(member, settings, Wanted())[1]:
                    record_id = platform.store("identified").record_id(record.context.format, record.raw)
                    result = pipeline.run(Batch.of(RECORD, [record]))
                    said = [issue for refusal in result.refused for issue in refusal.issues]
                    said += [issue for _, issue in result.warnings]
                    found.warned[record_id] |= {issue.code for issue in said}
                    for name in _names(record.raw, feed):
                        found.named[f"{site.name}/{name}"].add(record_id)


def _names(raw: bytes, feed: Feed) -> list[str]:
    if feed == "hl7v2":
        fields = raw.split(b"|")
        return [fields[9].decode("latin-1")] if len(fields) > 9 else []
    kind, name = (re.search(rb'"%s":"([^"]+)"' % key, raw) for key in (b"resourceType", b"id"))
    return [f"{kind[1].decode('latin-1')}/{name[1].decode()}"] if kind and name else []


def judged(found: Found, answers: list[DirtAnswer]) -> tuple[Counter[tuple[str, str]], set[Name]]:
    """(kind, how it was found) -> count, and the resources that are dirty in truth.

    How: ``quality``, ``ingestion`` (refused, kept once, or warned of truly), ``left no trace`` (what was wrong
    was overwritten by a later message, or never entered the data), ``missed``.
    """
    counts: Counter[tuple[str, str]] = Counter()
    dirty: set[Name] = set()
    for answer in answers:
        if answer.kind == "duplicate-patient":
            continue  # linkage answers for it
        site = answer.file.split("/")[1]
        records = found.named.get(f"{site}/{answer.record}", set())
        made = found.made_of(records & _landed(found))
        if "/" in answer.record:
            kind, _, name = answer.record.partition("/")
            made.add((kind, found.platform.names.resource_id(site, kind, name)))
            made.add((kind, found.platform.names.resource_id(site, kind, name.removesuffix("-2"))))
        dirty |= made
        counts[answer.kind, _how(found, answer, records, made)] += 1
    return counts, dirty


def _landed(found: Found) -> set[str]:
    return found.platform.store("identified").known_records(list(found.warned))


def _how(found: Found, answer: DirtAnswer, records: set[str], made: set[Name]) -> str:
    rules = set().union(*(found.flagged.get(name, set()) for name in made))
    if answer.kind == "missing-field" and not rules:
        subjects = {found.subject_of(name) for name in made if _is_there(found, name)} - {None}
        rules = {rule for name in subjects if name for rule in found.flagged.get(name, set())} & SECOND_SELF
    if rules:
        return "quality"
    codes = {code for record in records for code in found.warned[record]}
    if answer.kind == "duplicate-record" or any(code.startswith(WARNED.get(answer.kind, ("-",))) for code in codes):
        return "ingestion"
    if not records and answer.kind in ("truncated-message", "mangled-encoding", "missing-field"):
        return "ingestion"  # so broken that it names nothing any more: it waits in quarantine
    if answer.kind == "mangled-encoding" and not _still_tells(found, records, made):
        return "left no trace"
    return "missed"


def _still_tells(found: Found, records: set[str], made: set[Name]) -> bool:
    """Whether a patient stands in the data as one of these records told of it."""
    store = found.platform.store("identified")
    return any(kind == "Patient" and store.read(kind, name).record_id in records for kind, name in made)


def _is_there(found: Found, name: Name) -> bool:
    return name[1] in found.platform.store("identified").read_named(name[0], [name[1]])


def shares(counts: Counter[tuple[str, str]]) -> tuple[float, int]:
    """Recall, and how many pieces it is of: those that left a trace."""
    by_how: Counter[str] = Counter()
    for (_, how), count in counts.items():
        by_how[how] += count
    traced = by_how.total() - by_how["left no trace"]
    return (by_how["quality"] + by_how["ingestion"]) / traced, traced
