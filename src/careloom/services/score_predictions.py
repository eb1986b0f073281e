"""What the log of predictions keeps of a score: who said it, of which moment, bins of what it was told, groups."""

from careloom.risk.facts_one import Fact, seconds_of
from careloom.services.score_assess import Found, frame_of
from careloom.services.score_facts import Record
from careloom.services.score_models import Scorer
from careloom.store.predictions import Prediction, Role

_YEAR_SECONDS = 365.2425 * 86_400
_BANDS = ((18, "0-17"), (45, "18-44"), (65, "45-64"), (80, "65-79"))
_OLDEST = "80+"


def prediction_of(
    asked: Scorer, record: Record, found: Found, role: Role, probability: float | None = None
) -> Prediction:
    """The entry of one score; ask where something is predicted.

    probability  what the model said; None: it is asked
    """
    served, moment, told = asked.served, found.index.moment, found.told or {}
    model = served.model
    score = float(model.score_rows([told])[0]) if probability is None else probability
    bins = b""
    if served.profile is not None:
        bins = served.profile.bins(frame_of(model.features, [told])).tobytes()
    return Prediction(
        patient=record.patient_id,
        model=served.name,
        version=served.number,
        score=score,
        alert=model.threshold is not None and score >= model.threshold.alert_from,
        index_time=moment.time,
        horizon_days=(asked.judge.horizon_end(moment) - moment.time).total_seconds() / 86_400,
        role=role,
        bins=bins,
        profile="" if served.profile is None else served.profile.digest,
        groups=groups_of(record.facts, found),
    )


def groups_of(facts: tuple[Fact, ...], found: Found) -> dict[str, str]:
    """What a patient belongs to, for subgroups that are watched: sex, race as recorded, band of age."""
    groups = {fact.kind: fact.code for fact in facts if fact.kind in ("sex", "race") and fact.code}
    born = min((fact.time for fact in facts if fact.kind == "birth" and fact.time is not None), default=None)
    if born is not None:
        years = seconds_of(found.index.moment.time - born) / _YEAR_SECONDS
        groups["age_band"] = next((band for below, band in _BANDS if years < below), _OLDEST)
    return groups
