"""Scoring one patient: the record is read, the model asked, the answer logged and, where asked for, written as FHIR.

Access is decided first; what was read, what was said and what was written stand in one step with their audit record.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from typing import Any, Literal
from uuid import UUID

import orjson

from careloom import traces
from careloom.crypto.pseudonyms import digest_of
from careloom.errors import InputError, IntegrityError
from careloom.fhir.validate import check
from careloom.risk.assessment import Assessment
from careloom.risk.assessment_fhir import KIND, provenance, risk_assessment
from careloom.services.access import Principal
from careloom.services.admission import admit, event, note
from careloom.services.models_watch import settle_soon
from careloom.services.platform import Platform
from careloom.services.score_assess import Found, assessment, gaps_of, looked_up
from careloom.services.score_counts import Heard, begun, heard_failing, require_probable
from careloom.services.score_facts import Record, record_of, types, types_of_gaps
from careloom.services.score_models import (
    OPERATION,
    Answering,
    Scorer,
    Use,
    answering,
    is_warm,
    opened,
    scorer,
    served,
)
from careloom.services.score_predictions import prediction_of
from careloom.services.search import zone_of
from careloom.store.predictions import Prediction, Role
from careloom.store.rows import Write, canonical
from careloom.store.transaction import Transaction
from careloom.store.zone_store import Zone

_NAMED = "careloom-risk"
_FIRST_YEAR, _LAST_YEAR = 1900, 2200
Json = dict[str, Any]
State = Literal["scored", "over", "not-eligible", "no-index"]


@dataclass(frozen=True, slots=True)
class ScoreAsk:
    """Whose risk, by which model, when.

    model      ``readmission-30d@champion``, ``readmission-30d@3``
    patient    id, or ``Patient/<id>``
    as_of      nothing that happened later is looked at; None for this moment
    now        the moment itself is the index, as if the stay that runs ended then
    encounter  id of that stay; empty for the newest that runs. Without `now`: the newest index has to be that stay,
               else nothing is predicted
    gaps       care gaps beside the risk
    write      the assessment becomes a RiskAssessment and its Provenance in the identified zone
    trial      in the identified zone, too, a version that nobody approved may answer, to who may train
    """

    model: str
    patient: str
    zone: str = "identified"
    as_of: datetime | None = None
    now: bool = False
    encounter: str = ""
    gaps: bool = True
    write: bool = False
    trial: bool = False


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """What came of it.

    state       scored; over: the horizon of the newest index has passed; not-eligible: it fails the rules in `failed`;
                no-index: nothing that a prediction is made at has happened
    prediction  by which the log of predictions calls it; empty where nothing was predicted
    written     reference of the RiskAssessment's version; empty where nothing was written
    trial       nobody approved the version: nothing was logged or written
    """

    state: State
    model: str
    failed: tuple[str, ...] = ()
    assessment: Assessment | None = None
    prediction: str = ""
    written: str = ""
    trial: bool = False

    @property
    def card_id(self) -> str:
        """The prediction's name as a UUID, as cards carry it; empty for none."""
        return str(UUID(bytes=digest_of(self.prediction))) if self.prediction else ""

    def as_json(self) -> Json:
        """The report as plain JSON."""
        return {
            "state": self.state, "model": self.model, "failed": list(self.failed),
            "prediction": self.prediction or None, "written": self.written or None, "trial": self.trial,
            "assessment": None if self.assessment is None else self.assessment.as_json(),
        }  # fmt: skip


@traces.step("score")
def score(platform: Platform, who: Principal, ask: ScoreAsk) -> ScoreReport:
    """The risk of one patient.

    raises  AccessError; NotFound for the patient or the model; QueryError for a zone, or for writing elsewhere than in
            the identified zone; InputError for a moment without a zone; Conflict for a version that nobody approved;
            StateError, IntegrityError for the model; SchemaMismatch where the model needs a value that nobody knows
    """
    zone = zone_of(ask.zone)
    admitted(platform, who, zone, gaps=ask.gaps, write=ask.write)
    heard = Heard()
    try:
        at = moment_of(platform, ask.as_of)
        subject = platform.store(zone).pseudonym(ask.patient.rpartition("/")[2])
        one = answering(platform, ask.model, subject, Use(who, zone, ask.trial, ask.write))
        heard = _heard(one, zone, ask)
        with heard.opening(one.number or 0):
            asked = opened(platform, one)
        read = cache(partial(_record, platform, who, zone, ask))
        record = read(asked.reads_notes)
        found, made = _assessed(asked, record, at, ask, heard)
        if made is None:
            return replace(_not_scored(platform, who, zone, asked, record, found), trial=one.trial)
    except Exception as error:
        heard_failing(platform, who, zone, heard, ask.model, error)
        raise
    role = one.role if ask.as_of is None else "batch"
    listens = one.listens if ask.as_of is None else None
    is_taken = listens is not None and platform.shadows.takes()
    if listens is not None and not is_taken:
        heard.of(listens).dropped += 1
    try:
        report = _kept(platform, who, zone, _Said(asked, record, found, made, role, ask.write, one.trial), heard)
    except BaseException:
        if is_taken:
            platform.shadows.give_back()
        raise
    if is_taken:
        platform.shadows.do(partial(_listened, platform, who, one, read, at, ask))
    return report


def _record(platform: Platform, who: Principal, zone: Zone, ask: ScoreAsk, notes: bool) -> Record:
    return record_of(platform, who, zone, ask.patient, gaps=ask.gaps, notes=notes)


def _heard(one: Answering, zone: Zone, ask: ScoreAsk) -> Heard:
    """What is counted: of who answers for patients. A look back is compared with nobody's scores."""
    is_counted = zone == "identified" and not one.trial and one.number is not None
    return Heard(one.name if is_counted else "", one.is_routed and ask.as_of is None, begun(one.since))


def _assessed(
    asked: Scorer, record: Record, at: datetime, ask: ScoreAsk, heard: Heard
) -> tuple[Found, Assessment | None]:
    number = int(asked.served.number)
    with heard.asking(number):
        found = looked_up(asked, record, at, now=ask.now, encounter=encounter_of(ask.encounter))
        if found.told is None:
            return found, None
        probability = float(asked.served.model.score_rows([found.told])[0])
        require_probable(probability)
    gaps = gaps_of(record, found.index.moment.time) if ask.gaps else []
    with heard.asking(number):
        return found, assessment(asked, record, found, probability, gaps)


def _listened(
    platform: Platform, who: Principal, one: Answering, read: Callable[[bool], Record], at: datetime, ask: ScoreAsk
) -> None:
    """What the shadow says of the same patient, for the log alone; one that fails is counted, and nobody's trouble."""
    zone, label = zone_of(ask.zone), f"{one.name}@{one.listens}"
    heard, number = _heard(one, zone, ask), one.listens or 0
    try:
        with heard.opening(number):
            asked = scorer(served(platform, label))
        record = read(asked.reads_notes)
        with heard.asking(number):
            found = looked_up(asked, record, at, now=ask.now, encounter=encounter_of(ask.encounter))
            if found.told is None:
                return
            said = prediction_of(asked, record, found, "shadow")
            require_probable(said.score)
    except Exception as error:
        heard_failing(platform, who, zone, heard, label, error)
        raise
    detail = {"model": label, "state": "scored", "role": "shadow"}
    told = event(platform, who, OPERATION, zone, action="read", subjects=(record.subject,), detail=detail)
    with platform.store(zone).transaction(told) as step:
        _count(platform, step, [said], heard)
        step.predictions.record([said])
    if heard.model:
        settle_soon(platform, heard.model)


def encounter_of(told: str) -> str:
    """``Encounter/<id>`` of an id or a reference; empty for none."""
    return f"Encounter/{told.rpartition('/')[2]}" if told else ""


def admitted(platform: Platform, who: Principal, zone: Zone, *, gaps: bool, write: bool) -> None:
    """Returns where `who` may see all that is read, and write what is to be written. raises AccessError, InputError"""
    for kind in dict.fromkeys((*types(), *(types_of_gaps() if gaps else ()))):
        admit(platform, who, "read", zone, kind, operation=OPERATION)
    if write:
        require_writer(platform, who, zone)


def require_writer(platform: Platform, who: Principal, zone: Zone) -> None:
    """Returns where `who` may keep assessments. raises AccessError; InputError for another zone than identified"""
    if zone != "identified":
        raise InputError("score: write", "Assessments are written in the identified zone only: leave write away.")
    for kind in (KIND, "Provenance"):
        admit(platform, who, "create", zone, kind, operation=OPERATION)


def moment_of(platform: Platform, as_of: datetime | None) -> datetime:
    """The moment that is meant; this one for None. raises InputError for one without a zone"""
    if as_of is not None and (as_of.tzinfo is None or not _FIRST_YEAR <= as_of.year <= _LAST_YEAR):
        raise InputError(
            "score: as_of", f"Give a moment of {_FIRST_YEAR} to {_LAST_YEAR} with its zone: 2026-11-30T00:00:00Z."
        )
    return platform.runtime.now() if as_of is None else as_of


@dataclass(frozen=True, slots=True)
class _Said:
    scorer: Scorer
    record: Record
    found: Found
    assessment: Assessment
    role: Role
    write: bool
    trial: bool


def _not_scored(
    platform: Platform, who: Principal, zone: Zone, asked: Scorer, record: Record, found: Found
) -> ScoreReport:
    state = found.standing.state
    failed = () if found.standing.index is None else found.standing.index.failed
    detail = {"model": asked.served.label, "state": state}
    note(platform, who, OPERATION, zone, subjects=(record.subject,), detail=detail)
    return ScoreReport("over" if state == "open" else state, asked.served.label, failed)


def _kept(platform: Platform, who: Principal, zone: Zone, said: _Said, heard: Heard) -> ScoreReport:
    """Logs the prediction, counts it and writes the resources, in one step with the audit record."""
    label, one, digest = said.scorer.served.label, said.assessment, feature_hash(platform, said.found, said.assessment)
    detail: dict[str, object] = {
        "model": label, "state": "scored", "alert": one.is_alert, "facts": len(one.basis), "features": digest,
    }  # fmt: skip
    if said.write:
        detail["written"] = KIND
    if said.record.withheld:
        detail["withheld"] = said.record.withheld
    if said.trial:
        subjects = (said.record.subject,)
        note(platform, who, OPERATION, zone, subjects=subjects, detail=detail | {"trial": True})
        return ScoreReport("scored", label, (), one, trial=True)
    action = "create" if said.write else "read"
    told = event(platform, who, OPERATION, zone, action=action, subjects=(said.record.subject,), detail=detail)  # type: ignore[arg-type]
    with platform.store(zone).transaction(told) as step:
        first = prediction_of(said.scorer, said.record, said.found, said.role, one.probability)
        _count(platform, step, [first], heard)
        (name,) = step.predictions.record([first])
        written = _written(platform, step, one, digest) if said.write else ""
    if heard.model:
        settle_soon(platform, heard.model)
    return ScoreReport("scored", label, (), one, name, written)


def _count(platform: Platform, step: Transaction, made: list[Prediction], heard: Heard) -> None:
    """Adds what was asked of the versions to their counts, before the step logs what they said."""
    if not heard.model:
        return
    for one in made:
        heard.answered(step, one, is_warm=is_warm(f"{one.model}@{one.version}"))
    heard.keep(platform, step)


def feature_hash(platform: Platform, found: Found, one: Assessment) -> str:
    """A keyed hash of what the model was told, and of the versions of the facts behind it: 32 hexadecimal digits."""
    told = orjson.dumps({"model": one.model, "told": found.told, "basis": one.basis}, option=orjson.OPT_SORT_KEYS)
    key = platform.keys.derive("features", "risk")
    return hashlib.blake2b(told, key=key[:64], digest_size=16).hexdigest()


def _written(platform: Platform, step: Transaction, one: Assessment, digest: str) -> str:
    """Writes the assessment and its Provenance; the reference of the assessment's version.

    The same index by the same version is the same resource: asked again, it gets a new version where it says more.
    """
    key = f"{one.patient_id}|{one.model}|{one.index_key}|{'' if one.running else one.index_time.isoformat()}"
    name = platform.names.resource_id(_NAMED, KIND, key)
    resource = risk_assessment(one, name)
    _require_valid(resource)
    write = Write(KIND, name, canonical(resource), (one.patient_id,), resource=resource)
    (outcome,) = step.write([write])
    stored = step.as_written(write, outcome) or step.reader.current(step.connection, KIND, name)
    about = f"{KIND}/{name}/_history/{stored.version}"
    if outcome == "unchanged":
        return about
    proof = provenance(
        one, platform.names.resource_id(_NAMED, "Provenance", key), about, platform.runtime.now(), digest
    )
    _require_valid(proof)
    step.write([Write("Provenance", proof["id"], canonical(proof), (one.patient_id,), resource=proof)])
    return about


def _require_valid(resource: Json) -> None:
    faults = check(resource)
    if faults:
        raise IntegrityError(
            f"the {resource['resourceType']} of a risk is no valid FHIR at {faults[0].place} ({faults[0].code})",
            "Nothing was written. Report it with the model's name.",
        )
