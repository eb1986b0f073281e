"""The judge of privacy: what is copied is seen, what is not is not, and the patient is what is counted."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from careloom.errors import InputError
from careloom.pipeline.registry import load
from careloom.synth.metadata import Column, Table
from careloom.synth.privacy import Asked, PrivacyReport, judge_privacy
from careloom.synth.privacy_anonymity import singling_out
from careloom.synth.privacy_audit import Audited
from careloom.synth.privacy_copies import copies
from careloom.synth.privacy_linking import inference, linkability
from careloom.synth.privacy_membership import Membership, membership, planted
from careloom.synth.privacy_scene import Limits, Scene, scene
from careloom.synth.privacy_scores import Estimate, Told, told
from careloom.synth.privacy_shadow import Shadows, by_shadows
from careloom.synth.privacy_space import near

TABLE = Table(
    "t",
    (
        Column("age", "integer"),
        Column("weight", "continuous"),
        Column("ward", "categorical"),
        Column("code", "categorical"),
        Column("dose", "continuous"),
        Column("ill", "boolean"),
    ),
)
ROWS = 400


def rows(count: int, seed: int) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    age = draw.integers(18, 95, count)
    made = pl.DataFrame(
        {
            "age": age,
            "weight": 60 + age / 5 + draw.normal(0, 12, count),
            "ward": draw.choice(["A", "B", "C", "D"], count, p=[0.4, 0.3, 0.2, 0.1]),
            "code": [f"c{each}" for each in draw.zipf(1.7, count).clip(1, 60)],
            "dose": np.exp(draw.normal(2, 1, count)),
            "ill": age + draw.normal(0, 20, count) > 60,
        }
    )
    return made.with_columns(dose=made["dose"].set(pl.Series(draw.random(count) < 0.2), None))


MEMBERS, CONTROLS, REFERENCE, FRESH = (rows(ROWS, seed) for seed in (1, 2, 3, 4))


def of(release: pl.DataFrame, members: pl.DataFrame = MEMBERS, controls: pl.DataFrame = CONTROLS) -> Scene:
    return scene(TABLE, (members, controls, REFERENCE), release, seed=0, limits=Limits())


@pytest.fixture(scope="module")
def honest() -> PrivacyReport:
    return judge_privacy(TABLE, MEMBERS, CONTROLS, FRESH, seed=0, asked=Asked(reference=REFERENCE))


@pytest.fixture(scope="module")
def leaking() -> PrivacyReport:
    return judge_privacy(TABLE, MEMBERS, CONTROLS, MEMBERS, seed=0, asked=Asked(reference=REFERENCE))


def test_rows_of_nobody_pass_and_every_membership_attack_would_have_seen_copies(honest: PrivacyReport) -> None:
    report = honest
    assert report.reasons() == ()
    for name, attack in report.membership.items():
        assert attack.told.area.has(0.5), name
        assert attack.told.hits.low <= 0.01, name
        assert attack.would_see is not None, name
    assert report.membership["distance"].would_see == 0.03  # twelve patients of 400
    assert report.copies.exact.members.successes == 0
    assert report.copies.nearer.low < 0.5 < report.copies.nearer.high
    assert all(each.risk.beyond.low <= 0 for each in report.anonymity.values() if not each.is_weak)


def test_members_released_as_they_are_are_seen_by_everything(leaking: PrivacyReport) -> None:
    report = leaking
    assert all(attack.seen for attack in report.membership.values())
    assert report.membership["distance"].told.area.low > 0.99
    assert report.anonymity["singling out by several columns"].risk.beyond.low > 0.7
    assert report.anonymity["linkability"].risk.beyond.low > 0.6
    assert report.anonymity["inference of code"].risk.beyond.low > 0.9
    assert report.copies.of_release == (1.0, 0.0)
    assert report.copies.nearer.share == 1
    assert "exact copies: more than of controls" in report.reasons()


def test_the_baseline_of_trees_is_seen() -> None:
    pytest.importorskip("sklearn", reason="the extra ml is not installed: make ml")
    made = load("synth.cart")(TABLE, MEMBERS, 0).sample(ROWS, np.random.default_rng(0))
    found = membership(of(made))
    assert found["distance"].seen
    assert found["relative distance"].seen
    scores = load("synth.attack.boosting")(of(MEMBERS), MEMBERS)
    assert told(scores[:ROWS], scores[ROWS:], np.random.default_rng(0)).area.low > 0.8


def test_a_few_copies_are_seen_at_low_false_alarms_where_the_area_is_blind() -> None:
    set_up = of(FRESH)
    few = membership(set_up.releasing(pl.concat([FRESH, planted(set_up, 0.05)])))["distance"]
    assert few.seen
    assert few.told.area.low < 0.5
    assert few.told.hits.low > 0.02


def test_a_report_is_json_and_says_what_follows(leaking: PrivacyReport) -> None:
    report = leaking
    said = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert said["reasons"] == list(report.reasons())
    assert said["membership"]["distance"]["told"]["area"]["value"] > 0.99
    assert said["looked_at"]["members' patients"] == ROWS
    assert report == judge_privacy(TABLE, MEMBERS, CONTROLS, MEMBERS, seed=0, asked=Asked(reference=REFERENCE))


def test_a_proof_of_more_epsilon_than_is_claimed_is_a_reason(honest: PrivacyReport) -> None:
    more, less = (Audited(lower, 1e-5, 0.95, 400, 4.0) for lower in (1.2, 0.8))
    assert [each.split(":")[0] for each in replace(honest, audit=more, claimed=1.0).reasons()] == ["audit"]
    assert replace(honest, audit=less, claimed=1.0).reasons() == ()


OF_PATIENTS = replace(TABLE, columns=(Column("who", "id"), *TABLE.columns), subject="who")


def stays(count: int, seed: int, first: int) -> pl.DataFrame:
    """Five rows of each patient, who are alike but for the weight."""
    one = rows(count, seed).with_columns(who=pl.Series([f"p{first + at}" for at in range(count)]))
    every = pl.concat([one] * 5)
    return every.with_columns(weight=pl.col("weight") + np.random.default_rng(seed).normal(0, 1, every.height))


def test_patients_are_counted_not_their_rows() -> None:
    members, controls, known = stays(80, 1, 0), stays(80, 2, 100), stays(80, 3, 200)
    set_up = scene(OF_PATIENTS, (members, controls, known), members, seed=0, limits=Limits())
    found = membership(set_up)["distance"]
    assert found.patients == (80, 80)
    assert found.told.area.low > 0.99
    assert singling_out(set_up, set_up.release)["singling out by several columns"].beyond.value > 0.5
    assert linkability(set_up, set_up.release, None).members.trials == 80
    assert (
        copies(set_up, set_up.release, *(set_up.around(each) for each in (members, known))).exact.members.trials == 80
    )


def test_a_patient_in_two_groups_is_refused_and_so_are_too_few_patients() -> None:
    members, known = stays(80, 1, 0), stays(80, 3, 200)
    with pytest.raises(InputError):
        scene(OF_PATIENTS, (members, stays(80, 2, 79), known), members, seed=0, limits=Limits())
    with pytest.raises(InputError):
        scene(OF_PATIENTS, (members, stays(19, 2, 100), known), members, seed=0, limits=Limits())
    with pytest.raises(InputError):
        scene(OF_PATIENTS, (members, stays(80, 2, 100), known), members.clear(), seed=0, limits=Limits())


def test_a_number_that_names_patients_is_nothing_to_compare() -> None:
    numbered = replace(TABLE, columns=(Column("who", "id", dtype="Int64"), *TABLE.columns), subject="who")

    def of_numbers(count: int, seed: int) -> pl.DataFrame:
        return rows(count, seed).with_columns(who=pl.int_range(count) // 2 + 1_000 * seed)

    people = of_numbers(60, 1), of_numbers(60, 2), of_numbers(60, 3)
    set_up = scene(numbered, people, FRESH, seed=0, limits=Limits())
    assert set_up.release.columns == list(TABLE.names)
    assert set_up.members.count == 30


def test_without_a_reference_a_third_of_the_controls_is_what_the_attacker_has() -> None:
    set_up = scene(OF_PATIENTS, (stays(50, 1, 0), stays(80, 2, 100), None), stays(9, 3, 0), seed=0, limits=Limits())
    assert set_up.controls.count == 54
    assert set_up.reference.height == 26 * 5


def test_whole_patients_are_drawn_where_there_are_too_many_rows() -> None:
    few = Limits(targets=203, reference=100, release=100)
    set_up = scene(OF_PATIENTS, (stays(80, 1, 0), stays(80, 2, 100), stays(80, 3, 200)), FRESH, seed=0, limits=few)
    assert set_up.members.count == 40
    assert set(np.bincount(set_up.members.patients)) == {5}
    assert set_up.reference.height == 100
    assert set_up.release.height == ROWS


def test_what_is_inferred_is_what_the_release_tells_beyond_the_population() -> None:
    honest = inference(of(FRESH), FRESH, ("ill", "dose"))
    leaking = inference(of(MEMBERS), MEMBERS, ("ill", "dose"))
    assert honest["ill"].members.low > 0.5  # guessed rightly, of controls as often
    assert honest["ill"].beyond.has(0)
    assert leaking["ill"].beyond.low > 0.9
    assert leaking["dose"].beyond.low > 0.9
    assert leaking["dose"].naive is not None
    assert leaking["dose"].naive.high < 0.3


def test_what_two_holders_have_can_be_named() -> None:
    found = linkability(of(MEMBERS), MEMBERS, (("age", "weight"), ("dose", "code")))
    assert found.beyond.low > 0.6


def test_shadow_models_see_who_was_put_in() -> None:
    def copying(frame: pl.DataFrame, seed: int) -> pl.DataFrame:
        """A generator that learns half of its rows by heart."""
        draw = np.random.default_rng(seed)
        return frame[draw.permutation(frame.height)[: frame.height // 2]]

    set_up = of(copying(MEMBERS, 99))
    found = by_shadows(set_up, Shadows(copying, fits=6, targets=120))
    assert sum(found.patients) == 120
    assert found.seen
    assert found.told.area.low > 0.6
    blind = by_shadows(of(FRESH), Shadows(lambda _, seed: rows(ROWS, 100 + seed), fits=4, targets=60))
    assert not blind.seen
    assert blind.told.area.has(0.5)
    with pytest.raises(InputError):
        by_shadows(set_up, Shadows(copying, fits=3))


def test_the_distance_is_the_slow_one_and_more_rows_come_nearer_only() -> None:
    set_up = of(FRESH)
    one, other = set_up.space.rows(MEMBERS[:60]), set_up.space.rows(FRESH[:90])
    apart = ((one.numbers[:, None].astype(float) - other.numbers[None]) ** 2).sum(2)
    apart += (one.codes[:, :, None] != other.codes[:, None, :]).sum(0)
    slow = np.sort(np.sqrt(apart), axis=1)[:, :2]
    assert near(one, other).distance == pytest.approx(slow, abs=1e-6)
    parts = near(one, other.at(np.arange(50))).with_more(near(one, other.at(np.arange(50, 90))))
    whole = near(one, other)
    assert parts.distance == pytest.approx(whole.distance, abs=1e-9)
    assert parts.density == pytest.approx(whole.density, abs=1e-4)
    assert parts.count == 90


def test_the_same_value_is_at_no_distance_and_missing_is_far() -> None:
    set_up = of(FRESH)
    some = MEMBERS.with_columns(dose=pl.lit(None, pl.Float64))
    apart = near(set_up.space.rows(some[:5]), set_up.space.rows(some[:5])).distance[:, 0]
    assert apart.tolist() == [0.0] * 5
    there = MEMBERS.filter(pl.col("dose").is_not_null())[:5]
    gone = there.with_columns(dose=pl.lit(None, pl.Float64))
    assert near(set_up.space.rows(gone), set_up.space.rows(there)).distance[:, 0].min() >= 1


@pytest.mark.long
def test_a_release_that_tells_nothing_is_let_through() -> None:
    refused = 0
    for seed in range(40):
        four = [rows(ROWS, 1_000 + 4 * seed + at) for at in range(4)]
        report = judge_privacy(TABLE, four[0], four[1], four[2], seed=seed, asked=Asked(reference=four[3]))
        refused += bool(report.reasons())
    assert refused <= 3


def test_measures_of_a_release_are_the_worst_of_each_kind() -> None:
    pytest.importorskip("sklearn", reason="the extra ml is not installed: make ml")
    measures = load("synth.privacy")
    leaking = measures(TABLE, MEMBERS, CONTROLS, MEMBERS, seed=0)
    assert leaking["membership_area"].value > 0.99
    assert leaking["copies_of_patients"].value == 1
    assert leaking["attacks_that_see"].value > 10
    assert leaking["weak_attacks"].value == 0
    assert leaking["same_source"].value == pytest.approx(0.5, abs=0.1)
    assert {"singling_out", "linkability", "inference", "membership_hits"} < set(leaking)


def test_of_many_patients_a_small_leak_is_let_through_and_a_large_one_is_not(honest: PrivacyReport) -> None:
    def reasons(area: Estimate, hits: Estimate) -> list[str]:
        attack = Membership((6_000, 6_000), Told(area, hits, 1e-9), seen=True, would_see=0.0)
        looked_at = {"members' patients": 6_000, "controls' patients": 6_000}
        return list(replace(honest, membership={"distance": attack}, looked_at=looked_at).reasons())

    few, many = Estimate(0.012, 0.010, 0.014), Estimate(0.04, 0.035, 0.045)
    assert reasons(Estimate(0.515, 0.505, 0.525), few) == []
    assert len(reasons(Estimate(0.525, 0.515, 0.535), few)) == 1
    assert len(reasons(Estimate(0.515, 0.505, 0.525), many)) == 1
