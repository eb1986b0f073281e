"""The registry in MLflow: each version with its metrics, lineage and aliases, where data scientists look for them.

What is decided stands in the platform's own store, in one step with its audit record; this shows it, in a local SQLite
file or on a tracking server by its URI (one of your own, Databricks, Azure Machine Learning with its plugin). No
artefact goes there.
"""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported: nothing is told to its makers
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # of 7: a job is tried again anyway

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what its makers still have to do for newer libraries
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

from careloom.errors import SetupError

NO_PLACE = "careloom://sealed"
"""In place of where artefacts lie: they lie sealed in the data directory, and no URI leads there."""
_PLUGINS = "mlflow.tracking_store"
"""Entry points by which MLflow finds what reads a scheme."""
_LONGEST = 4_000
Json = dict[str, Any]


def _require_plugin(uri: str) -> None:
    """Returns where MLflow knows the scheme of the URI. raises SetupError for Azure Machine Learning without its plugin

    azureml-mlflow is in no extra: its newest release (1.62.0.post6) takes pytz up to 2025.2, and what is locked here is
    newer. Once a release takes it, it belongs into the extra ``azure``.
    """
    if not uri.startswith("azureml:") or any(one.name == "azureml" for one in entry_points(group=_PLUGINS)):
        return
    raise SetupError(
        "models.tracking_uri: Azure Machine Learning is reached by azureml-mlflow, which is not installed",
        "Name another tracking server; or install azureml-mlflow, which puts an older pytz in place of the locked one.",
    )


def local_uri(folder: Path) -> str:
    """The URI of a registry in a file of its own in a folder."""
    return f"sqlite:///{folder / 'mlflow.db'}"


class MlflowRegistry:
    """One registry that is reached.

    raises  SetupError where the server does not answer, with MLflow's own error code, or its plugin is not installed
    """

    def __init__(self, uri: str) -> None:
        _require_plugin(uri)
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        with _translated():
            self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def add(self, name: str, number: int, lineage: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        """Shows a version: a run with its parameters and metrics, and a version of it; MLflow's number of that."""
        with _translated():
            self._require_model(name)
            if known := self._known(name, number):
                return known
            run = self._client.create_run(self._experiment(name), run_name=f"{name}-{number}", tags=dict(tags))
            for key, value in _params(lineage).items():
                self._client.log_param(run.info.run_id, key, value[:_LONGEST])
            for key, one in lineage["evaluation"]["measures"].items():
                for side in ("value", "low", "high"):
                    if one.get(side) is not None:
                        called = key if side == "value" else f"{key}.{side}"
                        self._client.log_metric(run.info.run_id, called, float(one[side]))
            self._client.set_terminated(run.info.run_id)
            own = {**tags, "careloom.version": str(number)}
            made = self._client.create_model_version(name, f"{NO_PLACE}/{name}/{number}", run.info.run_id, tags=own)
            return str(made.version)

    def tag(self, name: str, version: str, tags: Mapping[str, str]) -> None:
        """Says what became of a version."""
        with _translated():
            for key, value in tags.items():
                self._client.set_model_version_tag(name, version, key, value)

    def alias(self, name: str, aliases: Mapping[str, str]) -> None:
        """Makes a model's aliases these and no others. aliases: alias -> MLflow's number of the version"""
        with _translated():
            now = dict(self._client.get_registered_model(name).aliases)
            for each in set(now) - set(aliases):
                self._client.delete_registered_model_alias(name, each)
            for each, version in aliases.items():
                if str(now.get(each)) != version:
                    self._client.set_registered_model_alias(name, each, version)

    def shown(self, name: str) -> Json:
        """What MLflow shows of a model: ``aliases`` (alias -> number) and ``versions`` (number -> tags)."""
        with _translated():
            model = self._client.get_registered_model(name)
            versions = self._client.search_model_versions(f"name='{name}'")
        return {
            "aliases": {key: str(value) for key, value in model.aliases.items()},
            "versions": {str(one.version): dict(one.tags) for one in versions},
        }

    def _known(self, name: str, number: int) -> str:
        """MLflow's number of a version that is shown already, by a step that was killed after it."""
        for one in self._client.search_model_versions(f"name='{name}'"):
            if one.tags.get("careloom.version") == str(number):
                return str(one.version)
        return ""

    def _require_model(self, name: str) -> None:
        try:
            self._client.get_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            self._client.create_registered_model(name)

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(f"careloom/{name}")
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(f"careloom/{name}", artifact_location=f"{NO_PLACE}/{name}"))


def _params(lineage: Mapping[str, Any]) -> dict[str, str]:
    """A lineage as flat parameters, without what MLflow keeps as metrics."""
    told: dict[str, str] = {}

    def walk(at: str, value: object) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                if (at, key) != ("evaluation", "measures"):
                    walk(f"{at}.{key}" if at else str(key), inner)
        elif value is not None and not isinstance(value, list):
            told[at] = str(value)

    walk("", lineage)
    return told


@contextmanager
def _translated() -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # mlflow 3 asks SQLAlchemy 2.1 for what that deprecates
            yield
    except MlflowException as error:
        raise SetupError(
            f"models: the MLflow registry refuses ({error.error_code})",
            "Check [models] tracking_uri, and that the server runs; careloom models mirror tries again.",
        ) from None
