"""A table of simulated adults, one row each: what the notebooks about tables learn from. Nobody in it exists.

``people.parquet`` holds those of 2,400 patients of seed 3, so that no reader waits for them; ``python people.py`` in
this folder makes it again.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from careloom.services.risk_simulated import histories
from careloom.simulate.history import History
from careloom.synth.metadata import Column, Table

KEPT = Path(__file__).with_name("people.parquet")
_LAST = {"39156-5": "bmi", "8480-6": "systolic", "2160-0": "creatinine", "2345-7": "glucose", "4548-4": "hba1c"}
"""LOINC -> column; the last value of each."""
_ILL = {"I10": "hypertension", "E11": "diabetes", "N18": "kidney_disease"}
"""First letters of ICD-10-CM -> column."""
_RACES = {"1002-5": "American Indian", "2028-9": "Asian", "2054-5": "Black", "2106-3": "White"}
_DAY = datetime(2024, 1, 1, tzinfo=UTC)
_NEVER = (datetime(1, 1, 1, tzinfo=UTC), 0.0)
_YES_NO = ("no", "yes")


def _number(name: str, meaning: str, unit: str, within: tuple[float, float], cuts: tuple[float, ...]) -> Column:
    decimals = {"bmi": 1, "creatinine": 2, "hba1c": 1}.get(name)
    kind, always = "integer" if decimals is None else "continuous", name in ("age", "visits")
    low, high = (round(each) for each in within) if decimals is None else within
    return Column(name, kind, "", meaning, unit, decimals, low, high, cuts=cuts, nullable=not always, public=True)


def _category(name: str, meaning: str, values: tuple[str, ...]) -> Column:
    return Column(name, "categorical", meaning=meaning, values=values, nullable=False, public=True)


PEOPLE = Table(
    "people",
    (
        _number("age", "age on 1 January 2024, or at death", "a", (18, 110), (30, 40, 50, 60, 70, 80, 90)),
        _category("sex", "administrative sex", ("female", "male")),
        _category("race", "race, categories of OMB", ("American Indian", "Asian", "Black", "Other", "White")),
        _number("bmi", "body mass index, last", "kg/m2", (10.0, 80.0), (18.5, 25.0, 30.0, 35.0, 40.0)),
        _number("systolic", "systolic blood pressure, last", "mm[Hg]", (50, 260), (100, 120, 130, 140, 160, 180)),
        _number("creatinine", "creatinine, last", "mg/dL", (0.1, 20.0), (0.6, 0.8, 1.0, 1.2, 1.5, 2.0, 4.0)),
        _number("glucose", "glucose, last", "mg/dL", (20, 800), (70, 85, 100, 115, 126, 150, 200, 300)),
        _number("hba1c", "haemoglobin A1c, last", "%", (3.0, 18.0), (5.0, 5.4, 5.7, 6.1, 6.5, 7.0, 8.0, 9.0)),
        _number("visits", "encounters of the last five years", "{count}", (0, 400), (4, 8, 12, 16, 20, 30, 50)),
        *(_category(name, f"{name.replace('_', ' ')} was ever diagnosed", _YES_NO) for name in _ILL.values()),
    ),
)
"""What the columns are. Bounds and values are those of a form, so a private fit may know them."""


def people() -> pl.DataFrame:
    """The adults that are kept beside this file, as `PEOPLE`."""
    return pl.read_parquet(KEPT)


def simulated(count: int, seed: int) -> pl.DataFrame:
    """The adults among so many simulated patients, some 78 of 100. A second makes about 150 patients."""
    return pl.DataFrame(list(_rows(count, seed)), schema={column.name: column.polars_type for column in PEOPLE.columns})


def _rows(count: int, seed: int) -> Iterator[dict[str, object]]:
    for one in histories(1, count, seed):
        end = one.person.death
        until = min(end, _DAY) if end else _DAY
        age = int((until.date() - one.person.birth).days / 365.25)
        if age >= 18:
            recent = [each for each in one.encounters if until - timedelta(days=5 * 365.25) <= each.start <= until]
            yield {"age": age, "sex": one.person.sex, "race": _RACES.get(one.person.race.code, "Other"),
                   "visits": len(recent), **_seen(one, until), **_ill(one, until)}  # fmt: skip


def _seen(one: History, until: datetime) -> dict[str, float | None]:
    last: dict[str, tuple[datetime, float]] = {}
    for each in one.observations:
        for code, value, _ in ((each.codes[0], each.value, each.unit), *each.components):
            name = _LAST.get(code.code)
            if name and isinstance(value, float) and each.time <= until and each.time >= last.get(name, _NEVER)[0]:
                last[name] = (each.time, value)
    whole = {column.name for column in PEOPLE.columns if column.kind == "integer"}
    return {name: round(value) if name in whole else value for name, (_, value) in last.items()} | {
        name: None for name in _LAST.values() if name not in last
    }


def _ill(one: History, until: datetime) -> dict[str, str]:
    codes = [code.code for each in one.conditions if each.recorded <= until for code in each.codes]
    return {name: _YES_NO[any(code.startswith(first) for code in codes)] for first, name in _ILL.items()}


if __name__ == "__main__":
    simulated(2400, seed=3).write_parquet(KEPT, compression="zstd", compression_level=19)
