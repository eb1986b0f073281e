"""A model of risk with all that its pages show: judged on drawn rows beside a baseline, watched, and with an alarm."""

from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
import orjson
import polars as pl

from careloom.mlops.drift_profile import Profile, make_profile
from careloom.nlp.to_fhir import ORIGIN
from careloom.risk.evaluate_measures import sigmoid
from careloom.risk.models import Model
from careloom.risk.models_package import pack
from careloom.risk.models_report import Judge, report
from careloom.risk.models_training import Rows
from careloom.services.admission import event
from careloom.services.models import RegisterAsk, register
from careloom.services.monitor import LookAsk
from careloom.services.monitor_jobs import look_now
from careloom.services.monitor_labels import Feedback, take_feedback
from careloom.services.train_risk import evaluation
from careloom.store.predictions import Prediction
from tests.api.kit import Installation
from tests.models_kit import ENGINEER
from tests.score_kit import NAME, lead, model, rows, set_state

FIRST, SECOND = f"{NAME}@1", f"{NAME}@2"
PATIENTS = 30
_SEED = 20261201


@cache
def judged(shift: float = 0.0, strict: bool = False) -> tuple[Model, dict[str, Any], Profile]:
    """The model, its evaluation on 1,500 rows that it has not seen, and its profile.

    shift       of the log odds of the rows that it learnt from: above 0 it says too much
    strict      with fewer alerts
    """
    made = model(6.0 if strict else 10.0, shift)
    frame, happened = rows(1_500, _SEED)
    draw = np.random.default_rng(_SEED)
    ages = np.searchsorted([45, 65, 80], frame["age_years"].to_numpy(), side="right")
    languages = draw.choice(["English", "Spanish", "Haitian Creole"], 1_500, p=[0.8, 0.196, 0.004])
    groups = pl.DataFrame({
        "sex": np.where(frame["is_female"].to_numpy(), "female", "male"),
        "age_band": np.array(["18 to 44", "45 to 64", "65 to 79", "80 and over"])[ages], "language": languages,
    })  # fmt: skip
    test = Rows(frame, np.asarray(happened), pl.Series("patient_id", [f"p{at % 1_200}" for at in range(1_500)]))
    simple = sigmoid(-3.0 + 0.55 * np.minimum(frame["admissions_365d"].to_numpy(), 4))
    judge = Judge(7, ("sex", "age_band", "language"), resamples=60)
    page = report(made, test, judge, baselines={"Earlier admissions alone": simple}, groups=groups)
    threshold = made.threshold.alert_from if made.threshold is not None else 1.1
    profile = make_profile(
        frame, [one.as_json() for one in made.features], made.score(frame), happened, threshold=threshold,
        groups=groups.select("sex", "age_band"),
    )  # fmt: skip
    return made, evaluation(page, "drawn rows, seed 20261201"), profile


def registered(place: Installation, shift: float = 0.0, strict: bool = False) -> str:
    """Registers the model with its report; what the version is called."""
    made, told, profile = judged(shift, strict)
    files = pack(made) | {"evaluation.json": orjson.dumps(told), "profile.json": profile.as_json()}
    lineage = {
        "data": {"zone": "public", "snapshot": "drawn rows, seed 20261130"}, "seeds": {"rows": 20261130},
        "leaks": {"findings": 0},
        "evaluation": {name: told[name] for name in ("data", "measures", "counts")},
    }  # fmt: skip
    ask = RegisterAsk(NAME, files, lineage, reason="trained on drawn rows")
    return str(register(place.platform, ENGINEER, ask)["version"])


def two_versions(place: Installation) -> None:
    """The first is champion, the second waits to be approved."""
    registered(place)
    set_state(place.platform, FIRST, "approved")
    lead(place.platform, NAME, champion=1)
    registered(place, 0.3, strict=True)


def watched(place: Installation, *, count: int = 600) -> dict[str, Any]:
    """Predictions of the champion, the answers to them, what came, and a look.

    Sodium comes in another unit, and more patients come back than was said: those are alarms.


    returns  the report of the look
    """
    place.ingest([{"resourceType": "Patient", "id": f"w{at}", "birthDate": "1950-04-01"} for at in range(PATIENTS)])
    patients = [place.stored_id("Patient", f"w{at}") for at in range(PATIENTS)]
    made, _, profile = judged()
    frame, _ = rows(count, 11)
    scores = made.score(frame)
    bins = profile.bins(frame.with_columns(pl.col("sodium_last") * 2.3))
    threshold = made.threshold.alert_from if made.threshold is not None else 1.1
    now = place.platform.runtime.now()
    told = [
        Prediction(
            patients[at % len(patients)], NAME, "1", float(scores[at]), bool(scores[at] >= threshold),
            now - timedelta(days=38, hours=at), 30.0, bins=bins[at].tobytes(), profile=profile.digest,
            groups={"sex": "female" if frame["is_female"][at] else "male"},
        )
        for at in range(count)
    ]  # fmt: skip
    act = event(place.platform, ENGINEER, "score", "identified", action="create")
    with place.platform.store("identified").transaction(act) as step:
        names = step.predictions.record(told)
    came = np.random.default_rng(17).random(count) < sigmoid(np.log(scores / (1 - scores)) + 0.9)
    take_feedback(
        place.platform, place.operator, [Feedback(name, bool(one)) for name, one in zip(names, came, strict=True)]
    )
    alerted = [name for name, one in zip(names, told, strict=True) if one.alert]
    answers = [
        Feedback(name, answer="accepted") if at % 3 else Feedback(name, answer="overridden", reason="not-relevant")
        for at, name in enumerate(alerted)
    ]
    take_feedback(place.platform, place.operator, answers)
    return look_now(place.platform, place.operator, LookAsk(FIRST))


def scored_patient(place: Installation) -> str:
    """A patient whom the champion scores: stays, sodium with a range, drugs, a fact of a note; the id as it is stored.

    The second stay has ended five days ago.
    """
    now = place.platform.runtime.now().replace(microsecond=0)

    def day(back: int) -> str:
        return f"{now - timedelta(days=back):%Y-%m-%dT%H:%M:%SZ}"

    who = {"subject": {"reference": "Patient/scored"}}
    stays = [
        {"resourceType": "Encounter", "id": f"stay{at}", **who, "status": "finished",
         "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP", "display": "inpatient"},
         "type": [{"text": "Hospital stay"}], "period": {"start": day(start), "end": day(end)}}
        for at, (start, end) in enumerate(((120, 112), (14, 5)))
    ]  # fmt: skip
    measured = [
        {"resourceType": "Observation", "id": f"{name}{back}", **who, "status": "final", **LABORATORY,
         "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": name.capitalize()}]},
         "effectiveDateTime": day(back), "issued": day(back), "valueQuantity": _amount(value, unit),
         "referenceRange": [{"low": _amount(low, unit), "high": _amount(high, unit)}]}
        for name, code, unit, (low, high), values in SERIES
        for back, value in zip((400, 300, 119, 112, 13, 10, 6), values, strict=True)
    ]  # fmt: skip
    drugs = [
        {"resourceType": "MedicationRequest", "id": f"drug{at}", **who, "status": status, "intent": "order",
         "authoredOn": day(start), "medicationCodeableConcept": {"text": name},
         "dosageInstruction": [{"text": dose}],
         **({"dispenseRequest": {"validityPeriod": {"start": day(start), "end": day(end)}}} if end else {})}
        for at, (name, dose, start, end, status) in enumerate((
            ("Furosemide 40 mg", "1 in the morning", 111, 0, "active"),
            ("Ramipril 5 mg", "1 a day", 390, 118, "stopped"),
            ("Hydrochlorothiazide 25 mg", "1 a day", 60, 10, "completed"),
        ))
    ]  # fmt: skip
    failing = {"resourceType": "Condition", "id": "failing", **who, "recordedDate": day(300), "onsetDateTime": day(310),
               "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "active"}]},
               "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I50.9",
                                    "display": "Heart failure, unspecified"}]}}  # fmt: skip
    swollen = {"resourceType": "Condition", "id": "swollen", **who, "recordedDate": day(13), "meta": {"tag": [ORIGIN]},
               "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "active"}]},
               "code": {"text": "Swollen ankles"}}  # fmt: skip
    letter = {"resourceType": "DocumentReference", "id": "letter", **who, "status": "current", "date": day(5),
              "type": {"text": "Discharge summary"},
              "content": [{"attachment": {"contentType": "text/plain", "data": "TGVmdCBpbiBnb29kIHN0YXRlLg=="}}],
              }  # fmt: skip
    patient = {"resourceType": "Patient", "id": "scored", "birthDate": "1949-05-04", "gender": "female",
               "name": [{"family": "Lindgren", "given": ["Astrid"]}]}  # fmt: skip
    place.ingest([patient, *stays, *measured, *drugs, failing, swollen, letter])
    return place.stored_id("Patient", "scored")


LABORATORY = {"category": [{"coding": [{
    "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}]}  # fmt: skip
SERIES = (
    ("sodium", "2951-2", "mmol/L", (135, 145), (139, 137.5, 133, 136, 128, 126, 121)),
    ("potassium", "2823-3", "mmol/L", (3.5, 5.1), (4.1, 4.3, 4.0, 4.4, 3.4, 3.6, 3.9)),
    ("creatinine", "2160-0", "mg/dL", (0.5, 1.1), (0.9, 0.9, 1.1, 1.0, 1.4, 1.6, 1.5)),
)
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"


def _amount(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def stays_of_wards(place: Installation, days: int = 600) -> None:
    """Stays of three wards over so many days until yesterday, more on weekdays: what beds are forecast from."""
    draw, today = np.random.default_rng(5), place.platform.runtime.now().date()
    wards = {"med": "Internal medicine", "icu": "Intensive care", "sur": "Surgery"}
    stays = []
    for back in range(days, 0, -1):
        begin = today - timedelta(days=back)
        for number in range(int(draw.poisson(2.4 if begin.weekday() < 5 else 1.0))):
            end = min(begin + timedelta(days=int(draw.integers(1, 6))), today)
            ward = list(wards)[int(draw.choice(3, p=[0.5, 0.2, 0.3]))]
            stays.append({
                "resourceType": "Encounter", "id": f"bed{back}-{number}", "status": "finished",
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
                "subject": {"reference": "Patient/beds"},
                "period": {"start": f"{begin}T10:00:00Z", "end": f"{end}T09:00:00Z"},
                "location": [{"location": {"reference": f"Location/{ward}"}}],
            })  # fmt: skip
    named = [{"resourceType": "Location", "id": key, "name": name} for key, name in wards.items()]
    place.ingest(
        [{"resourceType": "Patient", "id": "beds", "birthDate": "1950-04-01", "gender": "male"}, *named, *stays]
    )
