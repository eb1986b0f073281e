"""What tests of scoring share: a readmission model of drawn rows with a known rule, registered; patients with stays."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from careloom.risk.cohorts_definition import shipped
from careloom.risk.conformal import fit_set
from careloom.risk.decision import threshold_under_budget
from careloom.risk.evaluate_measures import sigmoid
from careloom.risk.features_definition import shipped_features
from careloom.risk.models import Model, Threshold
from careloom.risk.models_features import About, described, encoded
from careloom.risk.models_interval import RiskInterval
from careloom.risk.models_logistic import fit_logistic
from careloom.risk.models_package import pack
from careloom.services.access import local_operator
from careloom.services.models import RegisterAsk, register
from careloom.services.models_kept import Change, resolve, set_traffic, traffic_of, write
from careloom.services.platform import Platform
from tests.store_kit import put

NAME = "readmission-30d"
COHORT = "readmission_30_days"
COLUMNS = (
    "age_years", "is_female", "index_value", "admissions_365d", "days_since_admission", "days_since_admission_missing",
    "medications_180d", "has_heart_failure", "sodium_last", "sodium_last_missing", "smoking_status",
)  # fmt: skip
_ROWS = 3_000
_SEED = 20261130


def rows(count: int = _ROWS, seed: int = _SEED, shift: float = 0.0) -> tuple[pl.DataFrame, Any]:
    """Drawn features, and outcomes of a known rule: heart failure, low sodium and earlier stays raise the risk.

    shift  of the log odds: of another hospital, to which more come back
    """
    draw = np.random.default_rng(seed)
    known = draw.random(count) < 0.7
    sodium = np.where(known, draw.normal(137, 5, count), np.nan)
    since = np.where(draw.random(count) < 0.6, draw.exponential(90, count), np.nan)
    frame = pl.DataFrame(
        {
            "age_years": draw.uniform(18, 95, count), "is_female": draw.random(count) < 0.5,
            "index_value": draw.exponential(5, count), "admissions_365d": draw.poisson(0.8, count),
            "days_since_admission": since, "medications_180d": draw.poisson(5, count),
            "has_heart_failure": draw.random(count) < 0.2, "sodium_last": sodium,
            "smoking_status": draw.choice(["449868002", "266919005", "8517006", ""], count),
        }
    ).with_columns(
        pl.col("sodium_last", "days_since_admission").fill_nan(None), pl.col("smoking_status").replace("", None)
    )  # fmt: skip
    frame = frame.with_columns(
        pl.col(name).is_null().alias(f"{name}_missing") for name in ("sodium_last", "days_since_admission")
    ).select(COLUMNS)
    odds = (
        -3.2 + 0.9 * frame["has_heart_failure"].to_numpy() + 0.5 * np.minimum(frame["admissions_365d"].to_numpy(), 4)
        + 0.08 * np.where(known, np.clip(137 - np.nan_to_num(sodium), 0, 20), 0) + 0.01 * frame["age_years"].to_numpy()
    )  # fmt: skip
    return frame, draw.random(count) < sigmoid(odds + shift)


@cache
def model(budget: float = 10.0, shift: float = 0.0) -> Model:
    """Fitted on drawn rows, with bounds and a threshold of others."""
    general = {one.name: one for one in shipped_features("general").features}
    about = {}
    for name in COLUMNS:
        one = general[name.removesuffix("_missing")]
        about[name] = About(one.concept, one.unit, one.modifiable)
    frame, happened = rows(shift=shift)
    features = described(frame, about)
    learnt = fit_logistic(features, encoded(features, frame), happened, penalty=1.0, knots=3)
    other, came = rows(seed=_SEED + 1, shift=shift)
    training = {
        "cohort": {"name": COHORT, "digest": shipped(COHORT).digest}, "features": {"name": "general"},
        "rows": int(happened.size), "events": int(happened.sum()),
    }  # fmt: skip
    bare = Model(NAME, "unplanned readmission within 30 days", 30, features, learnt, training=training)
    risk = bare.score(other)
    at = threshold_under_budget(came, risk, at_risk=0.1, alerts_per_100=budget)
    threshold = Threshold(at.threshold, 0.1, budget, at.alerts_per_100, at.ppv, at.recall, at.net_benefit)
    bounds = RiskInterval((0.05, 0.2, 0.5), (0.03, 0.15, 0.4), (0.1, 0.3, 0.7), fit_set(came, risk, miss=0.1))
    return Model(NAME, bare.outcome, 30, features, learnt, conformal=bounds, threshold=threshold, training=training)


def broken() -> Model:
    """As signed and as wrong as can be: what it says of anybody is no number."""
    whole = model()
    sign = (1.7e308, -1.7e308)
    terms = tuple(
        replace(one, coefficients=tuple(sign[place % 2] for _ in one.coefficients))
        for place, one in enumerate(whole.learnt.terms)  # type: ignore[attr-defined]
    )
    return replace(whole, learnt=replace(whole.learnt, terms=terms))  # type: ignore[type-var]


def no_show() -> Model:
    """Who missed more is likelier to miss."""
    draw = np.random.default_rng(4)
    missed = draw.poisson(1, 2_000)
    [told] = [one for one in shipped_features("general").features if one.name == "missed_appointments_730d"]
    frame = pl.DataFrame({"missed_appointments_730d": missed})
    features = described(frame, {told.name: About(told.concept)})
    happened = draw.random(2_000) < sigmoid(missed - 2.0)
    learnt = fit_logistic(features, encoded(features, frame), happened, penalty=1.0, knots=0)
    training = {"cohort": {"name": "no_show", "digest": shipped("no_show").digest}, "features": {"name": "general"}}
    return Model("no-show", "a missed appointment", 2, features, learnt, training=training)


def no_show_registered(platform: Platform) -> str:
    """Registers `no_show`, approved; what the version is called."""
    ask = RegisterAsk("no-show", pack(no_show()), lineage(), reason="of a test")
    version = str(register(platform, local_operator("tester"), ask)["version"])
    set_state(platform, version, "approved")
    return version


def lineage() -> dict[str, Any]:
    measures = {"auroc": {"value": 0.7, "low": 0.66, "high": 0.74}}
    return {
        "data": {"zone": "public", "snapshot": "drawn rows, seed 20261130"}, "seeds": {"rows": _SEED},
        "evaluation": {"data": "drawn rows, seed 20261131", "measures": measures},
    }  # fmt: skip


def registered(platform: Platform, made: Model | None = None, *, is_approved: bool = True) -> str:
    """Registers the model, and lets it answer, as an approval does; what the version is called."""
    ask = RegisterAsk(NAME, pack(made or model()), lineage(), reason="of a test")
    version = str(register(platform, local_operator("tester"), ask)["version"])
    if is_approved:
        set_state(platform, version, "approved")
    return version


def set_state(platform: Platform, version: str, state: str) -> None:
    """Puts a version into a state, past the gates: approved, retired."""
    body = resolve(platform, version).body
    change = Change("test", {})
    write(platform, local_operator("tester"), change, lambda step: step.models.change("version", version, state, body))


def lead(platform: Platform, name: str, **more: Any) -> None:
    """Sends the traffic of a model to versions, past the gates: champion=1, shadow=2."""
    after = traffic_of(platform, name) | more
    write(platform, local_operator("tester"), Change("test", {}), lambda step: set_traffic(step, name, after))


def stay(name: str, patient: str, start: str, end: str = "", **more: Any) -> Any:
    period = {"start": start, **({"end": end} if end else {})}
    return put("Encounter", name, (patient,), status="finished" if end else "in-progress", subject={"reference":
        f"Patient/{patient}"}, period=period, **{"class": {"code": "IMP", "system":
        "http://terminology.hl7.org/CodeSystem/v3-ActCode"}}, **more)  # fmt: skip


def patient(name: str, *, born: str = "1950-03-01", sodium: float | None = 121.0, failing: bool = True) -> list[Any]:
    """Two stays of January and February 2024, the second ended on the 20th; heart failure, sodium before its end."""
    who = {"subject": {"reference": f"Patient/{name}"}}
    made = [
        put("Patient", name, (name,), birthDate=born, gender="female"),
        stay(f"{name}e0", name, "2024-01-02T08:00:00Z", "2024-01-09T08:00:00Z"),
        stay(f"{name}e1", name, "2024-02-11T08:00:00Z", "2024-02-20T08:00:00Z"),
    ]
    if failing:
        code = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I50.9"}]}
        made.append(put("Condition", f"{name}c", (name,), **who, code=code, recordedDate="2024-01-03"))
    if sodium is not None:
        made.append(put("Observation", f"{name}o", (name,), status="final", **who,
            effectiveDateTime="2024-02-18T03:00:00Z", issued="2024-02-18T05:00:00Z",
            code={"coding": [{"system": "http://loinc.org", "code": "2951-2"}]},
            valueQuantity={"value": sodium, "system": "http://unitsofmeasure.org", "code": "mmol/L"}))  # fmt: skip
    return made


def visit(name: str, who: str, status: str, day: str, made: str = "2026-10-01", service: str = "") -> Any:
    return put(
        "Appointment", name, (who,), status=status, start=f"{day}T08:00:00Z", end=f"{day}T08:30:00Z",
        created=f"{made}T09:00:00Z", participant=[{"actor": {"reference": f"Patient/{who}"}, "status": "accepted"}],
        **({"serviceType": [{"text": service}]} if service else {}),
    )  # fmt: skip
