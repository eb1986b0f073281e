"""Fits and samples of whole records and of notes as jobs; they are listed and shown with those of tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from careloom.errors import InputError, QueryError
from careloom.services.access import Principal
from careloom.services.admission import admit
from careloom.services.platform import Platform
from careloom.services.synthesize import FHIR, FIT, NOTES, RECORDS, zone_of_account
from careloom.services.synthesize_admitted import admitted
from careloom.services.synthesize_jobs import model_of, queued, sample_as
from careloom.services.synthesize_notes_judge import KINDS as NOTE_KINDS
from careloom.services.synthesize_records_judge import KINDS as RECORD_KINDS
from careloom.services.synthesize_rows import SAMPLE

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FhirFitAsk:
    """What to fit on the research zone's store.

    engine           records or notes
    public_patients  of a private fit: how many are simulated to take words from
    cpu_seconds      of notes: processor time after which a fit that is not private ends; 0: no end
    others           as `careloom.services.synthesize_records.RecordsAsk`
    """

    engine: str
    account: str = "research"
    epsilon: float | None = None
    delta: float = 1e-6
    public_patients: int = 200
    options: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    seed: int = 1
    name: str = ""
    control_share: float = 0.3
    cpu_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class FhirSampleAsk:
    """What to draw and judge.

    patients, values      of whole records: how many, and static category -> the value of all
    notes, kind, records  of notes: how many, of which kind; or a sample of whole records that they are to tell
    kinds                 of measures; empty: all
    """

    model: str
    patients: int = 100
    values: Mapping[str, str] = field(default_factory=dict)
    notes: int = 100
    kind: str = ""
    records: str = ""
    small_cell: int | None = None
    kinds: tuple[str, ...] = ()


def submit_fhir_fit(platform: Platform, who: Principal, ask: FhirFitAsk) -> Json:
    """Queues a fit and returns its model as it stands. raises AccessError; QueryError"""
    zone = zone_of_account(ask.account)
    admit(platform, who, "read", zone, operation=FIT)
    admit(platform, who, "correct", zone, operation=FIT)
    if ask.engine not in FHIR or zone != "research":
        raise QueryError("there is no such generator", "Fit records or notes, in the account research.")
    wanted = {
        "act": "fit", "engine": ask.engine, "account": ask.account, "epsilon": ask.epsilon, "delta": ask.delta,
        "public_patients": ask.public_patients, "options": dict(ask.options), "seed": ask.seed, "name": ask.name,
        "control_share": ask.control_share, "cpu_seconds": ask.cpu_seconds,
    }  # fmt: skip
    run = queued(platform, who, zone, wanted, {"act": "fit", "account": ask.account, "engine": ask.engine})
    return model_of(platform, run)


def submit_fhir_sample(platform: Platform, who: Principal, engine: str, ask: FhirSampleAsk) -> Json:
    """Queues a sample to be drawn and judged, and returns it as it stands.

    raises  AccessError; NotFound; QueryError for a model of another kind; InputError for a kind of measure
    """
    model, zone = admitted(platform, who, "read", ask.model, "model", operation=SAMPLE)
    if model.body["engine"] != engine:
        raise QueryError(f"the model is not one of {engine}", "Ask where its kind of samples is drawn.")
    known = NOTE_KINDS if engine == NOTES else RECORD_KINDS
    if unknown := sorted(set(ask.kinds) - set(known)):
        raise InputError(f"there is no kind of measure {unknown[0]}", f"Name some of {', '.join(known)}.")
    wanted: Json = {
        "act": "sample", "engine": engine, "model": ask.model, "small_cell": ask.small_cell,
        "kinds": list(ask.kinds or known),
    }  # fmt: skip
    wanted |= (
        {"patients": ask.patients, "values": dict(ask.values)} if engine == RECORDS
        else {"notes": ask.notes, "kind": ask.kind, "records": ask.records}
    )  # fmt: skip
    shown = {"act": "sample", "account": model.body["account"], "model": ask.model, "engine": engine}
    return sample_as(platform, queued(platform, who, zone, wanted, shown))
