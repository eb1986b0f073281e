"""Whole records: what a stream says of a patient, and that whatever is said holds together."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.errors import FormatError, InputError, QueryError
from careloom.fhir.validate import check
from careloom.synth.metadata_check import check as check_table
from careloom.synth.records import Records, daily, metadata, records
from careloom.synth.records_baselines import independent, markov
from careloom.synth.records_bins import Bins, draw, fit_bins
from careloom.synth.records_fhir import bundles, resources
from careloom.synth.records_fhir_read import read
from careloom.synth.records_fidelity import CLINICAL, codes_likeness, judge_records
from careloom.synth.records_grammar import lives, rules
from careloom.synth.records_integrity import broken, learnt_only
from careloom.synth.records_learn import Words, learn
from careloom.synth.records_sample import Draw, Weights, batches, sample
from careloom.synth.records_streams import Clock, encode
from careloom.synth.records_vocabulary import Vocabulary, from_json
from tests.unit.synth.invented_records import ICD, invented

WORDS = Words(least=3, rows_per_bin=8)


@cache
def real() -> Records:
    return invented()


@cache
def known() -> Vocabulary:
    return learn(real(), replace(WORDS, only=only()))


@cache
def only() -> dict[str, str]:
    return learnt_only(real(), least=5)


class Noise:
    """Foretells anything: the worst net there can be."""

    def __init__(self, seed: int, spread: float) -> None:
        self.source, self.spread = np.random.default_rng(seed), spread

    def begin(self, patients: int) -> None: ...

    def step(self, words: np.ndarray, clock: Clock) -> Weights:
        noise = self.source.normal(0, self.spread, (len(words), known().size))
        return (noise - 3.0 * known().is_kind("end", "death")).astype(np.float32)

    def keep(self, rows: np.ndarray) -> None: ...


def told(words: np.ndarray) -> list[tuple[str, str]]:
    return [(known().keys[word][0], known().keys[word][1].rpartition("|")[2]) for word in words]


def test_a_stream_says_who_when_and_what_in_order() -> None:
    streams = encode(known(), real(), 500)
    said = told(streams.words[streams.at(streams.patients.index("p0"))])
    assert [kind for kind, _ in said[:5]] == ["static", "static", "start", "age", "encounter"]
    assert ("conditions", "I10") in said[5:9]
    assert said[-1] == ("end", "")
    assert [kind for kind, _ in said].count("gap") == [kind for kind, _ in said].count("encounter") - 1


def test_a_later_day_of_a_stay_begins_with_a_word_of_its_own() -> None:
    streams = encode(known(), real(), 500)
    kinds = [kind for kind, _ in told(streams.words)]
    stays = real().encounters.filter(pl.col("kind") == "IMP").height
    assert kinds.count("later") == stays
    assert streams.left_out == {"conditions": 0, "observations": 0, "medications": 0, "procedures": 0}


def test_death_ends_a_stream() -> None:
    streams = encode(known(), real(), 500)
    ends = [told(streams.words[streams.at(at)])[-1][0] for at in range(len(streams))]
    assert ends.count("death") == real().patients["death"].count()


def test_a_stream_that_is_cut_ends_with_a_whole_encounter_and_says_no_end() -> None:
    whole, cut = encode(known(), real(), 500), encode(known(), real(), 16)
    for at in range(len(whole)):
        one, other = whole.words[whole.at(at)], cut.words[cut.at(at)]
        assert len(other) <= 16
        assert other.tolist() == one[: len(other)].tolist()
        if len(other) < len(one):
            assert told(one)[len(other)][0] == "gap"


def test_a_code_of_few_patients_has_no_word() -> None:
    few = learn(real(), replace(WORDS, least=25))
    assert ("conditions", f"{ICD}|I10") not in few.entries
    assert encode(few, real(), 500).left_out["conditions"] > 0


def test_a_vocabulary_survives_json() -> None:
    again = from_json(json.loads(json.dumps(known().to_json())))
    assert (again.keys, again.entries, again.hours) == (known().keys, known().entries, known().hours)
    with pytest.raises(FormatError):
        from_json({"version": 1})


def test_codes_lean_on_what_stands_above_them() -> None:
    parts = [set(known().parts[known().first["conditions", f"{ICD}|{code}"]]) for code in ("I10", "J06.9")]
    assert [len(each) for each in parts] == [4, 6], "I10 is a category and a code"
    assert len(parts[0] & parts[1]) == 1, "the kind alone"


def test_no_word_of_a_real_stream_is_forbidden_but_for_later_days() -> None:
    """What a bin stands for is drawn anew: a later day may not fit into a stay, nor a gap into the data."""
    streams, made, source = encode(known(), real(), 500), rules(known()), np.random.default_rng(1)
    for at in range(len(streams)):
        one = lives(made, 1)
        for word in streams.words[streams.at(at)]:
            assert (
                one.allowed()[0, word] or known().keys[word][0] == "later" or known().keys[word][0] in ("gap", "death")
            )
            one.tell(np.array([word], np.int64), source)
        assert one.are_over.all()


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), spread=st.sampled_from([0.0, 1.0, 6.0, 30.0]))
def test_whatever_words_are_drawn_the_records_hold_together_and_are_valid_fhir(seed: int, spread: float) -> None:
    made = sample(known(), Noise(seed, spread), 12, seed, Draw(longest=60))
    assert broken(made, only()) == {}
    assert made.patients.height == 12
    for name, frame in made.tables():
        issues = check_table(metadata(made.statics).table(name), frame)
        assert [issue for issue in issues if issue.refuses] == []
    ids: set[str] = set()
    for bundle in bundles(made):
        assert check(bundle) == []
        for entry in bundle["entry"]:
            resource = entry["resource"]
            for field in ("subject", "encounter"):
                assert field not in resource or resource[field]["reference"] in ids
            ids.add(f"{resource['resourceType']}/{resource['id']}")


def test_fhir_tells_what_the_tables_tell() -> None:
    made = sample(known(), markov(known(), encode(known(), real(), 500)), 40, 3)
    again = read(resources(made))
    for (name, one), (_, other) in zip(made.tables(), again.tables(), strict=True):
        columns = [column for column in one.columns if not column.endswith("_id")]
        by = [column for column in ("start", "code", "stop", "value", "birth") if column in columns]
        left, right = (each.select(columns).sort(by) for each in (one, other))
        assert left.equals(right), name


def test_the_same_seed_gives_the_same_records_and_ids_are_fresh() -> None:
    guess = markov(known(), encode(known(), real(), 500))
    one, other = sample(known(), guess, 20, 3), sample(known(), guess, 20, 3)
    assert all(a.equals(b) for (_, a), (_, b) in zip(one.tables(), other.tables(), strict=True))
    assert not one.patients.equals(sample(known(), guess, 20, 4).patients)
    assert sample(known(), guess, 2, 3, first=7).patients["patient_id"].to_list() == ["synthetic-7", "synthetic-8"]
    parts = list(batches(known(), guess, 258, 3))
    assert [part.patients.height for part in parts] == [256, 2]
    assert sample(known(), guess, 0, 3).encounters.is_empty()


def test_a_static_category_is_met_by_every_patient() -> None:
    guess = markov(known(), encode(known(), real(), 500))
    made = sample(known(), guess, 30, 1, Draw({"sex": "male", "race": "Asian"}))
    assert set(made.patients["sex"]) == {"male"}
    assert set(made.patients["race"]) == {"Asian"}
    with pytest.raises(QueryError):
        sample(known(), guess, 1, 1, Draw({"sex": "?"}))
    with pytest.raises(QueryError):
        sample(known(), guess, 1, 1, Draw({"colour": "red"}))


def test_what_only_women_had_no_man_gets() -> None:
    assert f"conditions|{ICD}|O80" in only()
    made = sample(known(), Noise(1, 1.0), 40, 1, Draw(longest=80))
    assert broken(made, only()) == {}
    assert made.conditions.filter(pl.col("code") == "O80").height > 0


def test_independent_codes_are_as_frequent_as_in_the_data_but_know_nothing_of_each_other() -> None:
    made = sample(known(), independent(known(), encode(known(), real(), 500)), 300, 1)
    share = [
        each.conditions.filter(pl.col("code") == "J06.9").height / each.encounters.height for each in (real(), made)
    ]
    assert share[0] == pytest.approx(share[1], abs=0.12)
    birth = [set(each.conditions.filter(pl.col("code") == "O80")["encounter_id"]) for each in (real(), made)]
    stays = [set(each.encounters.filter(pl.col("kind") == "IMP")["encounter_id"]) for each in (real(), made)]
    assert birth[0] <= stays[0]
    assert not birth[1] <= stays[1]


def test_records_are_like_themselves_and_less_like_others() -> None:
    same, other = judge_records(real(), real()), judge_records(real(), sample(known(), Noise(1, 0.0), 60, 1))
    assert (same.codes.visits, same.clinical.together, same.gaps, same.values, same.broken) == (1, 1, 0, 0, {})
    assert other.clinical.together < 0.5
    assert other.gaps > 0.05
    assert codes_likeness(real(), invented(seed=6), CLINICAL).visits > 0.8


def moved(name: str, **columns: pl.Expr) -> Callable[[Records], Records]:
    return lambda given: replace(given, **{name: getattr(given, name).with_columns(**columns)})


BIRTH = pl.col("birth").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
LONG_AGO, LATER = pl.lit(datetime(1900, 1, 1, tzinfo=UTC)), pl.lit(datetime(2090, 1, 1, tzinfo=UTC))
BREAKS = [
    ("conditions: before birth", moved("conditions", start=LONG_AGO.cast(pl.Datetime("us", "UTC")))),
    ("encounters: after death", moved("patients", death=BIRTH)),
    ("procedures: stops before it starts", moved("procedures", stop=pl.col("start") - timedelta(days=1))),
    ("medications: no such encounter", moved("medications", encounter_id=pl.lit("e"))),
    ("observations: no such patient", moved("observations", patient_id=pl.lit("p"))),
    ("observations: encounter of another patient", moved("observations", patient_id=pl.lit("p1"))),
    ("conditions: outside of its encounter", moved("conditions", start=LATER.cast(pl.Datetime("us", "UTC")))),
    ("encounters: one id twice", moved("encounters", encounter_id=pl.lit("p0-e0"))),
    ("conditions: not with this sex", moved("patients", sex=pl.lit("male"))),
]  # fmt: skip


@pytest.mark.parametrize(("what", "breaks"), BREAKS, ids=[what for what, _ in BREAKS])
def test_what_does_not_hold_together_is_counted(what: str, breaks: Callable[[Records], Records]) -> None:
    assert broken(real(), only()) == {}
    assert broken(breaks(real()), only())[what] > 0


def test_one_observation_of_a_code_a_day_is_kept() -> None:
    twice = replace(real(), observations=pl.concat([real().observations, real().observations.with_columns(
        event_id=pl.col("event_id") + "b", start=pl.col("start") + timedelta(minutes=5))]))  # fmt: skip
    assert daily(twice).observations.sort("event_id").equals(real().observations.sort("event_id"))


def test_records_without_encounters_are_refused() -> None:
    with pytest.raises(InputError):
        learn(records({"patients": real().patients}))


@pytest.mark.parametrize(
    ("values", "most"), [([5.0] * 90 + [1.0, 2.0] * 5, 4), (list(map(float, range(100))), 10), ([3.0], 5)]
)
def test_values_return_to_the_bin_that_they_are_drawn_from(values: list[float], most: int) -> None:
    bins = fit_bins(np.array(values), most)
    source = np.random.default_rng(1)
    for at, knots in enumerate(bins.knots):
        drawn = draw(np.repeat([knots], 50, axis=0), source.random(50))
        assert set(bins.encode(drawn)) == {at}
    assert bins.encode(np.array([np.nan])).tolist() == [0]
    assert replace(bins, blank=True).encode(np.array([np.nan])).tolist() == [len(bins.knots)]
    assert Bins().size == 1
