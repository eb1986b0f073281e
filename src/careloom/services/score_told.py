"""The risk of a patient who is not here, from what somebody else's record tells: said, and not kept.

The log of predictions seals what it holds under a patient's own key; of whom nobody keeps a record there is none. So
such scores count for no limit of a version, and nobody learns what came of them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from careloom.risk.assessment import Assessment
from careloom.services.access import Principal
from careloom.services.platform import Platform
from careloom.services.score import admitted, encounter_of
from careloom.services.score_assess import assessment, gaps_of, looked_up
from careloom.services.score_counts import require_probable
from careloom.services.score_facts import Record
from careloom.services.score_models import Use, answering, opened

ZONE: Literal["identified"] = "identified"


@dataclass(frozen=True, slots=True)
class Moment:
    """When a patient is looked at.

    at         nothing later is looked at
    now        that moment itself is the index, as if the stay that runs ended then
    encounter  id of that stay; empty for the newest
    """

    at: datetime
    now: bool = False
    encounter: str = ""


def score_told(platform: Platform, who: Principal, model: str, record: Record, when: Moment) -> Assessment | None:
    """The assessment; None where nothing is predicted.

    raises  AccessError; NotFound for the model; Conflict for a version that nobody approved; StateError,
            IntegrityError for the model; SchemaMismatch where it needs a value that nobody knows
    """
    admitted(platform, who, ZONE, gaps=True, write=False)
    asked = opened(platform, answering(platform, model, record.subject, Use(who, ZONE)))
    stay = encounter_of(when.encounter)
    found = looked_up(asked, record, when.at, now=when.now, encounter=stay)
    if when.now and stay and found.standing.state == "no-index":  # the stay has its end already
        found = looked_up(asked, record, when.at, encounter=stay)
    if found.told is None:
        return None
    probability = float(asked.served.model.score_rows([found.told])[0])
    require_probable(probability)
    return assessment(asked, record, found, probability, gaps_of(record, found.index.moment.time))
