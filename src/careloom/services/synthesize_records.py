"""Whole records of nobody: fitted on the patients of the research zone or of a folder, drawn as FHIR, kept sealed.

What a fit may spend is reserved first, and whom it may not see is set aside, as for tables (`services.synthesize`).
What is drawn is judged (`services.synthesize_records_judge`) and let out by the release gate as FHIR resources, or not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from careloom.errors import InputError, QueryError
from careloom.pipeline.registry import load
from careloom.services.access import Principal
from careloom.services.admission import event
from careloom.services.platform import Platform
from careloom.services.synthesize import (
    RECORDS,
    Tell,
    files_of,
    open_state,
    watch_of,
)
from careloom.services.synthesize_admitted import admitted
from careloom.services.synthesize_fhir_fit import FhirAsk, Learnt, Paid, admitted_fit, booked_fit, kept_fit
from careloom.services.synthesize_records_source import RecordsSplit, divide, read_folder, read_store, records_of
from careloom.services.synthesize_rows import SAMPLE, Drawn, drawn_as
from careloom.store.synthesis import Work
from careloom.synth.accounting_mechanisms import Mechanism
from careloom.synth.engine import Privacy
from careloom.synth.metadata import Column, Table
from careloom.synth.records import COLUMNS, Records, records
from careloom.synth.records_fhir import resources
from careloom.synth.records_learn import Words, learn
from careloom.synth.records_streams import encode
from careloom.synth.records_vocabulary import Vocabulary

Json = dict[str, Any]
PATIENTS_AT_MOST = 100_000
STRIDE = "stride"
"""Of a sample of FHIR resources: in how many parts a batch of patients lies, the resources first."""
RESOURCES = Table(
    "records",
    (
        Column("patient_id", "id", nullable=False, meaning="The synthetic patient: nobody."),
        Column("resource_type", "categorical", nullable=False, meaning="Type of the resource."),
        Column("resource_id", "id", nullable=False, meaning="Its id; references are Type/id."),
        Column("resource", "categorical", nullable=False, meaning="The FHIR R4 resource as JSON."),
    ),
    ("resource_type", "resource_id"),
    subject="patient_id",
)
"""Whole records as they are released: one FHIR resource a row."""
_SHAPE = ("width", "layers", "heads", "longest")
_OPEN = ("epochs", "rate", "words", "dropout", "patience", "held_out")
_PRIVATE = ("batch", "steps", "clip", "rate")
_LEAST = "least"


@dataclass(frozen=True, slots=True)
class RecordsAsk(FhirAsk):
    """What to fit, and how.

    folder   of FHIR R4 resources, NDJSON or JSON, also Bundles; None: the research zone's store
    options  of `careloom.synth.records_torch.Recipe` (width, layers, heads, longest, epochs, ...) or, of a private
             fit, of `PrivateCourse` (batch, steps, clip, rate); least: patients that a code has to have
    others   as `FhirAsk`
    """

    engine = RECORDS


@dataclass(frozen=True, slots=True)
class RecordsSampleAsk:
    """How many patients of which model; given: static category -> the value of all, as ``{"sex": "female"}``."""

    model: str
    patients: int
    given: Mapping[str, str] = field(default_factory=dict)
    run: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """A fit that can be paid for: recipe and, of a private one, course are of the extra ml."""

    ask: RecordsAsk
    parts: RecordsSplit
    vocabulary: Vocabulary
    recipe: Any
    privacy: Privacy | None
    course: Any
    mechanisms: tuple[Mechanism, ...]
    run: str


def fit(platform: Platform, who: Principal, ask: RecordsAsk, tell: Tell | None = None) -> Json:
    """Fits a generator of whole records; the model as `careloom.services.synthesize.told` shows it.

    tell    (done, of `careloom.services.synthesize.STEPS`)
    raises  AccessError; QueryError, InputError for an ask that means nothing; NotFound, FormatError for the folders;
            BudgetSpent; SetupError where the extra ml is not installed
    """
    zone = admitted_fit(platform, who, ask)
    recipe, course, words = _how(ask)
    source = read_store(platform, who) if ask.folder is None else read_folder(platform, ask.folder, zone)
    parts = divide(platform, source, zone, ask.control_share)
    vocabulary = learn(parts.members if ask.public is None else _public(ask.public, source.records), words)
    privacy = None if ask.epsilon is None else Privacy(ask.epsilon, ask.delta)
    run = ask.run or platform.run_id()
    task = _Task(
        ask, parts, vocabulary, recipe, privacy, course, _planned(privacy, vocabulary, parts, recipe, course), run
    )
    paid = Paid(source.source, parts.told, task.mechanisms, run)
    return booked_fit(platform, who, ask, paid, lambda: _learnt(platform, who, task, tell))


def sample(platform: Platform, who: Principal, ask: RecordsSampleAsk, tell: Tell | None = None) -> Json:
    """Draws patients and lays them by, sealed, as FHIR and as tables; the sample, whose rows are its FHIR resources.

    raises  AccessError; NotFound; InputError; QueryError for a model of a table, or a value that nobody has; StateError
            for a model that failed or is tainted
    """
    model, zone = admitted(platform, who, "read", ask.model, "model", operation=SAMPLE)
    if model.body["engine"] != RECORDS:
        raise QueryError("the model makes rows of a table", "Draw them: careloom synthesize sample.")
    if not 0 < ask.patients <= PATIENTS_AT_MOST:
        raise InputError("that many patients cannot be drawn", f"Ask for 1 to {PATIENTS_AT_MOST:,}.")
    state, _ = open_state(platform, model)
    made = load("synth.records.load")(state)
    run, seed = ask.run or platform.run_id(), int.from_bytes(platform.runtime.random_bytes(7), "big")
    wish = {"values": dict(ask.given), "ranges": {}, "balance": ""}
    body: Json = {"account": model.body["account"], "actor": who.name, "rows": 0, "patients": ask.patients,
                  "seed": seed, "wish": wish, "report": None, "release": None,
                  STRIDE: 1 + len(COLUMNS)}  # fmt: skip
    detail = {"model": model.name, "sample": run, "patients": ask.patients}
    begins = event(platform, who, SAMPLE, zone, action="create", detail=detail)
    batches = made.batches(ask.patients, seed, dict(ask.given) or None)
    drawn = (named(each, "synthetic", run) for each in batches)
    return drawn_as(platform, who, begins, Drawn(run, model.name, body), _parts(drawn, body, tell))


def staged_records(platform: Platform, one: Work) -> Iterator[tuple[bytes, Records]]:
    """The patients of a sample, some at a time: FHIR as NDJSON, and their tables. raises NotFound"""
    parts = files_of(platform).parts(f"staging/{one.name}")
    for ndjson in parts:
        yield ndjson, records({name: pl.read_parquet(BytesIO(next(parts))) for name in COLUMNS})


def staged_resources(platform: Platform, one: Work) -> Iterator[pl.DataFrame]:
    """The FHIR resources of a sample as rows of `RESOURCES`, in their order. raises NotFound where they are gone"""
    for number, part in enumerate(files_of(platform).parts(f"staging/{one.name}")):
        if number % one.body.get(STRIDE, 1 + len(COLUMNS)) == 0:
            rows = [_row(line) for line in part.splitlines()]
            yield pl.DataFrame(rows, schema=list(RESOURCES.names), orient="row")


def parts_of(given: Records) -> list[bytes]:
    """What is laid by of a batch of patients: one part of FHIR, and one for each table as Parquet."""
    lines = b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in resources(given))
    return [lines, *table_parts(given)]


def table_parts(given: Records) -> list[bytes]:
    """The tables of a batch of patients as Parquet, in the order of `COLUMNS`."""
    parts = []
    for _, frame in given.tables():
        out = BytesIO()
        frame.write_parquet(out)
        parts.append(out.getvalue())
    return parts


def named(given: Records, before: str, now: str) -> Records:
    """The records with ids that begin with another name: every sample has ids of its own."""
    ids = ("patient_id", "encounter_id", "event_id")
    return Records(*(
        frame.with_columns(
            pl.concat_str(pl.lit(now), pl.col(one).str.strip_prefix(before)).alias(one)
            for one in ids if one in frame.columns
        )
        for _, frame in given.tables()
    ))  # fmt: skip


def _row(line: bytes) -> tuple[str, str, str, str]:
    told = orjson.loads(line)
    kind, own = told["resourceType"], told["id"]
    patient = own if kind == "Patient" else told["subject"]["reference"].partition("/")[2]
    return patient, kind, own, line.decode()


def _how(ask: RecordsAsk) -> tuple[Any, Any, Words]:
    """The recipe, the course of a private fit (else None) and what a word is. raises InputError; SetupError"""
    if (ask.epsilon is None) != (ask.public is None):
        raise InputError(
            "a private fit takes its words from public records, and no other fit does",
            "Name a folder of simulated patients beside epsilon: careloom simulate makes one.",
        )
    given = dict(ask.options)
    known = {*_SHAPE, *(_OPEN if ask.epsilon is None else _PRIVATE), _LEAST}
    for name, value in given.items():
        if name not in known or isinstance(value, (str, bool)):
            raise InputError(f"there is no number {name} to choose", f"Choose {', '.join(sorted(known))}.")
    least = int(given.pop(_LEAST, Words().least))
    if least < 2:
        raise InputError("a code of one patient may have no word", "Give least as 2 or more.")
    in_course = {name: value for name, value in given.items() if ask.epsilon is not None and name in _PRIVATE}
    recipe = load("synth.records.recipe")(**{name: value for name, value in given.items() if name not in in_course})
    course = None if ask.epsilon is None else load("synth.records.private_course")(**in_course)
    return recipe, course, Words(least=least)


def _public(folder: Path, private: Records) -> Records:
    """The records that a private fit takes its words from. raises InputError where a patient of the private is there

    That they are nobody's secret is the word of whoever names them: the same people under other ids are not found.
    """
    found = records_of(folder)
    if not private.patients.join(found.patients, ["patient_id", "birth", "sex"], "semi").is_empty():
        raise InputError("the public records have patients to be learnt among them", "Name a folder of simulated ones.")
    return found


def _planned(
    privacy: Privacy | None, vocabulary: Vocabulary, parts: RecordsSplit, recipe: Any, course: Any
) -> tuple[Mechanism, ...]:
    """What the fit will do to each patient. raises InputError where the words tell of nobody"""
    if privacy is None:
        return ()
    patients = len(encode(vocabulary, parts.members, recipe.longest - 1))
    if not patients:
        raise InputError("the public records share no code with these patients", "Name a folder that is more alike.")
    planned: tuple[Mechanism, ...] = load("synth.records.mechanisms")(privacy, patients, course)
    return planned


def _learnt(platform: Platform, who: Principal, task: _Task, tell: Tell | None) -> Json:
    """Fits, keeps the model and writes down whom it learnt from; what is known of it afterwards."""
    ask, members, watch = task.ask, task.parts.members, watch_of(platform, tell)
    if task.privacy is None:
        made = load("synth.records.fit")(task.vocabulary, members, ask.seed, task.recipe, watch)
    else:
        made = load("synth.records.fit_private")(
            task.vocabulary, members, task.privacy, task.recipe, watch, task.course
        )  # fmt: skip
    return kept_fit(platform, who, ask, Learnt(task.run, made.state(), task.parts.learnt, made.mechanisms))


def _parts(drawn: Iterator[Records], body: Json, tell: Tell | None) -> Iterator[bytes]:
    """`parts_of` each batch, where `body` is told how many resources there are, and `tell` how many patients."""
    done = 0
    for given in drawn:
        made = parts_of(given)
        body["rows"] += made[0].count(b"\n")
        yield from made
        done += given.patients.height
        if tell is not None:
            tell(done, body["patients"])
