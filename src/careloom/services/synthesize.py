"""Fits a generator of one table: what it may spend is reserved first, whom it may not see is set aside before.

What comes out is a model that lies sealed in the synthetic zone's folder. Nothing of it leaves by itself: rows are
drawn of it (`careloom.services.synthesize_rows`), judged, and let out by the release gate or not.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from careloom.errors import Conflict, InputError, QueryError, StateError
from careloom.pipeline.registry import REGISTRY, load
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit, event
from careloom.services.platform import Platform
from careloom.services.privacy_ledger import UseAsk, reserve, settle
from careloom.services.synthesize_over import BESIDE, taints_of
from careloom.services.synthesize_source import Source, SourceAsk, Split, read_source, split
from careloom.services.trainings import TrainingAsk, register
from careloom.store.at_work import at_work, idle
from careloom.store.rows import instant
from careloom.store.synthesis import Work, find
from careloom.store.synthesis_files import SynthesisFiles, cut
from careloom.store.transaction import Transaction
from careloom.synth import tabular
from careloom.synth.accounting_mechanisms import Mechanism, as_json
from careloom.synth.engine import Ask, Maker, Privacy, State, Step, Watch
from careloom.synth.tabular import Synthesizer
from careloom.tables.tensors import packed, unpacked

Json = dict[str, Any]
Tell = Callable[[int, int], None]
_ENGINE = "synth.engine."
FIT = "synthesize-fit"
RECORDS, NOTES = "records", "notes"
"""In the place of an engine: a generator of whole records (`careloom.services.synthesize_records`), or of notes."""
FHIR = (RECORDS, NOTES)
"""Engines whose samples are FHIR resources."""
STEPS = 1000
"""In how many parts a fit says how far it is."""


@dataclass(frozen=True, slots=True)
class FitAsk:
    """What to fit, and how.

    account        of the privacy ledger: the data set, or a cohort of it
    engine         a name of `engines`
    epsilon        None: the fit is not private
    delta          of the bound
    target         the column that matters most
    control_share  of the patients, set aside for the judge
    run            the run's name; empty: a new one
    """

    source: SourceAsk
    account: str = "research"
    engine: str = "marginals"
    epsilon: float | None = None
    delta: float = 1e-6
    rows_per_patient: int = 1
    target: str = ""
    options: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    seed: int = 1
    name: str = ""
    control_share: float = 0.3
    run: str = ""


def engines() -> list[str]:
    """The names of the engines that there are; those of the extra ml only load where that is installed."""
    return sorted(name.removeprefix(_ENGINE) for name in REGISTRY if name.startswith(_ENGINE))


def library_of(engine: str) -> str:
    """The heavy library that an engine needs, by the name of its file; empty for none."""
    module = REGISTRY[f"{_ENGINE}{engine}"].partition(":")[0]
    return {"torch": "torch", "sklearn": "sklearn"}.get(module.rpartition("_")[2], "")


def maker_of(engine: str) -> Maker:
    """An engine. raises InputError; SetupError where its library is not installed"""
    if engine not in engines():
        raise InputError(f"there is no engine {engine}", f"Name one of {', '.join(engines())}.")
    made: Maker = load(f"{_ENGINE}{engine}")
    return made


def files_of(platform: Platform) -> SynthesisFiles:
    """The sealed files of models and staged rows."""
    folder = platform.settings.data.directory / "synthetic" / "synthesis"
    return SynthesisFiles(folder, platform.keys, platform.runtime.random_bytes)


def fit(platform: Platform, who: Principal, ask: FitAsk, tell: Tell | None = None) -> Json:
    """Fits a generator; the model as `told` shows it.

    tell    (done, of `STEPS`)
    raises  AccessError; QueryError, InputError, SchemaMismatch for an ask or metadata that mean nothing; BudgetSpent;
            SetupError where the engine is not installed
    """
    zone = zone_of_account(ask.account)
    admit(platform, who, "read", zone, operation=FIT)
    admit(platform, who, "correct", zone, operation=FIT)
    maker = maker_of(ask.engine)
    wanted = asked(ask)
    tabular.require(maker, wanted)
    source = read_source(platform, who, ask.source, zone)
    parts = split(platform, source, zone, ask.control_share)
    mechanisms = () if wanted.privacy is None else tabular.planned(
        source.table, maker, wanted, parts.told["patients"]
    )  # fmt: skip
    run = ask.run or platform.run_id()
    use = UseAsk(ask.account, "fit", mechanisms, ask.delta, run, "" if mechanisms else "NOT PRIVATE: no bound")
    body = body_of(who, ask, source, parts.told, mechanisms)
    return booked(platform, who, use, body, lambda: _learnt(platform, who, _Task(ask, source, parts, run), tell))


def booked(platform: Platform, who: Principal, use: UseAsk, body: Json, learn: Callable[[], Json]) -> Json:
    """Reserves, writes down that a fit begins, lets it learn, and settles; the model as `told` shows it.

    use    its run is the model's name
    body   what is known before; what `learn` returns is known afterwards
    raises BudgetSpent before anything is learnt; what `learn` raises: the model has failed then
    """
    with held(platform, use.run):
        entry = reserve(platform, who, use)
        known = body | {"ledger": {"entry": entry["entry"], "hash": entry["hash"]}}
        begun = begin(platform, who, zone_of_account(use.account), use.run, known)
        is_done = False
        try:
            known |= learn()
            is_done = True
        finally:
            settle(platform, who, entry["entry"], "done" if is_done else "failed")
            made = change(platform, who, begun, "fitted" if is_done else "failed", known)
    return told(made)


def held(platform: Platform, name: str) -> AbstractContextManager[None]:
    """Who makes a model or a sample holds it meanwhile; it ends with the process. raises Conflict where another does"""
    return at_work(_hands(platform), name)


def left_alone(platform: Platform, name: str) -> AbstractContextManager[bool]:
    """True where nobody makes this model or sample; it is held meanwhile then."""
    return idle(_hands(platform), name)


def _hands(platform: Platform) -> Path:
    return platform.settings.data.directory / "synthetic" / "synthesis" / "at-work"


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """A fit that is paid for."""

    ask: FitAsk
    source: Source
    parts: Split
    run: str


def _learnt(platform: Platform, who: Principal, task: _Task, tell: Tell | None) -> Json:
    """Fits, keeps the model and writes down whom it learnt from; what is known of it afterwards."""
    maker, wanted, table = maker_of(task.ask.engine), asked(task.ask), task.source.table
    watch, mixture = watch_of(platform, tell), mixture_of(maker, wanted)
    fitted = tabular.fit(table, task.parts.members, maker, wanted, watch, mixture)
    digest = keep_model(platform, task.run, fitted, task.ask.source)
    people = task.source.people
    learnt = [people[one] for one in task.parts.members[table.subject].unique().to_list()] if people else []
    ask = TrainingAsk(task.ask.name or task.run, "synthetic", digest, learnt, zone_of_account(task.ask.account))
    training = register(platform, who, ask)
    return {"model_sha256": digest, "training": training["training"], "epsilon": fitted.epsilon}


def keep_model(platform: Platform, run: str, made: Synthesizer, source: SourceAsk) -> str:
    """Writes a model of a table as `keep_state`."""
    where = {"table": source.table, "file": "" if source.file is None else str(source.file.resolve())}
    return keep_state(platform, run, made.state(), where)


def keep_state(platform: Platform, run: str, state: State, where: Json) -> str:
    """Writes a model, sealed: arrays as safetensors, all else as JSON; the SHA-256 of both before sealing.

    where  it learnt
    """
    files, tensors = files_of(platform), packed(state.tensors)
    text = orjson.dumps({"state": state.told, "source": where}, option=orjson.OPT_SORT_KEYS)
    files.write(f"models/{run}/model.safetensors", cut(tensors))
    files.write(f"models/{run}/model.json", cut(text))
    return sha256(sha256(tensors).digest() + sha256(text).digest()).hexdigest()


def open_model(platform: Platform, model: Work) -> tuple[Synthesizer, Json]:
    """A fitted generator of a table, and where it learnt.

    raises  StateError where the fit failed, or somebody left who is in it; NotFound, IntegrityError for its files;
            QueryError for a model of whole records or notes
    """
    if (engine := model.body["engine"]) in FHIR:
        raise QueryError(f"the model makes {engine}, not rows", f"See careloom synthesize {engine} --help.")
    state, where = open_state(platform, model)
    makers = {model.body["engine"]: maker_of(model.body["engine"])}
    return tabular.load(state, makers), where


def open_state(platform: Platform, model: Work) -> tuple[State, Json]:
    """What `keep_state` wrote. raises StateError where the fit failed, or somebody left who is in it; NotFound"""
    require_clean(platform, model)
    files = files_of(platform)
    told = orjson.loads(files.whole(f"models/{model.name}/model.json"))
    return State(unpacked(files.whole(f"models/{model.name}/model.safetensors")), told["state"]), told["source"]


def require_clean(platform: Platform, model: Work) -> None:
    """Returns where a model is fitted, and everybody whom it learnt from is still in. raises StateError"""
    if model.state != "fitted":
        raise StateError(f"the model is {model.state}", "Fit it again: careloom synthesize fit.")
    if taints := taints_of(platform, model):
        raise StateError(
            f"somebody whom the model learnt from left ({', '.join(taints)})", "Fit it again without: it is tainted."
        )


def work(platform: Platform, name: str, kind: Any) -> Work:
    """One model or sample as it is now. raises NotFound"""
    with platform.store("identified").connect() as connection:
        return find(connection, name, kind)


def change(
    platform: Platform, who: Principal, before: Work, state: str, body: Mapping[str, Any],
    require: Callable[[Transaction], None] | None = None,
) -> Work:  # fmt: skip
    """Gives a model or a sample another state, in one step with the event that tells of it; what it is then.

    before   as it was read; raises Conflict where somebody changed it since
    require  what else has to be so within that step, while nobody else writes; raises where it is not
    """
    zone = zone_of_account(str(body["account"]))
    made = event(platform, who, f"synthesize-{state}", zone, action="update", detail={before.kind: before.name})
    with platform.store("identified").transaction(made) as step:
        now = step.synthesis.find(before.name, before.kind)
        if (now.state, now.body) != (before.state, before.body):
            raise Conflict(f"somebody else works on this {before.kind}", "See what it is: careloom synthesize show.")
        if require is not None:
            require(step)
        step.synthesis.change(before.name, state, body)
        return step.synthesis.find(before.name, before.kind)


def told(one: Work) -> Json:
    """A model or a sample for those who may see its account: name, state, times, and what is known of it."""
    own = {"model": one.name} if one.kind == "model" else {"sample": one.name, "model": one.parent}
    return {**own, "state": one.state, "created": instant(one.created), "changed": instant(one.changed), **one.body}


def kind_of(body: Mapping[str, Any]) -> str:
    """What a sample holds: table, records, notes, or patients: records that notes tell."""
    if "notes" in body:
        return "patients" if body.get(BESIDE) else "notes"
    return "records" if "patients" in body else "table"


def judge_command(body: Mapping[str, Any]) -> str:
    """The command that judges a sample, after ``careloom synthesize``."""
    return {"table": "judge", "records": "records judge"}.get(kind_of(body), "notes judge")


def zone_of_account(account: str) -> Zone:
    """The zone whose patients an account is about; the ledger checks the rest of its name."""
    return "research" if account.partition("/")[0] == "research" else "identified"


def asked(ask: FitAsk) -> Ask:
    """The ask of an engine."""
    privacy = None if ask.epsilon is None else Privacy(ask.epsilon, ask.delta, ask.rows_per_patient)
    return Ask(ask.seed, privacy, ask.target, dict(ask.options))


def body_of(who: Principal, ask: FitAsk, source: Source, parts: Json, mechanisms: tuple[Mechanism, ...]) -> Json:
    """What is known of a fit before it has learnt."""
    privacy = asked(ask).privacy
    return {
        "title": ask.name, "actor": who.name, "account": ask.account, "engine": ask.engine, "target": ask.target,
        "options": dict(ask.options), "seed": ask.seed, "table": source.table.name, "source": source.told,
        "split": parts, "privacy": None if privacy is None else asdict(privacy), "epsilon": None,
        "mechanisms": [as_json(one) for one in mechanisms], "model_sha256": "", "training": "",
    }  # fmt: skip


def begin(platform: Platform, who: Principal, zone: Zone, run: str, body: Json) -> Work:
    """Keeps a fit that has begun, with the event that tells of it."""
    detail = {"model": run, "account": body["account"], "engine": body["engine"], "ledger": body["ledger"]["entry"]}
    made = event(platform, who, FIT, zone, action="create", detail=detail)
    with platform.store("identified").transaction(made) as step:
        return step.synthesis.add(run, "model", "", "fitting", body)


def watch_of(platform: Platform, tell: Tell | None) -> Watch:
    """What a fit tells while it learns, with noise that nobody can guess."""

    def step(now: Step) -> None:
        if tell is not None:
            tell(int(now.share * STEPS), STEPS)

    seed = int.from_bytes(platform.runtime.random_bytes(32), "big")
    return Watch(told=step, noise=np.random.Generator(np.random.PCG64DXSM(seed)))


def mixture_of(maker: Maker, ask: Ask) -> Any:
    """What fits modes of numbers, for an engine whose plan has them; else None."""
    return load("synth.modes") if maker.plan(ask).numbers == "modes" else None
