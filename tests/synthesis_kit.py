"""What tests of synthetic tables share: a table with a code book, its metadata, a policy, and who may what."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from careloom.runtime import Runtime
from careloom.services import privacy_ledger as ledger
from careloom.services.access import ZONES, Principal
from careloom.services.platform import Platform
from careloom.services.privacy_ledger import BudgetAsk
from careloom.services.synthesize import FitAsk
from careloom.services.synthesize_source import SourceAsk
from careloom.settings import Data, Settings
from tests.api.kit import Clock

OFFICER = Principal("petra", frozenset({"privacy-officer"}), ZONES)
SCIENTIST = Principal("sid", frozenset({"data-scientist"}), frozenset({"research", "synthetic"}))
METADATA = """
version = 1
[table.stays]
primary_key = ["stay"]
subject = "patient"
[table.stays.column.stay]
kind = "id"
[table.stays.column.patient]
kind = "id"
[table.stays.column.sex]
kind = "categorical"
values = ["F", "M"]
nullable = false
public = true
meaning = "Sex that the register holds."
[table.stays.column.ward]
kind = "categorical"
values = ["a", "b", "c"]
nullable = false
public = true
[table.stays.column.days]
kind = "integer"
low = 0
high = 30
public = true
"""
LENIENT = """
version = 1
name = "lenient"
meaning = "Of a test."
valid_days = 30
small_cell = 5
verdict = 0.01
is_internal = true
[[rule]]
measure = "epsilon"
at_most = 3.0
[[rule]]
measure = "copies_excess"
at_most = 0.0
[[rule]]
measure = "shape"
at_most = 0.2
"""


def stays(rows: int = 900, seed: int = 0) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    male = draw.random(rows) < 0.4
    return pl.DataFrame(
        {
            "stay": [f"s{each}" for each in range(rows)],
            "patient": [f"p{each // 2}" for each in range(rows)],
            "sex": np.where(male, "M", "F"),
            "ward": np.where(male, "a", draw.choice(["a", "b", "c"], rows)),
            "days": draw.integers(0, 8, rows),  # so few that every combination is among the learnt: copies say nothing
        }
    )


class Place:
    """An installation in a folder with a budget, and a file to learn from."""

    def __init__(self, folder: Path, *, epsilon: float = 5.0, database: str = "") -> None:
        self.folder, self.clock = folder, Clock()
        self.model: dict[str, Any] = {}
        self.file = folder / "stays.csv"
        stays().write_csv(self.file)
        data = Data(directory=folder / "data", database=database)
        self.platform = Platform(Settings(data=data), Runtime(clock=self.clock))
        ledger.set_budget(self.platform, OFFICER, BudgetAsk("research", epsilon, 1e-5))

    def ask(self, **more: Any) -> FitAsk:
        source = more.pop("source", SourceAsk(file=self.file, metadata=METADATA))
        return FitAsk(source, **{"epsilon": 2.0, "target": "sex", "options": {"bins": 8, "steps": 40}, **more})
