"""The registry of features says of each what it is made of, from where, and what its null means."""

import re

import polars as pl
import pytest

from careloom.risk.cohorts_events import KINDS, as_events
from careloom.risk.cohorts_fhir import GROUP_VIEWS, VIEWS, VIEWS_OF, fhir_events
from careloom.risk.features import built
from careloom.risk.features_definition import features_from_toml, ready_features, shipped_features
from careloom.risk.features_registry import COLUMNS, registry
from careloom.risk.tasks import ready_tasks, shipped_task
from careloom.terminology.systems import canonical, short_name

TASKS = [shipped_task(name) for name in ready_tasks()]
ROWS = {one["name"]: one for name in ready_features() for one in registry(shipped_features(name), TASKS)}


def test_every_feature_that_ships_has_a_row_without_a_gap() -> None:
    wanted = {one.name for name in ready_features() for one in shipped_features(name).features}
    assert set(ROWS) == wanted
    for one in ROWS.values():
        assert tuple(one) == COLUMNS
        assert all(one[name] for name in ("concept", "meaning", "definition", "source", "window", "null"))
        assert set(one["source"].split(", ")) <= {*VIEWS, "the view of the index event", "annotated notes"}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("sodium_last", {
            "definition": "newest value of observation (loinc 2951-2), at least 90 and at most 190",
            "source": "observation, component", "window": "365 days before the index", "unit": "mmol/L",
            "null": "there is no value in the window that has the unit and lies in the range; "
                    "sodium_last_missing is true",
        }),
        ("has_copd", {
            "definition": "whether there is any of diagnosis (icd10cm J43*, J44*; icd9 491*, 492*, 496*)",
            "source": "condition", "window": "the whole record before the index",
            "null": "never null: nothing found is false",
        }),
        ("age_years", {"source": "patient", "unit": "a", "window": "at the index"}),
        ("creatinine_slope_365d", {"unit": "mg/dL/d"}),
        ("emergency_visits_180d", {"null": "never null: nothing found is 0", "source": "encounter"}),
    ],
)  # fmt: skip
def test_a_feature_is_told_as_its_definition_has_it(name: str, told: dict[str, str]) -> None:
    assert {key: ROWS[name][key] for key in told} == told


def test_a_task_that_leaves_a_feature_out_does_not_stand_beside_it() -> None:
    assert "no-show" in ROWS["has_diabetes"]["tasks"]
    assert "diabetes-type-2-1y" not in ROWS["has_diabetes"]["tasks"]


def test_what_is_said_of_null_is_what_an_empty_record_gives() -> None:
    """Every feature of a task's own set, of somebody of whom nothing but the index is known."""
    events = as_events(pl.DataFrame({"patient_id": ["p"], "kind": ["visit"], "resource_key": ["Encounter/e"]}))
    index = pl.DataFrame(
        {"candidate": [0], "patient_id": ["p"], "index_time": ["2024-01-01T00:00:00Z"], "encounter_key": [None],
         "resource_key": ["Encounter/e"]},
        schema_overrides={"encounter_key": pl.String},
    ).with_columns(pl.col("index_time").str.to_datetime(time_zone="UTC", time_unit="us"))  # fmt: skip
    made = built(shipped_features("general"), index, events, "visit").frame
    for one in registry(shipped_features("general"), TASKS):
        name, value = one["name"], made[one["name"]][0]
        if one["null"].startswith("never null"):
            assert value == (False if one["null"].endswith("false") else 0)
        else:
            assert value is None
        missing = re.search(r"(\w+_missing) is true", one["null"])
        assert (f"{name}_missing" in made.columns) is (missing is not None)
        assert missing is None or made[missing[1]][0] is True


def test_every_kind_of_fact_of_the_views_names_its_views() -> None:
    """A row of each view makes facts of the kinds that are told to come from it."""
    assert {view for views in VIEWS_OF.values() for view in views} == {*VIEWS, *GROUP_VIEWS}
    assert set(KINDS) - set(VIEWS_OF) <= {"note", "other"}
    stay = pl.DataFrame([{
        "key": "Encounter/e", "patient_key": "Patient/p", "status": "finished", "system": "s", "code": "IMP",
        "start": "2024-01-01", "end": "2024-01-03", "priority": None, "disposition": "exp",
    }], schema_overrides={"priority": pl.String})  # fmt: skip
    kinds = set(fhir_events({"encounter": stay})["kind"])
    assert kinds == {"admission", "discharge", "death"}
    assert all("encounter" in VIEWS_OF[kind] for kind in kinds)


def test_a_set_of_ones_own_is_told_too_with_its_value_sets_by_name() -> None:
    own = features_from_toml(
        'name = "own"\ntitle = "t"\n[events.a]\nkind = "observation"\nvalue_set = "http://a.org/v"\n[[features]]\n'
        'name = "a_max"\nconcept = "A"\nmeaning = "m"\naggregation = "max"\nevent = "a"\nsame_encounter = true\n',
        lambda _url: {},
    )
    (one,) = registry(own, TASKS)
    assert one["definition"] == (
        "highest value of observation of the value set http://a.org/v, of the index's encounter only"
    )
    assert one["tasks"] == []


def test_a_short_name_leads_back_to_its_system() -> None:
    for uri in ("http://loinc.org", "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"):
        assert canonical(short_name(uri)) == uri
    assert short_name("http://example.org/systems/own") == "own"
