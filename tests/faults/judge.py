"""What must hold of an installation after a kill: nothing acknowledged is lost, nothing half there, and it goes on."""

import json
import time
from typing import Any

from careloom.errors import NotFound
from careloom.services.changes import Change
from careloom.services.export import export, exports_of
from careloom.services.export_ask import ExportAsk
from careloom.services.exports import remove
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.platform import Platform
from careloom.services.view_table import TableAsk, make_table
from careloom.services.write import write
from tests.faults.doors import WHO
from tests.faults.storm import BUNDLE_ENTRIES, FEED_LINES, Place, Round, feed_of, patient_of

ACKNOWLEDGED = ("put", "bundle", "deleted", "fed", "exported", "erased", "refreshed", "asked")
VIEW_TABLE = "gold/observation"
Told = dict[str, Any]


def goes_on(place: Place, done: Round) -> Told:
    """What a platform finds that is opened after the kill: seconds until it has written again, and what is wrong."""
    started, used = time.perf_counter(), time.process_time()
    with place.platform() as platform:
        write(platform, WHO, "identified", Change("update", "Patient", "p0", resource=patient_of(0)))
        recovered, worked = time.perf_counter() - started, time.process_time() - used
        wrong = [*_lost(platform, done), *_half(platform, done), *_resumed(place, platform, done)]
        store = platform.store("identified")
        chain = store.verify_audit()
        wrong += [f"audit {one.code} at {one.seq}" for one in chain.problems]
        if chain.anchored != chain.rows:
            wrong.append("the anchor is behind")
        wrong += [f"store {problem}" for problem in store.check().problems]
        wrong += [one["what"] for one in done.said if one["kind"] == "broken"]
    return {"seconds": recovered, "cpu": worked, "wrong": wrong, "acknowledged": len(_acknowledged(done))}


def _acknowledged(done: Round) -> list[Told]:
    return [one for one in done.said if one["kind"] in ACKNOWLEDGED]


def _lost(platform: Platform, done: Round) -> list[str]:
    """What was acknowledged, and is not there as it was."""
    wrong, store = [], platform.store("identified")
    removed = {one["id"] for one in done.said if one["kind"] == "deleting"}
    with store.connect() as connection:
        told = {row[0] for row in connection.exec_driver_sql("SELECT body FROM audit").fetchall()}
    facts = "\n".join(told)
    for one in done.said:
        if one["kind"] == "put":
            try:
                found = store.read_version("Observation", one["id"], one["version"]).resource()
            except NotFound:
                wrong.append("an acknowledged version is not there")
                continue
            if found["valueString"] != one["value"]:
                wrong.append("an acknowledged version holds something else")
            if store.read("Observation", one["id"]).deleted and one["id"] not in removed:
                wrong.append("something is deleted that nobody deleted")
            if store.pseudonym(f"Observation/{one['id']}") not in facts:
                wrong.append("an acknowledged write is not in the audit chain")
        elif one["kind"] == "deleted" and not store.read("Observation", one["id"]).deleted:
            wrong.append("an acknowledged deletion did not happen")
        elif one["kind"] == "erased" and (
            not store.is_erased(one["patient"]) or store.has_traces(one["patient"], lambda _: False)
        ):
            wrong.append("an acknowledged erasure left something")
    return wrong


def _half(platform: Platform, done: Round) -> list[str]:
    """Transactions and erasures of which a part is there."""
    store, wrong, counts = platform.store("identified"), [], dict[str, int]()
    for stored in store.scan(["Observation"]):
        for one in stored.resource().get("identifier", []):
            counts[one["value"]] = counts.get(one["value"], 0) + 1
    wrong += ["a transaction is half there" for count in counts.values() if count != BUNDLE_ENTRIES]
    for one in done.said:
        if one["kind"] == "bundle" and one["bundle"] not in counts:
            wrong.append("an acknowledged transaction is not there")
        if one["kind"] == "erasing" and not store.is_erased(one["patient"]):
            try:
                store.read("Patient", one["patient"])
            except NotFound:
                wrong.append("an erasure is half done")
    return wrong


def _resumed(place: Place, platform: Platform, done: Round) -> list[str]:
    """What was cut off is done again, and comes out as if it had not been."""
    wrong = []
    for one in done.said:
        if one["kind"] == "feeding":
            ingest(platform, WHO, IngestAsk((feed_of(place, one["seed"]),)))
            patient = platform.names.resource_id(platform.settings.ingest.source, "Patient", f"f{one['seed']}")
            query = platform.store("identified").pseudonym(patient)
            with platform.store("identified").connect() as connection:
                sql = (
                    "SELECT count(*) FROM resource r JOIN subject_key k ON k.subject = r.subject WHERE k.pseudonym = %s"
                )
                marked = sql if place.database else sql.replace("%s", "?")
                count = connection.exec_driver_sql(marked, (query,)).scalar()
            if count != FEED_LINES + 1:
                wrong.append(f"a feed left {count} of {FEED_LINES + 1} resources")
        if one["kind"] == "exporting":
            wrong += _exported(platform, one["export"])
    return wrong + (_refreshed(platform, done) if done.scenario == "views" else [])


def _refreshed(platform: Platform, done: Round) -> list[str]:
    """A table whose refresh was cut off is brought up to date, and is then what it is when made anew."""
    make_table(platform, WHO, "synthetic", TableAsk("observation"))
    lake = platform.lake("synthetic")
    refreshed, there = lake.content_hash(VIEW_TABLE), set(lake.read(VIEW_TABLE)["resource_key"])
    make_table(platform, WHO, "synthetic", TableAsk("observation", is_anew=True))
    wrong = [] if lake.content_hash(VIEW_TABLE) == refreshed else ["a refreshed table is not as one made anew"]
    shown = {f"Observation/{name}" for one in done.said if one["kind"] == "refreshed" for name in one["names"]}
    return wrong + (["a table lacks what was written before its refresh"] if shown - there else [])


def _exported(platform: Platform, export_id: str) -> list[str]:
    """An export that was cut off goes on to its end; it never holds a part of a transaction."""
    export(platform, WHO, ExportAsk("identified"), export_id)
    folder = exports_of(platform)
    state = folder.find(export_id)
    assert state is not None
    counts: dict[str, int] = {}
    lines = 0
    for file in state.files:
        for _, text in folder.frames(export_id, state, file):
            for line in text.splitlines():
                lines += 1
                for one in json.loads(line).get("identifier", []):
                    counts[one["value"]] = counts.get(one["value"], 0) + 1
    remove(platform, export_id)
    wrong = ["an export holds a part of a transaction" for count in counts.values() if count != BUNDLE_ENTRIES]
    if lines != sum(state.expected.values()):
        wrong.append("an export does not hold what its snapshot counted")
    return wrong
