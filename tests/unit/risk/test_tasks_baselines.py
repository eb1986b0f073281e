"""Published scores beside a model: inputs from facts, worked by hand; what stands in is said, what lacks is named."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from careloom.risk.cohorts_events import as_events
from careloom.risk.models_training import Plan, Rows
from careloom.risk.scores import points, score
from careloom.risk.tasks import BASELINES, ready_tasks, shipped_task
from careloom.risk.tasks_baselines import STANDS_FOR, TITLES, baselines, score_inputs
from careloom.risk.tasks_material import PARTS, Material

AT = datetime(2024, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LOINC = "http://loinc.org"
ICD10, ICD9 = "http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/icd-9-cm"
PLAN = Plan("mine", "an outcome", 30, "logistic", b"a key of a test", 1)


def fact(kind: str, when: datetime, who: str = "a", **more: Any) -> dict[str, Any]:
    key = more.pop("key", f"{kind}/{who}{when:%m%d%H%M}{more.get('code', '')}")
    return {"patient_id": who, "kind": kind, "time": when, "available_time": when, "resource_key": key, **more}


def events(*facts: dict[str, Any]) -> pl.DataFrame:
    return as_events(pl.DataFrame(list(facts), schema_overrides={
        "time": pl.Datetime("us", "UTC"), "available_time": pl.Datetime("us", "UTC"), "value": pl.Float64,
        "detail": pl.String, "system": pl.String, "code": pl.String, "unit": pl.String,
    }))  # fmt: skip


def lab(code: str, when: datetime, value: float, unit: str, who: str = "a") -> dict[str, Any]:
    return fact("observation", when, who, system=LOINC, code=code, value=value, unit=unit)


def index(*who: str, days: float | None = 4.0) -> pl.DataFrame:
    names = who or ("a",)
    rows = pl.DataFrame(
        {
            "candidate": list(range(len(names))), "patient_id": list(names), "index_time": [AT] * len(names),
            "resource_key": [f"Encounter/{one}" for one in names],
        },
        schema_overrides={"index_time": pl.Datetime("us", "UTC")},
    )  # fmt: skip
    return rows if days is None else rows.with_columns(index_value=pl.lit(days))


STAY = (
    fact("admission", AT - 4 * DAY, key="Encounter/a", detail="EL"),
    fact("discharge", AT, key="Encounter/a", value=4.0),
)


def test_the_hospital_score_of_a_stay_is_that_worked_by_hand() -> None:
    """Haemoglobin 11 (1), cancer (2), sodium 133 (1), procedure (1), elective (0), one admission (2), 4 days (0): 7."""
    told = events(
        *STAY, fact("admission", AT - 90 * DAY), lab("718-7", AT - DAY, 11.0, "g/dL"),
        lab("2951-2", AT - 2 * DAY, 133.0, "mmol/L"), fact("procedure", AT - 3 * DAY),
        fact("diagnosis", AT - 300 * DAY, system=ICD10, code="C50.9"),
    )  # fmt: skip
    made = score_inputs("hospital", index(), told)
    assert made["admissions_12_months"].to_list() == [1], "the stay itself is none of those before it"
    assert made["urgent_admission"].to_list() == [False]
    assert points(made, score("hospital"))["total"].to_list() == [7]
    without = score_inputs("hospital", index(days=None), told)
    assert without.equals(made), "the discharge tells the days where the features do not"


def test_what_was_measured_before_the_stay_or_known_after_it_is_no_input() -> None:
    late = fact("procedure", AT - DAY) | {"available_time": AT + DAY}
    told = events(*STAY, lab("718-7", AT - 30 * DAY, 9.0, "g/dL"), lab("2951-2", AT + DAY, 120.0, "mmol/L"), late)
    made = score_inputs("hospital", index(), told)
    assert made.select("hemoglobin_g_per_dl", "sodium_mmol_per_l", "had_procedure").row(0) == (None, None, False)


def test_news2_is_of_the_day_before_and_of_who_was_asked_how_awake_they_are() -> None:
    """Rate 22 (2), SpO2 94 (1), oxygen (2), pressure 105 (1), pulse 95 (1), confused (3), 38.5 (1): 11."""
    vitals = {"9279-1": (22.0, "/min"), "59408-5": (94.0, "%"), "8480-6": (105.0, "mm[Hg]"), "8867-4": (95.0, "/min"),
              "8310-5": (38.5, "Cel")}  # fmt: skip
    told = events(
        *(lab(code, AT - DAY / 4, *value) for code, value in vitals.items()),
        lab("3151-8", AT - DAY / 4, 2.0, "L/min"),
        fact("observation", AT - DAY / 4, code="x", detail="130987000"),
        lab("3150-6", AT - 3 * DAY, 21.0, "%"),
        lab("8867-4", AT - 2 * DAY, 40.0, "/min", "b"),
    )
    made = score_inputs("news2", index("a", "b"), told)
    assert points(made, score("news2"))["total"].to_list() == [11, None]
    assert made["heart_rate_per_min"].to_list() == [95.0, None], "a pulse of two days before is no news"
    assert made["on_oxygen"].to_list() == [True, None]


@pytest.mark.parametrize(
    ("of", "codes", "total"),
    [
        ("charlson", [(ICD10, "I50.9"), (ICD10, "E11.9")], 2.0),  # 2011: heart failure 2, diabetes without harm 0
        ("charlson", [(ICD9, "428.0"), (ICD10, "C78.0"), (ICD10, "C50.9")], 8.0),  # heart failure 2, metastases 6
        ("charlson", [(ICD9, "197.0"), (ICD10, "C50.9")], 6.0),  # the tumour is not counted beside its metastases
        ("elixhauser", [(ICD10, "I50.9"), (ICD10, "C78.0")], 19.0),  # van Walraven: heart failure 7, metastases 12
        ("elixhauser", [(ICD10, "Z00.0")], 0.0),
    ],
)
def test_an_index_of_comorbidity_counts_what_was_coded_before(
    of: str, codes: list[tuple[str, str]], total: float
) -> None:
    known = [fact("diagnosis", AT - 10 * DAY, system=system, code=code) for system, code in codes]
    late = fact("diagnosis", AT + DAY, system=ICD10, code="B20")
    assert score_inputs(of, index("a", "b"), events(*known, late))["points"].to_list() == [total, 0.0]


def material(count: int = 600) -> tuple[Material, pl.DataFrame]:
    """Rows whose outcome goes with heart failure; half of them have a sodium, nobody a haemoglobin."""
    draw = np.random.default_rng(2)
    told, ill = [], draw.random(count) < 0.5
    for number in range(count):
        who = f"p{number}"
        told.append(fact("admission", AT - 4 * DAY, who, key=f"Encounter/{who}"))
        told.append(fact("diagnosis", AT - 9 * DAY, who, system=ICD10, code="I50.9" if ill[number] else "Z00.0"))
        if number % 2:
            told.append(lab("2951-2", AT - DAY, float(draw.normal(136, 4)), "mmol/L", who))
    happened = draw.random(count) < np.where(ill, 0.7, 0.3)
    frame = index(*(f"p{number}" for number in range(count)))
    part = np.arange(count) % 3
    rows = {}
    for place, name in enumerate(PARTS):
        kept = pl.Series(part == place)
        rows[name] = Rows(frame.filter(kept), happened[part == place], frame["patient_id"].filter(kept))
    return Material({}, rows, {}), events(*told)


def test_scores_stand_beside_with_source_stand_ins_and_what_lacks() -> None:
    found, told = material()
    beside = baselines(("lace", "hospital", "news2", "charlson"), found, told, PLAN)
    assert set(beside.risks) == {"LACE", "Charlson"}
    happened = found.rows["test"].happened
    assert beside.risks["Charlson"][happened].mean() > beside.risks["Charlson"][~happened].mean() + 0.05
    about = {one["name"]: one for one in beside.told}
    assert about["hospital"]["reason"] == "nothing tells hemoglobin_g_per_dl"
    assert "consciousness" in about["news2"]["reason"]
    assert "on_oxygen" in about["news2"]["reason"]
    assert "Quan" in about["charlson"]["source"]
    assert about["lace"]["stands_for"]


def test_an_input_that_lacks_for_some_gives_no_points_and_it_is_said_for_how_many() -> None:
    found, told = material()
    some = [lab("718-7", AT - DAY, 10.0 + 4 * (number % 3), "g/dL", f"p{number}") for number in range(0, 600, 2)]
    made = baselines(("hospital",), found, pl.concat([told, events(*some)]), PLAN)
    assert 0.4 < made.told[0]["assumed"]["sodium_mmol_per_l"] < 0.6
    assert made.risks["HOSPITAL"].shape == (200,)


def test_every_task_names_scores_of_its_own_outcome() -> None:
    assert set(TITLES) == set(STANDS_FOR) == set(BASELINES)
    named = {name: shipped_task(name).baselines for name in ready_tasks()}
    assert named["readmission-30d"] == ("lace", "hospital")
    assert named["in-hospital-death"] == ("news2", "charlson", "elixhauser")
