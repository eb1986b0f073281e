"""Trains a generator of a synthetic table by the steps of a pipeline: fitted under the privacy ledger, drawn, judged.

Options: table (of the research zone's lake) or file, metadata (a TOML file, or ``ready``: that of the research zone's
patients that ships), account, engine, epsilon, delta, target,
rows (that are drawn to be judged), seed, options (of the engine).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from careloom.errors import CareloomError, QueryError
from careloom.runtime import packaged
from careloom.services.admission import admit
from careloom.services.models_trainer import Asked, Fitted, require_options
from careloom.services.synthesize import FIT, FitAsk, fit, maker_of, open_state, work, zone_of_account
from careloom.services.synthesize_rows import JudgeAsk, SampleAsk, judge, measures_of, sample
from careloom.services.synthesize_source import SourceAsk, read_source
from careloom.synth import tabular
from careloom.synth.engine import State
from careloom.synth.metadata_check import conform
from careloom.tables.tensors import packed, unpacked

TENSORS, TOLD, WHERE = "model.safetensors", "model.json", "source.json"
READY = "ready"
JUDGED_ROWS, SMOKE_ROWS = 1000, 200
OPTIONS = (
    "table", "file", "metadata", "account", "engine", "epsilon", "delta", "target", "rows", "seed", "options"
)  # fmt: skip
Json = dict[str, Any]


class SyntheticTrainer:
    """See the module. It keeps nothing: what a step needs is in the snapshot, or in the model's files."""

    def snapshot(self, asked: Asked) -> Json:
        """The table at its version, or the file by its keyed digest.

        raises  QueryError where neither is named, or for an option that there is not
        """
        require_options(asked.options, OPTIONS)
        account = str(asked.options.get("account", "research"))
        zone = zone_of_account(account)
        admit(asked.platform, asked.who, "read", zone, operation=FIT)
        source = read_source(asked.platform, asked.who, _source(asked), zone)
        pin = orjson.dumps(source.told, option=orjson.OPT_SORT_KEYS).decode()
        return {"zone": zone, "snapshot": pin, "account": account, "rows": source.frame.height}

    def checks(self, asked: Asked) -> Json:
        """Whether the table has rows to learn at all; whom no generator may see is set aside by the fit itself."""
        rows = int(asked.snapshot["rows"])
        return {"findings": int(rows == 0), "rows": rows}

    def train(self, asked: Asked) -> Fitted:
        """Fits; the ledger reserves before anything is learnt. raises as `careloom.services.synthesize.fit`"""
        told = asked.options
        ask = FitAsk(
            _source(asked), str(asked.snapshot["account"]), str(told.get("engine", "marginals")), told.get("epsilon"),
            float(told.get("delta", 1e-6)), target=str(told.get("target", "")), options=dict(told.get("options", {})),
            seed=int(told.get("seed", 1)), name=asked.model,
        )  # fmt: skip
        made = fit(asked.platform, asked.who, ask)
        state, _ = open_state(asked.platform, work(asked.platform, made["model"], "model"))
        files = {
            TENSORS: packed(state.tensors),
            TOLD: orjson.dumps({"format": 1, "kind": "synthetic", "engine": ask.engine, "state": state.told}),
            WHERE: orjson.dumps({name: made[name] for name in ("model", "epsilon", "model_sha256")}),
        }
        return Fitted(files, {"fit": ask.seed}, training=str(made["training"]))

    def evaluate(self, asked: Asked, files: Mapping[str, bytes], champion: Mapping[str, bytes] | None) -> Json:
        """Rows that are drawn and judged against who was learnt from and who was not; `champion` is not compared."""
        where = orjson.loads(files[WHERE])
        rows = int(asked.options.get("rows", JUDGED_ROWS))
        drawn = sample(asked.platform, asked.who, SampleAsk(where["model"], rows))
        kinds = ("fidelity", "privacy")
        judge(asked.platform, asked.who, JudgeAsk(drawn["sample"], str(asked.options.get("target", "")), kinds=kinds))
        found = measures_of(work(asked.platform, drawn["sample"], "sample"))
        measures = {name: one.as_json() for name, one in found.items()}
        if where["epsilon"] is not None:
            measures["epsilon"] = {"value": where["epsilon"], "low": None, "high": where["epsilon"]}
        return {"data": f"{rows} rows drawn, against members and controls", "measures": measures}

    def smoke(self, asked: Asked, files: Mapping[str, bytes]) -> Json:
        """Draws rows from the registered files alone, and counts those that are none of the table."""
        told = orjson.loads(files[TOLD])
        made = tabular.load(
            State(unpacked(files[TENSORS]), told["state"]), {told["engine"]: maker_of(told["engine"])}
        )  # fmt: skip
        frame = made.sample(SMOKE_ROWS, np.random.default_rng(int(asked.options.get("seed", 1))))
        try:
            wrong = SMOKE_ROWS - conform(made.table, frame).height
        except CareloomError:
            wrong = SMOKE_ROWS
        return {"answers": frame.height, "wrong": wrong}


def _source(asked: Asked) -> SourceAsk:
    options = asked.options
    if bool(options.get("table")) == bool(options.get("file")):
        raise QueryError("a generator learns one table or one file", "Name table or file in [options].")
    metadata = str(options.get("metadata", ""))
    text = asked.platform.read_text(Path(metadata)) if metadata.endswith(".toml") else metadata
    if metadata == READY:
        text = packaged("sample", "patients.toml").decode()
    file = Path(str(options["file"])) if options.get("file") else None
    return SourceAsk(str(options.get("table", "")), file, text)


TRAINER = SyntheticTrainer()
