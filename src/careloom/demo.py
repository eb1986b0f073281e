"""The demo: the main job on a simulated hospital, or on your files, in a few minutes."""

import contextlib
import os
import socket
import tempfile
import zipfile
from base64 import b64decode
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from importlib import import_module
from io import BytesIO
from pathlib import Path
from time import perf_counter

from careloom import logs
from careloom.cli import (
    render,
    render_annotation,
    render_erasure,
    render_leaks,
    render_ledger,
    render_linkage,
    render_quality,
    render_risk,
    render_synthesis,
    render_terminology,
)
from careloom.cli.output import progress, say
from careloom.crypto.pseudonyms import name_of
from careloom.errors import InputError, StateError, Withheld
from careloom.nlp.to_fhir import ORIGIN
from careloom.runtime import packaged
from careloom.services.access import ROLES, ZONES, Principal, local_operator
from careloom.services.annotate import AnnotateAsk
from careloom.services.annotate_notes import annotate
from careloom.services.annotate_verify import verify_annotations
from careloom.services.audit import verify as verify_audit
from careloom.services.clients import ClientAsk, Registered, register_client
from careloom.services.deidentify import deidentify
from careloom.services.erase import erase
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.leak_scan import ScanAsk, scan_for_leaks
from careloom.services.linkage import run as run_linkage
from careloom.services.linkage_review import PairsAsk, list_pairs
from careloom.services.normalize import NormalizeAsk, normalize
from careloom.services.platform import Platform
from careloom.services.privacy_ledger import BudgetAsk, set_budget
from careloom.services.privacy_ledger import accounts as ledger_accounts
from careloom.services.quality import QualityAsk, RowsAsk, broken_rows, quality
from careloom.services.quarantine import list_refused
from careloom.services.risk_simulated import SimulatedFactsAsk, simulate_facts
from careloom.services.score import ScoreAsk, score
from careloom.services.score_cohort import CohortScoreAsk, score_cohort
from careloom.services.search import search
from careloom.services.synthesize import FitAsk, fit
from careloom.services.synthesize_release import ReleaseAsk, release
from careloom.services.synthesize_rows import JudgeAsk, SampleAsk, judge, sample
from careloom.services.synthesize_source import SourceAsk
from careloom.services.terminology import lookup, translations
from careloom.services.train_risk import TrainAsk, tasks, train_risk
from careloom.services.verify import verify
from careloom.settings import Data, Keys, Settings, load
from careloom.settings_served import Api
from careloom.simulate.patients import PRESENT
from careloom.tables.research import PATIENTS as RESEARCH_PATIENTS
from careloom.terminology.systems import ICD_10_CM, SNOMED_CT

QUERIES = (
    "Patient?_summary=count",
    "Observation?code=http://loinc.org|8480-6&date=ge2024&_count=5",
    "Encounter?class=IMP&_count=5",
    "Condition?clinical-status=active&_count=5",
)
"""Search examples; every code in them occurs in the bundled hospital."""
DIAGNOSES = {SNOMED_CT: ("SNOMED", "ICD-10-CM"), ICD_10_CM: ("ICD-10-CM", "SNOMED")}
"""Systems of diagnoses: what the command line calls them, and what they are translated to."""
SAFE_HARBOR = "safe-harbor"
NOTES_READ = 120
"""In the demo: some seconds of one core."""
LINES_SHOWN = 8
"""Of a note without identity."""
EPSILON = 1.0
SYNTHETIC_ROWS = 1_000
TRAINED_ON = 3_000
"""Simulated patients that a model of readmission learns from: three quarters of a minute of one core."""
TRAINED_ON_IN_FULL = 10_000
"""Those of ``--full``, where every task is trained: onsets of a disease are rare."""
READMISSIONS, CALLS = "readmission_30_days", 5
SERVE_VARIABLE = "CARELOOM_DEMO_SERVE"


def run(path: Path | None, *, full: bool, keep: Path | None) -> None:
    """Runs all chapters, prints what they gave, and serves it until stopped.

    path  your own files instead of the bundled hospital
    full  trains every task of risk, too, on more simulated patients: a quarter of an hour of one core
    keep  where the data stays; without it, it is removed at the end

    With ``CARELOOM_DEMO_SERVE=0`` in the environment it ends after the chapters.
    """
    started = perf_counter()
    with tempfile.TemporaryDirectory(prefix="careloom-demo-") as work:
        settings = _settings(keep or Path(work) / "data")
        logs.configure("error")
        with Platform(settings) as platform:
            _chapters(platform, path, path or _unpack(Path(work) / "feeds"), full=full)
            say(f"\nDone in {perf_counter() - started:.0f} s." + (f" The data stays in {keep}." if keep else ""))
            if os.environ.get(SERVE_VARIABLE) == "0":
                return
            credential = _let_in(platform)
        _serve(settings, credential)


def _settings(data: Path) -> Settings:
    """The installation's settings, but for data, keys and address: the demo has its own, on this machine."""
    settings = load()
    api = Api(port=_free_port(), processes=settings.api.processes, threads=settings.api.threads)
    return settings.model_copy(update={"data": Data(directory=data.resolve()), "keys": Keys(), "api": api})


def _free_port() -> int:
    """The usual port if it is free, else any."""
    usual = Api()
    for port in (usual.port, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((usual.host, port))
                return int(probe.getsockname()[1])
    return usual.port


def _chapters(platform: Platform, path: Path | None, feeds: Path, *, full: bool) -> None:
    who = local_operator("demo")
    _chapter(1, "A hospital's feeds arrive" if path is None else "Your files arrive")
    _ingest(platform, who, feeds)
    _chapter(2, "Is the data any good?")
    _judge(platform, who)
    _chapter(3, "What do the codes mean?")
    _explain(platform, who)
    _chapter(4, "Find what matters")
    patient = _search(platform, who)
    _chapter(5, "Every fact traces to its source bytes")
    _prove(platform, who, patient)
    _chapter(6, "What the notes say becomes facts")
    _annotate(platform, who)
    _chapter(7, "One person, one record")
    _link(platform, who)
    _chapter(8, "A research zone without identity, letters and all")
    _deidentify(platform, who, shows_text=path is None)
    _chapter(9, "Rows of nobody, if they may leave")
    _synthesize(platform, who)
    _chapter(10, "A model learns who comes back")
    _foretell(platform, who, is_ours=path is None)
    if full:
        train_all(platform, who, TRAINED_ON_IN_FULL)
    _chapter(11, "Nothing of a patient stands where it should not")
    _scan(platform, who)
    _chapter(12, "One patient asks to be forgotten")
    if patient:
        render_erasure.erased(erase(platform, who, patient))
    _chapter(13, "Nobody changed the audit")
    render.chains(verify_audit(platform, who))


def _let_in(platform: Platform) -> Registered:
    """A person who may do everything in this demo for half a day, with a secret that is shown once."""
    name = f"demo-{name_of(platform.runtime.random_bytes(16))[:6]}"
    ends = platform.runtime.now() + timedelta(hours=12)
    return register_client(platform, local_operator("demo"), ClientAsk(name, ROLES, ZONES, kind="person", expires=ends))


def _serve(settings: Settings, credential: Registered) -> None:
    """Shows where to look and how to come in, and serves until Ctrl-C."""

    def ready() -> None:
        _chapter(14, "Look around")
        say(f"Dashboard  {settings.base_url}/dashboard/")
        say(f"API        {settings.base_url}/openapi/")
        say(f"FHIR       {settings.base_url}/fhir/identified")
        say(f"Name       {credential.client.name}")
        say(f"Secret     {credential.secret}")
        say("The secret is shown this once and lets in for 12 hours, to everything in this demo.")
        say("Stop with Ctrl-C.")

    import_module("careloom.serve").run(settings, ready=ready)


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


def _judge(platform: Platform, who: Principal) -> None:
    """Shows the scorecard of the data's quality, and the first resources that break the worst rule."""
    with progress("Looking", quiet=False) as watch:
        report = quality(platform, who, QualityAsk(), watch)
    render_quality.scorecard(report)
    failed = [rule for rule in report["rules"] if rule["status"] == "fail" and rule["severity"] == "error"]
    if failed:
        worst = max(failed, key=lambda rule: (rule["percent"], rule["id"]))["id"]
        say(f"\ncareloom quality show {worst} --limit 3")
        render_quality.rows(broken_rows(platform, who, RowsAsk(worst, limit=3)))


def _explain(platform: Platform, who: Principal) -> None:
    """Shows what a diagnosis is called elsewhere, and what normalization would bring into one form; changes nothing."""
    system, code = _diagnosis(platform, who)
    if code:
        name, other = DIAGNOSES[system]
        say(f"A frequent diagnosis that {other} knows, too:")
        say(f"\ncareloom terminology lookup {name} {code}")
        render_terminology.concept(lookup(platform, who, system, code))
        say(f"\ncareloom terminology translate {name} {code} --to {other}")
        render_terminology.translations(translations(platform, who, system, code, other))
    else:
        say("No diagnosis has a code that is known in another system.")
    say("\nSenders write units, codes, addresses and phones in their own ways. One form of each, as a rehearsal:")
    say("careloom normalize --rehearse")
    render.normalized(normalize(platform, who, NormalizeAsk(is_rehearsal=True)))


def _diagnosis(platform: Platform, who: Principal) -> tuple[str, str]:
    """(system, code) of the most frequent of the newest diagnoses that has a translation, an equivalent one if there is
    any; empty if none has.
    """
    newest = search(platform, who, "identified", "Condition?_sort=-_lastUpdated&_count=200").found
    codings = [coding for one in newest for coding in one.resource().get("code", {}).get("coding", [])]
    counts = Counter((coding.get("system", ""), coding.get("code", "")) for coding in codings)
    told = {
        key: translations(platform, who, *key, DIAGNOSES[key[0]][1])
        for key, _ in counts.most_common()
        if key[0] in DIAGNOSES and key[1]
    }
    known = [key for key, found in told.items() if found]
    same = (key for key in known if told[key][0][0].equivalence == "equivalent")
    return next(same, known[0] if known else ("", ""))


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


def _annotate(platform: Platform, who: Principal) -> None:
    """Reads notes, shows what was found, and proves each fact, one of them in full."""
    say(f"careloom annotate --limit {NOTES_READ}")
    with progress("Reading", quiet=False, unit="notes") as tell:
        watch = (lambda done, total, _so_far: tell(done, total)) if tell else None
        render_annotation.annotated(annotate(platform, who, AnnotateAsk(most_notes=NOTES_READ), watch).as_json())
    say("\ncareloom annotate verify")
    render_annotation.verified(verify_annotations(platform, who, "identified").as_json())
    for kind in ("Condition", "MedicationStatement", "Observation"):
        query = f"{kind}?_tag={ORIGIN['system']}|{ORIGIN['code']}&_count=1"
        for one in search(platform, who, "identified", query).found:
            say(f"\ncareloom verify {kind}/{one.id}")
            render.proof(verify(platform, who, "identified", f"{kind}/{one.id}"))
            return


def _deidentify(platform: Platform, who: Principal, *, shows_text: bool) -> None:
    """Makes the research zone by HIPAA Safe Harbor, texts too; shows one of them, if it is of the bundled hospital."""
    say(f"careloom deidentify --policy {SAFE_HARBOR}")
    with progress("De-identifying", quiet=False, unit="resources") as tell:
        watch = (lambda done, total, _so_far: tell(done, total)) if tell else None
        render.deidentified(deidentify(platform, who, SAFE_HARBOR, watch=watch))
    for one in search(platform, who, "research", "DocumentReference?_count=1").found if shows_text else ():
        for content in one.resource().get("content", ()):
            text = b64decode(content.get("attachment", {}).get("data", "")).decode()
            say("\nOne of its notes begins:\n" + "\n".join(f"  {line}" for line in text.splitlines()[:LINES_SHOWN]))


def _synthesize(platform: Platform, who: Principal) -> None:
    """Learns three columns of the patients under a bound, judges what comes out, and asks the release gate."""
    budget = BudgetAsk("research", 2 * EPSILON, 1e-6, reason="the demo")
    say(f"careloom synthesize ledger budget research --epsilon {budget.epsilon:g} --reason '{budget.reason}'")
    render_ledger.budget(set_budget(platform, who, budget))
    metadata = packaged("sample", "patients.toml").decode()
    source = SourceAsk(table=RESEARCH_PATIENTS.path, metadata=metadata)
    say(f"\ncareloom synthesize fit --table {source.table} --metadata patients.toml --epsilon {EPSILON:g}")
    try:
        with progress("Fitting", quiet=False, unit="of 1000") as watch:
            ask = FitAsk(source, epsilon=EPSILON, target="marital_status", name="patients")
            model = fit(platform, who, ask, watch)
        render_synthesis.model(model)
        drawn = sample(platform, who, SampleAsk(model["model"], SYNTHETIC_ROWS))["sample"]
        say(f"\ncareloom synthesize judge {drawn} --kind fidelity")
        render_synthesis.judged(judge(platform, who, JudgeAsk(drawn, kinds=("fidelity",))))
        say(f"\ncareloom synthesize release {drawn} patients_synthetic")
        render_synthesis.release(release(platform, who, ReleaseAsk(drawn, "patients_synthetic")))
    except Withheld as kept_in:
        say(f"Refused: {kept_in.where}.")
        say(
            "That is right: so few patients, and no attack was tried. The rows stay sealed, and no route leads to them."
        )
    except (InputError, StateError) as error:
        say(f"Not with this data: {error.where}. {error.remedy}")
    render_ledger.accounts(ledger_accounts(platform, who))


def _foretell(platform: Platform, who: Principal, *, is_ours: bool) -> None:
    """Trains a model of readmission on simulated patients, shows what its gates say, and tries whom it would call."""
    say(f"careloom risk cohort simulate --patients {TRAINED_ON}")
    with progress("Simulating", quiet=False, unit="patients") as watch:
        facts = simulate_facts(platform, who, SimulatedFactsAsk(TRAINED_ON), watch)
    render_risk.facts(facts.as_json())
    say(f"\ncareloom train risk readmission-30d --zone synthetic --facts {facts.name}")
    try:
        with progress("Training", quiet=False, unit="steps") as watch:
            made = train_risk(platform, who, TrainAsk("readmission-30d", "synthetic", facts.name), watch)
    except (InputError, StateError) as error:
        say(f"Not with these patients: {error.where}. {error.remedy}")
        return
    render_risk.brief(made.as_json())
    at = datetime.combine(PRESENT, time(), UTC) if is_ours else None
    then = f" --as-of {PRESENT}" if is_ours else ""
    say(f"\ncareloom score --cohort {READMISSIONS} --model {made.version} --trial --capacity {CALLS}{then}")
    many = CohortScoreAsk(made.version, cohort=READMISSIONS, as_of=at, capacity=CALLS, trial=True)
    called = score_cohort(platform, who, many).as_json()
    render_risk.stratified(called)
    for row in called["listed"][:1]:
        say(f"\ncareloom score Patient/{row['patient']} --model {made.version} --trial{then}")
        ask = ScoreAsk(made.version, row["patient"], as_of=at, trial=True)
        render_risk.assessment(score(platform, who, ask).as_json())


def train_all(platform: Platform, who: Principal, patients: int) -> None:
    """Trains every task that ships on simulated patients; says what its gates refuse, or why it is not trained."""
    say(f"\ncareloom risk cohort simulate --patients {patients}")
    with progress("Simulating", quiet=False, unit="patients") as watch:
        facts = simulate_facts(platform, who, SimulatedFactsAsk(patients), watch)
    for task in tasks():
        say(f"\ncareloom train risk {task['name']} --zone synthetic --facts {facts.name}")
        try:
            with progress("Training", quiet=False, unit="steps") as watch:
                made = train_risk(platform, who, TrainAsk(task["name"], "synthetic", facts.name), watch)
        except (InputError, StateError) as error:
            say(f"Not with these patients: {error.where}. {error.remedy}")
            continue
        render_risk.brief(made.as_json())


def _scan(platform: Platform, who: Principal) -> None:
    say("careloom audit leaks")
    with progress("Searching", quiet=False) as watch:
        render_leaks.scanned(scan_for_leaks(platform, who, ScanAsk(), watch).as_json())


def _link(platform: Platform, who: Principal) -> None:
    """Finds patients who are one person, and shows why of the least sure link, without a value of anybody."""
    render_linkage.report(run_linkage(platform, who))
    pairs = [pair for pair in list_pairs(platform, who, PairsAsk(limit=200))["items"] if pair["reasons"]]
    if pairs:
        say(f"careloom linkage show {pairs[-1]['pair']}")
        render_linkage.reasons(pairs[-1])
