"""What quality and ingestion say of the simulator's dirty feeds, held against the answer key that they never see."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson

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
from tests.journeys.simulated_quality_mended import without_refused
from tests.journeys.simulated_quality_said import said_of

CLAIMS = {rule.id for rule in packaged_rulebook().rules if rule.severity != "information"}
Name = tuple[str, str]
"""(type, stored id)"""


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

    flagged     stored resource -> rules that claim it is dirty
    said        name of a thing in the feed -> issue codes of its ingestion (see `simulated_quality_said`)
    named       name of a thing in the feed -> record ids
    identified  (site, an identifier's value) -> resources that carry it
    newest      stored resource -> the record that its current version was made of
    refused     record ids
    reports     observation -> the DiagnosticReports that name it as a result: a document dates them by it
    own_systems  the code systems in which sites write their CSV extracts
    """

    platform: Platform
    feed: Feed
    flagged: dict[Name, set[str]] = field(default_factory=lambda: defaultdict(set))
    said: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    named: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    identified: dict[tuple[str, str], set[Name]] = field(default_factory=lambda: defaultdict(set))
    newest: dict[Name, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    reports: dict[Name, set[Name]] = field(default_factory=lambda: defaultdict(set))
    own_systems: set[str] = field(default_factory=set)

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
    """Ingests the feeds of each site as a source of its own, looks at the zone, and notes what ingestion said.

    A CSV extract is ingested as its operator sends it once the rows that were refused by name are gone: the rows of a
    patient that stand together are one record, and what else is wrong in it does not show before.
    """
    keys = Keys(directory=out.parent / "keys")  # shared, so that the same thing has the same id in both hospitals
    platform = Platform(Settings(data=Data(directory=out / "data"), keys=keys))
    who, found = local_operator("tester"), Found(platform, feed)
    for site in sorted((out / "feeds").iterdir()):
        mapping = out / "mappings" / f"{site.name}.toml"
        ask = IngestAsk((site / feed,), source=site.name, mapping=mapping if mapping.exists() else None)
        for again in range(_AGAIN if feed == "csv" else 1):
            mended = _note_said(found, ask)
            if feed != "csv" or mended is None:
                break
            ask = replace(ask, paths=(out / f"again-{again}" / site.name / feed,))
            _write(ask.paths[0], mended)
        ingest(platform, who, ask)
        for concept_map in (out / "mappings").glob(f"{site.name}-conceptmap.json"):
            found.own_systems.add(orjson.loads(concept_map.read_bytes())["sourceUri"])
    report = quality(platform, who, QualityAsk())
    store = platform.store("identified")
    for rule, places in runs_of(platform).rows(report["run_id"]).items():
        if rule in CLAIMS:
            for _, _, _, rows in places:
                for one in store.row_names(rows):
                    found.flagged[one.type, one.id].add(rule)
    _note_resources(found)
    return found


def _note_resources(found: Found) -> None:
    store = found.platform.store("identified")
    for stored, source, _ in store.survey(sorted(store.count())):
        resource = stored.resource()
        name = resource["resourceType"], resource["id"]
        found.newest[name] = stored.record_id
        if found.feed == "ccda" and name[0] == "DiagnosticReport":
            for result in resource.get("result", ()):
                found.reports["Observation", result["reference"].partition("/")[2]].add(name)
        for identifier in resource.get("identifier") or ():
            if isinstance(identifier, dict):
                found.identified[source, identifier.get("value", "")].add(name)


_AGAIN = 9
"""How often an extract is sent again at most: at most twenty bad rows of a record are named at a time."""


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def _note_said(found: Found, ask: IngestAsk) -> dict[str, bytes] | None:
    """Notes what ingestion says; returns the files without the refused rows, None where nothing was refused."""
    files: dict[str, list[bytes]] = defaultdict(list)
    is_refused = False
    platform, settings = found.platform, found.platform.settings.ingest
    pipeline = build(ingest_config(platform, ask))
    wanted = Wanted("auto", ask.mapping.read_text() if ask.mapping else "")
    for file in platform.inputs(ask.paths):
        with file.open() as stream:
            for member in open_members(stream, file.name, container_limits(settings)):
                for record in records_of(member, settings, wanted)[1]:
                    record_id = platform.store("identified").keys.records.record_id(record.context.format, record.raw)
                    result = pipeline.run(Batch.of(RECORD, [record]))
                    issues = [issue for refusal in result.refused for issue in refusal.issues]
                    issues += [issue for _, issue in result.warnings]
                    if result.refused:
                        is_refused = True
                        found.refused.add(record_id)
                    if found.feed == "csv":
                        kept = without_refused(record, issues) if result.refused else record.raw + b"\r\n"
                        files[file.name].append(kept)
                    for name, codes in said_of(record, issues, found.feed, ask.source, file.name).items():
                        found.said[name] |= codes
                        found.named[name].add(record_id)
    return {name: b"".join(parts) for name, parts in files.items()} if is_refused else None
