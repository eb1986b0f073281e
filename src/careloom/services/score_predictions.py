"""What the log of predictions keeps of a score: who said it, of which moment, bins of what it was told, groups."""

from careloom.risk.groups import groups_of
from careloom.services.score_assess import Found, frame_of
from careloom.services.score_facts import Record
from careloom.services.score_models import Scorer
from careloom.store.predictions import Prediction, Role


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
        groups=groups_of(record.facts, moment.time),
        index=moment.resource_key,
    )
