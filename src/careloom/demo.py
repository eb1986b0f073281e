"""The demo: the main job on a simulated hospital, or on your files, in a few minutes."""

import tempfile
import zipfile
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from time import perf_counter

from careloom import logs
from careloom.cli import render
from careloom.cli.output import progress, say
from careloom.runtime import packaged
from careloom.services.access import Principal, local_operator
from careloom.services.audit import verify as verify_audit
from careloom.services.deidentify import deidentify
from careloom.services.erase import erase
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.platform import Platform
from careloom.services.quarantine import list_refused
from careloom.services.search import search
from careloom.services.verify import verify
from careloom.settings import Data, Settings, load

QUERIES = (
    "Patient?_summary=count",
    "Observation?code=http://loinc.org|8480-6&date=ge2024&_count=5",
    "Encounter?class=IMP&_count=5",
    "Condition?clinical-status=active&_count=5",
)
"""Search examples; every code in them occurs in the bundled hospital."""


def run(path: Path | None, *, full: bool, keep: Path | None) -> None:
    """Runs all chapters and prints what they gave.

    path  your own files instead of the bundled hospital
    full  runs the chapters that take longer, too (none yet)
    keep  where the data stays; without it, it is removed at the end
    """
    started = perf_counter()
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="careloom-demo-")))
        data = keep or work / "data"
        feeds = path or _unpack(work / "feeds")
        settings = Settings.model_validate(load().model_dump() | {"data": Data(directory=data)})
        logs.configure("error")
        platform = stack.enter_context(Platform(settings))
        who = local_operator("demo")
        _chapter(1, "A hospital's feeds arrive" if path is None else "Your files arrive")
        _ingest(platform, who, feeds)
        _chapter(2, "Find what matters")
        patient = _search(platform, who)
        _chapter(3, "Every fact traces to its source bytes")
        _prove(platform, who, patient)
        _chapter(4, "A research zone without direct identifiers")
        render.deidentified(deidentify(platform, who))
        _chapter(5, "One patient asks to be forgotten")
        if patient:
            render.erased(erase(platform, who, patient))
        _chapter(6, "Nobody changed the audit")
        render.chains(verify_audit(platform, who))
        say(f"\nDone in {perf_counter() - started:.0f} s." + (f" The data stays in {keep}." if keep else ""))
        if full:
            say("--full: no chapter of this version takes longer than the demo itself.")


def _chapter(number: int, title: str) -> None:
    say(f"\n{number}. {title}\n{'-' * (len(title) + 3)}")


def _unpack(folder: Path) -> Path:
    """The bundled simulated hospital, as the feeds that it would send."""
    with zipfile.ZipFile(BytesIO(packaged("sample", "hospital.zip"))) as archive:
        archive.extractall(folder)
    return folder


def _ingest(platform: Platform, who: Principal, feeds: Path) -> None:
    with progress("Ingesting", quiet=False) as watch:
        manifest = ingest(platform, who, IngestAsk((feeds,)), watch)
    render.scorecard(manifest)
    render.quarantine(list_refused(platform, who, limit=8))
    stages = ", ".join(f"{name} {version}" for name, version in manifest.stages)
    roots = [file.root for file in manifest.files if file.root]
    say(f"Run manifest {manifest.run_id}.json (OpenLineage events and a FHIR Provenance lie beside it):")
    say(f"  stages {stages}; configuration {manifest.config_hash[:16]}")
    say(f"  {len(manifest.files):,} files; Merkle root of the first {roots[0][:32] if roots else 'none'}")
    say(f"  content of the identified zone {platform.store('identified').content_hash()}")


def _search(platform: Platform, who: Principal) -> str:
    """Shows the examples; returns a patient with observations, ``Patient/<id>``, empty if there is none."""
    for query in QUERIES:
        say(f"\ncareloom search '{query}'")
        render.bundle(render.searchset(search(platform, who, "identified", query)))
    found = search(platform, who, "identified", "Observation?_sort=-_lastUpdated&_count=20").found
    named = [one.resource().get("subject", {}).get("reference", "") for one in found]
    return next((name for name in named if name.startswith("Patient/")), "")


def _prove(platform: Platform, who: Principal, patient: str) -> None:
    if not patient:
        say("There is no patient to prove anything about.")
        return
    render.proof(verify(platform, who, "identified", patient))
