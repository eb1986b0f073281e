"""What tests of watched models share: a registered version with its profile, and a log of its predictions."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl

from careloom.runtime import Runtime
from careloom.services import models
from careloom.services.admission import event
from careloom.services.models import RegisterAsk
from careloom.store.predictions import Prediction
from tests.api.kit import Clock, Installation
from tests.models_kit import ENGINEER
from tests.unit.mlops.drift_kit import came, profiled, rows, scores_of

MODEL, VERSION = "readmission-30d", "readmission-30d@1"
HORIZON = 30.0
PATIENTS = 40
BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
PROFILE = profiled()


class Watched(Installation):
    """An installation in which one version is registered that predicts for forty patients again and again."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.clock = Clock(BEGIN)
        super().__init__(folder, Runtime(clock=self.clock), **settings)
        patients = [
            {"resourceType": "Patient", "id": f"p{number}", "birthDate": "1950-04-01"} for number in range(PATIENTS)
        ]
        self.ingest(patients)
        self.ids = [self.stored_id("Patient", f"p{number}") for number in range(PATIENTS)]
        registered(self)

    def predict(
        self, made: datetime, count: int = 300, *, seed: int = 5, change: pl.Expr | None = None,
        profile: str = PROFILE.digest,
    ) -> list[str]:  # fmt: skip
        """Predictions of a moment: what the model was fed is changed, the scores are those of the true values."""
        frame = rows(count, seed)
        fed = frame if change is None else frame.with_columns(change)
        bins, scores = PROFILE.bins(fed), scores_of(frame)
        told = [
            Prediction(
                self.ids[at % PATIENTS], MODEL, "1", float(scores[at]), bool(scores[at] >= 0.3),
                made - timedelta(days=at // PATIENTS), HORIZON,
                bins=bins[at].tobytes(), profile=profile, groups={"sex": str(frame["sex"][at])},
            )
            for at in range(count)
        ]  # fmt: skip
        self.clock.now = made
        act = event(self.platform, ENGINEER, "score", "identified", action="create")
        with self.platform.store("identified").transaction(act) as step:
            names = step.predictions.record(told)
        self.clock.move(hours=1)
        return names

    def outcomes(self, names: list[str], *, seed: int = 9, shift: float = 0.0) -> dict[str, bool]:
        """What came of predictions: as their scores promise, but for a shift of the log odds."""
        with self.platform.store("identified").predictions() as log:
            scores = np.array([log.find(name).said.score for name in names])
        return dict(zip(names, came(scores, seed, shift=shift).astype(bool).tolist(), strict=True))


def registered(made: Installation) -> None:
    """Registers the version whose predictions the log holds."""
    files = {
        "profile.json": PROFILE.as_json(),
        "model.json": orjson.dumps({"format": 1, "name": MODEL, "training": {"cohort": "readmission_30_days"}}),
    }
    measures = {"auroc": {"value": 0.7, "low": 0.68, "high": 0.72}}
    lineage = {
        "data": {"zone": "public", "snapshot": "drawn"}, "seeds": {"split": 1}, "leaks": {"findings": 0},
        "evaluation": {"data": "drawn", "measures": measures},
    }  # fmt: skip
    models.register(made.platform, ENGINEER, RegisterAsk(MODEL, files, lineage))
