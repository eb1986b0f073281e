"""A task with a cohort and features of one's own: its version carries both, so it scores and its outcomes are found."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pytest

from careloom.errors import QueryError
from careloom.risk.cohorts_definition import shipped_text
from careloom.risk.definition_texts import Texts, recorded, texts_of
from careloom.risk.models_report import text
from careloom.runtime import Runtime
from careloom.services import score_models
from careloom.services.model_card import make_card
from careloom.services.models import open_version
from careloom.services.monitor import LookAsk
from careloom.services.monitor_jobs import look_now
from careloom.services.score import ScoreAsk, score
from careloom.services.train_risk import TrainAsk, train_risk
from tests.api.kit import Clock, Installation
from tests.models_kit import ENGINEER
from tests.score_kit import patient, set_state, stay
from tests.store_kit import event
from tests.unit.services.test_train_risk import PATIENTS, _of

OUT = datetime(2024, 2, 20, 8, tzinfo=UTC)
OWN_TASK = """
name = "back-in-28-days"
title = "A stay within 28 days"
outcome = "a stay within 28 days"
horizon_days = 28
cohort = "{folder}/own-cohort.toml"
features = "{folder}/own-features.toml"
learner = "logistic"
gates = "clinical-risk"
[directions]
salt_last = -1
"""
OWN_FEATURES = """
name = "own"
title = "Age and sodium"
sources = "of a test"
[events.sodium]
kind = "observation"
codes = { loinc = ["2951-2"] }
[[features]]
name = "age_years"
concept = "Age"
meaning = "Years since birth"
aggregation = "age"
[[features]]
name = "salt_last"
concept = "Sodium"
meaning = "Newest: serum sodium"
aggregation = "last"
event = "sodium"
unit = "mmol/L"
"""


def _within_months(writes: list[Any]) -> list[Any]:
    """A patient without the stay of a year later, so that the last patients in time are followed, too; the stays are of
    one of two hospitals."""
    for stayed in writes[1:3]:
        site = "north" if int(writes[0].id.removeprefix("p")) % 2 else "south"
        stayed.resource["serviceProvider"] = {"reference": f"Organization/{site}"}
        stayed.content = orjson.dumps(stayed.resource, option=orjson.OPT_SORT_KEYS)
    first, second = (datetime.fromisoformat(one.resource["period"]["start"]) for one in writes[1:3])
    return writes if (second - first).days < 60 else [*writes[:2], *writes[3:]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("own")
    cohort = shipped_text("readmission_30_days").replace('"readmission_30_days"', '"back_in_28_days"')
    (folder / "own-cohort.toml").write_text(cohort.replace("horizon_days = 30", "horizon_days = 28"))
    (folder / "own-features.toml").write_text(OWN_FEATURES)
    (folder / "task.toml").write_text(OWN_TASK.format(folder=folder))
    draw = np.random.default_rng(5)
    with Installation(folder, Runtime(clock=Clock(OUT))) as one:
        with one.platform.store("synthetic").transaction(event(zone="synthetic")) as step:
            step.write([write for number in range(PATIENTS + 200) for write in _within_months(_of(number, draw))])
        made = train_risk(one.platform, one.operator, TrainAsk(str(folder / "task.toml"), "synthetic", resamples=20))
        for name in ("own-cohort.toml", "own-features.toml", "task.toml"):
            (folder / name).unlink()
        score_models.forget()
        assert made.version == "back-in-28-days@1"
        set_state(one.platform, made.version, "approved")
        with one.platform.store("identified").transaction(event()) as step:
            back, last = (f"{OUT + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (9, 11))
            step.write([
                *patient("back"), *patient("home", sodium=140.0), stay("backe2", "back", back, last), *patient("young",
                born="2012-05-01"), stay("othere1", "other", "2024-04-01T08:00:00Z"),
            ])  # fmt: skip
        yield one


def test_the_version_carries_its_cohort_and_its_features_and_is_scored_by_them(place: Installation) -> None:
    training = orjson.loads(open_version(place.platform, "back-in-28-days@1")[1]["training.json"])
    assert "back_in_28_days" in training["definitions"]["cohort"]
    found = {
        name: score(place.platform, place.operator, ScoreAsk("back-in-28-days@1", name, as_of=OUT))
        for name in ("back", "home", "young")
    }
    low, high, young = (found[name] for name in ("home", "back", "young"))
    assert (young.state, young.failed) == ("not-eligible", ("adult",))
    assert low.assessment is not None
    assert high.assessment is not None
    assert high.assessment.probability > low.assessment.probability
    assert {one.concept for one in high.assessment.explanation.factors} == {"Age", "Sodium"}


def test_its_outcomes_are_looked_up_after_its_own_horizon(place: Installation) -> None:
    made = [
        score(place.platform, ENGINEER, ScoreAsk("back-in-28-days@1", name, as_of=OUT)) for name in ("back", "home")
    ]
    clock: Any = place.platform.runtime.clock
    clock.now = OUT + timedelta(days=50)
    assert look_now(place.platform, ENGINEER, LookAsk("back-in-28-days@1"))["labelled"] > 0
    with place.platform.store("identified").predictions() as log:
        assert [log.find(one.prediction).outcome for one in made] == [True, False]


def test_its_card_names_the_cohort(place: Installation) -> None:
    card = make_card(place.platform, place.operator, "back-in-28-days@1")
    assert any("back in 28 days" in one.text or "back_in_28_days" in one.text for one in card.answers)


def test_a_value_set_means_what_it_meant_when_the_model_was_trained() -> None:
    told: dict[str, Any] = {}
    expand = recorded(lambda _url: {"http://loinc.org": ("2951-2",)}, told)
    own = OWN_FEATURES.replace("codes = { loinc", "value_set = 'http://a.org/sodium'\ncodes = { snomed")
    assert expand("http://a.org/sodium") == {"http://loinc.org": ("2951-2",)}
    texts = Texts(shipped_text("readmission_30_days"), own, told)
    again = texts_of(orjson.loads(orjson.dumps({"definitions": texts.as_json()})))
    assert again == texts
    assert again is not None
    (sodium,) = again.read()[1].only(("salt_last",)).features
    assert sodium.event is not None
    assert sodium.event.codes["http://loinc.org"] == ("2951-2",)
    assert texts_of({}) is None


def test_its_page_and_card_tell_of_later_patients_other_sites_and_declared_directions(place: Installation) -> None:
    files = open_version(place.platform, "back-in-28-days@1")[1]
    page = orjson.loads(files["evaluation.json"])["report"]
    later, *sites = page["elsewhere"]
    assert (later["kind"], later["reason"]) == ("temporal", "")
    assert later["measures"]["auroc"]["value"] > 0.6
    assert later["auroc_drop"]["low"] < later["auroc_drop"]["value"] < later["auroc_drop"]["high"]
    assert [(one["kind"], one["of"], one["reason"]) for one in sites] == [
        ("leave-site-out", "without north", ""), ("leave-site-out", "without south", ""),
    ]  # fmt: skip
    assert sites[0]["rows"]["patients"] == sites[1]["train"]["patients"]
    assert sites[0]["measures"]["auroc"]["value"] > 0.6
    assert [one["feature"] for one in page["directions"]] == ["salt_last"]
    told = make_card(place.platform, place.operator, "back-in-28-days@1").of("validity_same_source").text
    assert "later than 20" in told
    assert "without north: AUROC" in told
    assert all(word in text(page) for word in ("later than 20", "salt_last: the risk is declared never to rise"))


def test_a_judgement_that_there_is_not_is_refused(place: Installation) -> None:
    with pytest.raises(QueryError):
        train_risk(place.platform, place.operator, TrainAsk("readmission-30d", "synthetic", judge=("bootstrap",)))
