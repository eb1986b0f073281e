"""MLflow shows what the registry says: versions with measures and lineage, aliases that follow, and nothing twice."""

from pathlib import Path
from typing import Any

import pytest

from careloom.errors import SetupError
from careloom.pipeline.registry import load
from careloom.services.models_kept import folder_of
from careloom.services.models_mirror import mirror
from careloom.services.models_promote import promote, roll_back
from careloom.settings import Models
from tests.models_kit import ENGINEER, MODEL, SECOND
from tests.unit.services.test_models_traffic import WHY, Place


def test_mlflow_follows_the_registry(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    place = Place(tmp_path)
    place.champion()
    assert mirror(place.platform, ENGINEER) == {"shown": 1, "changed": 1, "uri": ""}
    assert mirror(place.platform, ENGINEER)["changed"] == 0
    promote(place.platform, SECOND, place.next(), WHY)
    assert mirror(place.platform, ENGINEER)["shown"] == 1
    registry: Any = load("mlops.registry")(f"sqlite:///{folder_of(place.platform).absolute() / 'mlflow.db'}")
    told = registry.shown(MODEL)
    assert told["aliases"] == {"champion": "2"}
    assert told["versions"]["1"]["careloom.approved_by"] == "sten"
    roll_back(place.platform, ENGINEER, MODEL, "rehearsed")
    mirror(place.platform, ENGINEER)
    assert registry.shown(MODEL)["aliases"] == {"champion": "1"}
    run = registry._client.search_runs([registry._experiment(MODEL)])[-1]
    assert run.data.metrics["auroc"] > 0.9
    assert run.data.params["data.zone"] == "public"
    content = (folder_of(place.platform) / "mlflow.db").read_bytes()
    assert b"coefficients" not in content
    place.close()


def test_a_tracking_server_that_cannot_be_reached_keeps_nobody_from_rolling_back(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    place = Place(tmp_path)
    kept = Models(
        gates=place.platform.settings.models.gates, tracking_uri="azureml://a.region.api.azureml.ms/without-its-plugin"
    )
    place.platform.settings = place.platform.settings.model_copy(update={"models": kept})
    first = place.champion()
    promote(place.platform, SECOND, place.next(), WHY)
    with pytest.raises(SetupError) as error:
        mirror(place.platform, ENGINEER)
    assert "azureml-mlflow" in str(error.value)
    assert roll_back(place.platform, ENGINEER, MODEL, "now")["now"] == first
    place.close()
